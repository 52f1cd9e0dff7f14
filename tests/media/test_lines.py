"""Lines through delays: what most places say, and no slope that is not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemmux.lines import Line, Peaks, fitted

TIMES = np.arange(12) * 150_000.0


def scattered(line: Line, scatter: float, seed: int) -> np.ndarray:
    return line.at(TIMES) + scatter * np.random.default_rng(seed).standard_normal(len(TIMES))


@settings(max_examples=30, deadline=None)
@given(st.floats(-2e4, 2e4), st.floats(-200e-6, 200e-6), st.integers(0, 99))
def test_the_line_is_found_among_strays(delay: float, slope: float, seed: int) -> None:
    truth = Line(delay, slope)
    random = np.random.default_rng(seed)
    lags = random.uniform(-28_800, 28_800, (12, 8))
    # A stray that lies on the line by chance would belong to it.
    lags[np.abs(lags - truth.at(TIMES)[:, None]) < 100] += 500
    heights = random.uniform(-5, 5, (12, 8))
    on_line = random.permutation(12)[:5]
    lags[on_line, 3], heights[on_line, 3] = np.rint(truth.at(TIMES[on_line])), -6.0
    peaks = Peaks(TIMES, lags, heights)
    line, score = peaks.best_line(24.0, 300e-6)
    assert score < -29
    assert np.abs(line.at(TIMES[on_line]) - truth.at(TIMES[on_line])).max() <= 48
    _, rest = peaks.without(line, 48.0).best_line(24.0, 300e-6)
    assert abs(rest) < 20


@settings(max_examples=30, deadline=None)
@given(st.floats(-2e4, 2e4), st.floats(0, 3), st.integers(0, 10**6))
def test_scatter_is_no_slope(delay: float, scatter: float, seed: int) -> None:
    values = scattered(Line(delay), scatter, seed)
    fit = fitted(TIMES, values, np.full(12, 0.01))
    assert fit.line.slope == 0
    assert fit.line.delay == pytest.approx(delay, abs=max(1e-6, 2 * scatter))
    assert abs(fit.line.delay - delay) <= 6 * fit.doubt + 1e-6


@settings(max_examples=30, deadline=None)
@given(st.floats(-2e4, 2e4), st.floats(5, 300), st.booleans(), st.integers(0, 10**6))
def test_a_slope_is_found(delay: float, ppm: float, fast: bool, seed: int) -> None:
    slope = (-ppm if fast else ppm) * 1e-6
    values = scattered(Line(delay, slope), 0.02, seed)
    fit = fitted(TIMES, values, np.full(12, 0.02))
    assert fit.line.slope == pytest.approx(slope, abs=0.1e-6)
    assert fit.line.delay == pytest.approx(delay, abs=0.1)


def test_a_place_far_off_does_not_move_the_line_but_is_told() -> None:
    values = scattered(Line(100.0), 0.01, 1)
    values[4] += 30
    fit = fitted(TIMES, values, np.full(12, 0.01))
    assert fit.line.delay == pytest.approx(100.0, abs=0.02)
    assert fit.spread == pytest.approx(30, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_places_have_no_slope(count: int) -> None:
    values = TIMES[:count] * 1e-4 + 5
    assert fitted(TIMES[:count], values, np.full(count, 0.01)).line.slope == 0
