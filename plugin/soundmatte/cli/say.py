"""Plans and results in words for people.

This module must not know where the words go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundmatte.documents import Separation
    from soundmatte.jobs.work import Work


def plan_values(work: Work) -> dict[str, Any]:
    """What would be done, as JSON values; `cost` is the most that it may cost, in USD."""
    assert work.media is not None
    assert work.span is not None
    assert work.answer is not None
    track = work.media.track(work.selection.track)
    kinds = ("target.wav", "residual.wav", f"stems.{work.containers[0]}")
    return {
        "clip": str(work.media.path),
        "start": work.span.start,
        "duration": work.span.duration,
        "rate": track.rate,
        "channels": track.channels,
        "engine": work.engine.name,
        "route": work.answer.route,
        "cost": float(work.answer.usd),
        "writes": [str(work.finished(kind)) for kind in kinds],
        "notes": list(work.notes),
    }


def plan_in_words(work: Work) -> list[str]:
    """What would be done, as lines for a person."""
    plan = plan_values(work)
    return [
        f"{float(plan['duration']):.3f} s from {float(plan['start']):.3f} s of {plan['clip']}, "
        f"{channels(plan['channels'])} at {plan['rate']} Hz",
        f"engine: {plan['engine']}, {plan['route']}; {cost(plan['cost'])}",
        *(f"note: {note}" for note in plan["notes"]),
        *(f"would write: {path}" for path in plan["writes"]),
    ]


def cost(usd: float) -> str:
    """An amount for a person."""
    return f"costs up to {usd:.3f} USD" if usd else "costs nothing"


def channels(count: int) -> str:
    """A number of channels for a person."""
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def in_words(done: Separation) -> list[str]:
    """The result as lines for a person."""
    null = "exact" if done.null_db <= -300 else f"{done.null_db:.1f} dB"
    bits = "24-bit" if done.encoding == "s24" else "32-bit float"
    lines = [
        f"target:   {done.target}",
        f"residual: {done.residual}",
        f"          {done.duration:.3f} s, {channels(done.channels)}, {done.rate} Hz, {bits}",
        f"          target + residual = clip: {null}",
    ]
    if done.file is not None:
        picture = f"picture {done.picture}, " if done.picture else ""
        lines += [
            f"file:     {done.file}",
            f"          {picture}stems {done.offset_samples:g} samples from where they belong",
        ]
    return lines
