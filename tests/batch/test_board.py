"""How a batch is shown: the table on a terminal of any width, lines that cannot be misread."""

from __future__ import annotations

import io
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.jobs.bench import Part

from soundmatte.cli.board import (
    LineBoard,
    TableBoard,
    board,
    lasting,
    printable,
    shortened,
)
from soundmatte.cli.many import in_words, wrapped
from soundmatte.documents import Order, Selection
from soundmatte.engines.engine import Engine
from soundmatte.errors import EngineRefused
from soundmatte.jobs.item import Item, ItemState, totals
from soundmatte.separation.errors import NoCredit, SubmitUncertain
from stemmux.console import ProgressStyle
from stemmux.errors import Cancelled

ENGINE: Engine = Part()


def item(name: str, state: ItemState = "waiting", usd: str = "0.05") -> Item:
    chosen = Order(selection=Selection(media=Path(name)), engine="part", output=Path("out"))
    made = Item(name, "", chosen, ENGINE, usd=Decimal(usd))
    if state == "running":
        made.state, made.began = "running", 1.0
        made.at("separate", 0.6)
    elif state != "waiting":
        made.began = 1.0
        made.end(state)
    return made


def hundred() -> list[Item]:
    """A batch in the middle of its work."""
    made = [item(f"shot_{n:04}.mov", "done") for n in range(60)]
    made += [item(f"shot_{n:04}.mov", "running") for n in range(60, 68)]
    return made + [item(f"shot_{n:04}.mov") for n in range(68, 100)]


class Screen(TableBoard):
    """A table on a terminal that can be read."""

    def __init__(self, items: list[Item], width: int, height: int = 24) -> None:
        super().__init__(items)
        self.file = io.StringIO()
        self._console = Console(file=self.file, width=width, height=height, force_terminal=False)
        self._live.console = self._console

    @property
    def lines(self) -> list[str]:
        """What the table looks like now."""
        self._console.print(self._shown())
        return self.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 110, 200])
def test_the_table_fits_every_terminal(width: int) -> None:
    items = hundred()
    items[60].name, items[61].name = "日本語" * 20, "a\x1b[2Jb\nc" + "x" * 300
    items[62].note = "Window 2 of 3. " * 20
    seen = Screen(items, width).lines
    assert len(seen) == 1 + 8 + 2  # a line, those under way, the totals
    assert all(cell_len(line) <= width for line in seen)
    assert "\x1b" not in "".join(seen)
    if width >= 80:
        assert "60 of 100 done, 8 running, 32 to come" in seen[-1]
        assert "3.40 of at most 5.00 USD" in seen[-2]
        assert "separate" in seen[4]
        assert "49%" in seen[4]


def test_more_clips_under_way_than_the_terminal_has_lines() -> None:
    items = [item(f"{n}.mov", "running") for n in range(50)]
    assert len(Screen(items, 80, height=12).lines) <= 11


def test_rows_of_what_has_ended_are_printed_once_by_one_thread() -> None:
    items = hundred()
    screen = Screen(items, 100)
    with screen:
        workers = [
            threading.Thread(target=lambda: [screen.changed(each) for each in items])
            for _ in range(4)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(10)
    rows = [line for line in screen.file.getvalue().splitlines() if " done " in line]
    names = sorted(line.split()[0] for line in rows)
    assert names == [f"shot_{n:04}.mov" for n in range(60)]


def test_a_line_in_a_pipe_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    odd = item("two\nlines\x1b[31m.mov")
    odd.end_by(EngineRefused("Not\nthis one.", hint="Another."))
    LineBoard([odd, item("b.mov")]).changed(odd)
    assert capsys.readouterr().err == "[1/2] two lines [31m.mov: failed: Not this one.\n"


def test_no_progress_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    board(ProgressStyle.NONE, []).changed(item("a.mov", "done"))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize("text", ["a.mov", "x" * 50, "日本語クリップ" * 5, "é" * 31 + ".mov"])
@pytest.mark.parametrize("width", [12, 13, 24])
def test_a_long_name_keeps_its_beginning_and_its_end(text: str, width: int) -> None:
    seen = shortened(text, width)
    assert cell_len(seen) <= width
    assert (seen[0], seen[-1]) == (text[0], text[-1])
    assert (seen == text) == (cell_len(text) <= width)


def test_words_for_people() -> None:
    times = {0: "0:00", 7.4: "0:07", 59.6: "1:00", 751: "12:31", 3723: "1:02:03"}
    assert {seconds: lasting(seconds) for seconds in times} == times
    assert printable("a\tb\r\n c\x07") == "a b c"


def test_what_failed_alike_is_told_once() -> None:
    items = [item(f"{n}.mov") for n in range(9)]
    for each in items[:7]:
        each.end_by(NoCredit("The account has no credit left.", hint="Top it up."))
    items[7].end_by(Cancelled("The batch was cancelled."))
    told = in_words(items, 61)
    assert told[0] == "9 clips: 0 done, 7 failed, 1 cancelled, 1 not begun; 1:01."
    assert told[1:4] == [
        "failed: 0.mov, 1.mov, 2.mov, 3.mov, 4.mov and 2 more",
        "    The account has no credit left.",
        "    Top it up.",
    ]
    assert "goes on" in told[-1]
    assert len(told) == 5


def test_money_that_may_have_been_spent_is_counted() -> None:
    items = [item(name) for name in ("sent.mov", "free.mov", "done.mov", "new.mov", "before.mov")]
    items[0].end_by(SubmitUncertain("Nobody knows.", hint="Look."))
    items[1].end_by(EngineRefused("No.", hint="Another."))
    items[2].began = 1.0
    items[2].end("done")
    items[4].usd = Decimal(0)
    items[4].end("skipped")
    found = totals(items)
    assert (found.usd, found.failed) == (Decimal("0.10"), 2)
    assert (found.states["done"], found.states["skipped"], found.states["waiting"]) == (1, 1, 1)


def test_a_bar_never_runs_backwards() -> None:
    one = item("a.mov")
    seen = []
    for stage in ("extract", "separate", "conform", "gate", "place", "remux", "report"):
        for share in (0.0, 0.5, 0.2, 1.0):
            one.at(stage, share)
            seen.append(one.share)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


@pytest.mark.parametrize("width", [40, 80, 110])
def test_what_is_too_long_for_the_terminal_is_broken_between_words(width: int) -> None:
    line = "    To send it again: soundmatte jobs retry 69d44d3ef4 --accept-cost " + "and on " * 12
    parts = wrapped(line, width)
    assert len(parts) > 1
    assert all(part.startswith("    ") and len(part) <= width for part in parts)
    assert " ".join(part.strip() for part in parts) == line.strip()
    assert wrapped("short", width) == ["short"]
