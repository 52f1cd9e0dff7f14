"""How a mix is divided by two mono stems that a model generated: the statistics of it.

In every cell of time and frequency each channel of the mix is taken as a sum of three things: what
the target stem predicts, what the residual stem predicts, and the rest, which is shared out. Where
stems and mix agree in phase, least squares predict nearly all of it; where the model has lost the
phase, nothing is predicted, and all is shared out by the stems' powers and by where each sound lies
between the channels (a multichannel Wiener filter, Duong et al. 2010, whose covariances come from
expectation-maximisation). What leaks from one stem into the other is found by their correlation
over time, and taken back.

Cells are worked on group by group, `[channels, spectra, frequencies]`; only their sums over bands
are put together. This module must not know files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stemmux.prediction import NEAR, WHOLE, Moment, Prediction, Sums
from stemmux.sharing import learned, near, start
from stemmux.spectra import GROUP, OVERLAP, Frame, power_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Powers below this share of a band's mean say nothing.
_FLOOR = 1e-6
#: Each stem holds a little of the other sound, so the ratio of their powers is steeper than it
#: looks: by so much more than 1 as an exponent, divided by the channels, which say the rest.
_STEEPER = 0.5
#: Sums are made of spectra that overlap by half; expectation-maximisation, of some that do not.
_SUMMED, _APART = OVERLAP // 2, OVERLAP
#: Steps of expectation-maximisation for the whole.
_STEPS = 3
#: The stems' levels against one another are believed up to this factor beside the mix's (power).
_FAR_OFF = 4.0


@dataclass(frozen=True)
class Scene:
    """What is true of the whole stretch.

    Attributes:
        weights: each channel's share in the mono that the model heard.
        scales: of mix, target and residual, so that each has a mean power of 1.
        leak: how much of the residual is in the target stem, and the other way round.
        powers: of the target and the residual for a power of 1 in their stems.
        floor: power that says nothing, for each frequency.
        whole: see `Sums.per_level`; None while it is being found.
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
    whole: Sums | None = None
    spread: Any = None


