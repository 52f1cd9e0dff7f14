"""How a mix is divided by two mono stems that a model generated: the statistics of it.

In every cell of time and frequency each channel of the mix is taken as a sum of three things: what
the target stem predicts, what the residual stem predicts, and the rest, which is shared out. Where
stems and mix agree in phase, least squares predict nearly all of it; where the model has lost the
phase, nothing is predicted, and all is shared out by the stems' powers and by where each sound lies
between the channels (a multichannel Wiener filter, Duong et al. 2010, whose covariances come from
expectation-maximisation). What leaks from one stem into the other is found by their correlation
over time, and taken back.

All arrays are cells: `[channels, groups, GROUP, frequencies]`. This module must not know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemmux.spectra import GROUP, Frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Statistics of a moment count neighbours by distance (s), and the whole as so many seconds more.
_NEAR, _WHOLE = 1.0, 3.0
#: Powers below this share of a band's mean say nothing.
_FLOOR = 1e-6
#: Least squares are regularised by this share of the stems' power.
_RIDGE = 3e-4
#: Coherence of the stems with the mix from which they predict nothing, and from which all.
_COHERENT = (0.45, 0.8)
#: Steps of expectation-maximisation for the whole.
_STEPS = 3
#: Up to so many channels, a moment may turn the covariances; of more, it only weighs them anew.
_MOST_TURNED = 2


@dataclass(frozen=True)
class Cells:
    """Spectra of the mix, and of the two stems at the level at which they came."""

    mix: NDArray[Any]
    target: NDArray[Any]
    residual: NDArray[Any]


@dataclass(frozen=True)
class _Sums:
    """Products of stems and mix, summed over groups and bands: `[…, groups, bands]`."""

    tt: Any
    rr: Any
    tr: Any
    xt: Any
    xr: Any
    mt: Any
    mr: Any
    mm: Any

    def near(self, kernel: Any, whole: _Sums | None) -> _Sums:
        """The sums of each moment's neighbourhood, leaning on those of the whole."""
        level = (self.tt + self.rr).sum(axis=-1, keepdims=True) + 1e-20
        around = kernel @ level
        lean = around * (_WHOLE / (2 * _NEAR))
        return _Sums(
            **{
                name: kernel @ own + (lean * getattr(whole, name) if whole else 0)
                for name, own in vars(self).items()
            }
        )

    def per_level(self) -> _Sums:
        """One sum of all groups, for a level of 1."""
        level = float((self.tt + self.rr).sum()) + 1e-20
        return _Sums(
            **{name: own.sum(axis=-2, keepdims=True) / level for name, own in vars(self).items()}
        )


@dataclass(frozen=True)
class Scene:
    """What is true of the whole stretch.

    Attributes:
        weights: each channel's share in the mono that the model heard.
        scales: of mix, target and residual, so that each has a mean power of 1.
        leak: how much of the residual is in the target stem, and the other way round.
        powers: of the target and the residual for a power of 1 in their stems.
        floor: power that says nothing, for each frequency.
        whole: see `_Sums.per_level`; None while it is being found.
        spread: covariances of the channels, `[2, 1, bands, channels, channels]`.
        explained: share of the mix's power that the stems account for, cell by cell.
        beyond: share of the target stem's power that is more than the mix has.
    """

    frame: Frame
    weights: NDArray[np.float32]
    scales: tuple[float, float, float]
    leak: tuple[float, float] = (0.0, 0.0)
    powers: tuple[float, float] = (1.0, 1.0)
    floor: Any = None
    explained: float = 0.0
    beyond: float = 0.0
    whole: _Sums | None = None
    spread: Any = None


def survey(frame: Frame, blocks: Sequence[NDArray[np.float32]], weights: Any) -> Scene:
    """Learn what is true of the whole from samples of it.

    Args:
        blocks: stretches of sound, `[channels + 2, samples]`: the mix, the target stem and the
            residual stem. Their lengths make whole groups; see `Frame.analyse`.
        weights: each channel's share in the mono that the model heard.
    """
    import dataclasses

    import numpy as np

    scene = Scene(frame, weights, _scales(blocks))
    spectra = [frame.analyse(_prepared(scene, block)) for block in blocks]
    cells = _cells(np.concatenate(spectra, axis=1))
    scene = dataclasses.replace(scene, leak=_leak(scene, cells))
    cells = Cells(cells.mix, *_unmixed(scene.leak, cells.target, cells.residual))
    sums = _sums(scene, cells)
    powers, floor = _powers(cells)
    explained, beyond = _accounted(frame, cells, powers)
    scene = dataclasses.replace(
        scene,
        powers=powers,
        floor=floor,
        explained=explained,
        beyond=beyond,
        whole=sums.per_level(),
    )
    _, rest = _predicted(scene, cells, sums)
    spread = _start(len(cells.mix), len(frame.edges))
    for _ in range(_STEPS):
        spread = _relearned(scene, cells, rest, spread, kernel=None)
    return dataclasses.replace(scene, spread=spread)


