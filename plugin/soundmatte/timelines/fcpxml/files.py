"""The resources of a new FCPXML document: an asset for each file, a format for each rate.

This module must not know where the files are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import Protocol
from xml.etree.ElementTree import Element, SubElement

from soundmatte.timelines.fcpxml.resources import time
from soundmatte.timelines.losses import PRESUMED_SIZE
from soundmatte.timelines.markup import legal
from soundmatte.timelines.timeline import Source, TrackKind
from soundmatte.timelines.urls import file_url


@dataclass(frozen=True)
class Use:
    """What of a file is used: its picture or sound, up to `end` seconds from its beginning."""

    kind: TrackKind
    source: Source
    end: Fraction
    sample_rate: int | None


class User(Protocol):
    """Something that uses a file."""

    @property
    def use(self) -> Use:
        """What of it."""


@dataclass
class Files:
    """Assets and formats, named as they are used.

    Attributes:
        rate, size: of the timeline.
        taken: ids that a document has already.
        old: an asset says itself where its file is.
        new: the resources that were made, in their order.
    """

    rate: Fraction
    size: tuple[int, int] | None
    taken: set[str] = field(default_factory=set)
    old: bool = False
    new: list[Element] = field(default_factory=list)
    _forms: dict[Fraction, str] = field(default_factory=dict)
    _names: dict[Source, str] = field(default_factory=dict)
    _uses: dict[Source, list[Use]] = field(default_factory=dict)

    def use(self, users: Iterable[User]) -> None:
        """Make what the users need."""
        for user in users:
            self._uses.setdefault(user.use.source, []).append(user.use)
        for source, uses in self._uses.items():
            if source not in self._names:
                self._names[source] = self._asset(source, uses)

    def resources(self) -> Element:
        """All that was made, the timeline's format first."""
        self.form(self.rate)
        element = Element("resources")
        element.extend(sorted(self.new, key=lambda one: one.tag != "format"))
        return element

    def form(self, rate: Fraction) -> str:
        """The id of the format of a rate."""
        if rate not in self._forms:
            name = self._forms[rate] = self._new_id()
            width, height = self.size or PRESUMED_SIZE
            form = Element("format", id=name, frameDuration=time(1 / rate))
            form.set("width", str(width))
            form.set("height", str(height))
            self.new.append(form)
        return self._forms[rate]

    def name(self, source: Source) -> str:
        """The id of a file."""
        return self._names[source]

    def length(self, source: Source) -> Fraction:
        """Seconds of a file: as said, or at least as far as it is used."""
        return source.duration or max(use.end for use in self._uses[source])

    def both(self, source: Source) -> bool:
        """Whether picture and sound of a file are used."""
        return len({use.kind for use in self._uses[source]}) > 1

    def _new_id(self) -> str:
        name = next(name for number in count(1) if (name := f"r{number}") not in self.taken)
        self.taken.add(name)
        return name

    def _asset(self, source: Source, uses: list[Use]) -> str:
        kinds = {use.kind for use in uses}
        form = self.form(source.rate or self.rate) if "video" in kinds else None
        name = self._new_id()
        asset = Element("asset", id=name, name=legal(source.name), start=time(source.start))
        asset.set("duration", time(self.length(source)))
        if form:
            asset.set("hasVideo", "1")
            asset.set("format", form)
            asset.set("videoSources", "1")
        if "audio" in kinds:
            asset.set("hasAudio", "1")
            asset.set("audioSources", "1")
            if source.channels:
                asset.set("audioChannels", str(source.channels))
            rates = [use.sample_rate for use in uses if use.sample_rate]
            if rates:
                asset.set("audioRate", str(rates[0]))
        url = file_url(source.target or source.name)
        if self.old:
            asset.set("src", url)
        else:
            SubElement(asset, "media-rep", kind="original-media", src=url)
        self.new.append(asset)
        return name
