"""`soundmatte separate`: a clip goes in, two stems and a file with them come out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundmatte.cli import options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.documents import Selection, Separation
    from soundmatte.jobs.work import Work


class ContainerWord(StrEnum):
    """The container of the file with the stems."""

    AUTO = "auto"
    MOV = "mov"
    MP4 = "mp4"
    MKV = "mkv"


def separate(
    clip: options.Clip,
    matte: Annotated[
        Path | None,
        typer.Option("--matte", "--mask", help="White = object. A movie or a still picture."),
    ] = None,
    invert: options.Invert = False,
    plane: options.Plane = options.MattePlane.LUMA,
    prompt: Annotated[
        str, typer.Option("--prompt", help="What to separate: speech, background or music.")
    ] = "",
    start: options.Start = "",
    end: options.End = "",
    track: Annotated[int, typer.Option("--track", min=1, help="Number of the audio track.")] = 1,
    container: Annotated[
        ContainerWord | None,
        typer.Option("--container", help="Of the file with the stems in it. Default: auto."),
    ] = None,
    output: options.Folder = Path(),
    overwrite: options.Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and say what would be done.")
    ] = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
    verbose: options.Verbose = False,
) -> None:
    """Separate a clip's sound into target and residual, which add up to it exactly.

    Writes NAME_target.wav, NAME_residual.wav and NAME_stems.mov (the picture untouched, the stems
    as named tracks) into the output folder. The clip itself is only read.

    \b
    soundmatte separate interview.mov                      the voices, and the rest
    soundmatte separate interview.mov --prompt background  the other way round
    soundmatte separate a.mp4 --in 01:00:12:00 --out 01:00:20:12 -o stems
    """
    from soundmatte.jobs import run

    console = Console(progress, verbose=verbose)
    engine = options.offline_engine()
    selection = _selection(clip, matte, invert, plane, prompt, start, end, track, container)
    if dry_run:
        _say_plan(run.plan(selection, engine, output, overwrite=overwrite), json)
        return
    done = run.separate(selection, engine, output, console, overwrite=overwrite)
    if json:
        print_json(done.model_dump(mode="json"))
    else:
        typer.echo("\n".join(in_words(done)))


def _selection(
    clip: Path,
    matte: Path | None,
    invert: bool,
    plane: options.MattePlane,
    prompt: str,
    start: str,
    end: str,
    track: int,
    container: ContainerWord | None,
) -> Selection:
    from soundmatte.documents import MatteChoice, Selection
    from soundmatte.settings import load
    from stemmux.probe import probe

    first = last = None
    if start or end:
        first, last = options.times(probe(clip), start, end)
    return Selection(
        media=clip.absolute(),
        start=first,
        end=last,
        track=track,
        matte=None
        if matte is None
        else MatteChoice(path=matte.absolute(), plane=plane.value, invert=invert),
        prompt=prompt,
        container=container.value if container else load().settings.output.container,
    )


def _say_plan(work: Work, as_json: bool) -> None:
    assert work.media is not None
    assert work.span is not None
    assert work.answer is not None
    track = work.media.track(work.selection.track)
    kinds = ("target.wav", "residual.wav", f"stems.{work.containers[0]}")
    writes = [work.finished(kind) for kind in kinds]
    values = {
        "clip": str(work.media.path),
        "start": work.span.start,
        "duration": work.span.duration,
        "rate": track.rate,
        "channels": track.channels,
        "engine": work.engine.name,
        "route": work.answer.route,
        "cost": 0.0,
        "writes": [str(path) for path in writes],
        "notes": list(work.notes),
    }
    if as_json:
        print_json(values)
        return
    typer.echo(
        f"{float(work.span.duration):.3f} s from {float(work.span.start):.3f} s of "
        f"{work.media.path.name}, {_channels(track.channels)} at {track.rate} Hz\n"
        f"engine: {work.engine.name}, {work.answer.route}; costs nothing"
    )
    for note in work.notes:
        typer.echo(f"note: {note}")
    for path in writes:
        typer.echo(f"would write: {path}")


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def in_words(done: Separation) -> list[str]:
    """The result as lines for a person."""
    null = "exact" if done.null_db <= -300 else f"{done.null_db:.1f} dB"
    bits = "24-bit" if done.encoding == "s24" else "32-bit float"
    lines = [
        f"target:   {done.target}",
        f"residual: {done.residual}",
        f"          {done.duration:.3f} s, {_channels(done.channels)}, {done.rate} Hz, {bits}",
        f"          target + residual = clip: {null}",
    ]
    if done.file is not None:
        picture = f"picture {done.picture}, " if done.picture else ""
        lines += [
            f"file:     {done.file}",
            f"          {picture}stems {done.offset_samples:g} samples from where they belong",
        ]
    return lines
