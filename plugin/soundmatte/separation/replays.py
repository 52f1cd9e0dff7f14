"""Which requests were accepted already: a memory of digests, bounded in time and number.

This module must not know what a request is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict


class Replays:
    """Digests that were seen, each for a while. Safe to use from several threads."""

    def __init__(self, most: int, keep: float) -> None:
        """Nothing was seen yet.

        Args:
            most: how many are remembered; beyond it the oldest go.
            keep: how long each is remembered (s).
        """
        self._most, self._keep = most, keep
        self._lock = threading.Lock()
        #: Until when each is remembered (s), oldest first.
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered, or were until lately."""
        return len(self._until)

    def add(self, digest: bytes, now: float) -> bool:
        """Whether it is new at this time (s); if so it is remembered."""
        with self._lock:
            while self._until and next(iter(self._until.values())) < now:
                self._until.popitem(last=False)
            if digest in self._until:
                return False
            if len(self._until) >= self._most:
                self._until.popitem(last=False)
            self._until[digest] = now + self._keep
            return True

    def drop(self, digest: bytes) -> None:
        """Forget it, if it is there."""
        with self._lock:
            self._until.pop(digest, None)
