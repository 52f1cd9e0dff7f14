"""Where stems lie: truth made by phase ramps over whole sounds, without the code under test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.test_conform import RATE, rain, voice

from stemmux.align import find, shifted

SECONDS = 3
Sound = np.ndarray


def late(sound: Sound, delay: float) -> Sound:
    """The sound `delay` samples later, between samples too, with silence around it."""
    room = np.concatenate([np.zeros(30_000), sound, np.zeros(30_000)])
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(room)) * delay)
    return np.asarray(np.fft.irfft(np.fft.rfft(room) * turn, len(room)))


def reader(sound: Sound, first: int = 0) -> Callable[[int, int], Sound]:
    """Read a sound whose sample `first` is number 0; zeros outside it."""

    def read(start: int, count: int) -> Sound:
        out = np.zeros(count)
        begin = start + first
        low, high = max(0, begin), min(len(sound), begin + count)
        if high > low:
            out[low - begin : high - begin] = sound[low:high]
        return out

    return read


@settings(max_examples=6, deadline=None)
@given(
    delay=st.one_of(st.integers(-24_000, 24_000), st.floats(-24_000, 24_000, allow_nan=False)),
    polarity=st.sampled_from([1, -1]),
    leak=st.floats(0, 0.3),
    seed=st.integers(0, 50),
)
def test_a_delay_is_found_to_a_hundredth_of_a_sample(
    delay: float, polarity: int, leak: float, seed: int
) -> None:
    one, other = voice(SECONDS, seed + 1), rain(SECONDS, seed)
    stem = polarity * late((1 + leak) * one + (0.7 + leak) * other, delay)
    found = find(reader(one + other), reader(stem, 30_000), len(one), RATE)
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(delay, abs=0.01)
    assert found.inverted == (polarity < 0)


@pytest.mark.parametrize("ppm", [-60, 25])
def test_drift_is_found_and_undone(ppm: float) -> None:
    import soxr

    sound = voice(20) + rain(20)
    slow = soxr.resample(sound, 1_000_000, 1_000_000 + ppm, quality="VHQ")
    found = find(reader(sound), reader(slow), len(sound), RATE)
    assert found.trusted, found.reason
    assert found.drift_ppm == pytest.approx(ppm, abs=1)
    read = shifted(reader(slow), found)
    for start in (100_000, 800_000):
        # The highest octave is beyond what the filter between samples promises.
        part, back = (
            np.convolve(x, np.ones(8) / 8)[8:-8] for x in (sound[start:][:4096], read(start, 4096))
        )
        assert np.abs(back - part).max() < 0.15 * np.abs(part).max()


@pytest.mark.parametrize("seed", range(12))
def test_what_has_nothing_in_common_is_not_moved(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strangers = {
        0: lambda: (rng.normal(0, 0.1, 96_000), rng.normal(0, 0.1, 96_000)),
        1: lambda: (voice(2, seed), rain(2, seed)),
        2: lambda: (voice(2, seed), np.zeros(96_000)),
        3: lambda: (rain(2, seed), np.sin(np.arange(96_000) * 0.05)),
    }
    mix, stem = strangers[seed % 4]()
    found = find(reader(mix), reader(stem), len(mix), RATE)
    assert not found.trusted
    assert found.reason
    assert np.array_equal(found.delay * np.ones(1), np.zeros(1)) or abs(found.delay) <= 0.6 * RATE
