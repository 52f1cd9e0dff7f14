"""The fake by itself: that it does what is known of Resolve, and notices what is not Resolve's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.media.making import Source, pictures, sound
from tests.resolve.driving import FakeResolve


def scene(shot: Source, **more: Any) -> dict[str, Any]:
    """A shot of 25 frames in a cut that begins at one o'clock."""
    item = {"id": "a", "media": "shot", "at": 10, "source": 5, "frames": 25, "link": "a"}
    tracks = [
        {"kind": "video", "items": [item]},
        {"kind": "audio", "items": [{**item, "id": "b"}]},
    ]
    cut = {"name": "Cut", "tracks": tracks, "playhead": 12}
    return {"media": {"shot": {"path": str(shot.path)}}, "timelines": [cut], **more}


def test_a_clip_is_seen_placed_and_gone(fake: FakeResolve, shot: Source) -> None:
    fake.load(scene(shot))
    project = fake.resolve().GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    item = timeline.GetCurrentVideoItem()
    assert (item.GetStart(), item.GetDuration(), item.GetLeftOffset()) == (90010, 25, 5)
    assert item.GetMediaPoolItem().GetClipProperty("FPS") == "25"
    assert timeline.AddTrack("audio")
    assert timeline.GetTrackSubType("audio", 2) == "mono"
    piece = {"mediaPoolItem": item.GetMediaPoolItem(), "startFrame": 3, "endFrame": 13}
    piece |= {"mediaType": 2, "trackIndex": 2, "recordFrame": 90100}
    (placed,) = project.GetMediaPool().AppendToTimeline([piece])
    (read,) = timeline.GetItemListInTrack("audio", 2)
    assert read.GetUniqueId() == placed.GetUniqueId()
    assert (read.GetStart(), read.GetDuration(), read.GetLeftOffset()) == (90100, 10, 3)
    assert timeline.DeleteClips([read])
    assert read.GetName() is None
    assert timeline.GetItemListInTrack("audio", 2) == []


def test_what_is_nowhere_in_the_api_is_none_and_noted(fake: FakeResolve, shot: Source) -> None:
    fake.load(scene(shot, profile="18.5"))
    project = fake.resolve().GetProjectManager().GetCurrentProject()
    timeline = project.GetCurrentTimeline()
    assert hasattr(timeline, "GetItemsOnTrack")
    assert not callable(timeline.GetSelectedClips)  # not yet, and no fault to ask for
    timeline.GetTrackCount()
    timeline.GetCurrentVideoItem().GetStart(True)
    said = fake.dump()["violations"]
    assert [sentence.split()[0].rstrip(":") for sentence in said] == [
        "Timeline.GetItemsOnTrack",
        "Timeline.GetTrackCount",
        "TimelineItem.GetStart",
    ]
    fake.load({})


@pytest.mark.parametrize("marks", ["settings", "page"])
def test_a_render_is_what_the_timeline_shows_and_plays(
    fake: FakeResolve, shot: Source, tmp_path: Path, marks: str
) -> None:
    fake.load(scene(shot, knobs={"marks_lost": marks}))
    resolve = fake.resolve()
    project = resolve.GetProjectManager().GetCurrentProject()
    resolve.OpenPage("deliver")
    assert project.SetCurrentRenderFormatAndCodec("mov", "DNxHRHQ")
    wanted = {"SelectAllFrames": False, "MarkIn": 90012, "MarkOut": 90036, "CustomName": "out"}
    wanted |= {"TargetDir": str(tmp_path), "AudioBitDepth": 24, "AudioSampleRate": 48000}
    assert project.SetRenderSettings(wanted)
    job = project.AddRenderJob()
    assert project.StartRendering([job], False)
    fake.order("settle")
    assert project.GetRenderJobStatus(job)["JobStatus"] == "Complete"
    made = tmp_path / "out.mov"
    # 23 frames of the clip from its eighth on, then two black ones.
    assert [number for _, number in pictures(made)] == [*range(7, 30), 0, 0]
    _, heard = sound(made)
    assert len(heard) == 25 * 1920
    mine = shot.sounds[0][7 * 1920 : 30 * 1920]
    assert abs(heard[: 23 * 1920] - mine).max() < 2**-15
    assert not heard[23 * 1920 :].any()
    assert fake.dump()["timelines"]["Cut"]["marks"]
