"""What has to be rendered: which tracks are on, what Deliver is told, and what stays of it."""

from __future__ import annotations

import json
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.media.making import Source, Studio
from tests.resolve.scenes import AT, FRAMES, SOURCE, cut, seen, stems
from tests.resolve.stage import Stage

ENGINE = Path(__file__).parents[1] / "bridge" / "engine.py"
COMP = {"comps": ["Composition 1"]}


def renders(stage: Stage) -> list[dict[str, Any]]:
    """What Deliver was told for each job."""
    log = stage.fake.order("log")
    return [line["args"][0] for line in log if line["call"] == "SetRenderSettings"]


def unchanged(stage: Stage, before: dict[str, Any]) -> None:
    """Everything is as it was, but for our tracks and our bin."""
    assert seen(stage.fake.dump()) == seen(before)
    assert not stage.records


def test_what_is_seen_and_heard_is_separated(stage: Stage, studio: Studio) -> None:
    """With the real engine, from a rendered file: the stems add up to what the timeline plays."""
    code = f"import sys, runpy; sys.path[:0] = {sys.path!r}; "
    code += f"runpy.run_path({str(ENGINE)!r}, run_name='__main__')"
    stage.variables["SOUNDMATTE_ENGINE"] = json.dumps([sys.executable, "-c", code, "bridge"])
    stage.variables["SOUNDMATTE_STATE"] = str(stage.folder / "journal")
    source = studio.clip("mov", "29.97", frames=50)
    mask = studio.picture("29.97", frames=50)
    stage.fake.load(cut(source.path, mask=mask, rate="29.97", drop=True, item=COMP))
    before = stage.fake.dump()
    stage.wish(prompt="half")
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert "The clip is rendered: there is a Fusion composition on it." in ran.out
    unchanged(stage, before)
    target, residual = (track["items"][0] for track in stems(stage.fake.dump()))
    first = before["timelines"]["Cut"]["start"] + AT
    assert (target["start"], target["frames"], target["source"]) == (first, FRAMES, "0")
    both = [soundfile.read(each["path"], always_2d=True)[0] for each in (target, residual)]
    length = round(Fraction(FRAMES + 1) / source.rate * 48000)
    assert len(both[0]) == length
    begin, heard = round(SOURCE / source.rate * 48000), round(FRAMES / source.rate * 48000) - 1
    # The other sounds on the timeline are not in it, and behind the clip there is silence.
    exact = source.sounds[0][begin : begin + heard]
    assert np.abs((both[0] + both[1])[:heard] - exact).max() < 2**-15
    assert not both[0][heard + 2 :].any()
    assert not list((stage.folder / "state").glob("renders/*"))


@pytest.mark.parametrize("profile", ["18.5", "20.3", "21.1"])
def test_only_the_clip_and_then_only_its_mask(
    stage: Stage, shot: Source, studio: Studio, profile: str
) -> None:
    more = [{"kind": "video", "name": "Titles", "enabled": False, "items": []}]
    mask = studio.picture(frames=50)
    scene = cut(shot.path, mask=mask, profile=profile, item=COMP, more=more)
    stage.fake.load(scene)
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 0, ran.said
    picture, matte = renders(stage)
    assert (picture["MarkIn"], picture["MarkOut"]) == (90010, 90034)
    assert (picture["ExportAudio"], matte["ExportAudio"]) == (True, False)
    assert picture["SelectAllFrames"] is matte["SelectAllFrames"] is False
    assert (picture["AudioCodec"], picture["AudioBitDepth"]) == ("lpcm", 24)
    assert picture["CustomName"] != matte["CustomName"]
    log = stage.fake.order("log")
    starts = [n for n, line in enumerate(log) if line["call"] == "StartRendering"]
    on = {"video": [True, True, False], "audio": [True, True, False]}
    states = []
    for number, line in enumerate(log):
        if line["call"] == "SetTrackEnable":
            kind, track, state = line["args"]
            on[kind][track - 1] = state
        if number in starts:
            states.append(json.loads(json.dumps(on)))
    assert states[0] == {"video": [True, False, False], "audio": [True, False, False]}
    assert states[1]["video"] == [False, True, False]
    after = stage.fake.dump()
    if profile == "18.5":
        # Marks can be neither read nor set there, and that is said.
        assert "does not tell In and Out marks" in ran.out
        for dump in (before, after):
            dump["timelines"]["Cut"]["marks"] = {}
    assert seen(after) == seen(before)
    (asked,) = stage.asked("estimate")
    selection = asked["selection"]
    assert "start" not in selection
    assert selection["media"] == str(Path(selection["media"]))
    assert selection["matte"]["start"] == "0/1"
    assert stage.asked("placement")[0]["lay"]["start"] == "0/1"