def survey(frame: Frame, blocks: Sequence[NDArray[np.float32]], weights: Any) -> Scene:
    """Learn what is true of the whole from samples of it.

    Args:
        blocks: stretches of sound, `[channels + 2, samples]`: the mix, the target stem and the
            residual stem. Each holds whole groups, and the `lap` samples behind them.
        weights: each channel's share in the mono that the model heard.
    """
    import dataclasses

    scene = Scene(frame, weights, _scales(blocks))
    spectra = [
        frame.analyse(sound, group, _SUMMED)
        for sound in (_prepared(scene, block) for block in blocks)
        for group in range(_groups_in(frame, sound))
    ]
    scene = dataclasses.replace(scene, leak=_leak(scene, spectra))
    for cells in spectra:
        cells[-2], cells[-1] = _unmixed(scene.leak, cells[-2], cells[-1])
    powers, floor = _powers(spectra)
    powers = _as_they_came(powers, scene.scales)
    explained, beyond = _accounted(frame, spectra, powers)
    scene = dataclasses.replace(
        scene, powers=powers, floor=floor, explained=explained, beyond=beyond
    )
    moments = [_moment(scene, cells) for cells in spectra]
    sums, kernel = Sums.of(frame, moments, weights), _kernel(scene, len(moments))
    whole = sums.per_level()
    prediction = Prediction(frame, sums.near(kernel, whole), weights)
    parts = list(_rests(prediction, moments, _APART // _SUMMED))
    spread = start(frame, parts)
    for _ in range(_STEPS):
        spread = learned(frame, parts, spread)
    return dataclasses.replace(scene, whole=whole, spread=spread)


def target_of(scene: Scene, block: NDArray[np.float32], inside: slice) -> Iterator[Any]:
    """The target's cells in each channel of the mix, group by group.

    Args:
        block: a stretch as in `survey`.
        inside: the groups of it that are wanted; those around them are only looked at.
    """
    import numpy as np

    frame, sound = scene.frame, _prepared(scene, block)
    count = _groups_in(frame, sound)
    wanted = range(count)[inside]
    every = [1 if group in wanted else _SUMMED for group in range(count)]
    moments = [
        _moment(scene, frame.analyse(sound, group, step)) for group, step in enumerate(every)
    ]
    thin = [moment.every(_SUMMED // step) for moment, step in zip(moments, every, strict=True)]
    kernel = _kernel(scene, count)
    assert scene.whole is not None
    sums = Sums.of(frame, thin, scene.weights).near(kernel, scene.whole)
    prediction = Prediction(frame, sums, scene.weights)
    parts = list(_rests(prediction, thin, _APART // _SUMMED))
    whole = WHOLE / (_APART * _step_seconds(scene))
    turns = near(frame, parts, scene.spread, kernel, whole)
    back = np.float32(1 / scene.scales[0])
    for group in wanted:
        moment = moments[group]
        out, rest = prediction.of(group, moment)
        out += turns.first(group, (moment.variances, rest))
        out *= back
        yield out


def _groups_in(frame: Frame, sound: NDArray[np.float32]) -> int:
    return int(sound.shape[1] - frame.lap) // (GROUP * frame.step)


def _rests(prediction: Prediction, moments: Sequence[Moment], every: int) -> Iterator[Any]:
    """The variances, and what is not predicted, of every so many spectra."""
    for number, moment in enumerate(moments):
        few = moment.every(every)
        yield few.variances, prediction.of(number, few)[1]


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


def _leak(scene: Scene, spectra: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Shares of the other sound in each stem, which make the stems correlate.

    With stems T = t + a·r and R = r + b·t of independent sounds, <T R*> = a <r r*> + b <t t*>:
    since the sounds come and go apart, a and b are found by least squares over time and bands.
    """
    import numpy as np

    summed = scene.frame.summed
    tt, rr = (np.stack([summed(power_of(cells[row])) for cells in spectra]) for row in (-2, -1))
    tr = np.stack([summed((cells[-2] * np.conj(cells[-1])).real) for cells in spectra])
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
    # A sound leaks as it is; where one stem is upside down, both leaks are less than nothing.
    sign = 1.0 if there + back > 0 else -1.0
    there, back = sign * max(0.0, sign * float(there)), sign * max(0.0, sign * float(back))
    # Stems that hold the same sound cannot be told apart.
    alike = there * back >= 0.8 or max(abs(there), abs(back)) >= 2
    return (0.0, 0.0) if alike else (there, back)


def _kernel(scene: Scene, groups: int) -> Any:
    """How much each group counts for each other: `[groups, groups]`."""
    import numpy as np

    seconds = GROUP * _step_seconds(scene)
    apart = np.abs(np.arange(groups)[:, None] - np.arange(groups))
    return np.exp(-apart * seconds / NEAR).astype(np.float32)


def _step_seconds(scene: Scene) -> float:
    # The size follows the rate, so that a spectrum is 85 ms long at every rate.
    return scene.frame.step / 48_000 * (4096 / scene.frame.size)


def _powers(spectra: Sequence[NDArray[Any]]) -> tuple[tuple[float, float], Any]:
    """Powers of the two sounds for a power of 1 in their stems, fitted to the mix's."""
    import numpy as np

    stems = [(power_of(cells[-2]), power_of(cells[-1])) for cells in spectra]
    means = [(target + residual).mean(axis=0) for target, residual in stems]
    floor = _FLOOR * np.mean(means, axis=0, dtype=np.float32) + np.float32(1e-9)
    sums = np.zeros(5)
    for cells, (target, residual) in zip(spectra, stems, strict=True):
        heard = power_of(cells[:-2]).sum(axis=0)
        weight = 1 / (target + residual + heard + floor)
        own, other = weight * target, weight * residual
        products = (own * target, own * residual, other * residual, own * heard, other * heard)
        sums += [float(product.sum()) for product in products]
    a, b, c, y, z = map(float, sums)
    clear = a * c - b * b + 1e-12 * a * c + 1e-30
    first, second = (y * c - z * b) / clear, (a * z - b * y) / clear
    if first <= 0 or second <= 0:
        first, second = y / (a + 1e-30), z / (c + 1e-30)
    first, second = max(first, 1e-3 * second), max(second, 1e-3 * first)
    return (first, second), floor


def _as_they_came(
    powers: tuple[float, float], scales: tuple[float, float, float]
) -> tuple[float, float]:
    """The powers in the ratio in which the stems came, unless the mix says that it is far off."""
    if min(powers) <= 0:
        return powers
    came = (scales[2] / scales[1]) ** 2
    change = came / (powers[0] / powers[1])
    change = min(max(change, 1 / _FAR_OFF), _FAR_OFF) ** 0.5
    return powers[0] * change, powers[1] / change


def _accounted(
    frame: Frame, spectra: Sequence[NDArray[Any]], powers: tuple[float, float]
) -> tuple[float, float]:
    """Shares: of the mix's power that the stems have too, and of the target's that it has not."""
    import numpy as np

    heard = np.stack([frame.summed(power_of(cells[:-2])).sum(axis=0) for cells in spectra])
    target, residual = (
        power * np.stack([frame.summed(power_of(cells[row])) for cells in spectra])
        for power, row in zip(powers, (-2, -1), strict=True)
    )
    both = target + residual
    # At the same level as a whole: what counts is whether they are loud in the same cells.
    both *= float(heard.sum()) / max(float(both.sum()), 1e-20)
    explained = np.minimum(heard, both).sum() / max(float(heard.sum()), 1e-20)
    beyond = np.maximum(target - heard, 0).sum() / max(float(target.sum()), 1e-20)
    return float(explained), float(beyond)


def _moment(scene: Scene, cells: NDArray[Any]) -> Moment:
    """One group, `[channels + 2, spectra, frequencies]`, with the variances that its stems say."""
    import numpy as np

    low = scene.floor * np.float32(1e-3)
    first, second = map(np.float32, scene.powers)
    target, residual = first * power_of(cells[-2]) + low, second * power_of(cells[-1]) + low
    # (T / R) to a power above 1, at the same sum; the channels have a power of their own.
    scale = target + residual
    steeper = np.log(target / residual)
    steeper *= np.float32(_STEEPER / (len(cells) - 2))
    target *= np.exp(steeper, out=steeper)
    scale /= target + residual
    target *= scale
    residual *= scale
    return Moment(cells[:-2], cells[-2], cells[-1], (target, residual))
