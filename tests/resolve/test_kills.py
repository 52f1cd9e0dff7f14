"""The scripts killed in the middle: the next start of any of them puts everything back.

Here at the calls that change something, and at some that are drawn; `benchmarks/resolve_kills.py`
takes every call there is.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tests.media.making import Studio
from tests.resolve import scenes
from tests.resolve.driving import FakeResolve
from tests.resolve.killing import ROUTES, WHEN, killed, whole
from tests.resolve.pitfalls import Bench
from tests.resolve.stage import REMOVE, SEPARATE, Edit

#: What the kills are drawn with; it stands in their names.
SEED = os.environ.get("RESOLVE_SEED", "20261123")
_RANDOM = random.Random(SEED)
DRAWN = [
    (route, _RANDOM.random(), _RANDOM.choice(WHEN)) for route in ("direct", "render", "render")
]
#: By route, a call that changes something, and which of its kind, counted from 0; -1 is the last.
CHANGES = [
    ("direct", "MediaPool.AddSubFolder", 0),
    ("direct", "MediaPool.ImportMedia", -1),
    ("direct", "Timeline.AddTrack", -1),
    ("direct", "MediaPool.AppendToTimeline", -1),
    ("direct", "ProjectManager.SaveProject", 0),
    ("render", "Project.SaveAsNewRenderPreset", 0),
    ("render", "Timeline.SetTrackEnable", 1),
    ("render", "Project.StartRendering", 0),
    ("render", "Project.LoadRenderPreset", -1),
]


@pytest.fixture(scope="module")
def calls(
    running: FakeResolve, studio: Studio, menu: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """The calls of a whole run on each route."""
    found = {}
    for name, route in ROUTES.items():
        bench = Bench(running, studio, menu)
        found[name] = whole(bench.stage(tmp_path_factory.mktemp(name)), route, bench.shot)
    return found


@pytest.mark.parametrize(("route", "name", "which"), CHANGES, ids=lambda part: str(part))
def test_killed_right_after_a_change(
    route: str,
    name: str,
    which: int,
    bench: Bench,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    places = [number for number, call in enumerate(calls[route], 1) if call == name]
    stage = bench.stage(tmp_path)
    assert killed(stage, ROUTES[route], bench.shot, places[which], "after") == []


@pytest.mark.parametrize(
    ("route", "share", "when"), DRAWN, ids=[f"{SEED}-{r}-{s:.3f}-{w}" for r, s, w in DRAWN]
)
def test_killed_anywhere(
    route: str,
    share: float,
    when: str,
    bench: Bench,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    at = 1 + int(share * len(calls[route]))
    stage = bench.stage(tmp_path)
    assert killed(stage, ROUTES[route], bench.shot, at, when) == []


@pytest.mark.parametrize("guarded", [True, False])
def test_pitfalls_17_and_28_another_timeline_is_open_by_then(
    guarded: bool,
    bench: Bench,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    """Tracks of a timeline that is not the current one are told to be off, whatever they are."""
    edit = Edit("restore", "session.project.SetCurrentTimeline(own)", "pass")
    fake, stage = bench.fake, bench.stage(tmp_path, *(() if guarded else (edit,)))
    scene = ROUTES["render"].scene(bench.shot)
    empty = {"kind": "video", "items": []}
    scene["timelines"].append({"name": "Other", "tracks": [empty]})
    fake.load(scene)
    before = fake.dump()
    stage.wish(**ROUTES["render"].wishes)
    fake.kill(calls["render"].index("Project.StartRendering") + 1, "after")
    assert stage.run(SEPARATE).code < 0
    fake.kill(0)
    assert fake.dump()["timelines"]["Cut"]["tracks"] != before["timelines"]["Cut"]["tracks"]
    project = fake.resolve().GetProjectManager().GetCurrentProject()
    assert project.SetCurrentTimeline(project.GetTimelineByIndex(2))
    stage.wish(job="none")
    stage.run(REMOVE)
    after = fake.dump()
    assert after["current"] == "Other"
    restored = after["timelines"]["Cut"]["tracks"] == before["timelines"]["Cut"]["tracks"]
    assert (restored and not stage.records) == guarded


def test_pitfall_28_without_recovery_nothing_is_put_back(
    bench: Bench, calls: dict[str, list[str]], tmp_path: Path
) -> None:
    edit = Edit("menu", "            recover(session, folder, teller)\n", "")
    stage = bench.stage(tmp_path, edit)
    at = calls["render"].index("Project.StartRendering") + 1
    faults = killed(stage, ROUTES["render"], bench.shot, at, "after")
    assert any(fault.startswith("timelines") for fault in faults)
    assert any("a record was left" in fault for fault in faults)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, "as a record is begun"])
def test_a_dialog_opens_in_the_middle(
    share: float | str,
    bench: Bench,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    """Nothing is answered any more; once it is closed, the next start puts everything back."""
    fake, stage = bench.fake, bench.stage(tmp_path)
    fake.load(ROUTES["render"].scene(bench.shot))
    before = fake.dump()
    stage.wish(**ROUTES["render"].wishes)
    done = calls["render"]
    before_placing = done[: done.index("MediaPool.GetCurrentFolder")]
    asked = len(before_placing) - before_placing[::-1].index("Project.GetUniqueId")
    fake.turn(modal=asked if isinstance(share, str) else int(share * len(done)))
    ran = stage.run(SEPARATE)
    assert ran.code == 1, ran.said
    assert "unforeseen" not in ran.said, ran.said
    fake.turn(modal=None)
    stage.wish(job="none")
    second = stage.run(REMOVE)
    assert scenes.seen(fake.dump(), stems_too=True) == scenes.seen(before, stems_too=True), (
        second.said
    )
    assert not stage.records


@pytest.mark.parametrize("share", [0.1, 0.7])
def test_resolve_quits_in_the_middle(
    share: float,
    bench: Bench,
    calls: dict[str, list[str]],
    tmp_path: Path,
) -> None:
    """The script ends by itself, with a sentence."""
    fake, stage = bench.fake, bench.stage(tmp_path)
    fake.load(ROUTES["render"].scene(bench.shot))
    stage.wish(**ROUTES["render"].wishes)
    fake.turn(quits=int(share * len(calls["render"])))
    ran = stage.run(SEPARATE, limit=30)
    assert ran.code == 1, ran.said
    assert "Traceback" not in ran.said
