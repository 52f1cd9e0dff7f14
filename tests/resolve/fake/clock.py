"""Frames and timecode as Resolve counts them, written without the product's own clock.

It must not know what is counted.
"""

from __future__ import annotations

from fractions import Fraction

_NTSC = {"23.976": 24, "29.97": 30, "47.952": 48, "59.94": 60, "119.88": 120}


def rate(text: str) -> Fraction:
    """Frames per second of a setting such as "23.976" or "29.97 DF"."""
    name = text.replace(" DF", "")
    return Fraction(_NTSC[name] * 1000, 1001) if name in _NTSC else Fraction(name)


def spoken(frames: Fraction) -> str:
    """A rate as settings and clip properties have it."""
    for name in _NTSC:
        if rate(name) == frames:
            return name
    return f"{float(frames):g}"


def timecode(frame: int, frames: Fraction, drop: bool = False) -> str:
    """The timecode of a frame that is counted from midnight."""
    whole = round(frames)
    if drop:
        # Two numbers (four at 59.94) are left out at each full minute but every tenth.
        out = whole // 15
        minute, ten = whole * 60 - out, whole * 600 - 9 * out
        tens, rest = divmod(frame, ten)
        frame += 9 * out * tens
        if rest >= whole * 60:
            frame += out * (1 + (rest - whole * 60) // minute)
    seconds, left = divmod(frame, whole)
    sign = ";" if drop else ":"
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{sign}{left:02}"


def frame_of(text: str, frames: Fraction) -> int:
    """The frame, counted from midnight, of a timecode."""
    whole, drop = round(frames), ";" in text
    hours, minutes, seconds, left = map(int, text.replace(";", ":").split(":"))
    count = (hours * 3600 + minutes * 60 + seconds) * whole + left
    if drop:
        total = hours * 60 + minutes
        count -= whole // 15 * (total - total // 10)
    return count
