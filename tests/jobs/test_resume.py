"""The command killed and gone on with; `benchmarks/crashes.py` has every moment of every way."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.jobs import crashes
from tests.media.making import Studio

#: The same in every process of a run, another in every run; printed by the test.
SEED = int(os.environ.get("PYTEST_XDIST_TESTRUNUID", "") or secrets.token_hex(4), 16) % 1_000_000
#: One moment out of each of these groups is taken.
GROUPS = {
    "offline": ("checkpoint|write|rename to checkpoint", "ffmpeg|stamp", "rename to .*_|done"),
    "cloud": ("upload|sending", "submit|intend", "download|rename to target|fetched"),
}


@pytest.fixture(scope="module")
def forks() -> Iterator[crashes.Forks]:
    with crashes.forks() as made:
        yield made


@pytest.mark.parametrize("name", GROUPS)
def test_killed_and_gone_on_with(
    name: str, forks: crashes.Forks, fresh_service: Any, studio: Studio, tmp_path: Path
) -> None:
    """Each moment is killed at once; nothing is lost, done twice or left behind."""
    print(f"sample seed {SEED}")  # noqa: T201
    fresh_service.settings(job_seconds=0.05, queue_seconds=0.0)
    way = crashes.ways(studio)[name]
    whole = crashes.undisturbed(crashes.Place(tmp_path / "whole", way, fresh_service, forks))
    assert len(whole.kills) >= 100
    random_ = random.Random(SEED)
    for number, group in enumerate(GROUPS[name]):
        at = random_.choice(crashes.among(whole.kills, group))
        place = crashes.Place(tmp_path / f"killed-{number}", way, fresh_service, forks)
        found = crashes.kill(place, at, whole, resume=bool(number % 2))
        assert found.end == ("uncertain" if at in whole.uncertain else "done"), at


def test_a_broken_promise_is_seen(studio: Studio, tmp_path: Path) -> None:
    """What is asserted after a kill can fail."""
    way = crashes.ways(studio)["offline"]
    place = crashes.Place(tmp_path, way, None, None)  # type: ignore[arg-type]
    kept = place.state / "estimates" / "key" / "estimate.wav"
    kept.parent.mkdir(parents=True)
    for path in (place.out / "000_target.wav", kept):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"sound")
    crashes.nothing_left(place)
    for odd in (place.out / ".soundmatte-1", place.state / "x.part", tmp_path / "tmp" / "raw.wav"):
        odd.parent.mkdir(exist_ok=True)
        odd.write_bytes(b"")
        with pytest.raises(crashes.BrokenPromise):
            crashes.nothing_left(place)
        odd.unlink()
    sleeping = subprocess.Popen(["sleep", "60"], env=place.environment)
    try:
        until = time.monotonic() + 10
        # Its environment is in its place a moment after it was begun.
        while not (found := place.processes()) and time.monotonic() < until:
            time.sleep(0.01)
        assert found == [sleeping.pid]
    finally:
        sleeping.kill()
        sleeping.wait()
    begun = [("before step extract", 1), ("after step extract", 1)]
    saved = ("after rename to checkpoint.json", 1)
    crashes.computed_once([*begun, saved], [("before step separate", 1)])
    crashes.computed_once(begun, begun)
    with pytest.raises(crashes.BrokenPromise, match="extract"):
        crashes.computed_once([*begun, saved], begun)
