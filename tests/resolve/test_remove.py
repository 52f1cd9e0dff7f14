"""Remove Stems: what is ours goes, what is the person's stays."""

from __future__ import annotations

from typing import Any

import pytest
from tests.media.making import Source
from tests.resolve.scenes import cut, seen, stems
from tests.resolve.stage import AGAIN, REMOVE, Stage


def in_our_bin(dump: dict[str, Any]) -> int:
    """How many files our bin holds."""
    return sum(len(f["clips"]) for f in dump["pool"]["folders"] if f["name"] == "Soundmatte")


@pytest.mark.parametrize("profile", ["18.5", "19.1", "21.1"])
def test_everything_is_as_it_was_but_the_bin(stage: Stage, shot: Source, profile: str) -> None:
    stage.fake.load(cut(shot.path, profile=profile))
    before = stage.fake.dump()
    stage.wish(mute_original=True)
    for script in ("Soundmatte Separate Selected Clip.py", AGAIN):
        assert stage.run(script).code == 0
    assert len(stems(stage.fake.dump())) == 4
    ran = stage.run(REMOVE)
    assert ran.code == 0, ran.said
    after = stage.fake.dump()
    assert seen(after) == seen(before)
    assert not stems(after)
    assert in_our_bin(after) == 2
    assert stage.run(AGAIN).code == 0
    assert len(stems(stage.fake.dump())) == 2


def test_of_several_clips_those_of_the_one_that_is_meant(stage: Stage, shot: Source) -> None:
    scene = cut(shot.path)
    scene["timelines"][0]["tracks"][0]["items"][1]["id"] = "other"
    stage.fake.load(scene)
    assert stage.run().code == 0
    scene["timelines"][0]["selected"] = ["other"]
    timeline = stage.fake.resolve().GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    timeline.SetCurrentTimecode("01:00:02:05")
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert len(stems(stage.fake.dump())) == 4
    assert stage.run(REMOVE).code == 0
    left = stems(stage.fake.dump())
    assert [(t["name"], t["items"][0]["start"]) for t in left] == [
        ("Soundmatte Target", 90010),
        ("Soundmatte Residual", 90010),
    ]


def test_a_track_with_something_of_the_persons_stays(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    assert stage.run().code == 0
    project = stage.fake.resolve().GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    (shots,) = (
        folder
        for folder in project.GetMediaPool().GetRootFolder().GetSubFolderList()
        if folder.GetName() == "Rushes"
    )
    own = {"mediaPoolItem": shots.GetClipList()[0], "startFrame": 0, "endFrame": 5}
    own.update(mediaType=2, trackIndex=4, recordFrame=90200)
    project.GetMediaPool().AppendToTimeline([own])
    timeline.SetTrackName("audio", 5, "Dialogue")
    ran = stage.run(REMOVE)
    assert ran.code == 0, ran.said
    tracks = stage.fake.dump()["timelines"]["Cut"]["tracks"]["audio"]
    assert [(t["name"], len(t["items"])) for t in tracks[3:]] == [
        ("Soundmatte Target", 1),
        ("Dialogue", 0),
    ]


def test_where_there_are_none_nothing_is_done(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    ran = stage.run(REMOVE)
    assert ran.code == 1
    assert "There are no stems" in ran.out
    assert stage.run().code == 0
    stage.wish(job="another")
    ran = stage.run(REMOVE)
    assert ran.code == 1
    assert 'Correct "job"' in ran.out
    assert len(stems(stage.fake.dump())) == 2


def test_two_placements_share_what_was_switched_off(stage: Stage, shot: Source) -> None:
    """The original is heard again only once no stems are left that it was switched off for."""
    stage.fake.load(cut(shot.path))
    stage.wish(mute_original=True, prompt="bell")
    assert stage.run().code == 0
    stage.wish(prompt="dog")
    assert stage.run().code == 0
    jobs = [path.stem for path in (stage.folder / "state" / "jobs").glob("*.json")]
    for job, heard in zip(jobs, (False, True), strict=True):
        stage.wish(job=job)
        assert stage.run(REMOVE).code == 0
        audio = stage.fake.dump()["timelines"]["Cut"]["tracks"]["audio"]
        assert audio[0]["items"][0]["enabled"] is heard
