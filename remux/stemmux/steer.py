"""Steer a mix by two mono stems, block by block: constant memory, several threads.

A sample of the whole tells what is true everywhere; then every stretch of spectra is divided on its
own, with a little of its neighbours, so that stretches may be worked on side by side and come out
the same. This module must not know where the stems came from, nor where the target goes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemmux.shift import ReadMono
from stemmux.spectra import GROUP, OVERLAP, Frame
from stemmux.steering import Scene, survey, target_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The mix, read as (start, count): `[count, channels]`; zeros where there is no sound.
ReadMix = Callable[[int, int], "NDArray[np.float32]"]

#: Groups of spectra in a stretch that is worked on at a time (for two channels and two stems), and
#: how many of its neighbours' are looked at beside them.
_GROUPS, _BESIDE = 20, 2
#: The sample of the whole: pieces of so many groups (2 s), and how many at most.
_PIECE, _PIECES = 6, 8
#: The loudest places of the target are sought at so many places at most, this long (samples).
_LOOKS, _LOOK = 512, 4096
_MOST_THREADS = 4


@dataclass(frozen=True)
class Sounds:
    """A stretch of the mix with its stems, all counted from the same sample.

    Attributes:
        frames: samples.
        rate: Hz.
        weights: each channel's share in the mono that the model heard.
    """

    mix: ReadMix
    target: ReadMono
    residual: ReadMono
    frames: int
    rate: int
    weights: NDArray[np.float32]


class Steering:
    """One stretch on its way. `scene` is what is true of the whole of it."""

    def __init__(self, sounds: Sounds) -> None:
        self.sounds, self.frame = sounds, Frame.of(sounds.rate)
        self.scene = _surveyed(self.frame, sounds)

    def blocks(self) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """The mix, and the target as it is in there: `[frames, channels]`, block by block."""
        import numpy as np

        lap, frames = self.frame.lap, self.sounds.frames
        tail = np.zeros((len(self.sounds.weights), lap), np.float32)
        done = -lap
        for sound in _side_by_side(self.frame, self.sounds, self.scene):
            sound[:, :lap] += tail
            tail = sound[:, -lap:]
            ready = sound[:, max(0, -done) : min(frames - done, sound.shape[1] - lap)]
            if ready.shape[1]:
                begin = max(0, done)
                yield self.sounds.mix(begin, ready.shape[1]), np.ascontiguousarray(ready.T)
            done += sound.shape[1] - lap


def _side_by_side(frame: Frame, sounds: Sounds, scene: Scene) -> Iterator[NDArray[np.float32]]:
    """Each stretch's sound in turn; the last `lap` samples belong to the next one too."""
    count = _groups_of(frame, sounds.frames)
    length = max(2, _GROUPS * 4 // (len(sounds.weights) + 2))
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    waiting: deque[Future[NDArray[np.float32]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="steer") as pool:
        try:
            for first in range(0, count, length):
                last = min(first + length, count)
                low, high = max(0, first - _BESIDE), min(count, last + _BESIDE)
                block = _block(frame, sounds, low, high)
                inside = slice(first - low, last - low)
                waiting.append(pool.submit(_stretch, frame, scene, block, inside))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _stretch(
    frame: Frame, scene: Scene, block: NDArray[np.float32], inside: slice
) -> NDArray[np.float32]:
    return frame.synthesise(target_of(scene, block, inside), inside.stop - inside.start)


def _groups_of(frame: Frame, frames: int) -> int:
    """Groups of spectra that cover so many samples; the first begins a `lap` before them."""
    return -(-(-(-frames // frame.step) + OVERLAP - 1) // GROUP)


def _block(frame: Frame, sounds: Sounds, first: int, last: int) -> NDArray[np.float32]:
    """The samples of groups `first` to `last`: the mix's channels, then the stems."""
    import numpy as np

    start = first * GROUP * frame.step - frame.lap
    count = (last - first) * GROUP * frame.step + frame.lap
    skip = max(0, -start)
    real = max(0, min(count - skip, sounds.frames - start - skip))
    block = np.zeros((len(sounds.weights) + 2, count), np.float32)
    block[:-2, skip : skip + real] = sounds.mix(start + skip, real).T
    block[-2, skip : skip + real] = sounds.target(start + skip, real)
    block[-1, skip : skip + real] = sounds.residual(start + skip, real)
    return block


def _surveyed(frame: Frame, sounds: Sounds) -> Scene:
    """What is true of the whole, from all of it or from a sample."""
    count = _groups_of(frame, sounds.frames)
    if count <= _PIECES * _PIECE:
        return survey(frame, [_block(frame, sounds, 0, count)], sounds.weights)
    places = _places(frame, sounds, count)
    blocks = [_block(frame, sounds, first, first + _PIECE) for first in places]
    return survey(frame, blocks, sounds.weights)


def _places(frame: Frame, sounds: Sounds, count: int) -> list[int]:
    """First groups of the sample: half of it evenly, half where the target is loudest."""
    import numpy as np

    places, length = count // _PIECE, _PIECE * GROUP * frame.step
    even = {round(place) for place in np.linspace(0, places - 1, _PIECES // 2)}
    looked = np.unique(np.linspace(0, places - 1, min(places, _LOOKS)).astype(int))
    level = [
        float(np.abs(sounds.target(place * length + length // 2, _LOOK)).max()) for place in looked
    ]
    loudest = [int(looked[k]) for k in np.argsort(level, kind="stable")[::-1]]
    chosen = even | set([place for place in loudest if place not in even][: _PIECES // 2])
    return [place * _PIECE for place in sorted(chosen)]
