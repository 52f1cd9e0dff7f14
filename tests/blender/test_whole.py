"""The built extension in real Blenders, from a clip on the timeline to its stems beside it."""

from __future__ import annotations

import json
import os
import random
import shlex
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from tests.blender.headless import HERE, Module
from tests.blender.test_alignment import LAST, RATES, SOUNDS, case
from tests.media.making import CLIP_RATES, H264, Studio, ffmpeg

from soundmatte.hosts import extension

pytestmark = pytest.mark.blender


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """What `soundmatte install blender --zip` writes, without the engine."""
    path = tmp_path / "soundmatte-blender.zip"
    extension.write(path, None)
    return path


def cases(dice: random.Random, studio: Studio) -> list[dict[str, Any]]:
    """One of every frame rate, of any sound, at an odd place; the left half is the matte."""
    made = []
    for rate in RATES:
        kind, options = SOUNDS[dice.choice(sorted(SOUNDS))]
        hertz, channels = dice.choice([44100, 48000]), dice.choice([2, 6])
        source = studio.clip(
            kind, rate, sample_rate=hertz, channels=channels, frames=LAST, options=options
        )
        matte = studio.new(".mp4")
        drawn = f"color=black:s=160x90:r={CLIP_RATES[rate]},drawbox=w=iw/2:h=ih:c=white:t=fill"
        ffmpeg("-f", "lavfi", "-i", drawn, "-frames:v", LAST, *H264, matte)
        made.append(case(source, rate, dice) | {"matte": str(matte)})
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["4.5", "5.2"])
def test_stems_of_the_offline_engine_lie_where_their_clip_was_heard(
    version: str, archive: Path, tmp_path: Path, dice: random.Random
) -> None:
    wanted = cases(dice, Studio(tmp_path))
    orders = tmp_path / "cases.json"
    orders.write_text(json.dumps(wanted), encoding="utf-8")
    engine = ["env", f"PYTHONPATH={os.pathsep.join(sys.path)}", sys.executable, "-m", "soundmatte"]
    variables = {
        "SOUNDMATTE_ENGINE": shlex.join(engine),
        "SOUNDMATTE_STATE": str(tmp_path / "state"),
    }
    own = Module(version, tmp_path, extension=archive, environment=variables)
    told = own.run(HERE / "whole.py", orders, tmp_path / "work", limit=280).check()

    assert sorted(told) == [str(number) for number in range(len(wanted))]
    for number, given in enumerate(wanted):
        print(given, told[str(number)])  # noqa: T201
        assert_in_place(told[str(number)], tmp_path / "work" / str(number))


def assert_in_place(told: dict[str, Any], folder: Path) -> None:
    """Each stem is heard as its file is, and both together as the clip was."""
    assert told["state"] == "placed", told["why"]
    assert told["muted"]
    files = {role: sound(Path(path)) for role, path in told["stems"].items()}
    assert sorted(files) == ["residual", "target"]
    for role, stem in files.items():
        heard = sound(folder / f"heard {role}.wav")
        assert len(stem) == len(heard) == told["length"]
        assert peak(stem) > -60
        # Blender may leave out a strip's first sample; it is in time behind it.
        assert peak((heard - stem)[1:]) < -90
    both, original = (sound(folder / f"heard {name}.wav") for name in ("both", "original"))
    shifted = [original[late : late + len(both)] for late in (0, 1, 2)]
    assert min(peak((both - one)[1:]) for one in shifted) < -90


def sound(path: Path) -> npt.NDArray[np.float64]:
    return soundfile.read(path, dtype="float64", always_2d=True)[0]


def peak(samples: npt.NDArray[np.float64]) -> float:
    """Of the loudest sample, in dB below full scale."""
    return float(20 * np.log10(np.abs(samples).max(initial=1e-15)))


def test_a_blender_without_sound_renders_a_matte(archive: Path, tmp_path: Path) -> None:
    drawn = "color=black:s=160x90:r=25:d=3,drawbox=w=iw/2:h=ih:c=white:t=fill"
    ffmpeg("-f", "lavfi", "-i", drawn, *H264, tmp_path / "half.mp4")
    own = Module("4.2", tmp_path, extension=archive)
    told = own.run(HERE / "matte.py", tmp_path / "half.mp4", tmp_path / "work").check()

    assert told["classes"]
    with av.open(told["matte"]) as held:
        pictures = [frame.to_ndarray(format="gray") for frame in held.decode(video=0)]
    assert len(pictures) == told["frames"] == 20
    for picture in pictures:
        middle = picture.shape[1] // 2
        assert picture[:, : middle - 4].mean() == pytest.approx(255, abs=4)
        assert picture[:, middle + 4 :].mean() == pytest.approx(0, abs=4)
