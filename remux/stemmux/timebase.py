"""Time: seconds as fractions, frames, samples and timecode, and every conversion between them.

Three clocks meet in a separation (the file's own, the proxy's 25 fps, the timeline's frames);
they are converted here and nowhere else. Time is `Fraction` seconds or a whole number of frames
or samples, and every boundary is rounded once, from its absolute position: at 29.97 fps a frame
is 1601.6 samples of 48 kHz, so adding rounded frames up would drift.

This module must not know files, streams or programs.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from stemmux.errors import TimeError

_NTSC = Fraction(1000, 1001)
#: Whole rates that have an NTSC sister (24 -> 23.976, 30 -> 29.97, ...).
_NTSC_BASES = (24, 30, 48, 60, 120)
#: A rate given in decimals is taken for the exact one when it is this close (frames per second).
_RATE_TOLERANCE = Fraction(1, 200)

_FRAMES = re.compile(r"(\d{1,12})\s*(?:f|fr|frames?)", re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,30})?)\s*s?", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d(?:\.\d{1,30})?)")
_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")


def nearest(value: Fraction) -> int:
    """The whole number nearest to `value`; halves go up, so that ranges share boundaries."""
    return math.floor(value + Fraction(1, 2))


def frame_rate(value: str | float | Fraction) -> Fraction:
    """The exact frame rate that `value` means: 23.976, "29.97", "30000/1001", 25.

    Raises:
        TimeError: not a rate between 1 and 1000 frames per second.
    """
    try:
        rate = Fraction(value) if not isinstance(value, float) else Fraction(str(value))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise TimeError(
            f"{value!r} is no frame rate.", hint="Write 25, 29.97 or 30000/1001."
        ) from error
    if not 1 <= rate <= 1000:
        raise TimeError(f"{value} frames per second is outside 1 to 1000.")
    candidates = [Fraction(nearest(rate)), *(base * _NTSC for base in _NTSC_BASES)]
    closest = min(candidates, key=lambda candidate: abs(candidate - rate))
    return closest if abs(closest - rate) <= _RATE_TOLERANCE else rate


def frame_time(frame: int, rate: Fraction) -> Fraction:
    """Seconds from the first frame to the start of `frame`."""
    return frame / rate


def frame_at(time: Fraction, rate: Fraction) -> int:
    """The frame whose start is nearest to `time` seconds."""
    return nearest(time * rate)


def sample_at(time: Fraction, sample_rate: int) -> int:
    """The sample nearest to `time` seconds: the one place where a boundary is rounded."""
    return nearest(time * sample_rate)


@dataclass(frozen=True)
class Span:
    """A half-open stretch of a clip, in seconds counted from the clip's first picture."""

    start: Fraction
    end: Fraction

    def __post_init__(self) -> None:
        if self.start < 0 or self.end <= self.start:
            raise TimeError(
                f"The range from {float(self.start):.3f} s to {float(self.end):.3f} s is empty.",
                hint="The end must come after the start.",
            )

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return self.end - self.start

    def samples(self, sample_rate: int) -> tuple[int, int]:
        """First sample, and the sample after the last, each rounded from its own position."""
        return sample_at(self.start, sample_rate), sample_at(self.end, sample_rate)

    def frames(self, rate: Fraction) -> tuple[int, int]:
        """First frame, and the frame after the last; at least one frame."""
        first = frame_at(self.start, rate)
        return first, max(first + 1, frame_at(self.end, rate))


