"""Clips of a timeline document, separated: from a document to a new one with the stems.

The original is never written to. What is separated goes through the same batch as files do; then
the stems are laid for the timeline, and a document that names them is written. This module must not
know any format, nor how anything is shown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from soundmatte.documents import Order, Placed, Selection
from soundmatte.engines.engine import Engine
from soundmatte.errors import SoundmatteError, UsageError
from soundmatte.jobs.edit_orders import Wanted
from soundmatte.jobs.item import Item
from soundmatte.jobs.lay import lay
from soundmatte.jobs.work import short_name
from soundmatte.timelines import formats
from soundmatte.timelines.errors import MediaAmbiguous, MediaMissing
from soundmatte.timelines.media import Finder
from soundmatte.timelines.timeline import Source, Timeline
from stemmux.errors import OutputExists, OutputRefused, StemmuxError
from stemmux.timebase import Timecode, frame_at

MediaState = Literal["found", "elsewhere", "missing", "ambiguous", "none"]
#: What an engine may spend does not make its stems others.
_LIMITS = ("max_cost", "paid_retries", "monthly_limit")


@dataclass(frozen=True)
class Edit:
    """A timeline document, read."""

    path: Path
    format: formats.Format
    timeline: Timeline
    finder: Finder

    def media(self, source: Source | None) -> tuple[MediaState, str]:
        """Whether a clip's file is there, and where it is or why not."""
        if source is None:
            return "none", ""
        try:
            path = self.finder.find(source)
        except MediaMissing as error:
            return "missing", str(error)
        except MediaAmbiguous as error:
            return "ambiguous", str(error)
        return ("found" if self.finder.is_there(source) else "elsewhere"), str(path)


def opened(path: Path, roots: Sequence[Path] = (), rate: Fraction | None = None) -> Edit:
    """Read a document.

    Args:
        roots: folders that are searched for media that is not where the document says.
        rate: frames per second, for a format that does not say.

    Raises:
        TimelineError: it cannot be read.
        UsageError: a rate is given for a document that has its own.
    """
    format = formats.of(path)
    timeline = formats.read(path, rate)
    if rate is not None and rate != timeline.rate:
        raise UsageError(
            f"{path.name} says itself that it has {float(timeline.rate):.6g} frames per second.",
            hint="Leave out --rate.",
        )
    # What lies beside the document counts from it, and within a bundle that is the bundle.
    beside = path.absolute() / path.name if path.is_dir() else path.absolute()
    return Edit(path.absolute(), format, timeline, Finder(beside, tuple(roots)))


@dataclass(frozen=True)
class Goal:
    """The document that is to be written.

    Attributes:
        format: its name in `formats`.
        stems: folder for the stems.
        alone: stems without the tracks of the original.
        mute: disable the original's clips that the stems stand for.
    """

    path: Path
    format: str
    stems: Path
    alone: bool = False
    mute: bool = False
    overwrite: bool = False


def goal(
    edit: Edit,
    *,
    to: Path | None = None,
    output: Path | None = None,
    format: str = "",
    alone: bool = False,
    mute: bool = False,
    overwrite: bool = False,
) -> Goal:
    """Where everything goes: what is not said is beside the original, and in its format.

    Raises:
        UnknownFormat: the format is none that is written.
        OutputExists, OutputRefused: the document may not be written there.
    """
    same = edit.format if edit.format.writes else formats.named("fcp7")
    ending = None if to is None else formats.by_ending(to)
    chosen = formats.named(format) if format else ending or same
    folder = output if output is not None else edit.path.parent
    path = to if to is not None else folder / f"{edit.path.stem}_soundmatte{chosen.ending}"
    path = path.absolute()
    if path.exists():
        if path.is_dir() or path.samefile(edit.path):
            what = "a folder" if path.is_dir() else "the original itself"
            raise OutputRefused(
                f"{path} is {what}, and is not replaced.", hint="Name another file with --to."
            )
        if not overwrite:
            raise OutputExists(
                f"{path} is there already.",
                hint="Name another file with --to, or give --overwrite.",
            )
    stems = output if output is not None else edit.path.parent / f"{edit.path.stem}_stems"
    return Goal(path, chosen.name, stems.absolute(), alone, mute, overwrite)


def item_of(wanted: Wanted, engine: Engine, into: Goal, *, accept_doubtful: bool = False) -> Item:
    """A clip as the batch takes it; what was made of it before is found again."""
    selection = wanted.selection
    folder = into.stems / "separated" / _folder(selection, engine)
    order = Order(
        selection=selection,
        engine=engine.name,
        terms=engine.terms,
        output=folder,
        overwrite=into.overwrite,
        accept_doubtful=accept_doubtful,
    )
    name = f"{wanted.clip.number} {wanted.clip.name or selection.media.name}"
    return Item(name, "", order, engine)


def _folder(selection: Selection, engine: Engine) -> str:
    """A name that is the same for the same stems."""
    terms = {name: value for name, value in engine.terms.items() if name not in _LIMITS}
    words = json.dumps([selection.model_dump(mode="json"), engine.name, terms], sort_keys=True)
    stem = short_name(selection.media)[:80]
    return f"{stem}_{hashlib.sha256(words.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Laid:
    """A clip's stems as they lie on the timeline, one for each role."""

    wanted: Wanted
    stems: tuple[Placed, ...]


def laid(wanted: Wanted, item: Item, into: Goal) -> Laid:
    """Lay the stems of a clip that was separated.

    Raises:
        StemmuxError, SoundmatteError: they do not reach, or cannot be written.
    """
    assert item.separation is not None
    placement = lay(item.separation, wanted.lay, into.stems, overwrite=into.overwrite)
    return Laid(wanted, placement.stems)


def lay_all(
    wanted: Sequence[Wanted],
    items: Sequence[Item],
    into: Goal,
    told: Callable[[float], object],
) -> list[Laid]:
    """Lay the stems of all clips that were separated; one that fails there has failed.

    Args:
        told: the share that is done, 0 to 1; may raise.
    """
    made: list[Laid] = []
    for number, (one, item) in enumerate(zip(wanted, items, strict=True)):
        told(number / len(items))
        if item.state not in ("done", "skipped"):
            continue
        try:
            made.append(laid(one, item, into))
        except (SoundmatteError, StemmuxError) as error:
            item.end_by(error)
    told(1.0)
    return made


def timecode(timeline: Timeline, time: Fraction) -> str:
    """A time from the timeline's first frame, as its own timecode."""
    start = timeline.start
    return str(Timecode(start.frame + frame_at(time, timeline.rate), start.rate, start.drop))
