"""ffmpeg's words for everything in a clip: streams, tags, titles, languages, roles.

Each is written under the names that the container is read by. This module must not know what is
done with the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stemmux.cargo import COVERS, Cargo, Default
from stemmux.containers import RULES, Container
from stemmux.contents import MAKING, Contents, Stream
from stemmux.ffmpeg import address
from stemmux.files import scratch
from stemmux.probe import AudioStream, Media, open_media
from stemmux.timebase import nearest

if TYPE_CHECKING:
    from stemmux.mux import Stem


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


#: Tags that a container has a form of its own for.
_OWN_TAGS: dict[str, frozenset[str]] = {
    "mov": _listed("title artist album comment copyright date genre make model location"),
    "mp4": _listed(
        "title artist album album_artist composer comment copyright date description genre "
        "grouping lyrics synopsis show episode_id network track disc keywords location "
        "season_number episode_sort media_type hd_video compilation gapless_playback"
    ),
}
#: Clips whose rate ffmpeg does not hand on when it copies.
_RATELESS = ("mxf", "dv")
#: No language at all: what is separated need not be speech (ISO 639-2).
STEM_LANGUAGE = "zxx"


@dataclass(frozen=True)
class Carrying:
    """A clip, what of it goes into a container, and the stems that go with it."""

    media: Media
    held: Contents
    cargo: Cargo
    stems: Sequence[Stem]
    container: Container
    default: Default = None

    @property
    def tracks(self) -> list[AudioStream]:
        """The clip's sound that goes in, in the order of the new file."""
        own = {one.index for one in self.cargo.of("audio")}
        return [track for track in self.media.audio if track.index in own]

    @property
    def own_tags(self) -> bool:
        """Whether tags are written in the container's own form, which has only some names.

        The form that has room for any name has none for a cover.
        """
        own = _OWN_TAGS.get(self.container)
        return own is None or bool(self.cargo.covers) or set(self.held.tags) <= own

    @property
    def languages(self) -> list[str]:
        """Of each track in the order of the new file, "" where none is known."""
        own = [*self.cargo.of("video"), *self.cargo.of("audio")]
        behind = self.cargo.of("subtitle")
        return [
            *(one.language for one in own),
            *(STEM_LANGUAGE for _ in self.stems),
            *(one.language for one in behind),
        ]

    def maps(self) -> list[str]:
        """Which streams of which inputs: the stems are inputs from 1 on."""
        cargo = self.cargo
        own = [*cargo.of("video"), *cargo.of("audio")]
        behind = [*cargo.of("subtitle"), *cargo.of("data"), *cargo.of("attachment")]
        if self.container != "mkv":
            behind += cargo.covers
        places = [f"0:{one.index}" for one in own]
        places += [f"{number}:a" for number in range(1, len(self.stems) + 1)]
        places += [f"0:{one.index}" for one in behind]
        return [word for place in places for word in ("-map", place)]

    def names(self) -> list[str]:
        """Tags of the file; titles, languages, roles and codecs of subtitles."""
        words = self._tags()
        for letter, streams in (
            ("v", self.cargo.of("video")),
            ("a", self.cargo.of("audio")),
            ("s", self.cargo.of("subtitle")),
        ):
            for number, stream in enumerate(streams):
                words += self._named(f"{letter}:{number}", stream, first=number == 0)
        for index, stem in enumerate(self.stems):
            spec = f"a:{len(self.cargo.of('audio')) + index}"
            words += self._titled(spec, stem.title, stem.title, STEM_LANGUAGE)
            words += _disposition(spec, (), on=self._stem_on(index))
        if self.media.timecode is not None and self.media.video is not None:
            words += ["-metadata:s:v:0", f"timecode={self.media.timecode}"]
            if self.media.container in _RATELESS and self.container != "mkv":
                # Out of these, ffmpeg does not know the rate that a track of timecode needs.
                words += ["-r:v:0", str(self.media.video.rate)]
        if self.container != "mkv":
            for number in range(len(self.cargo.covers)):
                spec = f"v:{len(self.cargo.of('video')) + number}"
                words += [f"-disposition:{spec}", "attached_pic"]
        return words

    def _tags(self) -> list[str]:
        """The clip's tags, without those that say how it was made."""
        words = ["-map_metadata", "0", "-map_chapters", "0"]
        for name in sorted(MAKING - {"creation_time"}):
            words += ["-metadata", f"{name}="]
        # Among tags of any name it would be written twice, and then it is not understood.
        created = f"{self.held.created}Z" if self.held.created and self.own_tags else ""
        return [*words, "-metadata", f"creation_time={created}"]

    def _named(self, spec: str, stream: Stream, *, first: bool) -> list[str]:
        title = stream.tags.get("title") or stream.tags.get("name", "")
        handler = stream.tags.get("handler_name") or title
        words = self._titled(spec, title, handler, stream.language)
        if self.container == "mkv":
            words = self._titled(spec, stream.title, "", stream.language)
        words += _disposition(spec, stream.roles, on=self._on(stream, first=first))
        if stream.kind == "subtitle" and stream.codec not in RULES[self.container].subtitles:
            words += [f"-c:{spec}", RULES[self.container].text]
        return words

    def _titled(self, spec: str, title: str, handler: str, language: str) -> list[str]:
        """A track's title, under both names by which readers of QuickTime files know it."""
        values = {
            "title": title,
            "handler_name": "" if self.container == "mkv" else handler,
            "language": language,
            "name": "",
            "vendor_id": "",
        }
        return [
            word
            for name, value in values.items()
            for word in (f"-metadata:s:{spec}", f"{name}={value}")
        ]

    def _on(self, stream: Stream, *, first: bool) -> bool:
        """Whether a stream of the clip gets the container's default flag."""
        if stream.kind == "audio" and self.default is not None:
            return self.default == "clip" and first
        enables = RULES[self.container].enables
        if "mov" in self.media.container or ("matroska" in self.media.container and not enables):
            return stream.default
        # Where nothing was flagged, players take the first; and where the flag means that a track
        # is switched on at all, none may be without it.
        return enables or (first and stream.kind != "subtitle")

    def _stem_on(self, index: int) -> bool:
        if self.default is not None:
            return self.default == index
        return RULES[self.container].enables or (index == 0 and not self.cargo.of("audio"))


