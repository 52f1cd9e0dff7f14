"""`soundmatte config`: the settings in force, and where each came from."""

from __future__ import annotations

from typing import Annotated

import typer

from soundmatte.cli import options
from stemmux.console import print_json

app = typer.Typer(help="The settings.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """See `app`; without it, a single command would take the group's place."""


@app.command()
def show(
    origin: Annotated[
        bool, typer.Option("--origin", help="Also say where each value came from.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show every setting that is in force."""
    from soundmatte.settings import load

    loaded = load()
    values = loaded.settings.model_dump(mode="json")
    rows = {
        name: values[section][field]
        for name in loaded.origins
        for section, _, field in (name.partition("."),)
    }
    if json:
        print_json(
            {n: {"value": v, "origin": loaded.origins[n]} if origin else v for n, v in rows.items()}
        )
        return
    typer.echo(f"# {loaded.file}{'' if loaded.file.exists() else ' (not there)'}")
    for name, value in rows.items():
        shown = "" if value is None else ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name} = {shown}" + (f"    # {loaded.origins[name]}" if origin else ""))
