"""Separate Selected Clip: from the clip on a timeline to its stems, and every way to stop."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.media.making import Source, Studio
from tests.resolve.scenes import AT, FRAMES, SOURCE, cut, seen, stems
from tests.resolve.stage import SEPARATE, Stage

#: The engine as it is, but for a separator that takes half of everything.
ENGINE = Path(__file__).parents[1] / "bridge" / "engine.py"


def real(stage: Stage) -> None:
    """Let the scripts have the real engine."""
    code = f"import sys, runpy; sys.path[:0] = {sys.path!r}; "
    code += f"runpy.run_path({str(ENGINE)!r}, run_name='__main__')"
    stage.variables["SOUNDMATTE_ENGINE"] = json.dumps([sys.executable, "-c", code, "bridge"])
    stage.variables["SOUNDMATTE_STATE"] = str(stage.folder / "journal")


def untouched(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Everything is as it was, bins and tracks too."""
    assert seen(after, stems_too=True) == seen(before, stems_too=True)


@pytest.mark.parametrize(
    ("rate", "profile", "masked"), [("25", "21.1", True), ("29.97", "18.5", False)]
)
def test_the_stems_lie_with_their_clip_to_the_sample(
    stage: Stage, studio: Studio, rate: str, profile: str, masked: bool
) -> None:
    """The whole way with the real engine: what is on the timeline adds up to what was there."""
    real(stage)
    source = studio.clip("mov", rate, frames=50)
    mask = studio.picture(rate, frames=50) if masked else None
    stage.fake.load(cut(source.path, mask=mask, rate=rate, profile=profile))
    before = stage.fake.dump()
    stage.wish(prompt="half")
    ran = stage.run()
    assert ran.code == 0, ran.said
    after = stage.fake.dump()
    assert seen(after) == seen(before)
    tracks = stems(after)
    assert [track["name"] for track in tracks] == ["Soundmatte Target", "Soundmatte Residual"]
    first = after["timelines"]["Cut"]["start"] + AT
    (target,), (residual,) = (track["items"] for track in tracks)
    assert [(i["start"], i["frames"], i["source"]) for i in (target, residual)] == [
        (first, FRAMES, "0")
    ] * 2
    both = [soundfile.read(each["path"], always_2d=True)[0] for each in (target, residual)]
    begin = round(SOURCE / source.rate * 48000)
    end = round((SOURCE + FRAMES + 1) / source.rate * 48000)
    assert len(both[0]) == end - begin
    exact = source.sounds[0][begin:end]
    assert np.abs(both[0] + both[1] - exact).max() == 0
    assert 0 < np.abs(both[0]).max() < np.abs(exact).max()


def test_what_the_engine_is_asked(stage: Stage, studio: Studio, shot: Source) -> None:
    stage.fake.load(cut(shot.path, mask=studio.picture(frames=50)))
    stage.wish(prompt="bell", plane="alpha", invert=True, style="clean", accept_doubtful=True)
    ran = stage.run()
    assert ran.code == 0, ran.said
    (asked,) = stage.asked("estimate")
    chosen = asked["selection"]
    assert (chosen["start"], Fraction(chosen["end"])) == ("7/25", Fraction(33, 25))
    assert chosen["container"] == "none"
    assert (chosen["prompt"], chosen["style"]) == ("bell", "clean")
    # The mask's own first picture lies over the clip's first on the timeline, its eighth.
    matte = chosen["matte"]
    assert (matte["start"], matte["plane"], matte["invert"]) == ("-7/25", "alpha", True)
    assert asked["accept_doubtful"] is True
    (placed,) = stage.asked("placement")
    how = {"start": "7/25", "frames": 25, "rate": "25/1", "tail": 1, "timecode": None}
    assert placed["lay"] == how
    assert stage.check_talk() > 8


def test_a_file_matte_of_the_media_pool(stage: Stage, studio: Studio, shot: Source) -> None:
    matte = str(studio.picture(frames=50))
    stage.fake.load(cut(shot.path, media={"mattes": [matte]}))
    ran = stage.run()
    assert ran.code == 0, ran.said
    assert stage.asked("estimate")[0]["selection"]["matte"]["path"] == matte
    stage.wish(mask="none", prompt="bell")
    assert stage.run().code == 0
    assert "matte" not in stage.asked("estimate")[1]["selection"]


def test_nothing_is_paid_for_that_was_not_agreed_to(stage: Stage, shot: Source) -> None:
    stage.variables["RECORDED_USD"] = "0.12"
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    stage.wish(most_usd=0.11)
    ran = stage.run()
    assert ran.code == 1
    assert "costs up to 0.12 USD, and 0.11 is agreed to" in ran.out
    assert '"most_usd" to 0.12' in ran.out
    assert not stage.asked("separate")
    untouched(before, stage.fake.dump())
    stage.wish(most_usd=0.12)
    assert stage.run().code == 0


