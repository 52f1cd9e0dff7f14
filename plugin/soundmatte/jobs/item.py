"""One clip of a batch: how far it is, and what all of them come to.

This module must not know who works on the clips, nor how they are shown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from soundmatte.documents import Order, Separation
from soundmatte.engines.engine import Engine
from soundmatte.jobs.work import Work
from soundmatte.separation.errors import SubmitUncertain
from stemmux.errors import Cancelled

ItemState = Literal["waiting", "running", "done", "skipped", "failed", "uncertain", "cancelled"]
#: States of a clip that nothing more is done to.
OVER: Final = ("done", "skipped", "failed", "uncertain", "cancelled")

#: About how much of a separation each step is, for one bar that never runs backwards.
_STEPS = {"extract": 0.1, "separate": 0.65, "conform": 0.13, "remux": 0.05, "report": 0.07}
#: Seconds that a clip counts for beside its own length, when the time that is left is reckoned.
EACH = 5.0


@dataclass
class Item:
    """A clip of a batch, and how far it is. Whoever works on it writes; anybody may read.

    Attributes:
        name: what a person calls it.
        where: its line in a manifest.
        usd: the most that it costs, as planned.
        share: of the whole that is done, 0 to 1. `stage`: the step that is under way.
        note: the newest sentence about it. `error`: what ended it.
        weight: how much of a batch it is.
    """

    name: str
    where: str
    order: Order
    engine: Engine
    state: ItemState = "waiting"
    usd: Decimal = Decimal(0)
    stage: str = ""
    share: float = 0.0
    note: str = ""
    notes: list[str] = field(default_factory=list)
    error: Exception | None = None
    separation: Separation | None = None
    work: Work | None = None
    weight: float = EACH
    began: float = 0.0
    ended: float = 0.0

    def at(self, stage: str, share: float) -> None:
        """A step is so far."""
        before = 0.0
        for name, part in _STEPS.items():
            if name == stage:
                self.share = max(self.share, before + part * share)
            before += part
        self.stage = stage

    def end(self, state: ItemState, error: Exception | None = None) -> None:
        """Nothing more is done to it."""
        self.error = error
        self.note = "" if error is None else str(error)
        self.share = 1.0 if state in ("done", "skipped") else self.share
        self.ended = time.monotonic()
        self.state = state

    def end_by(self, error: Exception) -> None:
        """It was ended by an error."""
        if isinstance(error, Cancelled):
            self.end("cancelled")
        else:
            self.end("uncertain" if isinstance(error, SubmitUncertain) else "failed", error)

    @property
    def hint(self) -> str:
        """The way out, if it failed."""
        return str(getattr(self.error, "hint", "")) if self.error else ""


@dataclass(frozen=True)
class Totals:
    """A batch in numbers.

    Attributes:
        states: how many clips are in each state.
        usd: the most that may have been spent by this run so far, `planned` by all of it.
        share: of the work that is done, 0 to 1.
    """

    states: dict[ItemState, int]
    usd: Decimal
    planned: Decimal
    share: float

    @property
    def failed(self) -> int:
        """Clips that a person must look at."""
        return self.states["failed"] + self.states["uncertain"]


def totals(items: Sequence[Item]) -> Totals:
    """Count a batch."""
    states: dict[ItemState, int] = dict.fromkeys(get_args(ItemState), 0)
    usd = planned = Decimal(0)
    whole = done = 0.0
    for item in list(items):
        states[item.state] += 1
        planned += item.usd
        if _may_be_charged(item):
            usd += item.usd
        if item.began or item.state == "waiting":
            whole += item.weight
            done += item.weight * (1.0 if item.state in OVER else item.share)
    return Totals(states, usd, planned, done / whole if whole else 1.0)


def _may_be_charged(item: Item) -> bool:
    if item.state == "failed":
        return getattr(item.error, "charged", "no") != "no"
    return item.state in ("done", "uncertain") or item.stage not in ("", "extract")


def summary(items: Sequence[Item]) -> dict[str, Any]:
    """The totals as JSON values."""
    found = totals(items)
    counts = {str(state): count for state, count in found.states.items()}
    return {"clips": len(items), **counts, "usd": float(found.usd)}
