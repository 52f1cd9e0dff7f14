"""Tasks of the extension, taken from export to timeline by a real engine process."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.blender.addon import module
from tests.bridge.talking import Starter

session, task, refusal = module("session"), module("task"), module("refusal")

RATE, FRAMES, FPS = 48_000, 50, 25
CLIP = {
    "scene": "Scene",
    "strip": "Dog in the yard.wav",
    "partner": "Dog in the yard",
    "first": 101,
    "end": 101 + FRAMES,
    "frame_rate": [FPS, 1],
    "prompt": "dog",
    "matte": None,
    "notes": ["A note of the clip."],
}
WISHES = {
    "engine": "offline",
    "terms": {},
    "style": "original",
    "original": "MUTE",
    "meta": False,
}


@dataclass
class Export:
    """Gives a second of noise after two looks, or what it is told to give."""

    folder: Path
    frames: int = FRAMES
    handles: tuple[int, int] = (0, 0)
    refused: bool = False
    looks: int = 0
    cancelled: bool = False

    def begin(self) -> None:
        """Nothing runs."""

    def poll(self) -> Any:
        """How far it is, then the files."""
        self.looks += 1
        if self.refused:
            raise refusal.Refusal("The matte is shorter than the clip.", "Make it longer.")
        if self.looks < 3:
            return SimpleNamespace(share=self.looks / 3, text="Reading the sound")
        noise = np.random.default_rng(7).normal(0, 0.1, (self.frames * RATE // FPS, 2))
        sound = self.folder / "sound.wav"
        soundfile.write(sound, noise.astype(np.float32), RATE, subtype="FLOAT")
        before, behind = self.handles
        return SimpleNamespace(
            sound=str(sound),
            picture=None,
            matte=None,
            handle_in=before,
            handle_out=behind,
            notes=("A note of the export.",),
        )

    def cancel(self) -> None:
        """Remember that it was."""
        self.cancelled = True


@dataclass
class Desk:
    """A session with a real engine, exports as above, and a timeline that is a list."""

    folder: Path
    start: Callable[[], Any]
    how: dict[str, Any] = field(default_factory=dict)
    exports: list[Export] = field(default_factory=list)
    timeline: list[Any] = field(default_factory=list)
    open: bool = True
    full: bool = False

    def __post_init__(self) -> None:
        """Find what an earlier session left."""
        self.session = session.Session(
            str(self.folder / "jobs"), self.start, self._export, self._place
        )

    def _export(self, clip: dict[str, Any], folder: str) -> Export:
        self.exports.append(Export(Path(folder), **self.how))
        return self.exports[-1]

    def _place(self, found: Any) -> bool:
        if self.full:
            raise refusal.Refusal("All 128 channels are taken there.", "Free two.")
        if self.open:
            self.timeline.append(found)
        return self.open

    def begin(self, prompt: str = "dog", **options: Any) -> Any:
        """Begin with the clip."""
        clip = dict(CLIP, prompt=prompt)
        return self.session.begin(clip, WISHES, str(self.folder / "stems"), "/a.blend", **options)

    def until(self, wanted: Callable[[], bool], limit: float = 30.0) -> None:
        """Tick until it is so."""
        deadline = time.monotonic() + limit
        while not wanted():
            assert time.monotonic() < deadline, [vars(one) for one in self.session.tasks]
            self.session.tick()
            time.sleep(0.01)

    def done(self, found: Any) -> Any:
        """Tick until nothing is under way."""
        self.until(lambda: not found.running)
        return found


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Starts an engine, or gives the one that runs."""
    starter = Starter(tmp_path)

    def start() -> Any:
        if not starter.started or starter.started[-1].failure is not None:
            starter(SOUNDMATTE_STATE=str(tmp_path / "state"))
        return starter.started[-1]

    yield start
    starter.close()


@pytest.fixture
def desk(tmp_path: Path, engine: Callable[[], Any]) -> Iterator[Desk]:
    """A session of its own."""
    made = Desk(tmp_path, engine)
    yield made
    made.session.close()