@dataclass(frozen=True)
class Timecode:
    """A count of frames since midnight, written HH:MM:SS:FF.

    Drop-frame timecode (29.97 and 59.94 fps only) leaves out frame *numbers*, not frames: two
    (at 59.94: four) at the start of every minute but each tenth (SMPTE ST 12-1).
    """

    frame: int
    rate: Fraction
    drop: bool

    @staticmethod
    def parse(text: str, rate: Fraction) -> Timecode:
        """Read `HH:MM:SS:FF`; a `;` before the frames means drop-frame.

        Raises:
            TimeError: not a timecode, or not one that exists at this rate.
        """
        match = _TIMECODE.fullmatch(text.strip())
        if match is None:
            raise TimeError(f"{text!r} is no timecode.", hint="Write HH:MM:SS:FF.")
        hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
        base, drop = nearest(rate), match[4] in ";."
        skipped = base // 15
        if drop and not drops(rate):
            raise TimeError(
                f"{text} is drop-frame timecode, which exists only at 29.97 and 59.94 fps.",
                hint="Write a colon before the frames.",
            )
        if minutes > 59 or seconds > 59 or frames >= base:
            raise TimeError(
                f"{text} does not exist at {float(rate):.6g} frames per second.",
                hint=f"Frames are counted from 00 to {base - 1:02}.",
            )
        if drop and minutes % 10 and seconds == 0 and frames < skipped:
            raise TimeError(
                f"{text} is one of the numbers that drop-frame timecode leaves out.",
                hint=f"The minute starts with frame {skipped:02}.",
            )
        count = ((hours * 60 + minutes) * 60 + seconds) * base + frames
        if drop:
            total = hours * 60 + minutes
            count -= skipped * (total - total // 10)
        return Timecode(count, rate, drop)

    def __str__(self) -> str:
        base, count = nearest(self.rate), self.frame
        if self.drop:
            skipped = base // 15
            tens, rest = divmod(count, base * 600 - 9 * skipped)
            count += 9 * skipped * tens
            if rest >= base * 60:
                count += skipped * (1 + (rest - base * 60) // (base * 60 - skipped))
        seconds, frames = divmod(count, base)
        sign = ";" if self.drop else ":"
        width = 3 if base > 100 else 2
        clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{clock}{sign}{frames:0{width}}"

    @property
    def time(self) -> Fraction:
        """Seconds since midnight by the frames that have passed, not by the written numbers."""
        return frame_time(self.frame, self.rate)

    @property
    def day(self) -> int:
        """Frames from midnight to midnight, as they are counted here."""
        base = nearest(self.rate)
        return 144 * (600 * base - 9 * (base // 15)) if self.drop else 86400 * base


def drops(rate: Fraction) -> bool:
    """Whether drop-frame timecode exists at this rate."""
    return rate in (30 * _NTSC, 60 * _NTSC)


def parse_time(text: str, *, rate: Fraction | None, start: Timecode | None) -> Fraction:
    """Seconds from a clip's first picture, from what a person writes.

    Args:
        text: `12.5`, `12.5s`, `1:02.5`, `300f`, or a timecode `01:00:12:00`.
        rate: the clip's frame rate; None for sound alone or a varying rate, where frames and
            timecodes mean nothing.
        start: the clip's own start timecode; a timecode in `text` is counted from it. Without
            one, timecodes are counted from zero.

    Raises:
        TimeError: unreadable, or before the clip.
    """
    text = text.strip()
    if match := _SECONDS.fullmatch(text):
        return Fraction(match[1])
    if match := _CLOCK.fullmatch(text):
        return (int(match[1] or 0) * 60 + int(match[2])) * 60 + Fraction(match[3])
    frames, timecode = _FRAMES.fullmatch(text), _TIMECODE.fullmatch(text)
    if frames is None and timecode is None:
        raise TimeError(
            f"{text[:80]!r} is no time.",
            hint="Write seconds (12.5), frames (300f) or a timecode (00:00:12:00).",
        )
    if rate is None:
        raise TimeError(
            f"{text!r} counts frames, but this clip has no constant frame rate.",
            hint="Write seconds, such as 12.5.",
        )
    if frames is not None:
        return frame_time(int(frames[1]), rate)
    count = Timecode.parse(text, rate).frame - (start.frame if start else 0)
    if count < 0:
        raise TimeError(
            f"{text} lies before the clip, which starts at {start or '00:00:00:00'}.",
            hint="Write the clip's own timecode, or seconds from its first picture.",
        )
    return frame_time(count, rate)