def _disposition(spec: str, roles: Sequence[str], *, on: bool) -> list[str]:
    return [f"-disposition:{spec}", "+".join([*(["default"] if on else []), *roles]) or "0"]


@contextmanager
def attached_covers(carrying: Carrying) -> Iterator[list[str]]:
    """Words that attach the covers to a Matroska file, which holds them as attachments."""
    cargo = carrying.cargo
    if carrying.container != "mkv" or not cargo.covers:
        yield []
        return
    with scratch("") as place:
        words: list[str] = []
        for number, (stream, data) in enumerate(_still(carrying.media, cargo.covers)):
            kind, suffix = COVERS[stream.codec]
            file = place.with_name(f"cover{number or ''}.{suffix}")
            file.write_bytes(data)
            spec = f"-metadata:s:t:{len(cargo.of('attachment')) + number}"
            words += ["-attach", address(file), spec, f"mimetype={kind}"]
            words += [spec, f"filename={file.name}"]
        yield words


def _still(media: Media, covers: Sequence[Stream]) -> Iterator[tuple[Stream, bytes]]:
    wanted = {one.index: one for one in covers}
    with open_media(media.path) as container:
        streams: list[Any] = [container.streams[index] for index in wanted]
        for packet in container.demux(streams):
            if packet.size and packet.stream.index in wanted:
                yield wanted.pop(packet.stream.index), bytes(packet)
            if not wanted:
                return


def head_room(carrying: Carrying) -> Fraction:
    """Seconds that the first picture must lie behind zero, so that Matroska moves nothing itself.

    It holds no times before zero, and all tracks are moved by what comes earlier, but no chapters.
    """
    if carrying.container != "mkv" or not carrying.held.chapters:
        return Fraction(0)
    cargo, origin = carrying.cargo, carrying.media.origin
    wanted = {one.index for one in (*cargo.of("video"), *cargo.of("audio"))}
    early = Fraction(0)
    with open_media(carrying.media.path) as container:
        streams: list[Any] = [container.streams[index] for index in wanted]
        for packet in container.demux(streams):
            time = packet.dts if packet.dts is not None else packet.pts
            if time is not None and packet.stream.index in wanted:
                wanted.remove(packet.stream.index)
                early = max(early, origin - time * packet.time_base)
            if not wanted:
                break
    # In whole ticks of its clock, stems and picture are moved alike.
    return Fraction(nearest(early * 1000 + Fraction(1, 2)), 1000)
