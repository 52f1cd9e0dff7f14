"""Where stems come to lie on Blender's timeline: every frame rate, codec, rate and layout.

    python benchmarks/blender_alignment.py --blenders FOLDER [--versions 4.5 5.2] [--trims 20]

FOLDER holds environments with Blender as a module (`.ci/blender-modules` makes them). Each case is
a movie with its sound, trimmed by an odd number of frames at an odd place; its export is halved
into stems, which are placed; then Blender's own mixdowns are compared sample by sample. The first
case of each source goes through a second Blender, as in use; the others do the same in one.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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
    "FLAC": ("mkv", ["-c:a", "flac"]),
    "AAC": ("mp4", ["-c:a", "aac", "-b:a", "384k", "-aac_pns", "0"]),
    "AAC with noise substitution": ("mp4", ["-c:a", "aac", "-b:a", "96k", "-aac_pns", "1"]),
}
LAYOUTS = {"stereo": 2, "5.1": 6}
SECONDS = 24
Case = dict[str, Any]


def ffmpeg(*words: object) -> None:
    subprocess.run([find().path, "-v", "error", "-y", *map(str, words)], check=True)


def sources(folder: Path, rate: str) -> dict[tuple[str, int, str], Path]:
    """A movie of that frame rate for every codec, sample rate and layout; noise in each channel."""
    picture = folder / f"{rate}.mp4"
    shown = f"testsrc2=s=160x90:r={RATES[rate][2]}:d={SECONDS}"
    ffmpeg("-f", "lavfi", "-i", shown, "-c:v", "libx264", "-preset", "ultrafast", picture)
    made = {}
    for codec, (suffix, words) in CODECS.items():
        for hertz in (44100, 48000):
            for layout, channels in LAYOUTS.items():
                if "noise" in codec and (hertz, layout) != (48000, "stereo"):
                    continue
                noise = [f"anoisesrc=d={SECONDS}:a=0.3:r={hertz}:seed={n}" for n in range(channels)]
                inputs = [word for part in noise for word in ("-f", "lavfi", "-i", part)]
                joined = "".join(f"[{n + 1}]" for n in range(channels))
                joined += f"join=inputs={channels}:channel_layout={layout}[a]"
                path = folder / f"{rate}-{codec.split()[-1]}-{hertz}-{channels}.{suffix}"
                ffmpeg(
                    *("-i", picture, *inputs, "-filter_complex", joined, "-map", "0:v"),
                    *("-map", "[a]", "-c:v", "copy", *words, "-shortest", path),
                )
                made[codec, hertz, layout] = path
    return made


def cases(source: Path, rate: str, trims: int, dice: random.Random, handles: int) -> list[Case]:
    fps, fps_base, _ = RATES[rate]
    frames = int((SECONDS - 1) * fps / fps_base)
    made = []
    for number in range(trims):
        length = dice.randrange(31, 121, 2)
        case = {"source": str(source), "fps": fps, "fps_base": fps_base, "handles": handles}
        case |= {"at": dice.randrange(1, 300, 2), "frames": length, "process": number == 0}
        made.append(case | {"trim": dice.randrange(handles + 1, frames - length - handles, 2)})
    return made


def measured(python: Path, wanted: list[Case], folder: Path) -> list[dict[str, Any]]:
    """What the worker found, in the order of the cases."""
    folder.mkdir()
    orders = folder / "cases.json"
    orders.write_text(json.dumps(wanted))
    command = [str(python), str(WORKER), str(orders), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    found = [json.loads(line) for line in lines]
    if len(found) != len(wanted):
        sys.exit(f"{len(found)} of {len(wanted)} cases, status {done.returncode}:\n{done.stderr}")
    return found


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


def row(title: str, found: list[dict[str, Any]]) -> str:
    length = "yes" if all(part["samples_right"] for part in found) else "NO"
    file = max(part["stem_to_file_db"] for part in found)
    total = max(part["sum_db"] for part in found)
    columns = [title, str(len(found)), length, spread(found, "stem_to_file"), level(file)]
    columns += [level(total), spread(found, "in_timeline"), spread(found, "stem_to_original")]
    columns += [spread(found, "stem_to_file_from_start"), spread(found, "at_48000")]
    return "| " + " | ".join(columns) + " |"


def level(db: float) -> str:
    return "exact" if db <= -299 else f"{db:.1f} dB"


HEAD = """\
| fps, codec, Hz | cases | length | stem to its file | difference | sum to the mixdown \
| stem to original, as the timeline plays | the same, mixed down from the strip's own start \
| stem to its file, from there | stem to original, played at 48 kHz |
|---|---|---|---|---|---|---|---|---|---|"""


def table(version: str, python: Path, args: argparse.Namespace, folder: Path) -> list[str]:
    lines = [f"\nBlender {version}, handles of {args.handles} frames, seed {args.seed}\n", HEAD]
    everything: list[dict[str, Any]] = []
    dice = random.Random(args.seed)
    for rate in args.rates:
        media = folder / rate
        for codec in CODECS:
            for hertz in (44100, 48000):
                paths = [
                    media_path
                    for (c, h, _), media_path in args.media[rate].items()
                    if (c, h) == (codec, hertz)
                ]
                wanted = [
                    case
                    for path in paths
                    for case in cases(path, rate, args.trims, dice, args.handles)
                ]
                if wanted:
                    work = media / f"{version}-{codec.split()[-1]}-{hertz}-{args.handles}"
                    found = measured(python, wanted, work)
                    everything += found if "noise" not in codec else []
                    lines.append(row(f"{rate}, {codec}, {hertz}", found))
                    print(lines[-1], file=sys.stderr, flush=True)
    lines.append(row("all but noise substitution", everything))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blenders", type=Path, required=True)
    parser.add_argument("--versions", nargs="+", default=["4.5", "5.2"])
    parser.add_argument("--rates", nargs="+", default=list(RATES), choices=list(RATES))
    parser.add_argument("--trims", type=int, default=20)
    parser.add_argument("--handles", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20261123)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rate in args.rates:
            (folder / rate).mkdir()
        args.media = {rate: sources(folder / rate, rate) for rate in args.rates}
        with ThreadPoolExecutor() as pool:
            jobs = [
                pool.submit(table, version, args.blenders / version / "bin/python", args, folder)
                for version in args.versions
            ]
            for job in jobs:
                print("\n".join(job.result()))


if __name__ == "__main__":
    main()
