"""What a timeline's clips and stems become in FCPXML: asset clips in lanes, on a storyline.

This module must not know documents.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, takewhile
from xml.etree.ElementTree import Element, SubElement

from soundmatte.timelines.fcpxml.files import Files, Use
from soundmatte.timelines.fcpxml.resources import time
from soundmatte.timelines.laying import apart
from soundmatte.timelines.markup import legal
from soundmatte.timelines.timeline import Clip, Source, StemTrack, Timeline, Track, TrackKind

#: Rates that Final Cut conforms, as it writes them.
_CONFORMED = {
    Fraction(24000, 1001): "23.98",
    Fraction(24): "24",
    Fraction(25): "25",
    Fraction(30000, 1001): "29.97",
    Fraction(30): "30",
    Fraction(48000, 1001): "47.95",
    Fraction(48): "48",
    Fraction(50): "50",
    Fraction(60000, 1001): "59.94",
    Fraction(60): "60",
}


@dataclass(frozen=True)
class Laid:
    """A clip in a lane.

    Attributes:
        start, end: frames of the timeline.
        into: seconds of the file before `start`.
        lane: 0 is the primary storyline; below 0 lie sounds.
    """

    kind: TrackKind
    name: str
    source: Source
    rate: Fraction
    start: int
    end: int
    into: Fraction
    lane: int
    speed: Fraction = Fraction(1)
    enabled: bool = True
    role: str = ""
    sample_rate: int | None = None

    @property
    def use(self) -> Use:
        """What of its file it uses."""
        duration = (self.end - self.start) / self.rate
        last = self.into + max(duration * self.speed, Fraction(0))
        return Use(self.kind, self.source, last, self.sample_rate)

    def local(self, files: Files) -> Fraction:
        """Where in its own time it begins."""
        first, length = self.source.start, files.length(self.source)
        if self.speed == 1:
            return first + self.into
        if self.speed == 0:
            return Fraction(0)
        shown = self.into if self.speed > 0 else length - self.into
        return shown / abs(self.speed)

    def element(self, files: Files, offset: Fraction) -> Element:
        """The clip, at a time of what it lies in or is connected to."""
        element = Element("asset-clip", ref=files.name(self.source))
        if self.lane:
            element.set("lane", str(self.lane))
        element.set("offset", time(offset))
        element.set("name", legal(self.name))
        element.set("start", time(self.local(files)))
        element.set("duration", time((self.end - self.start) / self.rate))
        if not self.enabled:
            element.set("enabled", "0")
        if files.both(self.source):
            element.set("srcEnable", self.kind)
        if self.role:
            element.set(f"{self.kind}Role", self.role)
        own = self.source.rate
        if self.kind == "video" and own in _CONFORMED and own != self.rate:
            conform = SubElement(element, "conform-rate", scaleEnabled="0")
            conform.set("srcFrameRate", _CONFORMED[own])
        if self.speed != 1:
            element.append(self._time_map(files))
        return element

    def _time_map(self, files: Files) -> Element:
        first, length = self.source.start, files.length(self.source)
        if self.speed == 0:
            end = (self.end - self.start) / self.rate
            points = [(Fraction(0), first + self.into), (end, first + self.into)]
        else:
            values = (first, first + length)
            ends = values if self.speed > 0 else values[::-1]
            points = [(Fraction(0), ends[0]), (length / abs(self.speed), ends[1])]
        element = Element("timeMap")
        for at, value in points:
            SubElement(element, "timept", time=time(at), value=time(value), interp="linear")
        return element


def carried(clip: Clip) -> bool:
    """Whether a clip can be written at all."""
    return clip.kind == "file" and clip.source is not None and clip.speed is not None


def laid(timeline: Timeline, muted: frozenset[int]) -> list[Laid]:
    """The timeline's own clips: its first picture in the storyline, each other track in a lane."""
    return [clip for track in timeline.tracks for clip in _laid(track, timeline.rate, muted)]


def laid_stems(stems: Sequence[StemTrack], timeline: Timeline, lanes: int) -> list[Laid]:
    """The stems, below `lanes` lanes of sounds."""
    return [
        clip
        for number, track in enumerate(stems, lanes + 1)
        for clip in _stems(track, -number, timeline.rate)
    ]


def connected(
    spine: Element, clips: Sequence[Laid], files: Files, first: Fraction, end: int
) -> None:
    """Fill a storyline, its time beginning at `first`, and connect what lies in lanes to it."""
    primary = sorted((clip for clip in clips if not clip.lane), key=lambda clip: clip.start)
    others = sorted((clip for clip in clips if clip.lane), key=lambda clip: clip.start)
    behind = 0
    for clip in primary:
        if clip.start > behind:
            _gap(spine, behind, clip.start, others, files, first, clip.rate)
        element = clip.element(files, first + clip.start / clip.rate)
        spine.append(element)
        _hang(element, clip.start, clip.end, clip.local(files), others, files)
        behind = clip.end
    if end > behind:
        _gap(spine, behind, end, others, files, first, others[0].rate)


def _gap(
    spine: Element,
    start: int,
    end: int,
    others: Sequence[Laid],
    files: Files,
    first: Fraction,
    rate: Fraction,
) -> None:
    gap = SubElement(spine, "gap", name="Gap", offset=time(first + start / rate), start="0s")
    gap.set("duration", time((end - start) / rate))
    _hang(gap, start, end, Fraction(0), others, files)


def _hang(
    element: Element, start: int, end: int, local: Fraction, others: Sequence[Laid], files: Files
) -> None:
    first = bisect_left(others, start, key=lambda other: other.start)
    for other in takewhile(lambda one: one.start < end, islice(others, first, None)):
        element.append(other.element(files, local + (other.start - start) / other.rate))


def _laid(track: Track, rate: Fraction, muted: frozenset[int]) -> Iterator[Laid]:
    for place in apart(filter(carried, track.clips), rate):
        clip = place.clip
        assert clip.source is not None
        assert clip.speed is not None
        yield Laid(
            kind=track.kind,
            name=clip.name,
            source=clip.source,
            rate=rate,
            start=place.start,
            end=place.end,
            into=clip.into + place.late / rate * clip.speed,
            lane=track.number - 1 if track.kind == "video" else -track.number,
            speed=clip.speed,
            enabled=clip.enabled and track.enabled and clip.number not in muted,
            role=_role(track.name),
        )


def _stems(track: StemTrack, lane: int, rate: Fraction) -> Iterator[Laid]:
    for place in apart(track.clips, rate):
        yield Laid(
            kind="audio",
            name=place.clip.name,
            source=place.clip.source,
            rate=rate,
            start=place.start,
            end=place.end,
            into=place.clip.into + place.late / rate,
            lane=lane,
            role=_role(track.name),
            sample_rate=place.clip.rate,
        )


def _role(name: str) -> str:
    """A track's name as a role; what is behind a dot would be a part of one."""
    return legal(name.replace(".", " "))
