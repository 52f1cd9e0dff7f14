"""How a batch is shown while it runs: one live table at a terminal, lines in a pipe, JSON lines.

On the table, clips that are over scroll away upwards; those under way stand below them, over a
line with the totals. All of it goes to standard error. This module must not know how clips are
worked on.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from soundmatte.jobs.item import OVER, Item, Totals, totals
from stemmux.console import ProgressStyle, json_line

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_COLOURS = {"done": "green", "failed": "red", "uncertain": "magenta", "cancelled": "yellow"}
#: Before so many seconds nobody knows how long it will take.
_KNOWN_AFTER = 3.0
#: Seconds between two pictures of the table.
_PAINT_EVERY = 0.25
#: JSON lines about one clip's progress come no closer together than this (s).
_EVERY = 2.0


def board(style: ProgressStyle, items: Sequence[Item]) -> Board:
    """The board for a style; items may be added to `items` meanwhile."""
    if style is ProgressStyle.BAR:
        return TableBoard(items)
    if style is ProgressStyle.JSON:
        return JsonBoard(items)
    return LineBoard(items) if style is ProgressStyle.PLAIN else Board(items)


def printable(text: str) -> str:
    """A name or a sentence that cannot move the cursor, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def lasting(seconds: float) -> str:
    """A length of time for a person, to the second: 0:07, 12:31, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Board:
    """Shows nothing; the others are made of it. `changed` may be called on any thread."""

    def __init__(self, items: Sequence[Item]) -> None:
        """`items` is looked at again each time."""
        self._items = items
        self._lock = threading.Lock()
        self._over: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is shown any more."""

    def changed(self, item: Item) -> None:
        """Something is new about an item; `over` hears of its end, once."""
        if item.state in OVER:
            with self._lock:
                if id(item) in self._over:
                    return
                self._over.add(id(item))
                self.over(item)
        else:
            self.moved(item)

    def over(self, item: Item) -> None:
        """An item has ended."""

    def moved(self, item: Item) -> None:
        """An item is under way."""

    @property
    def count(self) -> str:
        """How many of how many items have ended, such as "[7/100]"."""
        return f"[{len(self._over)}/{len(self._items)}]"


class LineBoard(Board):
    """A line for each clip that is over."""

    def over(self, item: Item) -> None:
        """See `Board`."""
        cost = f", at most {item.usd} USD" if item.usd and item.state == "done" else ""
        why = f": {printable(item.note)}" if item.note else ""
        line = f"{self.count} {printable(item.name)}: {item.state}{cost}{why}"
        print(line, file=sys.stderr, flush=True)  # noqa: T201


class JsonBoard(Board):
    """A JSON object a line for each clip that begins, goes on or ends."""

    def __init__(self, items: Sequence[Item]) -> None:
        """See `Board`."""
        super().__init__(items)
        self._said: dict[int, tuple[str, float]] = {}

    def over(self, item: Item) -> None:
        """See `Board`."""
        self._line(item)

    def moved(self, item: Item) -> None:
        """See `Board`."""
        now = time.monotonic()
        with self._lock:
            stage, at = self._said.get(id(item), ("", 0.0))
            if stage == item.stage and now - at < _EVERY:
                return
            self._said[id(item)] = (item.stage, now)
            self._line(item)

    def _line(self, item: Item) -> None:
        values = {
            "event": "clip",
            "clip": str(item.order.selection.media),
            "state": item.state,
            "stage": item.stage,
            "fraction": round(item.share, 4),
            "text": item.note,
        }
        print(json_line(values, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201


class TableBoard(Board):
    """The live table. One thread paints it: the terminal's cursor cannot be shared."""

    def __init__(self, items: Sequence[Item]) -> None:
        """See `Board`."""
        from rich.console import Console
        from rich.live import Live

        super().__init__(items)
        self._console: Console = Console(stderr=True, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._began = time.monotonic()
        self._ended: deque[Item] = deque()
        self._leaving = threading.Event()
        self._painter = threading.Thread(target=self._paint, name="board", daemon=True)

    def __enter__(self) -> Self:
        self._live.start()
        self._painter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show what has ended, and take the rest away."""
        self._leaving.set()
        self._painter.join()
        self._scroll()
        self._live.stop()

    def over(self, item: Item) -> None:
        """See `Board`."""
        self._ended.append(item)

    def _paint(self) -> None:
        while not self._leaving.wait(_PAINT_EVERY):
            self._scroll()
            self._live.update(self._shown(), refresh=True)

    def _scroll(self) -> None:
        """Print the rows of what has ended, above the table."""
        if not self._ended:
            return
        rows = self._grid()
        while self._ended:
            self._row(rows, self._ended.popleft())
        self._console.print(rows)

    def _shown(self) -> RenderableType:
        from rich.console import Group
        from rich.rule import Rule

        running = [item for item in list(self._items) if item.state == "running"]
        rows = self._grid()
        for item in running[: max(1, self._console.height - 5)]:
            self._row(rows, item)
        return Group(Rule(style="dim"), rows, self._foot(totals(self._items)))

    def _foot(self, found: Totals) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        states = found.states
        counts = [f"{states['done'] + states['skipped']} of {len(self._items)} done"]
        counts += [f"{states[s]} {s}" for s in ("failed", "uncertain", "running") if states[s]]
        counts += [f"{states['waiting']} to come"] if states["waiting"] else []
        money = f"   {found.usd:.2f} of at most {found.planned:.2f} USD" if found.planned else ""
        foot = Table.grid(padding=(0, 1), expand=True)
        foot.add_column(width=12)
        foot.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(total=1.0, completed=found.share, width=12)
        foot.add_row(bar, Text(self._clock(found.share) + money, style="bold"))
        foot.add_row("", Text(", ".join(counts)))
        return foot

    def _clock(self, share: float) -> str:
        spent = time.monotonic() - self._began
        if spent < _KNOWN_AFTER or share <= 0.01:
            return lasting(spent)
        return f"{lasting(spent)}, about {lasting(spent * (1 - share) / share)} left"

    def _grid(self) -> Table:
        from rich.table import Table

        width = self._console.width
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=max(12, min(32, width * 3 // 10)), no_wrap=True)
        grid.add_column(width=9, no_wrap=True)
        grid.add_column(width=10, no_wrap=True)
        grid.add_column(width=4, justify="right", no_wrap=True)
        grid.add_column(width=9, justify="right", no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        grid.expand = True
        return grid

    def _row(self, rows: Table, item: Item) -> None:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        width = rows.columns[0].width or 12
        over = item.state in OVER
        style = _COLOURS.get(item.state, "")
        took = lasting(item.ended - item.began) if over and item.began else ""
        rows.add_row(
            Text(shortened(printable(item.name), width)),
            Text(item.state if over else item.stage, style=style),
            Text(took) if over else ProgressBar(total=1.0, completed=item.share, width=10),
            "" if over else f"{item.share:.0%}",
            f"{item.usd:.3f} USD" if item.usd else "",
            Text(printable(item.note), style="" if item.error else "dim"),
        )


def shortened(text: str, width: int) -> str:
    """A text of so many columns of a terminal at most: what is cut out is its middle."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= width:
        return text
    last = ""
    for sign in reversed(text):
        if cell_len(sign + last) > width // 2:
            break
        last = sign + last
    return set_cell_size(text, width - 1 - cell_len(last)).rstrip() + "…" + last
