"""Paid jobs under faults and kills: the whole tables.

    python benchmarks/paid_jobs.py [--kills 10]

Needs the installed project and its tests' service; everything happens on the loopback. A line is
printed for each request of a job: how it ended for each fault, and for each kill.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "service"), str(TESTS / "separation")]

import crash  # noqa: E402
import fixtures  # noqa: E402
import matrix  # noqa: E402

from soundmatte.separation import call, queue  # noqa: E402


def faults(times: int) -> None:
    """Every fault at every request; `times` in a row."""
    print(f"\n| request ({times} in a row) | " + " | ".join(matrix.FAULTS) + " |")
    print("|---" * (len(matrix.FAULTS) + 1) + "|")
    for request in matrix.REQUESTS:
        row = [request]
        for fault in matrix.FAULTS:
            with tempfile.TemporaryDirectory() as name:
                service = fixtures.SeparationService(Path(name) / "service")
                try:
                    service.settings(job_seconds=0.05)
                    end, sent, _ = matrix.run(service, Path(name), request, fault, times)
                    row.append(f"{end} ({sent})")
                finally:
                    service.kill()
        print("| " + " | ".join(row) + " |", flush=True)


def kills(count: int) -> None:
    """The command killed at every request, `count` times each, and run again."""
    print("\n| killed at | moment | ends | jobs sent twice |\n|---|---|---|---|")
    for request in matrix.REQUESTS:
        for moment in crash.MOMENTS:
            ends: Counter[str] = Counter()
            for _ in range(count):
                with tempfile.TemporaryDirectory() as name:
                    service = fixtures.SeparationService(Path(name) / "service")
                    try:
                        service.settings(job_seconds=0.1)
                        clip = matrix.make_mix(Path(name))
                        ends[crash.run(service, clip, Path(name), request, moment)] += 1
                    finally:
                        service.kill()
            told = ", ".join(f"{end} {times}" for end, times in ends.items())
            print(f"| {request} | {moment} | {told} | 0 |", flush=True)


def main() -> None:
    """Print the tables; any broken promise ends with an assertion."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="kills at each moment")
    chosen = parser.parse_args()
    call.FIRST_WAIT, call.LONGEST_WAIT, queue.PATIENCE = 0.01, 0.1, 2.0
    faults(1)
    faults(3)
    kills(chosen.kills)


if __name__ == "__main__":
    main()
