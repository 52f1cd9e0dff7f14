"""What is kept: the same work is free the second time, and no open job loses anything."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from pathlib import Path

import pytest
from tests.jobs.bench import Notebook, Part, steps
from tests.media.making import Studio

from soundmatte.documents import Order, Selection
from soundmatte.engines.cloud.ledger import Intent
from soundmatte.engines.engine import Estimate, Material, Progress, Question
from soundmatte.jobs.cache import Cache
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import Requests
from soundmatte.jobs.run import separate


class Counting(Part):
    """Counts how often it has to work."""

    worked = 0

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """See `Engine`."""
        self.worked += 1
        return super().separate(question, material, folder, progress)


def test_the_same_work_is_done_once_whatever_is_made_of_it(studio: Studio, tmp_path: Path) -> None:
    clip, engine = studio.clip("mov", "25").path, Counting(0.25)
    made = []
    for number, changed in enumerate(({}, {}, {"bits": "32f"}, {"prompt": "other"})):
        selection = Selection(media=clip, **changed)
        made.append(separate(selection, engine, tmp_path / f"{number}", Notebook()))
    assert engine.worked == 2
    first, second = (steps(one.target) for one in made[:2])
    assert (first == second).all()
    kept = Cache(Journal.open()).all()
    assert len(kept) == 2
    assert not any(one.paid for one in kept)
    assert Cache(Journal.open()).prune(0) == kept
    separate(Selection(media=clip), engine, tmp_path / "again", Notebook())
    assert engine.worked == 3


def test_what_cannot_be_removed_is_not_said_to_be(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = cache.all()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert (cache.prune(0), cache.all()) == ([], every)


def test_a_damaged_estimate_is_none(studio: Studio, tmp_path: Path) -> None:
    clip, engine = studio.clip("mov", "25").path, Counting()
    separate(Selection(media=clip), engine, tmp_path / "one", Notebook())
    (kept,) = Cache(Journal.open()).all()
    with (kept.path / "estimate.wav").open("ab") as file:
        file.write(b"x")
    separate(Selection(media=clip), engine, tmp_path / "two", Notebook())
    assert engine.worked == 2


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Three paid requests of two jobs, 1000 bytes each, the second job not over."""
    journal = Journal.open(tmp_path / "state")
    requests = Requests(journal.base)
    now = time.time()
    for number, job in enumerate(("done", "open", "done")):
        order = Order(selection=Selection(media=Path("/a.mov")), engine="cloud", output=tmp_path)
        row = journal.begin(f"{job}-{number}", order, Decimal(0))
        entry = requests.intend(Intent(f"{number}", "s", "e", Decimal("0.05"), {}, row.id))
        folder = requests.kept(requests.fetched(entry, {}))
        (folder / "target").write_bytes(bytes(1000))
        os.utime(folder, (now + number, now + number))
        if job == "done":
            journal.failed(row.id, "failed", ValueError("for want of something better"))
    return Cache(journal)


def test_the_oldest_goes_first_and_no_open_job_loses_anything(cache: Cache) -> None:
    first, second, third = cache.all()
    assert cache.prune(3000) == []
    assert cache.prune(2500) == [first]
    assert cache.prune(500) == [third]
    assert cache.all() == [second]
    # It would be paid for anew: nobody is told that its stems are here.
    requests = Requests(cache.journal.base)
    assert requests.find("0") is None
    assert requests.find("2") is None
    found = requests.find("1")
    assert found is not None
    assert found.id == second.path.name
