"""A Kdenlive project: an MLT document with `kdenlive:…` properties for what Kdenlive shows.

Producers read files, playlists lay ranges of them on tracks, a tractor mixes the tracks. Written is
document version 1.04, that of Kdenlive 22.12: every later one takes it over, whereas 22.12 refuses
what later ones write. All in it is counted in whole frames of the timeline.

This module must not know whether a file is there.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from soundmatte.timelines.errors import NotWritable
from soundmatte.timelines.kdenlive.rows import Row, channels, row, stem_row, width
from soundmatte.timelines.losses import PRESUMED_SIZE
from soundmatte.timelines.markup import legal
from soundmatte.timelines.timeline import StemTrack, Timeline
from stemmux.timebase import frame_rate

#: What XML 1.0 cannot hold; a carriage return would come back as something else.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
#: Read by MLT as pictures; everything else by ffmpeg.
_STILLS = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".svg", ".tga", ".tif", ".tiff"))
#: Names of profiles by size and rate; Kdenlive from 23.04 on warns of NTSC rates without one.
_SIZES = {(1920, 1080): "atsc_1080p", (1280, 720): "atsc_720p", (3840, 2160): "uhd_2160p"}
_RATES = {Fraction(rate): str(rate) for rate in (24, 25, 30, 50, 60)}
_RATES |= {frame_rate(name): name.replace(".", "") for name in ("23.98", "29.97", "59.94")}
#: Kdenlive's mark on what it makes by itself and shows nobody.
_INTERNAL = {"internal_added": 237}
#: Frames of what never ends.
_ENDLESS = 2**31 - 1
#: Numbers below belong to the project itself.
_FIRST_ID = 4


def written(
    timeline: Timeline, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
) -> bytes:
    """A project with the timeline's tracks, and the stems' below its audio tracks.

    Args:
        muted: numbers of clips that are to be disabled.

    Raises:
        NotWritable: a path that XML cannot hold.
    """
    rows = [row(track, timeline.rate, muted) for track in timeline.tracks]
    rows += [stem_row(track, timeline.rate) for track in stems]
    # The lowest row comes first: the last of the sounds, and then up to the highest picture.
    sounds = [one for one in rows if one.sound]
    pictures = [one for one in rows if not one.sound]
    heard = [*channels(timeline), *(track.channels for track in stems)]
    return _Project(timeline, [*reversed(sounds), *pictures]).document(width(heard))


class _Project:
    """A document under construction."""

    def __init__(self, timeline: Timeline, rows: Sequence[Row]) -> None:
        self.timeline, self.rows = timeline, rows
        self.frames = max([one.end for one in rows], default=0) or 1
        #: Frames that each file has, or that are wanted of it: MLT moves whatever lies behind a
        #: clip that is longer than its file.
        self.lengths: dict[str, int] = {}
        for piece in (piece for one in rows for piece in one.pieces):
            wanted = max(piece.into + piece.frames, math.ceil(piece.length * timeline.rate))
            self.lengths[piece.resource] = max(wanted, self.lengths.get(piece.resource, 0))
        self.ids = {resource: _FIRST_ID + n for n, resource in enumerate(self.lengths)}

    def document(self, channels: int) -> bytes:
        """The whole file; the same bytes for the same timeline."""
        root = Element("mlt", LC_NUMERIC="C", producer="main_bin", version="7.12.0")
        root.set("title", legal(self.timeline.name))
        root.append(self._profile())
        root.extend([self._producer(f"bin{number}", each) for each, number in self.ids.items()])
        clips = self._bin(channels)
        root.append(clips)
        root.append(self._black())
        for number, one in enumerate(self.rows):
            root.extend([*self._track(number, one)])
        root.append(self._tractor())
        # Kdenlive keeps its pictures and waveforms under this number.
        digest = hashlib.sha256(tostring(root)).digest()
        _say(clips, {"kdenlive:docproperties.documentid": int.from_bytes(digest[:5], "big")})
        indent(root, " ")
        body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
        return body + b"\n"

    def _profile(self) -> Element:
        rate = self.timeline.rate
        width, height = self.timeline.size or PRESUMED_SIZE
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
        settings: dict[str, Any] = {
            "version": "1.04",
            "decimalPoint": ".",
            "audioChannels": channels,
            "enableproxy": 0,
            "generateproxy": 0,
        }
        size = _SIZES.get(self.timeline.size or PRESUMED_SIZE)
        rate = _RATES.get(self.timeline.rate)
        if size and rate:
            settings["profile"] = f"{size}_{rate}"
        _say(made, {f"kdenlive:docproperties.{name}": said for name, said in settings.items()})
        _say(made, {"xml_retain": 1})
        for resource, number in self.ids.items():
            _add_entry(made, f"bin{number}", 0, self.lengths[resource], number)
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

    def _track(self, number: int, one: Row) -> Iterator[Element]:
        """A row's producers, its two playlists (the second is for mixes), and both together."""
        playlists = [Element("playlist", id=f"playlist{2 * number + side}") for side in (0, 1)]
        shown: dict[tuple[str, bool], str] = {}
        at = 0
        for piece in one.pieces:
            key = (piece.resource, piece.enabled)
            if key not in shown:
                # One for each track: two that read at different places would disturb one another.
                state = "on" if piece.enabled else "off"
                shown[key] = f"track{number}_{self.ids[piece.resource]}_{state}"
                seen = {"set.test_image": int(one.sound or not piece.enabled)}
                heard = {"set.test_audio": int(not one.sound or not piece.enabled)}
                yield self._producer(shown[key], piece.resource, **heard, **seen)
            if piece.start > at:
                SubElement(playlists[0], "blank", length=str(piece.start - at))
            number_in_bin = self.ids[piece.resource]
            _add_entry(playlists[0], shown[key], piece.into, piece.frames, number_in_bin)
            at = piece.end
        tractor = Element("tractor", {"id": f"tractor{number}", "in": "0"})
        tractor.set("out", str(max(one.end, 1) - 1))
        for part in (*playlists, tractor) if one.sound else ():
            _say(part, {"kdenlive:audio_track": 1})
        _say(tractor, {"kdenlive:track_name": legal(one.name), "kdenlive:timeline_active": 1})
        for playlist in playlists:
            SubElement(tractor, "track", hide=_hidden(one), producer=playlist.get("id", ""))
        yield from (*playlists, tractor)

    def _tractor(self) -> Element:
        made = Element("tractor", {"id": "timeline", "in": "0", "out": str(self.frames - 1)})
        made.set("global_feed", "1")
        SubElement(made, "track", producer="black_track")
        for number, one in enumerate(self.rows):
            SubElement(made, "track", hide=_hidden(one), producer=f"tractor{number}")
        for number, one in enumerate(self.rows, start=1):
            service = "mix" if one.sound else "qtblend"
            values: dict[str, Any] = {"a_track": 0, "b_track": number, "mlt_service": service}
            values |= {"kdenlive_id": service, "always_active": 1, **_INTERNAL}
            values |= {"sum": 1, "accepts_blanks": 1} if one.sound else {"compositing": 0}
            _say(SubElement(made, "transition", id=f"transition{number}"), values)
        return made


def _hidden(one: Row) -> str:
    if not one.enabled:
        return "both"
    return "video" if one.sound else "audio"


def _add_entry(playlist: Element, producer: str, first: int, frames: int, number: int) -> None:
    ends = {"in": str(first), "out": str(first + frames - 1)}
    _say(SubElement(playlist, "entry", {"producer": producer, **ends}), {"kdenlive:id": number})


def _say(element: Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        SubElement(element, "property", name=name).text = str(value)


def _path(resource: str) -> str:
    if _NO_TEXT.search(resource):
        raise NotWritable(
            f"A Kdenlive project cannot name the file {_NO_TEXT.sub('?', resource)}.",
            hint="Rename it, or write another format: --format otio.",
        )
    return resource
