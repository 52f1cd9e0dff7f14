"""`soundmatte batch`: many clips by one command."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import cloud, many, options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.jobs.item import Item
    from soundmatte.jobs.manifest import Line

What = Annotated[
    list[str] | None,
    typer.Argument(metavar="[WHAT]...", help="Clips, patterns ('*.mov'), folders."),
]
Manifest = Annotated[
    Path | None,
    typer.Option(
        "--manifest", metavar="FILE", help="CSV or JSON lines: a clip a line, options as columns."
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Search the folders in folders too.")
]


def batch(
    what: What = None,
    manifest: Manifest = None,
    recursive: Recursive = False,
    matte: many.Pattern = "",
    invert: options.Invert = False,
    plane: options.Plane = options.MattePlane.LUMA,
    prompt: options.Prompt = "",
    span: options.Spans = None,
    exclude_span: options.ExcludedSpans = None,
    start: options.Start = "",
    end: options.End = "",
    handles: options.Handles = "",
    track: options.Track = 1,
    engine: cloud.Use = None,
    server: cloud.Server = None,
    candidates: cloud.Candidates = None,
    acceleration: cloud.Acceleration = None,
    output_format: cloud.Format = None,
    max_chunk_duration: cloud.Chunk = None,
    chunk_overlap: cloud.Overlap = None,
    predict_spans: cloud.Predict = None,
    use_sound_activity_ranking: cloud.Ranking = None,
    max_cost: cloud.MaxCost = None,
    max_total: many.MaxTotal = None,
    paid_retries: cloud.PaidRetries = None,
    jobs: many.Jobs = None,
    processors: many.Processors = None,
    style: options.Style = None,
    bits: options.Bits = None,
    accept_doubtful: options.AcceptDoubtful = False,
    container: options.Container = None,
    replace_audio: options.ReplaceAudio = None,
    default: options.Default = None,
    output: options.Folder = Path(),
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
    verbose: options.Verbose = False,
) -> None:
    """Separate many clips. One that fails does not stop the others; --max-cost is for each.

    What is done is skipped the next time. Exit status 5: some clips failed.

    \b
    soundmatte batch rushes/ -o stems                the voices of every clip in a folder
    soundmatte batch '**/*.mov' --matte '{stem}_matte.mov' --max-total 5
    soundmatte batch --manifest shots.csv --dry-run  what would be done, at what price
    """
    _batch(locals())


def _batch(said: dict[str, Any]) -> None:
    from soundmatte.cli.board import board
    from soundmatte.jobs import batch
    from soundmatte.jobs.item import OVER

    voice = Console(said["progress"], verbose=said["verbose"])
    most, lines = many.amount(said["max_total"]), _lines(said)
    rest = many.for_all(said, lambda why: None if said["dry_run"] else voice.note(why))
    with voice.stage("check") as told:
        items = batch.prepared(lines, rest, told)
    if said["dry_run"]:
        _tell_plan(items, most, as_json=said["json"])
        return
    usd = batch.check_total(items, most)
    waiting = [item for item in items if item.state == "waiting"]
    if usd:
        voice.note(f"{len(waiting)} of {len(items)} clips are to be separated, at most {usd} USD.")
    how = many.How(said["jobs"], said["processors"], said["json"], many.style_of(voice, said))
    remote = any(item.work and item.work.answer and item.work.answer.remote for item in waiting)
    began = time.monotonic()
    try:
        with board(how.style, items) as shown:
            for item in items:
                if item.state in OVER:
                    how.tell(shown, item)
            with how.crew(shown, remote=remote, most=len(waiting)) as crew:
                for item in waiting:
                    crew.give(item)
    except KeyboardInterrupt:
        many.tell_end(items, time.monotonic() - began, as_json=said["json"])
        raise
    many.finish(items, time.monotonic() - began, as_json=said["json"])


def _lines(said: dict[str, Any]) -> list[Line]:
    from soundmatte.errors import UsageError
    from soundmatte.jobs import found, manifest

    what, table, pattern = said["what"] or [], said["manifest"], said["matte"]
    if bool(what) == bool(table):
        raise UsageError(
            "There are clips to be named, or a manifest: one of the two.",
            hint="Such as soundmatte batch '*.mov', or soundmatte batch --manifest shots.csv.",
        )
    if table:
        return manifest.with_mattes(manifest.read(table), pattern)
    clips = found.clips(what, recursive=said["recursive"], apart=said["output"])
    return manifest.by_name(found.without_mattes(clips, pattern) if pattern else clips, pattern)


def _tell_plan(items: list[Item], most: Decimal | None, *, as_json: bool) -> None:
    """What would be done, at what price."""
    from soundmatte.cli import say
    from soundmatte.cli.board import printable
    from soundmatte.jobs import batch
    from soundmatte.jobs.item import summary, totals

    usd = batch.check_total(items, None)
    for item in items:
        if as_json:
            plan = say.plan_values(item.work) if item.work else None
            print_json({**many.values(item), "event": "plan", "plan": plan})
        elif item.work:
            typer.echo(_planned(item))
        else:
            typer.echo(f"{_named(item)}: {item.state}; {printable(f'{item.note} {item.hint}')}")
    if as_json:
        print_json({"event": "summary", **summary(items), "cost": float(usd)})
    else:
        found = totals(items).states
        failed = f", {found['failed']} cannot be" if found["failed"] else ""
        before = f", {found['skipped']} are done" if found["skipped"] else ""
        typer.echo(
            f"{len(items)} clip{'s' * (len(items) != 1)}: {found['waiting']} would be separated"
            f"{before}{failed}; {say.cost(float(usd))}."
        )
    batch.check_total(items, most)
    if totals(items).failed:
        raise typer.Exit(many.SOME_FAILED)


def _named(item: Item) -> str:
    """Which clip it is, and which line of a manifest."""
    from soundmatte.cli.board import printable

    where = f" ({item.where})" if item.where else ""
    return printable(f"{item.order.selection.media}{where}")


def _planned(item: Item) -> str:
    """What would be done with a clip, in a line."""
    from soundmatte.cli import say

    assert item.work is not None
    plan = say.plan_values(item.work)
    several = f" in {plan['windows']} windows" if plan["windows"] > 1 else ""
    start, duration = float(plan["start"]), float(plan["duration"])
    return (
        f"{_named(item)}: {duration:.3f} s from {start:.3f} s, {plan['engine']}, "
        f"{plan['route']}{several}; {say.cost(plan['cost'])}; to {item.order.output}"
    )
