"""`soundmatte uninstall`: take Soundmatte out of an editor again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundmatte.cli import options
from stemmux.console import print_json

app = typer.Typer(
    help="Take Soundmatte out of an editor again. Stems and projects stay as they are.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def _editors() -> None:
    """One command for each editor."""


@app.command()
def blender(
    program: Annotated[
        list[Path] | None,
        typer.Option(
            "--blender",
            metavar="PATH",
            help="Blender's program, where it is in no usual place; may be given again.",
            show_default="all that are found",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Remove the Blender extension from every Blender that is found.

    With it go the folder that is the extension's own (where the engine is, its tasks and logs) and
    the engine, if the extension's Install Engine button made one. Stems, .blend files and this
    engine stay.

    \b
    soundmatte uninstall blender
    soundmatte uninstall blender --blender ~/blender-4.5.3-linux-x64/blender
    """
    from soundmatte.hosts import blender_installed
    from soundmatte.hosts.blender import Computer

    installations = blender_installed.found(Computer.this(), program or [])
    removed = []
    for installation in installations:
        there = blender_installed.remove(installation)
        removed += [str(installation.program)] if there else []
        if not json:
            told = "Soundmatte is removed" if there else "Soundmatte was not installed"
            typer.echo(f"{installation.title}: {told}.")
    if json:
        print_json({"removed": removed})
