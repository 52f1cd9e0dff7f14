"""Why something is not done, and the way out, as a person reads it."""


class Refusal(Exception):
    """`str()` is one sentence on why.

    Attributes:
        hint: one sentence on what to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EngineGone(Refusal):
    """The engine has ended; nothing more can be asked of it."""


class Stopped(Refusal):
    """The person stopped it."""

    def __init__(self) -> None:
        super().__init__(
            "Stopped.", "Run the script again to go on; nothing that was paid for is paid again."
        )
