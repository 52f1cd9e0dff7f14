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

from stemmux.prediction import NEAR, WHOLE, Cells, Sums, predicted, sums_of
from stemmux.sharing import learned, shared, start
from stemmux.spectra import GROUP, Frame, power_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Powers below this share of a band's mean say nothing.
_FLOOR = 1e-6
#: Each stem holds a little of the other sound, so the ratio of their powers is steeper than it
#: looks: by so much more than 1 as an exponent, divided by the channels, which say the rest.
_STEEPER = 0.5
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
    powers, floor = _powers(cells)
    powers = _as_they_came(powers, scene.scales)
    explained, beyond = _accounted(frame, cells, powers)
    scene = dataclasses.replace(
        scene, powers=powers, floor=floor, explained=explained, beyond=beyond
    )
    sums = sums_of(frame, cells, weights)
    scene = dataclasses.replace(scene, whole=sums.per_level())
    variances = _variances(scene, cells)
    kernel = _kernel(scene, cells)
    _, rest = predicted(frame, cells, variances, sums.near(kernel, scene.whole), kernel)
    spread = start(frame, variances, rest)
    for _ in range(_STEPS):
        spread = learned(frame, variances, rest, spread)
    return dataclasses.replace(scene, spread=spread)


def target_of(scene: Scene, block: NDArray[np.float32]) -> Any:
    """The target's cells in each channel of the mix, for a stretch as in `survey`."""
    import numpy as np

    cells = _cells(scene.frame.analyse(_prepared(scene, block)))
    frame, kernel = scene.frame, _kernel(scene, cells)
    variances = _variances(scene, cells)
    sums = sums_of(frame, cells, scene.weights).near(kernel, scene.whole)
    out, rest = predicted(frame, cells, variances, sums, kernel)
    whole = WHOLE / _step_seconds(scene)
    out += shared(frame, variances, rest, scene.spread, kernel, whole)
    out *= np.float32(1 / scene.scales[0])
    return out


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
    tt, rr = summed(power_of(cells.target)), summed(power_of(cells.residual))
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


def _kernel(scene: Scene, cells: Cells) -> Any:
    """How much each group counts for each other: `[groups, groups]`."""
    import numpy as np

    groups = cells.mix.shape[1]
    seconds = GROUP * _step_seconds(scene)
    apart = np.abs(np.arange(groups)[:, None] - np.arange(groups))
    return np.exp(-apart * seconds / NEAR).astype(np.float32)


def _step_seconds(scene: Scene) -> float:
    # The size follows the rate, so that a spectrum is 85 ms long at every rate.
    return scene.frame.step / 48_000 * (4096 / scene.frame.size)


def _powers(cells: Cells) -> tuple[tuple[float, float], Any]:
    """Powers of the two sounds for a power of 1 in their stems, fitted to the mix's."""
    import numpy as np

    target, residual = power_of(cells.target), power_of(cells.residual)
    floor = _FLOOR * (target + residual).mean(axis=(0, 1)) + np.float32(1e-9)
    heard = power_of(cells.mix).sum(axis=0)
    weight = 1 / (target + residual + heard + floor)
    a, b, c = (float((weight * v).sum()) for v in (target**2, target * residual, residual**2))
    y, z = (float((weight * v * heard).sum()) for v in (target, residual))
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


def _accounted(frame: Frame, cells: Cells, powers: tuple[float, float]) -> tuple[float, float]:
    """Shares: of the mix's power that the stems have too, and of the target's that it has not."""
    import numpy as np

    heard = frame.summed(power_of(cells.mix).sum(axis=0))
    target, residual = (
        power * frame.summed(power_of(stem))
        for power, stem in zip(powers, (cells.target, cells.residual), strict=True)
    )
    both = target + residual
    # At the same level as a whole: what counts is whether they are loud in the same cells.
    both *= float(heard.sum()) / max(float(both.sum()), 1e-20)
    explained = np.minimum(heard, both).sum() / max(float(heard.sum()), 1e-20)
    beyond = np.maximum(target - heard, 0).sum() / max(float(target.sum()), 1e-20)
    return float(explained), float(beyond)


def _variances(scene: Scene, cells: Cells) -> tuple[Any, Any]:
    import numpy as np

    low = scene.floor * np.float32(1e-3)
    first, second = map(np.float32, scene.powers)
    target, residual = first * power_of(cells.target) + low, second * power_of(cells.residual) + low
    steep = 1 + _STEEPER / len(cells.mix)
    one, two = target**steep, residual**steep
    scale = (target + residual) / (one + two)
    return one * scale, two * scale
