"""One clip with stems added, judged by PyAV and numpy alone. Also run by benchmarks/."""

from __future__ import annotations

import functools
import hashlib
import itertools
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
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
        Stem(_stem_file(studio, number, seconds), title, start)
        for number, title in enumerate(TITLES)
    ]


@functools.cache
def _stem_file(studio: Studio, number: int, seconds: Fraction) -> Path:
    return studio.wave(stem_sound(number, seconds), 48000, "PCM_24")


def make(
    studio: Studio, case: Case, folder: Path, start: int = 0, seconds: Fraction = STEM
) -> tuple[Source, Path, Finding]:
    """Add two stems to a clip and measure what came out."""
    source = clip(studio, case)
    out = folder / f"out.{case.container}"
    made = add(probe(source.path), stems(studio, start, seconds), out)
    return source, out, _measured(case, source, out, made, start, seconds)


@functools.cache
def stem_sound(number: int, seconds: Fraction = STEM) -> Sound:
    """What the stem with that number holds, from 0."""
    samples = noise(100 + number, round(seconds * 48000), 2, bits=24)
    samples.flags.writeable = False
    return samples


@dataclass(frozen=True)
class _Own:
    """A clip's own sound, decoded.

    Attributes:
        start: when its first sample is heard, in seconds on the clip's clock.
        late: samples from that one to the first of what went into the clip.
    """

    start: Fraction
    heard: Sound
    late: int


_OWN: dict[Path, _Own] = {}


def _own(source: Source) -> _Own:
    if source.path not in _OWN:
        start, heard = sound(source.path)
        _OWN[source.path] = _Own(start, heard, lag(source.sounds[0][:, 0], heard[:, 0]))
    return _OWN[source.path]


def own_place(source: Source) -> Fraction:
    """Seconds from a clip's first picture to the first sample of its own sound."""
    own = _own(source)
    return own.start + Fraction(own.late, 48000) - source.first_picture


def _measured(
    case: Case, source: Source, out: Path, made: Muxed, start: int, seconds: Fraction
) -> Finding:
    blind = case.kind in SOUND_KINDS
    own, (began, heard) = _own(source), sound(out)
    # Sound alone is counted from its first sample, there and here.
    before = own.start if blind else source.first_picture
    after = began if blind else first_picture(out)
    same = np.array_equal(heard, own.heard)
    late = own.late if same else lag(source.sounds[0][:, 0], heard[:, 0])
    moved = (began + Fraction(late, 48000) - after) * 48000
    moved -= (own.start + Fraction(own.late, 48000) - before) * 48000
    offsets = tuple(
        _offset(stem_sound(number, seconds), out, 1 + number, after + Fraction(start, 48000))
        for number in range(len(TITLES))
    )
    return Finding(
        made,
        "none" if blind else _picture(source.path, out),
        offsets,
        moved,
        tuple(offset - moved for offset in offsets),
    )


def _offset(wanted: Sound, path: Path, track: int, due: Fraction) -> Fraction:
    """Samples from where a sound is due (s on the file's clock) to where it is heard.

    Where every sample is the wanted one there is nothing to be searched for.
    """
    start, heard = sound(path, track)
    first = (due - start) * 48000
    whole = heard[int(first) : int(first) + len(wanted)] if first >= 0 else heard[:0]
    if first.denominator == 1 and np.array_equal(whole, wanted):
        return Fraction(0)
    return lag(wanted[:, 0], heard[:, 0]) - first


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
