"""Frame rates, frames and channels: every number that goes to Resolve is made here, and whole.

Pure. This module must not know Resolve's objects.
"""

from fractions import Fraction
from typing import Any, Optional, Tuple

#: Rates that are written as whole numbers though 1000/1001 of them is meant are told apart by this
#: much; 23.98 and 23.976 are the same rate.
_NEAR = Fraction(6, 1000)
_SUB_TYPES = {
    1: "mono",
    2: "stereo",
    3: "lcr",
    4: "quad",
    5: "5.0",
    6: "5.1",
    7: "7.0",
    8: "7.1",
}
#: An adaptive track holds no more.
_MOST_CHANNELS = 36


def rate_of(value: Any) -> Optional[Fraction]:
    """Frames per second as an exact fraction; None where that is no rate.

    Args:
        value: as Resolve says it: 23.976, "23.976", "29.97 DF", "24.0 fps".
    """
    # Settings are texts up to 21.0 and may be numbers from 21.1 on.
    words = str(value if value is not None else "").split()
    try:
        told = Fraction(words[0])
    except (IndexError, ValueError, ZeroDivisionError):
        return None
    if told <= 0:
        return None
    whole = Fraction(round(told))
    # 23.976 is not a rate: counted with it, an hour is 3.6 ms off. 24000/1001 is meant.
    ntsc = Fraction(round(told * 1001 / 1000) * 1000, 1001)
    for rate in (whole, ntsc):
        if rate > 0 and abs(told - rate) < (_NEAR if rate == ntsc else Fraction(1, 1000)):
            return rate
    return told


def frames_of(timecode: Any, rate: Fraction, drop: bool = False) -> Optional[int]:
    """Frames from midnight to a timecode; None where that is none.

    Args:
        rate: frames per second.
        drop: it leaves numbers out, as one with a semicolon says of itself.
    """
    text = str(timecode or "")
    try:
        hours, minutes, seconds, frames = (int(part) for part in text.replace(";", ":").split(":"))
    except ValueError:
        return None
    each = round(rate)
    count = ((hours * 60 + minutes) * 60 + seconds) * each + frames
    if drop or ";" in text:
        # Two numbers, at 59.94 four, are left out in every minute but each tenth (SMPTE 12M).
        passed = hours * 60 + minutes
        count -= each // 15 * (passed - passed // 10)
    return count


def written(value: Fraction) -> str:
    """A fraction as documents hold it."""
    return f"{value.numerator}/{value.denominator}"


def end_frame(frames: int, timeline: Fraction, stem: Fraction) -> int:
    """The `endFrame` that makes a stem last that many frames of the timeline.

    A sound keeps the rate that the project had when it was imported, and `endFrame` counts in that.
    What is not whole is cut off to whole frames of the timeline, so it is rounded up here.

    Args:
        timeline, stem: frames per second.
    """
    return ceil(frames * stem / timeline)


def ceil(value: Fraction) -> int:
    """The next whole number."""
    return -(-value.numerator // value.denominator)


def sub_type(channels: int) -> str:
    """The kind of track for a sound with that many channels.

    A track that is asked for without one is mono, and would cut all other channels off.
    """
    return _SUB_TYPES.get(channels) or f"adaptive{min(channels, _MOST_CHANNELS)}"


def whole(value: Any) -> int:
    """A frame number as a whole one.

    A call with any fraction of a frame in it fails altogether, though fractions are documented.
    """
    return round(float(value))


def render_size(width: int, height: int, most: int = 1920) -> Tuple[int, int]:
    """Width and height of a rendered picture: halved until it is small enough, and even.

    The free edition renders no more than Ultra HD, and the engine looks at 640 pixels.
    """
    while width > most and width % 4 == 0 and height % 4 == 0:
        width, height = width // 2, height // 2
    return width, height
