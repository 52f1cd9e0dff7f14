"""Kdenlive projects, written only; MLT plays them too, and so do all that stand on it.

A project is an MLT document: producers read files, playlists lay ranges of them on tracks, a
tractor mixes the tracks, and properties named `kdenlive:…` say what Kdenlive shows. Written is
document version 1.04, that of Kdenlive 22.12: every later one takes it over, whereas 22.12 refuses
what later ones write. All in it is counted in whole frames of the timeline.

This module must not know whether a file is there.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from soundmatte.timelines.errors import MediaMissing, NotWritable
from soundmatte.timelines.media import address
from soundmatte.timelines.timeline import Clip, StemTrack, Timeline, Track
from stemmux.timebase import frame_at

_VERSION = "1.04"
#: What XML 1.0 cannot hold; a carriage return would come back as something else.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
#: Read by MLT as pictures; everything else by ffmpeg.
_STILLS = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".tga", ".tif", ".tiff"))
#: Channels that a project may have.
_WIDTHS = (2, 4, 6)
#: Kdenlive's mark on what it makes by itself and shows nobody.
_INTERNAL = {"internal_added": 237}
#: Frames of what never ends.
_ENDLESS = 2**31 - 1
#: Numbers below belong to the project itself.
_FIRST_ID = 4

#: What a project cannot carry, and what becomes of it.
LOSSES: Final = (
    ("start", "A Kdenlive timeline begins at 00:00:00:00, whatever its start timecode was."),
    ("sample_rate", "A Kdenlive project does not say its sample rate."),
    ("speed", "Clips at another speed are left out; a gap as long is in their place."),
    ("nested", "Nested timelines are left out; a gap as long is in their place."),
    ("generator", "Titles and generators are left out; a gap as long is in their place."),
    ("effects", "Effects and transitions are left out."),
    ("between", "What lies between two frames of the timeline is moved to the nearest."),
    ("overlap", "Where two clips overlap on one track, the second begins later."),
    ("channels", "A Kdenlive project has 2, 4 or 6 channels; what has more is mixed down."),
    ("names", "Clips are called as their files are."),
    ("links", "The picture and the sound of a clip are not linked."),
)


def lost(timeline: Timeline) -> tuple[str, ...]:
    """What this timeline loses in a project."""
    clips = [clip for track in timeline.tracks for clip in track.clips]
    files = [clip for clip in clips if clip.kind == "file"]
    there = {
        "start": timeline.start.frame != 0,
        "sample_rate": timeline.sample_rate is not None,
        "speed": any(clip.speed != 1 for clip in files),
        "nested": any(clip.kind == "nested" for clip in clips),
        "generator": any(clip.kind == "generator" for clip in clips),
        "effects": any(clip.effects for clip in clips),
        "between": any(_between(clip, timeline.rate) for clip in clips),
        "overlap": any(_overlaps(track) for track in timeline.tracks),
        "channels": max(_channels(timeline), default=0) > _WIDTHS[-1],
        "names": any(clip.name != _name(clip) for clip in files),
        "links": _linked(timeline),
    }
    return tuple(sentence for what, sentence in LOSSES if there[what])


def written(
    timeline: Timeline, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
) -> bytes:
    """A project with the timeline's tracks, and the stems' below its audio tracks.

    Args:
        muted: numbers of clips that are to be disabled.

    Raises:
        NotWritable: a path that XML cannot hold.
    """
    rows = [_row(track, timeline.rate, muted) for track in timeline.tracks]
    rows += [_stem_row(track, timeline.rate) for track in stems]
    width = max([*_channels(timeline), *(track.channels for track in stems)], default=2)
    # The lowest row comes first: the last of the sounds, and then up to the highest picture.
    sounds = [row for row in rows if row.sound]
    pictures = [row for row in rows if not row.sound]
    project = _Project(timeline, [*reversed(sounds), *pictures])
    return project.document(next((one for one in _WIDTHS if one >= width), _WIDTHS[-1]))


@dataclass(frozen=True)
class _Piece:
    """Frames of a file on a row: the first on the row, the first of the file, and how many."""

    resource: str
    at: int
    into: int
    frames: int
    length: Fraction | None
    enabled: bool


@dataclass(frozen=True)
class _Row:
    """A track as Kdenlive has it."""

    name: str
    sound: bool
    enabled: bool
    pieces: tuple[_Piece, ...]

    @property
    def end(self) -> int:
        """The frame behind the last."""
        return max((piece.at + piece.frames for piece in self.pieces), default=0)

    @property
    def hidden(self) -> str:
        """What is neither seen nor heard of it."""
        return ("video" if self.sound else "audio") if self.enabled else "both"


def _row(track: Track, rate: Fraction, muted: frozenset[int]) -> _Row:
    pieces: list[_Piece] = []
    for clip in sorted(track.clips, key=lambda clip: clip.record):
        free = pieces[-1].at + pieces[-1].frames if pieces else 0
        resource = _resource(clip)
        first, end = frame_at(clip.record, rate), frame_at(clip.end, rate)
        into = max(0, frame_at(clip.into, rate)) + max(0, free - first)
        first = max(first, free)
        if resource is not None and clip.source is not None and end > first:
            enabled = clip.enabled and clip.number not in muted
            length = clip.source.duration
            pieces.append(_Piece(resource, first, into, end - first, length, enabled))
    return _Row(track.name, track.kind == "audio", track.enabled, tuple(pieces))


def _stem_row(track: StemTrack, rate: Fraction) -> _Row:
    pieces = []
    for clip in track.clips:
        first, end = frame_at(clip.record, rate), frame_at(clip.record + clip.duration, rate)
        into = frame_at(clip.into, rate)
        resource = str(address(clip.path))
        pieces.append(_Piece(resource, first, into, end - first, clip.length, enabled=True))
    return _Row(track.name, sound=True, enabled=True, pieces=tuple(pieces))


def _resource(clip: Clip) -> str | None:
    """The file that is played at its own speed; None where there is none."""
    if clip.kind != "file" or clip.source is None or clip.speed != 1:
        return None
    try:
        return str(address(clip.source.target or clip.source.name))
    except MediaMissing:
        return None


def _channels(timeline: Timeline) -> Iterator[int]:
    for track in timeline.tracks:
        if track.kind == "audio":
            yield from (c.source.channels or 0 for c in track.clips if c.source is not None)
            yield track.channels or 0


def _name(clip: Clip) -> str:
    """What Kdenlive calls it."""
    resource = _resource(clip)
    return clip.name if resource is None else PurePosixPath(resource).name


def _linked(timeline: Timeline) -> bool:
    """Whether a picture lies beside a sound of the same file."""
    places: dict[str, set[tuple[str | None, Fraction]]] = {"video": set(), "audio": set()}
    for track in timeline.tracks:
        places[track.kind] |= {(_resource(clip), clip.record) for clip in track.clips}
    return any(resource for resource, _ in places["video"] & places["audio"])


def _between(clip: Clip, rate: Fraction) -> bool:
    return any((time * rate).denominator > 1 for time in (clip.record, clip.duration, clip.into))


def _overlaps(track: Track) -> bool:
    clips = sorted(track.clips, key=lambda clip: clip.record)
    return any(one.end > other.record for one, other in pairwise(clips))


class _Project:
    """A document under construction."""

    def __init__(self, timeline: Timeline, rows: Sequence[_Row]) -> None:
        self.timeline, self.rows = timeline, rows
        self.frames = max([row.end for row in rows], default=0) or 1
        #: Frames that each file has, or that are wanted of it.
        self.lengths: dict[str, int] = {}
        for piece in (piece for row in rows for piece in row.pieces):
            needed = max(piece.into + piece.frames, math.ceil((piece.length or 0) * timeline.rate))
            self.lengths[piece.resource] = max(needed, self.lengths.get(piece.resource, 0))
        self.ids = {resource: _FIRST_ID + n for n, resource in enumerate(self.lengths)}

    def document(self, channels: int) -> bytes:
        """The whole file; the same for the same timeline."""
        root = Element("mlt", LC_NUMERIC="C", producer="main_bin", version="7.12.0")
        root.set("title", _text(self.timeline.name))
        root.append(self._profile())
        for resource, number in self.ids.items():
            root.append(self._producer(f"bin{number}", resource))
        bin_ = self._bin(channels)
        root.append(bin_)
        root.append(self._black())
        for number, row in enumerate(self.rows):
            root.extend(self._track(number, row))
        root.append(self._tractor())
        # Kdenlive files its pictures and waveforms under this number.
        digest = hashlib.sha256(tostring(root)).digest()
        _say(bin_, {"kdenlive:docproperties.documentid": int.from_bytes(digest[:5], "big")})
        indent(root, " ")
        body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
        return body + b"\n"

    def _profile(self) -> Element:
        rate = self.timeline.rate
        width, height = self.timeline.size or (1920, 1080)
        shape = Fraction(width, height)
        numbers = {
            "frame_rate_num": rate.numerator,
            "frame_rate_den": rate.denominator,
            "width": width,
            "height": height,
            "progressive": 1,
            "sample_aspect_num": 1,
            "sample_aspect_den": 1,
            "display_aspect_num": shape.numerator,
            "display_aspect_den": shape.denominator,
            "colorspace": 709,
        }
        words = {name: str(number) for name, number in numbers.items()}
        return Element("profile", words, description=f"{width}x{height} {float(rate):.2f} fps")

    def _producer(self, name: str, resource: str, **more: Any) -> Element:
        """A file; MLT wants one of its own for each track, or they disturb one another."""
        length = self.lengths[resource]
        made = Element("producer", {"id": name, "in": "0", "out": str(length - 1)})
        still = PurePosixPath(resource).suffix.lower() in _STILLS
        values = {
            "length": length,
            "eof": "pause",
            "resource": _path(resource),
            "mlt_service": "qimage" if still else "avformat-novalidate",
            "kdenlive:id": self.ids[resource],
            "kdenlive:clipname": PurePosixPath(resource).name,
        }
        _say(made, values | more)
        return made

    def _bin(self, channels: int) -> Element:
        made = Element("playlist", id="main_bin")
        settings = {
            "version": _VERSION,
            "decimalPoint": ".",
            "audioChannels": channels,
            "enableproxy": 0,
            "generateproxy": 0,
        }
        _say(made, {f"kdenlive:docproperties.{name}": said for name, said in settings.items()})
        _say(made, {"xml_retain": 1})
        for resource, number in self.ids.items():
            _entry(made, f"bin{number}", 0, self.lengths[resource], number)
        return made

    def _black(self) -> Element:
        made = Element("producer", {"id": "black_track", "in": "0", "out": str(self.frames - 1)})
        values = {
            "length": _ENDLESS,
            "eof": "continue",
            "resource": "black",
            "mlt_service": "color",
            "kdenlive:playlistid": "black_track",
            "set.test_audio": 0,
        }
        _say(made, values)
        return made

    def _track(self, number: int, row: _Row) -> Iterator[Element]:
        """The row's producers, its two playlists (the second is for mixes), and both together."""
        shown: dict[tuple[str, bool], str] = {}
        for piece in row.pieces:
            key = (piece.resource, piece.enabled)
            if key not in shown:
                shown[key] = f"track{number}_{self.ids[piece.resource]}" + "_off" * (
                    not piece.enabled
                )
                switches = {
                    "set.test_audio": int(not (row.sound and piece.enabled)),
                    "set.test_image": int(row.sound or not piece.enabled),
                }
                yield self._producer(shown[key], piece.resource, **switches)
        playlists = [Element("playlist", id=f"playlist{2 * number + side}") for side in (0, 1)]
        at = 0
        for piece in row.pieces:
            if piece.at > at:
                SubElement(playlists[0], "blank", length=str(piece.at - at))
            name = shown[piece.resource, piece.enabled]
            _entry(playlists[0], name, piece.into, piece.frames, self.ids[piece.resource])
            at = piece.at + piece.frames
        tractor = Element("tractor", {"id": f"tractor{number}", "in": "0"})
        tractor.set("out", str(max(row.end, 1) - 1))
        for part in (*playlists, tractor) if row.sound else ():
            _say(part, {"kdenlive:audio_track": 1})
        _say(tractor, {"kdenlive:track_name": _text(row.name), "kdenlive:timeline_active": 1})
        for playlist in playlists:
            SubElement(tractor, "track", hide=row.hidden, producer=playlist.get("id", ""))
        yield from (*playlists, tractor)

    def _tractor(self) -> Element:
        made = Element("tractor", {"id": "timeline", "in": "0", "out": str(self.frames - 1)})
        made.set("global_feed", "1")
        SubElement(made, "track", producer="black_track")
        for number, row in enumerate(self.rows):
            SubElement(made, "track", hide=row.hidden, producer=f"tractor{number}")
        for number, row in enumerate(self.rows, start=1):
            service = "mix" if row.sound else "qtblend"
            values: dict[str, Any] = {"a_track": 0, "b_track": number, "mlt_service": service}
            values |= {"kdenlive_id": service, "always_active": 1, **_INTERNAL}
            values |= {"sum": 1, "accepts_blanks": 1} if row.sound else {"compositing": 0}
            _say(SubElement(made, "transition", id=f"transition{number}"), values)
        return made


def _entry(playlist: Element, producer: str, first: int, frames: int, number: int) -> None:
    ends = {"in": str(first), "out": str(first + frames - 1)}
    _say(SubElement(playlist, "entry", {"producer": producer, **ends}), {"kdenlive:id": number})


def _say(element: Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        SubElement(element, "property", name=name).text = str(value)


def _text(name: str) -> str:
    return _NO_TEXT.sub(" ", name)


def _path(resource: str) -> str:
    if _NO_TEXT.search(resource):
        raise NotWritable(
            f"{_text(resource)} cannot be written in a Kdenlive project: a character in its name.",
            hint="Rename the file, or choose the format otio.",
        )
    return resource
