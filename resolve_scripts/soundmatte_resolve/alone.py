"""One script at a time: a lock that ends with its process, however that ends."""

import os
from typing import Any, Optional

from soundmatte_resolve.refusal import Refusal

_FILE = "lock"


class Alone:
    """Holds the lock of a state's folder while it is entered.

    Raises:
        Refusal: another script holds it.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, _FILE)
        self._file: Optional[Any] = None

    def __enter__(self) -> "Alone":
        self._file = open(self._path, "a+b")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise Refusal(
                "Another of Soundmatte's scripts is still at work.", "Wait for it, or stop it."
            ) from None
        return self

    def __exit__(self, *ended: Any) -> None:
        if self._file is not None:
            self._file.close()


def _lock(file: Any) -> None:
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
