"""What a file carries beside the samples of its tracks, and what of it another file still carries.

Streams of every kind, their titles, languages and roles, tags, chapters, timecode, colour and HDR
data. Read with PyAV, and for QuickTime's and MP4's own kinds of data with `stemmux.atoms`. This
module must not know how one file was made from another.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from stemmux.atoms import child, children, top_level
from stemmux.errors import UnreadableMedia
from stemmux.probe import Media, open_media, track_title

Kind = Literal["video", "audio", "subtitle", "data", "attachment"]


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: Tags that tell how a file was made, not what is in it, or that are kept in another place.
MAKING = _listed(
    "major_brand minor_version compatible_brands encoder creation_time modification_date duration "
    "timecode handler_name vendor_id language operational_pattern_ul uid generation_uid "
    "company_name product_name product_version product_version_num product_uid "
    "application_platform toolkit_version toolkit_version_num material_package_umid "
    "file_package_umid location-eng"
)
#: Data tracks that hold what every reader gives in another place: timecode, chapters, hints.
_BOOKKEEPING = frozenset({"tmcd", "text", "tx3g", "rtp "})
#: Numbers of colour standards that mean that none is named.
_UNNAMED = frozenset({0, 2})
#: Bytes of ffmpeg's structure for a mastering display: ten fractions and two flags.
_DISPLAY = struct.Struct("=20i2i")
#: An index larger than this is not looked through for kinds of data.
_LARGEST_INDEX = 1 << 28


@dataclass(frozen=True)
class Stream:
    """One stream.

    Attributes:
        codec: as ffmpeg calls it.
        entry: the four letters by which QuickTime and MP4 files know what it is.
        default: players use it unasked; in QuickTime and MP4 files it is switched on.
        roles: what it is for: "comment", "original", "hearing_impaired", ...
        cover: it is a picture that belongs to the file, and does not move.
    """

    index: int
    kind: Kind
    codec: str
    entry: str = ""
    title: str = ""
    language: str = ""
    default: bool = False
    roles: tuple[str, ...] = ()
    cover: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def bookkeeping(self) -> bool:
        """It holds what is read elsewhere too."""
        return self.kind == "data" and self.entry in _BOOKKEEPING


@dataclass(frozen=True)
class Chapter:
    """Where it starts, in seconds from the first picture, and its title."""

    start: Fraction
    title: str


@dataclass(frozen=True)
class Contents:
    """What a file carries.

    Attributes:
        tags: of the whole file, names in lower case, without those of `MAKING`.
        created: when, in UTC, to the second; "" if it does not say.
        colour: primaries, transfer, matrix and range as numbers of ITU-T H.273; 0 for not named.
        mastering: primaries and white point (x, y), lowest and highest luminance (cd/m²).
        light: the highest light level of a pixel and of a picture's mean (cd/m²).
    """

    streams: tuple[Stream, ...]
    tags: Mapping[str, str]
    created: str
    chapters: tuple[Chapter, ...]
    colour: tuple[int, int, int, int] = (0, 0, 0, 0)
    mastering: tuple[float, ...] = ()
    light: tuple[int, ...] = ()

    def of(self, kind: Kind) -> list[Stream]:
        """Streams of one kind, without covers and bookkeeping."""
        return [
            one
            for one in self.streams
            if one.kind == kind and not one.cover and not one.bookkeeping
        ]

    @property
    def covers(self) -> list[Stream]:
        """Pictures that do not move."""
        return [one for one in self.streams if one.cover]


def contents(media: Media) -> Contents:
    """Read what a probed file carries.

    Raises:
        UnreadableMedia: it cannot be opened any more.
    """
    with open_media(media.path) as container:
        entries = _entries(media.path) if "mov" in media.container else {}
        tags = {name.lower(): value for name, value in container.metadata.items()}
        return Contents(
            streams=tuple(_stream(one, entries) for one in container.streams),
            tags={name: value for name, value in tags.items() if name not in MAKING},
            created=tags.get("creation_time", "").split(";")[0][:19].replace(" ", "T"),
            chapters=tuple(_chapters(container.chapters(), media.origin)),
            **(_look(container, media.video.index) if media.video else {}),
        )


def speakers(path: Path) -> tuple[str, ...]:
    """Where the channels of a sound file are heard, as far as it says so.

    Raises:
        UnreadableMedia: it cannot be opened.
    """
    with open_media(path) as container:
        return tuple(channel.name for channel in container.streams.audio[0].layout.channels)


def _stream(stream: Any, entries: Mapping[int, str]) -> Stream:
    from av.stream import Disposition

    flags = stream.disposition
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    roles = (flag.name for flag in Disposition if flags & flag and flag.name)
    language = tags.get("language", "")
    context = stream.codec_context
    return Stream(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name if context else getattr(stream, "name", None) or "",
        entry=entries.get(stream.id, ""),
        title=track_title(tags),
        language="" if language == "und" else language,
        default=bool(flags & Disposition.default),
        roles=tuple(role for role in roles if role not in ("default", "attached_pic")),
        cover=bool(flags & Disposition.attached_pic),
        tags=tags,
    )


def _chapters(found: Iterable[Any], origin: Fraction) -> Iterable[Chapter]:
    for one in found:
        start = one["start"] * Fraction(one["time_base"]) - origin
        yield Chapter(start, one["metadata"].get("title", ""))


def _look(container: Any, index: int) -> dict[str, Any]:
    """Colour and HDR data, of the stream and of its first picture."""
    import av.error

    stream = container.streams[index]
    context = stream.codec_context
    numbers = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
    found: dict[str, Any] = {
        "colour": tuple(0 if n in _UNNAMED and at < 3 else int(n) for at, n in enumerate(numbers))
    }
    try:
        picture = next(iter(container.decode(stream)), None)
    except (av.error.FFmpegError, ValueError):
        picture = None
    # By name: what iterating over the side data gives differs between releases of PyAV.
    sides = picture.side_data if picture is not None else {}
    display, light = (
        bytes(sides.get(name) or b"")
        for name in ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
    )
    if len(display) >= _DISPLAY.size:
        found["mastering"] = _mastering(display)
    if light:
        found["light"] = struct.unpack_from("=2I", light)
    return found


def _mastering(data: bytes) -> tuple[float, ...]:
    numbers = _DISPLAY.unpack_from(data)
    parts = zip(numbers[0:20:2], numbers[1:20:2], strict=True)
    return tuple(round(over / under, 4) if under else 0.0 for over, under in parts)


def _entries(path: Path) -> dict[int, str]:
    """For each track of a QuickTime or MP4 file, by its number: the kind of its first sample."""
    try:
        with path.open("rb") as file:
            place = next(
                (one for one in top_level(file, os.path.getsize(path)) if one.kind == b"moov"), None
            )
            if place is None or place.end - place.start > _LARGEST_INDEX:
                return {}
            file.seek(place.body)
            index = file.read(place.end - place.body)
        return dict(
            found
            for one in children(index, 0, len(index))
            if one.kind == b"trak" and (found := _entry(index, one)) is not None
        )
    except (OSError, UnreadableMedia):
        # The kinds of what ffmpeg cannot name are then not known, and nothing else.
        return {}


def _entry(index: bytes, trak: Any) -> tuple[int, str] | None:
    head = child(index, trak, b"tkhd")
    table = child(index, trak, b"mdia", b"minf", b"stbl", b"stsd")
    if head is None or table is None or table.end - table.body < 16:
        return None
    at = 20 if index[head.body] == 1 else 12
    number = int.from_bytes(index[head.body + at : head.body + at + 4], "big")
    return number, index[table.body + 12 : table.body + 16].decode("latin-1")
