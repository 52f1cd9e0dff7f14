"""The story elements of FCPXML, followed into one another until files are reached.

Every element has a time of its own. Its `offset` counts in its parent's time, its `start` is where
in its own time it begins, and what is connected to it counts in that. Two things bend time: a
`conform-rate` that shows each frame of another rate for a frame of the timeline (so that its time
passes slower or faster), and a `timeMap` from an element's time to its file's. A `clip` or
`sync-clip` shows of what it contains only what lies in its range; what is connected to it lies as
it is. This module must not know tracks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction

from soundmatte.timelines.fcpxml import elements
from soundmatte.timelines.fcpxml.resources import Asset, Resources, on, seconds
from soundmatte.timelines.markup import Element
from soundmatte.timelines.timeline import Clip, TrackKind


@dataclass(frozen=True)
class Clock:
    """Where a time of an element's own lies on the timeline.

    Attributes:
        record: seconds on the timeline at which its time is `local`.
        pace: seconds of its time that pass in one of the timeline.
    """

    record: Fraction
    local: Fraction
    pace: Fraction = Fraction(1)

    def at(self, local: Fraction) -> Fraction:
        """Seconds on the timeline."""
        return self.record + (local - self.local) / self.pace

    def shows(self, record: Fraction) -> Fraction:
        """The element's own time at `record`."""
        return self.local + (record - self.record) * self.pace


@dataclass(frozen=True)
class Found:
    """A clip, and where it comes from.

    Attributes:
        clip: not counted yet.
        layer: lanes on the way to it, outermost first, without zeros behind.
        role: of its picture or sound.
        whole: the element stands for picture and sound together.
    """

    kind: TrackKind
    clip: Clip
    layer: tuple[int, ...]
    role: str
    element: Element
    whole: bool


@dataclass(frozen=True)
class Anchor:
    """An element of the primary storyline that others can be connected to."""

    element: Element
    clock: Clock
    end: Fraction


@dataclass(frozen=True)
class _Around:
    """What surrounds an element.

    Attributes:
        rate: frames per second that its parent counts in.
        base: the layer that lanes of what is connected to it count from.
        window: what of the timeline its holder shows.
        sure: the speed of its time is known.
        silent: roles that its holder does not let sound, and those of what is connected in there.
        beside: names of transitions at its ends.
    """

    rate: Fraction
    base: tuple[int, ...] = ()
    layer: tuple[int, ...] = ()
    enabled: bool = True
    window: tuple[Fraction, Fraction] | None = None
    sure: bool = True
    silent: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    beside: tuple[str, ...] = ()

    def connected(self, lane: int) -> _Around:
        """What surrounds an element in a lane of this one."""
        layer = (*self.base, lane)
        silent = (self.silent[1], self.silent[1])
        return replace(self, base=layer, layer=layer, silent=silent, beside=())