def target_of(scene: Scene, block: NDArray[np.float32]) -> Any:
    """The target's cells in each channel of the mix, for a stretch as in `survey`."""
    import numpy as np

    cells = _cells(scene.frame.analyse(_prepared(scene, block)))
    predicted, rest = _predicted(scene, cells, _sums(scene, cells))
    spread = _relearned(scene, cells, rest, scene.spread, kernel=_kernel(scene, cells))
    there, gains, back = _divided(scene, cells, rest, spread)
    there *= gains
    predicted += _turned(scene, back, there)
    predicted *= np.float32(1 / scene.scales[0])
    return predicted


def _cells(spectra: NDArray[Any]) -> Cells:
    return Cells(spectra[:-2], spectra[-2], spectra[-1])


def _scales(blocks: Sequence[NDArray[np.float32]]) -> tuple[float, float, float]:
    """Factors that bring mix, target and residual to a power of 1."""
    import numpy as np

    def factor(part: slice) -> float:
        power = sum(float(np.square(block[part]).mean()) for block in blocks) / len(blocks)
        return power**-0.5 if power > 0 else 1.0

    return factor(slice(-2)), factor(slice(-2, -1)), factor(slice(-1, None))


def _prepared(scene: Scene, block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sound at a power of 1, and the leak between the stems taken back."""
    import numpy as np

    out = np.empty_like(block)
    np.multiply(block[:-2], np.float32(scene.scales[0]), out=out[:-2])
    target, residual = (
        part * np.float32(scale) for part, scale in zip(block[-2:], scene.scales[1:], strict=True)
    )
    out[-2], out[-1] = _unmixed(scene.leak, target, residual)
    return out


def _unmixed(leak: tuple[float, float], target: Any, residual: Any) -> tuple[Any, Any]:
    import numpy as np

    if not any(leak):
        return target, residual
    there, back = map(np.float32, leak)
    clean = np.float32(1 / (1 - leak[0] * leak[1]))
    return (target - there * residual) * clean, (residual - back * target) * clean


def _leak(scene: Scene, cells: Cells) -> tuple[float, float]:
    """Shares of the other sound in each stem, which make the stems correlate.

    With stems T = t + a·r and R = r + b·t of independent sounds, <T R*> = a <r r*> + b <t t*>:
    since the sounds come and go apart, a and b are found by least squares over time and bands.
    """
    import numpy as np

    summed = scene.frame.summed
    tt, rr = summed(_power(cells.target)), summed(_power(cells.residual))
    tr = summed((cells.target * np.conj(cells.residual)).real)
    there = back = 0.0
    for _ in range(4):
        own = tt - 2 * there * tr + there**2 * rr
        other = rr - 2 * back * tr + back**2 * tt
        cross = (1 + there * back) * tr - there * rr - back * tt
        weight = 1 / (own * other + 1e-6 * np.mean(own + other) ** 2 + 1e-20)
        a, b, c = ((weight * v).sum() for v in (other * other, own * other, own * own))
        y, z = ((weight * cross * v).sum() for v in (other, own))
        clear = a * c - b * b
        if clear <= 1e-9 * a * c:
            return 0.0, 0.0
        there, back = there + (y * c - z * b) / clear, back + (a * z - b * y) / clear
    there, back = max(0.0, float(there)), max(0.0, float(back))
    # Stems that hold the same sound cannot be told apart.
    return (there, back) if there * back < 0.8 and max(there, back) < 2 else (0.0, 0.0)


def _power(cells: NDArray[Any]) -> Any:
    import numpy as np

    return np.square(cells.real) + np.square(cells.imag)


def _sums(scene: Scene, cells: Cells) -> _Sums:
    import numpy as np

    summed = scene.frame.summed
    mono = np.tensordot(scene.weights, cells.mix, 1)
    with_target, with_residual = np.conj(cells.target), np.conj(cells.residual)
    return _Sums(
        tt=summed(_power(cells.target)),
        rr=summed(_power(cells.residual)),
        tr=summed(cells.target * with_residual),
        xt=summed(cells.mix * with_target),
        xr=summed(cells.mix * with_residual),
        mt=summed(mono * with_target),
        mr=summed(mono * with_residual),
        mm=summed(_power(mono)),
    )


def _kernel(scene: Scene, cells: Cells) -> Any:
    """How much each group counts for each other: `[groups, groups]`."""
    import numpy as np

    groups = cells.mix.shape[1]
    seconds = GROUP * _step_seconds(scene)
    apart = np.abs(np.arange(groups)[:, None] - np.arange(groups))
    return np.exp(-apart * seconds / _NEAR).astype(np.float32)


def _step_seconds(scene: Scene) -> float:
    # The size follows the rate, so that a spectrum is 85 ms long at every rate.
    return scene.frame.step / 48_000 * (4096 / scene.frame.size)


def _powers(cells: Cells) -> tuple[tuple[float, float], Any]:
    """Powers of the two sounds for a power of 1 in their stems, fitted to the mix's."""
    import numpy as np

    target, residual = _power(cells.target), _power(cells.residual)
    floor = _FLOOR * (target + residual).mean(axis=(0, 1)) + np.float32(1e-9)
    heard = _power(cells.mix).sum(axis=0)
    weight = 1 / np.square(target + residual + floor)
    a, b, c = (float((weight * v).sum()) for v in (target**2, target * residual, residual**2))
    y, z = (float((weight * v * heard).sum()) for v in (target, residual))
    clear = a * c - b * b + 1e-12 * a * c + 1e-30
    first, second = (y * c - z * b) / clear, (a * z - b * y) / clear
    if first <= 0 or second <= 0:
        first, second = y / (a + 1e-30), z / (c + 1e-30)
    first, second = max(first, 1e-3 * second), max(second, 1e-3 * first)
    return (first, second), floor


def _accounted(frame: Frame, cells: Cells, powers: tuple[float, float]) -> tuple[float, float]:
    """Shares: of the mix's power that the stems have too, and of the target's that it has not."""
    import numpy as np

    heard = frame.summed(_power(cells.mix).sum(axis=0))
    target, residual = (
        power * frame.summed(_power(stem))
        for power, stem in zip(powers, (cells.target, cells.residual), strict=True)
    )
    both = target + residual
    # At the same level as a whole: what counts is whether they are loud in the same cells.
    both *= float(heard.sum()) / max(float(both.sum()), 1e-20)
    explained = np.minimum(heard, both).sum() / max(float(heard.sum()), 1e-20)
    beyond = np.maximum(target - heard, 0).sum() / max(float(target.sum()), 1e-20)
    return float(explained), float(beyond)


def _predicted(scene: Scene, cells: Cells, sums: _Sums) -> tuple[Any, Any]:
    """What the target stem predicts of each channel, and what neither stem does."""
    import numpy as np

    near = sums.near(_kernel(scene, cells), scene.whole)
    power = near.tt + near.rr
    own, other = near.tt + _RIDGE * power, near.rr + _RIDGE * power
    clear = own * other - np.square(np.abs(near.tr)) + 1e-20
    first = (near.xt * other - near.xr * np.conj(near.tr)) / clear
    second = (near.xr * own - near.xt * near.tr) / clear
    known = _coherence(near, own, other, clear)
    low, high = _COHERENT
    trust = np.clip((known - low) / (high - low), 0, 1)
    trust = trust * trust * (3 - 2 * trust)
    # A stem says nothing of its sound in cells where the other's leak outweighs it.
    spread = scene.frame.spread
    doubt = spread(np.minimum(1, (2 * (1 - known)) ** 1.5).astype(np.float32))
    levels = [float(np.mean(np.square(np.abs(c * trust)))) + 1e-12 for c in (first, second)]
    target = _power(cells.target) * np.float32(levels[0])
    residual = _power(cells.residual) * np.float32(levels[1])
    sure = target / (target + doubt * residual + np.float32(1e-12))
    sure_rest = residual / (residual + doubt * target + np.float32(1e-12))
    first = spread((first * trust).astype(np.complex64))
    second = spread((second * trust).astype(np.complex64))
    predicted = first * (cells.target * sure)
    return predicted, cells.mix - predicted - second * (cells.residual * sure_rest)


def _coherence(near: _Sums, own: Any, other: Any, clear: Any) -> Any:
    """Share of what the model heard that its stems predict, 0 to 1."""
    import numpy as np

    first = (near.mt * other - near.mr * np.conj(near.tr)) / clear
    second = (near.mr * own - near.mt * near.tr) / clear
    share = (first * np.conj(near.mt) + second * np.conj(near.mr)).real
    return np.clip(share / (near.mm + 1e-20), 0, 1)


def _variances(scene: Scene, cells: Cells) -> tuple[Any, Any]:
    import numpy as np

    low = scene.floor * np.float32(1e-3)
    first, second = map(np.float32, scene.powers)
    return first * _power(cells.target) + low, second * _power(cells.residual) + low


def _start(channels: int, bands: int) -> Any:
    import numpy as np

    return np.tile(np.eye(channels) / channels, (2, 1, bands, 1, 1))


def _diagonal(spread: Any) -> tuple[Any, Any, Any]:
    """Turns that make both covariances diagonal: there, the target's share, and back.

    With W Cr Wᴴ = 1 and W Ct Wᴴ = D, each turned channel has a gain of its own.
    """
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
    there = np.conj(np.swapaxes(turn, -1, -2)) @ inverse
    return there, np.maximum(shares, 0), lower @ turn


def _turned(scene: Scene, matrices: Any, cells: Any) -> Any:
    """`matrices` `[groups, bands, channels, channels]` applied to every cell."""
    import numpy as np

    channels = len(cells)
    if channels == 1 and np.isrealobj(matrices):
        return scene.frame.spread(matrices[..., 0, 0].astype(np.float32)) * cells
    out = np.zeros_like(cells)
    for row in range(channels):
        for column in range(channels):
            factor = matrices[..., row, column].astype(np.complex64)
            out[row] += scene.frame.spread(factor) * cells[column]
    return out


def _divided(scene: Scene, cells: Cells, rest: Any, spread: Any) -> tuple[Any, Any, Any]:
    """The rest in turned channels, the target's gain in each cell, and the way back."""
    import numpy as np

    there, shares, back = _diagonal(spread)
    target, residual = _variances(scene, cells)
    turned = _turned(scene, there, rest)
    gains = np.empty(turned.shape, np.float32)
    for channel in range(len(turned)):
        share = scene.frame.spread(shares[..., channel].astype(np.float32))
        own = share * target
        gains[channel] = own / (own + residual)
    return turned, gains, back


def _relearned(scene: Scene, cells: Cells, rest: Any, spread: Any, *, kernel: Any) -> Any:
    """One step of expectation-maximisation: covariances of the whole, or (`kernel`) near by.

    Every second spectrum will do: they overlap by half.
    """
    import numpy as np

    cells = Cells(cells.mix[:, :, ::2], cells.target[:, ::2], cells.residual[:, ::2])
    turned, gains, back = _divided(scene, cells, rest[:, :, ::2], spread)
    target, residual = _variances(scene, cells)
    widths = scene.frame.widths * (GROUP // 2)
    full = kernel is None or len(turned) <= _MOST_TURNED
    pairs = _pairs(turned) if full else {(n, n): _power(part) for n, part in enumerate(turned)}
    # What is not known is the same for both: the product of their variances over the sum.
    unknown = gains * residual
    out = []
    for own, share, before in ((target, gains, spread[0]), (residual, 1 - gains, spread[1])):
        sums = _expected(scene.frame, pairs, share, own, unknown)
        turn = np.conj(np.swapaxes(back, -1, -2))
        if kernel is None:
            mean = sums.sum(axis=0, keepdims=True) / (len(sums) * widths)[None, :, None, None]
            out.append(back @ mean @ turn)
            continue
        lean = scene.frame.widths * (_WHOLE / _step_seconds(scene) / 2)
        near = back @ np.tensordot(kernel, sums, 1) @ turn + before * lean[None, :, None, None]
        count = kernel.sum(axis=1)[:, None] * widths + lean
        out.append(near / count[..., None, None])
    return np.stack(out)


def _pairs(turned: Any) -> dict[tuple[int, int], Any]:
    import numpy as np

    pairs: dict[tuple[int, int], Any] = {}
    for row, part in enumerate(turned):
        pairs[row, row] = _power(part)
        for column in range(row):
            pairs[row, column] = part * np.conj(turned[column])
    return pairs


def _expected(
    frame: Frame, pairs: dict[tuple[int, int], Any], share: Any, own: Any, unknown: Any
) -> Any:
    """Summed covariances of one sound for a power of 1: `[groups, bands, channels, channels]`.

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
    out: Any = None
    for (row, column), product in pairs.items():
        cells = weights[row] * weights[column] * product
        if row == column:
            cells += unknown[row] * inverse
        added = frame.summed(cells)
        if out is None:
            out = np.zeros((*added.shape, channels, channels), np.complex64)
        out[..., row, column] = added
        if row != column:
            out[..., column, row] = np.conj(added)
    return out
