"""How alike two sounds are at every distance from one another.

Generalised cross-correlation (Knapp & Carter 1976), partially whitened: between plain correlation,
where looped music ties, and phase alone, where noise wins. This module must not know what the
sounds are to one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The power of its own magnitude that a cross-spectrum is divided by.
_WHITENING = 0.7


def cross_spectrum(
    reference: NDArray[np.floating], other: NDArray[np.floating], size: int
) -> NDArray[np.complexfloating]:
    """The whitened cross-spectrum of two sounds, filled up with silence to `size` samples.

    Its inverse transform at lag k is high where `other` is k samples late.
    """
    import numpy as np

    cross = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    level = np.abs(cross)
    return np.asarray(cross / (level + 1e-9 * level.max() + 1e-300) ** _WHITENING)


def quick_size(least: int) -> int:
    """The smallest length from `least` on that a Fourier transform is fast at: 1, 3 or 5 · 2^n."""
    return min(part << max(0, (-(-least // part) - 1).bit_length()) for part in (1, 3, 5))


def highest(
    curve: NDArray[np.floating], first_lag: int, count: int, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lags and signed heights of the `count` highest points, more than `width` apart.

    Args:
        curve: one value for each lag.
        first_lag: the lag of its first value.

    Returns:
        Highest first. Heights are against the curve's effective value: among 50 000 lags, chance
        reaches 4 to 5.
    """
    import numpy as np

    left = np.abs(curve)
    effective = float(np.sqrt(np.mean(np.square(left)))) or 1.0
    places = np.zeros(count, np.int64)
    for number in range(count):
        places[number] = place = int(np.argmax(left))
        left[max(0, place - width) : place + width + 1] = 0
    return (places + first_lag).astype(np.float64), np.asarray(curve[places] / effective)
