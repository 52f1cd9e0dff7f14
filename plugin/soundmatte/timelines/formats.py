"""The formats of timeline documents: which there are, and which one a document has.

This module must not know how any of them is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

from soundmatte.timelines.errors import NotWritable, UnknownFormat, UnreadableTimeline
from soundmatte.timelines.timeline import StemTrack, Timeline


class Writes(Protocol):
    """A module of a format that is written."""

    @property
    def LOSSES(self) -> tuple[tuple[str, str], ...]:
        """What the format cannot carry, and what becomes of it."""

    def written(
        self,
        timeline: Timeline,
        stems: Sequence[StemTrack],
        muted: frozenset[int] = frozenset(),
    ) -> bytes:
        """A new document."""

    def lost(self, timeline: Timeline) -> tuple[str, ...]:
        """What this timeline loses in a new document."""


class _Extends(Writes, Protocol):
    """A module of a format that is read, extended and written."""

    def read(self, path: Path) -> Timeline:
        """The timeline in a document."""

    def extended(
        self, path: Path, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
    ) -> bytes:
        """The document with the stems' tracks behind its own."""


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        name: that a person chooses it by.
        title: what people call it.
        ending: of its files, with the dot.
        reads, writes: what is done with it; what is both is extended, too.
    """

    name: str
    title: str
    ending: str
    reads: bool
    writes: bool


FORMATS: Final = (
    Format("otio", "OpenTimelineIO", ".otio", reads=True, writes=True),
    Format("fcp7", "FCP7 XML", ".xml", reads=True, writes=True),
    Format("fcpxml", "FCPXML", ".fcpxml", reads=True, writes=True),
    Format("edl", "EDL (CMX 3600)", ".edl", reads=True, writes=False),
    Format("kdenlive", "Kdenlive", ".kdenlive", reads=False, writes=True),
)
READ: Final = tuple(format.name for format in FORMATS if format.reads)
WRITTEN: Final = tuple(format.name for format in FORMATS if format.writes)

#: So much of a document's beginning says what it is.
_HEAD: Final = 4096
_MARKS: Final = (
    ("otio", re.compile(r"\s*\{")),
    ("fcp7", re.compile(r".*?<(?:!DOCTYPE\s+)?xmeml\b", re.DOTALL)),
    ("fcpxml", re.compile(r".*?<(?:!DOCTYPE\s+)?fcpxml\b", re.DOTALL)),
    ("kdenlive", re.compile(r".*?<mlt\b", re.DOTALL)),
    # Shotcut writes a headline over each track, and no title.
    (
        "edl",
        re.compile(
            r"(?:\s*=== .*\n|.*?\n)?\s*(?:TITLE:|FCM:|\d{1,6}\s+\S.*?(?:\d\d[:;.,]){3}\d\d)"
        ),
    ),
)
#: What editors keep for themselves, by its first bytes or its ending.
_OWN: Final = (
    (b"\xd0\xcf\x11\xe0", "an AAF"),
    (b"\x1f\x8b", "a compressed project"),
    (b"PK\x03\x04", "an archive"),
)


def named(name: str) -> Format:
    """The format of that name, which is written.

    Raises:
        UnknownFormat: there is none.
    """
    for format in FORMATS:
        if format.name == name and format.writes:
            return format
    raise UnknownFormat(
        f"{name!r} is no format that is written.", hint=f"Formats are {', '.join(WRITTEN)}."
    )


def by_ending(path: Path) -> Format | None:
    """The written format that files of such a name have; None where there is none."""
    ending = path.suffix.lower()
    return next((f for f in FORMATS if f.writes and f.ending == ending), None)


def of(path: Path) -> Format:
    """The format that a document has, by what is in it.

    Raises:
        UnreadableTimeline: it is not there. UnknownFormat: it is of none that is read.
    """
    # Final Cut exports a folder that passes for a file.
    document = path / "Info.fcpxml" if path.is_dir() else path
    try:
        with document.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UnreadableTimeline(
            f"{path} cannot be read: {error.strerror}.", hint="Name a timeline document."
        ) from error
    code = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = head.decode(code, errors="replace")
    found = next((name for name, mark in _MARKS if mark.match(text)), None)
    format = next((f for f in FORMATS if f.name == found and f.reads), None)
    if format is None:
        what = next((what for mark, what in _OWN if head.startswith(mark)), None)
        said = f"{path.name} is {what}" if what else f"{path.name} is no timeline document"
        raise UnknownFormat(
            f"{said}, and is not read.",
            hint=f"Export the timeline from the editor as one of {', '.join(READ)}.",
        )
    return format


def read(path: Path, rate: Fraction | None = None) -> Timeline:
    """The timeline in a document.

    Args:
        rate: frames per second, for a format that does not say.

    Raises:
        TimelineError: it cannot be read.
    """
    format = of(path)
    if format.name == "edl":
        from soundmatte.timelines import edl

        return edl.read(path, rate)
    return _extending(format.name).read(path)


def extended(path: Path, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()) -> bytes:
    """The document in its own format, with the stems' tracks behind its own.

    Raises:
        TimelineError: it cannot be read, or its format is not written.
    """
    format = of(path)
    if not format.writes:
        raise NotWritable(
            f"{format.title} holds no such tracks.",
            hint=f"Choose a --format: {', '.join(WRITTEN)}.",
        )
    return _extending(format.name).extended(path, stems, muted)


def writer(name: str) -> Writes:
    """What writes new documents of the format of that name."""
    if name == "kdenlive":
        from soundmatte.timelines import kdenlive

        return kdenlive
    return _extending(name)


def _extending(name: str) -> _Extends:
    if name == "fcp7":
        from soundmatte.timelines import fcp7

        return fcp7
    if name == "fcpxml":
        from soundmatte.timelines import fcpxml

        return fcpxml
    from soundmatte.timelines import otio

    return otio
