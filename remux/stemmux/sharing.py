"""Share out sound between two sources by their powers and by where they lie between the channels.

A multichannel Wiener filter: each source is a variance in every cell times a covariance of the
channels in every band (Duong et al. 2010), which expectation-maximisation finds. Both covariances
are made diagonal together, so that every turned channel has a gain of its own. This module must not
know what the sound is, nor how the variances were found.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from stemmux.spectra import Frame, power_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Up to so many channels, a moment may turn the covariances; of more, it only weighs them anew.
_MOST_TURNED = 2
#: How much of no direction at all is in the first guess.
_PLAIN = 1e-2

#: Variances of the two sources in each cell.
Variances = tuple[Any, Any]
#: One group: the variances, and the sound `[channels, spectra, frequencies]`.
Part = tuple[Variances, Any]


def start(frame: Frame, parts: Sequence[Part]) -> Any:
    """Covariances before anything is learned: of what a mask by the variances alone takes out.

    Returns:
        `[2, 1, bands, channels, channels]`, as everywhere here: of the whole, one group.
    """
    import numpy as np

    expected: Any = 0
    found: Any = 0
    sums: Any = 0
    for variances, sound in parts:
        both = variances[0] + variances[1]
        expected = expected + frame.summed(both)
        found = found + frame.summed(power_of(sound)).sum(axis=0)
        pairs, nothing = _pairs(sound), np.zeros((len(sound), 1, 1), np.float32)
        masks = (np.broadcast_to(variance / both, sound.shape) for variance in variances)
        sums = sums + np.stack(
            [
                _expected(frame, pairs, mask, variance, nothing)
                for mask, variance in zip(masks, variances, strict=True)
            ]
        )
    # At the power of the sound, so that the variances alone say which source is how strong.
    level = np.clip(found / (expected + 1e-20), 1e-4, 1)[:, None, None]
    trace = np.trace(sums, axis1=-2, axis2=-1).real[..., None, None]
    channels = sums.shape[-1]
    plain = _PLAIN * np.eye(channels) / channels
    return (level * (sums / (trace + 1e-20) + plain) / (1 + _PLAIN))[:, None]


def learned(frame: Frame, parts: Sequence[Part], spread: Any) -> Any:
    """Covariances of the whole, by one more step of expectation-maximisation."""
    turns = Turns(frame, spread)
    count = frame.widths * sum(len(variances[0]) for variances, _ in parts)
    total = sum(turns.expected(0, part) for part in parts)
    return turns.turned_back(total[:, None] / count[:, None, None])


def near(frame: Frame, parts: Sequence[Part], spread: Any, kernel: Any, whole: float) -> Turns:
    """How to divide each moment: covariances found by one step from those of the whole.

    Args:
        kernel: how much each group counts for each other.
        whole: how many spectra the whole counts as; each moment leans on it.
    """
    import numpy as np

    turns = Turns(frame, spread)
    lean = (frame.widths * whole)[:, None]
    count = kernel.sum(axis=1)[:, None, None] * (frame.widths * len(parts[0][0][0]))[:, None] + lean
    if spread.shape[-1] > _MOST_TURNED:
        powers = np.stack([turns.powers(part) for part in parts], axis=1)
        own, other = np.tensordot(kernel, powers, (1, 1)).swapaxes(0, 1)
        return turns.weighed((own + turns.shares * lean) / (other + lean))
    sums = np.stack([turns.expected(0, part) for part in parts], axis=1)
    found = np.tensordot(kernel, sums, (1, 1)).swapaxes(0, 1)
    spread = turns.turned_back(found) + spread * lean[..., None]
    return Turns(frame, spread / count[..., None])


class Turns:
    """Turned channels in which both covariances are diagonal, so that each has a gain of its own.

    With W Cr Wᴴ = 1 and W Ct Wᴴ = D: `there` is W, `shares` D, `back` the inverse of W;
    `[groups, bands, …]`, or one group for all.
    """

    def __init__(self, frame: Frame, spread: Any) -> None:
        import numpy as np

        first, second = spread
        channels = first.shape[-1]
        level = np.trace(first + second, axis1=-2, axis2=-1).real[..., None, None]
        little = np.eye(channels) * (1e-4 * level / channels + 1e-12)
        lower = np.linalg.cholesky(second + little)
        inverse = np.linalg.inv(lower)
        shares, turn = np.linalg.eigh(
            inverse @ (first + little) @ np.conj(np.swapaxes(inverse, -1, -2))
        )
        self._frame = frame
        self.shares = np.maximum(shares, 0)
        self._back = lower @ turn
        self._matrices = [
            frame.spread(np.moveaxis(matrices, 1, -1).astype(np.complex64))
            for matrices in (np.conj(np.swapaxes(turn, -1, -2)) @ inverse, self._back)
        ]

    def weighed(self, shares: Any) -> Turns:
        """The same turns, with other shares."""
        out = copy(self)
        out.shares = shares
        return out

    def first(self, number: int, part: Part) -> Any:
        """The first source's part of that group's sound."""
        variances, sound = part
        turned = self._turned(0, number, sound)
        turned *= self._gains(number, variances)
        return self._turned(1, number, turned)

    def turned_back(self, covariances: Any) -> Any:
        """Covariances of turned channels, as they are in the sound's own."""
        import numpy as np

        return self._back @ covariances @ np.conj(np.swapaxes(self._back, -1, -2))

    def expected(self, number: int, part: Part) -> Any:
        """Summed covariances of both sources in turned channels: `[2, bands, …]`."""
        import numpy as np

        variances, sound = part
        target, residual = variances
        pairs, gains = _pairs(self._turned(0, number, sound)), self._gains(number, variances)
        # What is not known is the same for both: the product of their variances over the sum.
        unknown = gains * residual
        return np.stack(
            [
                _expected(self._frame, pairs, gains, target, unknown),
                _expected(self._frame, pairs, 1 - gains, residual, unknown),
            ]
        )

    def powers(self, part: Part) -> Any:
        """Both sources' summed powers in each turned channel: `[2, bands, channels]`."""
        import numpy as np

        variances, sound = part
        target, residual = variances
        turned, gains = self._turned(0, 0, sound), self._gains(0, variances)
        out = np.empty((2, len(self._frame.edges), len(sound)), np.float32)
        for channel, (cells, gain) in enumerate(zip(turned, gains, strict=True)):
            power, unknown = power_of(cells), gain * residual
            own = (np.square(gain) * power + unknown) / target
            other = (np.square(1 - gain) * power + unknown) / residual
            out[0, :, channel] = self._frame.summed(own)
            out[1, :, channel] = self._frame.summed(other)
        return out

    def _gains(self, number: int, variances: Variances) -> Any:
        """The first source's gain in each cell of each turned channel."""
        import numpy as np

        target, residual = variances
        shares = self.shares[min(number, len(self.shares) - 1)].T.astype(np.float32)
        gains = np.empty((len(shares), *target.shape), np.float32)
        for gain, share in zip(gains, self._frame.spread(shares), strict=True):
            np.multiply(target, share, out=gain)
            gain /= gain + residual
        return gains

    def _turned(self, which: int, number: int, cells: Any) -> Any:
        import numpy as np

        matrices = self._matrices[which]
        matrix = matrices[min(number, len(matrices) - 1)]
        out, product = np.empty_like(cells), np.empty_like(cells[0])
        for row, factors in zip(out, matrix, strict=True):
            np.multiply(cells[0], factors[0], out=row)
            for cell, factor in zip(cells[1:], factors[1:], strict=True):
                row += np.multiply(cell, factor, out=product)
        return out


def _pairs(turned: Any) -> dict[tuple[int, int], Any]:
    import numpy as np

    pairs: dict[tuple[int, int], Any] = {}
    for row, part in enumerate(turned):
        pairs[row, row] = power_of(part)
        for column in range(row):
            pairs[row, column] = part * np.conj(turned[column])
    return pairs


def _expected(
    frame: Frame, pairs: dict[tuple[int, int], Any], share: Any, own: Any, unknown: Any
) -> NDArray[Any]:
    """Summed covariances of one sound for a power of 1: `[bands, channels, channels]`.

    Args:
        pairs: products of turned channels; see `_pairs`.
        share: the sound's gain in each turned channel.
        own: its variance.
        unknown: what is not known of it, a variance.
    """
    import numpy as np

    inverse = 1 / own
    weights = share * np.sqrt(inverse)
    channels = len(share)
    out = np.empty((len(frame.edges), channels, channels), np.complex64)
    for (row, column), product in pairs.items():
        cells = weights[row] * weights[column] * product
        if row == column:
            cells += unknown[row] * inverse
        out[:, row, column] = frame.summed(cells)
        if row != column:
            out[:, column, row] = np.conj(out[:, row, column])
    return out
