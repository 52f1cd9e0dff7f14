"""The crew that works on the clips of a batch: some threads, and lanes to keep them apart.

A clip that fails is put down, and the next one begun. What would fail for every clip alike, such
as a key that the service does not take, is tried once. This module must not know where the clips
come from, nor how they are shown.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from soundmatte.errors import SoundmatteError
from soundmatte.jobs import run
from soundmatte.jobs.item import Item
from soundmatte.jobs.lanes import Lanes
from soundmatte.separation.errors import BadKey, NoCredit, NoKey, NotAllowed
from stemmux.errors import Cancelled, StemmuxError

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

#: Clips that may wait for the service at once, where nobody says.
NETWORK = 4
#: What it is in vain to try with another clip.
_FOR_ALL = (NoKey, BadKey, NoCredit, NotAllowed)
#: Seconds between two looks of the thread that waits for the others.
_TICK = 0.2

_log = logging.getLogger(__name__)


def processors() -> int:
    """Clips that may use the processors at once, where nobody says."""
    # More threads than that hinder one another more than they help.
    return max(1, min(4, os.cpu_count() or 1))


class Crew:
    """Works on items until they are over; leaving the context waits for that.

    If the context is left by an error, what is under way is cancelled, at the service too, and
    cleared up; it can be gone on with.
    """

    def __init__(self, lanes: Lanes, threads: int, changed: Callable[[Item], object]) -> None:
        """Nobody works before the context is entered.

        Args:
            threads: items that may be under way at once.
            changed: told of every change of an item, on the thread that works on it.
        """
        self._lanes, self._changed = lanes, changed
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._hopeless: dict[int, Exception] = {}
        self._ended = [threading.Event() for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._work, name=f"crew-{number}", args=(ended,))
            for number, ended in enumerate(self._ended)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def give(self, item: Item) -> None:
        """One more item to work on; it goes behind those that were given before."""
        self._queue.put(item)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stop.set()
        for _ in self._threads:
            self._queue.put(None)
        try:
            self._join()
        except BaseException:
            self._stop.set()
            self._join()
            raise

    def _join(self) -> None:
        # Before Python 3.13 a thread whose `join` is interrupted passes for one that has ended.
        for ended in self._ended:
            # With a limit, or no signal would be heard meanwhile on some systems.
            while not ended.wait(_TICK):
                pass

    def _work(self, ended: threading.Event) -> None:
        try:
            self._take_all()
        finally:
            ended.set()

    def _take_all(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._stop.is_set():
                continue  # it was not begun, and waits for the next run
            if (why := self._hopeless.get(id(item.engine))) is not None:
                item.end_by(why)
            else:
                self._separate(item)
            item.work = None  # a watch may see many
            self._changed(item)

    def _separate(self, item: Item) -> None:
        item.began = time.monotonic()
        item.state = "running"
        self._changed(item)
        made = item.order
        try:
            item.separation = run.separate(
                made.selection,
                item.engine,
                made.output,
                _Ear(item, self),
                overwrite=made.overwrite,
                accept_doubtful=made.accept_doubtful,
                lanes=self._lanes,
            )
            item.end("done")
        except (SoundmatteError, StemmuxError) as error:
            if isinstance(error, _FOR_ALL):
                self._hopeless[id(item.engine)] = error
            item.end_by(error)
        except Exception as error:
            # A fault of the program's own must not end the others.
            _log.exception("%s", item.name)
            fault = SoundmatteError(
                f"{type(error).__name__}: {error}", hint="This is a fault; please report it."
            )
            item.end_by(fault)

    def tell(self, item: Item) -> None:
        """Something is new about an item that is under way.

        Raises:
            Cancelled: it is to be ended.
        """
        self._changed(item)
        if self._stop.is_set():
            raise Cancelled("The batch was cancelled.")


class _Ear:
    """Listens to one separation; see `run.Listener`."""

    def __init__(self, item: Item, crew: Crew) -> None:
        self._item, self._crew = item, crew

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        def tell(share: float) -> None:
            self._item.at(name, share)
            self._crew.tell(self._item)

        tell(0.0)
        yield tell

    def note(self, text: str) -> None:
        # What the plan had to say is known, and would hide what is new.
        if text not in self._item.notes:
            self._item.note = text
            self._item.notes.append(text)
        self._crew.tell(self._item)
