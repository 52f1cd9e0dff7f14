"""Stems into every kind of clip and container: what moves, what survives, what is refused.

    python benchmarks/remux_matrix.py [--only WORD ...] [--tables matrix survival codecs]

The first table has a row for each kind of clip and container, over all picture rates: offsets of
the stems as PyAV decodes them, and, where they are installed, as Debian's ffmpeg, GStreamer and MLT
do. The second tells what lies beside the samples and survives, by writing it and reading it back.
The third tries every codec that the shipped ffmpeg can make against the table in
`stemmux.containers`. The same functions check a sample of the rows in `tests/`.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
from tests.media.carrying import RICH, carried, rich
from tests.media.making import ALL_RATES, Studio, ffmpeg, noise
from tests.media.remuxing import MATRIX, ODD_CASES, Case, clip, make, shown, stem_sound
from tests.outside.readers import there

import stemmux.append
from stemmux.bwf import WaveFormat
from stemmux.containers import CONTAINERS, Container, Fact, Wish, refuse
from stemmux.errors import ContainerRefused, NotAppendable, StemmuxError
from stemmux.mux import Stem, add
from stemmux.probe import Media, probe

TABLES = ("matrix", "survival", "codecs")
PICTURES = {
    "h264": ("libx264", "-bf", "0"),
    "hevc": ("libx265", "-x265-params", "log-level=none"),
    "av1": ("libsvtav1",),
    "vp9": ("libvpx-vp9",),
    "vp8": ("libvpx",),
    "mpeg2video": ("mpeg2video", "-g", "12", "-bf", "2"),
    "mpeg4": ("mpeg4",),
    "prores": ("prores_ks",),
    "dnxhd": ("dnxhd", "-profile:v", "dnxhr_lb", "-s", "256x144", "-pix_fmt", "yuv422p"),
    "mjpeg": ("mjpeg",),
    "ffv1": ("ffv1", "-level", "3"),
    "cfhd": ("cfhd", "-pix_fmt", "yuv422p10"),
    "dvvideo": ("dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p"),
    "jpeg2000": ("jpeg2000",),
    "qtrle": ("qtrle", "-pix_fmt", "rgb24"),
    "rawvideo": ("rawvideo", "-pix_fmt", "uyvy422"),
    "v210": ("v210",),
    "hap": ("hap",),
    "theora": ("libtheora",),
    "wmv1": ("wmv1",),
    "wmv2": ("wmv2",),
    "flv1": ("flv",),
    "msmpeg4v2": ("msmpeg4v2",),
    "msmpeg4v3": ("msmpeg4",),
    "huffyuv": ("huffyuv",),
    "utvideo": ("utvideo",),
}
PCM = (
    *("s16le", "s16be", "s24le", "s24be", "s32le", "f32le", "f32be", "f64le", "f64be"),
    *("u8", "s8", "mulaw", "alaw"),
)
#: What stemmux writes anew for MXF, sample for sample.
TURNED = {"pcm_s16be": "pcm_s16le", "pcm_s24be": "pcm_s24le"}
SOUNDS = {
    **{name: (name,) for name in ("aac", "ac3", "eac3", "alac", "flac", "tta", "wavpack", "mp2")},
    **{name: (name,) for name in ("wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt")},
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "vorbis": ("libvorbis",),
    "dts": ("dca", "-strict", "-2"),
    "truehd": ("truehd", "-strict", "-2"),
    **{f"pcm_{kind}": (f"pcm_{kind}",) for kind in PCM},
}
#: Files to make a codec in: the first that takes it.
HOMES = (".mov", ".mkv", ".avi", ".wav", ".wma", ".eac3")


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


def largest(values: list[Fraction | None]) -> str:
    """The one furthest from 0; a dash where a reader cannot read the file."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    most = f"{float(max(known, key=abs)):+.2f}".replace("-0.00", "+0.00")
    return most if len(known) == len(values) else f"{most} ({len(known)} of {len(values)})"


def cell(studio: Studio, case: Case, folder: Path) -> dict[str, object]:
    """What was measured on one file: columns of the table."""
    source, out, found = make(studio, case, folder)
    row: dict[str, object] = {
        "way": found.made.way,
        "picture": found.picture,
        "stems": max(found.stems, key=abs),
        "own": found.original,
        "said": tuple(found.made.lost),
    }
    if case in MATRIX:
        for name, reader in there().items():
            row[name] = reader(out, 2, stem_sound(1), shown(source, case), folder)
    return row


