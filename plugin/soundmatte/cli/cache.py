"""`soundmatte cache`: what is kept so that the same work is free the second time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from soundmatte.cli import options
from stemmux.console import print_json

if TYPE_CHECKING:
    from soundmatte.jobs.cache import Cache

app = typer.Typer(
    help="Stems and estimates that are kept, so that the same work is free the second time.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def info(json: options.Json = False) -> None:
    """How much is kept, where, and how much may be."""
    from soundmatte.settings import load

    cache = _cache()
    limit, kept = load().settings.cache.limit, cache.all()
    paid = [one for one in kept if one.paid]
    size, of_paid = sum(one.size for one in kept), sum(one.size for one in paid)
    if json:
        values = {"folder": str(cache.folder), "entries": len(kept), "bytes": size}
        print_json({**values, "paid": len(paid), "paid_bytes": of_paid, "limit_bytes": limit})
        return
    typer.echo(f"{_megabytes(size)} of at most {_megabytes(limit)}, in {cache.folder}")
    typer.echo(f"{len(paid)} from a service that was paid ({_megabytes(of_paid)})")
    typer.echo(f"{len(kept) - len(paid)} made here ({_megabytes(size - of_paid)})")


@app.command()
def prune(
    to: Annotated[
        float | None,
        typer.Option(
            "--to", min=0, metavar="GB", help="How much may stay; by default the settings' limit."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Remove what was not used for longest, down to the limit. Stopped jobs keep what is theirs."""
    from soundmatte.errors import UsageError
    from soundmatte.settings import load

    if to is not None and not math.isfinite(to):
        raise UsageError(f"--to: {to} is no size.", hint="Write it in GB, like 12.5.")
    _remove(load().settings.cache.limit if to is None else round(to * 1e9), json=json)


@app.command()
def clear(json: options.Json = False) -> None:
    """Remove all of it, but for what stopped jobs need. The same work then costs again."""
    _remove(0, json=json)


def _remove(limit: int, *, json: bool) -> None:
    removed = _cache().prune(limit)
    size = sum(one.size for one in removed)
    if json:
        print_json({"removed": len(removed), "bytes": size})
    else:
        typer.echo(f"{len(removed)} removed, {_megabytes(size)}")


def _cache() -> Cache:
    from soundmatte.jobs.cache import Cache
    from soundmatte.jobs.journal import Journal

    return Cache(Journal.open())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
