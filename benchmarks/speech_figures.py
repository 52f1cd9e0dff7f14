"""The speech benchmark's figures: what is measured on each clip, and the table of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from speech_mixes import BEDS, Mix, Samples

Spent = tuple[float, float]  # seconds by the wall clock, and of all processors
GROUPS = (*BEDS, "stereo")
HEADINGS = (
    "mean",
    "median",
    "p10",
    "worst",
    *GROUPS,
    "residual",
    "× realtime",
    "× CPU",
    "5 min ×",
    "5 min × CPU",
)


@dataclass(frozen=True)
class Figure:
    """One engine on one clip.

    Attributes:
        engine: name in the table.
        clip: name of the mix.
        group: its group.
        snr_db: its speech over its bed, in dB.
        target_db: SI-SDR of the target over that of the mix, in dB.
        residual_db: the same of mix − target against the bed; nan where there is no residual.
        audio_s: length of the clip in seconds.
        wall_s: seconds that the estimate took.
        cpu_s: processor seconds that it took, over all threads and children.
    """

    engine: str
    clip: str
    group: str
    snr_db: int
    target_db: float
    residual_db: float
    audio_s: float
    wall_s: float
    cpu_s: float


def figure(engine: str, mix: Mix, target: Samples, wall_s: float, cpu_s: float) -> Figure:
    """Measure an engine's target for a clip.

    Raises:
        ValueError: the target has another shape than the mix, or samples that are no numbers.
    """
    if target.shape != mix.mix.shape:
        raise ValueError(f"shape {target.shape}, expected {mix.mix.shape}")
    if not np.isfinite(target).all():
        raise ValueError("samples that are not finite")
    gained = si_sdr(target, mix.speech) - si_sdr(mix.mix, mix.speech)
    rest = si_sdr(mix.mix - target, mix.bed) - si_sdr(mix.mix, mix.bed)
    seconds = len(mix.mix) / mix.rate
    about = (engine, mix.name, mix.group, mix.snr_db)
    return Figure(*about, gained, rest, seconds, wall_s, cpu_s)


def si_sdr(estimate: Samples, truth: Samples) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB, means removed.

    The channels of a stereo clip share one scale. An estimate of silence gives nan.
    """
    heard = estimate.astype(np.float64) - estimate.mean(0, dtype=np.float64)
    wanted = truth.astype(np.float64) - truth.mean(0, dtype=np.float64)
    if not heard.any():
        return math.nan
    scaled = wanted * (np.vdot(heard, wanted) / np.vdot(wanted, wanted))
    wrong = heard - scaled
    energy = float(np.vdot(scaled, scaled))
    return 10 * math.log10(max(energy, 1e-30) / max(float(np.vdot(wrong, wrong)), 1e-30))


def table(figures: Sequence[Figure], long_s: dict[str, Spent], long_audio_s: float) -> str:
    """Return the Markdown table, an engine a row.

    Args:
        figures: of all engines and clips.
        long_s: what each engine took for the long clip.
        long_audio_s: length of the long clip in seconds.
    """
    lines = [
        "| engine | " + " | ".join(HEADINGS) + " |",
        "|---" * (len(HEADINGS) + 1) + "|",
    ]
    for engine in dict.fromkeys(one.engine for one in figures):
        row = [one for one in figures if one.engine == engine]
        cells = [*_improvement(row), *_speed(row)]
        on_long = [f"{long_audio_s / each:.1f}" for each in long_s.get(engine, ())]
        cells += on_long or ["–", "–"]
        lines.append(f"| {engine} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdict(figures: Sequence[Figure], engine: str, against: str) -> list[str]:
    """Compare two engines clip by clip, in sentences: improvement first, then speed."""
    ours = {one.clip: one for one in figures if one.engine == engine}
    theirs = {one.clip: one for one in figures if one.engine == against}
    both = [(ours[clip], theirs[clip]) for clip in ours if clip in theirs]
    mono = [pair for pair in both if pair[0].group != "stereo"]
    if len(mono) < 2:
        return [f"{engine} against {against}: no clips that both did."]
    gain = np.array([one.target_db - other.target_db for one, other in mono])
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    wall = sum(other.wall_s for _, other in mono) / sum(one.wall_s for one, _ in mono)
    faster = np.array([other.wall_s / one.wall_s for one, other in mono])
    cpu = sum(other.cpu_s for _, other in mono) / sum(one.cpu_s for one, _ in mono)
    return [
        f"{engine}: mean {gain.mean():+.2f} dB against {against} "
        f"(standard error {error:.2f} dB, better on {int((gain > 0).sum())} of {len(gain)} clips).",
        f"{engine}: {wall:.2f} times the speed of {against} "
        f"(median over clips {np.median(faster):.2f}; by processor time {cpu:.2f}).",
    ]


def _improvement(row: Sequence[Figure]) -> list[str]:
    mono = np.array([one.target_db for one in row if one.group != "stereo"])
    if not len(mono):
        return ["–"] * (len(GROUPS) + 5)
    overall = [mono.mean(), np.median(mono), np.percentile(mono, 10), mono.min()]
    grouped = [_mean(one.target_db for one in row if one.group == group) for group in GROUPS]
    residual = _mean(one.residual_db for one in row if one.group != "stereo")
    return [_cell(value) for value in (*overall, *grouped, residual)]


def _speed(row: Sequence[Figure]) -> list[str]:
    mono = [one for one in row if one.group != "stereo"]
    audio, wall, cpu = (
        sum(getattr(one, name) for one in mono) for name in ("audio_s", "wall_s", "cpu_s")
    )
    return [f"{audio / spent:.1f}" if spent > 1e-3 * audio else "–" for spent in (wall, cpu)]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan


def _cell(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f}".replace("-0.0", "0.0")
