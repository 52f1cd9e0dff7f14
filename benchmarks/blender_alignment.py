"""Where stems come to lie on Blender's timeline: every frame rate, codec, rate and layout.

    python benchmarks/blender_alignment.py --blenders FOLDER [--versions 4.5 5.2] [--trims 20]
        [--handles 0] [--folder FOLDER]

Blenders' folder holds environments with Blender as a module (`.ci/blender-modules` makes them).
Each case is a movie with its sound, trimmed by an odd number of frames at an odd place; its export
is halved into stems, which are placed; then Blender's own mixdowns are compared sample by sample.
The first case of each source goes through a second Blender, as in use; the others do the same in
one. With `--folder` every result is kept as it comes: interrupted, or run again for more, only what
is missing is done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from stemmux.ffmpeg import find

WORKER = Path(__file__).parents[1] / "tests" / "blender" / "aligning.py"
#: Blender's fps and fps_base, and ffmpeg's words for the same.
RATES = {
    "23.976": (24, 1.001, "24000/1001"),
    "24": (24, 1.0, "24"),
    "25": (25, 1.0, "25"),
    "29.97": (30, 1.001, "30000/1001"),
    "59.94": (60, 1.001, "60000/1001"),
}
CODECS = {
    "PCM": ("mov", ["-c:a", "pcm_s16le"]),
    "FLAC": ("mp4", ["-c:a", "flac", "-strict", "-2"]),
    "AAC": ("mp4", ["-c:a", "aac", "-b:a", "384k", "-aac_pns", "0"]),
    "FLAC in Matroska": ("mkv", ["-c:a", "flac"]),
    "AAC in Matroska": ("mkv", ["-c:a", "aac", "-b:a", "384k", "-aac_pns", "0"]),
    "AAC with noise substitution": ("mp4", ["-c:a", "aac", "-b:a", "96k", "-aac_pns", "1"]),
}
#: What is measured, and not promised.
APART = {"FLAC in Matroska", "AAC in Matroska", "AAC with noise substitution"}
LAYOUTS = {"stereo": 2, "5.1": 6}
HERTZ = (44100, 48000)
SECONDS = 24
Case = dict[str, Any]


class Kind(NamedTuple):
    """What a source is."""

    rate: str
    codec: str
    hertz: int
    layout: str

    @property
    def name(self) -> str:
        return "-".join(str(part).replace(" ", "_") for part in self)


def ffmpeg(*words: object) -> None:
    subprocess.run([find().path, "-v", "error", "-y", *map(str, words)], check=True)


def source(folder: Path, kind: Kind) -> Path:
    """A movie of a kind, noise in each channel; made where it is not there yet."""
    suffix, words = CODECS[kind.codec]
    path = folder / f"{kind.name}.{suffix}"
    if path.exists():
        return path
    picture = folder / f"{kind.rate}-{os.getpid()}.mp4"
    if not picture.exists():
        shown = f"testsrc2=s=160x90:r={RATES[kind.rate][2]}:d={SECONDS}"
        ffmpeg("-f", "lavfi", "-i", shown, "-c:v", "libx264", "-preset", "ultrafast", picture)
    channels = LAYOUTS[kind.layout]
    noise = [f"anoisesrc=d={SECONDS}:a=0.3:r={kind.hertz}:seed={n}" for n in range(channels)]
    inputs = [word for part in noise for word in ("-f", "lavfi", "-i", part)]
    joined = "".join(f"[{n + 1}]" for n in range(channels))
    joined += f"join=inputs={channels}:channel_layout={kind.layout}[a]"
    whole = path.with_name(f"{os.getpid()}.{path.name}")
    ffmpeg(
        *("-i", picture, *inputs, "-filter_complex", joined, "-map", "0:v"),
        *("-map", "[a]", "-c:v", "copy", *words, "-shortest", whole),
    )
    whole.rename(path)
    return path


def cases(path: Path, kind: Kind, trims: int, seed: int, handles: int) -> list[Case]:
    """The same for a seed, whatever else is run."""
    dice = random.Random(f"{seed} {kind.name}")
    fps, fps_base, _ = RATES[kind.rate]
    frames = int((SECONDS - 1) * fps / fps_base)
    made = []
    for number in range(trims):
        length = dice.randrange(31, 121, 2)
        case = {"source": str(path), "fps": fps, "fps_base": fps_base, "handles": handles}
        case |= {"at": dice.randrange(1, 300, 2), "frames": length, "process": number == 0}
        made.append(case | {"trim": dice.randrange(handles + 1, frames - length - handles, 2)})
    return made


def measured(python: Path, wanted: list[Case], folder: Path) -> Iterator[dict[str, Any]]:
    """What the worker finds, in the order of the cases, as it comes."""
    folder.mkdir(parents=True, exist_ok=True)
    orders, log = folder / "cases.json", folder / "errors.txt"
    orders.write_text(json.dumps(wanted))
    command = [str(python), str(WORKER), str(orders), str(folder)]
    count = 0
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as worker,
    ):
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith("RESULT "):
                yield json.loads(line[7:])
                count += 1
    if count != len(wanted):
        sys.exit(f"{count} of {len(wanted)}, status {worker.returncode}:\n{log.read_text()}")


def kept(path: Path, seed: int) -> dict[tuple[Kind, int], dict[str, Any]]:
    """What was measured before, by kind and number of the case."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        row = json.loads(line)
        if row["seed"] == seed:
            found[Kind(*row["kind"]), row["number"]] = row["found"]
    return found


