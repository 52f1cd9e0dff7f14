"""The tracks of FCP7 XML: rows of pieces as elements, with ids, files and links.

An audio clip of this format is one channel of its file, so a stereo track is two tracks, linked and
marked as Premiere does it (*exploded*), and Premiere makes one of them again. Resolve writes one
clip for all channels. This module must not know documents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from xml.etree.ElementTree import Element, SubElement

from soundmatte.timelines.fcp7.layout import Piece, Row, sayable, timebase
from soundmatte.timelines.fcp7.words import TICKS
from soundmatte.timelines.markup import legal
from soundmatte.timelines.timeline import Source
from soundmatte.timelines.urls import file_url
from stemmux.timebase import Timecode, frame_at

#: Tracks and their clips as Premiere names them by their channels.
_TRACK_TYPES = {1: "Mono", 2: "Stereo", 6: "5.1"}


@dataclass
class _Item:
    """A clip item to be: a channel of a piece, and where it is counted."""

    piece: Piece
    row: Row
    channel: int
    track: int
    index: int
    name: str

    @property
    def together(self) -> tuple[object, ...]:
        """Equal for picture and channels of one range of one file."""
        piece = self.piece
        return piece.source, piece.start, piece.end, piece.into, piece.speed


@dataclass
class Maker:
    """Makes tracks, counting on from what a document has.

    Attributes:
        whole: one clip for all channels of a file.
        tracks: audio tracks that are there.
        taken: ids that are.
    """

    rate: Fraction
    drop: bool
    whole: bool = False
    tracks: int = 0
    taken: set[str] = field(default_factory=set)
    end: int = 0
    audio: list[Row] = field(default_factory=list)
    _files: dict[Source, str] = field(default_factory=dict)
    _seen: set[Source] = field(default_factory=set)
    _heard: set[Source] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def laid(self, all_rows: Sequence[Row]) -> list[tuple[str, Element]]:
        """Every track of the rows, and its kind."""
        self.audio = [row for row in all_rows if row.kind == "audio"]
        for row in all_rows:
            sources = self._heard if row.kind == "audio" else self._seen
            sources.update(piece.source for piece in row.pieces)
        counted = [*self._counted([row for row in all_rows if row.kind == "video"], 0)]
        counted += self._counted(self.audio, self.tracks)
        groups: dict[object, list[_Item]] = {}
        for _, _, items in counted:
            for item in items:
                groups.setdefault(item.together, []).append(item)
                self.end = max(self.end, item.piece.end)
        return [(row.kind, self._track(row, ch, items, groups)) for row, ch, items in counted]

    def _counted(
        self, of_kind: Sequence[Row], track: int
    ) -> Iterator[tuple[Row, int, list[_Item]]]:
        for row in of_kind:
            alone = row.kind == "video" or self.whole
            for channel in range(1 if alone else row.channels):
                track += 1
                yield (
                    row,
                    channel,
                    [
                        _Item(piece, row, channel, track, index, self._new("clipitem"))
                        for index, piece in enumerate(row.pieces, 1)
                    ],
                )

    def _new(self, what: str) -> str:
        return next(name for n in self._numbers if (name := f"{what}-{n}") not in self.taken)

    def _track(
        self, row: Row, channel: int, items: Sequence[_Item], groups: dict[object, list[_Item]]
    ) -> Element:
        track = Element("track")
        if row.kind == "audio" and not self.whole:
            track.set("currentExplodedTrackIndex", str(channel))
            track.set("totalExplodedTrackCount", str(row.channels))
            track.set("premiereTrackType", _TRACK_TYPES.get(row.channels, "Multichannel"))
        if row.name:
            track.set("MZ.TrackName", legal(row.name))
        for item in items:
            track.append(self._item(item, groups[item.together]))
        add_switches(track, row.enabled)
        if row.kind == "audio" and not self.whole:
            add_words(track, outputchannelindex=channel % 2 + 1)
        return track

    def _item(self, item: _Item, group: Sequence[_Item]) -> Element:
        piece, kind = item.piece, item.row.kind
        rate = self._own_rate(piece)
        first = frame_at(_shown(piece), rate)
        last = first + frame_at(Fraction(piece.end - piece.start) / self.rate, rate)
        length = (piece.source.duration or 0) / abs(piece.speed)
        element = Element("clipitem", id=item.name)
        if kind == "audio" and not self.whole:
            kind_of_track = _TRACK_TYPES.get(item.row.channels, "Multichannel")
            element.set("premiereChannelType", kind_of_track.lower())
        add_words(element, name=piece.name, enabled=truth(piece.enabled))
        add_words(element, duration=max(math.floor(length * rate), last))
        add_rate(element, *timebase(rate))
        add_words(element, start=piece.start, end=piece.end, **{"in": first, "out": last})
        ticks = round(_shown(piece) * TICKS)
        long = round(Fraction(piece.end - piece.start) / self.rate * TICKS)
        add_words(element, pproTicksIn=ticks, pproTicksOut=ticks + long)
        element.append(self._file(piece))
        source = SubElement(element, "sourcetrack")
        add_words(source, mediatype=kind, trackindex=item.channel + 1)
        if piece.speed != 1:
            element.append(_retimed(piece.speed, kind))
        if len(group) > 1:
            for other in group:
                element.append(_link(other))
        return element

    def _own_rate(self, piece: Piece) -> Fraction:
        """Of the file, where it has one that the format can say; else the timeline's."""
        rate = piece.source.rate
        return rate if rate is not None and sayable(rate) else self.rate

    def _file(self, piece: Piece) -> Element:
        source = piece.source
        known = self._files.get(source)
        if known:
            return Element("file", id=known)
        self._files[source] = self._new("file")
        rate = self._own_rate(piece)
        element = Element("file", id=self._files[source])
        add_words(
            element,
            name=source.name,
            pathurl=file_url(source.target or source.name, host="localhost"),
        )
        add_rate(element, *timebase(rate))
        if source.duration is not None:
            add_words(element, duration=math.floor(source.duration * rate))
        drop = self.drop and rate == self.rate
        add_timecode(element, Timecode(frame_at(source.start, rate), rate, drop))
        media = SubElement(element, "media")
        if source in self._seen:
            SubElement(media, "video")
        if source in self._heard:
            audio = SubElement(media, "audio")
            if piece.sample_rate is not None:
                add_words(SubElement(audio, "samplecharacteristics"), samplerate=piece.sample_rate)
            if source.channels:
                add_words(audio, channelcount=source.channels)
        return element


