"""How long Blender does not answer while it separates, beside any other busy program.

    sudo python benchmarks/blender_stalls.py --blenders FOLDER [--desktops trixie sid] [--rounds 5]

FOLDER holds root directories with Blender and a screen (`.ci/blender-desktop` makes them). A
scripted person steps through frames and moves the mouse; in one half of each round the demo clip is
separated meanwhile, from the click to the stems, in the other one equally niced process is busy.
A stall is the time from the end of one tick of the person's to the begin of the next.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from tests.blender.gui import desk  # noqa: E402
from tests.blender.gui.desktop import HERE, Desktop  # noqa: E402

from soundmatte.hosts.bridge_client import NICE  # noqa: E402

SIDES = {"Soundmatte": "ours", "a busy process": "busy"}


def measured(root: Path, rounds: int, folder: Path) -> list[str]:
    made = folder / "made"
    if not made.exists():
        made.mkdir()
        desk.make(made)
    own = folder / root.name
    own.mkdir()
    here = desk.laid_out(Desktop(root, own), made)
    given = {"rounds": rounds, "niceness": NICE}
    blend = own / desk.PROJECT
    seen = here.act(HERE / "stalls.py", "rounds", blend=blend, given=given, limit=120 * rounds)
    told = seen.check()
    stalls = seen.report["stalls"]
    lines = []
    longest = {}
    for title, side in SIDES.items():
        found = [stalls[f"{side} {number}"] for number in range(rounds)]
        longest[side] = median(one["longest"] for one in found)
        each = ", ".join(f"{1000 * one['longest']:.0f}" for one in found)
        usual = 1000 * median(one["median"] for one in found)
        columns = [seen.report["blender"], title, f"{1000 * longest[side]:.0f}", each]
        lines.append(f"| {' | '.join(columns)} | {usual:.1f} |")
    seconds = median(told[f"seconds {number}"] for number in range(rounds))
    ratio = longest["ours"] / longest["busy"]
    lines.append(f"| {seen.report['blender']} | ratio | {ratio:.2f} | over {seconds:.1f} s | |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blenders", type=Path, required=True)
    parser.add_argument("--desktops", nargs="+", default=["trixie"])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before\n")
    print("| Blender | beside it | longest stall, median (ms) | each round | usual gap (ms) |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.desktops:
            root = args.blenders.resolve() / name
            for line in measured(root, args.rounds, Path(folder)):
                print(line, flush=True)


if __name__ == "__main__":
    main()
