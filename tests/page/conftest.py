"""Pages that are visited, each for one test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from tests.page.visiting import StandIn, Visiting, Visitor

from soundmatte.page import server, visit

Opened = tuple[Visiting, Visitor]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Opened]]:
    """Opens a page for a stand-in, and lets a visitor in."""
    # A browser that cannot be opened: the address is told instead.
    monkeypatch.setenv("BROWSER", "false")
    monkeypatch.setattr(server, "_NEWS", 1.0)
    monkeypatch.setattr(visit, "_LAST_WORDS", 0.4)
    visits: list[Opened] = []

    def open_(work: StandIn | None = None, *, enter: bool = True) -> Opened:
        visiting = Visiting(work or StandIn())
        port, word = visiting.editor.address()
        visitor = Visitor(port)
        visits.append((visiting, visitor))
        if enter:
            assert visitor.enter(word).status == 204
        return visiting, visitor

    yield open_
    for visiting, visitor in visits:
        # Nobody waits for a visitor who has left.
        with contextlib.suppress(OSError):
            visitor.leave()
        visiting.close()
