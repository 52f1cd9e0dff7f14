"""`soundmatte watch`: clips that come to rest, each once, over restarts and whatever vanishes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.shell import PROGRAM, environment
from tests.jobs.bench import Part, files, mark
from tests.media.making import Studio

from soundmatte.errors import UsageError
from soundmatte.jobs.manifest import ForAll
from soundmatte.jobs.watch import Resting, Watch
from soundmatte.settings import Cloud


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_clip_that_grows_is_left_alone_until_it_rests(tmp_path: Path) -> None:
    clock = Clock()
    resting = Resting(tmp_path, settle=5, clock=clock)
    clip = tmp_path / "a.mov"
    clip.touch()
    for size in range(1, 6):
        assert resting.look() == []
        clock.now += 4
        clip.write_bytes(b"x" * size)
    assert resting.look() == []
    clock.now += 4.9
    assert resting.look() == []
    clock.now += 0.2
    assert names(resting.look()) == ["a.mov"]
    clock.now += 100
    assert resting.look() == []


def test_an_empty_file_is_no_clip_yet(tmp_path: Path) -> None:
    clock = Clock()
    resting = Resting(tmp_path, settle=1, clock=clock)
    (tmp_path / "a.mov").touch()
    resting.look()
    clock.now += 100
    assert resting.look() == []


def test_what_is_no_clip_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("notes.txt", ".a.mov", "still.png", "a.mov.part"):
        (tmp_path / name).write_text("x")
    (tmp_path / "folder.mov").mkdir()
    resting = Resting(tmp_path, settle=0)
    assert resting.look() == []


def test_a_clip_that_comes_back_is_new(tmp_path: Path) -> None:
    resting = Resting(tmp_path, settle=0)
    clip = tmp_path / "a.mov"
    clip.write_text("x")
    assert names(resting.look()) == ["a.mov"]
    clip.unlink()
    assert resting.look() == []
    clip.write_text("x")
    assert names(resting.look()) == ["a.mov"]
    clip.write_text("other")
    assert names(resting.look()) == ["a.mov"]


def test_a_folder_out_of_reach_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    resting = Resting(folder, settle=0)
    (folder / "a.mov").write_text("x")
    folder.rename(tmp_path / "gone")
    assert resting.look() == []
    (tmp_path / "gone").rename(folder)
    assert names(resting.look()) == ["a.mov"]


def test_a_clip_waits_for_its_matte(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "mattes").mkdir()
    for pattern in ("{stem}_matte.mov", "mattes/{stem}.png"):
        resting = Resting(tmp_path, settle=2, matte=pattern, clock=clock)
        (tmp_path / "a.mov").write_text("x")
        resting.look()
        clock.now += 3
        assert resting.look() == []
        matte = tmp_path / pattern.format(stem="a")
        matte.write_text("m")
        assert resting.look() == []
        clock.now += 1
        matte.write_text("mm")
        resting.look()
        clock.now += 1.5
        assert resting.look() == []
        clock.now += 1
        assert names(resting.look()) == ["a.mov"]
        matte.unlink()


def test_a_clip_can_be_given_again_after_a_while(tmp_path: Path) -> None:
    clock = Clock()
    resting = Resting(tmp_path, settle=2, clock=clock)
    clip = tmp_path / "a.mov"
    clip.write_text("x")
    resting.look()
    clock.now += 2
    assert names(resting.look()) == ["a.mov"]
    resting.again(clip, 60)
    clock.now += 59
    assert resting.look() == []
    clock.now += 2
    assert names(resting.look()) == ["a.mov"]
    resting.again(tmp_path / "other.mov", 1)  # nobody knows it


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "wait", "look"]), st.sampled_from("ab")),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_each_state_of_a_clip_is_given_once_and_only_at_rest(
    steps: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("watched")
    clock, size = Clock(), 0
    resting = Resting(folder, settle=3, clock=clock)
    changed: dict[str, float] = {}
    given_at: set[tuple[str, int]] = set()
    for what, stem in steps:
        clip = folder / f"{stem}.mov"
        if what == "write":
            size += 1
            clip.write_bytes(b"x" * size)
            changed[clip.name] = clock.now
        elif what == "remove":
            clip.unlink(missing_ok=True)
            changed.pop(clip.name, None)
        elif what == "wait":
            clock.now += 2
        else:
            for path in resting.look():
                state = (path.name, path.stat().st_size)
                assert state not in given_at
                given_at.add(state)
                assert clock.now - changed[path.name] >= 3
    last = resting.look()
    clock.now += 3
    last += resting.look()
    there = {(path.name, path.stat().st_size) for path in folder.iterdir()}
    # All that is there now has been given, and nothing is given again.
    given_at |= {(path.name, path.stat().st_size) for path in last}
    assert there <= given_at
    clock.now += 3
    assert resting.look() == []


def for_all(output: Path, **words: Any) -> ForAll:
    return ForAll(words, "auto", Cloud(), output, lambda use, cloud: Part())


def test_stems_do_not_go_where_clips_come_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="as new clips"):
        Watch(tmp_path, for_all(tmp_path), settle=0)
    with pytest.raises(UsageError, match="no folder"):
        Watch(tmp_path / "no", for_all(tmp_path / "out"), settle=0)


def test_what_cannot_be_read_has_failed_until_it_changes(studio: Studio, tmp_path: Path) -> None:
    clip = tmp_path / "a.mov"
    clip.write_text("half a movie")
    watch = Watch(tmp_path, for_all(tmp_path / "out"), settle=0)
    [item] = watch.look()
    assert (item.state, watch.look()) == ("failed", [])
    shutil.copy(studio.clip("mov", frames=6).path, clip)
    [item] = watch.look()
    assert item.state == "waiting"


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not true():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def test_a_folder_is_watched_over_restarts(studio: Studio, tmp_path: Path) -> None:
    """With the true engine: clips come, one vanishes, the watch ends and begins again."""
    folder, out = tmp_path / "incoming", tmp_path / "incoming" / "stems"
    folder.mkdir()
    source = studio.clip("mov", frames=6).path
    words = ["watch", str(folder), "--settle", "0.3", "--json", "--prompt", "speech"]

    state = {"SOUNDMATTE_STATE": str(tmp_path / "state")}

    def started() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *words, "--engine", "offline", "--accept-doubtful"],
            env={**environment(tmp_path / "temporary"), **state},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
        process.send_signal(signal.SIGINT)
        told, complaints = process.communicate(timeout=30)
        assert process.returncode == 130, complaints
        return [json.loads(line) for line in told.splitlines()]

    shutil.copy(source, folder / "a.mov")
    before = mark(folder / "a.mov")
    first = started()
    until(lambda: (out / "a_target.wav").exists())
    # One that is still being copied, and is never finished.
    (folder / "half.mov").write_bytes(source.read_bytes()[:1000])
    until(lambda: (out / "a_stems.mov").exists())
    (folder / "half.mov").unlink()
    told = ended(first)
    assert [x["state"] for x in told if x["event"] == "clip" and x["clip"].endswith("a.mov")] == [
        "done"
    ]
    made = {path.name: mark(path) for path in out.iterdir()}
    second = started()
    shutil.copy(source, folder / "b.mov")
    until(lambda: (out / "b_stems.mov").exists())
    told = ended(second)
    assert {Path(x["clip"]).name for x in told if x["event"] == "clip"} == {"b.mov"}
    assert {name: mark(out / name) for name in made} == made
    assert mark(folder / "a.mov") == before
    assert files(folder) - {f"stems/{name}" for name in files(out)} == {"a.mov", "b.mov", "stems"}
    assert list((tmp_path / "temporary").iterdir()) == []
