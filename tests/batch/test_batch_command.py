"""`soundmatte batch`: many clips, some of which fail, and none of which is done or paid twice."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import matrix
import pytest
from tests.cli.shell import PROGRAM, Said, Shell, environment
from tests.jobs.bench import Part, files, mark, steps
from tests.media.making import Studio

from soundmatte.documents import Separation
from soundmatte.engines.engine import Estimate, Material, Progress, Question
from soundmatte.errors import EngineRefused
from soundmatte.jobs import engines
from soundmatte.separation import call

KINDS = ("target.wav", "residual.wav", "stems.mov")


@pytest.fixture
def clips(studio: Studio, tmp_path: Path) -> Path:
    """A folder with three clips of a quarter of a second."""
    folder = tmp_path / "rushes"
    folder.mkdir()
    for name in ("a.mov", "b.mov", "c.mov"):
        shutil.copy(studio.clip("mov", frames=6).path, folder / name)
    return folder


def lines(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.out.splitlines()]


def states(said: Said) -> dict[str, str]:
    """How each clip ended, of what was printed as JSON lines."""
    return {Path(x["clip"]).name: x["state"] for x in lines(said) if x["event"] == "clip"}


def stems(*names: str) -> set[str]:
    return {f"{name}_{kind}" for name in names for kind in KINDS}


# --- what comes out ---


def test_every_clip_of_a_folder_is_separated(shell: Shell, clips: Path, tmp_path: Path) -> None:
    before = {path: mark(path) for path in clips.iterdir()}
    said = shell("batch", clips, "-o", tmp_path / "out")
    assert said.status == 0, said.err
    assert files(tmp_path / "out") == stems("a", "b", "c")
    assert said.out.startswith("3 clips: 3 done;")
    ends = [line for line in said.err.splitlines() if line.endswith(": done")]
    assert [line.split()[0] for line in ends] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "\x1b" not in said.err
    assert {path: mark(path) for path in clips.iterdir()} == before
    target, residual = (
        steps(tmp_path / "out" / f"b_{role}.wav") for role in ("target", "residual")
    )
    assert abs(target - residual).max() <= 1  # the engine's stem is half of everything
    assert target.any()


def test_each_result_is_a_json_line(shell: Shell, clips: Path, tmp_path: Path) -> None:
    said = shell("batch", clips, "-o", tmp_path / "out", "--json", "--progress", "json")
    *each, summary = lines(said)
    assert {x["state"] for x in each} == {"done"}
    made = [Separation.model_validate(x["separation"]) for x in each]
    assert {path.name for one in made for path in (one.target, one.residual)} <= files(
        tmp_path / "out"
    )
    assert (summary["event"], summary["clips"], summary["done"]) == ("summary", 3, 3)
    events = [json.loads(line) for line in said.err.splitlines()]
    seen = [x for x in events if x["event"] == "clip" and x["clip"].endswith("a.mov")]
    assert [x["fraction"] for x in seen] == sorted(x["fraction"] for x in seen)
    assert (seen[0]["state"], seen[-1]["state"], seen[-1]["fraction"]) == ("running", "done", 1)


def test_the_same_command_again_does_nothing(shell: Shell, clips: Path, tmp_path: Path) -> None:
    """Not even where the stems lie beside the clips, and the pattern finds them too."""
    words = ("batch", clips / "*.mov", "-o", clips, "--json")
    assert shell(*words).status == 0
    before = {path: mark(path) for path in clips.iterdir()}
    again = shell(*words)
    assert again.status == 0
    assert states(again) == {"a.mov": "skipped", "b.mov": "skipped", "c.mov": "skipped"}
    assert {path: mark(path) for path in clips.iterdir()} == before
    shell_would_name = sorted(clips.glob("*.mov"))
    assert len(shell_would_name) == 6
    assert states(shell("batch", *shell_would_name, "-o", clips, "--json")) == states(again)


def test_what_is_missing_is_made_and_what_has_changed_is_told(
    shell: Shell, clips: Path, studio: Studio, tmp_path: Path
) -> None:
    words = ("batch", clips, "-o", tmp_path / "out", "--json")
    assert shell(*words).status == 0
    for kind in KINDS:
        (tmp_path / "out" / f"a_{kind}").unlink()
    shutil.copy(studio.clip("mov", frames=12).path, clips / "b.mov")
    shutil.copy(studio.clip("mov", frames=6).path, clips / "d.mov")
    said = shell(*words)
    assert states(said) == {
        "a.mov": "done",
        "b.mov": "failed",
        "c.mov": "skipped",
        "d.mov": "done",
    }
    assert said.status == 5
    [failed] = [x for x in lines(said) if x.get("error")]
    assert failed["error"]["kind"] == "OutputExists"
    assert "--overwrite" in failed["error"]["hint"]
    anew = lines(shell(*words, "--overwrite", "--dry-run"))
    assert [x["state"] for x in anew[:-1]] == ["waiting"] * 4


def test_folders_in_folders_keep_their_places(shell: Shell, clips: Path, tmp_path: Path) -> None:
    (clips / "day").mkdir()
    shutil.copy(clips / "a.mov", clips / "day" / "a.mov")
    out = clips / "stems"
    for _ in range(2):
        said = shell("batch", clips, "--recursive", "-o", out)
        assert said.status == 0, said.err
        names = stems("a", "b", "c") | {f"day/{name}" for name in stems("a")} | {"day"}
        assert files(out) == names
    assert "4 done before" in said.out


def test_a_manifest_says_it_for_each(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mov", options=("-timecode", "10:00:00:00"))
    table = tmp_path / "lists" / "shots.csv"
    table.parent.mkdir()
    table.write_text(
        f"clip,in,out,output\n{source.path},10:00:00:05,15f,one\n{source.path},0.4,0.6,two\n"
    )
    said = shell("batch", "--manifest", table, "--json", "-o", tmp_path / "unused")
    assert said.status == 0, said.err
    assert {x["line"] for x in lines(said)[:-1]} == {"shots.csv, line 2", "shots.csv, line 3"}
    name = f"{source.path.stem}_target.wav"
    lengths = [len(steps(tmp_path / "lists" / place / name)) for place in ("one", "two")]
    assert lengths == [10 * 1920, 5 * 1920]
    assert not (tmp_path / "unused").exists()


def test_every_clip_has_its_matte(
    shell: Shell, clips: Path, studio: Studio, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        shutil.copy(studio.picture(frames=6), clips / f"{name}_matte.mp4")
    said = shell("batch", clips, "--matte", "{stem}_matte.mp4", "-o", tmp_path / "out", "--json")
    assert states(said) == {"a.mov": "done", "b.mov": "done", "c.mov": "failed"}
    [failed] = [x for x in lines(said) if x.get("error")]
    assert "c_matte.mp4" in failed["error"]["message"]


# --- what cannot be done ---


def test_what_fails_does_not_stop_the_rest(
    shell: Shell, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "offline_engine", Moody)
    (clips / "b.mov").write_text("no movie")
    for name in ("crash.mov", "refuse.mov"):
        shutil.copy(clips / "a.mov", clips / name)
    said = shell("batch", clips, "-o", tmp_path / "out")
    assert said.status == 5
    assert files(tmp_path / "out") == stems("a", "c")
    assert said.out.startswith("5 clips: 2 done, 3 failed")
    told = said.out.splitlines()
    at = told.index("failed: b.mov")
    assert "b.mov is damaged" in told[at + 1]
    assert told[at + 2].strip()
    assert "failed: refuse.mov" in told
    assert any("This is a fault" in line for line in told)
    assert "goes on with what is not done" in told[-1]


class Moody(Part):
    """An engine that does not do everything."""

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Look at the clip's name."""
        name = Path(str(material.mix)).name + json.dumps(material.work)
        if "crash.mov" in name:
            raise RuntimeError("a fault")
        if "refuse.mov" in name:
            raise EngineRefused("Not this one.", hint="Take another.")
        return super().separate(question, material, folder, progress)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("rushes", "--manifest", "shots.csv"),
        ("no.mov",),
        ("*.mxf",),
        ("--manifest", "no.csv"),
        ("rushes", "--jobs", "0"),
        ("rushes", "--max-total", "cheap"),
        ("rushes", "--in", "soon"),
        ("rushes", "--span", "1"),
        ("rushes/a.mov", "other/a.wav"),
    ],
)
def test_wrong_words_end_with_2_before_any_work(
    shell: Shell, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    shutil.copy(clips / "a.mov", "other/a.wav")
    Path("shots.csv").write_text("clip\nrushes/a.mov\n")
    said = shell("batch", *words, "-o", "out")
    assert said.status == 2, said
    assert not Path("out").exists()


def test_what_lines_of_a_manifest_say_is_told_line_by_line(
    shell: Shell, clips: Path, tmp_path: Path
) -> None:
    table = tmp_path / "shots.csv"
    table.write_text(f"clip,in\n{clips / 'a.mov'},7\n{clips / 'b.mov'},9\n")
    said = shell("batch", "--manifest", table, "-o", tmp_path / "out", "--dry-run")
    assert said.status == 5
    assert "a.mov (shots.csv, line 2): failed; The range 7.000 s" in said.out
    assert "b.mov (shots.csv, line 3): failed; The range 9.000 s" in said.out


def test_the_same_names_in_one_folder_are_refused(
    shell: Shell, clips: Path, tmp_path: Path
) -> None:
    table = tmp_path / "shots.csv"
    table.write_text("clip,in,out\nrushes/a.mov,0,0.1\nrushes/A.mov,0.1,0.2\n")
    shutil.copy(clips / "a.mov", clips / "A.mov")
    said = shell("batch", "--manifest", table, "-o", tmp_path / "out")
    assert said.status == 2
    assert "line 2" in said.err
    assert "line 3" in said.err
    assert "column output" in said.err


def test_a_dry_run_says_all_and_writes_nothing(shell: Shell, clips: Path, tmp_path: Path) -> None:
    (clips / "b.mov").write_text("no movie")
    before = files(tmp_path)
    said = shell("batch", clips, "-o", tmp_path / "out", "--dry-run")
    assert said.status == 5
    assert said.out.count("to " + str(tmp_path / "out")) == 2
    assert "b.mov: failed; b.mov is damaged" in said.out
    assert said.out.splitlines()[-1] == (
        "3 clips: 2 would be separated, 1 cannot be; costs nothing."
    )
    as_json = lines(shell("batch", clips, "-o", tmp_path / "out", "--dry-run", "--json"))
    assert [x["plan"] and x["plan"]["duration"] for x in as_json[:-1]] == [0.24, None, 0.24]
    assert {name for name in files(tmp_path) if not name.startswith("home")} == before


# --- money ---


@pytest.fixture
def paid(fresh_service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Any:
    """A command line whose cloud is the loopback service."""
    fresh_service.settings(queue_seconds=0.0, job_seconds=0.2, parallel=8)
    monkeypatch.setenv("SOUNDMATTE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FAL_KEY", fresh_service.key)
    monkeypatch.setattr(call, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(call, "LONGEST_WAIT", 0.05)

    def run(*words: object) -> Said:
        return shell("batch", *words, "--server", fresh_service.base, "--prompt", "dog", "--json")

    return run


def test_the_sum_of_the_plans_is_refused_before_anything_is_sent(
    paid: Any, clips: Path, tmp_path: Path, fresh_service: Any
) -> None:
    said = paid(clips, "-o", tmp_path / "out", "--max-total", "0.14")
    assert said.status == 4
    assert "0.15 USD; 0.14 USD are allowed" in said.err
    dry = paid(clips, "-o", tmp_path / "out", "--max-total", "0.14", "--dry-run")
    assert dry.status == 4
    assert sum(x["usd"] for x in lines(dry) if x.get("event") == "plan") == pytest.approx(0.15)
    each = paid(clips, "-o", tmp_path / "out", "--max-cost", "0.04")
    assert each.status == 5
    assert set(states(each).values()) == {"failed"}
    assert fresh_service.requests(role="queue") == []
    assert fresh_service.uploads() == []
    assert not (tmp_path / "out").exists()
    assert paid(clips, "-o", tmp_path / "out", "--max-total", "0.15").status == 0


def test_nothing_is_paid_twice_whatever_fails(
    paid: Any, clips: Path, tmp_path: Path, fresh_service: Any
) -> None:
    for name in ("d.mov", "e.mov"):
        shutil.copy(clips / "a.mov", clips / name)
    matrix.order(fresh_service, "submit", matrix.FAULTS["dropped after"], 1, nth=2)
    matrix.order(fresh_service, "submit", matrix.FAULTS["429"], 40, nth=4)
    first = paid(clips, "-o", tmp_path / "out", "--jobs", "3")
    assert first.status == 5
    count = Counter(states(first).values())
    assert count["uncertain"] == 1
    assert count["done"] >= 1
    [hint] = [x["error"]["hint"] for x in lines(first) if x.get("state") == "uncertain"]
    assert "jobs retry" in hint
    sent = len(fresh_service.jobs())
    fresh_service.forget_faults()
    again = paid(clips, "-o", tmp_path / "out", "--jobs", "3")
    assert again.status == 5
    ended = Counter(states(again).values())
    assert ended == {"skipped": count["done"], "uncertain": 1, "done": 4 - count["done"]}
    # The uncertain one is there already, and nobody sent it again.
    assert len(fresh_service.jobs()) == sent + ended["done"] == 5
    summary = lines(again)[-1]
    assert summary["usd"] == pytest.approx(0.05 * (1 + ended["done"]))


def test_a_key_that_is_not_taken_is_tried_once(
    paid: Any, clips: Path, tmp_path: Path, fresh_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAL_KEY", "wrong:key")
    said = paid(clips, "-o", tmp_path / "out", "--jobs", "1", "--processors", "1")
    assert said.status == 5
    assert set(states(said).values()) == {"failed"}
    kinds = {x["error"]["kind"] for x in lines(said) if x.get("error")}
    assert kinds == {"BadKey"}
    # Of the three at most that were under way.
    assert 1 <= len(fresh_service.requests(role="rest")) <= 3


# --- being stopped ---


def test_a_batch_that_is_stopped_goes_on_and_pays_nothing_twice(
    shell: Shell, clips: Path, tmp_path: Path, fresh_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_service.settings(queue_seconds=0.0, job_seconds=0.2, parallel=8)
    words = ["batch", str(clips), "-o", str(tmp_path / "out"), "--prompt", "dog", "--json"]
    words += ["--server", fresh_service.base, "--jobs", "1", "--processors", "1"]
    mine = {"FAL_KEY": fresh_service.key, "SOUNDMATTE_STATE": str(tmp_path / "state")}
    process = subprocess.Popen(
        [*PROGRAM, *words],
        env={**environment(tmp_path / "temporary"), **mine},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["state"] == "done"
    # From here on jobs take longer than anybody waits.
    fresh_service.settings(job_seconds=60)
    deadline = time.monotonic() + 30
    while len(fresh_service.jobs()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130
    summary = json.loads(out.splitlines()[-1])
    assert summary["event"] == "summary"
    assert summary["cancelled"] >= 1
    assert err.splitlines()[-1].startswith("soundmatte: cancelled")
    assert [name for name in files(tmp_path / "out") if name.startswith(".")] == []
    fresh_service.settings(job_seconds=0.1)
    for name, value in mine.items():
        monkeypatch.setenv(name, value)
    done = shell(*words)
    assert done.status == 0, done.err
    assert files(tmp_path / "out") == stems("a", "b", "c")
    kept = [job for job in fresh_service.jobs() if job["state"] == "completed" and not job["error"]]
    assert len(kept) == 3
