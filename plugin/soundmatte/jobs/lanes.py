"""Lanes: how many jobs may use the processors, and how many the network, at the same time.

A job's thread takes a place in a lane for as long as it has such work to do, and waits its turn
otherwise: whoever came first goes first. This module must not know what is done there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two looks at whether somebody who waits still wants to.
_TICK = 0.2


def _patient() -> None:
    """Whoever waits has nothing to say."""


class Lane:
    """Some places, taken in the order in which they were asked for.

    Whoever has one may ask again, and has it already.
    """

    def __init__(self, places: int) -> None:
        """`places`: how many threads may be in the lane at once, from 1."""
        if places < 1:
            raise ValueError("a lane without a place is never left")
        self._free = places
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def place(self, tick: Callable[[], object] = _patient) -> Iterator[None]:
        """A place in the lane, given back when the context ends, however it ends.

        Args:
            tick: called a few times a second during the wait; raises to give it up.
        """
        if getattr(self._mine, "place", False):
            yield
            return
        self._enter(tick)
        self._mine.place = True
        try:
            yield
        finally:
            self._mine.place = False
            self._leave()

    def _enter(self, tick: Callable[[], object]) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            while not turn.wait(_TICK):
                tick()
        except BaseException:
            with self._lock:
                given = turn.is_set()
                if not given:
                    self._waiting.remove(turn)
            if given:
                self._leave()
            raise

    def _leave(self) -> None:
        with self._lock:
            # The place goes from hand to hand, so that nobody who comes just now is quicker.
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


class Lanes:
    """A lane for what computes, and one for what a service works on.

    Whoever computes may ask for a place on the network, never the other way round: the two would
    wait for each other.

    Attributes:
        threads: jobs that have to be under way to keep every place taken: to each that a service
            works on belongs one that is cut and sent, and comes in its place at once.
    """

    def __init__(self, processors: int, network: int) -> None:
        """How many jobs may be in each lane at once, from 1."""
        self._processors, self._network = Lane(processors), Lane(network)
        self.threads = processors + 2 * network

    @contextmanager
    def processor(self, tick: Callable[[], object] = _patient) -> Iterator[None]:
        """A place at a processor; see `Lane.place`."""
        with self._processors.place(tick):
            yield

    @contextmanager
    def network(self, tick: Callable[[], object] = _patient) -> Iterator[None]:
        """A place on the network; see `Lane.place`."""
        with self._network.place(tick):
            yield
