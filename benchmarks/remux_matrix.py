"""Stems into every kind of clip and container: what moves, what survives, what is refused.

    python benchmarks/remux_matrix.py [--only WORD ...] [--tables matrix survival] [--jobs N]

The first table has a row for each kind of clip and container, over all picture rates: offsets of
the stems as PyAV decodes them, and, where they are installed, as Debian's ffmpeg, GStreamer and MLT
do. Whatever is not 0 is explained there by what was measured, and what cannot be explained ends the
run with status 1. The second tells what lies beside the samples and survives, by writing it and
reading it back. The same functions check a sample of the rows in `tests/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
from tests.media.carrying import RICH, carried, rich
from tests.media.making import ALL_RATES, SOUND_KINDS, Source, Studio, first_picture, noise
from tests.media.remuxing import (
    MATRIX,
    ODD_CASES,
    Case,
    Finding,
    make,
    own_place,
    shown,
    stem_sound,
)
from tests.outside.readers import there

import stemmux.append
from stemmux.containers import Container, Fact
from stemmux.errors import ContainerRefused, NotAppendable, StemmuxError
from stemmux.mux import Stem, add
from stemmux.probe import probe

TABLES = ("matrix", "survival")
#: Readers that give places to the sample; GStreamer's are times, MLT's its timeline.
EXACT = ("PyAV", "ffmpeg")
#: What GStreamer's good plugins have no demuxer for.
BLIND = {("gstreamer", "mxf")}
#: A tick of Matroska's clock, in samples.
MILLISECOND = 48


def line(cells: Iterable[object]) -> None:
    """Print one row of a table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(names: Iterable[str]) -> None:
    """Print the first rows of a table."""
    listed = list(names)
    line(listed)
    print("|---" * len(listed) + "|")


class OnlyRemux:
    """While it lasts, nothing is appended."""

    def __enter__(self) -> None:
        self._append = stemmux.append.append

        def never(*given: object, **named: object) -> None:
            raise NotAppendable("Not in this row.")

        stemmux.append.append = never

    def __exit__(self, *what: object) -> None:
        stemmux.append.append = self._append


@dataclass(frozen=True)
class Row:
    """A kind of clip in a container, remuxed even where it could be appended to, or not."""

    kind: str
    container: Container
    only_remuxed: bool = False


@dataclass(frozen=True)
class Cell:
    """What was measured on one file, as plain values, or why there is none.

    Attributes:
        stems: samples that each reader finds a stem from its place, by the reader's name; None
            where it cannot read the file at all.
        own: samples that the clip's own sound has moved.
        seen: what explains values that are not 0.
        faults: what nothing explains.
    """

    rate: str
    refused: str = ""
    way: str = ""
    picture: str = ""
    stems: dict[str, Fraction | None] = field(default_factory=dict)
    own: Fraction = Fraction(0)
    seen: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def cases(row: Row, words: Sequence[str]) -> list[Case]:
    """Those of a row, one for each rate."""
    return [
        case
        for case in [*MATRIX, *ODD_CASES]
        if (case.kind, case.container) == (row.kind, row.container)
        and all(word in str(case) for word in words)
    ]


def cell(studio: Studio, case: Case, folder: Path) -> Cell:
    """Add stems to one clip, and measure the file."""
    try:
        source, out, found = make(studio, case, folder)
    except StemmuxError as error:
        faults = () if case.refused else (f"not written: {error}",)
        return Cell(case.rate, refused=str(error), faults=faults)
    places: dict[str, Fraction | None] = {"PyAV": max(found.stems, key=abs)}
    if case in MATRIX:
        times = shown(source, case)
        for name, reader in there().items():
            places[name] = reader(out, 2, stem_sound(1), times, folder)
    seen, faults = explained(case, source, out, found, places)
    return Cell(
        case.rate, "", found.made.way, found.picture, places, found.original, seen, tuple(faults)
    )


def explained(
    case: Case, source: Source, out: Path, found: Finding, places: dict[str, Fraction | None]
) -> tuple[tuple[str, ...], list[str]]:
    """What was seen of the clip that explains what is not 0, and what nothing explains."""
    seen, faults = [], []
    if case.refused:
        faults.append("written, though it should be refused")
    if found.picture == "changed":
        faults.append("the picture is another")
    for name, place in places.items():
        allowed = 0 if name in EXACT else 1
        blind = place is None and (name, case.container) not in BLIND
        if blind or (place is not None and abs(place) > allowed):
            faults.append(f"{name}: {place}")
    moved = found.original
    if moved and case.kind in SOUND_KINDS:
        faults.append(f"own sound moved by {float(moved)} samples")
    elif moved:
        place = own_place(source) * 48_000
        packets = [1000 * first_packet(path) for path in (source.path, out)]
        shift = (packets[1] - packets[0]) * MILLISECOND
        if abs(moved) < 1 and place.denominator != 1:
            seen.append(f"in the clip the sound lay {float(place):+.2f} samples from the picture")
        elif case.container == "mkv" and shift == moved and packets[1].denominator == 1:
            there, here = (f"{float(time):+.3f}" for time in packets)
            seen.append(f"its first packet lay at {there} ms, and lies at {here} ms")
        else:
            faults.append(f"own sound moved by {float(moved)} samples")
        if abs(moved) > 1:
            told = any("clip's own sound" in sentence for sentence in found.made.lost)
            (seen if told else faults).append("the result says so" if told else "not said")
    return tuple(seen), faults


