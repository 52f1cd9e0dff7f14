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
    assert work.wanted is not None
    assert work.answer is not None
    track = work.media.track(work.selection.track)
    return {
        "clip": str(work.media.path),
        "start": work.span.start,
        "duration": work.span.duration,
        "rate": track.rate,
        "channels": track.channels,
        "handles": [work.wanted.start - work.span.start, work.span.end - work.wanted.end],
        "engine": work.engine.name,
        "route": work.answer.route,
        "style": work.selection.style,
        "windows": work.answer.windows,
        "cost": float(work.answer.usd),
        "writes": [str(work.finished(kind)) for kind in work.kinds[:3]],
        "notes": list(work.notes),
    }


def plan_in_words(work: Work) -> list[str]:
    """What would be done, as lines for a person."""
    plan = plan_values(work)
    several = f" in {plan['windows']} windows" if plan["windows"] > 1 else ""
    return [
        f"{float(plan['duration']):.3f} s from {float(plan['start']):.3f} s of {plan['clip']}, "
        f"{channels(plan['channels'])} at {plan['rate']} Hz{_handles(*plan['handles'])}",
        f"engine: {plan['engine']}, {plan['route']}{several}; {cost(plan['cost'])}",
        *(f"note: {note}" for note in plan["notes"]),
        *(f"would write: {path}" for path in plan["writes"]),
    ]


def cost(usd: float) -> str:
    """An amount for a person."""
    return f"costs up to {usd:.3f} USD" if usd else "costs nothing"


def channels(count: int) -> str:
    """A number of channels for a person."""
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _handles(before: float, behind: float) -> str:
    """The handles for a person, if there are any."""
    if not before and not behind:
        return ""
    return f", with handles of {float(before):.3f} s and {float(behind):.3f} s"


def in_words(done: Separation) -> list[str]:
    """The result as lines for a person."""
    bits = {"s16": "16-bit", "s24": "24-bit"}.get(done.encoding, "32-bit float")
    lines = [
        f"target:   {done.target}",
        f"residual: {done.residual}",
        f"          {done.duration:.3f} s, {channels(done.channels)}, {done.rate} Hz, "
        f"{bits}{_handles(done.handle_in, done.handle_out)}",
        f"          {_sum(done)}",
        f"levels:   {_levels(done)}",
    ]
    if len(done.windows) > 1:
        rough = sum(not seam.smooth for seam in done.seams)
        lines.append(
            f"windows:  {len(done.windows)}; {rough or 'none'} of {len(done.seams)} seams rough"
        )
    if done.file is not None:
        picture = f"picture {done.picture}, " if done.picture else ""
        lines += [
            f"file:     {done.file}",
            f"          {picture}stems {done.offset_samples:g} samples from where they belong",
        ]
    return lines


def _sum(done: Separation) -> str:
    """What the stems add up to."""
    if done.style == "clean":
        return "clean: as the model made them; they do not add up to the clip"
    null = "exact" if done.null_db <= -300 else f"{done.null_db:.1f} dB"
    return f"target + residual = clip: {null}"


def _levels(done: Separation) -> str:
    """How loud everything is, and how much of it the target."""
    share = done.evidence.target_share_db
    heard = "silent" if share <= -300 else f"{share:+.1f} dB of the clip"
    loud = [
        f"{name} {'-' if value is None else f'{value:.1f}'}"
        for name, found in done.loudness.items()
        for value in (found.integrated_lufs,)
    ]
    return f"target {heard}; " + ", ".join(loud).replace("mix", "clip") + " LUFS"
