"""Where some sound is in another mixdown of it, and what is cut out of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tests.blender.addon import module

wav = module("wav")

RATE = 48_000
Sound = npt.NDArray[np.float32]


def noise(samples: int, channels: int, seed: int = 7) -> Sound:
    shape = (samples, channels)
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def written(path: Path, sound: Sound) -> str:
    head = wav._head(sound.nbytes, RATE, sound.shape[1])
    path.write_bytes(head + np.ascontiguousarray(sound, "<f4").tobytes())
    return str(path)


def later(folder: Path, heard: Sound, whole: Sound, at: int) -> int:
    places = (written(folder / "heard.wav", heard), 0), (written(folder / "whole.wav", whole), at)
    return int(wav.later(*places, len(heard), heard.shape[1]))


@pytest.mark.parametrize(
    ("late", "channels"),
    [(0, 1), (1, 2), (-1, 6), (640, 2), (-900, 1), (wav.FARTHEST, 1), (-wav.FARTHEST, 2)],
)
def test_the_same_sound_is_found_to_the_sample(late: int, channels: int, tmp_path: Path) -> None:
    whole = noise(60_000, channels)
    at = 20_000

    heard = whole[at + late : at + late + 12_000]
    assert later(tmp_path, heard, whole, at) == late


def test_a_decoder_may_say_it_a_little_otherwise(tmp_path: Path) -> None:
    whole = noise(60_000, 2)
    heard = whole[20_640:32_640] + 0.1 * noise(12_000, 2, seed=8)

    assert later(tmp_path, heard, whole, 20_000) == 640


def test_sound_before_a_mixdown_begins_is_silence(tmp_path: Path) -> None:
    whole = noise(60_000, 1)
    heard = np.concatenate([np.zeros((1000, 1), np.float32), whole[:12_000]])

    assert later(tmp_path, heard, whole, 300) == -1300


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_is_not_there_is_where_it_should_be(level: float, tmp_path: Path) -> None:
    heard = noise(12_000, 2, seed=9) * np.float32(level)

    assert later(tmp_path, heard, noise(60_000, 2), 20_000) == 0


def test_a_tone_is_found_at_the_nearest_of_its_periods(tmp_path: Path) -> None:
    tone = np.sin(np.arange(60_000) * 2 * np.pi / 48).astype(np.float32)[:, None]

    assert abs(later(tmp_path, tone[20_016:32_016], tone, 20_000)) <= 24


@given(skipped=st.integers(-300, 300), samples=st.integers(300, 600))
def test_silence_comes_before_the_first_sample(
    skipped: int, samples: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    source = noise(1000, 2)
    wav.cut(
        written(folder / "source.wav", source), str(folder / "cut.wav"), skipped, samples, RATE, 2
    )

    found, rate = soundfile.read(folder / "cut.wav", dtype="float32", always_2d=True)
    silence = np.zeros((300, 2), np.float32)
    wanted = np.concatenate([silence, source])[300 + skipped :][:samples]
    assert rate == RATE
    np.testing.assert_array_equal(found, wanted)
