"""What a person does with jobs: cancelled where they run, gone on with, forgotten."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.jobs.bench import Failing, Notebook, Part, files
from tests.media.making import Studio

from soundmatte.documents import Selection
from soundmatte.engines.engine import Estimate, Material, Progress, Question
from soundmatte.errors import EngineRefused
from soundmatte.jobs import control
from soundmatte.jobs.journal import JobUnknown, Journal
from soundmatte.jobs.requests import JobNotOpen
from soundmatte.jobs.run import separate
from stemmux.errors import Cancelled


class Slow(Part):
    """An engine that works until it is told not to."""

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Half done for ten seconds."""
        for _ in range(200):
            progress(0.5)
            time.sleep(0.05)
        raise AssertionError("nobody cancelled")


def test_a_running_job_is_cancelled_from_elsewhere(studio: Studio, tmp_path: Path) -> None:
    clip, ends = studio.clip("mov", "25").path, list[BaseException]()

    def work() -> None:
        try:
            separate(Selection(media=clip), Slow(), tmp_path / "out", Notebook())
        except BaseException as error:
            ends.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    journal = Journal.open()
    while not (jobs := journal.jobs()) or jobs[0].state != "extracted":
        assert thread.is_alive()
        time.sleep(0.02)
    assert jobs[0].running
    with pytest.raises(JobNotOpen, match="under way"):
        control.forget(jobs[0].id)
    with pytest.raises(JobNotOpen, match="under way already"):
        separate(Selection(media=clip), Slow(), tmp_path / "out", Notebook())
    assert control.cancel(jobs[0].id).state == "cancelled"
    thread.join(timeout=10)
    assert isinstance(ends[0], Cancelled)
    assert files(tmp_path) == set()


def test_what_failed_is_gone_on_with_in_the_same_row(studio: Studio, tmp_path: Path) -> None:
    selection, broken = Selection(media=studio.clip("mov", "25").path), EngineRefused("No.")
    with pytest.raises(EngineRefused):
        separate(selection, Failing(broken), tmp_path / "out", Notebook())
    (job,) = Journal.open().jobs()
    assert (job.state, job.failure, job.stopped) == ("failed", "No.", False)
    done = separate(selection, Part(), tmp_path / "out", Notebook())
    assert done.job == job.id
    (job,) = Journal.open().jobs()
    assert (job.state, job.failure, job.separation) == ("done", "", done)
    with pytest.raises(JobNotOpen, match="is done"):
        control.resume(job.id, Notebook())
    with pytest.raises(JobUnknown):
        control.resume("none", Notebook())
    control.forget(job.id)
    assert done.target.exists()
    assert Journal.open().jobs() == []
