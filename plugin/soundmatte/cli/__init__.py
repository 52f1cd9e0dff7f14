"""The `soundmatte` command: separate, preview, estimate, demo, jobs, key, api, models,
config.

Commands read words, call one function and print what it returned. Nothing may import this
package, and it imports nothing heavy before a command runs, so that `--help` is immediate.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from soundmatte import __version__
from soundmatte.cli import api, cloud, config, demo, estimate, jobs, key, models, preview, separate
from stemmux.console import answer

app = typer.Typer(
    name="soundmatte",
    help="Point at something on screen; get its sound on one track and the rest on another.",
    epilog="Try `soundmatte demo` first. Exit status: 0 done, 1 failed, 2 wrong usage, "
    "4 refused by the engine before any work, 130 cancelled.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point of the console script."""
    as_json = "--json" in sys.argv
    sys.exit(answer(lambda: app(prog_name="soundmatte"), "soundmatte", as_json=as_json))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"soundmatte {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    """See `app`."""


app.command()(separate.separate)
app.command()(preview.preview)
app.command()(estimate.estimate)
app.command()(demo.demo)
app.add_typer(jobs.app, name="jobs")
app.add_typer(key.commands(cloud.check_key), name="key")
app.add_typer(api.app, name="api")
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")
