"""A timeline, and what was done with it, in words for people and as JSON values.

This module must not do anything but print.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from soundmatte.cli import many, say
from soundmatte.cli.board import printable
from soundmatte.jobs.batch import check_total
from soundmatte.jobs.edit import timecode
from stemmux.console import print_json

if TYPE_CHECKING:
    from soundmatte.jobs.edit import Edit, Goal, Laid
    from soundmatte.jobs.edit_orders import Wanted
    from soundmatte.jobs.edit_written import Written
    from soundmatte.jobs.item import Item
    from soundmatte.timelines.timeline import Clip, Timeline, Track


def tell(timeline: Timeline, made: Written, stems: Sequence[Laid], *, as_json: bool) -> None:
    """What was written."""
    if as_json:
        print_json(
            {
                "event": "document",
                "document": str(made.path),
                "format": made.format,
                "tracks": made.tracks,
                "muted": made.muted,
                "notes": made.notes,
                "stems": [_stem_values(timeline, one) for one in stems],
            }
        )
        return
    typer.echo(f"document: {made.path}")
    typer.echo(f"tracks:   {', '.join(made.tracks)}")
    for one in stems:
        values = _stem_values(timeline, one)
        typer.echo(f"{values['in']}  {values['target']}")
        typer.echo(f"{' ' * len(values['in'])}  {values['residual']}")


def _stem_values(timeline: Timeline, one: Laid) -> dict[str, Any]:

    how, first = one.wanted.lay, one.wanted.first
    return {
        "clip": one.wanted.clip.number,
        "in": timecode(timeline, first / how.rate),
        "out": timecode(timeline, (first + how.frames) / how.rate),
        **{stem.role: str(stem.path) for stem in one.stems},
    }


def tell_plan(wanted: list[Wanted], items: list[Item], into: Goal, *, as_json: bool) -> None:
    """What would be done, at what price."""

    first = {id(item): one.clip for one, item in reversed(list(zip(wanted, items, strict=True)))}
    usd = check_total({id(item): item for item in items}.values(), None)
    for one, item in zip(wanted, items, strict=True):
        if as_json:
            plan = say.plan_values(item.work) if item.work else None
            number = one.clip.number
            print_json({**many.values(item), "event": "plan", "number": number, "plan": plan})
        elif (other := first[id(item)]) is not one.clip:
            typer.echo(f"clip {one.clip.number} {one.clip.name}: separated with {other.number}")
        elif item.work:
            typer.echo("\n".join([f"clip {item.name}", *say.plan_in_words(item.work)]))
        else:
            typer.echo(f"clip {item.name}: {item.state} {item.note}".rstrip())
    if as_json:
        print_json({"event": "summary", "document": str(into.path), "cost": float(usd)})
    else:
        typer.echo(f"would write: {into.path}; {say.cost(float(usd))}")


def listed(opened: Edit) -> dict[str, Any]:
    """The timeline as one JSON object."""
    timeline = opened.timeline
    return {
        "document": str(opened.path),
        "format": opened.format.name,
        "name": timeline.name,
        "rate": timeline.rate,
        "start": str(timeline.start),
        "duration": timeline.duration,
        "notes": timeline.notes,
        "tracks": [
            {
                "track": track.label,
                "name": track.name,
                "enabled": track.enabled,
                "clips": [_clip_values(opened, clip) for clip in track.clips],
            }
            for track in timeline.tracks
        ],
    }


def _clip_values(opened: Edit, clip: Clip) -> dict[str, Any]:

    state, where = opened.media(clip.source)
    return {
        "number": clip.number,
        "name": clip.name,
        "kind": clip.kind,
        "in": timecode(opened.timeline, clip.record),
        "out": timecode(opened.timeline, clip.end),
        "record": clip.record,
        "duration": clip.duration,
        "into": clip.into,
        "speed": clip.speed,
        "enabled": clip.enabled,
        "effects": clip.effects,
        "target": clip.source.target if clip.source else None,
        "media": state,
        "where": where or None,
    }


def table(opened: Edit) -> list[str]:
    """The timeline as lines for a person."""

    timeline = opened.timeline
    lines = [
        f"{printable(timeline.name)}: {float(timeline.rate):.6g} frames per second, from "
        f"{timeline.start}",
    ]
    rows = [_row(opened, track, clip) for track in timeline.tracks for clip in track.clips]
    head = ("clip", "track", "in", "out", "name", "media")
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    for row in (head, *rows):
        cells = [row[0].rjust(widths[0]), *map(str.ljust, row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    lines += [f"note: {printable(note)}" for note in timeline.notes]
    return lines


def _row(opened: Edit, track: Track, clip: Clip) -> tuple[str, ...]:

    state, _ = opened.media(clip.source)
    words = [clip.kind if clip.kind != "file" else state, *clip.effects]
    if clip.speed != 1:
        words.append("speed changes" if clip.speed is None else f"speed {float(clip.speed):.4g}")
    if not (clip.enabled and track.enabled):
        words.append("disabled")
    label = f"{track.label} {printable(track.name)}".rstrip()
    start, end = (timecode(opened.timeline, time) for time in (clip.record, clip.end))
    return (str(clip.number), label, start, end, printable(clip.name), ", ".join(words))
