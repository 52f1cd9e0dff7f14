"""Delays at several places of a sound, and the line that most of them lie on.

Level: one delay for all. Sloped: a clock that runs slow or fast. This module must not know how a
delay was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: From the median distance to a standard deviation, for what is normally distributed.
_DEVIATION = 1.4826
#: Further off than this many deviations is left out, but nothing within so many samples.
_FAR, _NEAR = 4.0, 0.02
#: Least places for a slope.
_PLACES = 4
#: A slope that moves the delay less than this over the places is none (samples); nor one that
#: moves it less than this many times what the places differ by.
_LEAST_MOVE, _CLEAR_MOVE = 0.5, 8.0


@dataclass(frozen=True)
class Line:
    """`delay` + `slope` · time, in samples."""

    delay: float
    slope: float = 0.0

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The delays at these times."""
        return self.delay + self.slope * times


@dataclass(frozen=True)
class Fit:
    """A line through measured delays.

    Attributes:
        doubt: standard error of the delay in the middle, in samples.
        spread: largest distance of a place from the line, in samples.
    """

    line: Line
    doubt: float
    spread: float


@dataclass(frozen=True)
class Peaks:
    """Delays that several places might have.

    Attributes:
        times: where the places are, in samples, `[places]`.
        lags: the delays, in samples, `[places, peaks]`.
        heights: how much speaks for each, signed by polarity, `[places, peaks]`.
    """

    times: NDArray[np.float64]
    lags: NDArray[np.float64]
    heights: NDArray[np.float64]

    def near(self, line: Line, distance: float) -> NDArray[np.bool_]:
        """Which peaks lie within `distance` samples of a line, `[places, peaks]`."""
        import numpy as np

        return np.abs(self.lags - line.at(self.times)[:, None]) <= distance

    def without(self, line: Line, distance: float) -> Peaks:
        """The same, but nothing speaks for the peaks within `distance` samples of a line."""
        import numpy as np

        heights = np.where(self.near(line, distance), 0.0, self.heights)
        return Peaks(self.times, self.lags, heights)

    def best_line(self, tolerance: float, steepest: float) -> tuple[Line, float]:
        """The line with the largest sum of heights on it, one for each place; and that sum, signed.

        Every level line through a peak is tried, and every line through two of different places.

        Args:
            tolerance: how far from the line a peak may lie, in samples.
            steepest: largest slope.
        """
        import numpy as np

        places, count = self.lags.shape
        lags, times = self.lags.ravel(), np.repeat(self.times, count)
        first, second = np.triu_indices(len(lags), 1)
        apart = times[first] != times[second]
        first, second = first[apart], second[apart]
        slopes = (lags[second] - lags[first]) / (times[second] - times[first])
        gentle = np.abs(slopes) <= steepest
        # Level ones come first, and win where a slope adds nothing.
        slopes = np.concatenate([np.zeros(len(lags)), slopes[gentle]])
        through = np.concatenate([np.arange(len(lags)), first[gentle]])
        delays = lags[through] - slopes * times[through]
        away = np.abs(lags - (delays[:, None] + slopes[:, None] * times)) > tolerance
        heights = np.where(away, 0.0, self.heights.ravel()).reshape(-1, places, count)
        tallest = np.abs(heights).argmax(axis=2)[:, :, None]
        sums = np.take_along_axis(heights, tallest, axis=2).sum(axis=(1, 2))
        best = int(np.argmax(np.abs(sums)))
        return Line(float(delays[best]), float(slopes[best])), float(sums[best])


def fitted(
    times: NDArray[np.float64], delays: NDArray[np.float64], doubts: NDArray[np.float64]
) -> Fit:
    """The line through delays that were measured with these standard errors, in samples.

    Sloped only where the slope is beyond doubt.
    """
    import numpy as np

    level = _through(times, delays, doubts, 0.0)
    if len(times) < _PLACES:
        return level
    first, second = np.triu_indices(len(times), 1)
    slopes = (delays[second] - delays[first]) / (times[second] - times[first])
    sloped = _through(times, delays, doubts, float(np.median(slopes)))
    moved = abs(sloped.line.slope) * float(np.ptp(times))
    return sloped if moved > max(_LEAST_MOVE, _CLEAR_MOVE * sloped.spread) else level


def _through(
    times: NDArray[np.float64],
    delays: NDArray[np.float64],
    doubts: NDArray[np.float64],
    slope: float,
) -> Fit:
    """Weighted least squares over what is not far from the median line; level if `slope` is 0."""
    import numpy as np

    middle = float(times.mean())
    since = times - middle
    off = delays - slope * since
    off -= np.median(off)
    scale = _DEVIATION * float(np.median(np.abs(off)))
    kept = np.abs(off) <= max(_FAR * scale, _NEAR)
    weights = kept / (doubts**2 + scale**2 + 1e-12)
    centre = float(weights @ since) / float(weights.sum())
    height = float(weights @ delays) / float(weights.sum())
    if slope:
        run = since - centre
        slope = float(weights @ (run * (delays - height))) / float(weights @ run**2)
    line = Line(height - slope * (centre + middle), slope)
    doubt = float(1 / np.sqrt(weights.sum()))
    return Fit(line, doubt, float(np.abs(delays - line.at(times)).max()))
