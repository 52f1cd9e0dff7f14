"""Long ranges through the service: every window a job, none of them paid for twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from soundmatte.engines.cloud.engine import CloudEngine, Limits
from soundmatte.engines.cloud.windows import windows
from soundmatte.engines.engine import Cuts, Generated, Material, Question, Sounding
from soundmatte.errors import EngineRefused
from soundmatte.jobs.requests import Requests
from soundmatte.separation.client import Client
from soundmatte.separation.errors import CostRefused, ServiceFailed, SubmitUncertain
from soundmatte.separation.places import Places
from stemmux.errors import Cancelled

RATE = 8000
#: Three windows.
SECONDS = 65
DOG = Question("dog", False, (), Fraction(SECONDS))


class Bench:
    """A long mix, an engine with a journal, and the service behind them."""

    def __init__(self, service: Any, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.journal = Requests.open(folder / "state")
        self.mix = folder / "mix.wav"
        self.sound = np.random.default_rng(3).normal(0, 0.1, SECONDS * RATE)
        soundfile.write(self.mix, self.sound, RATE, subtype="PCM_24")
        self.cuts: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.shares: list[float] = []
        self.empty: set[int] = set()
        self.at: Callable[[str], None] = lambda text: None
        service.settings(job_seconds=0.02, queue_seconds=0)

    def engine(self, **limits: Any) -> CloudEngine:
        def connect() -> Client:
            return Client(key=self.service.key, places=Places.server(self.service.base))

        return CloudEngine(connect, lambda: self.journal, limits=Limits(**limits))

    def separate(self, question: Question = DOG, **limits: Any) -> Generated:
        self.cuts.clear()
        self.shares.clear()
        material = Material("work", self.mix, self._cut, self._say)
        return self.engine(**limits).separate(question, material, self.folder, self.shares.append)

    def _say(self, text: str) -> None:
        self.said.append(text)
        self.at(text)

    def _cut(self, first: int, frames: int, progress: Callable[[float], None]) -> Cuts:
        self.cuts.append((first, frames))
        if first in self.empty:
            return Cuts(covered=0.0)
        path = self.folder / "mono.wav"
        soundfile.write(path, self.sound[first : first + frames], RATE, subtype="PCM_24")
        progress(1.0)
        return Cuts(mono=path)

    @property
    def states(self) -> list[str]:
        """Of the journal's jobs, oldest first."""
        return [entry.state for entry in self.journal.of("")]

    def billed(self) -> Decimal:
        """What the service charged, by its own count."""
        units = (job["headers"].get("x-fal-billable-units", 0) for job in self.service.jobs())
        return Decimal("0.05") * sum(map(Decimal, map(str, units)))


@pytest.fixture
def bench(fresh_service: Any, tmp_path: Path) -> Bench:
    return Bench(fresh_service, tmp_path)


def test_every_window_is_a_job_and_the_second_time_is_free(bench: Bench) -> None:
    assert bench.engine().consider(DOG).usd == Decimal("0.15")
    made = bench.separate()
    assert (made.silences, len(bench.service.jobs())) == ((), 3)
    assert bench.billed() == Decimal("0.15")
    assert bench.said == [f"Window {number} of 3." for number in (1, 2, 3)]
    assert bench.shares[-1] == 1
    assert bench.shares == sorted(bench.shares)
    assert [(piece.start, piece.frames) for piece in made.pieces] == bench.cuts
    assert made.pieces[0].start == 0
    assert made.pieces[-1].start + made.pieces[-1].frames == SECONDS * RATE
    for piece in made.pieces:
        assert piece.residual is not None
        whole = soundfile.read(piece.target)[0] + soundfile.read(piece.residual)[0]
        seconds = piece.frames / RATE
        assert 0 <= len(whole) / 48_000 - seconds < 0.05
        # These are the stems of this stretch and of no other.
        own = bench.sound[piece.start : piece.start + piece.frames]
        there = whole[: piece.frames * 6 : 6]
        assert np.corrcoef(own[: len(there)], there)[0, 1] > 0.9
    bench.cuts.clear()

    def refuse() -> Client:
        raise AssertionError("connected")

    engine = CloudEngine(refuse, lambda: bench.journal)
    material = Material("work", bench.mix, bench._cut)
    assert engine.separate(DOG, material, bench.folder, lambda s: None).pieces == made.pieces
    assert bench.cuts == []


def test_more_than_was_allowed_is_refused_for_all_windows_together(bench: Bench) -> None:
    assert bench.engine(usd=Decimal("0.15")).consider(DOG).windows == 3
    with pytest.raises(CostRefused, match=r"0\.15"):
        bench.engine(usd=Decimal("0.14")).consider(DOG)
    with pytest.raises(CostRefused, match=r"0\.25"):
        bench.engine(usd=Decimal("0.15"), paid_retries=2).consider(DOG)
    assert bench.service.requests() == []


def test_a_window_in_which_the_matte_is_empty_costs_nothing(bench: Bench) -> None:
    second = windows(Fraction(SECONDS))[1]
    bench.empty = {second.samples(RATE, SECONDS * RATE)[0]}
    made = bench.separate()
    assert len(bench.service.jobs()) == 2
    [silence] = made.silences
    assert (silence.first, silence.last) == second.samples(RATE, SECONDS * RATE)
    assert silence.why == "matte"
    assert [piece.start < silence.first for piece in made.pieces] == [True, False]
    # Of the two that are there, the second is the third window.
    again = bench.separate(paid_retries=1).again(1, lambda share: None)
    assert again is not None
    assert again.start == made.pieces[1].start


