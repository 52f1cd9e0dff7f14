"""kill -9 in the middle of a paid job: nothing is paid for twice, nothing that was paid is lost.

Here while a request is under way: `benchmarks/paid_jobs.py` has every request, ten times each.
Before and after each one: `tests/jobs/crashes.py`.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from pathlib import Path
from typing import Any

import crash
import matrix

from soundmatte.jobs.requests import Requests
from stemmux.errors import OutputRefused


def test_killed_while_its_job_is_sent_and_decided_by_a_person(
    fresh_service: Any, tmp_path: Path
) -> None:
    fresh_service.settings(job_seconds=0.1)
    clip = matrix.make_mix(tmp_path)
    assert crash.run(fresh_service, clip, tmp_path, "submit", "after") == "uncertain"
    # A person looks, and decides.
    words, environment = crash.command(fresh_service, clip, tmp_path)
    ask = [*words[:3], "jobs", "list", "--json"]
    jobs = json.loads(subprocess.run(ask, env=environment, capture_output=True).stdout)
    assert [job["state"] for job in jobs] == ["uncertain"]
    retry = [*words[:3], "jobs", "retry", jobs[0]["id"], "--json"]
    refused = subprocess.run(retry, env=environment, capture_output=True, check=False)
    assert refused.returncode == 2
    accepted = subprocess.run(
        [*retry, "--accept-cost"], env=environment, capture_output=True, check=False
    )
    assert accepted.returncode == 0, accepted.stderr
    assert Path(json.loads(accepted.stdout)["target"]).exists()


def test_killed_twice_in_a_long_clip_and_no_window_is_paid_for_twice(
    fresh_service: Any, tmp_path: Path
) -> None:
    """Three windows: killed while the second is waited for, and when it is fetched."""
    fresh_service.settings(job_seconds=0.05, queue_seconds=0)
    clip = matrix.make_mix(tmp_path, 65, 8000)
    assert crash.kill_at(fresh_service, clip, tmp_path, "status stream", "before", nth=2)
    # The second window's stems are the first that this run fetches.
    assert crash.kill_at(fresh_service, clip, tmp_path, "download", "before")
    assert len(fresh_service.jobs()) == 2
    status, told = crash.separate(fresh_service, clip, tmp_path)
    assert (status, told.get("null_db")) == (0, -300.0), told
    assert (len(fresh_service.jobs()), matrix.sent(fresh_service)) == (3, 3)
    assert [window["start"] for window in told["windows"]] == [0.0, 21.36, 42.68]
    assert told["usd"] == 0.15
    billed = [job["headers"]["x-fal-billable-units"] for job in fresh_service.jobs()]
    assert sum(map(float, billed)) == 3


def test_the_service_restarts_while_a_job_is_waited_for(fresh_service: Any, tmp_path: Path) -> None:
    fresh_service.settings(job_seconds=1.0)
    clip = matrix.make_mix(tmp_path)
    words, environment = crash.command(fresh_service, clip, tmp_path)
    child = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE)
    while not fresh_service.requests(role="queue", method="GET"):
        assert child.poll() is None
    fresh_service.restart()
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert json.loads(out)["engine"] == "cloud"
    assert len(fresh_service.jobs()) == 1


def test_the_same_work_is_free_the_second_time(fresh_service: Any, tmp_path: Path) -> None:
    clip = matrix.make_mix(tmp_path)
    first = crash.separate(fresh_service, clip, tmp_path)
    second = crash.separate(fresh_service, clip, tmp_path)
    assert first[0] == second[0] == 0
    assert len(fresh_service.jobs()) == 1


def test_no_room_for_what_was_paid_for(fresh_service: Any, tmp_path: Path) -> None:
    """The stems do not fit on the disk: they are fetched where there is room, and paid for once."""
    mix = matrix.make_mix(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # More than the journal has, less than a second of sound.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * matrix.SECOND - 1, before[1]))
    try:
        first = matrix.separate(fresh_service, tmp_path, mix)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, quiet)
    assert isinstance(first.error, OutputRefused), first
    assert first.error.hint
    (entry,) = Requests.open(tmp_path / "state").of("")
    assert entry.state == "submitted"
    assert matrix.separate(fresh_service, tmp_path, mix).end == "done"
    assert (len(fresh_service.jobs()), matrix.sent(fresh_service)) == (1, 1)
    kept = tmp_path / "state" / "fetched" / entry.id
    assert {path.name for path in kept.iterdir()} == {"target", "residual"}
