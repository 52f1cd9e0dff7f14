"""What an FCPXML document names once and refers to: times, formats, and the files behind clips.

This module must not know where on a timeline they are used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from soundmatte.timelines.errors import UnreadableTimeline
from soundmatte.timelines.markup import Element
from soundmatte.timelines.timeline import Source
from stemmux.errors import TimeError
from stemmux.timebase import frame_rate

#: A time: seconds, whole, in decimals or as a fraction; in the standard 64 bits over 32.
_TIME = re.compile(r"(-?\d{1,19})(?:\.(\d{1,12})|/(\d{1,10}))?s?")
_MOST_PARTS = 2**31 - 1


def seconds(element: Element, name: str, otherwise: Fraction) -> Fraction:
    """The time in an attribute; `otherwise` where it is missing.

    Raises:
        UnreadableTimeline: it is no time.
    """
    text = element.attributes.get(name)
    if text is None:
        return otherwise
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[3] is not None and int(found[3]) == 0):
        raise UnreadableTimeline(
            f"{name}={text[:40]!r} of <{element.tag}> is no time.",
            hint="Export the timeline again from the editor.",
        )
    if found[2] is not None:
        return Fraction(f"{found[1]}.{found[2]}")
    return Fraction(int(found[1]), int(found[3] or 1))


def time(value: Fraction) -> str:
    """A time as an attribute says it."""
    if value.denominator > _MOST_PARTS:
        value = value.limit_denominator(_MOST_PARTS)
    parts = f"/{value.denominator}" if value.denominator != 1 else ""
    return f"{value.numerator}{parts}s"


def on(element: Element, name: str = "enabled") -> bool:
    """Whether a switch that is on unless said otherwise is on."""
    return element.attributes.get(name) != "0"


@dataclass(frozen=True)
class Asset:
    """A file, and which of picture and sound it has."""

    source: Source
    picture: bool
    sound: bool


class Resources:
    """The resources of a document, by their ids."""

    def __init__(self, root: Element) -> None:
        holder = root.one("resources")
        found = holder.children if holder else []
        self._all = {one.attributes["id"]: one for one in found if "id" in one.attributes}
        self._assets: dict[str, Asset] = {}

    def format(self, name: str | None) -> Element | None:
        """The format of an id."""
        found = self._all.get(name or "")
        return found if found and found.tag == "format" else None

    def rate(self, name: str | None) -> Fraction | None:
        """Frames per second of a format; None where it has none, as sound has none."""
        form = self.format(name)
        duration = seconds(form, "frameDuration", Fraction(0)) if form else Fraction(0)
        try:
            return frame_rate(1 / duration) if duration > 0 else None
        except TimeError:
            return None

    def size(self, name: str | None) -> tuple[int, int] | None:
        """Width and height of a format in pixels."""
        form = self.format(name)
        sides = [form.attributes.get(side, "") if form else "" for side in ("width", "height")]
        if not all(re.fullmatch(r"[1-9]\d{0,5}", side) for side in sides):
            return None
        return int(sides[0]), int(sides[1])

    def first(self, name: str | None) -> Fraction:
        """Where the time of a compound or multicam clip begins."""
        media = self._all.get(name or "")
        inner = (media.one("sequence") or media.one("multicam")) if media else None
        return seconds(inner, "tcStart", Fraction(0)) if inner else Fraction(0)

    def asset(self, name: str | None) -> Asset | None:
        """The file of an id; None where it is no file's."""
        if name is None or name not in self._all or self._all[name].tag != "asset":
            return None
        if name not in self._assets:
            self._assets[name] = self._asset(self._all[name])
        return self._assets[name]

    def _asset(self, element: Element) -> Asset:
        attributes = element.attributes
        representations = element.all("media-rep")
        original = [r for r in representations if r.attributes.get("kind") != "proxy-media"]
        at = (original or representations or [element])[0].attributes.get("src", "")
        duration = seconds(element, "duration", Fraction(0))
        channels = attributes.get("audioChannels", "")
        picture = attributes.get("hasVideo") == "1"
        source = Source(
            name=attributes.get("name") or at.rpartition("/")[2],
            target=at,
            start=seconds(element, "start", Fraction(0)),
            duration=duration or None,
            rate=self.rate(attributes.get("format")) if picture else None,
            channels=int(channels) if re.fullmatch(r"[1-9]\d?", channels) else None,
        )
        return Asset(source, picture, attributes.get("hasAudio") == "1")
