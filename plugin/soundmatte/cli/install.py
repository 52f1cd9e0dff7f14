"""`soundmatte install`: put Soundmatte into an editor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundmatte.cli import options
from soundmatte.errors import UsageError
from stemmux.console import print_json

if TYPE_CHECKING:
    from soundmatte.hosts.blender_installed import Installation

app = typer.Typer(
    help="Put Soundmatte into an editor, and tell it where this engine is.",
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
    archive: Annotated[
        Path | None,
        typer.Option(
            "--zip",
            metavar="FILE",
            help="Only write the extension to this file: to give it to others, or to drag it into "
            "Blender's window. It can install the engine by itself.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
    json: options.Json = False,
) -> None:
    """Install the Blender extension, in every Blender from 4.2 on that is found.

    Blender installs it and switches it on; it is told where this very engine is, so that nothing
    has to be fetched. Then open the Video Sequencer, press N, and look for Soundmatte in the
    sidebar. Run it again after an update; `soundmatte uninstall blender` takes it out.

    \b
    soundmatte install blender
    soundmatte install blender --blender ~/blender-4.5.3-linux-x64/blender
    soundmatte install blender --zip soundmatte-blender.zip
    """
    from soundmatte.hosts import own_wheel
    from stemmux.files import scratch

    source = own_wheel.installed()
    with scratch(".zip") as temporary:
        wheel = None if source is None else own_wheel.write(temporary.parent, source)
        if archive is not None:
            _write(archive, wheel, overwrite=overwrite, json=json)
        else:
            _install(temporary, wheel, program or [], json=json)
    if wheel is None:
        typer.echo(
            "This soundmatte runs from a folder that is not installed, so the extension has no "
            "Install Engine button.",
            err=True,
        )


def _write(archive: Path, wheel: Path | None, *, overwrite: bool, json: bool) -> None:
    from soundmatte.hosts import extension

    extension.write(archive, wheel, overwrite=overwrite)
    if json:
        print_json({"zip": str(archive), "engine": wheel is not None})
        return
    typer.echo(f"{archive}: drag it into Blender's window, or install it from disk under")
    typer.echo("Preferences > Get Extensions.")


def _install(archive: Path, wheel: Path | None, named: list[Path], *, json: bool) -> None:
    import importlib.util

    from soundmatte import __version__
    from soundmatte.hosts import blender_installed, extension, this_engine
    from soundmatte.hosts.computer import Computer

    words = this_engine.command()
    installations = blender_installed.found(Computer.this(), named)
    extension.write(archive, wheel)
    for installation in installations:
        blender_installed.install(installation, archive, __version__)
        this_engine.record(installation.own_folder, words)
        if not json:
            typer.echo(f"{installation.title}: Soundmatte {__version__} is installed.")
    if json:
        rows = [_row(installation) for installation in installations]
        print_json({"installed": rows, "engine": words})
        return
    typer.echo("In Blender open the Video Sequencer, press N, and choose Soundmatte.")
    if importlib.util.find_spec("moviepy") is None:
        typer.echo("For Preview Matte also run: pip install 'soundmatte[preview]'", err=True)


@app.command()
def resolve(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Resolve's folder of scripts, .../Fusion/Scripts, where it is in no usual place.",
            show_default="yours, of every Resolve that is found",
        ),
    ] = None,
    everybody: Annotated[
        bool,
        typer.Option(
            "--all-users",
            help="Into the folder that everybody on this computer shares, which may need an "
            "administrator.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Also replace scripts of these names that somebody has changed."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Put the scripts into DaVinci Resolve's menu, from Resolve 18.5 on.

    They are told where this very engine is. In Resolve they are under Workspace > Scripts; start
    it again if they are not. Run this again after an update; `soundmatte uninstall resolve` takes
    them out.

    Resolve runs them with a Python of its own choice, 3.6 or later, and needs nothing in it. Which
    editions list Python scripts: Studio all, the free one up to 21.0. The free Resolve from 21.1 on
    lists none: there, export the timeline and use `soundmatte timeline`.

    \b
    soundmatte install resolve
    soundmatte install resolve --all-users
    soundmatte install resolve --folder /opt/resolve/Fusion/Scripts
    """
    if folder is not None and everybody:
        raise UsageError("--folder names one folder.", hint="Leave out --all-users.")
    _install_scripts(folder, everybody=everybody, overwrite=overwrite, json=json)


def _install_scripts(folder: Path | None, *, everybody: bool, overwrite: bool, json: bool) -> None:
    from soundmatte import __version__
    from soundmatte.hosts import resolve_installed, this_engine
    from soundmatte.hosts.computer import Computer

    words = this_engine.command()
    if folder is not None:
        folders = [resolve_installed.named(folder)]
    else:
        folders = resolve_installed.found(Computer.this(), everybody=everybody)
    for scripts in folders:
        for kept in resolve_installed.install(scripts, words, overwrite=overwrite):
            typer.echo(f"{kept} was changed since it was installed, and stays.", err=True)
        if not json:
            typer.echo(f"{scripts}: Soundmatte {__version__} is installed.")
    if json:
        rows = [{"folder": str(scripts), "version": __version__} for scripts in folders]
        print_json({"installed": rows, "engine": words})
        return
    typer.echo("In Resolve choose Workspace > Scripts > Soundmatte Separate Selected Clip.")
    typer.echo(
        "The free Resolve from 21.1 on lists no such scripts: see soundmatte timeline --help."
    )


def _row(installation: Installation) -> dict[str, str]:
    version = "{}.{}.{}".format(*installation.version)
    return {
        "program": str(installation.program),
        "version": version,
        "folder": str(installation.own_folder),
    }
