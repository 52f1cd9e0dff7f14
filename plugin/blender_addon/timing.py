# SPDX-License-Identifier: GPL-3.0-or-later
"""Timeline frames, seconds and samples, and every conversion between them.

Blender holds a frame rate as `fps / fps_base`, and `fps_base` as a 32-bit float: its 23.976 runs
47 billionths off 24000/1001. Sound is counted with Blender's own value, so as to match what it
plays; media files with the exact one. Every boundary is rounded once, from its absolute position.
This module must not know Blender.
"""

from __future__ import annotations

import math
from fractions import Fraction

#: Whole rates that have an NTSC sister (24 -> 23.976, 30 -> 29.97, ...).
_NTSC_BASES = (24, 30, 48, 60, 120)
#: Rates this close mean the same (frames per second).
_SAME_RATE = Fraction(1, 200)

#: As documents hold a frame rate: numerator and denominator.
Rate = tuple[int, int]


def frame_rate(fps: float, fps_base: float) -> Rate:
    """The exact frames per second that Blender counts by."""
    rate = Fraction(fps) / Fraction(fps_base)
    return rate.numerator, rate.denominator


def file_rate(fps: float) -> Fraction:
    """The exact frames per second that a file's rate in decimals means: 29.97 is 30000/1001."""
    rate = Fraction(fps)
    candidates = [Fraction(round(rate)), *(Fraction(base * 1000, 1001) for base in _NTSC_BASES)]
    closest = min(candidates, key=lambda candidate: abs(candidate - rate))
    return closest if abs(closest - rate) <= _SAME_RATE else rate.limit_denominator(100_000)


def same_rate(one: float, rate: Rate) -> bool:
    """Whether a file's frames per second are the timeline's."""
    return abs(Fraction(one) - Fraction(*rate)) <= _SAME_RATE


def samples(frames: int, rate: int, frame_rate: Rate) -> int:
    """Samples from a frame to that which is `frames` later; halves go up.

    Args:
        rate: Hz.
        frame_rate: of the timeline.
    """
    return math.floor(frames * rate / Fraction(*frame_rate) + Fraction(1, 2))


def entered(start: int, frame: int, rate: int, frame_rate: Rate) -> int:
    """Samples of a mixdown from frame `start` before the first of a strip that lies at `frame`.

    Blender mixes down from the sample before a frame's start, and plays a strip from the sample
    behind its own. Where a frame starts on a whole sample, the last bit of its sum of times may
    make it the next one.
    """
    each = rate / Fraction(*frame_rate)
    return math.ceil(frame * each) - math.floor(start * each)


def frames(samples: int, rate: int, frame_rate: Rate) -> int:
    """The whole number of frames nearest to a number of samples at `rate` Hz."""
    return math.floor(samples * Fraction(*frame_rate) / rate + Fraction(1, 2))


def text(seconds: Fraction) -> str:
    """As documents hold a time: "25/2"."""
    return str(seconds)


def earlier(start: str, frames: int, frame_rate: Rate) -> str:
    """The time in a media file that lies `frames` timeline frames before another, as "num/den".

    The file's frames are the timeline's, one by one.
    """
    return text(Fraction(start) - frames / file_rate(float(Fraction(*frame_rate))))
