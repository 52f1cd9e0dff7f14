"""How a command speaks: results on standard output, everything else on standard error.

A person at a terminal sees bars, a pipe gets plain lines, a program gets JSON lines; an error is a
sentence and the way out, never a traceback. This module must not know what the commands do.
"""

from __future__ import annotations

import io
import json
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

from stemmux.errors import Cancelled

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

#: Plain progress lines come no closer together than this (s).
_PLAIN_EVERY = 2.0
#: Exit status of a command that was asked to end.
CANCELLED = 130


class ProgressStyle(StrEnum):
    """How progress is shown: bars on a terminal, lines in a pipe, JSON lines, or not at all."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


class Console:
    """The voice of one command."""

    def __init__(self, style: ProgressStyle = ProgressStyle.AUTO, *, verbose: bool = False) -> None:
        if style is ProgressStyle.AUTO:
            style = ProgressStyle.BAR if sys.stderr.isatty() else ProgressStyle.PLAIN
        self.style = style
        level = logging.DEBUG if verbose else logging.WARNING
        logging.basicConfig(stream=sys.stderr, level=level, format="%(name)s: %(message)s")

    def note(self, text: str) -> None:
        """Tell the person something about the work."""
        if self.style is ProgressStyle.JSON:
            self._line(event="note", text=text)
        elif self.style is not ProgressStyle.NONE:
            print(text, file=sys.stderr)  # noqa: T201

    def _line(self, **values: object) -> None:
        print(json_line(values, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """Show the progress of one stage; gives the callback that is told its share, 0 to 1."""
        if self.style is ProgressStyle.BAR:
            with self._bar(name) as progress:
                yield progress
        else:
            yield self._lines(name)

    def _lines(self, name: str) -> Progress:
        said = -_PLAIN_EVERY
        last = -1.0

        def tell(share: float) -> None:
            nonlocal said, last
            now = time.monotonic()
            if share == last or (now - said < _PLAIN_EVERY and share < 1):
                return
            said, last = now, share
            if self.style is ProgressStyle.JSON:
                self._line(event="progress", stage=name, fraction=round(share, 4))
            elif self.style is ProgressStyle.PLAIN:
                print(f"{name}: {share:.0%}", file=sys.stderr, flush=True)  # noqa: T201

        return tell

    @contextmanager
    def _bar(self, name: str) -> Iterator[Progress]:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description:>12}"), BarColumn(), TaskProgressColumn())
        with Progress(*columns, Remaining(), console=Terminal(stderr=True)) as bars:
            task = bars.add_task(name, total=1.0)
            yield lambda share: bars.update(task, completed=share)


def print_json(result: Any) -> None:
    """The result of a command, for programs: one JSON object on standard output."""
    print(json_line(result, sys.stdout))  # noqa: T201


def json_line(value: Any, stream: TextIO) -> str:
    """A value as JSON that the stream can take, whatever names are in it."""
    unicode = (stream.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=not unicode, default=_plain)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a file name that is no text
        text = json.dumps(value, default=_plain)
    return text


def _plain(value: object) -> object:
    from fractions import Fraction

    return float(value) if isinstance(value, Fraction) else str(value)


def answer(command: Callable[[], object], name: str, *, as_json: bool) -> int:
    """Run a whole command; the exit status.

    Errors that were meant for a person become a sentence and a hint. Ctrl+C and a polite request
    to end (SIGTERM) let everything clear up behind itself first.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal or the pipe has no signs for is no reason to end.
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        command()
    except (KeyboardInterrupt, Cancelled):
        return _cancelled(name)
    except SystemExit as end:
        # typer makes an exit status of an interrupt by itself.
        if end.code != CANCELLED:
            raise
        return _cancelled(name)
    except BrokenPipeError:
        # The reader of our output has gone: there is nobody left to tell.
        sys.stderr.close()
        return 1
    except Exception as error:
        hint = getattr(error, "hint", None)
        if hint is None:
            raise
        say_error(name, error, as_json=as_json)
        return int(getattr(error, "exit_code", 1))
    return 0


def _cancelled(name: str) -> int:
    print(f"{name}: cancelled; nothing half-made was left.", file=sys.stderr)  # noqa: T201
    return CANCELLED


def say_error(name: str, error: Exception, *, as_json: bool) -> None:
    """An error as a sentence and a way out; for programs also as JSON on standard output."""
    hint = getattr(error, "hint", "")
    print(f"{name}: {error}" + (f"\n  {hint}" if hint else ""), file=sys.stderr)  # noqa: T201
    if as_json:
        print_json({"error": {"kind": type(error).__name__, "message": str(error), "hint": hint}})


def _interrupt(number: int, frame: FrameType | None) -> None:
    # A second one would cut short what clears up after the first.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt
