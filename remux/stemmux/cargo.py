"""What of a clip goes into a container, and what stays behind, each thing with its reason.

This module must not know how anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stemmux.containers import RULES, Container, Fact, holds_picture
from stemmux.contents import Contents, Kind, Stream
from stemmux.probe import Media

#: Text that can be turned into the container's own kind of text.
TEXT = frozenset({"subrip", "ass", "webvtt", "text", "mov_text"})
#: Still pictures that are held as covers: their media types and suffixes.
COVERS = {"mjpeg": ("image/jpeg", "jpg"), "png": ("image/png", "png"), "bmp": ("image/bmp", "bmp")}
#: The one kind of timed data that ffmpeg writes whole (GoPro's).
_DATA = "gpmd"
_ORDER: tuple[Kind, ...] = ("video", "audio", "subtitle", "data", "attachment")

#: Which sound players use unasked: all of it (None), the clip's own, or the stem with that index.
Default = Literal["clip"] | int | None


@dataclass(frozen=True)
class Loss:
    """Something of the clip that the new file does not carry as it was."""

    fact: Fact
    what: str

    @property
    def sentence(self) -> str:
        """It, for a person."""
        return f"{self.fact[0].upper()}{self.fact[1:]} not in the new file: {self.what}."


@dataclass(frozen=True)
class Cargo:
    """What of a clip goes into a container: its streams in the order of the new file."""

    streams: tuple[Stream, ...]
    lost: tuple[Loss, ...] = ()

    def of(self, kind: Kind) -> list[Stream]:
        """Streams of one kind, without covers."""
        return [one for one in self.streams if one.kind == kind and not one.cover]

    @property
    def covers(self) -> list[Stream]:
        """Pictures that do not move."""
        return [one for one in self.streams if one.cover]


def everything(held: Contents) -> Cargo:
    """A cargo that nothing was left out of."""
    return Cargo(tuple(one for one in held.streams if not one.bookkeeping))


def cargo(media: Media, held: Contents, container: Container, *, own_sound: bool) -> Cargo:
    """Choose the streams that the container can carry.

    The first picture and the sound were checked before (`stemmux.containers.refuse`).
    """
    sounds = {track.index for track in media.audio} if own_sound else set()
    first = media.video.index if media.video is not None else None
    chosen: list[Stream] = []
    lost: list[Loss] = []
    for stream in everything(held).streams:
        if stream.kind == "audio":
            chosen += [stream] if stream.index in sounds else []
        elif stream.index == first or _holds(stream, container):
            chosen.append(stream)
        else:
            lost.append(_loss(stream, container))
    # Stems come behind the clip's sound, and covers behind all that moves.
    chosen.sort(key=lambda one: (_ORDER.index(one.kind), one.cover, one.index != first))
    return Cargo(tuple(chosen), tuple(lost))


def _fact(stream: Stream) -> Fact:
    if stream.cover:
        return "cover"
    if stream.kind == "subtitle" and stream.codec == "eia_608":
        return "caption tracks"
    if stream.kind == "subtitle":
        return "text subtitles" if stream.codec in TEXT else "picture subtitles"
    if stream.kind == "video":
        return "further pictures"
    return "attachments" if stream.kind == "attachment" else "timed data"


def _holds(stream: Stream, container: Container) -> bool:
    """Whether the container takes a stream beside the first picture and the sound."""
    rules = RULES[container]
    if _fact(stream) not in rules.keeps:
        return False
    if stream.cover:
        return stream.codec in COVERS
    if stream.kind == "video":
        return holds_picture(stream.codec, container)
    if stream.kind == "subtitle":
        return stream.codec in rules.subtitles or stream.codec in TEXT
    return stream.kind == "attachment" or stream.entry == _DATA


def _loss(stream: Stream, container: Container) -> Loss:
    kind = {"data": stream.entry, "attachment": ""}.get(stream.kind, stream.codec)
    name = stream.tags.get("filename", "") if stream.kind == "attachment" else stream.title
    called = f"stream {stream.index}" + (f" {name!r}" if name else "")
    what = f" ({kind})" if kind else ""
    return Loss(_fact(stream), f"{called}{what}, which cannot be copied into {container.upper()}")