def rows(studio: Studio, cases: list[Case], scratch: Path, way: str) -> Iterator[list[object]]:
    """One row for all the picture rates of a kind of clip and a container."""
    for kind, container in dict.fromkeys((case.kind, case.container) for case in cases):
        found, refused = [], ""
        same = [case for case in cases if (case.kind, case.container) == (kind, container)]
        for case in same:
            folder = Path(tempfile.mkdtemp(dir=scratch))
            clip(studio, case)
            try:
                found.append(cell(studio, case, folder))
            except StemmuxError as error:
                refused = f"{'refused' if case.refused else 'FAILED'}: {error}"
        rates = "/".join(case.rate for case in same)
        if refused:
            yield [kind, container, rates, refused, *[""] * (3 + len(there()))]
            continue
        ways = "/".join(sorted({str(one["way"]) for one in found}))
        if way == "remuxed" and ways != "remuxed":
            continue
        pictures = "/".join(sorted({str(one["picture"]) for one in found}))
        read = [largest([one.get(name) for one in found]) for name in ("stems", *there(), "own")]
        yield [kind, container, rates, ways, pictures, *read]


def matrix(studio: Studio, scratch: Path, words: list[str]) -> None:
    """Print the first table, and under it what was said."""
    cases = [case for case in [*MATRIX, *ODD_CASES] if all(word in str(case) for word in words)]
    first = ["clip", "into", "fps", "way", "picture", "stems (PyAV)"]
    head([*first, *(f"stems ({name})" for name in there()), "own sound moved"])
    for row in rows(studio, cases, scratch, "any"):
        line(row)
    print("\nThe same, where stems can be appended, remuxed instead:\n")
    able = [case for case in cases if case.container == "mov" and not case.refused]
    head([*first, *(f"stems ({name})" for name in there()), "own sound moved"])
    with OnlyRemux():
        for row in rows(studio, able, scratch, "remuxed"):
            line(row)


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


def made(studio: Studio, letter: str, words: tuple[str, ...]) -> Path | None:
    """A short file of one codec."""
    for suffix in HOMES:
        out = studio.new(suffix)
        picture = ("-f", "lavfi", "-i", "testsrc=s=160x96:r=25:d=0.6")
        sound = ("-f", "lavfi", "-i", "anoisesrc=d=0.6:r=48000", "-ac", "2")
        try:
            ffmpeg(*(picture if letter == "v" else sound), f"-c:{letter}", *words, out)
            with av.open(str(out)) as file:
                next(file.decode(file.streams[0]))
        except Exception:  # whatever it is, the next kind of file is tried
            continue
        return out
    return None


def copied(studio: Studio, source: Path, letter: str, codec: str, container: Container) -> bool:
    """Whether ffmpeg copies it into the container, and PyAV decodes what came out."""
    out = studio.new(f".{container}")
    words: tuple[object, ...] = ("-i", source, "-c", "copy")
    if container == "mxf" and letter == "a":
        picture = ("-f", "lavfi", "-i", "testsrc=s=160x96:r=25:d=0.6", "-map", "1:v", "-map", "0:a")
        words = ("-i", source, *picture, "-c:v", "mpeg2video", "-c:a", TURNED.get(codec, "copy"))
    try:
        ffmpeg(*words, out)
        with av.open(str(out)) as file:
            stream = file.streams.video[0] if letter == "v" else file.streams.audio[0]
            return any(True for _ in file.decode(stream))
    except Exception:  # ffmpeg refuses, or PyAV cannot read it: either way it is no copy
        return False


def codecs(studio: Studio) -> None:
    """Print the third table: the codecs for which the table and ffmpeg do not agree."""
    head(["codec", *CONTAINERS[:-1], "the table differs"])
    plain = probe(studio.clip("prores").path)
    for letter, kinds in (("v", PICTURES), ("a", SOUNDS)):
        for name, words in kinds.items():
            source = made(studio, letter, words)
            if source is None:
                line([name, "cannot be made", "", "", "", ""])
                continue
            able = [copied(studio, source, letter, name, one) for one in CONTAINERS[:-1]]
            said = [taken(plain, letter, name, one) for one in CONTAINERS[:-1]]
            differ = [one for one, a, b in zip(CONTAINERS, able, said, strict=False) if a != b]
            line([name, *("yes" if one else "no" for one in able), " ".join(differ)])


def taken(media: Media, letter: str, codec: str, container: Container) -> bool:
    """Whether the table takes a clip with that codec."""
    video = dataclasses.replace(media.picture(), codec=codec if letter == "v" else "mpeg2video")
    audio = media.audio[0]
    if letter == "a":
        audio = dataclasses.replace(audio, codec=codec)
    wish = Wish(
        dataclasses.replace(media, video=video, audio=(audio,)),
        [WaveFormat(48_000, 2, "s24")],
        own_sound=letter == "a",
    )
    try:
        refuse(wish, container)
    except ContainerRefused:
        return False
    return True


def main() -> None:
    """Make the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="words that a row's name must have")
    parser.add_argument("--tables", nargs="*", default=TABLES, choices=TABLES)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="remux-matrix-") as name:
        scratch = Path(name)
        studio = Studio(scratch)
        print(f"{len(ALL_RATES)} rates; outside readers: {', '.join(there()) or 'none'}\n")
        if "matrix" in words.tables:
            matrix(studio, scratch, words.only)
        if "survival" in words.tables:
            print("\n")
            survival(studio, scratch)
        if "codecs" in words.tables:
            print("\n")
            codecs(studio)


if __name__ == "__main__":
    main()
