"""`soundmatte preview`: see what the matte covers before anything is separated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundmatte.cli import options
from stemmux.console import Console, ProgressStyle, print_json


def preview(
    clip: options.Clip,
    matte: Annotated[Path, typer.Option("--matte", "--mask", help="White = object.")],
    invert: options.Invert = False,
    plane: options.Plane = options.MattePlane.LUMA,
    start: options.Start = "",
    end: options.End = "",
    output: options.Folder = Path(),
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Show the matte over the picture: NAME_preview.png, a contact sheet, and NAME_preview.mp4."""
    from soundmatte.jobs.words import time_of
    from soundmatte.report.preview import preview as make
    from stemmux.probe import probe

    console = Console(progress)
    media = probe(clip)
    span = media.span(time_of(media, start), time_of(media, end))
    with console.stage("preview") as tell:
        made = make(
            clip,
            matte,
            output,
            invert=invert,
            matte_from=plane.value,
            start=span.start,
            end=span.end,
            overwrite=overwrite,
            progress=tell,
        )
    for warning in made.warnings:
        console.note(warning)
    values = {"sheet": str(made.sheet), "movie": str(made.movie), "coverage": made.coverage}
    if json:
        print_json(values)
        return
    typer.echo(f"sheet: {made.sheet}\nmovie: {made.movie}")
    typer.echo(f"the matte covers {made.coverage:.1%} of the picture")
