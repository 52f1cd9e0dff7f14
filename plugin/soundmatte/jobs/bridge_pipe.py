"""The two ends of the bridge: lines come in, events go out, and nothing else uses either.

Whatever prints in this process, in Python or in C, prints to standard error from then on, and
whatever would read standard input finds it empty; programs that are started get neither end. This
module must not know what the lines mean.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

#: Bytes of a line; the longest selection with a hundred spans has some thousands.
LONGEST = 1 << 20
_BLOCK = 1 << 16


def take() -> tuple[int, int]:
    """The ends for lines and for events, which nothing else in this process can reach any more.

    Returns:
        Two file numbers that no child inherits.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    lines, events = os.dup(0), os.dup(1)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return lines, events


def lines(source: int) -> Iterator[bytes]:
    """Every line without its end; of one that is too long, one byte more than `LONGEST`."""
    held = bytearray()
    while block := _block(source):
        for number, part in enumerate(block.split(b"\n")):
            if number:
                yield bytes(held)
                held.clear()
            held += part[: LONGEST + 1 - len(held)]
    # What stands behind the last line end was never said to its end.


def _block(source: int) -> bytes:
    try:
        return os.read(source, _BLOCK)
    except OSError:  # the other side has gone
        return b""


class Events:
    """Writes events on a thread of its own, so that nobody who tells one ever waits."""

    def __init__(self, sink: int, gone: Callable[[], None]) -> None:
        """`gone` is called when nobody reads any more."""
        self._sink, self._gone = sink, gone
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def tell(self, event: Mapping[str, Any]) -> None:
        """Write an event; one line of plain ASCII, so that a name that is no text survives."""
        line = json.dumps(event, allow_nan=False)
        self._lines.put(line.encode("ascii") + b"\n")

    def end(self, limit: float) -> None:
        """Wait until all is written, `limit` seconds at most."""
        self._lines.put(None)
        self._thread.join(limit)

    def _write(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                while line:
                    line = line[os.write(self._sink, line) :]
        except OSError:
            self._gone()
