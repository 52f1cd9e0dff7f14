"""The `soundmatte` command, one module for each of its commands (`COMMANDS`).

Commands read words, call one function and print what it returned. Nothing may import this
package, and only the module of the command that runs is loaded, so that `--help` is immediate.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte import __version__
from stemmux import threads
from stemmux.console import answer

if TYPE_CHECKING:
    app: typer.Typer

#: Each command's own sentence; its module, `soundmatte.cli.NAME`, has the rest.
COMMANDS = {
    "separate": "Separate a clip's sound into target and residual.",
    "batch": "Separate many clips: files, patterns, folders, a manifest.",
    "watch": "Separate every clip that appears in a folder.",
    "timeline": "Separate clips of a timeline that an editor exported.",
    "preview": "Show a matte over the picture.",
    "estimate": "Name the price of separating a clip in the cloud.",
    "demo": "Make a small clip, separate it offline, show what came of it.",
    "jobs": "Every separation: its state, its cost; resume, cancel, retry, forget.",
    "install": "Put Soundmatte into Blender.",
    "uninstall": "Take Soundmatte out of Blender again.",
    "bridge": "Serve an editor over standard input and output.",
    "cache": "What is kept, so that the same work is free the second time.",
    "key": "Keep, try or remove the API key.",
    "api": "The bare API: upload, submit, status, result, cancel.",
    "models": "The offline engine's models.",
    "config": "The settings.",
}


def main() -> None:
    """Entry point of the console script."""
    words = sys.argv[1:]
    threads.one_each()
    # A shell that completes words asks for every option of every command.
    completing = "_SOUNDMATTE_COMPLETE" in os.environ
    program = built(COMMANDS if completing else words[:1])
    sys.exit(
        answer(lambda: program(prog_name="soundmatte"), "soundmatte", as_json="--json" in words)
    )


def built(wanted: Any) -> typer.Typer:
    """The program with the `wanted` commands; of the others only the name and the sentence."""
    program = typer.Typer(
        name="soundmatte",
        help="Point at something on screen; get its sound on one track and the rest on another.",
        epilog="Try `soundmatte demo` first. Exit status: 0 done, 1 failed, 2 wrong usage, "
        "3 the stems look empty or wrong and were not delivered, "
        "4 refused by the engine before any work, 5 some clips of a batch failed, "
        "130 cancelled.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    program.callback()(_every_command)
    for name, sentence in COMMANDS.items():
        if name not in wanted:
            program.command(name, help=sentence)(_elsewhere)
            continue
        module = import_module(f"soundmatte.cli.{name}")
        if hasattr(module, "app"):
            program.add_typer(module.app, name=name)
        else:
            program.command(name)(getattr(module, name))
    return program


def __getattr__(name: str) -> Any:
    """`app`: the whole program."""
    if name == "app":
        return built(COMMANDS)
    raise AttributeError(name)


def _elsewhere() -> None:
    """Stands for a command that is listed and not run."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soundmatte {__version__}")
        raise typer.Exit


def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    """See `built`."""
