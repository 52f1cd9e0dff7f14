"""A batch: many clips, each checked and priced before anything is done to the first.

What was delivered by an earlier run is left alone, so that the same command goes on where it
stopped. This module must not know how the clips are worked on, nor how they are shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, get_args

from soundmatte.documents import ContainerChoice, Separation
from soundmatte.engines.engine import Engine
from soundmatte.errors import SoundmatteError, UsageError
from soundmatte.jobs import run
from soundmatte.jobs.item import EACH, Item
from soundmatte.jobs.journal import Journal, key_of
from soundmatte.jobs.manifest import ForAll, Line, order
from soundmatte.jobs.work import Work
from soundmatte.separation.errors import CostRefused
from stemmux.errors import OutputExists, StemmuxError

#: Mistakes in a manifest that are told at once.
_MOST_TOLD = 10


def prepared(
    lines: Sequence[Line], rest: ForAll, told: Callable[[float], object] = lambda share: None
) -> list[Item]:
    """The batch that the lines make. Nothing is done yet, and nothing sent.

    A clip that will not do has failed from the beginning, and the others go on; what an earlier run
    delivered is skipped.

    Args:
        told: the share of the lines that have been checked, 0 to 1; may raise.

    Raises:
        UsageError: the words of a manifest mean nothing, or two clips would get the same names.
    """
    items = _without_products(_items(lines, rest))
    _check_names(items)
    checked = Checked()
    for number, item in enumerate(items):
        told(number / len(items))
        if item.state == "waiting":
            checked.check(item)
    told(1.0)
    wrong = [item.error for item in items if getattr(item.error, "exit_code", 1) == 2]
    alike = len({str(error) for error in wrong}) == 1 and not any(item.where for item in items)
    if wrong and wrong[0] is not None and len(wrong) == len(items) and alike:
        # What was said for all of them means nothing for any.
        raise wrong[0]
    return items


def _items(lines: Sequence[Line], rest: ForAll) -> list[Item]:
    items: list[Item] = []
    mistakes: list[UsageError] = []
    for line in lines:
        try:
            items.append(item_of(line, rest))
        except UsageError as error:
            mistakes.append(error)
    if mistakes:
        texts = list(dict.fromkeys(str(error) for error in mistakes))
        if len(texts) > _MOST_TOLD:
            texts[_MOST_TOLD:] = [f"… and {len(texts) - _MOST_TOLD} more."]
        raise UsageError("\n".join(texts), hint=mistakes[0].hint)
    return items


def item_of(line: Line, rest: ForAll) -> Item:
    """A clip as it is wanted; one that cannot be read has failed.

    Raises:
        UsageError: the words mean nothing.
    """
    unreadable: Exception | None = None
    try:
        made, engine = order(line, rest)
    except UsageError:
        raise
    except (SoundmatteError, StemmuxError) as error:
        unreadable = error
        made, engine = order(line, rest, times=False)
    item = Item(made.selection.media.name, line.where, made, engine)
    if unreadable is not None:
        item.end_by(unreadable)
    return item


def _work(item: Item) -> Work:
    made = item.order
    return Work(made.selection, item.engine, made.output, made.output, made.overwrite)


def _without_products(items: list[Item]) -> list[Item]:
    """The items whose clip is not what another one becomes, as `*.mov` finds it the next time."""
    kinds = ["target.wav", "residual.wav"]
    kinds += [f"stems.{name}" for name in get_args(ContainerChoice) if name not in ("auto", "none")]
    products = {
        os.path.normcase(_work(item).finished(kind))
        for item in items
        for kind in kinds
        if not item.where
    }
    return [
        item
        for item in items
        if item.where or os.path.normcase(item.order.selection.media) not in products
    ]


def _check_names(items: Iterable[Item]) -> None:
    """Refuse two clips whose stems would have the same names, on any file system."""
    taken: dict[str, Item] = {}
    for item in items:
        name = os.path.abspath(_work(item).finished("")).casefold()
        other = taken.setdefault(name, item)
        if other is not item:
            first, second = (
                f"{each.where} ({each.name})" if each.where else str(each.order.selection.media)
                for each in (other, item)
            )
            raise UsageError(
                f"The stems of {first} and of {second} would have the same names in "
                f"{item.order.output}.",
                hint="Give them different folders: in a manifest's column output, or by commands "
                "of their own with -o.",
            )


class Checked:
    """Checks clips one by one, and knows what was delivered before."""

    def __init__(self) -> None:
        """Open the journal."""
        self._journal = Journal.open()
        self._identities: dict[int, dict[str, Any]] = {}

    def check(self, item: Item) -> None:
        """Price an item, or end it: it is done already, or cannot be done."""
        try:
            key = key_of(_work(item).order, self._identity(item.engine))
            if not item.order.overwrite and (there := self._delivered(key)) is not None:
                item.separation = there
                item.end("skipped")
                return
            item.work = self._planned(item, key)
        except (SoundmatteError, StemmuxError) as error:
            item.end_by(error)
            return
        assert item.work.answer is not None
        item.usd = item.work.answer.usd
        item.weight = EACH + float(item.work.known[1].duration)
        item.notes = list(item.work.notes)

    def _identity(self, engine: Engine) -> dict[str, Any]:
        # An engine may have to look at large files to say what it is.
        if id(engine) not in self._identities:
            self._identities[id(engine)] = engine.identity
        return self._identities[id(engine)]

    def _planned(self, item: Item, key: str) -> Work:
        made = item.order
        try:
            return run.plan(made.selection, item.engine, made.output, overwrite=made.overwrite)
        except OutputExists:
            # Killed while it was delivered, a job leaves files that are its own.
            if self._journal.find(key) is None:
                raise
            return run.plan(made.selection, item.engine, made.output, overwrite=True)

    def _delivered(self, key: str) -> Separation | None:
        """What came of the same work before, if all its files are there."""
        job = self._journal.find(key)
        there = job.separation if job is not None and job.state == "done" else None
        if there is None:
            return None
        files = [there.target, there.residual, *([there.file] if there.file else [])]
        return there if all(path.is_file() for path in files) else None


def check_total(items: Iterable[Item], most: Decimal | None) -> Decimal:
    """The most that what is left to do may cost, in USD.

    Raises:
        CostRefused: that is more than is allowed.
    """
    usd = sum((item.usd for item in items if item.state == "waiting"), Decimal(0))
    if most is not None and usd > most:
        raise CostRefused(
            f"The batch would cost up to {usd} USD; {most} USD are allowed.",
            hint="Raise --max-total, take fewer clips, or use --engine offline.",
        )
    return usd
