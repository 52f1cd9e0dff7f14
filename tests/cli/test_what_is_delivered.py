"""The words for long ranges, handles, styles, bits and doubtful stems, and what they lead to."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.cli.shell import Shell
from tests.jobs.bench import Part, files, steps
from tests.media.making import Studio

from soundmatte.documents import Order, Selection
from soundmatte.engines.cloud.ledger import Intent
from soundmatte.errors import SoundmatteError
from soundmatte.jobs import engines
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import Requests

#: A server that is never reached: what costs money is planned here, not done.
CLOUD = ("--engine", "cloud", "--server", "http://127.0.0.1:9", "--prompt", "dog")


@pytest.fixture
def clip(studio: Studio) -> Path:
    """Three seconds of picture and sound, with timecode."""
    return studio.clip("mov", "25", options=("-timecode", "10:00:00:00")).path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """65 s of sound."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    sound = np.random.default_rng(2).normal(0, 0.1, 65 * 8000)
    soundfile.write(path, sound, 8000, subtype="PCM_16")
    return path


@pytest.mark.parametrize("length", ["0.4", "10f", "00:00:00:10"])
def test_handles_in_any_words(shell: Shell, clip: Path, tmp_path: Path, length: str) -> None:
    words = ("--in", "10:00:01:00", "--out", "10:00:02:00", "--handles", length)
    said = shell("separate", clip, "-o", tmp_path, "--json", *words)
    result = said.result
    assert (result["start"], result["duration"]) == (0.6, 1.8)
    assert (result["handle_in"], result["handle_out"]) == (0.4, 0.4)
    stem = result["placement"]["stems"][0]
    assert (stem["handle_in"], stem["handle_out"]) == (19200, 19200)
    told = shell("separate", clip, "-o", tmp_path, "--overwrite", *words).out
    assert "1.800 s, stereo, 48000 Hz, 24-bit, with handles of 0.400 s and 0.400 s" in told


def test_the_levels_are_told(shell: Shell, clip: Path, tmp_path: Path) -> None:
    lines = shell("separate", clip, "-o", tmp_path).out.splitlines()
    [levels] = [line for line in lines if line.startswith("levels: ")]
    assert "target -6.0 dB of the clip; clip -" in levels
    assert levels.endswith(" LUFS")
    assert len(lines) <= 8
    loudness = shell("separate", clip, "-o", tmp_path / "b", "--json").result["loudness"]
    assert set(loudness) == {"mix", "target", "residual"}
    assert loudness["mix"]["true_peak_dbtp"] > loudness["target"]["true_peak_dbtp"]


@pytest.mark.parametrize("said_by", ["option", "settings"])
def test_bits_and_style_are_a_choice(
    shell: Shell, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_by: str
) -> None:
    words: tuple[str, ...] = ("--bits", "16")
    if said_by == "settings":
        file = Path(os.environ["SOUNDMATTE_CONFIG"])
        file.parent.mkdir(parents=True)
        file.write_text("[output]\nbits = 16\n")
        words = ()
    said = shell("separate", clip, "-o", tmp_path / "out", "--json", *words)
    assert said.result["encoding"] == "s16"
    assert soundfile.info(said.result["target"]).subtype == "PCM_16"
    if said_by == "settings":
        monkeypatch.setenv("SOUNDMATTE_OUTPUT_STYLE", "clean")
    words = ("--style", "clean") if said_by == "option" else ()
    refused = shell("separate", clip, "-o", tmp_path / "new", "--json", *words)
    assert refused.status == 4
    assert "no clean style" in refused.result["error"]["message"]
    assert not (tmp_path / "new").exists()


def test_doubtful_stems_end_with_3_until_they_are_accepted(
    shell: Shell, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "offline_engine", lambda: Part(0.0))
    words = ("separate", clip, "-o", tmp_path / "out", "--json")
    said = shell(*words)
    assert said.status == 3
    assert said.result["error"]["kind"] == "DoubtfulStems"
    assert "Nothing was found: the target is silent." in said.result["error"]["message"]
    assert "--accept-doubtful" in said.result["error"]["hint"]
    assert files(tmp_path) == set()
    accepted = shell(*words, "--accept-doubtful")
    assert accepted.status == 0
    assert accepted.result["evidence"]["doubts"] == ["Nothing was found: the target is silent."]
    assert not steps(Path(accepted.result["target"])).any()
    assert "target silent; clip -" in shell(*words[:-1], "--overwrite", "--accept-doubtful").out


