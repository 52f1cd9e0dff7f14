"""Reading between samples: against sounds that are known at every moment."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.aligning import reader
from tests.media.making import Sound, noise

from stemmux.shift import ReadMono, moved

RATE = 48000
#: Hz: up to 20 kHz.
TONES = np.array([31.0, 440.0, 3000.0, 9111.0, 15003.0, 19000.0, 20000.0])


def chord(places: Sound, hertz: Sound = TONES) -> Sound:
    """Tones of amplitude 1 each, at any places, in samples."""
    return np.asarray(np.sin(2 * np.pi * np.outer(places, hertz) / RATE).sum(axis=1))


def chord_read(start: int, count: int) -> Sound:
    return chord(np.arange(start, start + count))


def error_db(got: Sound, wanted: Sound) -> float:
    return float(10 * np.log10(np.mean((got - wanted) ** 2) / np.mean(wanted**2) + 1e-30))


@settings(max_examples=25, deadline=None)
@given(st.floats(-3e4, 3e4), st.integers(-1000, 10**9))
def test_a_sound_is_moved_between_its_samples(delay: float, start: int) -> None:
    got = moved(chord_read, delay)(start, 400)
    assert error_db(got, chord(np.arange(start, start + 400) + delay)) < -100


@pytest.mark.parametrize("hertz", [100.0, 1000.0, 10_000.0, 20_000.0])
def test_every_frequency_is_moved_by_the_same(hertz: float) -> None:
    places = np.arange(4800)
    turn = np.exp(-2j * np.pi * hertz * places / RATE)
    for delay in (0.1, 0.25, 0.5, 0.77):
        got = moved(lambda s, c: chord(np.arange(s, s + c), np.array([hertz])), delay)(0, 4800)
        phase = np.angle(np.sum(got * turn) / np.sum(chord(places, np.array([hertz])) * turn))
        # The mirrored tone adds to both sums: whole periods keep it out.
        assert phase * RATE / (2 * np.pi * hertz) == pytest.approx(delay, abs=0.001)


@settings(max_examples=10, deadline=None)
@given(st.floats(-300e-6, 300e-6), st.floats(-3e4, 3e4), st.integers(0, 10**8))
def test_a_sound_is_stretched(stretch: float, delay: float, start: int) -> None:
    got = moved(chord_read, delay, stretch)(start, 2000)
    numbers = np.arange(start, start + 2000)
    assert error_db(got, chord(numbers + (numbers * stretch + delay))) < -95


@pytest.mark.parametrize("delay", [0, 1, -1105, 24000])
def test_a_whole_delay_leaves_every_bit(delay: int) -> None:
    sound = noise(1, 60_000)[:, 0]
    read = reader(sound)
    got = moved(read, float(delay))(-500, 61_000)
    assert np.array_equal(got, read(-500 + delay, 61_000))


SOUND = noise(2, 9000)[:, 0]


@pytest.mark.parametrize(
    "read",
    [moved(reader(SOUND), 0.3), moved(reader(SOUND), -70.6), moved(reader(SOUND), 9.4, 250e-6)],
    ids=["late", "early", "slow"],
)
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(-300, 9300), max_size=30))
def test_a_sound_is_the_same_however_it_is_cut_into_reads(read: ReadMono, cuts: list[int]) -> None:
    edges = [-300, *sorted(cuts), 9300]
    parts = [read(low, high - low) for low, high in pairwise(edges)]
    assert np.array_equal(np.concatenate(parts), read(-300, 9600))


def test_there_is_silence_around_a_sound_that_is_moved() -> None:
    read = moved(reader(SOUND), 0.5)
    assert not read(-200, 100).any()
    assert not read(9100, 100).any()
    assert read(0, 100).any()
