"""The first pass: levels that pauses do not spoil, and which channels go together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from soundmatte.engines.offline.survey import Plan, Survey, finite

RATE = 16_000
Sound = NDArray[np.float32]


def noise(seconds: float, level: float = 0.1, seed: int = 0) -> Sound:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (level * drawn).astype(np.float32)


def surveyed(*channels: Sound, rate: int = RATE) -> Plan:
    survey = Survey(rate, len(channels))
    survey.add(np.stack(channels, axis=1))
    return survey.plan()


def groups(*channels: Sound) -> list[tuple[int, ...]]:
    return [group.channels for group in surveyed(*channels).groups]


def test_the_gain_brings_the_sound_to_the_level() -> None:
    (group,) = surveyed(noise(4, 0.01)).groups
    assert group.gain == pytest.approx(10, rel=0.01)


def test_silence_around_the_sound_does_not_change_its_gain() -> None:
    sound = noise(4, 0.01)
    for floor in (0.0, 1e-6, 3e-4):
        pause = noise(60, floor, seed=1)
        (group,) = surveyed(np.concatenate([pause, sound, pause])).groups
        assert group.gain == pytest.approx(10, rel=0.02)


def test_direct_current_is_no_level() -> None:
    plan = surveyed(noise(4, 0.01) + np.float32(0.5))
    assert plan.offsets[0] == pytest.approx(0.5, abs=1e-3)
    assert plan.groups[0].gain == pytest.approx(10, rel=0.01)


def test_channels_that_agree_share_a_run() -> None:
    common, rest = noise(4), noise(4, seed=2)
    assert groups(common, common) == [(0, 1)]
    assert groups(common, common + rest / 5) == [(0, 1)]
    assert groups(common, rest) == [(0,), (1,)]
    assert groups(common, -common) == [(0,), (1,)]
    assert groups(common, common / 4) == [(0,), (1,)]
    middle = rest * np.float32(np.sqrt(1.25 / 2))  # as much of it as of the rest of the sound
    assert groups(common + middle, common / 2 + middle) == [(0,), (1,)]
    assert groups(common, rest, common, rest) == [(0, 2), (1, 3)]


def test_shares_say_how_much_of_the_common_sound_a_channel_has() -> None:
    common = noise(4)
    (group,) = surveyed(common * np.float32(1.2), common * np.float32(0.8)).groups
    assert group.shares == pytest.approx((1.2, 0.8), rel=1e-4)


def test_silent_channels_and_low_effects_are_left_out() -> None:
    time = np.arange(8 * RATE) / RATE
    rumble = (0.5 * np.sin(2 * np.pi * 40 * time) * np.sin(2 * np.pi * time)).astype(np.float32)
    silence = np.zeros(8 * RATE, np.float32)
    still = np.full(8 * RATE, 0.3, np.float32)
    assert groups(noise(8), silence, noise(8, seed=1), rumble, still) == [(0,), (2,)]
    assert groups(silence) == []


def test_one_short_word_in_hours_of_nothing_is_found() -> None:
    sound = np.zeros(60 * RATE, np.float32)
    sound[30 * RATE + 1000 : 30 * RATE + 2000] = noise(1000 / RATE, 0.01)
    (group,) = surveyed(sound).groups
    assert 5 < group.gain < 40


@pytest.mark.parametrize("frames", [0, 1, 2, 100])
@pytest.mark.parametrize("rate", [8000, 44_100, 192_000])
def test_hardly_any_sound(frames: int, rate: int) -> None:
    plan = surveyed(noise(1)[:frames], noise(1, seed=1)[:frames], rate=rate)
    assert plan.frames == frames
    assert all(np.isfinite(group.gain) for group in plan.groups)


@given(st.lists(st.integers(0, 20_000), max_size=5))
@settings(max_examples=25, deadline=None)
def test_the_blocks_in_which_the_mix_comes_do_not_matter(cuts: list[int]) -> None:
    sound = np.stack([noise(1.3), noise(1.3, seed=1)], axis=1)
    whole, pieces = Survey(RATE, 2), Survey(RATE, 2)
    whole.add(sound)
    for part in np.split(sound, sorted(cuts)):
        pieces.add(part)
    assert pieces.plan() == whole.plan()


def test_what_is_no_number_is_made_harmless() -> None:
    broken = np.array([[np.nan, 1.0], [np.inf, -np.inf], [1e30, 0.25]], np.float32)
    assert finite(broken).tolist() == [[0.0, 1.0], [0.0, 0.0], [1e6, 0.25]]
    sound = noise(1)[:, None]
    assert finite(sound) is sound