def test_a_page_is_asked_for_and_asks_for_the_price_itself(stage: Stage, shot: Source) -> None:
    stage.variables["RECORDED_USD"] = "0.12"
    stage.fake.load(cut(shot.path))
    stage.wish(page=True)
    ran = stage.run()
    assert ran.code == 0, ran.said
    (asked,) = stage.asked("separate")
    assert asked["page"] is True


def test_the_page_begins_with_the_wishes_also_where_they_cannot_be_estimated(
    stage: Stage, shot: Source
) -> None:
    """An engine of one's own must not become another one for want of a prompt."""
    stage.variables["RECORDED_FAILS"] = "estimate"
    stage.fake.load(cut(shot.path))
    terms = {"server": "http://127.0.0.1:8000"}
    stage.wish(page=True, prompt="fail", engine="cloud", terms=terms, accept_doubtful=True)
    ran = stage.run()
    assert ran.code == 0, ran.said
    (asked,) = stage.asked("separate")
    order = asked["order"]
    assert (order["engine"], order["terms"], order["accept_doubtful"]) == ("cloud", terms, True)


def _stop_file(stage: Stage, process: Any) -> None:
    (stage.folder / "state" / "stop").touch()


def _interrupt(stage: Stage, process: Any) -> None:
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("stop", [_stop_file, _interrupt])
def test_it_can_be_stopped(stage: Stage, shot: Source, stop: Callable[[Stage, Any], None]) -> None:
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    stage.wish(prompt="wait")
    process = stage.begin()
    deadline = time.monotonic() + 30
    while not stage.asked("separate") and time.monotonic() < deadline:
        time.sleep(0.05)
    second = stage.run()
    assert second.code == 1
    assert "still at work" in second.out
    stop(stage, process)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert "Stopped." in out
    assert stage.asked("cancel")
    untouched(before, stage.fake.dump())
    stage.wish(prompt="bell")
    assert stage.run().code == 0


def test_what_the_engine_refuses_is_said_and_nothing_is_changed(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    stage.wish(prompt="fail")
    ran = stage.run()
    assert ran.code == 1
    assert "There is nothing of that in the clip." in ran.out
    assert "Say it in other words." in ran.out
    untouched(before, stage.fake.dump())


@pytest.mark.parametrize("request_", ["describe", "estimate", "separate"])
def test_an_engine_that_breaks_down_renders_nothing(
    stage: Stage, shot: Source, request_: str
) -> None:
    stage.variables["RECORDED_DIES"] = request_
    stage.fake.load(cut(shot.path))
    before = stage.fake.dump()
    ran = stage.run()
    assert ran.code == 1
    assert "The engine has ended" in ran.said
    assert "engine.log" in ran.said
    assert "render" not in ran.said
    untouched(before, stage.fake.dump())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ('["/nowhere/soundmatte"]', "cannot be started"),
        ("[]", "is not known"),
        ("soundmatte", "is not known"),
        (json.dumps([sys.executable, "-c", "print('x')"]), "is not Soundmatte's engine"),
    ],
)
def test_without_an_engine_there_is_a_way_out(
    stage: Stage, shot: Source, words: str, sentence: str
) -> None:
    stage.variables["SOUNDMATTE_ENGINE"] = words
    stage.fake.load(cut(shot.path))
    ran = stage.run()
    assert ran.code == 1
    assert sentence in ran.out, ran.said


@pytest.mark.parametrize(
    ("scene", "sentence"),
    [
        ({"timelines": []}, "No timeline is open."),
        ({"media": {"path": "/gone.mov"}}, "is offline: /gone.mov"),
        ({"media": {"path": "/[v2] gone.mov"}}, "is offline: /[v2] gone.mov"),
        ({"profile": "21.1", "selected": ["clip", "other"]}, "More than one clip"),
    ],
)
def test_what_cannot_be_done_is_said(
    stage: Stage, shot: Source, scene: dict[str, Any], sentence: str
) -> None:
    made = cut(shot.path, **{k: v for k, v in scene.items() if k not in ("selected", "media")})
    if "media" in scene:
        made["media"]["shot"]["path"] = scene["media"]["path"]
    if "selected" in scene:
        made["timelines"][0]["tracks"][0]["items"][1]["id"] = "other"
        made["timelines"][0]["selected"] = scene["selected"]
    stage.fake.load(made)
    ran = stage.run()
    assert ran.code == 1
    assert sentence in ran.out, ran.said


def test_a_wish_that_is_none_is_named(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    stage.wish(promt="bell")
    ran = stage.run()
    assert ran.code == 1
    assert '"promt" is no wish' in ran.out


def test_a_script_need_not_know_its_own_file(stage: Stage, shot: Source) -> None:
    stage.fake.load(cut(shot.path))
    ran = stage.run(SEPARATE, "--no-file")
    assert ran.code == 0, ran.said
    assert len(stems(stage.fake.dump())) == 2