def _shown(piece: Piece) -> Fraction:
    """Seconds to where a piece begins, of its file as it is shown: slower, faster or backwards."""
    if piece.speed > 0:
        return piece.into / piece.speed
    return ((piece.source.duration or 0) - piece.into) / -piece.speed


def add_words(parent: Element, **texts: object) -> None:
    """Give an element children with these texts."""
    for tag, text in texts.items():
        SubElement(parent, tag).text = legal(str(text))


def truth(value: bool) -> str:
    """A switch as the format says it."""
    return "TRUE" if value else "FALSE"


def add_rate(parent: Element, base: int, ntsc: bool) -> None:
    """Give an element a rate."""
    add_words(SubElement(parent, "rate"), timebase=base, ntsc=truth(ntsc))


def add_timecode(parent: Element, start: Timecode) -> None:
    """Give an element a timecode, with its own rate."""
    element = SubElement(parent, "timecode")
    add_rate(element, *timebase(start.rate))
    add_words(element, string=start, frame=start.frame)
    add_words(element, displayformat="DF" if start.drop else "NDF")


def add_switches(track: Element, enabled: bool) -> None:
    """Give a track its end: whether it is seen or heard."""
    add_words(track, enabled=truth(enabled), locked="FALSE")


def _link(item: _Item) -> Element:
    element = Element("link")
    add_words(element, linkclipref=item.name, mediatype=item.row.kind)
    add_words(element, trackindex=item.track, clipindex=item.index)
    if item.row.kind == "audio":
        add_words(element, groupindex=1)
    return element


def _retimed(speed: Fraction, kind: str) -> Element:
    element = Element("filter")
    effect = SubElement(element, "effect")
    add_words(effect, name="Time Remap", effectid="timeremap", effectcategory="motion")
    add_words(effect, effecttype="motion", mediatype=kind)
    percent = f"{float(abs(speed) * 100):.10f}".rstrip("0").rstrip(".")
    values = {"variablespeed": "0", "speed": percent, "reverse": truth(speed < 0)}
    for name, value in (values | {"frameblending": "FALSE"}).items():
        add_words(SubElement(effect, "parameter"), parameterid=name, name=name, value=value)
    return element
