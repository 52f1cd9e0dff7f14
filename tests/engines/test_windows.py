"""The windows of a long range: they cover it, overlap by a second, and cost what was said."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soundmatte.engines.cloud.windows import GRAIN, MOST_STEPS, OVERLAP, windows
from soundmatte.separation.price import STEP, total
from stemmux.timebase import Span, nearest

FPS = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]
RATES = [8000, 11025, 22050, 44100, 48000, 88200, 96000, 47952, 12345]
#: 0.1 s to 10 h, as seconds and as frames of every kind of film.
LENGTHS = st.one_of(
    st.fractions(Fraction(1, 10), 36_000, max_denominator=48_000),
    st.builds(lambda count, fps: count / fps, st.integers(3, 60 * 600), st.sampled_from(FPS)),
    st.integers(1, 400).map(lambda count: Fraction(count * 15)),
)


@pytest.mark.parametrize(
    ("seconds", "lengths", "steps"),
    [
        *((0.1, [0.1], 1), (30, [30], 1), (31, [16, 16], 2), (59, [30, 30], 2)),
        *((60, [60], 2), (61, [21] * 3, 3), (65, [22.36, 22.32, 22.32], 3), (88, [30] * 3, 3)),
        *((89, [60, 30], 3), (119, [60, 60], 4)),
    ],
)
def test_the_windows_of_a_range(seconds: float, lengths: list[float], steps: int) -> None:
    found = windows(Fraction(str(seconds)))
    assert [float(window.duration) for window in found] == lengths
    assert sum(window.steps for window in found) == steps


@settings(deadline=None, max_examples=60)
@given(LENGTHS)
def test_they_cover_the_range_and_overlap_by_a_second(duration: Fraction) -> None:
    found = windows(duration)
    assert (found[0].start, found[-1].end) == (0, duration)
    assert [window.number for window in found] == list(range(1, len(found) + 1))
    assert {window.of for window in found} == {len(found)}
    for one, other in itertools.pairwise(found):
        assert one.start < other.start < one.end < other.end
        assert one.end - other.start == OVERLAP
    assert all(window.start % GRAIN == 0 for window in found)
    assert all(0 < window.duration <= window.steps * STEP for window in found)


@settings(deadline=None, max_examples=60)
@given(LENGTHS, st.sampled_from(RATES), st.sampled_from(FPS), st.integers(0, 10_000))
@example(Fraction(60), 12345, Fraction(24000, 1001), 7)
def test_in_samples_too_and_each_boundary_is_rounded_once(
    duration: Fraction, rate: int, fps: Fraction, first_frame: int
) -> None:
    start = first_frame / fps
    begin, end = Span(start, start + duration).samples(rate)
    frames = end - begin
    found = windows(duration)
    bounds = [window.samples(rate, frames) for window in found]
    assert (bounds[0][0], bounds[-1][1]) == (0, frames)
    for (_, last), (first, _) in itertools.pairwise(bounds):
        assert abs((last - first) - OVERLAP * rate) <= 1
    for window, (first, last) in zip(found, bounds, strict=True):
        # The range itself may have been rounded by a sample.
        assert abs(first - window.start * rate) <= (1 if window.number == window.of else 0.5)
        assert last - first <= window.steps * STEP * rate
    # What is sent of each window is cut from the clip: at 48 kHz, made longer to whole 40 ms.
    charged = 0
    for first, last in bounds:
        there = start + Fraction(first, rate)
        sent = Span(there, there + Fraction(last - first, rate)).samples(48_000)
        output = -(-(sent[1] - sent[0]) // 1920) * Fraction(1, 25)
        charged += -(-output // STEP)
    assert charged <= total([window.duration for window in found]).units


@settings(deadline=None, max_examples=100)
@given(st.fractions(Fraction(1, 10), 700, max_denominator=1000))
@example(Fraction(90))
def test_no_other_windows_of_that_kind_cost_less_or_are_shorter(duration: Fraction) -> None:
    found = windows(duration)
    steps, count = sum(window.steps for window in found), len(found)
    reach = {
        (single + 2 * double, single + double): single * STEP
        + double * MOST_STEPS * STEP
        - (single + double - 1) * OVERLAP
        for single in range(40)
        for double in range(20)
        if single + double
    }
    enough = [cost for cost, far in reach.items() if far >= duration]
    assert steps == min(cost for cost, _ in enough)
    assert count == max(number for cost, number in enough if cost == steps)
    assert total([window.duration for window in found]).units == steps


def test_boundaries_of_ten_hours_do_not_drift() -> None:
    fps = Fraction(30000, 1001)
    duration = nearest(36_000 * fps) / fps
    found = windows(duration)
    frames = nearest(duration * 44_100)
    assert all(window.samples(44_100, frames)[0] == window.start * 44_100 for window in found)
    assert len(found) > 600
