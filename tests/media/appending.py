"""Movies of every make, and a reading of their atoms that owes nothing to stemmux."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from tests.media.making import Studio, ffmpeg, noise

from stemmux.mux import Stem
from stemmux.probe import Media, probe

Parts = list[tuple[bytes, bytes]]
TITLES = ("Target: Döner, \"hot\" = 'x'; y", "Residual")


def parts(data: bytes) -> Parts:
    """Type and whole of each atom in a row, without a closing zero."""
    found = []
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        size = size or len(data) - at
        found.append((kind, data[at : at + size]))
        at += size
    return found


def inner(whole: bytes) -> Parts:
    """The atoms inside an atom."""
    return parts(whole[16 if whole[:4] == b"\0\0\0\1" else 8 :])


def packed(kind: bytes, *contents: bytes) -> bytes:
    """An atom."""
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def with_index(data: bytes, change: Callable[[Parts], Parts], *, kind: bytes = b"moov") -> bytes:
    """The file with another index of any size at its end; the old place becomes free space."""
    old = dict(parts(data))[b"moov"]
    new = packed(kind, *(whole for _, whole in change(inner(old))))
    return data.replace(old, old[:4] + b"free" + old[8:]) + new


def in_tracks(found: Parts, change: Callable[[bytes], bytes]) -> Parts:
    """The same atoms, each `trak` changed in place."""
    return [(kind, change(whole) if kind == b"trak" else whole) for kind, whole in found]


class Movies:
    """Movies to append to, by what is special about them; each made once."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._made: dict[str, Path] = {}
        self._measured: dict[str, Media] = {}

    def made(self, name: str) -> Path:
        """The movie of one of `KINDS`."""
        if name not in self._made:
            kind, rate, words = KINDS[name]
            source = self._studio.clip(kind, rate).path
            if words:
                out = self._studio.new(str(words[0]))
                ffmpeg("-i", source, *words[1:], out)
                source = out
            self._made[name] = source
        return self._made[name]

    def media(self, name: str) -> Media:
        """The same, measured."""
        if name not in self._measured:
            self._measured[name] = probe(self.made(name))
        return self._measured[name]

    @cached_property
    def pair(self) -> list[Stem]:
        """Two stems of 1.25 s, stereo in 24 bit."""
        sounds = [noise(100 + number, 60_000, 2, bits=24) for number in range(len(TITLES))]
        waves = [self._studio.wave(samples, 48000, "PCM_24") for samples in sounds]
        return [Stem(wave, title) for wave, title in zip(waves, TITLES, strict=True)]

    @cached_property
    def short(self) -> Stem:
        """A stem of 5 ms."""
        return Stem(self._studio.wave(noise(1, 240)), "short")


_PRORES = ("-c:v", "prores", "-profile:v", "0", "-c:a", "copy")
#: A clip of `tests.media.making`, its rate; if it is made again, the suffix and how.
KINDS: dict[str, tuple[str, str, tuple[object, ...]]] = {
    "h264 and pcm": ("mov", "25", ()),
    "h264 and aac in mov": ("mp4", "29.97", (".mov", "-c", "copy")),
    "mp4": ("mp4", "23.976", ()),
    "prores with timecode": ("mov", "29.97", (".mov", *_PRORES, "-timecode", "10:00:00;02")),
    "index in front": ("mp4", "25", (".mov", "-c", "copy", "-movflags", "+faststart")),
    "mp4 with index in front": ("mp4", "25", (".mp4", "-c", "copy", "-movflags", "+faststart")),
    "edit list": ("edit list", "25", ()),
    "late sound": ("late sound", "25", ()),
    "no sound": ("mov", "25", (".mov", "-an", "-c", "copy")),
    "no picture": ("mov", "25", (".mov", "-vn", "-c", "copy")),
}
#: A movie whose first picture is shown after the zero of its clock.
LATE_PICTURE = ("-c", "copy", "-use_editlist", "0")


def tracks(movie: bytes) -> Iterator[bytes]:
    """The whole `trak` atoms of a movie."""
    yield from (whole for kind, whole in inner(dict(parts(movie))[b"moov"]) if kind == b"trak")


def header(trak: bytes) -> bytes:
    """The contents of a track's header."""
    return dict(inner(trak))[b"tkhd"][8:]
