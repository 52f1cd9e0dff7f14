"""What a story element of FCPXML says of itself: what it shows, how fast, and what is done to it.

This module must not know where the element lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from soundmatte.timelines.fcpxml.resources import Asset, on, seconds
from soundmatte.timelines.markup import Element
from soundmatte.timelines.timeline import Channel, TrackKind
from stemmux.errors import TimeError
from stemmux.timebase import frame_rate

#: Elements that take a place in a storyline.
ITEMS = frozenset(
    ("asset-clip", "audio", "clip", "gap", "mc-clip", "ref-clip", "sync-clip", "title", "video")
)
#: Those that show others.
HOLDERS = frozenset(("clip", "sync-clip"))
#: Those that stand for a timeline or several cameras.
NESTED = frozenset(("ref-clip", "mc-clip"))
_SOUND_ADJUSTMENTS = frozenset(
    ("volume", "panner", "loudness", "noiseReduction", "humReduction", "EQ", "matchEQ")
)
#: Adjustments that are there without anybody having asked for them.
_NO_EFFECT = frozenset(("conform", "colorConform"))


def items(parent: Element) -> Iterator[tuple[Element, Element]]:
    """The elements in `parent` that say where something lies, and that which lies there."""
    for child in parent.children:
        if child.tag in ITEMS:
            yield child, child
        elif child.tag == "audition" and (picked := child.all(*ITEMS)):
            yield child, picked[0]


def lane(element: Element) -> int:
    """The lane it is connected in; 0 where it is not."""
    text = element.attributes.get("lane", "0")
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 6 else 0


def transitions(spine: Element) -> list[tuple[Fraction, Fraction, str]]:
    """Beginning and end, in the storyline's time, and name of each transition."""
    found = []
    for each in spine.all("transition"):
        begin = seconds(each, "offset", Fraction(0))
        end = begin + seconds(each, "duration", Fraction(0))
        found.append((begin, end, each.attributes.get("name") or "transition"))
    return found


def pace(item: Element, outside: Fraction, inside: Fraction | None) -> Fraction | None:
    """Seconds of the element's own time that pass in one of its parent's, by its `conform-rate`.

    Args:
        outside, inside: frames per second around it, and of what it shows.

    Returns:
        None where that is not said.
    """
    conform = item.one("conform-rate")
    if conform is None or not on(conform, "scaleEnabled"):
        return Fraction(1)
    text = conform.attributes.get("srcFrameRate")
    try:
        rate = frame_rate(text) if text else inside
    except TimeError:
        return None
    if rate is None:
        return Fraction(1)
    if text is None and rate != outside:
        return None
    return outside / rate


def mapped(item: Element, start: Fraction, end: Fraction) -> tuple[Fraction, Fraction | None]:
    """What the element shows at `start` of its own time, and its pace up to `end`.

    Returns:
        The pace None where it changes on the way.
    """
    points = sorted(
        (seconds(point, "time", Fraction(0)), seconds(point, "value", Fraction(0)))
        for each in item.all("timeMap")
        for point in each.all("timept")
    )
    if len(points) < 2:
        return start, None if points else Fraction(1)
    pieces = [(a, b) for a, b in pairwise(points) if b[0] > a[0] and a[0] < end and b[0] > start]
    pieces = pieces or [(points[0], points[-1])]
    slopes = {_slope(a, b) for a, b in pieces}
    (time, value), first = pieces[0][0], _slope(*pieces[0])
    return value + (start - time) * first, first if len(slopes) == 1 else None


def _slope(a: tuple[Fraction, Fraction], b: tuple[Fraction, Fraction]) -> Fraction:
    return (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else Fraction(0)


def kinds(item: Element, asset: Asset | None) -> tuple[TrackKind, ...]:
    """Which of picture and sound the element is."""
    if item.tag in ("title", "video"):
        return ("video",)
    if item.tag == "audio":
        return ("audio",)
    wanted = item.attributes.get("srcEnable", "all")
    picture = wanted != "audio" and (asset is None or asset.picture or not asset.sound)
    sound = wanted != "video" and (asset is None or asset.sound)
    return (*(("video",) if picture else ()), *(("audio",) if sound else ()))


def role(item: Element, kind: TrackKind) -> str:
    """The role of its picture or sound; empty where it has none of its own."""
    return item.attributes.get(f"{kind}Role") or item.attributes.get("role", "")


def silenced(holder: Element) -> tuple[frozenset[str], frozenset[str]]:
    """Roles that a holder does not let sound: of its storyline, and of what is connected in it."""
    off: dict[str, set[str]] = {"storyline": set(), "connected": set()}
    for source in holder.all("sync-source"):
        for each in source.all("audio-role-source"):
            if not (on(each) and on(each, "active")):
                where = off.setdefault(source.attributes.get("sourceID", ""), set())
                where.add(each.attributes.get("role", ""))
    return frozenset(off["storyline"]), frozenset(off["connected"])


def heard(item: Element, silent: frozenset[str]) -> bool:
    """Whether its sound is heard: one of its components is on, in a role that may sound."""
    components = item.all("audio-channel-source")
    if components:
        heard_ones = [c for c in components if on(c) and on(c, "active")]
        roles = [c.attributes.get("role", role(item, "audio")) for c in heard_ones]
    else:
        roles = [role(item, "audio")]
    return any(each not in silent and each.partition(".")[0] not in silent for each in roles)


def channels(item: Element) -> tuple[Channel, ...]:
    """The channels of its file that its sound plays; none where it does not say."""
    if item.tag == "audio":
        sources = item.attributes.get("srcID", "1").strip()
        sound = int(sources) if re.fullmatch(r"[1-9]\d?", sources) else 1
        if sound > 1:
            return tuple(Channel(number, sound) for number in _numbers(item) or [1])
        # Of the first source they are counted through the file.
        return tuple(Channel(number) for number in _numbers(item))
    components = [c for c in item.all("audio-channel-source") if on(c) and on(c, "active")]
    found = [number for component in components for number in _numbers(component)]
    return tuple(Channel(number) for number in sorted(set(found)))


def _numbers(element: Element) -> list[int]:
    """The channels in `srcCh`."""
    words = element.attributes.get("srcCh", "").split(",")
    return [int(word) for word in words if re.fullmatch(r"\s*[1-9]\d?\s*", word)]


def effects(item: Element, kind: TrackKind) -> list[str]:
    """Names of what is done to its picture or its sound."""
    names = []
    for child in item.children:
        what, _, adjusted = child.tag.partition("-")
        if not on(child):
            continue
        if what == "filter" and adjusted.partition("-")[0] == kind:
            names.append(child.attributes.get("name") or "filter")
        elif what == "adjust" and (adjusted in _SOUND_ADJUSTMENTS) == (kind == "audio"):
            names += [] if adjusted in _NO_EFFECT or _neutral(child) else [adjusted]
    return names


def _neutral(adjustment: Element) -> bool:
    """Whether a volume is left as it is."""
    amount = adjustment.attributes.get("amount", "0dB")
    return adjustment.tag == "adjust-volume" and amount == "0dB" and not adjustment.children


def layer_above(layer: Sequence[int]) -> tuple[int, ...]:
    """Order of pictures: zeros stand behind, so that what is connected below comes first."""
    return (*layer, *[0] * (8 - len(layer)))[:8]


def layer_beside(layer: Sequence[int]) -> tuple[tuple[bool, int], ...]:
    """Order of sounds: the primary storyline, then below it -1, -2 ..., then 1, 2 ...."""
    return tuple((each > 0, abs(each)) for each in layer)
