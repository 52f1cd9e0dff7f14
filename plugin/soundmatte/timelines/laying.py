"""The clips of a track in whole frames, as formats take them that hold one clip at a time.

Every boundary is rounded once, from its own place. This module must not know any format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from soundmatte.timelines.timeline import Track
from stemmux.timebase import frame_at


class _Timed(Protocol):
    @property
    def record(self) -> Fraction: ...

    @property
    def end(self) -> Fraction: ...


_Clip = TypeVar("_Clip", bound=_Timed)


@dataclass(frozen=True)
class Place(Generic[_Clip]):
    """Where a clip is laid.

    Attributes:
        start, end: frames of the timeline.
        late: frames of its beginning that lie under the clip before, and are left out.
    """

    clip: _Clip
    start: int
    end: int
    late: int


def apart(clips: Iterable[_Clip], rate: Fraction) -> Iterator[Place[_Clip]]:
    """Clips in the order of time, none over the one before; what nothing is left of is left out."""
    free = 0
    for clip in clips:
        first, end = frame_at(clip.record, rate), frame_at(clip.end, rate)
        if end > max(free, first):
            start = max(free, first)
            yield Place(clip, start, end, start - first)
            free = end


def overlapping(track: Track) -> bool:
    """Whether clips of a track lie over one another."""
    return any(b.record < a.end for a, b in zip(track.clips, track.clips[1:], strict=False))
