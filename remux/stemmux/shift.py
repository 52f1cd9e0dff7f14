"""Read a sound later, earlier or slower, between its samples.

A windowed sinc: up to 0.88 of half the rate (21 kHz at 48 kHz, 19 kHz at 44.1 kHz) what it gets
wrong lies below −105 dB. Every sample is worked out from its own place alone, so that it comes out
the same however the sound is cut into reads. This module must not know why a sound is shifted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A mono sound, read as (start, count): `count` samples from `start` on, which may be negative;
#: zeros where there is no sound.
ReadMono = Callable[[int, int], "NDArray[np.float64]"]

#: Samples to either side of the middle one, and the shape of the Kaiser window over them.
_REACH, _BETA = 32, 11.5
#: Degree of the polynomials that stand for the filter between samples: −120 dB from it.
_DEGREE = 8


def moved(read: ReadMono, delay: float, stretch: float = 0.0) -> ReadMono:
    """Sample n of what is returned lies at n·(1 + stretch) + delay in the sound.

    Where nothing is between samples, the samples are the sound's own, bit for bit.

    Args:
        delay: samples.
        stretch: as a share: 1e-6 is one sample in a million.
    """
    if stretch:
        return _stretched(read, delay, stretch)
    whole = round(delay)
    fraction = delay - whole
    if fraction:
        return _between(read, whole, fraction)
    return lambda start, count: read(start + whole, count)


def _between(read: ReadMono, whole: int, fraction: float) -> ReadMono:
    import numpy as np

    taps = _sinc(fraction)

    def between(start: int, count: int) -> NDArray[np.float64]:
        if count <= 0:
            return np.zeros(0)
        around = read(start + whole - _REACH, count + 2 * _REACH)
        return np.correlate(around, taps, "valid")

    return between


def _stretched(read: ReadMono, delay: float, stretch: float) -> ReadMono:
    """A fraction that changes from sample to sample: the structure of Farrow (1988)."""
    import numpy as np

    branches = _branches()

    def stretched(start: int, count: int) -> NDArray[np.float64]:
        if count <= 0:
            return np.zeros(0)
        numbers = np.arange(start, start + count)
        shift = numbers * stretch + delay
        nearest = np.rint(shift)
        fraction = shift - nearest
        middles = numbers + nearest.astype(np.int64)
        first = int(middles[0])
        around = read(first - _REACH, int(middles[-1]) - first + 1 + 2 * _REACH)
        middles -= first
        sound = np.zeros(count)
        for taps in branches[::-1]:
            sound = sound * fraction + np.correlate(around, taps, "valid")[middles]
        return sound

    return stretched


def _sinc(fraction: float) -> NDArray[np.float64]:
    """Weights of the samples around one for the place `fraction` (−0.5 to 0.5) after it."""
    import numpy as np

    places = np.arange(-_REACH, _REACH + 1) - fraction
    taps = np.sinc(places) * np.i0(_BETA * np.sqrt(1 - (places / (_REACH + 1)) ** 2))
    return np.asarray(taps / taps.sum())


def _branches() -> NDArray[np.float64]:
    """The same weights as polynomials of the fraction, `[power, tap]`."""
    import numpy as np

    nodes = 0.5 * np.cos(np.pi * (np.arange(4 * _DEGREE) + 0.5) / (4 * _DEGREE))
    weights = np.array([_sinc(float(node)) for node in nodes])
    return np.asarray(np.polynomial.polynomial.polyfit(nodes, weights, _DEGREE))
