"""Windows: the stretches in which a long range is separated, each a paid job of its own.

Every job is charged by begun steps of 30 s, the model works best up to 30 s and passably up to 60,
and neighbours must overlap so that they can be cross-faded and compared. So a window has one step
or two; the windows of a range together have as few steps as windows of that kind can have; and
for that price there are as many of them, that is as short ones, as there can be. Where all have
one step, they are equally long. 59 s are two windows of 30 s, 60 s are one of 60 s, since a second
window would begin a third step.

Windows begin on whole steps of 40 ms from the range's first sample, which is the model's own grid
and the proxy's frame, so that a job's picture and sound are equally long. This module must not
know what is separated, nor what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from soundmatte.separation.price import STEP
from stemmux.timebase import nearest

#: What neighbours share (s).
OVERLAP = Fraction(1)
#: Steps of the price that a window may have.
MOST_STEPS = 2
#: Windows begin on multiples of this (s): the model's step, and a frame of the proxy.
GRAIN = Fraction(1, 25)


@dataclass(frozen=True)
class Window:
    """A stretch of the range, in seconds from the range's first sample.

    Attributes:
        number, of: which of how many, from 1.
        steps: begun steps of the price, which its length never exceeds.
    """

    number: int
    of: int
    start: Fraction
    end: Fraction
    steps: int

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.end - self.start

    def samples(self, rate: int, frames: int) -> tuple[int, int]:
        """First sample, and the sample after the last, each rounded from its own position.

        Args:
            rate, frames: of the whole range, in Hz and samples.
        """
        last = frames if self.number == self.of else nearest(self.end * rate)
        # A range may be rounded up by a sample; the window stays within its price all the same.
        first = max(nearest(self.start * rate), last - nearest(self.steps * STEP * rate))
        return first, last


def windows(duration: Fraction) -> tuple[Window, ...]:
    """The windows of a range of `duration` seconds, in order; they cover it exactly."""
    count, steps = _numbers(duration)
    doubles = steps - count
    # Together they are longer than the range by what neighbours share.
    total = duration + (count - 1) * OVERLAP
    single = total / count if doubles == 0 else STEP
    double = (total - (count - doubles) * single) / doubles if doubles else Fraction(0)
    starts, position = [], Fraction(0)
    for number in range(count):
        starts.append(ceil(position / GRAIN) * GRAIN)
        position += (double if number < doubles else single) - OVERLAP
    ends = [*(start + OVERLAP for start in starts[1:]), duration]
    return tuple(
        Window(number, count, start, end, 2 if number <= doubles else 1)
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
    )


def _numbers(duration: Fraction) -> tuple[int, int]:
    """How many windows, and how many steps they have in all."""
    steps = max(1, ceil(duration / STEP))
    # Each window beyond the first takes an overlap out of what the steps could cover.
    while steps * STEP - (ceil(Fraction(steps, MOST_STEPS)) - 1) * OVERLAP < duration:
        steps += 1
    most = 1 + floor((steps * STEP - duration) / OVERLAP)
    return min(steps, most), steps
