"""What two stems predict of a mix: least squares over bands and moments, if they agree in phase.

A prediction is worth having where both sounds are heard at once, and stems and mix agree better
than the two sounds can be told apart without it; else the stem's own errors would be heard. This
module must not know what becomes of what is not predicted.
"""

from __future__ import annotations

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
_WORTH = 2.0
#: What the stems do not predict, times this, to this power, is the doubt that a quiet stem holds
#: more than the other's leak.
_DOUBT = (2.0, 1.5)


@dataclass(frozen=True)
class Cells:
    """Spectra of the mix `[channels, …]` and of the two stems; see `stemmux.spectra`."""

    mix: NDArray[Any]
    target: NDArray[Any]
    residual: NDArray[Any]


@dataclass(frozen=True)
class Sums:
    """Products of stems and mix, summed over groups and bands: `[…, groups, bands]`."""

    tt: Any
    rr: Any
    tr: Any
    xt: Any
    xr: Any
    mt: Any
    mr: Any
    mm: Any

    def near(self, kernel: Any, whole: Sums | None) -> Sums:
        """The sums of each moment's neighbourhood, leaning on those of the whole."""
        level = (self.tt + self.rr).sum(axis=-1, keepdims=True) + 1e-20
        around = kernel @ level
        lean = around * (WHOLE / (2 * NEAR))
        return Sums(
            **{
                name: kernel @ own + (lean * getattr(whole, name) if whole else 0)
                for name, own in vars(self).items()
            }
        )

    def per_level(self) -> Sums:
        """One sum of all groups, for a level of 1."""
        level = float((self.tt + self.rr).sum()) + 1e-20
        return Sums(
            **{name: own.sum(axis=-2, keepdims=True) / level for name, own in vars(self).items()}
        )


def sums_of(frame: Frame, cells: Cells, weights: Any) -> Sums:
    """The products of each moment; `weights` are each channel's share in what the model heard."""
    import numpy as np

    summed = frame.summed
    mono = np.tensordot(weights, cells.mix, 1)
    with_target, with_residual = np.conj(cells.target), np.conj(cells.residual)
    return Sums(
        tt=summed(power_of(cells.target)),
        rr=summed(power_of(cells.residual)),
        tr=summed(cells.target * with_residual),
        xt=summed(cells.mix * with_target),
        xr=summed(cells.mix * with_residual),
        mt=summed(mono * with_target),
        mr=summed(mono * with_residual),
        mm=summed(power_of(mono)),
    )


def predicted(
    frame: Frame, cells: Cells, variances: tuple[Any, Any], sums: Sums, kernel: Any
) -> tuple[Any, Any]:
    """What the target stem predicts of each channel, and what neither stem does.

    Args:
        variances: of the two sounds, in each cell.
        sums: of each moment's neighbourhood; see `Sums.near`.
        kernel: how much each group counts for each other.
    """
    import numpy as np

    power = sums.tt + sums.rr
    own, other = sums.tt + _RIDGE * power, sums.rr + _RIDGE * power
    clear = own * other - np.square(np.abs(sums.tr)) + 1e-20
    first = (sums.xt * other - sums.xr * np.conj(sums.tr)) / clear
    second = (sums.xr * own - sums.xt * sums.tr) / clear
    known = _coherence(sums, own, other, clear)
    trust = _trust(frame, variances, known, kernel)
    first, second = first * trust, second * trust
    sure, sure_rest = _sure(frame, cells, sums, known, (first, second))
    first, second = (frame.spread(part.astype(np.complex64)) for part in (first, second))
    part = first * (cells.target * sure)
    return part, cells.mix - part - second * (cells.residual * sure_rest)


def _coherence(sums: Sums, own: Any, other: Any, clear: Any) -> Any:
    """Share of what the model heard that its stems predict, 0 to 1."""
    import numpy as np

    first = (sums.mt * other - sums.mr * np.conj(sums.tr)) / clear
    second = (sums.mr * own - sums.mt * sums.tr) / clear
    share = (first * np.conj(sums.mt) + second * np.conj(sums.mr)).real
    return np.clip(share / (sums.mm + 1e-20), 0, 1)


def _trust(frame: Frame, variances: tuple[Any, Any], known: Any, kernel: Any) -> Any:
    """How far a prediction is used, 0 to 1: what it could clear up against what it gets wrong."""
    target, residual = variances
    both = target + residual
    unclear = kernel @ frame.summed(target * residual / both)
    wrong = (1 - known) * (kernel @ frame.summed(both))
    worth = _WORTH * unclear / (wrong + 1e-20)
    return worth**2 / (1 + worth**2)


def _sure(
    frame: Frame, cells: Cells, sums: Sums, known: Any, factors: tuple[Any, Any]
) -> tuple[Any, Any]:
    """Share of each stem in each cell that is its own sound, and not the other's leak."""
    import numpy as np

    # Where the stems are alike, one of them holds nothing but the other's leak: the quieter one.
    alike = np.square(np.abs(sums.tr)) / (sums.tt * sums.rr + 1e-20)
    scale, exponent = _DOUBT
    doubt = np.minimum(1, (scale * (1 - known)) ** exponent + alike)
    doubt = frame.spread(doubt.astype(np.float32))
    levels = [np.float32(np.mean(np.square(np.abs(part))) + 1e-12) for part in factors]
    target, residual = (
        level * power_of(stem)
        for level, stem in zip(levels, (cells.target, cells.residual), strict=True)
    )
    little = np.float32(1e-12)
    return (
        target / (target + doubt * residual + little),
        residual / (residual + doubt * target + little),
    )
