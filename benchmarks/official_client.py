"""The client beside the official Python client, on the same loopback service.

    pip install fal-client==1.0.3 && python benchmarks/official_client.py [--jobs 20] [--gib 2]

Both take turns, and who begins changes with every round; the figures are medians. A job's row says
wall time, how much of it was not the job's own, processor time and requests. A large upload is a
process of its own; its row says wall time, processor time of the client and its peak memory, once
with a service that hashes what comes and drops it, once with one that keeps it on the disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS / "service"))

import fixtures  # noqa: E402

NAMES = ("ours", "official")
PART = 10 * 1024 * 1024  # bytes; both clients send parts of this size


def official(base: str, key: str) -> Any:
    """The unmodified package, pointed at the service by its module constants."""
    from fal_client import client as package

    package.QUEUE_URL_FORMAT, package.RUN_URL_FORMAT = f"{base}/queue/", f"{base}/run/"
    package.REST_URL, package.CDN_URL = f"{base}/rest", f"{base}/cdn"
    return package.SyncClient(key=key)


def ours(base: str, key: str) -> Any:
    """Our client at the service."""
    from soundmatte.separation.client import Client
    from soundmatte.separation.places import Places

    return Client(key=key, places=Places.server(base))


def turns(rounds: int) -> Iterator[tuple[int, str]]:
    """Who is next, and in which round; round 0 is a warm-up."""
    for turn in range(rounds + 1):
        for name in NAMES if turn % 2 else NAMES[::-1]:
            yield turn, name


def job_of(name: str, base: str, key: str, url: str) -> Callable[[], object]:
    """One job, submit to result, by either client."""
    if name == "official":
        client = official(base, key)
        given = {"audio_url": url, "prompt": "dog"}
        return lambda: client.subscribe("fal-ai/sam-audio/separate", given)
    from soundmatte.separation.schema import SeparateInput

    mine = ours(base, key)
    return lambda: mine.subscribe(SeparateInput(audio_url=url, prompt="dog"))


def jobs(
    service: fixtures.SeparationService, count: int, seconds: list[float], folder: Path
) -> None:
    """Jobs that take a time between two, the same for both clients in a round."""
    import numpy as np
    import soundfile

    sound = folder / "sound.wav"
    soundfile.write(sound, np.random.default_rng(0).normal(0, 0.1, 48_000), 48_000)
    url = ours(service.base, service.key).upload(sound)
    run = {name: job_of(name, service.base, service.key, url) for name in NAMES}
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    for turn, name in turns(count):
        service.settings(job_seconds=random.Random(turn).uniform(*seconds))
        service.forget_requests()
        began, cpu = time.monotonic(), time.process_time()
        run[name]()
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        job = service.jobs()[-1]
        asked = len(service.requests(role="queue"))
        if turn:
            over = wall - (job["completed"] - job["submitted"])
            rows[name].append((wall, 1000 * over, 1000 * cpu, asked))
    span = "–".join(f"{value:g}" for value in sorted(set(seconds)))
    head = f"job of {span} s, {count} each"
    table(head, ("wall, s", "beyond the job, ms", "CPU, ms", "requests"), rows, "3100")


def upload(name: str, base: str, key: str, path: str) -> None:
    """In a process of its own: upload, and print seconds, CPU seconds and peak memory in MB."""
    client = official(base, key) if name == "official" else ours(base, key)
    began, before = time.monotonic(), time.process_time()
    if name == "official":
        client.upload_file(path)
    else:
        client.upload(Path(path))
    wall, cpu = time.monotonic() - began, time.process_time() - before
    # Not ru_maxrss: that begins with the memory of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps([wall, cpu, peak]))


def large_file(folder: Path, gib: float) -> Path:
    """A file without two equal parts."""
    path = folder / "large.mp4"
    block = random.Random(0).randbytes(1024 * 1024 - 8)
    with path.open("wb") as file:
        for number in range(int(gib * 1024)):
            file.write(number.to_bytes(8, "big") + block)
    return path


def uploads(service: fixtures.SeparationService, path: Path, rounds: int, *, kept: bool) -> None:
    """One large file, by either client, in turn."""
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(PART), b"")
        parts = sorted(hashlib.sha256(piece).hexdigest() for piece in pieces)
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    for turn, name in turns(rounds):
        service.reset()
        service.settings(most_kept=None if kept else PART // 2)
        words = [sys.executable, __file__, "--upload", name, service.base, service.key, str(path)]
        made = subprocess.run(words, capture_output=True, check=True, text=True)
        came = sorted(row["body_sha256"] for row in service.requests(method="PUT"))
        if came != parts:
            raise SystemExit(f"{name}: what came is not what was sent")
        if turn:
            rows[name].append(tuple(json.loads(made.stdout.splitlines()[-1])))
    where = "kept on the disk" if kept else "hashed and dropped"
    head = f"upload of {path.stat().st_size / 2**30:g} GiB, {where}, {rounds} each"
    table(head, ("wall, s", "CPU, s", "peak memory, MB"), rows, "220")


def table(
    head: str, columns: tuple[str, ...], rows: dict[str, list[tuple[float, ...]]], digits: str
) -> None:
    """Medians; of the first column also the extremes, and what one turn is to the other's."""
    print(f"\n| {head} | {' | '.join(columns)} | from – to |")
    print("|---" * (len(columns) + 2) + "|")
    for name, figures in rows.items():
        told = [
            f"{statistics.median(column):.{digit}f}"
            for column, digit in zip(zip(*figures, strict=True), digits, strict=True)
        ]
        first = [figure[0] for figure in figures]
        spread = f"{min(first):.{digits[0]}f} – {max(first):.{digits[0]}f}"
        print(f"| {name} | {' | '.join(told)} | {spread} |")
    pairs = zip(*([figure[0] for figure in rows[name]] for name in NAMES), strict=True)
    ratios = sorted(mine / other for mine, other in pairs)
    slower = sum(ratio > 1 for ratio in ratios)
    text = f"wall, ours : official, round by round: median {statistics.median(ratios):.2f}"
    print(f"\n{text}; ours slower in {slower} of {len(ratios)}", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20, help="rounds of a job")
    parser.add_argument(
        "--seconds", type=float, nargs=2, default=[1.0, 1.5], help="that a job takes: from, to"
    )
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument(
        "--rounds", type=int, nargs=2, default=[11, 5], help="of an upload: dropped, kept"
    )
    parser.add_argument("--upload", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.upload:
        upload(*chosen.upload)
        return
    with tempfile.TemporaryDirectory() as name:
        service = fixtures.SeparationService(Path(name) / "service")
        try:
            if chosen.jobs:
                jobs(service, chosen.jobs, chosen.seconds, Path(name))
            path = large_file(Path(name), chosen.gib if any(chosen.rounds) else 0)
            for rounds, kept in zip(chosen.rounds, (False, True), strict=True):
                if rounds:
                    uploads(service, path, rounds, kept=kept)
        finally:
            service.kill()


if __name__ == "__main__":
    main()
