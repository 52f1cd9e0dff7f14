"""What two stems predict of a mix: least squares over bands and moments, if they agree in phase.

A prediction is worth having where both sounds are heard at once, and stems and mix agree better
than the two sounds can be told apart without it; else the stem's own errors would be heard. This
module must not know what becomes of what is not predicted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemmux.spectra import Frame, power_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Neighbouring moments count by their distance (s), and the whole as so many seconds more.
NEAR, WHOLE = 1.0, 3.0
#: Least squares are regularised by this share of the stems' power.
_RIDGE = 3e-4
#: The prediction is trusted by half where its error has this share of the power that is unclear.
_WORTH = 1.0
#: What the stems do not predict, times this, to this power, is the doubt that a quiet stem holds
#: more than the other's leak.
_DOUBT = (2.0, 1.5)


@dataclass(frozen=True)
class Moment:
    """One group's spectra of the mix `[channels, spectra, frequencies]` and of both stems.

    Attributes:
        variances: of the target and the residual, in each cell.
    """

    mix: NDArray[Any]
    target: NDArray[Any]
    residual: NDArray[Any]
    variances: tuple[Any, Any]

    def every(self, count: int) -> Moment:
        """Only every second, third, … spectrum of it."""
        first, second = self.variances
        return Moment(
            self.mix[:, ::count],
            self.target[::count],
            self.residual[::count],
            (first[::count], second[::count]),
        )


@dataclass(frozen=True)
class Sums:
    """Products of stems and mix, summed over groups and bands: `[…, groups, bands]`.

    Attributes:
        tt, rr, tr: of the stems.
        xt, xr: of each channel of the mix with the stems.
        mm: of what the model heard.
        unclear: power that the stems' powers do not assign to one of them.
        loud: power of both.
    """

    tt: Any
    rr: Any
    tr: Any
    xt: Any
    xr: Any
    mm: Any
    unclear: Any
    loud: Any

    @staticmethod
    def of(frame: Frame, moments: Iterable[Moment], weights: Any) -> Sums:
        """The products of each moment; `weights`: each channel's share in what the model heard."""
        import numpy as np

        found = [_sums_of(frame, moment, weights) for moment in moments]
        return Sums(*(np.stack(parts, axis=-2) for parts in zip(*found, strict=True)))

    def near(self, kernel: Any, whole: Sums) -> Sums:
        """The sums of each moment's neighbourhood, leaning on those of the whole."""
        level = (self.tt + self.rr).sum(axis=-1, keepdims=True) + 1e-20
        lean = kernel @ level * (WHOLE / (2 * NEAR))
        return Sums(
            **{name: kernel @ own + lean * getattr(whole, name) for name, own in vars(self).items()}
        )

    def per_level(self) -> Sums:
        """One sum of all groups, for a level of 1."""
        level = float((self.tt + self.rr).sum()) + 1e-20
        return Sums(
            **{name: own.sum(axis=-2, keepdims=True) / level for name, own in vars(self).items()}
        )


def _sums_of(frame: Frame, moment: Moment, weights: Any) -> tuple[Any, ...]:
    import numpy as np

    summed = frame.summed
    with_target, with_residual = np.conj(moment.target), np.conj(moment.residual)
    first, second = moment.variances
    both = first + second
    return (
        summed(power_of(moment.target)),
        summed(power_of(moment.residual)),
        summed(moment.target * with_residual),
        np.stack([summed(channel * with_target) for channel in moment.mix]),
        np.stack([summed(channel * with_residual) for channel in moment.mix]),
        summed(power_of(np.tensordot(weights, moment.mix, 1))),
        summed(first * second / both),
        summed(both),
    )


class Prediction:
    """What the stems predict of each channel, moment by moment."""

    def __init__(self, frame: Frame, sums: Sums, weights: Any) -> None:
        """Find the factors.

        Args:
            sums: of each moment's neighbourhood; see `Sums.near`.
            weights: each channel's share in what the model heard.
        """
        import numpy as np

        power = sums.tt + sums.rr
        own, other = sums.tt + _RIDGE * power, sums.rr + _RIDGE * power
        clear = own * other - np.square(np.abs(sums.tr)) + 1e-20
        first = (sums.xt * other - sums.xr * np.conj(sums.tr)) / clear
        second = (sums.xr * own - sums.xt * sums.tr) / clear
        known = _known(sums, first, second, weights)
        # Beyond the bound trust is 1 as it is, and the square of what it may reach is no number.
        worth = np.minimum(_WORTH * sums.unclear / ((1 - known) * sums.loud + 1e-20), 1e6)
        trust = worth**2 / (1 + worth**2)
        first, second = first * trust, second * trust
        self._frame = frame
        self._factors = tuple(part.astype(np.complex64) for part in (first, second))
        self._levels = [np.float32(np.mean(power_of(part)) + 1e-12) for part in self._factors]
        # Where the stems are alike, one holds nothing but the other's leak: the quieter one.
        alike = np.square(np.abs(sums.tr)) / (sums.tt * sums.rr + 1e-20)
        scale, exponent = _DOUBT
        doubt = np.minimum(1, (scale * (1 - known)) ** exponent + alike)
        self._doubt = doubt.astype(np.float32)

    def of(self, number: int, moment: Moment) -> tuple[Any, Any]:
        """Of that moment: what the target stem predicts of the mix, and what neither stem does."""
        import numpy as np

        target, residual = self._sure(number, moment)
        first, second = (self._frame.spread(part[:, number]) for part in self._factors)
        part, rest = np.empty_like(moment.mix), np.empty_like(moment.mix)
        for channel, mix in enumerate(moment.mix):
            np.multiply(target, first[channel], out=part[channel])
            np.multiply(residual, second[channel], out=rest[channel])
            rest[channel] += part[channel]
            np.subtract(mix, rest[channel], out=rest[channel])
        return part, rest

    def _sure(self, number: int, moment: Moment) -> tuple[Any, Any]:
        """Each stem without what, in each cell, is the other's leak and not its own sound."""
        import numpy as np

        doubt = self._frame.spread(self._doubt[number])
        target, residual = (
            level * power_of(stem)
            for level, stem in zip(self._levels, (moment.target, moment.residual), strict=True)
        )
        little = np.float32(1e-12)
        return (
            moment.target * (target / (target + doubt * residual + little)),
            moment.residual * (residual / (residual + doubt * target + little)),
        )


def _known(sums: Sums, first: Any, second: Any, weights: Any) -> Any:
    """Share of what the model heard that its stems predict, 0 to 1."""
    import numpy as np

    def heard(channels: Any) -> Any:
        return np.tensordot(weights, channels, 1)

    share = heard(first) * np.conj(heard(sums.xt)) + heard(second) * np.conj(heard(sums.xr))
    return np.clip(share.real / (sums.mm + 1e-20), 0, 1)
