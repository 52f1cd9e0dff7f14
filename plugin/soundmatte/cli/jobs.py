"""`soundmatte jobs`: what was asked of a paid service, and what a person must decide."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.engines.cloud.ledger import Entry

app = typer.Typer(
    help="Jobs of the cloud engine: what was sent, what it may have cost, what is undecided.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_jobs(json: options.Json = False) -> None:
    """The newest jobs: id, state, when, the most it may have cost, the clip."""
    from soundmatte.jobs.journal import Journal

    entries = Journal.open().entries()
    if json:
        print_json([_values(entry) for entry in entries])
        return
    for entry in entries:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.made))
        clip = Path(str(entry.work.get("selection", {}).get("media", ""))).name
        number, of = _window(entry)
        part = f" (window {number} of {of})" if of > 1 else ""
        typer.echo(f"{entry.id}  {entry.state:<10}  {when}  {entry.usd} USD  {clip}{part}")
        if entry.failure:
            typer.echo(f"    {entry.failure}")


def _window(entry: Entry) -> tuple[int, int]:
    """Which of how many windows of its clip a job is for."""
    number, of = entry.work.get("window", (1, 1))
    return int(number), int(of)


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "state": entry.state,
        "made": entry.made,
        "endpoint": entry.endpoint,
        "server": entry.server,
        "request_id": entry.request_id,
        "usd": float(entry.usd),
        "clip": entry.work.get("selection", {}).get("media"),
        "window": list(_window(entry)),
        "failure": entry.failure,
    }


@app.command()
def retry(
    job: Annotated[str, typer.Argument(help="The job's id, as `jobs list` prints it.")],
    accept_cost: Annotated[
        bool, typer.Option("--accept-cost", help="It may be charged again; that is accepted.")
    ] = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Send an uncertain or failed job again. It may be paid for twice, so a person must say so.

    The separation that it belongs to is then finished: windows of it that were never sent are sent
    too, as was agreed when it was begun, and those that are here already cost nothing.
    """
    from soundmatte.cli import say
    from soundmatte.documents import Selection
    from soundmatte.errors import UsageError
    from soundmatte.jobs import engines, run
    from soundmatte.jobs.journal import Journal
    from soundmatte.settings import Cloud

    journal = Journal.open()
    entry = journal.entry(job)
    if not accept_cost:
        whole = entry.work.get("usd", entry.usd)
        rest = (
            f" (the whole separation was agreed to at {whole} USD)" if _window(entry)[1] > 1 else ""
        )
        raise UsageError(
            f"Job {job} may be charged again, up to {entry.usd} USD{rest}.",
            hint=f"If that is fine: soundmatte jobs retry {job} --accept-cost",
        )
    work = entry.work
    journal.abandoned(entry)
    done = run.separate(
        Selection.model_validate(work["selection"]),
        engines.cloud_engine(Cloud.model_validate({**work["engine"], "max_cost": None})),
        Path(work["output"]),
        Console(progress),
        overwrite=bool(work["overwrite"]),
    )
    if json:
        print_json(done.model_dump(mode="json"))
    else:
        typer.echo("\n".join(say.in_words(done)))
