"""Many short jobs through the cloud engine, with faults: how all end, and how busy the service is.

    python benchmarks/batch.py [--clips 200] [--jobs 4] [--delay 3] [--faults 0.05]

Needs the installed project and its tests' service; everything happens on the loopback. The ideal is
the delay of every job, `--jobs` at a time: the client's own work would take no time at all.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "service"), str(ROOT / "tests" / "separation")]

from stemmux import threads  # noqa: E402

threads.one_each()

import fixtures  # noqa: E402
import matrix  # noqa: E402
import numpy as np  # noqa: E402
import soundfile  # noqa: E402

from soundmatte.jobs import batch, crew, engines, found, manifest  # noqa: E402
from soundmatte.jobs.item import Item, totals  # noqa: E402
from soundmatte.jobs.lanes import Lanes  # noqa: E402
from soundmatte.settings import Cloud  # noqa: E402

#: What may happen to a request, and to which: drawn for each from a seed.
FAULTS = ("dropped before", "dropped after", "cut short", "429", "500", "503", "done, then 503")
REQUESTS = ("upload address", "upload", "submit", "status stream", "result", "download")


def make(folder: Path, count: int) -> None:
    """One-second clips of noise, no two alike."""
    folder.mkdir()
    for number in range(count):
        noise = np.random.default_rng(number).normal(0, 0.1, (48_000, 2))
        soundfile.write(folder / f"clip_{number:04}.wav", noise, 48_000, subtype="PCM_24")


def order_faults(service: Any, clips: int, share: float) -> int:
    """Let a share of the jobs meet a fault at one of their requests; how many do."""
    random = np.random.default_rng(5)
    hit = sorted(random.choice(clips, round(clips * share), replace=False))
    for nth in hit:
        request, fault = random.choice(REQUESTS), random.choice(FAULTS)
        # Of downloads there are two for a job.
        number = int(nth) * (2 if request == "download" else 1) + 1
        matrix.order(service, str(request), matrix.FAULTS[str(fault)], times=1, nth=number)
    return len(hit)


def processor_time() -> float:
    """Seconds of this process and of the programs that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def work(service: Any, folder: Path, jobs: int, processors: int) -> tuple[list[Item], float]:
    """Run the batch: its items, and the seconds that it took, checking included."""
    began = time.monotonic()
    cloud = Cloud(server=service.base)
    engine = engines.cloud_engine(cloud)
    rest = manifest.ForAll(
        {"prompt": "dog"}, "cloud", cloud, folder / "out", lambda use, chosen: engine
    )
    lines = manifest.by_name(found.clips([str(folder / "clips")]))
    items = batch.prepared(lines, rest)
    print(f"checked after {time.monotonic() - began:.1f} s, at most {totals(items).planned} USD")
    lanes = Lanes(processors, jobs)
    with crew.Crew(lanes, lanes.threads, lambda item: None) as workers:
        for item in items:
            if item.state == "waiting":
                workers.give(item)
    return items, time.monotonic() - began


def duplicates(service: Any) -> int:
    """Jobs at the service beyond one for each sound that was sent, by its SHA-256."""
    sounds = {row["public"]: row["sha256"] for row in service.uploads()}
    sent = [str(job["input"]["audio_url"]).partition("/cdn")[2] for job in service.jobs()]
    return len(sent) - len({sounds[place] for place in sent})


def main() -> None:
    """Run it, and print what came of it; a broken promise ends with an assertion."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=4, help="at the service at once")
    parser.add_argument("--processors", type=int, default=crew.processors())
    parser.add_argument("--delay", type=float, default=3.0, help="seconds that a job takes there")
    parser.add_argument("--faults", type=float, default=0.05, help="share of jobs that meet one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"SOUNDMATTE_STATE": str(folder / "state"), "FAL_KEY": fixtures.KEY}
        make(folder / "clips", chosen.clips)
        service = fixtures.SeparationService(folder / "service")
        try:
            settings = {"queue_seconds": 0.0, "job_seconds": chosen.delay}
            service.settings(**settings, parallel=2 * chosen.jobs)
            faults = order_faults(service, chosen.clips, chosen.faults)
            items, took = work(service, folder, chosen.jobs, chosen.processors)
            tell(service, items, took, chosen, faults)
            service.forget_faults()
            again, _ = work(service, folder, chosen.jobs, chosen.processors)
            states = dict(Counter(item.state for item in again))
            print(f"the same command again, without faults: {states}")
            twice = duplicates(service)
            print(f"duplicates at the service after both: {twice}")
            assert twice == 0
            assert all(item.state in ("done", "skipped", "uncertain") for item in again)
        finally:
            service.kill()


def tell(
    service: Any, items: list[Item], took: float, chosen: argparse.Namespace, faults: int
) -> None:
    """Print how a run ended."""
    states = dict(Counter(item.state for item in items))
    for item in items:
        if item.error is not None:
            print(f"  {item.name}: {item.state}: {type(item.error).__name__}: {item.error}")
    hits = sum(fault["hits"] for fault in service.faults())
    print(f"faults ordered: {faults}, met: {hits}")
    print(f"ended: {states}; at most {totals(items).usd} USD")
    twice = duplicates(service)
    print(f"jobs at the service: {len(service.jobs())}, of them duplicates: {twice}")
    ideal = math.ceil(len(items) / chosen.jobs) * chosen.delay
    print(
        f"wall time: {took:.1f} s; ideal for {chosen.jobs} at once: {ideal:.1f} s; "
        f"ideal / wall: {ideal / took:.2f}"
    )
    used = processor_time()
    print(f"processor time: {used:.1f} s, {used / len(items):.3f} s for a clip")
    assert set(states) <= {"done", "failed", "uncertain"}, states
    assert twice == 0, f"{twice} duplicates"
    assert totals(items).usd <= Decimal("0.05") * len(items)


if __name__ == "__main__":
    main()
