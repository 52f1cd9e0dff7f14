"""What is measured of a conformed target, and the tables and the verdict made of it.

This module must not know how a target was made.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stem_cases import DAMAGES, LAYOUTS, Case
from stemmux.measure import si_sdr_db

FLOOR_DB = -30.0  # no SI-SDR counts as less, or one lost phase would decide a mean; silence is it
CARRIES_DB = -30.0  # a channel with less of the target, against all of it, has no place in an image


@dataclass(frozen=True)
class Figure:
    """One method on one case.

    Attributes:
        case, damage, layout, method: which.
        target_db: SI-SDR of the target, all channels as one vector.
        residual_db: SDR of mix − target against the true residual, not scale-invariant.
        image_db: `image_error_db`; None where there is but one channel.
        seconds: of processor time.
    """

    case: str
    damage: str
    layout: str
    method: str
    target_db: float
    residual_db: float
    image_db: float | None
    seconds: float


def figure(method: str, case: Case, target: NDArray[np.floating], seconds: float) -> Figure:
    """Measure an estimate of the target, [frames, channels]."""
    estimate = target.astype(np.float64)
    wrong = estimate - case.target
    residual = case.residual.astype(np.float64)
    residual_db = 10 * math.log10(float(np.sum(residual**2)) / max(float(np.sum(wrong**2)), 1e-20))
    target_db = si_sdr_db(case.target, estimate) if np.any(estimate) else FLOOR_DB
    about = (case.name, case.damage, case.layout, method)
    image_db = image_error_db(case.target, estimate)
    return Figure(*about, max(FLOOR_DB, target_db), residual_db, image_db, seconds)


def image_error_db(truth: NDArray[np.floating], estimate: NDArray[np.floating]) -> float | None:
    """How far the levels of the channels against one another are off, in dB.

    With E the energy of a channel and p = E / ΣE: the mean of |10 lg p(estimate) − 10 lg p(truth)|
    over the channels whose p(truth) is above `CARRIES_DB`, weighted by p(truth).
    """
    if truth.shape[1] == 1:
        return None
    shares = []
    for sound in (truth, estimate):
        energy = np.sum(sound.astype(np.float64) ** 2, axis=0)
        shares.append(energy / max(float(energy.sum()), 1e-20))
    carrying = shares[0] > 10 ** (CARRIES_DB / 10)
    before, after = (np.maximum(share[carrying], 1e-6) for share in shares)
    error = np.abs(10 * np.log10(after / before))
    return float(np.sum(error * before) / np.sum(before))


def methods_of(figures: Iterable[Figure]) -> list[str]:
    """The methods in the order in which they come."""
    return list(dict.fromkeys(one.method for one in figures))


def by_class(figures: Sequence[Figure], value: Callable[[Figure], float | None]) -> str:
    """A Markdown table: a row for each class, a column for each method."""
    methods = methods_of(figures)
    lines = [f"| | {' | '.join(methods)} |", "|---" * (len(methods) + 1) + "|"]
    for name, members in classes(figures):
        cells = []
        for method in methods:
            found = mean(value(one) for one in members if one.method == method)
            cells.append("–" if found is None else f"{found:.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def classes(figures: Sequence[Figure]) -> list[tuple[str, list[Figure]]]:
    """The figures of all, of every damage and of every layout, where there are any."""
    found = [("all", list(figures))]
    found += [(name, [one for one in figures if one.damage == name]) for name in DAMAGES]
    found += [(name, [one for one in figures if one.layout == name]) for name in LAYOUTS]
    return [(name, members) for name, members in found if members]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of those that are there."""
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if there else None


def summary(figures: Sequence[Figure]) -> str:
    """A Markdown table with a row for each method, over all cases."""
    lines = [
        "| method | target SI-SDR, dB | p10 | worst | residual SDR, dB | image error, dB | p90 "
        "| worst | CPU s per case |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods_of(figures):
        own = [one for one in figures if one.method == method]
        target = sorted(one.target_db for one in own)
        image = sorted(one.image_db for one in own if one.image_db is not None) or [0.0]
        cells = (
            *(statistics.fmean(target), target[len(target) // 10], target[0]),
            *(statistics.fmean(one.residual_db for one in own), statistics.fmean(image)),
            *(image[len(image) * 9 // 10], image[-1], statistics.fmean(o.seconds for o in own)),
        )
        lines.append(f"| {method} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")
    return "\n".join(lines)


def verdict(figures: Sequence[Figure], ours: str, no_rivals: Sequence[str]) -> list[str]:
    """How one method stands to the best single one in each class, worst first."""
    rivals = [name for name in methods_of(figures) if name not in (ours, *no_rivals)]
    if not rivals or ours not in methods_of(figures):
        return []
    rows = []
    for name, members in classes(figures):
        means = {
            method: mean(one.target_db for one in members if one.method == method) or 0.0
            for method in (ours, *rivals)
        }
        best = max(rivals, key=lambda rival: means[rival])
        rows.append((means[ours] - means[best], name, best))
    return [f"{name}: {ours} {by:+.2f} dB against {best}" for by, name, best in sorted(rows)]