def test_a_mask_alone_is_rendered_and_the_clip_is_read(
    stage: Stage, shot: Source, studio: Studio
) -> None:
    scene = cut(shot.path, mask=studio.picture(frames=50))
    scene["timelines"][0]["tracks"][1]["items"][0]["comps"] = ["Magic Mask"]
    stage.fake.load(scene)
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert len(renders(stage)) == 1
    unchanged(stage, before)
    (asked,) = stage.asked("estimate")
    assert asked["selection"]["media"] == str(shot.path)
    assert asked["selection"]["matte"]["start"] == "-7/25"
    assert asked["selection"]["matte"]["path"].endswith("_mask.mov")


def test_a_mask_in_pieces_is_rendered(stage: Stage, shot: Source, studio: Studio) -> None:
    scene = cut(shot.path, mask=studio.picture(frames=50))
    items = scene["timelines"][0]["tracks"][1]["items"]
    items[0]["frames"] = 10
    items.append({**items[0], "id": "more", "at": 22})
    stage.fake.load(scene)
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert "The mask is rendered: it is in pieces" in ran.out


def test_what_was_rendered_is_gone_on_with(stage: Stage, shot: Source) -> None:
    """A separation that stopped is only gone on with, unpaid, if it is given the same files."""
    stage.fake.load(cut(shot.path, item=COMP))
    stage.wish(prompt="wait")
    process = stage.begin()
    deadline = time.monotonic() + 30
    while not stage.asked("separate") and time.monotonic() < deadline:
        time.sleep(0.05)
    (stage.folder / "state" / "stop").touch()
    process.communicate(timeout=30)
    assert process.returncode == 130
    stage.wish(prompt="bell")
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert "has rendered is taken" in ran.out
    files = {each["selection"]["media"] for each in stage.asked("estimate")}
    assert len(files) == 1
    assert len(renders(stage)) == 1
    assert not Path(files.pop()).exists()
    assert stage.run().code == 0
    assert len(renders(stage)) == 2


def test_a_clip_that_is_switched_off_is_rendered_all_the_same(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path, item={**COMP, "enabled": False}))
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 0, ran.said
    unchanged(stage, before)


def test_a_matte_of_the_pool_does_not_fit_what_is_rendered(
    stage: Stage, shot: Source, studio: Studio
) -> None:
    matte = str(studio.picture(frames=50))
    stage.fake.load(cut(shot.path, item=COMP, media={"mattes": [matte]}))
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 1
    assert "does not fit a clip that has to be rendered" in ran.out
    assert not renders(stage)
    unchanged(stage, before)


@pytest.mark.parametrize("when", ["yes", "meanwhile"])
def test_what_the_person_renders_is_left_alone(stage: Stage, shot: Source, when: str) -> None:
    stage.fake.load(cut(shot.path, item=COMP, knobs={"foreign_render": when}))
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 1
    assert "Resolve is rendering." in ran.out or when == "meanwhile"
    unchanged(stage, before)


@pytest.mark.parametrize("render", ["fails", "no file", "hangs"])
def test_a_render_that_comes_to_nothing(stage: Stage, shot: Source, render: str) -> None:
    stage.fake.load(cut(shot.path, item=COMP, knobs={"render": render}))
    before = stage.fake.dump()
    stage.wish(render_still_s=1)
    ran = stage.run()
    assert ran.code == 1
    words = {"fails": "was not done: ", "no file": "there is no file", "hangs": "get on with"}
    assert words[render] in ran.out
    unchanged(stage, before)
    assert not stage.asked("estimate")


def test_settings_that_cannot_be_kept_are_said(stage: Stage, shot: Source) -> None:
    """No preset is loaded over them then; what a render sets stays set."""
    stage.fake.load(cut(shot.path, knobs={"presets_kept": False}))
    stage.wish(prompt="bell", render="always")
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert "does not keep the settings of its Deliver page" in ran.out
    assert "Project.LoadRenderPreset" not in stage.fake.calls()


def test_what_came_to_no_end_does_not_fill_the_disk(stage: Stage, shot: Source) -> None:
    """Neither what a run that was killed had rendered, nor the first of two where one fails."""
    scene = cut(shot.path, mask=shot.path)
    stage.wish(prompt="bell", render="always")
    stage.fake.load(scene)
    assert stage.run().code == 0
    second = len(stage.fake.calls()) - stage.fake.calls()[::-1].index("Project.AddRenderJob")
    stage.fake.load(scene)
    stage.fake.kill(second, "after")
    assert stage.run().code < 0
    stage.fake.kill(0)
    renders = stage.folder / "state" / "renders"
    assert len(list(renders.glob("*/*.mov"))) == 1
    stage.fake.turn(render="fails")
    ran = stage.run()
    assert ran.code == 1
    assert "The render was not done" in ran.out, ran.said
    assert list(renders.iterdir()) == []
