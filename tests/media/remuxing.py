"""One clip with stems added, judged by PyAV and numpy alone. Also run by benchmarks/."""

from __future__ import annotations

import hashlib
import itertools
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from tests.media.making import (
    KINDS,
    SOUND_KINDS,
    Sound,
    Source,
    Studio,
    lag,
    noise,
    pictures,
    sound,
)

from stemmux.mux import CONTAINERS, Container, Muxed, Stem, add
from stemmux.probe import probe

#: What stems are added to; an Opus file cannot be copied into MOV.
SOURCES = [kind for kind in (*KINDS, *SOUND_KINDS) if kind not in ("opus", "flac")]
RATES = ["23.976", "29.97"]
TITLES = ("Target: Döner, \"hot\" = 'x'; y", "Residual")


@dataclass(frozen=True)
class Case:
    """A clip of some kind and rate, and the container that it goes into."""

    kind: str
    container: Container
    rate: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.container}-{self.rate}"


#: Matroska cannot hide pictures, so what an edit list hides is refused there (see test_mux).
MATRIX = [
    Case(*case)
    for case in itertools.product(SOURCES, CONTAINERS, RATES)
    if case[:2] != ("edit list", "mkv")
]


def sample(seed: int, size: int) -> list[Case]:
    """Some cases in which each kind, container and rate meets as many others as it can."""
    cases = MATRIX.copy()
    random.Random(seed).shuffle(cases)
    chosen: list[Case] = []
    seen: set[tuple[str, str]] = set()
    while len(chosen) < size:
        best = max(cases, key=lambda case: len(set(_pairs(case)) - seen))
        cases.remove(best)
        chosen.append(best)
        seen.update(_pairs(best))
    return chosen


def _pairs(case: Case) -> Iterator[tuple[str, str]]:
    yield from itertools.combinations((case.kind, case.container, case.rate), 2)
    yield from ((name, "") for name in (case.kind, case.container, case.rate))


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


def make(
    studio: Studio, case: Case, folder: Path, start: int = 0, seconds: Fraction = Fraction(2)
) -> tuple[Source, Path, Finding]:
    """Add two stems to a clip and measure what came out."""
    source = studio.clip(case.kind, case.rate)
    stems = [
        Stem(studio.wave(_stem(number, seconds), 48000, "PCM_24"), title, start)
        for number, title in enumerate(TITLES)
    ]
    out = folder / f"out.{case.container}"
    made = add(probe(source.path), stems, out)
    return source, out, _measured(case, source, out, made, start, seconds)


def _stem(number: int, seconds: Fraction) -> Sound:
    return noise(100 + number, round(seconds * 48000), 2, bits=24)


def _measured(
    case: Case, source: Source, out: Path, made: Muxed, start: int, seconds: Fraction
) -> Finding:
    blind = case.kind in SOUND_KINDS
    # Sound alone is counted from its first sample, there and here.
    before = sound(source.path)[0] if blind else source.first_picture
    after = sound(out)[0] if blind else pictures(out)[0][0]
    own = _place(source.sounds[0], out, 0) - after
    moved = own - (_place(source.sounds[0], source.path, 0) - before)
    places = [_place(_stem(n, seconds), out, 1 + n) - after for n in range(len(TITLES))]
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
    """For each track of a MOV or MP4 file, whether its header says that it is enabled."""
    found = []

    def walk(data: bytes) -> None:
        at = 0
        while at + 8 <= len(data):
            size, name = struct.unpack_from(">I4s", data, at)
            body = data[at + 8 : at + size]
            if name == b"tkhd":
                found.append(bool(body[3] & 1))
            elif name in (b"moov", b"trak"):
                walk(body)
            at += max(size, 8)

    walk(path.read_bytes())
    return found
