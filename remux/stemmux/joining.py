"""Join what was made of pieces that overlap, so that nobody hears where they meet.

Where two pieces overlap, one is faded into the other with gains that add up to 1: what both took
out of the same mix stays a part of it, so the residual still is the mix minus the target. This
module must not know what the pieces are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.fitting import Piece

    #: The same samples of one or more sounds, `[frames, channels]` each.
    Sounds = Sequence[NDArray[np.float32]]

#: At a hole between pieces the sound fades over so many samples, not to click.
_FADE = 1024
#: Frames of silence written at a time.
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

    def __init__(self, frames: int) -> None:
        self.done, self.seams = 0, list[Seam]()
        self._frames = frames
        self._held: list[NDArray[np.float32]] = []

    def added(self, piece: Piece, after: int, blocks: Iterable[Sounds]) -> Iterator[Sounds]:
        """What becomes finished when a piece is added.

        Args:
            piece: begins behind the start of the one before.
            after: where the next one begins; what lies behind it is held back.
            blocks: the sounds of the piece, in order.
        """
        waiting = _Gathered()
        overlap = len(self._held[0]) if self._held else 0
        hole = not overlap and piece.start > 0
        position, ready = piece.start, False
        end = piece.start + piece.frames
        for block in blocks:
            waiting.add(block)
            if not ready and len(waiting) >= min(max(overlap, _FADE if hole else 0), piece.frames):
                if hole:
                    yield from self._silence(piece.start, waiting.sounds)
                    _fade(waiting.sounds, _FADE)
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
            _fade([part[::-1] for part in rest], _FADE)
        now = max(0, min(after, end) - position)
        if now:
            self.done = position + now
            yield [part[:now] for part in rest]
        self._held = [part[now:] for part in rest] if end > after else []

    def ended(self, sounds: int, channels: int) -> Iterator[Sounds]:
        """Silence behind the last piece."""
        import numpy as np

        yield from self._silence(self._frames, [np.zeros((0, channels), np.float32)] * sounds)

    def _silence(self, until: int, like: Sounds) -> Iterator[Sounds]:
        import numpy as np

        while self.done < until:
            count = min(_BLOCK, until - self.done)
            self.done += count
            yield [np.zeros((count, part.shape[1]), np.float32) for part in like]

    def _cross(self, start: int, sounds: Sounds, overlap: int) -> None:
        """Fade what is held back into the first samples of `sounds`, in place."""
        import numpy as np

        if not overlap:
            return
        rise = ((np.arange(overlap) + 0.5) / overlap).astype(np.float32)[:, None]
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


def _fade(sounds: Iterable[Any], count: int) -> None:
    """Let sounds begin from silence, in place."""
    import numpy as np

    for part in sounds:
        length = min(count, len(part))
        part[:length] *= ((np.arange(length) + 0.5) / length).astype(np.float32)[:, None]


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
