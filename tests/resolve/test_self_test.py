"""Self Test: what it reports, and that nothing of it is left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.media.making import Source
from tests.resolve.scenes import cut, seen
from tests.resolve.stage import TEST, Stage


def report(stage: Stage) -> dict[str, Any]:
    """What it kept."""
    found: dict[str, Any] = json.loads((stage.folder / "state" / "self_test.json").read_text())
    return found


@pytest.mark.parametrize(
    ("profile", "paid"), [("18.5", False), ("19.1", True), ("21.0.4", False), ("21.1", True)]
)
def test_it_places_looks_and_leaves_nothing(
    stage: Stage, shot: Source, profile: str, paid: bool
) -> None:
    stage.fake.load(cut(shot.path, profile=profile, studio=paid))
    before = stage.fake.dump()
    ran = stage.run(TEST)
    assert ran.code == 0, ran.said
    assert seen(stage.fake.dump(), stems_too=True) == seen(before, stems_too=True)
    assert not stage.records
    told = report(stage)
    assert told["placing"] == "passed"
    assert told["studio"] is paid
    assert profile.split(".")[0] in told["resolve"]
    assert told["features"]["timeline selection (21.0.4)"] is (profile in ("21.0.4", "21.1"))
    assert len(told["placed"]) == 3
    assert "Soundmatte 0.1.0" in told["engine"]
    assert not list((stage.folder / "state").glob("*.wav"))
    assert "Stems can be placed with this Resolve." in ran.out


def test_what_does_not_hold_is_in_the_report(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path, knobs={"append_shift": 2}))
    before = stage.fake.dump()
    stage.variables["SOUNDMATTE_ENGINE"] = "[]"
    ran = stage.run(TEST)
    assert ran.code == 1
    told = report(stage)
    assert "placed the stem" in told["placing"]
    assert told["engine"] == "Soundmatte's engine is not known."
    assert seen(stage.fake.dump(), stems_too=True) == seen(before, stems_too=True)
    assert not stage.records


def test_a_project_without_a_timeline_will_do(stage: Stage) -> None:
    stage.fake.load({"project": {"name": "New", "rate": "29.97"}})
    ran = stage.run(TEST)
    assert ran.code == 0, ran.said
    assert stage.fake.dump()["timelines"] == {}
    assert all(report(stage)["features"].values())