def test_a_clip_goes_through_to_the_timeline(desk: Desk) -> None:
    found = desk.begin()
    seen = set()
    desk.until(lambda: seen.add(found.state) or not found.running)  # type: ignore[func-returns-value]
    assert found.state == task.PLACED, (found.message, found.hint)
    assert seen >= {task.EXPORTING, task.ESTIMATING, task.SEPARATING}
    assert desk.timeline == [found]
    placement = found.separation["placement"]["stems"]
    assert [Path(stem["path"]).name[:15] for stem in placement] == ["Dog_in_the_yard"] * 2
    target, residual = (soundfile.read(stem["path"])[0] for stem in placement)
    assert len(target) == FRAMES * RATE // FPS
    noise = np.random.default_rng(7).normal(0, 0.1, (FRAMES * RATE // FPS, 2))
    assert np.abs(target + residual - noise).max() < 2.0**-22
    assert found.notes[:2] == ["A note of the clip.", "A note of the export."]
    assert [path.name for path in Path(found.folder).iterdir()] == ["task.json"]
    assert sorted(path.suffix for path in (desk.folder / "stems").iterdir()) == [".wav", ".wav"]


def test_handles_are_told_apart_from_the_range(desk: Desk) -> None:
    desk.how = {"frames": 5 + FRAMES + 3, "handles": (5, 3)}
    found = desk.done(desk.begin())
    assert found.state == task.PLACED, (found.message, found.hint)
    for stem in found.separation["placement"]["stems"]:
        assert stem["frames"] == (5 + FRAMES + 3) * RATE // FPS
        assert (stem["handle_in"], stem["handle_out"]) == (5 * RATE // FPS, 3 * RATE // FPS)


def test_a_price_waits_for_a_person(desk: Desk) -> None:
    found = desk.begin()
    desk.until(lambda: found.state == task.ESTIMATING)
    (name,) = desk.session._asked
    client = desk.start()
    desk.until(lambda: client.hello is not None)
    # As the engine answers for the service; that needs no service here.
    order = {"selection": session.selection(found), "engine": "offline", "output": found.output}
    result = {"order": order, "usd": 0.2, "duration": 2.0, "notes": []}
    desk.session._take(found, {"event": "done", "id": name, "result": result})
    assert (found.state, found.usd, found.running) == (task.AGREEING, 0.2, False)
    for _ in range(20):
        desk.session.tick()
        time.sleep(0.01)
    assert (found.state, desk.timeline) == (task.AGREEING, [])
    desk.session.agree(found)
    assert desk.done(found).state == task.PLACED


def test_what_the_export_refuses_is_said_and_can_be_tried_again(desk: Desk) -> None:
    desk.how = {"refused": True}
    found = desk.done(desk.begin())
    assert (found.state, found.message) == (task.FAILED, "The matte is shorter than the clip.")
    assert found.hint == "Make it longer."
    desk.how = {}
    desk.session.retry(found)
    assert desk.done(found).state == task.PLACED
    assert found.message == ""


def test_an_engine_that_breaks_down_takes_nothing_with_it(desk: Desk) -> None:
    found = desk.begin("wait")
    desk.until(lambda: found.state == task.SEPARATING)
    desk.start()._process.kill()
    desk.done(found)
    assert (found.state, found.kind) == (task.FAILED, "EngineEnded")
    found.order["selection"]["prompt"] = "dog"
    desk.session.retry(found)
    assert desk.done(found).state == task.PLACED


def test_cancelled_it_can_be_gone_on_with(desk: Desk) -> None:
    found = desk.begin("wait")
    desk.until(lambda: found.state == task.SEPARATING)
    desk.session.cancel(found)
    assert (found.state, desk.session.running) == (task.CANCELLED, False)
    assert not (desk.folder / "stems" / "x").exists()
    exporting = desk.begin()
    desk.session.cancel(exporting)
    assert desk.exports[-1].cancelled
    assert exporting.state == task.CANCELLED


def test_a_full_timeline_loses_no_stems(desk: Desk) -> None:
    desk.full = True
    found = desk.done(desk.begin())
    assert (found.state, found.hint) == (task.READY, "Free two.")
    assert all(Path(stem["path"]).exists() for stem in found.separation["placement"]["stems"])


def test_a_closed_file_gets_its_stems_later(desk: Desk) -> None:
    found = desk.begin()
    desk.until(lambda: found.state in (task.ESTIMATING, task.SEPARATING))
    desk.session.leave_timeline()
    desk.open = False
    assert desk.done(found).state == task.READY
    other = desk.begin()
    desk.session.leave_timeline()
    assert (other.state, desk.exports[-1].cancelled) == (task.FAILED, True)
    assert "Open the file again" in other.hint


def test_tasks_outlive_blender(desk: Desk) -> None:
    placed = desk.done(desk.begin())
    broken = desk.begin("wait")
    desk.until(lambda: broken.state == task.SEPARATING)
    desk.session.close()
    later = Desk(desk.folder, desk.start)
    first, second = later.session.tasks
    assert (first.id, first.state) == (placed.id, task.PLACED)
    assert (second.id, second.state, second.kind) == (broken.id, task.FAILED, "Closed")
    second.order["selection"]["prompt"] = "dog"
    later.session.retry(second)
    assert later.done(second).state == task.PLACED
    later.session.forget(second)
    assert not Path(second.folder).exists()
    assert [one.id for one in Desk(desk.folder, desk.start).session.tasks] == [placed.id]
    later.session.close()


def test_a_damaged_document_is_no_task(desk: Desk) -> None:
    found = desk.done(desk.begin())
    for name, text in (("a", "{"), ("b", "[]"), ("c", json.dumps({"id": "c"}))):
        folder = desk.folder / "jobs" / name
        folder.mkdir()
        (folder / "task.json").write_text(text)
    assert [one.id for one in task.found(str(desk.folder / "jobs"))] == [found.id]


def test_without_room_nothing_begins(desk: Desk) -> None:
    shutil.rmtree(desk.folder / "jobs", ignore_errors=True)
    (desk.folder / "jobs").write_text("a file")
    with pytest.raises(refusal.Refusal, match="Nothing can be written"):
        desk.begin()
    assert desk.session.tasks == []


@pytest.mark.parametrize(
    ("name", "start"),
    [("../../etc/passwd", "etc_passwd-"), ("Ünïcode clip", "Ünïcode_clip-"), ("...", "clip-")],
)
def test_file_names_are_safe(tmp_path: Path, name: str, start: str) -> None:
    found = task.begun(str(tmp_path), {"partner": name, "prompt": ""}, {}, "", "", preview=False)
    assert task.file_name(found) == f"{start}{found.id[:6]}"
