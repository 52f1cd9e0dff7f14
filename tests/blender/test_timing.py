"""Frames, samples and seconds of Blender's timelines: exact, and rounded once."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.blender.addon import module

timing = module("timing")


def single(value: float) -> float:
    """A number as Blender keeps it, in 32 bits."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


RATES = {
    "23.976": timing.frame_rate(24, single(1.001)),
    "24": timing.frame_rate(24, 1.0),
    "25": timing.frame_rate(25, 1.0),
    "29.97": timing.frame_rate(30, single(1.001)),
    "59.94": timing.frame_rate(60, single(1.001)),
}
rates = st.sampled_from(list(RATES.values()))
hertz = st.sampled_from([44100, 48000, 96000])


def test_blenders_own_23976_is_not_quite_that_of_files() -> None:
    rate = Fraction(*RATES["23.976"])

    assert rate != Fraction(24000, 1001)
    assert abs(rate / Fraction(24000, 1001) - 1) < Fraction(1, 10**7)
    # Eight samples in an hour.
    hour = 3600 * 24000 // 1001
    assert timing.samples(hour, 48000, RATES["23.976"]) - hour * 2002 == 8


@pytest.mark.parametrize(
    ("shown", "exact"),
    [
        (single(23.976), Fraction(24000, 1001)),
        (single(29.97003), Fraction(30000, 1001)),
        (single(59.94006), Fraction(60000, 1001)),
        (25.0, Fraction(25)),
        (single(12.5), Fraction(25, 2)),
        (30.0, Fraction(30)),
    ],
)
def test_a_files_rate_is_the_exact_one_that_is_meant(shown: float, exact: Fraction) -> None:
    assert timing.file_rate(shown) == exact


def test_rates_that_are_a_thousandth_apart_are_not_the_same() -> None:
    assert timing.same_rate(single(23.976), RATES["23.976"])
    assert not timing.same_rate(24.0, RATES["23.976"])
    assert not timing.same_rate(single(29.97), timing.frame_rate(30, 1.0))


@given(st.integers(0, 10**6), st.integers(0, 10**6), hertz, rates)
def test_boundaries_are_rounded_once(one: int, more: int, rate: int, fps: tuple[int, int]) -> None:
    exact = (one + more) * rate / Fraction(*fps)

    assert abs(timing.samples(one + more, rate, fps) - exact) <= Fraction(1, 2)
    assert abs(timing.samples(one, rate, fps) + timing.samples(more, rate, fps) - exact) <= 1


@given(st.integers(0, 10**6), hertz, rates)
def test_frames_come_back_from_their_samples(count: int, rate: int, fps: tuple[int, int]) -> None:
    assert timing.frames(timing.samples(count, rate, fps), rate, fps) == count


@given(st.integers(0, 10**6), st.integers(0, 100), hertz, rates)
def test_a_strip_is_entered_on_the_sample_behind_its_frame(
    start: int, more: int, rate: int, fps: tuple[int, int]
) -> None:
    entered = timing.entered(start, start + more, rate, fps)

    begins = start * rate // Fraction(*fps)
    assert 0 <= begins + entered - (start + more) * rate / Fraction(*fps) < 1


@given(st.integers(0, 10**5), st.integers(0, 100), st.sampled_from(sorted(RATES)))
def test_handles_are_whole_frames_of_the_file(at: int, handles: int, name: str) -> None:
    exact = timing.file_rate(float(Fraction(*RATES[name])))
    begins = timing.text(Fraction(at + handles) / exact)

    assert Fraction(timing.earlier(begins, handles, RATES[name])) == Fraction(at) / exact