def run(version: str, args: argparse.Namespace, kinds: list[Kind], folder: Path) -> list[str]:
    """The table of one Blender."""
    python = args.blenders / version / "bin" / "python"
    results = folder / f"{version}-{args.handles}.jsonl"
    known = kept(results, args.seed)
    for kind in kinds:
        wanted = list(
            enumerate(cases(source(folder, kind), kind, args.trims, args.seed, args.handles))
        )
        missing = [(number, case) for number, case in wanted if (kind, number) not in known]
        if not missing:
            continue
        work = folder / f"work-{version}-{args.handles}"
        with results.open("a") as file:
            found = measured(python, [case for _, case in missing], work)
            for (number, case), lies in zip(missing, found, strict=True):
                row = {"seed": args.seed, "kind": kind, "number": number, "case": case}
                file.write(json.dumps(row | {"found": lies}) + "\n")
                file.flush()
                known[kind, number] = lies
        print(version, kind.name, len(missing), file=sys.stderr, flush=True)
    return table(version, args, kinds, known)


HEAD = """\
| fps | codec | Hz | layout | cases | length | stem to its file | difference \
| sum to the mixdown | stem to original, as the timeline plays \
| the same, mixed down from the strip's start | the same, played at 48 kHz |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def table(
    version: str, args: argparse.Namespace, kinds: list[Kind], known: dict[Any, dict[str, Any]]
) -> list[str]:
    """One row for each kind, and for all that is promised."""
    about = f"{args.trims} trims each, handles of {args.handles} frames, seed {args.seed}"
    lines = [f"\nBlender {version}, {about}\n", HEAD]
    promised: list[dict[str, Any]] = []
    for kind in kinds:
        found = [known[kind, number] for number in range(args.trims)]
        promised += found if kind.codec not in APART else []
        lines.append(row([kind.rate, kind.codec, str(kind.hertz), kind.layout], found))
    if promised:
        lines.append(row(["all", "PCM, FLAC, AAC", "both", "both"], promised))
    return lines


def row(title: list[str], found: list[dict[str, Any]]) -> str:
    length = "yes" if all(part["samples_right"] for part in found) else "NO"
    file = level(max(part["stem_to_file_db"] for part in found))
    total = level(max(part["sum_db"] for part in found))
    columns = [*title, str(len(found)), length, spread(found, "stem_to_file"), file, total]
    columns += [spread(found, "in_timeline"), spread(found, "stem_to_original")]
    columns.append(spread(found, "at_48000"))
    return "| " + " | ".join(columns) + " |"


def spread(found: list[dict[str, Any]], name: str) -> str:
    """How many cases lie how many samples off."""
    counts = Counter(part[name] for part in found if name in part)
    return (
        ", ".join(
            f"{off:+d}: {counts[off]}" if off else f"0: {counts[0]}"
            for off in sorted(counts, key=lambda off: (abs(off), off))
        )
        or "–"
    )


def level(db: float) -> str:
    return "exact" if db <= -299 else f"{db:.1f} dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blenders", type=Path, required=True)
    parser.add_argument("--versions", nargs="+", default=["4.5", "5.2"])
    parser.add_argument("--rates", nargs="+", default=list(RATES), choices=list(RATES))
    parser.add_argument("--codecs", nargs="+", default=list(CODECS), choices=list(CODECS))
    parser.add_argument("--trims", type=int, default=20)
    parser.add_argument("--handles", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--folder", type=Path, help="keeps sources and results")
    args = parser.parse_args()
    kinds = [
        Kind(rate, codec, hertz, layout)
        for rate in args.rates
        for codec in args.codecs
        for hertz in HERTZ
        for layout in LAYOUTS
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            source(folder, kind)
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(run, version, args, kinds, folder) for version in args.versions]
            for job in jobs:
                print("\n".join(job.result()))


if __name__ == "__main__":
    main()