def first_packet(path: Path) -> Fraction:
    """Seconds from the first picture to the earliest packet of the first sound."""
    with av.open(str(path)) as file:
        times = [packet.pts for packet in file.demux(audio=0) if packet.pts is not None]
        base = file.streams.audio[0].time_base
    return min(times) * base - first_picture(path)


def measured(row: Row, words: Sequence[str], scratch: Path) -> list[Cell]:
    """The cells of a row. Runs in a process of its own, which keeps its clips."""
    studio = _studio(scratch, os.getpid())
    with OnlyRemux() if row.only_remuxed else nullcontext():
        return [
            cell(studio, case, Path(tempfile.mkdtemp(dir=scratch))) for case in cases(row, words)
        ]


@functools.cache
def _studio(scratch: Path, process: int) -> Studio:
    folder = scratch / f"clips-{process}"
    folder.mkdir()
    return Studio(folder)


def largest(values: Sequence[Fraction | None]) -> str:
    """The one furthest from 0; a dash where a reader cannot read the file, or was not asked."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    most = f"{float(max(known, key=abs)):+.2f}"
    most = "0" if most in ("+0.00", "-0.00") else most.replace("-", "−")
    return most if len(known) == len(values) else f"{most} ({len(known)} of {len(values)})"


def shown_row(row: Row, cells: Sequence[Cell], readers: Sequence[str]) -> list[object]:
    """The row as it is printed: over all rates the worst, with what was seen of it."""
    first = [row.kind, row.container.upper(), "/".join(one.rate for one in cells)]
    faults = [f"**{one.rate}: {fault}**" for one in cells for fault in one.faults]
    if all(one.refused for one in cells):
        return [*first, *["–"] * (3 + len(readers)), f"refused: {cells[0].refused}", *faults]
    worst = max(cells, key=lambda one: abs(one.own))
    said = [f"at {worst.rate}: {', '.join(worst.seen)}"] if worst.seen else []
    return [
        *first,
        "/".join(sorted({one.way for one in cells})),
        "/".join(sorted({one.picture for one in cells})),
        *(largest([one.stems.get(name) for one in cells]) for name in readers),
        largest([one.own for one in cells]),
        "; ".join([*said, *faults]),
    ]


def matrix(scratch: Path, words: Sequence[str], jobs: int) -> int:
    """Print the first table and what it adds up to; gives the number of faults."""
    kinds = dict.fromkeys((case.kind, case.container) for case in [*MATRIX, *ODD_CASES])
    readers = ["PyAV", *there()]
    head(["clip", "into", "fps", "way", "picture", *readers, "own sound moved", "seen"])
    every: list[Cell] = []
    with ProcessPoolExecutor(jobs) as pool:

        def printed(rows: Sequence[Row]) -> Iterator[Row]:
            """Print the rows; gives those that were appended to."""
            # Submitted together: one row's slow reader does not hold up the next.
            asked = [(row, pool.submit(measured, row, words, scratch)) for row in rows]
            for row, result in asked:
                if cells := result.result():
                    every.extend(cells)
                    line(shown_row(row, cells, readers))
                if any(one.way == "appended" for one in cells):
                    yield row

        appended = list(printed([Row(*one) for one in kinds]))
        list(printed([dataclasses.replace(row, only_remuxed=True) for row in appended]))
    written = [one for one in every if not one.refused]
    faults = sum(len(one.faults) for one in every)
    print(f"\n{len(written)} files written, {len(every) - len(written)} refused; faults: {faults}.")
    for name in readers:
        found = [one.stems[name] for one in written if name in one.stems]
        read = [place for place in found if place is not None]
        most = float(max(map(abs, read), default=Fraction(0)))
        print(f"{name}: {len(read)} of {len(found)} read, at most {most:.2f} samples off.")
    return faults


def survival(studio: Studio, scratch: Path) -> None:
    """Print the second table: a row for each fact, a column for each way."""
    columns: dict[str, dict[Fact, str]] = {}
    for kind in RICH:
        source = rich(studio, kind)
        before = carried(source)
        ways: list[tuple[Container, bool]] = [("mov", True), ("mov", False), ("mp4", False)]
        for container, appending in [*ways, ("mkv", False), ("mxf", False)]:
            name = f"{kind} → {container}" + (", appended" if appending else "")
            out = Path(tempfile.mkdtemp(dir=scratch)) / f"out.{container}"
            stems = [Stem(studio.wave(noise(n, 48000, 2)), title) for n, title in enumerate("AB")]
            try:
                if appending:
                    made = add(probe(source), stems, out)
                else:
                    with OnlyRemux():
                        made = add(probe(source), stems, out)
            except ContainerRefused:
                continue
            if appending and made.way != "appended":
                continue
            after = carried(out)
            columns[name] = {
                fact: "yes" if after.get(fact) == value else "no" for fact, value in before.items()
            }
    head(["", *columns])
    for fact in get_args(Fact):
        line([fact, *(column.get(fact, "") for column in columns.values())])


def main() -> None:
    """Make the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="words that a row's name must have")
    parser.add_argument("--tables", nargs="*", default=TABLES, choices=TABLES)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="rows at a time")
    words = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(prefix="remux-matrix-") as name:
        scratch = Path(name)
        studio = Studio(scratch)
        print(f"{len(ALL_RATES)} rates; outside readers: {', '.join(there()) or 'none'}\n")
        if "matrix" in words.tables:
            faults = matrix(scratch, words.only, words.jobs)
        if "survival" in words.tables:
            print("\n")
            survival(studio, scratch)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
