"""The bridge: one process that an editor drives by lines, and that ends within five seconds.

Requests run on threads of their own: separations several at a time, which share the processor and
wait for the service side by side; previews one at a time; and what is answered at once is answered
at once, whatever else runs. All that is decided is decided on the main thread, which takes one
message after the other: a line, the end of the lines, a signal, the end of a request. This module
must not know what a request does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from soundmatte import __version__
from soundmatte.jobs import bridge_pipe
from soundmatte.jobs.bridge_events import Stopped, Teller, done, failed
from stemmux.console import CANCELLED
from stemmux.errors import Cancelled

if TYPE_CHECKING:
    from soundmatte.jobs.bridge_documents import Request

#: Of the documents. The greeting must not wait until they are loaded.
VERSION: Final = 1
REQUESTS: Final = ("describe", "estimate", "preview", "separate", "jobs", "placement")
#: Separations that are under way at the same time, and those of them that compute.
AT_ONCE: Final = 4
_COMPUTING: Final = 1
#: How many requests of a kind run at the same time; all other kinds share one place.
_PLACES: Final = {"separate": AT_ONCE, "preview": 1}
_MOST_WAITING: Final = 1000

#: Seconds after which work that was cancelled and does not notice is told so by force, if the
#: process is to end (the service must hear of it before); after which it is left to itself; and
#: that the last events have.
_BY_FORCE, _GIVEN_UP, _LAST_WORDS = 3.0, 4.0, 0.5
#: How often those are looked for; and signals that another thread took, which does not wake the
#: main one: a thread that starts a program takes those that come just then.
_TICK, _LOOK = 0.1, 0.5


class _End:
    """Nobody will say anything more."""


@dataclass(eq=False)
class _Running:
    """A request that was taken."""

    request: Request
    cancelled: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0
    thread: threading.Thread | None = None
    forced: bool = False

    @property
    def place(self) -> str:
        return self.request.request if self.request.request in _PLACES else ""


@dataclass(frozen=True)
class _Ended:
    """A request has come to its end."""

    running: _Running
    event: dict[str, Any]


_Inbox = SimpleQueue["bytes | _Ended | type[_End]"]


def serve() -> int:
    """Serve an editor over standard input and output until it ends, or a signal comes.

    Returns:
        The exit status: 0, or that of a cancelled command where something was under way.
    """
    source, sink = bridge_pipe.take()
    inbox: _Inbox = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ending(inbox))
    events = bridge_pipe.Events(sink, lambda: inbox.put(_End))
    hello = {"event": "hello", "version": VERSION, "program": __version__, "pid": os.getpid()}
    events.tell({**hello, "requests": REQUESTS, "at_once": AT_ONCE})
    threading.Thread(target=_listen, args=(source, inbox), daemon=True).start()
    bridge = Bridge(inbox, events.tell)
    status = bridge.run()
    events.end(_LAST_WORDS)
    if bridge.left_alone:
        # What does not notice that it should end would keep the interpreter from ending.
        sys.stderr.flush()
        os._exit(status)
    return status


def _ending(inbox: _Inbox) -> Callable[[int, FrameType | None], None]:
    # Of all queues, this kind may be written to wherever a signal comes.
    return lambda number, frame: inbox.put(_End)


def _listen(source: int, inbox: _Inbox) -> None:
    for line in bridge_pipe.lines(source):
        inbox.put(line)
    inbox.put(_End)


class Bridge:
    """Takes lines, runs requests, tells events."""

    def __init__(self, inbox: _Inbox, tell: Callable[[dict[str, Any]], None]) -> None:
        """`inbox`: lines, and the end; `tell`: takes events, without ever waiting."""
        from soundmatte.jobs.lanes import Lanes

        self._inbox, self._tell = inbox, tell
        self._lanes = Lanes(processors=_COMPUTING, network=AT_ONCE)
        self._waiting: list[_Running] = []
        self._running: list[_Running] = []
        self._ending = self._interrupted = False
        self._given_up: list[_Running] = []

    @property
    def left_alone(self) -> bool:
        """Whether there is work that did not notice that it should end."""
        return any(one.thread is not None and one.thread.is_alive() for one in self._given_up)

    def run(self) -> int:
        """Go on until the end; the exit status."""
        from soundmatte.jobs import bridge_lines  # noqa: F401  before it is waited for

        while not self._ending or self._running:
            hurried = any(one.since for one in self._running)
            try:
                message = self._inbox.get(timeout=_TICK if hurried else _LOOK)
            except Empty:
                self._chase()
                continue
            if isinstance(message, bytes):
                self._hear(message)
            elif isinstance(message, _Ended):
                self._close(message.running, message.event)
            else:
                self._end()
            self._chase()
            self._begin()
        return CANCELLED if self._interrupted else 0

    def _hear(self, line: bytes) -> None:
        """Take a line. Whatever is wrong with it is told, and the next one is taken."""
        from soundmatte.jobs import bridge_lines

        if not line.strip():
            return
        said: Any = None
        try:
            said = bridge_lines.value(line)
            self._take(said)
        except Exception as error:
            name = said.get("id") if isinstance(said, dict) else None
            # An id that is in use would seem to be the end of another request.
            free = isinstance(name, str) and self._find(name) is None
            self._tell(failed(error, name if free else None))

    def _take(self, said: Any) -> None:
        from soundmatte.jobs.bridge_documents import Cancel
        from soundmatte.jobs.bridge_lines import RequestRefused, understood

        request = understood(said)
        known = self._find(request.id)
        if isinstance(request, Cancel):
            # One that is not known has just ended.
            if known is not None:
                self._cancel(known)
            return
        if known is not None:
            raise RequestRefused(
                f"The id {request.id!r} is in use.", hint="Give every request an id of its own."
            )
        if len(self._waiting) >= _MOST_WAITING:
            raise RequestRefused(
                f"{_MOST_WAITING} requests are waiting already.", hint="Wait until some are done."
            )
        if not self._ending:
            self._waiting.append(_Running(request))

    def _find(self, name: str) -> _Running | None:
        every = (*self._waiting, *self._running)
        return next((one for one in every if one.request.id == name), None)

    def _begin(self) -> None:
        """Give free places to those who wait, in order."""
        for one in list(self._waiting):
            taken = sum(other.place == one.place for other in self._running)
            if taken < _PLACES.get(one.place, 1):
                self._waiting.remove(one)
                self._running.append(one)
                one.thread = threading.Thread(target=self._work, args=(one,), daemon=True)
                one.thread.start()

    def _work(self, one: _Running) -> None:
        """Do what is asked; on a thread of its own."""
        from soundmatte.jobs.bridge_requests import answer

        name = one.request.id
        try:
            teller = Teller(name, one.cancelled, self._tell)
            event = done(answer(one.request, teller, self._lanes), name)
        except BaseException as error:
            stopped = isinstance(error, Cancelled) and one.cancelled.is_set()
            event = failed(Stopped() if stopped else error, name)
        self._inbox.put(_Ended(one, event))

    def _cancel(self, one: _Running) -> None:
        if one in self._waiting:
            self._waiting.remove(one)
            self._tell(failed(Stopped(), one.request.id))
        elif not one.since:
            one.since = time.monotonic()
            one.cancelled.set()

    def _end(self) -> None:
        self._ending = True
        for one in (*self._waiting, *self._running):
            self._interrupted = True
            self._cancel(one)

    def _chase(self) -> None:
        """See to it that what was cancelled ends in time."""
        now = time.monotonic()
        for one in [one for one in self._running if one.since]:
            if now - one.since > _GIVEN_UP:
                self._given_up.append(one)
                self._close(one, failed(Stopped(), one.request.id))
            elif self._ending and now - one.since > _BY_FORCE and not one.forced:
                one.forced = True
                _raise_in(one.thread, Stopped)

    def _close(self, one: _Running, event: dict[str, Any]) -> None:
        if one in self._running:
            self._running.remove(one)
            self._tell(event)


def _raise_in(thread: threading.Thread | None, error: type[BaseException]) -> None:
    """Let a thread of ours see an exception wherever it is, when it next runs Python."""
    import ctypes

    if thread is not None and thread.ident is not None:
        with suppress(AttributeError):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(error)
            )
