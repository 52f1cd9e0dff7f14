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
    from soundmatte.hosts.computer import Computer

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


@app.command()
def resolve(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Resolve's folder of scripts, .../Fusion/Scripts, where it is in no usual place.",
            show_default="all usual ones",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Take the scripts out of DaVinci Resolve's menu.

    Only files that `soundmatte install resolve` wrote are removed; one that was changed since stays
    and is named. Stems, projects, the settings of the scripts and this engine stay.

    \b
    soundmatte uninstall resolve
    soundmatte uninstall resolve --folder /opt/resolve/Fusion/Scripts
    """
    from soundmatte.hosts import resolve_installed
    from soundmatte.hosts.computer import Computer

    if folder is not None:
        folders = [resolve_installed.named(folder)]
    else:
        folders = resolve_installed.carrying(Computer.this())
    removed = []
    for scripts in folders:
        taken = resolve_installed.remove(scripts)
        for kept in taken.kept:
            typer.echo(f"{kept} was changed since it was installed, and stays.", err=True)
        if taken.version:
            removed.append({"folder": str(scripts), "version": taken.version})
        if taken.version and not json:
            typer.echo(f"{scripts}: Soundmatte {taken.version} is removed.")
    if json:
        print_json({"removed": removed})
    elif not removed:
        typer.echo("In DaVinci Resolve Soundmatte was not installed.")
