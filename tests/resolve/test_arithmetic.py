"""Rates, frames and channels as Resolve is told them, in numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
import tests.resolve.library  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from soundmatte_resolve import arithmetic
from tests.resolve.fake.clock import timecode

NTSC = [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)]
RATES = [Fraction(n) for n in (16, 18, 24, 25, 30, 48, 50, 60, 100, 120)] + NTSC


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("form", ["{:.3f}", "{:.2f}", "{:.3f} DF", "{:.3f} fps"])
def test_a_rate_is_exact_however_it_is_written(rate: Fraction, form: str) -> None:
    assert arithmetic.rate_of(form.format(float(rate))) == rate
    assert arithmetic.rate_of(round(float(rate), 3)) == rate


@pytest.mark.parametrize("value", [None, "", "0", 0, "Match", -25, False])
def test_what_is_no_rate_is_none(value: object) -> None:
    assert arithmetic.rate_of(value) is None


@given(st.integers(1, 500_000), st.sampled_from(RATES), st.sampled_from(RATES))
def test_a_piece_is_never_too_short_and_less_than_a_frame_too_long(
    frames: int, timeline: Fraction, stem: Fraction
) -> None:
    end = arithmetic.end_frame(frames, timeline, stem)
    assert isinstance(end, int)
    shown = end / stem * timeline
    assert frames <= shown < frames + timeline / stem


@given(st.integers(1, 500_000), st.sampled_from(RATES))
def test_frames_of_the_same_rate_stay_as_they_are(frames: int, rate: Fraction) -> None:
    assert arithmetic.end_frame(frames, rate, rate) == frames


@given(st.integers(1, 500_000), st.sampled_from(RATES))
def test_a_stem_with_one_frame_more_reaches_over_its_last_one(frames: int, rate: Fraction) -> None:
    """Resolve counts what there is of a sound in whole frames, and cuts the rest off."""
    samples = int((frames + 1) / rate * 48000 + Fraction(1, 2))
    assert samples * rate // 48000 >= frames


@pytest.mark.parametrize(
    ("channels", "kind"), [(1, "mono"), (2, "stereo"), (6, "5.1"), (8, "7.1"), (12, "adaptive12")]
)
def test_every_count_of_channels_has_its_kind_of_track(channels: int, kind: str) -> None:
    assert arithmetic.sub_type(channels) == kind


@given(st.integers(16, 16384), st.integers(16, 16384))
def test_a_rendered_picture_keeps_its_proportions(width: int, height: int) -> None:
    small = arithmetic.render_size(width, height)
    assert Fraction(*small) == Fraction(width, height)
    if small != (width, height):
        assert all(side % 2 == 0 for side in small)
    assert arithmetic.render_size(3840, 2160) == (1920, 1080)


def test_frame_numbers_are_whole() -> None:
    assert arithmetic.whole("90010.0") == 90010
    assert isinstance(arithmetic.whole(90010.4), int)


@given(frame=st.integers(0, 24 * 3600 * 24 - 1), rate=st.sampled_from(RATES), drop=st.booleans())
def test_a_timecode_is_the_frame_that_it_names(frame: int, rate: Fraction, drop: bool) -> None:
    drop = drop and rate in (NTSC[1], NTSC[3])
    frame %= 24 * 3600 * round(rate) * 999 // 1000
    text = timecode(frame, rate, drop)
    assert arithmetic.frames_of(text, rate) == frame
    assert arithmetic.frames_of(text.replace(";", ":"), rate, drop) == frame


@pytest.mark.parametrize("value", [None, "", "01:00:00", "now", 3])
def test_what_is_no_timecode_is_told(value: object) -> None:
    assert arithmetic.frames_of(value, Fraction(25)) is None
