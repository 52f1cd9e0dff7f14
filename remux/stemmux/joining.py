"""Join what was made of pieces that overlap, so that nobody hears where they meet.

Where two pieces overlap, one is faded into the other with gains that add up to 1: what both took
out of the same mix stays a part of it, so the residual still is the mix minus the target. This
module must not know what the pieces are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.fitting import Piece

    #: The same samples of one or more sounds, `[frames, channels]` each.
    Sounds = Sequence[NDArray[np.float32]]
    #: So many samples from one on of what is heard where there is no piece, of every sound.
    Elsewhere = Callable[[int, int], Sounds]

#: At a hole between pieces one sound fades into the other over so many samples, not to click.
_FADE = 1024
#: Frames of a hole written at a time.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Seam:
    """Where two pieces meet, and how well they agree there.

    Attributes:
        start, end: of the overlap, in samples of the mix.
        jump_db: level of the target in the later piece over that in the earlier one.
        agreement: correlation of the two pieces' targets over the overlap, -1 to 1; None where
            both are silent.
    """

    start: int
    end: int
    jump_db: float
    agreement: float | None

    @property
    def smooth(self) -> bool:
        """Whether nobody should hear it."""
        agrees = self.agreement is None or self.agreement >= 0.5
        return agrees and abs(self.jump_db) <= 6.0


class Joint:
    """One long sound in the making.

    Attributes:
        done: samples that are finished.
        seams: where pieces overlapped.
    """

    def __init__(self, frames: int, elsewhere: Elsewhere) -> None:
        self.done, self.seams = 0, list[Seam]()
        self._frames, self._elsewhere = frames, elsewhere
        self._held: list[NDArray[np.float32]] = []

    def added(self, piece: Piece, after: int, blocks: Iterable[Sounds]) -> Iterator[Sounds]:
        """What becomes finished when a piece is added.

        Args:
            piece: begins behind the start of the one before, and ends no earlier than its end.
            after: where the next one begins; what lies behind it is held back.
            blocks: the sounds of the piece, in order.

        Raises:
            ValueError: the piece ends before the one that it follows.
        """
        waiting = _Gathered()
        overlap = len(self._held[0]) if self._held else 0
        if overlap > piece.frames:
            raise ValueError("a piece may not end before the one that it follows")
        hole = not overlap and piece.start > 0
        position, ready = piece.start, False
        end = piece.start + piece.frames
        for block in blocks:
            waiting.add(block)
            if not ready and len(waiting) >= min(max(overlap, _FADE if hole else 0), piece.frames):
                if hole:
                    yield from self._hole(piece.start)
                    self._fade_in(piece.start, waiting.sounds)
                ready = True
                self._cross(piece.start, waiting.sounds, overlap)
            if not ready:
                continue
            ripe = min(len(waiting), max(0, min(after, end - _FADE) - position))
            if ripe:
                position += ripe
                self.done = position
                yield waiting.taken(ripe)
        rest = waiting.sounds
        if end < min(after, self._frames):
            self._fade_out(end, rest)
        now = max(0, min(after, end) - position)
        if now:
            self.done = position + now
            yield [part[:now] for part in rest]
        self._held = [part[now:] for part in rest] if end > after else []

    def ended(self) -> Iterator[Sounds]:
        """What is behind the last piece."""
        yield from self._hole(self._frames)

    def _hole(self, until: int) -> Iterator[Sounds]:
        while self.done < until:
            start, count = self.done, min(_BLOCK, until - self.done)
            self.done += count
            yield self._elsewhere(start, count)

    def _fade_in(self, start: int, sounds: Sounds) -> None:
        """Let what is heard in the hole before `start` end in the first of `sounds`, in place."""
        length = min(_FADE, len(sounds[0]))
        rise = _rise(length)
        for part, before in zip(sounds, self._elsewhere(start, length), strict=True):
            part[:length] = before * (1 - rise) + part[:length] * rise

    def _fade_out(self, end: int, sounds: Sounds) -> None:
        """Let the last of `sounds`, up to `end`, become what is heard in the hole, in place."""
        length = min(_FADE, len(sounds[0]))
        if not length:
            return
        fall = _rise(length)[::-1]
        for part, behind in zip(sounds, self._elsewhere(end - length, length), strict=True):
            part[-length:] = behind * (1 - fall) + part[-length:] * fall

    def _cross(self, start: int, sounds: Sounds, overlap: int) -> None:
        """Fade what is held back into the first samples of `sounds`, in place."""
        if not overlap:
            return
        rise = _rise(overlap)
        self.seams.append(_seam(start, self._held[0], sounds[0][:overlap]))
        for before, part in zip(self._held, sounds, strict=True):
            part[:overlap] = before * (1 - rise) + part[:overlap] * rise
        self._held = []


class _Gathered:
    """Blocks that wait until there are enough of them."""

    def __init__(self) -> None:
        self._parts: list[list[NDArray[np.float32]]] = []
        self._joined: list[NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        return sum(len(block[0]) for block in self._parts)

    def add(self, block: Sounds) -> None:
        self._parts.append(list(block))

    @property
    def sounds(self) -> list[NDArray[np.float32]]:
        """All that waits, in one piece."""
        import numpy as np

        if len(self._parts) > 1:
            self._parts = [[np.concatenate(part) for part in zip(*self._parts, strict=True)]]
        return self._parts[0]

    def taken(self, count: int) -> list[NDArray[np.float32]]:
        """The first `count` samples; the rest waits on."""
        sounds = self.sounds
        self._parts = [[part[count:] for part in sounds]]
        return [part[:count] for part in sounds]


def _rise(length: int) -> NDArray[np.float32]:
    """Gains from 0 to 1, `[length, 1]`."""
    import numpy as np

    return ((np.arange(length) + 0.5) / length).astype(np.float32)[:, None]


def _seam(start: int, before: NDArray[np.float32], after: NDArray[np.float32]) -> Seam:
    import numpy as np

    one, two = before.astype(np.float64).ravel(), after.astype(np.float64).ravel()
    first, second = float(one @ one), float(two @ two)
    end = start + len(before)
    quiet = 1e-10 * len(one)
    if first <= quiet and second <= quiet:
        return Seam(start, end, 0.0, None)
    jump = 10 * math.log10((second + quiet) / (first + quiet))
    return Seam(start, end, jump, float(one @ two) / math.sqrt((first + quiet) * (second + quiet)))
