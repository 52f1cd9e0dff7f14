"""Place Stems Again: which stems, where they lie, and what the timeline is told of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from tests.media.making import Source
from tests.resolve.scenes import AT, FRAMES, cut, seen, stems
from tests.resolve.stage import AGAIN, Stage


def lie(dump: dict[str, Any]) -> list[tuple[str, int, int]]:
    """Track, start and length of every stem."""
    return [
        (track["name"].removeprefix("Soundmatte "), item["start"], item["frames"])
        for track in stems(dump)
        for item in track["items"]
    ]


def clip_of(stage: Stage) -> Any:
    """The clip, as a script of a person's own would reach it."""
    timeline = stage.fake.resolve().GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    return timeline, timeline.GetItemListInTrack("video", 1)[0]


def test_the_same_stems_once_more_are_the_same_files(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    assert stage.run().code == 0
    paths = [track["items"][0]["path"] for track in stems(stage.fake.dump())]
    ran = stage.run(AGAIN)
    assert ran.code == 0, ran.said
    found = stems(stage.fake.dump())
    assert [track["items"][0]["path"] for track in found] == paths * 2
    first = 90000 + AT
    assert lie(stage.fake.dump()) == [
        (name, first, FRAMES) for name in ("Target", "Residual", "Target 2", "Residual 2")
    ]
    (ours,) = (f for f in stage.fake.dump()["pool"]["folders"] if f["name"] == "Soundmatte")
    assert len(ours["clips"]) == 2


def test_stems_of_a_job_that_no_script_made_are_found_by_file_and_range(
    stage: Stage, shot: Source
) -> None:
    stage.fake.load(cut(shot.path))
    assert stage.run().code == 0
    for path in (stage.folder / "state" / "jobs").iterdir():
        path.unlink()
    # The same file in another project, and a shorter piece of it.
    stage.fake.load(cut(shot.path, item={"source": 9, "frames": 20}))
    ran = stage.run(AGAIN)
    assert ran.code == 0, ran.said
    assert lie(stage.fake.dump()) == [("Target", 90010, 20), ("Residual", 90010, 20)]
    path = stems(stage.fake.dump())[0]["items"][0]["path"]
    samples = soundfile.read(path, dtype="int16", always_2d=True)[0]
    # Each sample of the stand-in's stems says where in the clip it is.
    assert samples[0, 0] == 9 * 1920
    assert len(samples) == 21 * 1920


def test_stems_that_do_not_reach_over_the_clip_are_none_of_it(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path, item={"frames": 10}))
    assert stage.run().code == 0
    for path in (stage.folder / "state" / "jobs").iterdir():
        path.unlink()
    stage.fake.load(cut(shot.path))
    ran = stage.run(AGAIN)
    assert ran.code == 1
    assert "There are no stems of shot yet." in ran.out


def test_the_newest_is_taken_unless_another_is_named(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    for prompt in ("bell", "dog"):
        stage.wish(prompt=prompt)
        assert stage.run().code == 0
    jobs = {line["prompt"]: line["job"] for line in map(_read, _ledger(stage))}
    ran = stage.run(AGAIN)
    assert ran.code == 0, ran.said
    assert ran.out.count("There is job") == 2
    assert f"Placing job {jobs['dog']}" in ran.out
    stage.wish(job=jobs["bell"])
    assert f"Placing job {jobs['bell']}" in stage.run(AGAIN).out


def _ledger(stage: Stage) -> list[Path]:
    return list((stage.folder / "state" / "jobs").glob("*.json"))


def _read(path: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(path.read_text())
    return made


@pytest.mark.parametrize("profile", ["18.5", "21.1"])
def test_a_stem_says_what_it_is_of(stage: Stage, shot: Source, profile: str) -> None:
    stage.fake.load(cut(shot.path, profile=profile))
    stage.wish(prompt='a "bell"')
    ran = stage.run()
    assert ran.code == 0, ran.said
    (job,) = (path.stem for path in _ledger(stage))
    pool = stage.fake.resolve().GetProjectManager().GetCurrentProject().GetMediaPool()
    (ours,) = (f for f in pool.GetRootFolder().GetSubFolderList() if f.GetName() == "Soundmatte")
    roles = set()
    for media in ours.GetClipList():
        if profile == "18.5":
            said = json.loads(media.GetMetadata("Comments").removeprefix("Soundmatte "))
        else:
            told = media.GetThirdPartyMetadata()
            said = {name.removeprefix("soundmatte_"): value for name, value in told.items()}
        assert (said["job"], said["prompt"]) == (job, 'a "bell"')
        roles.add(said["role"])
    assert roles == {"target", "residual"}


@pytest.mark.parametrize(("channels", "kind"), [(1, "mono"), (6, "5.1")])
def test_the_tracks_have_the_channels_of_the_stems(
    stage: Stage, shot: Source, channels: int, kind: str
) -> None:
    stage.variables["RECORDED_CHANNELS"] = str(channels)
    stage.fake.load(cut(shot.path))
    assert stage.run().code == 0
    assert [track["subtype"] for track in stems(stage.fake.dump())] == [kind, kind]


def test_the_original_is_switched_off_where_that_is_wished_for(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    stage.wish(mute_original=True)
    ran = stage.run()
    assert ran.code == 0, ran.said
    audio = stage.fake.dump()["timelines"]["Cut"]["tracks"]["audio"]
    assert [item["enabled"] for item in audio[0]["items"]] == [False]
    assert [item["enabled"] for item in audio[1]["items"]] == [True]


@pytest.mark.parametrize(("name", "saved"), [("Film", 1), ("Untitled Project", 0)])
def test_the_project_is_saved_where_that_is_wished_for(
    stage: Stage, shot: Source, name: str, saved: int
) -> None:
    stage.fake.load(cut(shot.path, project={"name": name, "rate": "25"}))
    assert stage.run().code == 0
    assert stage.fake.calls().count("ProjectManager.SaveProject") == 0
    stage.wish(save=True)
    assert stage.run(AGAIN).code == 0
    assert stage.fake.calls().count("ProjectManager.SaveProject") == saved


def test_a_place_that_will_not_do_leaves_nothing_there(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    stage.fake.turn(append_places=False)
    ran = stage.run()
    assert ran.code == 1
    assert "did not place the stem" in ran.out
    assert seen(stage.fake.dump(), stems_too=True) == seen(before, stems_too=True)
    assert not stage.records
    stage.fake.turn(append_places=True)
    assert stage.run(AGAIN).code == 0
    assert len(lie(stage.fake.dump())) == 2
