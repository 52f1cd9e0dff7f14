"""What can go wrong with media, one class per situation.

Every error says in one sentence what is the matter, and in `hint` what the person can do.
It must not know which command or program the error will be shown in.
"""

from __future__ import annotations


class StemmuxError(Exception):
    """The root of every error that stemmux raises on purpose.

    `exit_code` is the status that a command ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MediaError(StemmuxError):
    """The file cannot be used as what it was given as."""


class UnreadableMedia(MediaError):
    """Not a media file that is accepted here, damaged beyond reading, or not there."""


class NoAudio(MediaError):
    """The file, or the range of it, holds no sound."""


class NoPicture(MediaError):
    """A picture was needed and the file has none."""


class TimeError(StemmuxError):
    """A time that cannot be read, or that lies outside the clip."""

    exit_code = 2


class ContainerRefused(StemmuxError):
    """The container cannot carry what it was asked to carry."""


class NotAppendable(StemmuxError):
    """Nothing can be added at the end of this file as it lies there."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "A remux may still do it.")


class DoubtfulStems(StemmuxError):
    """The stems are empty or implausible, and were not written unasked."""

    exit_code = 3


class VerificationFailed(StemmuxError):
    """What was written is not what was meant; it has been removed again."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint or "Is the clip damaged? If not, please report this.")


class OutputExists(StemmuxError):
    """The file to be written is there already; nothing is overwritten unasked."""


class OutputRefused(StemmuxError):
    """The place to write to is missing, read-only or full."""


class FfmpegMissing(StemmuxError):
    """No ffmpeg that can be run."""


class FfmpegFailed(StemmuxError):
    """ffmpeg ended with an error; the last lines it printed are in the message."""


class TimeLimitReached(StemmuxError):
    """A program was ended because it took longer than it may."""


class Cancelled(StemmuxError):
    """The person asked to stop; what was begun has been cleared away."""
