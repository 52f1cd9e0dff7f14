"""Where two sounds lie against one another by their loudness alone, band by band.

A sound that was made anew keeps when things happen, but not its phases: its contours still say
where it lies, to some milliseconds. This module must not know what the sounds are to one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemmux.correlation import highest, quick_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.shift import ReadMono

#: Values of a contour in a second, and over how many steps each is measured.
_PER_SECOND, _STEPS = 750, 16
#: Bands, evenly spaced by pitch between these frequencies in Hz.
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 24, 100.0, 16_000.0
#: Loudness is this power of energy (Zwicker's is 0.23): quiet moments must have a say.
_LOUDNESS = 0.15
#: What is fainter than this against the loudest moment of any band is silence: −80 dB.
_FAINT = 1e-8
#: A band that changes less than this share is steady and says nothing; so do fewer bands than
#: this.
_STEADY, _LEAST_BANDS = 0.03, 4
_WHITENING = 0.3
#: Two peaks nearer than this are one, in seconds.
_PEAK_WIDTH = 0.03


@dataclass(frozen=True)
class Resemblance:
    """Where the contours of two sounds fit best.

    Attributes:
        delay: samples that the second sound is late.
        doubt: its standard error, in samples, out of how far the places differ.
        spread: the largest distance of a place's own delay from it, in samples.
        confidence: height of the best fit over the next.
        agreeing: share of the places that, asked alone, give this delay.
    """

    delay: float
    doubt: float
    spread: float
    confidence: float
    agreeing: float


def compare(
    reference: ReadMono,
    other: ReadMono,
    starts: Sequence[int],
    length: int,
    reach: int,
    rate: int,
) -> Resemblance:
    """Compare the contours of two sounds over places of `length` samples.

    Args:
        starts: first samples of the places.
        reach: largest delay to look for, in samples.
        rate: of both, in Hz.
    """
    import numpy as np

    step = max(1, round(rate / _PER_SECOND))
    far = reach // step
    curves = []
    for start in starts:
        first = _contours(reference, start, length, step, rate)
        second = _contours(other, start - far * step, length + 2 * far * step, step, rate)
        size = quick_size(len(second))
        cross = np.fft.rfft(second, size, axis=0) * np.conj(np.fft.rfft(first, size, axis=0))
        whole = cross.sum(axis=1)
        level = np.abs(whole)
        whole /= (level + 1e-9 * level.max() + 1e-300) ** _WHITENING
        curve = np.fft.irfft(whole, size)[: 2 * far + 1]
        curves.append(curve / (np.sqrt(np.mean(curve**2)) or 1.0))
    width = round(_PEAK_WIDTH * rate / step)
    lags, heights = highest(np.maximum(sum(curves), 0.0), -far, 2, width)
    best = int(lags[0])
    alone = np.array([int(curve.argmax()) - far for curve in curves])
    agreeing = np.abs(alone - best) <= width
    away = np.abs(alone[agreeing] - best) * float(step)
    if not len(away):
        return Resemblance(0.0, 0.0, 0.0, 0.0, 0.0)
    doubt = max(step, 1.85 * float(np.median(away))) / np.sqrt(len(away))
    confidence = float(heights[0] / heights[1]) if heights[1] else 0.0
    share = float(np.mean(agreeing))
    return Resemblance(float(best * step), doubt, float(away.max()), confidence, share)


def _contours(read: ReadMono, start: int, length: int, step: int, rate: int) -> NDArray[np.float64]:
    """Loudness in each band, `[moments, bands]`, each of mean 0 and deviation 1, or 0 if steady."""
    import numpy as np

    size = _STEPS * step
    sound = read(start - size // 2, length + size)
    cells = np.lib.stride_tricks.sliding_window_view(sound, size)[::step]
    energy = np.abs(np.fft.rfft(cells * np.hanning(size), axis=1)) ** 2
    highest_hz = min(_HIGHEST_HZ, 0.45 * rate)
    edges = np.geomspace(_LOWEST_HZ, highest_hz, _BANDS + 1) * size / rate
    places = np.unique(np.rint(edges).astype(int))
    bands = np.add.reduceat(energy[:, : places[-1]], places[:-1], axis=1)
    loudness = (bands + _FAINT * bands.max() + 1e-300) ** _LOUDNESS
    middle = loudness.mean(axis=0)
    loudness -= middle
    change = np.sqrt(np.mean(loudness**2, axis=0))
    alive = change > _STEADY * middle
    if np.count_nonzero(alive) < _LEAST_BANDS:
        return np.zeros_like(loudness)
    return np.asarray(np.where(alive, loudness / np.maximum(change, 1e-300), 0.0))
