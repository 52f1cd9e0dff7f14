"""What the commands that separate many clips share: their options, and the way through.

This module must not know where the clips come from.
"""

from __future__ import annotations

import sys
import textwrap
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cache
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import cloud
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundmatte.cli.board import Board
    from soundmatte.engines.engine import Engine
    from soundmatte.jobs.crew import Crew
    from soundmatte.jobs.engines import Use
    from soundmatte.jobs.item import Item
    from soundmatte.jobs.manifest import ForAll
    from soundmatte.settings import Cloud

#: Exit status where some clips were separated, or none, and some failed.
SOME_FAILED = 5
#: Of clips that failed alike so many are named.
_NAMED = 5

Pattern = Annotated[
    str,
    typer.Option(
        "--matte",
        "--mask",
        metavar="PATTERN",
        help="Each clip's matte, counted from its folder: '{stem}_matte.mov'; or one for all.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        metavar="N",
        help="Cloud: jobs at the service at once.",
        show_default="4",
    ),
]
Processors = Annotated[
    int | None,
    typer.Option(
        "--processors",
        min=1,
        metavar="N",
        help="Clips that compute here at once.",
        show_default="one for each processor, up to 4",
    ),
]
MaxTotal = Annotated[
    str | None,
    typer.Option("--max-total", metavar="USD", help="Cloud: most that all may cost together."),
]


@dataclass(frozen=True)
class How:
    """How the work is done, and told."""

    jobs: int | None
    processors: int | None
    json: bool
    style: ProgressStyle
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def network(self) -> int:
        """Jobs at the service at once."""
        from soundmatte.jobs.crew import NETWORK

        return self.jobs or NETWORK

    def crew(self, board: Board, *, remote: bool, most: int | None = None) -> Crew:
        """A crew that tells `board`.

        Args:
            remote: some of the clips wait for the service.
            most: clips that there are, where that is known.
        """
        from soundmatte.jobs.crew import Crew, processors
        from soundmatte.jobs.lanes import Lanes

        computing = self.processors or processors()
        lanes = Lanes(computing, self.network)
        threads = lanes.threads if remote else computing

        def changed(item: Item) -> None:
            self.tell(board, item)

        return Crew(lanes, min(threads, most or threads), changed)

    def tell(self, board: Board, item: Item) -> None:
        """Show an item; one that is over is also printed, where that was asked for."""
        from soundmatte.jobs.item import OVER

        board.changed(item)
        if self.json and item.state in OVER:
            with self.lock:
                print_json(values(item))
                sys.stdout.flush()


def style_of(voice: Console, said: dict[str, Any]) -> ProgressStyle:
    """How progress is shown; a log among the rows of a table could not be read."""
    table = voice.style is ProgressStyle.BAR
    return ProgressStyle.PLAIN if table and said["verbose"] else voice.style


def for_all(said: dict[str, Any], note: Callable[[str], object]) -> ForAll:
    """What the command line says for all clips; `note` hears which engine it is, and why."""
    from soundmatte.jobs.manifest import ForAll
    from soundmatte.jobs.words import Asked
    from soundmatte.settings import load

    words = {
        field.alias or name: said[name]
        for name, field in Asked.model_fields.items()
        if name not in ("clip", "matte") and said[name]
    }
    told: set[str] = set()

    @cache
    def engine(use: Use, chosen: Cloud) -> Engine:
        from soundmatte.jobs import engines

        made, why = engines.choose(use, chosen)
        if why not in told:
            told.add(why)
            note(why)
        return made

    names = cloud.Words.__dataclass_fields__
    use, chosen = cloud.choice(cloud.Words(**{name: said[name] for name in names}))
    return ForAll(
        words=words,
        use=use,
        cloud=chosen,
        output=said["output"],
        engine=engine,
        chosen=load().settings.output,
        overwrite=said["overwrite"],
        accept_doubtful=said["accept_doubtful"],
    )


def amount(text: str | None) -> Decimal | None:
    """A limit in USD.

    Raises:
        UsageError: it is none.
    """
    from soundmatte.errors import UsageError

    if text is None:
        return None
    try:
        usd = Decimal(text)
    except InvalidOperation:
        usd = Decimal(-1)
    if not usd.is_finite() or usd < 0:
        raise UsageError(f"--max-total: {text[:40]!r} is no amount.", hint="Write it like 12.50.")
    return usd


def values(item: Item) -> dict[str, Any]:
    """An item as one JSON object."""
    made = item.separation
    error = None
    if item.error is not None:
        kind = type(item.error).__name__
        error = {"kind": kind, "message": str(item.error), "hint": item.hint}
    return {
        "event": "clip",
        "clip": str(item.order.selection.media),
        "line": item.where or None,
        "state": item.state,
        "usd": float(item.usd),
        "notes": item.notes,
        "error": error,
        "separation": made.model_dump(mode="json") if made else None,
    }


def finish(items: Sequence[Item], took: float, *, as_json: bool) -> None:
    """Say how all of it ended.

    Raises:
        typer.Exit: with a status of its own, where clips failed.
    """
    from soundmatte.jobs.item import totals

    tell_end(items, took, as_json=as_json)
    if totals(items).failed:
        raise typer.Exit(SOME_FAILED)


def tell_end(items: Sequence[Item], took: float, *, as_json: bool) -> None:
    """Print the summary."""
    from soundmatte.jobs.item import summary

    if as_json:
        print_json({"event": "summary", **summary(items), "seconds": round(took, 3)})
    else:
        lines = in_words(items, took)
        if sys.stdout.isatty():
            lines = [part for line in lines for part in wrapped(line, get_terminal_size().columns)]
        typer.echo("\n".join(lines))


def wrapped(line: str, width: int) -> list[str]:
    """A line in as many as it takes, broken between words, each as far from the edge."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line.lstrip(),
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def in_words(items: Sequence[Item], took: float) -> list[str]:
    """How a batch ended, for a person; what failed alike is told once."""
    from soundmatte.cli.board import lasting, printable
    from soundmatte.jobs.item import totals

    found = totals(items)
    states = found.states
    parts = [f"{states['done']} done"]
    if states["skipped"]:
        parts.append(f"{states['skipped']} done before")
    parts += [f"{states[s]} {s}" for s in ("failed", "uncertain", "cancelled") if states[s]]
    parts += [f"{states['waiting']} not begun"] if states["waiting"] else []
    cost = f"; at most {found.usd} USD" if found.usd else ""
    lines = [
        f"{len(items)} clip{'s' * (len(items) != 1)}: {', '.join(parts)}{cost}; {lasting(took)}."
    ]
    for (state, message, hint), alike in _alike(items).items():
        names = [printable(f"{i.name} ({i.where})" if i.where else i.name) for i in alike]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"{state}: {', '.join(names[:_NAMED])}{more}")
        lines += [f"    {text}" for text in (*message.splitlines(), hint) if text]
    if found.failed or states["cancelled"] or states["waiting"]:
        lines.append("The same command again goes on with what is not done; nothing is paid twice.")
    return lines


def _alike(items: Sequence[Item]) -> dict[tuple[str, str, str], list[Item]]:
    alike: dict[tuple[str, str, str], list[Item]] = {}
    for item in items:
        if item.error is not None:
            alike.setdefault((item.state, str(item.error), item.hint), []).append(item)
    return alike
