"""The client beside the official Python client, on the same loopback service.

    pip install fal-client==1.0.3 && python benchmarks/official_client.py [--jobs 10] [--gib 2]

Prints wall time and requests for each job, and wall time and peak memory of one large upload, each
upload in a process of its own, in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS / "service"))

import fixtures  # noqa: E402


def official(base: str, key: str) -> object:
    """The unmodified package, pointed at the service by its module constants."""
    from fal_client import client as package

    package.QUEUE_URL_FORMAT, package.RUN_URL_FORMAT = f"{base}/queue/", f"{base}/run/"
    package.REST_URL, package.CDN_URL = f"{base}/rest", f"{base}/cdn"
    return package.SyncClient(key=key)


def ours(base: str, key: str) -> object:
    """Our client at the service."""
    from soundmatte.separation.client import Client
    from soundmatte.separation.places import Places

    return Client(key=key, places=Places.server(base))


def job_of(name: str, base: str, key: str, url: str) -> Callable[[], object]:
    """One job, submit to result, by either client."""
    if name == "official":
        client = official(base, key)
        return lambda: client.subscribe(  # type: ignore[attr-defined]
            "fal-ai/sam-audio/separate", {"audio_url": url, "prompt": "dog"}
        )
    from soundmatte.separation.schema import SeparateInput

    mine = ours(base, key)
    return lambda: mine.subscribe(SeparateInput(audio_url=url, prompt="dog"))  # type: ignore[attr-defined]


def jobs(service: fixtures.SeparationService, count: int, seconds: float, folder: Path) -> None:
    """Wall time and requests of a job, in turn."""
    import numpy as np
    import soundfile

    sound = folder / "sound.wav"
    soundfile.write(sound, np.random.default_rng(0).normal(0, 0.1, 48_000), 48_000)
    url = ours(service.base, service.key).upload(sound)  # type: ignore[attr-defined]
    service.settings(job_seconds=seconds)
    run = {n: job_of(n, service.base, service.key, url) for n in ("ours", "official")}
    took: dict[str, list[float]] = {name: [] for name in run}
    asked: dict[str, list[int]] = {name: [] for name in run}
    for turn in range(count + 1):
        for name, one in run.items():
            service.forget_requests()
            began = time.monotonic()
            one()
            if turn:  # the first is a warm-up
                took[name].append(time.monotonic() - began)
                asked[name].append(len(service.requests(role="queue")))
    print(f"\n| job of {seconds} s | wall, median s | requests, median |\n|---|---|---|")
    for name in run:
        wall = statistics.median(took[name])
        print(f"| {name} | {wall:.3f} | {statistics.median(asked[name]):.0f} |")


def upload(name: str, base: str, key: str, path: str) -> None:
    """In a process of its own: upload, and print seconds and peak memory in MB."""
    client = official(base, key) if name == "official" else ours(base, key)
    began = time.monotonic()
    if name == "official":
        client.upload_file(path)  # type: ignore[attr-defined]
    else:
        client.upload(Path(path))  # type: ignore[attr-defined]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.monotonic() - began, peak]))


def uploads(service: fixtures.SeparationService, gib: float, folder: Path, rounds: int) -> None:
    """One large file, by either client, in turn."""
    path = folder / "large.mp4"
    with path.open("wb") as file:
        file.truncate(int(gib * 1024**3))
    rows: dict[str, list[list[float]]] = {"ours": [], "official": []}
    for _ in range(rounds):
        for name, figures in rows.items():
            words = [sys.executable, __file__, "--upload", name, service.base, service.key]
            made = subprocess.run([*words, str(path)], capture_output=True, check=True, text=True)
            figures.append(json.loads(made.stdout.splitlines()[-1]))
    print(f"\n| upload of {gib} GiB | wall, median s | peak memory, MB |\n|---|---|---|")
    for name, figures in rows.items():
        wall, peak = (statistics.median(column) for column in zip(*figures, strict=True))
        print(f"| {name} | {wall:.1f} | {peak:.0f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="that a job takes")
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--upload", nargs=4, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.upload:
        upload(*chosen.upload)
        return
    with tempfile.TemporaryDirectory() as name:
        service = fixtures.SeparationService(Path(name) / "service")
        try:
            jobs(service, chosen.jobs, chosen.seconds, Path(name))
            uploads(service, chosen.gib, Path(name), chosen.rounds)
        finally:
            service.kill()


if __name__ == "__main__":
    main()
