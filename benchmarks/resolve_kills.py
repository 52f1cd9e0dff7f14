"""The Resolve scripts killed at every single call: is everything as it was after the next start?

    python benchmarks/resolve_kills.py [--route direct] [--every 1] [--first 1] [--workers 2]

Every call of a whole run on both routes, once before and once after Resolve has done it: some 1700
runs, each followed by one of another script, against the fake of `tests/resolve`. Prints what is
not as it was, and a count; the status is 1 if there was any.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugin"), str(ROOT / "remux")]

from tests.media.making import Studio  # noqa: E402
from tests.resolve.driving import FakeResolve  # noqa: E402
from tests.resolve.killing import NOT_REACHED, ROUTES, WHEN, killed, whole  # noqa: E402
from tests.resolve.pitfalls import Bench, clip  # noqa: E402
from tests.resolve.stage import installed  # noqa: E402


def main() -> int:
    """Kill, look, count."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--route", choices=list(ROUTES), action="append")
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--first", type=int, default=1)
    words.add_argument("--workers", type=int, default=2)
    chosen = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        studio, menu = Studio(folder), installed(folder / "scripts")
        shot = clip(studio, "25").path
        fakes: SimpleQueue[FakeResolve] = SimpleQueue()
        for _ in range(chosen.workers):
            fakes.put(FakeResolve())

        def one(case: tuple[str, int, str]) -> tuple[tuple[str, int, str], list[str]]:
            fake = fakes.get()
            own = folder / "-".join(map(str, case))
            stage = Bench(fake, studio, menu).stage(own)
            try:
                return case, killed(stage, ROUTES[case[0]], shot, case[1], case[2])
            finally:
                shutil.rmtree(own)
                fakes.put(fake)

        began, cases, calls = time.monotonic(), [], {}
        for name in chosen.route or list(ROUTES):
            fake = fakes.get()
            calls[name] = whole(Bench(fake, studio, menu).stage(folder / name), ROUTES[name], shot)
            fakes.put(fake)
            print(f"{name}: {len(calls[name])} calls")
            numbers = range(chosen.first, len(calls[name]) + 1, chosen.every)
            cases += [(name, number, when) for number in numbers for when in WHEN]
        bad = missed = 0
        with ThreadPoolExecutor(chosen.workers) as crew:
            for (name, number, when), faults in crew.map(one, cases):
                missed += faults is NOT_REACHED
                if faults and faults is not NOT_REACHED:
                    bad += 1
                    print(f"{name}, {when} call {number}, {calls[name][number - 1]}:")
                    print("".join(f"    {fault}\n" for fault in faults), flush=True)
        while not fakes.empty():
            fakes.get().close()
    print(f"{len(cases) - missed} kills, {bad} not put right, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