def test_times_are_sent_to_the_windows_in_which_they_lie(bench: Bench) -> None:
    asked = Question("", False, (Sounding(25, 27), Sounding(30, 31, False)), Fraction(SECONDS))
    assert bench.engine().consider(asked).usd == Decimal("0.05")
    made = bench.separate(asked)
    [job] = bench.service.jobs()
    begin = made.pieces[0].start / RATE
    spans = [(span["start"] + begin, span["end"] + begin) for span in job["input"]["spans"]]
    assert spans == [(pytest.approx(25), pytest.approx(27)), (pytest.approx(30), pytest.approx(31))]
    assert [silence.why for silence in made.silences] == ["times", "times"]


def test_a_range_that_is_told_to_be_silent_is_refused(bench: Bench) -> None:
    asked = Question("dog", False, (Sounding(0, SECONDS, False),), Fraction(SECONDS))
    with pytest.raises(EngineRefused, match="silent in the whole range"):
        bench.engine().consider(asked)


def failing(bench: Bench, window: int, times: int) -> None:
    """Let the service fail when that window comes."""

    def at(text: str) -> None:
        if text.startswith(f"Window {window} "):
            bench.service.settings(fail={"status": 500, "times": times})

    bench.at = at


def test_a_window_that_fails_stops_the_work_and_is_named(bench: Bench) -> None:
    failing(bench, 2, 1)
    with pytest.raises(ServiceFailed, match=r"^Window 2 of 3: "):
        bench.separate()
    assert bench.states == ["fetched", "failed"]
    bench.at = lambda text: None
    bench.separate()
    assert bench.states == ["fetched", "failed", "fetched", "fetched"]
    assert len(bench.cuts) == 2


def test_paid_retries_are_counted_over_all_windows(bench: Bench) -> None:
    failing(bench, 2, 2)
    assert bench.engine(paid_retries=1).consider(DOG).usd == Decimal("0.20")
    with pytest.raises(ServiceFailed):
        bench.separate(paid_retries=1)
    assert bench.states == ["fetched", "failed", "failed"]
    failing(bench, 3, 1)
    bench.separate(paid_retries=1)
    assert bench.states[3:] == ["fetched", "failed", "fetched"]


def test_a_window_that_nobody_knows_of_stops_the_work(bench: Bench) -> None:
    lost = {"match": {"role": "queue", "method": "POST", "nth": 2}, "do": {"drop_after": True}}
    bench.service.faults(lost)
    for _ in range(2):
        with pytest.raises(SubmitUncertain, match=r"^Window 2 of 3: ") as caught:
            bench.separate()
        assert "jobs retry" in caught.value.hint
        assert bench.states == ["fetched", "uncertain"]
    assert len(bench.service.jobs()) == 2


def test_who_only_looks_on_does_not_cancel_anothers_job(bench: Bench) -> None:
    """The same sound is asked for by two separations, one of which is given up."""
    soundfile.write(bench.mix, bench.sound[: 20 * RATE], RATE, subtype="PCM_24")
    short = Question("dog", False, (), Fraction(20))
    bench.service.settings(job_seconds=2)

    def asked(job: str, progress: Callable[[float], None]) -> Generated:
        material = Material("work", bench.mix, bench._cut, job=job)
        return bench.engine().separate(short, material, bench.folder, progress)

    def given_up(share: float) -> None:
        if share > 0.25:
            raise Cancelled("enough")

    with ThreadPoolExecutor() as threads:
        first = threads.submit(asked, "first", lambda share: None)
        while not [one for one in bench.journal.of("first") if one.state == "submitted"]:
            time.sleep(0.01)
        with pytest.raises(Cancelled):
            asked("second", given_up)
        assert len(first.result().pieces) == 1
    assert [job["cancel"] for job in bench.service.jobs()] == [0]


def test_a_window_is_drawn_again_only_where_that_was_agreed(bench: Bench) -> None:
    first = bench.separate()
    assert first.again(1, lambda share: None) is None
    made = bench.separate(paid_retries=1)
    other = made.again(1, lambda share: None)
    assert other is not None
    assert (other.start, other.frames) == (made.pieces[1].start, made.pieces[1].frames)
    assert other.target != made.pieces[1].target
    # That was the one that was agreed to.
    assert made.again(2, lambda share: None) is None
    assert len(bench.service.jobs()) == 4
    # It is here now, and costs nothing more.
    assert bench.separate().again(1, lambda share: None) == other
    assert len(bench.service.jobs()) == 4


def test_a_months_limit_is_for_all_windows_at_once(bench: Bench) -> None:
    """Three windows cost 0.15: nothing is sent for 0.14, and what is paid is not counted twice."""
    with pytest.raises(CostRefused, match=r"0\.15 USD; 0 of the 0\.14 USD"):
        bench.separate(monthly=Decimal("0.14"))
    assert bench.states == []
    bench.separate(monthly=Decimal("0.15"))
    bench.separate(monthly=Decimal("0.15"))
    assert bench.states == ["fetched"] * 3
