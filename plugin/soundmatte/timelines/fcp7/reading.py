"""FCP7 XML, read.

A sequence counts its clips' `start` and `end` in its own frames from its first, and a clip its `in`
and `out` in those of its own `rate` from its media's first frame, whatever timecode either has.
That holds for Final Cut and Resolve, where a clip's rate is its media's, and for Premiere, where it
is the sequence's; Premiere's `pproTicksIn` says the same exactly. Beside a transition `start` or
`end` is -1: the clip then reaches to the cut, and its `in` or `out` to the far end. A stereo
track of Premiere's stands there as two tracks of one channel each (*exploded*).
This module must not know how such a document is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from soundmatte.timelines.errors import RateMissing, UnreadableTimeline
from soundmatte.timelines.fcp7 import words
from soundmatte.timelines.markup import Document, Element, opened
from soundmatte.timelines.timeline import Channel, Clip, Source, Timeline, Track, TrackKind
from stemmux.timebase import Timecode, drops, frame_at, nearest

_ITEMS = ("clipitem", "generatoritem", "transitionitem")
#: Of a file; what says more is mistaken.
_MOST_CHANNELS = 64
_CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6}


@dataclass(frozen=True)
class Taken:
    """A timeline, and where it stands in its document.

    Attributes:
        places: number of a clip → its elements, one for each channel of an exploded track.
    """

    timeline: Timeline
    document: Document
    sequence: Element
    places: dict[int, tuple[Element, ...]]


def read(path: Path) -> Timeline:
    """The timeline in a document; of several, the first that has clips and is nested in no other.

    Raises:
        UnreadableTimeline: no such document, or none that holds a sequence.
        HostileTimeline: it asks for more than a timeline needs.
        RateMissing: it does not say how many frames make a second.
    """
    return taken(path).timeline


def taken(path: Path) -> Taken:
    """The timeline in a document, with its place there."""
    document = opened(path, "xmeml")
    sequence, others = _chosen(document, path)
    reading = _Reading(document.root, sequence)
    tracks, places = reading.numbered()
    notes = list(reading.notes)
    if others:
        notes.insert(0, f"Only the sequence {sequence.word('name')!r} was read, not {others}.")
    name = sequence.word("name") or path.stem
    picture = sequence.one("media", "video", "format", "samplecharacteristics")
    size = (
        (words.whole(picture, "width"), words.whole(picture, "height")) if picture else (None, None)
    )
    sound = sequence.one("media", "audio", "format", "samplecharacteristics")
    timeline = Timeline(
        name=name,
        rate=reading.rate,
        start=reading.start,
        tracks=tracks,
        size=(size[0], size[1]) if size[0] and size[1] else None,
        sample_rate=words.whole(sound, "samplerate") if sound else None,
        notes=tuple(notes),
    )
    return Taken(timeline, document, sequence, places)


def _chosen(document: Document, path: Path) -> tuple[Element, str]:
    """The sequence to be read, and the names of the others."""
    found = [e for e in document.root.within("clipitem", "sequence") if e.tag == "sequence"]
    found = [sequence for sequence in found if sequence.children]
    if not found:
        raise UnreadableTimeline(
            f"{path.name} holds no sequence.", hint="Export a timeline, not a bin or a clip."
        )
    nested = {
        inner.attributes.get("id")
        for item in document.root.within()
        if item.tag == "clipitem" and (inner := item.one("sequence"))
    }
    found.sort(key=lambda one: (not _has_clips(one), one.attributes.get("id", one) in nested))
    names = [repr(one.word("name")) for one in found[1:]]
    return found[0], ", ".join(names[:5]) + (f" and {len(names) - 5} more" if names[5:] else "")


def _has_clips(sequence: Element) -> bool:
    return any(
        item.tag in _ITEMS
        for kind in ("video", "audio")
        if (media := sequence.one("media", kind))
        for track in media.all("track")
        for item in track.children
    )


@dataclass(frozen=True)
class _Extent:
    """Where a clip lies: frames of the sequence, and how far in from `in` its first lies."""

    start: Fraction
    end: Fraction
    into: Fraction


class _Reading:
    """Reads one sequence."""

    def __init__(self, root: Element, sequence: Element) -> None:
        self._media = sequence.one("media")
        self.notes: dict[str, None] = {}
        rate = (
            words.rate(sequence)
            or words.rate(sequence.one("timecode"))
            or self._clips_rate(sequence)
        )
        if rate is None:
            raise RateMissing(
                f"The sequence {sequence.word('name')!r} does not say its frame rate.",
                hint="Export it again from the editor, as FCP7 XML.",
            )
        self.rate = rate
        start = words.timecode(sequence.one("timecode"), rate) or Timecode(0, rate, drop=False)
        same = nearest(start.rate) == nearest(rate)
        frame = start.frame if same else frame_at(start.time, rate)
        self.start = Timecode(frame, rate, start.drop and drops(rate))
        self._described = described(root)
        self._sources: dict[Element, Source] = {}

    @staticmethod
    def _clips_rate(sequence: Element) -> Fraction | None:
        rates = (words.rate(e) for e in sequence.within() if e.tag == "clipitem")
        return next((rate for rate in rates if rate), None)

    def numbered(self) -> tuple[tuple[Track, ...], dict[int, tuple[Element, ...]]]:
        """The tracks, their clips counted, and where each clip stands."""
        tracks: list[Track] = []
        places: dict[int, tuple[Element, ...]] = {}
        kinds: tuple[TrackKind, ...] = ("video", "audio")
        for kind in kinds:
            for number, together in enumerate(self._tracks(kind), 1):
                found = sorted(self._clips(together), key=lambda pair: pair[0].record)
                clips = []
                for clip, elements in found:
                    clips.append(replace(clip, number=len(places) + 1))
                    places[len(places) + 1] = elements
                tracks.append(_track(together, kind, number, tuple(clips)))
        return tuple(tracks), places

    def _tracks(self, kind: TrackKind) -> Iterator[tuple[Element, ...]]:
        """Each track, or the tracks that are one exploded."""
        media = self._media.one(kind) if self._media else None
        tracks = media.all("track") if media else []
        while tracks:
            count = _whole_attribute(tracks[0], "totalExplodedTrackCount")
            together = tuple(tracks[:count])
            if len(together) != count or not _exploded(together):
                together = (tracks[0],)
            yield together
            tracks = tracks[len(together) :]

    def _clips(self, together: Sequence[Element]) -> Iterator[tuple[Clip, tuple[Element, ...]]]:
        rows = [track.all(*_ITEMS) for track in together]
        # A clip too may be named by the id of one that is like it.
        told = [i if i.children else self._described.get(key_of(i), i) for i in rows[0]]
        for at, item in enumerate(told):
            if item.tag == "transitionitem":
                continue
            before, after = _beside(told, at)
            speed, base = self._speed(item), words.rate(item) or self.rate
            extent = self._extent(item, base, before, after)
            if extent is None or extent.end <= extent.start:
                self.notes["Clips without a place of their own on the timeline are left out."] = (
                    None
                )
                continue
            clip = self._clip(item, extent, speed, base)
            beside = [t.word("effect", "name") or "transition" for t in (before, after) if t]
            clip = replace(
                clip,
                effects=tuple(dict.fromkeys((*clip.effects, *beside))),
                channels=_channels([item, *(row[at] for row in rows[1:])]),
            )
            yield clip, tuple(row[at] for row in rows)

    def _extent(
        self, item: Element, base: Fraction, before: Element | None, after: Element | None
    ) -> _Extent | None:
        start, end = words.place(item, "start"), words.place(item, "end")
        first, last = words.place(item, "in"), words.place(item, "out")
        length = None
        if first is not None and last is not None:
            length = (last - first) / base * self.rate
        if start is None and before is None:
            start = end - length if end is not None and length is not None else None
        if end is None and after is None:
            end = start + length if start is not None and length is not None else None
        cut_before = _cut(before) if start is None and before else start
        cut_after = _cut(after) if end is None and after else end
        if cut_before is None or cut_after is None:
            return None
        if start is not None or before is None or length is None:
            return _Extent(cut_before, cut_after, Fraction(0))
        # By the book `in` is where the transition begins; some writers mean the cut.
        far = words.place(after, "end") if after and end is None else cut_after
        begin = words.place(before, "start")
        if begin is None or far is None:
            return _Extent(cut_before, cut_after, Fraction(0))
        by_the_book = abs(far - begin - length) <= abs(cut_after - cut_before - length)
        return _Extent(cut_before, cut_after, cut_before - begin if by_the_book else Fraction(0))

    def _clip(self, item: Element, extent: _Extent, speed: Fraction | None, base: Fraction) -> Clip:
        file = self._file(item)
        nested = item.one("sequence") or item.one("multiclip")
        source = None if nested or file is None else self._source(file, item, base)
        return Clip(
            number=0,
            name=item.word("name") or (file.word("name") if file else ""),
            kind="nested" if nested else "file" if source else "generator",
            source=source,
            record=extent.start / self.rate,
            duration=(extent.end - extent.start) / self.rate,
            into=self._into(item, extent, speed, base, source) if source else Fraction(0),
            speed=speed,
            enabled=words.true(item.word("enabled"), True),
            effects=_effects(item),
        )

    def _into(
        self, item: Element, extent: _Extent, speed: Fraction | None, base: Fraction, source: Source
    ) -> Fraction:
        first, ticks = words.place(item, "in"), words.place(item, "pproTicksIn")
        into = (first or 0) / base
        # Other programs move `in` and leave the ticks behind.
        if ticks is not None and (first is None or abs(ticks / words.TICKS - into) < 1 / base):
            into = ticks / words.TICKS
        into += extent.into / self.rate
        if not speed:
            return into
        # A retimed clip counts in time as it is shown; backwards, from the file's end.
        return into * speed if speed > 0 else (source.duration or 0) + into * speed

    @staticmethod
    def _speed(item: Element) -> Fraction | None:
        if words.true(item.word("stillframe"), False):
            return Fraction(0)
        for each in item.all("filter"):
            effect = each.one("effect")
            if effect is None or effect.word("effectid") != "timeremap":
                continue
            if not words.true(each.word("enabled"), True):
                continue
            values = {p.word("parameterid"): p.word("value") for p in effect.all("parameter")}
            percent = words.number(values.get("speed", ""))
            if words.true(values.get("variablespeed", ""), False) or percent is None:
                return None
            back = words.true(values.get("reverse", ""), False) and percent > 0
            return percent / (-100 if back else 100)
        return Fraction(1)

    def _file(self, item: Element) -> Element | None:
        file = item.one("file")
        if file is None:
            return None
        file = self._described.get(key_of(file), file)
        # What Premiere makes itself has a file in name only.
        return None if file.one("mediaSource") and not file.word("pathurl") else file

    def _source(self, file: Element, item: Element, base: Fraction) -> Source:
        if file not in self._sources:
            own = words.rate(file)
            rate = own or base
            timecode, frames = (
                words.timecode(file.one("timecode"), rate),
                words.number(file.word("duration")),
            )
            sounds = file.one("media")
            audios = sounds.all("audio") if sounds else []
            channels = sum(words.whole(audio, "channelcount") or 0 for audio in audios)
            self._sources[file] = Source(
                name=file.word("name") or item.word("name"),
                target=file.word("pathurl"),
                start=timecode.time if timecode else Fraction(0),
                duration=frames / rate if frames else None,
                rate=own,
                channels=channels if 0 < channels <= _MOST_CHANNELS else None,
            )
        return self._sources[file]


def key_of(element: Element) -> tuple[str, str]:
    """What an element that is described elsewhere is known by."""
    return element.tag, element.attributes.get("id", "")


def described(root: Element) -> dict[tuple[str, str], Element]:
    """What is described once, and then named by its id."""
    found: dict[tuple[str, str], Element] = {}
    for element in root.within():
        named = element.tag in ("file", "sequence", "clipitem") and "id" in element.attributes
        if named and element.children:
            found.setdefault(key_of(element), element)
    return found


def _track(
    together: Sequence[Element], kind: TrackKind, number: int, clips: tuple[Clip, ...]
) -> Track:
    first = together[0]
    channels = None
    if kind == "audio":
        named = first.attributes.get("premiereTrackType", "").lower()
        channels = len(together) if len(together) > 1 else _CHANNELS.get(named)
    return Track(
        kind=kind,
        number=number,
        name=first.attributes.get("MZ.TrackName", ""),
        clips=clips,
        channels=channels,
        enabled=words.true(first.word("enabled"), True),
    )


def _whole_attribute(element: Element, name: str) -> int:
    text = element.attributes.get(name, "")
    return int(text) if re.fullmatch(r"[1-9]\d?", text) else 1


def _exploded(tracks: Sequence[Element]) -> bool:
    """Whether the tracks are one in channels: numbered from 0, with the same clips."""
    numbers = [track.attributes.get("currentExplodedTrackIndex") for track in tracks]
    if numbers != [str(number) for number in range(len(tracks))]:
        return False
    ranges = [[(i.tag, i.word("start"), i.word("end")) for i in t.all(*_ITEMS)] for t in tracks]
    return all(each == ranges[0] for each in ranges)


def _beside(row: Sequence[Element], at: int) -> tuple[Element | None, Element | None]:
    """The transitions at a clip's beginning and end."""
    before = row[at - 1] if at else None
    after = row[at + 1] if at + 1 < len(row) else None
    return (
        before if before and before.tag == "transitionitem" else None,
        after if after and after.tag == "transitionitem" else None,
    )


def _channels(items: Sequence[Element]) -> tuple[Channel, ...]:
    """The channels of their file that clips of a sound play, one each."""
    said = [
        words.whole(item, "sourcetrack", "trackindex")
        for item in items
        if item.word("sourcetrack", "mediatype") == "audio"
    ]
    return tuple(Channel(number) for number in said if number)


def _cut(transition: Element) -> Fraction | None:
    start, end = words.place(transition, "start"), words.place(transition, "end")
    if start is None or end is None:
        return None
    alignment = transition.word("alignment")
    if alignment.startswith("start"):
        return start
    return end if alignment.startswith("end") else Fraction((start + end) // 2)


def _effects(item: Element) -> tuple[str, ...]:
    names = []
    for each in item.all("filter"):
        effect = each.one("effect")
        if (
            effect
            and effect.word("effectid") != "timeremap"
            and words.true(each.word("enabled"), True)
        ):
            names.append(effect.word("name") or "effect")
    mode = item.word("compositemode")
    return tuple(dict.fromkeys(names + ([mode] if mode not in ("", "normal") else [])))
