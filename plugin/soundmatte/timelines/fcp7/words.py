"""The words of FCP7 XML: numbers, truth, rates and timecodes as its elements say them.

This module must not know which element they stand in.
"""

from __future__ import annotations

import re
from fractions import Fraction

from soundmatte.timelines.markup import Element
from stemmux.errors import TimeError
from stemmux.timebase import Timecode, drops, frame_rate

#: Premiere's units of time in a second.
TICKS = 254_016_000_000
_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,12})?")


def number(text: str) -> Fraction | None:
    """The number that a text is."""
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def whole(element: Element, *path: str) -> int | None:
    """A whole number above 0."""
    found = number(element.word(*path))
    return int(found) if found is not None and found >= 1 else None


def place(element: Element, tag: str) -> Fraction | None:
    """Frames (or ticks); None where they are not said, or said elsewhere (-1)."""
    found = number(element.word(tag))
    return None if found is None or found < 0 else found


def true(text: str, otherwise: bool) -> bool:
    """The truth of a text; `otherwise` where it is empty."""
    return text.upper() in ("TRUE", "1", "YES") if text else otherwise


def rate(element: Element | None) -> Fraction | None:
    """Frames per second by the `rate` in an element."""
    if element is None:
        return None
    try:
        base = frame_rate(element.word("rate", "timebase"))
    except TimeError:
        return None
    slower = base.denominator == 1 and true(element.word("rate", "ntsc"), False)
    return base * Fraction(1000, 1001) if slower else base


def timecode(element: Element | None, otherwise: Fraction) -> Timecode | None:
    """What a `timecode` says, counted at its own rate or else at `otherwise`."""
    if element is None:
        return None
    own = rate(element) or otherwise
    text, frame = element.word("string"), number(element.word("frame"))
    drop = drops(own) and (element.word("displayformat") == "DF" or ";" in text)
    if frame is not None:
        return Timecode(int(frame), own, drop)
    try:
        # Drop-frame is written with one semicolon, or with nothing else.
        clock = text[:-3].replace(";", ":")
        return Timecode.parse(f"{clock}{';' if drop else ':'}{text[-2:]}", own)
    except TimeError:
        return None
