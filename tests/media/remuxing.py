"""One clip with stems added, judged by PyAV and numpy alone. Also run by benchmarks/."""

from __future__ import annotations

import hashlib
import itertools
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from tests.media.making import (
    ALL_RATES,
    KINDS,
    POST_KINDS,
    SOUND_KINDS,
    Sound,
    Source,
    Studio,
    first_picture,
    lag,
    noise,
    sound,
)

from stemmux.mux import Container, Muxed, Stem, add
from stemmux.probe import probe

MOVIES: tuple[Container, ...] = ("mov", "mp4", "mkv", "mxf")
#: Clips with a picture, in every kind of file; an Opus or FLAC file cannot be copied into MOV.
SOURCES = [kind for kind in (*KINDS, *POST_KINDS) if kind != "edit list"]
#: At one rate only: a clip that was cut without coding it again, and sound without a picture.
ODD = ["edit list", "wav", "mp3", "m4a"]
TITLES = ("Target: Döner, \"hot\" = 'x'; y", "Residual")
#: Seconds of a stem, of which a clip has a little more.
STEM = Fraction(1)


@dataclass(frozen=True)
class Case:
    """A clip of some kind and rate, and the container that it goes into."""

    kind: str
    container: Container
    rate: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.container}-{self.rate}"

    @property
    def refused(self) -> bool:
        """Whether the container cannot hold it, as the document says."""
        if self.container == "mxf":
            return self.kind not in ("mxf", "prores")
        # Matroska cannot hide pictures, nor say where the sound of an MP3 begins.
        return (self.kind, self.container) in {
            ("prores", "mp4"),
            ("edit list", "mkv"),
            ("mp3", "mkv"),
        }


MATRIX = [Case(*cell) for cell in itertools.product(SOURCES, MOVIES, ALL_RATES)]
ODD_CASES = [Case(*cell) for cell in itertools.product(ODD, MOVIES, ["29.97"])]


def pairwise(seed: int) -> list[Case]:
    """Cases in which every kind meets every container and every rate, and they one another.

    As few as a greedy choice finds; which third thing each pair meets depends on the seed.
    """
    cases = [case for case in MATRIX if not case.refused]
    random.Random(seed).shuffle(cases)
    missing = set(itertools.chain.from_iterable(map(_pairs, cases)))
    chosen: list[Case] = []
    while missing:
        best = max(cases, key=lambda case: len(missing & set(_pairs(case))))
        chosen.append(best)
        missing -= set(_pairs(best))
    return chosen


def sample(seed: int, cases: Sequence[Case]) -> list[Case]:
    """One case of each kind that is not refused."""
    able = [case for case in cases if not case.refused]
    random.Random(seed).shuffle(able)
    return sorted({case.kind: case for case in able}.values(), key=str)


def _pairs(case: Case) -> Iterator[tuple[tuple[int, str], ...]]:
    yield from itertools.combinations(enumerate((case.kind, case.container, case.rate)), 2)


@dataclass(frozen=True)
class Finding:
    """What the new file holds.

    Attributes:
        made: what stemmux says of it.
        picture: the same packets, the same decoded pictures, or no picture.
        stems: offset of each stem from where it belongs, in samples.
        original: how much the clip's own sound has moved against its picture, in samples.
        between: how much the stems have moved against the clip's own sound, in samples.
    """

    made: Muxed
    picture: str
    stems: tuple[Fraction, ...]
    original: Fraction
    between: tuple[Fraction, ...]


def clip(studio: Studio, case: Case) -> Source:
    """The case's clip, a little longer than its stems."""
    frames = int((STEM + Fraction(1, 5)) * ALL_RATES[case.rate])
    return studio.clip(case.kind, case.rate, frames=frames)


def shown(source: Source, case: Case) -> list[Fraction]:
    """When each picture is shown after the first (s); not rounded by the clock of the file."""
    if case.kind == "varying rate":
        return [time - source.first_picture for time, _ in source.pictures]
    return [number / ALL_RATES[case.rate] for number in range(source.frames)]


def stems(studio: Studio, start: int = 0, seconds: Fraction = STEM) -> list[Stem]:
    """Two stems of 24 bits."""
    return [
        Stem(studio.wave(stem_sound(number, seconds), 48000, "PCM_24"), title, start)
        for number, title in enumerate(TITLES)
    ]


def make(
    studio: Studio, case: Case, folder: Path, start: int = 0, seconds: Fraction = STEM
) -> tuple[Source, Path, Finding]:
    """Add two stems to a clip and measure what came out."""
    source = clip(studio, case)
    out = folder / f"out.{case.container}"
    made = add(probe(source.path), stems(studio, start, seconds), out)
    return source, out, _measured(case, source, out, made, start, seconds)


def stem_sound(number: int, seconds: Fraction = STEM) -> Sound:
    """What the stem with that number holds, from 0."""
    return noise(100 + number, round(seconds * 48000), 2, bits=24)


def _measured(
    case: Case, source: Source, out: Path, made: Muxed, start: int, seconds: Fraction
) -> Finding:
    blind = case.kind in SOUND_KINDS
    # Sound alone is counted from its first sample, there and here.
    after = sound(out)[0] if blind else first_picture(out)
    moved = _place(source.sounds[0], out, 0) - after
    if blind:
        moved -= _place(source.sounds[0], source.path, 0) - sound(source.path)[0]
    else:
        moved -= source.place()
    places = [_place(stem_sound(n, seconds), out, 1 + n) - after for n in range(len(TITLES))]
    offsets = tuple(place * 48000 - start for place in places)
    return Finding(
        made,
        "none" if blind else _picture(source.path, out),
        offsets,
        moved * 48000,
        tuple(offset - moved * 48000 for offset in offsets),
    )


def _place(reference: Sound, path: Path, track: int) -> Fraction:
    """When the reference's first sample is heard, in seconds on the file's clock."""
    start, heard = sound(path, track)
    return start + Fraction(lag(reference[:, 0], heard[:, 0]), 48000)


def _picture(source: Path, out: Path) -> str:
    if _packets(source) == _packets(out):
        return "packets"
    return "pictures" if _decoded(source) == _decoded(out) else "changed"


def _packets(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            digest.update(bytes(packet))
    return digest.hexdigest()


def _decoded(path: Path) -> str:
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            digest.update(frame.to_ndarray().tobytes())
    return digest.hexdigest()


def switched_on(path: Path) -> list[bool]:
    """For each picture and sound of a MOV or MP4 file, whether its header says that it is on."""
    found = []

    def walk(data: bytes, track: dict[bytes, bytes]) -> None:
        at = 0
        while at + 8 <= len(data):
            size, name = struct.unpack_from(">I4s", data, at)
            if size == 1:
                size = struct.unpack_from(">Q", data, at + 8)[0]
            body = data[at + 8 : at + size]
            if name == b"trak":
                track = {}
            if name in (b"moov", b"trak", b"mdia"):
                walk(body, track)
            track.setdefault(name, body)
            if name == b"trak" and track[b"hdlr"][8:12] in (b"vide", b"soun"):
                found.append(bool(track[b"tkhd"][3] & 1))
            at += max(size, 8)

    walk(path.read_bytes(), {})
    return found