def test_the_price_is_that_of_all_windows(shell: Shell, long: Path, tmp_path: Path) -> None:
    told = shell("estimate", long, "--json").result
    assert (told["usd"], told["windows"], told["duration"]) == (0.15, 3, 65)
    assert "65.000 s: at most 0.15 USD. " in shell("estimate", long).out
    assert "3 windows, 3 × 30 s" in shell("estimate", long).out
    ranged = ("--in", "10", "--out", "39")
    assert shell("estimate", long, "--json", *ranged).result["usd"] == 0.05
    wider = shell("estimate", long, "--json", *ranged, "--handles", "1").result
    assert (wider["usd"], wider["duration"]) == (0.1, 31)
    planned = ("separate", long, "-o", tmp_path / "out", "--dry-run", *CLOUD)
    plan = shell(*planned, "--json").result
    assert (plan["cost"], plan["windows"]) == (0.15, 3)
    assert "cloud, separate in 3 windows; costs up to 0.150 USD" in shell(*planned).out
    assert shell(*planned, "--json", "--paid-retries", "1").result["cost"] == 0.2
    said = shell(*planned, "--max-cost", "0.14")
    assert said.status == 4
    assert "0.15 USD" in said.err
    spans = ("--span", "3-4", "--engine", "cloud", "--server", "http://127.0.0.1:9")
    words = ("separate", long, "-o", tmp_path / "out", "--dry-run", "--json")
    assert shell(*words, *spans).result["cost"] == 0.05
    assert files(tmp_path) == set()


def test_jobs_are_listed_and_shown_and_a_retry_names_its_price(
    shell: Shell, clip: Path, tmp_path: Path
) -> None:
    shell("separate", clip, "-o", tmp_path / "out")
    journal, requests = Journal.open(), Requests.open()
    order = Order(selection=Selection(media=Path("/a/shot.mov")), engine="cloud", output=tmp_path)
    job = journal.begin("key", order, Decimal("0.60"))
    for number in (1, 2):
        work = {"window": [number, 12]}
        intent = Intent(f"key/{number}", "s", "separate", Decimal("0.05"), work, job.id)
        entry = requests.intend(intent)
    requests.uncertain(entry, "No answer came.")
    journal.failed(job.id, "uncertain", SoundmatteError("No answer came.", hint="Look."))
    lines = shell("jobs", "list").out.splitlines()
    assert lines[0].startswith(f"{job.id}  uncertain")
    assert lines[0].endswith("0.60 USD  shot.mov")
    assert lines[1].strip() == "No answer came."
    assert " done " in lines[2]
    assert lines[2].endswith(f"free  {clip.name}")
    assert lines[-1] == "This month: up to 0.10 USD."
    values = shell("jobs", "list", "--json").result
    assert [each["state"] for each in values] == ["uncertain", "done"]
    shown = shell("jobs", "show", job.id[:6]).out
    assert "window 2 of 12, uncertain, up to 0.05 USD" in shown
    done = shell("jobs", "show", values[1]["id"], "--json").result
    assert done["separation"]["target"].endswith("_target.wav")
    assert set(done["seconds"]) >= {"extract", "separate", "conform", "remux"}
    said = shell("jobs", "retry", job.id)
    assert said.status == 2
    assert "up to 0.05 USD (the whole was agreed to at 0.60 USD)." in said.err
    assert shell("jobs", "resume", job.id).status == 2
    assert "is done" in shell("jobs", "resume", values[1]["id"]).err
    assert shell("jobs", "show", "0" * 10).status == 2


def test_jobs_are_forgotten_and_cancelled(shell: Shell, tmp_path: Path) -> None:
    journal = Journal.open()
    order = Order(selection=Selection(media=Path("/a/shot.mov")), engine="part", output=tmp_path)
    job = journal.begin("key", order, Decimal(0))
    # This very process works on it.
    assert shell("jobs", "forget", job.id).status == 2
    journal.failed(job.id, "failed", SoundmatteError("It broke."))
    assert shell("jobs", "cancel", job.id, "--json").result["state"] == "cancelled"
    assert shell("jobs", "cancel", job.id).status == 2
    assert shell("jobs", "forget", job.id).status == 0
    assert shell("jobs", "list", "--json").result == []
