"""Who works on a job: two at once, one that was killed, a number that came back, another boot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from soundmatte.documents import Order, Selection
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import JobNotOpen

ORDER = Order(selection=Selection(media=Path("/clip.mov")), engine="offline", output=Path("/out"))
#: Begins the same work and says how that went, then waits to be killed.
_BEGIN = """
import json, sys
from decimal import Decimal
from pathlib import Path
from soundmatte.documents import Order
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import JobNotOpen
jobs = Journal.open(Path(sys.argv[1]))
order = Order.model_validate_json(sys.argv[2])
print("ready", flush=True)
input()
try:
    print(json.dumps(["begun", jobs.begin("key", order, Decimal(0)).id]), flush=True)
except JobNotOpen as error:
    print(json.dumps(["refused", str(error), error.hint]), flush=True)
input()
"""


@contextmanager
def others(folder: Path, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are about to begin the same work."""
    words = [sys.executable, "-c", _BEGIN, str(folder), ORDER.model_dump_json()]
    made = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in made:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield made
    finally:
        for process in made:
            process.kill()
            process.communicate()


def test_of_several_at_once_one_runs_and_a_killed_ones_job_is_taken_over(tmp_path: Path) -> None:
    jobs = Journal.open(tmp_path / "state")
    with others(tmp_path / "state", 3) as processes:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = []
        for process in processes:
            assert process.stdout is not None
            told.append(json.loads(process.stdout.readline()))
        ((number, name),) = [(n, one[1]) for n, one in enumerate(told) if one[0] == "begun"]
        for one in told[:number] + told[number + 1 :]:
            assert one == [
                "refused",
                f"The same work is under way already, as job {name}.",
                f"Wait for it, or end it: soundmatte jobs cancel {name}",
            ]
        assert jobs.job(name).running
        with pytest.raises(JobNotOpen):
            jobs.begin("key", ORDER, Decimal(0))
        os.kill(processes[number].pid, signal.SIGKILL)
        processes[number].wait()
        assert jobs.job(name).stopped
        taken = jobs.begin("key", ORDER, Decimal(0))
    assert (taken.id, taken.running) == (name, True)
    assert [job.id for job in jobs.jobs()] == [name]


@pytest.mark.parametrize(
    ("field", "value"),
    [("process", 2**22 + 1), ("started", "1@another-boot"), ("started", "5@")],
    ids=["no such process", "another boot", "a number that came back"],
)
def test_a_claim_of_nobody_is_taken_over(tmp_path: Path, field: str, value: object) -> None:
    jobs = Journal.open(tmp_path / "state")
    name = jobs.begin("key", ORDER, Decimal(0)).id
    theirs = replace(Claim.mine(), **{field: value})  # type: ignore[arg-type]
    with jobs.base.writing() as rows:
        rows.execute("UPDATE job SET claim = ? WHERE id = ?", (str(theirs), name))
    assert jobs.job(name).stopped
    assert jobs.begin("key", ORDER, Decimal(0)).id == name
    assert jobs.job(name).running


def test_the_start_is_told_apart_from_the_boot(tmp_path: Path) -> None:
    """The same ticks after another boot are another process."""
    mine = Claim.mine()
    ticks, at, boot = mine.started.partition("@")
    if not at:
        pytest.skip("only Linux names its boots")
    assert ticks.isdigit()
    assert len(boot) == 36
    assert not replace(mine, started=f"{ticks}@{boot[::-1]}").alive()
    assert not replace(mine, started=f"{int(ticks) + 1}@{boot}").alive()


def test_a_claim_of_another_host_is_left_alone(tmp_path: Path) -> None:
    jobs = Journal.open(tmp_path / "state")
    name = jobs.begin("key", ORDER, Decimal(0)).id
    theirs = replace(Claim.mine(), host="elsewhere", process=2**22 + 1)
    with jobs.base.writing() as rows:
        rows.execute("UPDATE job SET claim = ? WHERE id = ?", (str(theirs), name))
    assert jobs.job(name).running
    with pytest.raises(JobNotOpen):
        jobs.begin("key", ORDER, Decimal(0))
