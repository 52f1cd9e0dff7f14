"""A folder that is watched: the clips that appear in it, once they have come to rest.

It is looked at again and again, since network shares tell nobody what changes in them. What was
done before is known from the journal and the output folder, so nothing is kept here, and nothing in
the folder is moved. This module must not know how clips are worked on.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, MutableSequence
from decimal import Decimal
from pathlib import Path

from soundmatte.errors import UsageError
from soundmatte.jobs.batch import Checked, item_of
from soundmatte.jobs.found import Clip, is_clip, matte_for
from soundmatte.jobs.item import Item, totals
from soundmatte.jobs.manifest import ForAll, by_name
from soundmatte.separation.errors import CostRefused

#: Size in bytes and time of the last change in ns.
_Stamp = tuple[int, int]
#: Seconds after which a clip is tried again that failed without its fault, and without a cost.
_AGAIN_AFTER = 300.0


class Resting:
    """The clips of a folder that have not changed for some time, each given once.

    A clip with a matte rests when both do.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settle: float,
        matte: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look at nothing yet.

        Args:
            settle: seconds without a change after which a file is taken to be whole.
            matte: as in `found.matte_for`; empty is none.
        """
        self._folder, self._settle, self._matte, self._clock = folder, settle, matte, clock
        #: For each file its stamp, and since when it has had that.
        self._seen: dict[Path, tuple[_Stamp, float]] = {}
        #: The stamps with which clips were given.
        self._given: dict[Path, _Stamp] = {}

    def look(self) -> list[Path]:
        """The clips that have come to rest since the last look."""
        there = {path: stamp for path in self._files() if (stamp := _stamp(path)) is not None}
        now = self._clock()
        for path in [path for path in self._seen if path not in there]:
            # It has vanished; should it come back, it is new.
            del self._seen[path]
            self._given.pop(path, None)
        for path, stamp in there.items():
            if path not in self._seen or self._seen[path][0] != stamp:
                self._seen[path] = (stamp, now)
        mattes = {matte_for(path, self._matte) for path in there} if self._matte else set()
        return [path for path in there if path not in mattes and self._ready(path, there[path])]

    def again(self, path: Path, after: float) -> None:
        """Give a clip once more, some seconds from now, even if it has not changed."""
        stamp = self._given.pop(path, None)
        if stamp is not None and path in self._seen:
            self._seen[path] = (stamp, self._clock() + after - self._settle)

    def _files(self) -> Iterator[Path]:
        """Clips, and mattes wherever they lie."""
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return  # a share that is out of reach may come back
        for path in (self._folder / name for name in names if is_clip(name)):
            yield path
            if self._matte:
                yield matte_for(path, self._matte)

    def _ready(self, path: Path, stamp: _Stamp) -> bool:
        if path.parent != self._folder or self._given.get(path) == stamp:
            return False
        if not (self._rests(path) and (not self._matte or self._rests(self._matte_of(path)))):
            return False
        self._given[path] = stamp
        return True

    def _matte_of(self, path: Path) -> Path:
        return matte_for(path, self._matte)

    def _rests(self, path: Path) -> bool:
        if path not in self._seen:
            return False
        (size, _), since = self._seen[path]
        return size > 0 and self._clock() - since >= self._settle and _readable(path)


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns)


def _readable(path: Path) -> bool:
    """Whether the file can be opened: some systems lock one that is being written."""
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


class Watch:
    """Makes items of the clips that come to rest, and gives those that are to be separated."""

    def __init__(
        self,
        folder: Path,
        rest: ForAll,
        *,
        settle: float,
        matte: str = "",
        most: Decimal | None = None,
    ) -> None:
        """Watch a folder.

        Args:
            rest: what holds for every clip.
            most: USD that may be spent in all by this watch; a clip beyond it has failed.

        Raises:
            UsageError: there is no such folder, the stems would go into it, or no clip would ever
                rest.
        """
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", hint="Name a folder that is there.")
        if not math.isfinite(settle):
            raise UsageError(f"--settle: {settle} is no time.", hint="Write it in seconds, like 5.")
        if os.path.realpath(folder) == os.path.realpath(rest.output):
            raise UsageError(
                f"The stems would appear in {folder} as new clips.",
                hint="Name another folder with -o; one inside it will do.",
            )
        self._rest, self._matte, self._most = rest, matte, most
        self._resting = Resting(folder, settle=settle, matte=matte)
        self._checked = Checked()
        self.items: MutableSequence[Item] = []

    def look(self) -> list[Item]:
        """What has come to rest since the last look: to be separated, or failed already.

        What was delivered before is not among it.

        Raises:
            UsageError: what is said for all clips means nothing.
        """
        self._try_again()
        new: list[Item] = []
        for path in self._resting.look():
            [line] = by_name([Clip(path)], self._matte)
            item = item_of(line, self._rest)
            if item.state == "waiting":
                self._checked.check(item)
            if item.state == "waiting":
                self._allow(item)
            if item.state != "skipped":
                self.items.append(item)
                new.append(item)
        return new

    def _allow(self, item: Item) -> None:
        """End an item that would cost more than is left."""
        if self._most is None or not item.usd:
            return
        spent = sum((other.usd for other in self.items if other.state != "failed"), Decimal(0))
        spent = max(spent, totals(self.items).usd)
        if spent + item.usd > self._most:
            item.end_by(
                CostRefused(
                    f"{item.name} would cost up to {item.usd} USD; {self._most - spent} USD are "
                    "left.",
                    hint="Watch again with a higher --max-total.",
                )
            )

    def _try_again(self) -> None:
        for item in list(self.items):
            free = getattr(item.error, "charged", "no") == "no"
            if item.state == "failed" and getattr(item.error, "retryable", False) and free:
                self.items.remove(item)
                self._resting.again(item.order.selection.media, _AGAIN_AFTER)
