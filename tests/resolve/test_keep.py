"""The records of what was changed: on disk before it is, and what becomes of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import tests.resolve.library  # noqa: F401
from soundmatte_resolve import keep, ledger
from soundmatte_resolve.alone import Alone
from soundmatte_resolve.refusal import Refusal
from tests.media.making import Source
from tests.resolve.scenes import cut, seen, stems
from tests.resolve.stage import REMOVE, Stage

PROJECT, CUT = {"id": "p", "name": "Film"}, {"id": "t", "name": "Cut"}


def test_a_change_is_on_the_disk_when_it_is_noted(tmp_path: Path) -> None:
    record = keep.begun(str(tmp_path), PROJECT, CUT)
    assert not keep.found(str(tmp_path))
    page = record.add("page", was="color")
    record.add("track", track="audio", index=2, name="Music", was=True)
    (found,) = keep.found(str(tmp_path))
    assert found.changes == record.changes
    assert (found.project, found.timeline) == (PROJECT, CUT)
    record.drop(page)
    (found,) = keep.found(str(tmp_path))
    assert [change["kind"] for change in found.changes] == ["track"]


def test_a_record_without_changes_is_gone(tmp_path: Path) -> None:
    record = keep.begun(str(tmp_path), PROJECT, CUT)
    changes = [record.add("page", was="edit"), record.add("bin")]
    record.drop(*changes)
    assert os.listdir(tmp_path / "recovery") == []
    record.drop()
    record.add("page", was="edit")
    assert len(keep.found(str(tmp_path))) == 1


def test_equal_changes_are_not_the_same(tmp_path: Path) -> None:
    record = keep.begun(str(tmp_path), PROJECT, CUT)
    record.add("import", path="/a.wav")
    second = record.add("import", path="/a.wav")
    record.drop(second)
    assert len(record.of_kind("import")) == 1


def test_the_newest_record_is_undone_first_and_what_is_none_stays(tmp_path: Path) -> None:
    folder = tmp_path / "recovery"
    folder.mkdir()
    for name, kind in (("20261101-000000-b", "old"), ("20261102-000000-a", "new")):
        document = {"version": 1, "project": PROJECT, "timeline": CUT, "changes": [{"kind": kind}]}
        (folder / f"{name}.json").write_text(json.dumps(document))
    (folder / "20261103-half.json").write_text('{"version": 1')
    (folder / "20261104-later.json").write_text('{"version": 2}')
    (folder / "20261105.json.new").write_text("x")
    assert [r.changes[0]["kind"] for r in keep.found(str(tmp_path))] == ["new", "old"]
    assert len(os.listdir(folder)) == 5


def test_what_a_job_was_of_is_found_by_its_clip(tmp_path: Path) -> None:
    for job, item in (("j1", "a"), ("j2", "b"), ("j3", "a")):
        ledger.put(str(tmp_path), job, {"project": "p", "item": item, "prompt": "dog"})
    (tmp_path / "jobs" / "broken.json").write_text("{")
    assert {e["job"] for e in ledger.of_item(str(tmp_path), "p", "a")} == {"j1", "j3"}
    assert ledger.of_item(str(tmp_path), "q", "a") == []
    assert ledger.of_item(str(tmp_path), "p", "") == []
    found = ledger.of_job(str(tmp_path), "j2")
    assert found is not None
    assert found["item"] == "b"
    assert ledger.of_job(str(tmp_path), "j9") is None


def test_one_script_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(Refusal, match="still at work")
    with Alone(str(tmp_path)), refused, Alone(str(tmp_path)):
        pass
    with Alone(str(tmp_path)):
        pass


def test_a_record_of_another_project_waits_for_it(stage: Stage, shot: Source) -> None:
    path = stage.folder / "state" / "recovery"
    path.mkdir()
    document = {"version": 1, "project": {"id": "other", "name": "Other"}, "timeline": CUT}
    change = {"kind": "track", "track": "audio", "index": 1, "name": "A", "was": False}
    (path / "20261101-000000-b.json").write_text(json.dumps({**document, "changes": [change]}))
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert "in the middle of project Other" in ran.out
    assert seen(stage.fake.dump()) == seen(before)
    assert len(stage.records) == 1


@pytest.mark.parametrize("call", ["StartRendering", "OpenPage", "AppendToTimeline", "AddTrack"])
def test_any_script_puts_back_what_a_dead_one_left(stage: Stage, shot: Source, call: str) -> None:
    scene = cut(shot.path, item={"comps": ["c"]})
    stage.fake.load(scene)
    assert stage.run().code == 0
    number = [line["call"] for line in stage.fake.order("log")].index(call) + 1
    stage.fake.load(scene)
    before = stage.fake.dump()
    stage.fake.kill(number, "after")
    assert stage.run().code < 0
    stage.fake.kill(0)
    assert stage.records
    assert seen(stage.fake.dump(), stems_too=True) != seen(before, stems_too=True)
    ran = stage.run(REMOVE)
    assert "putting things back as they were" in ran.out
    assert "Everything is as it was." in ran.out
    assert not stage.records
    assert seen(stage.fake.dump(), stems_too=True) == seen(before, stems_too=True)
    assert not stems(stage.fake.dump())


def test_while_a_dialog_is_open_nothing_is_taken_for_put_back(stage: Stage, shot: Source) -> None:
    scene = cut(shot.path, item={"comps": ["c"]})
    stage.fake.load(scene)
    before = stage.fake.dump()
    assert stage.run().code == 0
    calls = [line["call"] for line in stage.fake.order("log")]
    stage.fake.load({**scene, "knobs": {"modal": calls.index("StartRendering") + 1}})
    ran = stage.run(limit=120)
    assert ran.code == 1
    assert "Not put back yet" in ran.out
    assert stage.records
    stage.fake.turn(modal=None)
    ran = stage.run(REMOVE)
    assert "Everything is as it was." in ran.out, ran.said
    assert seen(stage.fake.dump(), stems_too=True) == seen(before, stems_too=True)
