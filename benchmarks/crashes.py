"""Kill -9 at every moment of a separation, and go on: the whole matrix, one line for each moment.

    python benchmarks/crashes.py [--way offline] [--all] [--from 0] [--every 1]

Needs the installed project and its tests; everything happens on the loopback. The moments are those
that a first run went through: commits, checkpoints, renames, requests, steps, programs. One that
comes several times is taken at its first and its last time; with --all, each time. Every second
kill is gone on with by `soundmatte jobs resume`, the others by the same command. The exit status
says whether all promises were kept.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "service")]

import fixtures  # noqa: E402
from tests.jobs import crashes  # noqa: E402
from tests.media.making import Studio  # noqa: E402


def chosen(kills: list[crashes.Moment], *, each: bool) -> list[crashes.Moment]:
    """The moments to kill at."""
    last = dict(kills)
    return [(name, nth) for name, nth in kills if each or nth in (1, last[name])]


def matrix(way: crashes.Way, base: Path, given: argparse.Namespace) -> int:
    """Print one line for each kill; how many broke a promise."""
    broken = 0
    service = fixtures.SeparationService(base / "service")
    try:
        with crashes.forks() as forks:
            service.settings(job_seconds=0.05, queue_seconds=0.0)
            first = crashes.Place(base / "undisturbed", way, service, forks)
            whole = crashes.undisturbed(first)
            kills = chosen(whole.kills, each=given.all)[given.start :: given.every]
            print(f"\n{way.name}: {len(kills)} of {len(whole.kills)} moments\n")
            print("| killed | time | gone on with | ends | jobs sent | files sent | gone (s) | s |")
            print("|---|---|---|---|---|---|---|---|", flush=True)
            for number, at in enumerate(kills):
                folder = base / f"run-{number}"
                began = time.monotonic()
                try:
                    place = crashes.Place(folder, way, service, forks)
                    found = crashes.kill(place, at, whole, resume=number % 2 == 0)
                    told = f"{found.again} | {found.end} | {found.sent} | {found.uploads}"
                    told += f" | {found.gone:.2f}"
                except crashes.BrokenPromise as error:
                    broken += 1
                    told = f"{'jobs resume' if number % 2 == 0 else 'same command'}"
                    told += f" | **broken**: {' '.join(str(error).split())[:300]} | | |"
                seconds = time.monotonic() - began
                print(f"| {at[0]} | {at[1]} | {told} | {seconds:.1f} |", flush=True)
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        service.kill()
    return broken


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--way", help="only this one")
    parser.add_argument("--all", action="store_true", help="each time that a moment comes")
    parser.add_argument("--from", dest="start", type=int, default=0, help="leave out so many")
    parser.add_argument("--every", type=int, default=1, help="take one in so many")
    given = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="crashes-") as name:
        studio = Path(name) / "studio"
        studio.mkdir()
        for way in crashes.ways(Studio(studio)).values():
            if given.way in (None, way.name):
                folder = Path(name) / f"{len(way.name)}"
                folder.mkdir()
                broken += matrix(way, folder, given)
    print(f"\n{broken} broken promises")
    return int(bool(broken))


if __name__ == "__main__":
    raise SystemExit(main())
