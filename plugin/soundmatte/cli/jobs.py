"""`soundmatte jobs`: every separation, what came of it, what it may have cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.documents import Separation
    from soundmatte.jobs.journal import Job

app = typer.Typer(
    help="Every separation: how far it is, what it may have cost, what a person must decide.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Id = Annotated[
    str, typer.Argument(help="The job's id, as `jobs list` prints it, or its first characters.")
]


@app.command("list")
def list_jobs(
    most: Annotated[int, typer.Option("--most", min=1, metavar="N", help="How many.")] = 50,
    json: options.Json = False,
) -> None:
    """The newest jobs: id, state, when, the most it may have cost, the clip."""
    from soundmatte.cli.board import printable
    from soundmatte.jobs.journal import Journal
    from soundmatte.jobs.requests import Requests
    from soundmatte.settings import load

    jobs, spent = Journal.open().jobs(most), Requests.open().spent()
    if json:
        print_json([_values(job) for job in jobs])
        return
    for job in jobs:
        typer.echo(_line(job))
        if job.failure:
            typer.echo(f"    {printable(job.failure)}")
    limit = load().settings.cloud.monthly_limit
    of = f" of {limit}" if limit is not None else ""
    typer.echo(f"This month: up to {spent}{of} USD.")


def _line(job: Job) -> str:
    from soundmatte.cli.board import printable

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.made))
    cost = f"{job.usd} USD" if job.usd else "free"
    name = printable(job.order.selection.media.name)
    return f"{job.id}  {_state(job):<21}  {when}  {cost:>10}  {name}"


def _state(job: Job) -> str:
    return f"{job.state}, {'running' if job.running else 'stopped'}" if _midway(job) else job.state


def _midway(job: Job) -> bool:
    return job.running or job.stopped


def _values(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "state": job.state,
        "running": job.running,
        "made": job.made,
        "changed": job.changed,
        "engine": job.order.engine,
        "version": job.version,
        "usd": float(job.usd),
        "clip": str(job.order.selection.media),
        "output": str(job.order.output),
        "seconds": dict(job.seconds),
        "failure": job.failure,
        "hint": job.hint,
        "retryable": job.retryable,
    }


@app.command()
def show(job: Id, json: options.Json = False) -> None:
    """Everything about one job: what was asked, sent and made, how long each step took."""
    from soundmatte.jobs.journal import Journal
    from soundmatte.jobs.requests import Requests

    found = Journal.open().job(job)
    requests: list[dict[str, Any]] = [
        {
            "id": entry.id,
            "state": entry.state,
            "request_id": entry.request_id,
            "endpoint": entry.endpoint,
            "server": entry.server,
            "usd": float(entry.usd),
            "window": list(entry.work.get("window", (1, 1))),
            "failure": entry.failure,
        }
        for entry in Requests.open().of(found.id)
    ]
    values = {
        **_values(found),
        "order": found.order.model_dump(mode="json"),
        "requests": requests,
        "separation": found.separation and found.separation.model_dump(mode="json"),
    }
    if json:
        print_json(values)
        return
    typer.echo(_line(found))
    if found.failure:
        typer.echo(f"  {found.failure}\n  {found.hint}".rstrip())
    typer.echo(f"  engine:  {found.order.engine}, by Soundmatte {found.version}")
    typer.echo(f"  output:  {found.order.output}")
    for step, seconds in found.seconds.items():
        typer.echo(f"  {step:<8} {seconds:7.1f} s")
    for entry in requests:
        typer.echo(f"  request  {_part(entry)}{entry['state']}, up to {entry['usd']} USD")
    if found.separation is not None:
        from soundmatte.cli import say

        typer.echo("\n".join(say.in_words(found.separation)))


def _part(request: dict[str, Any]) -> str:
    number, of = request["window"]
    return f"window {number} of {of}, " if of > 1 else ""


@app.command()
def resume(
    job: Annotated[
        str, typer.Argument(help="The job's id; without it, every job that was stopped.")
    ] = "",
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Go on where a job stopped: nothing is uploaded, paid for or computed twice.

    Without an id, all jobs whose process was killed are finished, one after the other.
    """
    from soundmatte.errors import SoundmatteError
    from soundmatte.jobs import control
    from stemmux.errors import Cancelled, StemmuxError

    console = Console(progress)
    if job:
        _print(control.resume(job, console), json=json)
        return
    stopped = control.stopped()
    if not stopped:
        console.note("No job was stopped.")
    failed: Exception | None = None
    for each in stopped:
        console.note(f"Job {each.id}: {each.order.selection.media.name}")
        try:
            _print(control.resume(each.id, console), json=json)
        except Cancelled:
            raise
        except (SoundmatteError, StemmuxError) as error:
            failed = error
            console.note(f"{error} {error.hint}")
    if failed is not None:
        raise failed


@app.command()
def cancel(job: Id, json: options.Json = False) -> None:
    """End a job, at the service too. What was charged for already stays charged."""
    from soundmatte.jobs import control

    _told(control.cancel(job), json=json)


@app.command()
def retry(
    job: Id,
    accept_cost: Annotated[
        bool, typer.Option("--accept-cost", help="It may be charged again; that is accepted.")
    ] = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Send an uncertain or failed job again. It may be paid for twice, so a person must say so.

    The whole separation is then finished: windows of it that were never sent are sent too, as was
    agreed when it was begun, and those that are here already cost nothing.
    """
    from soundmatte.jobs import control

    _print(control.retry(job, Console(progress), accept_cost=accept_cost), json=json)


@app.command()
def forget(job: Id, json: options.Json = False) -> None:
    """Remove a job from the list, and what is kept for it. Its delivered files stay."""
    from soundmatte.jobs import control

    _told(control.forget(job), json=json)


def _print(done: Separation, *, json: bool) -> None:
    from soundmatte.cli import say

    if json:
        print_json(done.model_dump(mode="json"))
    else:
        typer.echo("\n".join(say.in_words(done)))


def _told(job: Job, *, json: bool) -> None:
    if json:
        print_json(_values(job))
    else:
        typer.echo(_line(job))