@dataclass
class Story:
    """Follows the storylines of one sequence.

    Attributes:
        found: every clip, in the order of the document.
        anchors: the primary storyline, gaps included.
    """

    resources: Resources
    found: list[Found] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)

    def follow(self, spine: Element, start: Fraction, rate: Fraction) -> None:
        """Follow the primary storyline, whose time begins at `start`."""
        self.anchors += self._storyline(spine, Clock(Fraction(0), start), _Around(rate))

    def _storyline(self, spine: Element, clock: Clock, around: _Around) -> list[Anchor]:
        transitions = elements.transitions(spine)
        anchors, behind = [], clock.local
        for outer, item in elements.items(spine):
            begin = seconds(outer, "offset", behind)
            end = behind = begin + self._length(item)
            beside = [n for a, b, n in transitions if a <= begin <= b or a <= end <= b]
            own = self._item(item, clock, begin, replace(around, beside=tuple(beside)))
            anchors.append(Anchor(item, own, clock.at(end)))
        return anchors

    def _item(self, item: Element, parent: Clock, begin: Fraction, around: _Around) -> Clock:
        """Follow one element; its clock."""
        pace = elements.pace(item, around.rate, self._rate(item))
        own = Clock(parent.at(begin), self._start(item), parent.pace * (pace or 1))
        end = parent.at(begin + self._length(item))
        value, slope = elements.mapped(item, own.local, own.shows(end))
        inner = Clock(own.record, value, own.pace * (1 if slope is None else slope))
        # How the two ways to bend time go together is not written anywhere.
        sure = slope is not None and pace is not None and (pace == 1 or slope == 1)
        within = replace(around, enabled=around.enabled and on(item), sure=around.sure and sure)
        if item.tag in elements.HOLDERS:
            self._contents(item, inner, (own.record, end), within)
        elif item.tag != "gap":
            self._clips(item, own, inner, end, within)
        # What is connected to a disabled clip is seen and heard all the same.
        self._connected(item, own, around)
        return own

    def _contents(
        self, holder: Element, clock: Clock, shown: tuple[Fraction, Fraction], around: _Around
    ) -> None:
        if around.window:
            shown = max(shown[0], around.window[0]), min(shown[1], around.window[1])
        if clock.pace <= 0:
            clock = replace(clock, pace=Fraction(1))
            around = replace(around, sure=False)
        layer = around.layer or (0,)
        inside = replace(
            around,
            rate=self._rate(holder) or around.rate,
            base=layer,
            layer=layer,
            window=shown,
            silent=elements.silenced(holder),
        )
        for outer, item in elements.items(holder):
            if elements.lane(outer) == 0:
                self._item(item, clock, seconds(outer, "offset", Fraction(0)), inside)
        for spine in holder.all("spine"):
            if elements.lane(spine) == 0:
                self._secondary(spine, clock, seconds(spine, "offset", Fraction(0)), inside)

    def _connected(self, item: Element, own: Clock, around: _Around) -> None:
        for outer, child in elements.items(item):
            lane = elements.lane(outer)
            if lane or item.tag not in elements.HOLDERS:
                begin = seconds(outer, "offset", own.local)
                self._item(child, own, begin, around.connected(lane))
        for spine in item.all("spine"):
            lane = elements.lane(spine)
            if lane or item.tag not in elements.HOLDERS:
                begin = seconds(spine, "offset", own.local)
                self._secondary(spine, own, begin, around.connected(lane))

    def _secondary(self, spine: Element, parent: Clock, begin: Fraction, around: _Around) -> None:
        """Follow a storyline that is connected; its time begins at 0."""
        self._storyline(spine, Clock(parent.at(begin), Fraction(0), parent.pace), around)

    def _clips(
        self, item: Element, own: Clock, inner: Clock, end: Fraction, around: _Around
    ) -> None:
        """The clips that an element is itself."""
        asset = self.resources.asset(item.attributes.get("ref"))
        kinds = elements.kinds(item, asset)
        for kind in kinds:
            record, last = own.record, end
            if kind == "audio" and "audioStart" in item.attributes:
                first = seconds(item, "audioStart", own.local)
                long = seconds(item, "audioDuration", own.shows(end) - own.local)
                record, last = own.at(first), own.at(first + long)
            if around.window:
                record, last = max(record, around.window[0]), min(last, around.window[1])
            if last > record:
                clip = _clip(item, kind, asset, inner, (record, last), around)
                role = elements.role(item, kind)
                layer = _trimmed(around.layer)
                self.found.append(Found(kind, clip, layer, role, item, len(kinds) > 1))

    def _rate(self, item: Element) -> Fraction | None:
        """Frames per second of what an element shows."""
        asset = self.resources.asset(item.attributes.get("ref"))
        rate = self.resources.rate(item.attributes.get("format"))
        return rate or (asset.source.rate if asset else None)

    def _start(self, item: Element) -> Fraction:
        ref = item.attributes.get("ref")
        asset = self.resources.asset(ref)
        return seconds(item, "start", asset.source.start if asset else self.resources.first(ref))

    def _length(self, item: Element) -> Fraction:
        asset, whole = self.resources.asset(item.attributes.get("ref")), Fraction(0)
        if asset and asset.source.duration:
            whole = asset.source.start + asset.source.duration - self._start(item)
        return seconds(item, "duration", whole)


def _clip(
    item: Element,
    kind: TrackKind,
    asset: Asset | None,
    inner: Clock,
    shown: tuple[Fraction, Fraction],
    around: _Around,
) -> Clip:
    source = asset.source if asset else None
    heard = kind == "video" or elements.heard(item, around.silent[0])
    nested = item.tag in elements.NESTED
    return Clip(
        number=0,
        name=item.attributes.get("name") or (source.name if source else item.tag),
        kind="nested" if nested else "file" if source else "generator",
        source=source,
        record=shown[0],
        duration=shown[1] - shown[0],
        into=inner.shows(shown[0]) - source.start if source else Fraction(0),
        speed=inner.pace if around.sure else None,
        enabled=around.enabled and heard,
        effects=_once([*elements.effects(item, kind), *around.beside]),
        channels=elements.channels(item) if kind == "audio" and source else (),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _trimmed(layer: tuple[int, ...]) -> tuple[int, ...]:
    while layer and layer[-1] == 0:
        layer = layer[:-1]
    return layer
