"""The whole way with the real engine, offline: a clip on the timeline, its stems beside it."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.making import Studio
from tests.resolve import scenes
from tests.resolve.pitfalls import Bench, clip
from tests.resolve.stage import AGAIN, REMOVE, Stage


def real(bench: Bench, folder: Path) -> Stage:
    """A stage whose engine is Soundmatte itself."""
    stage = bench.stage(folder)
    # The client leaves this test's own PYTHONPATH out, as it does an editor's.
    words = f"import sys; sys.path[:0] = {sys.path!r}; from soundmatte import cli; cli.main()"
    engine = [sys.executable, "-c", words, "bridge"]
    stage.variables |= {
        "SOUNDMATTE_ENGINE": json.dumps(engine),
        "SOUNDMATTE_STATE": str(folder / "journal"),
    }
    # There is nothing in noise that anybody could be sure of.
    stage.wish(prompt="speech", engine="offline", accept_doubtful=True)
    return stage


@pytest.mark.parametrize(
    ("rate", "render"), [("23.976", "auto"), ("29.97", "always")], ids=["direct", "rendered"]
)
def test_stems_lie_beside_the_clip_and_add_up_to_it(
    rate: str, render: str, bench: Bench, studio: Studio, tmp_path: Path
) -> None:
    fake, stage, shot = bench.fake, real(bench, tmp_path), clip(studio, rate)
    stage.wish(render=render)
    mask = studio.picture(rate, frames=75)
    drop = rate == "29.97"
    fake.load(
        scenes.cut(shot.path, rate=rate, mask=mask, start=107892 if drop else None, drop=drop)
    )
    before = fake.dump()
    ran = stage.run()
    assert ran.code == 0, ran.said
    after = fake.dump()
    assert scenes.seen(after) == scenes.seen(before)
    assert len(after["rendered"]) == (2 if render == "always" else 0)
    tracks = scenes.stems(after)
    items = [track["items"][0] for track in tracks]
    start = after["timelines"]["Cut"]["start"] + scenes.AT
    assert [(item["start"], item["frames"]) for item in items] == [(start, scenes.FRAMES)] * 2
    # The stems as they are heard: from the clip's first sample on, whatever frames were rounded to.
    target, residual = (soundfile.read(item["path"], always_2d=True)[0] for item in items)
    first = round(Fraction(scenes.SOURCE) / shot.rate * 48000)
    count = round(Fraction(scenes.SOURCE + scenes.FRAMES) / shot.rate * 48000) - first
    mine = shot.sounds[0][first : first + count]
    assert len(target) >= count
    assert np.abs(target[:count] + residual[:count] - mine).max() <= 2**-23
    assert soundfile.info(items[0]["path"]).subtype == "PCM_24"
    assert b"bext" not in Path(items[0]["path"]).read_bytes()[:4096]
    # Once more, then nothing of it.
    assert stage.run(AGAIN).code == 0
    assert len(scenes.stems(fake.dump())) == 4
    assert stage.run(REMOVE).code == 0
    assert scenes.seen(fake.dump())["timelines"] == scenes.seen(before)["timelines"]
    assert not scenes.stems(fake.dump())
