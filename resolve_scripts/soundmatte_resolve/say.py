"""What the person is told: lines on Resolve's console, and in a log file."""

import os
import sys
import time
from typing import Any, Set

_FILE, _BEFORE = "soundmatte.log", "soundmatte.before.log"
#: Seconds between two lines of progress.
_SELDOM = 1.0
#: Bytes of a log that is begun anew.
_LONG = 1000000


class Teller:
    """Tells lines; nothing that goes wrong with that stops anything.

    Attributes:
        path: of the log.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, _FILE)
        self._stage = ("", -1)
        self._last = 0.0
        self._told: Set[str] = set()
        try:
            if os.path.getsize(self.path) > _LONG:
                os.replace(self.path, os.path.join(folder, _BEFORE))
        except OSError:
            pass

    def say(self, text: Any) -> None:
        """A line for the person, and the log."""
        self.note(text)
        _written(sys.stdout, f"Soundmatte: {text}\n")

    def remark(self, text: str) -> None:
        """A sentence that may come more than once, and is told once."""
        if text not in self._told:
            self._told.add(text)
            self.say(text)

    def note(self, text: Any) -> None:
        """A line for the log alone."""
        try:
            with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("{} {}\n".format(time.strftime("%Y-%m-%d %H:%M:%S"), text))
        except OSError:
            pass

    def progress(self, stage: str, share: float) -> None:
        """How far a stage is: a line for every tenth of it, and at most one in a second."""
        tenth = int(max(0.0, min(1.0, share)) * 10)
        now = time.monotonic()
        if (stage, tenth) != self._stage and now - self._last >= _SELDOM:
            self._stage, self._last = (stage, tenth), now
            self.say(f"{stage}: {tenth * 10} %")


def _written(stream: Any, text: str) -> None:
    # Consoles of other languages cannot show everything, and a menu script may have none.
    try:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (AttributeError, LookupError, OSError, ValueError):
        pass
