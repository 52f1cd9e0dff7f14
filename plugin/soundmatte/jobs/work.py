"""What the steps hand on to one another: the selection, what is known, what was made so far.

This module must not know the steps.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from soundmatte.documents import Placement, Selection, Separation
from soundmatte.engines.engine import Answer, Engine, Estimate, Question, Sounding
from stemmux.grid import Mix, Split
from stemmux.mux import Muxed
from stemmux.probe import Media
from stemmux.timebase import Span, Timecode, nearest, sample_at

#: A file name may have 255 bytes; this leaves room for what is put behind the clip's name.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Work:
    """One separation under way. Steps return a copy with what they found or made.

    Attributes:
        folder: holds what is not finished; removed at the end, whatever happens.
        output: where the finished files go.
    """

    selection: Selection
    engine: Engine
    output: Path
    folder: Path
    overwrite: bool = False
    media: Media | None = None
    span: Span | None = None
    answer: Answer | None = None
    mix: Mix | None = None
    mono: Path | None = None
    proxy: Path | None = None
    mask: Path | None = None
    estimate: Estimate | None = None
    split: Split | None = None
    null_db: float | None = None
    placement: Placement | None = None
    muxed: Muxed | None = None
    separation: Separation | None = None
    notes: tuple[str, ...] = field(default=())

    def having(self, **made: Any) -> Self:
        """The same work with more known."""
        return replace(self, **made)

    def noting(self, *notes: str) -> Self:
        """The same work with more to tell the person."""
        return replace(self, notes=(*self.notes, *(n for n in notes if n not in self.notes)))

    @property
    def question(self) -> Question:
        """What the engine is asked; times are counted from the range's start there."""
        span = self.span
        begin = span.start if span else Fraction(0)
        return Question(
            self.selection.prompt,
            self.selection.matte is not None,
            tuple(
                Sounding(float(part.start - begin), float(part.end - begin), part.include)
                for part in self.selection.spans
            ),
            span.duration if span else Fraction(0),
        )

    @property
    def key(self) -> str:
        """The same for the same work: the files as they are, the range, the options, the engine."""
        told = self.selection.model_dump(mode="json", exclude={"container"})
        files = [
            self.selection.media,
            *([self.selection.matte.path] if self.selection.matte else []),
        ]
        stamps = [[path.stat().st_size, path.stat().st_mtime_ns] for path in files]
        words = json.dumps([told, stamps, self.engine.name, self.engine.identity], sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()

    @property
    def again(self) -> dict[str, Any]:
        """What is needed to do the same work again, as JSON values."""
        return {
            "selection": self.selection.model_dump(mode="json"),
            "output": str(self.output.absolute()),
            "overwrite": self.overwrite,
            "engine": self.engine.identity,
        }

    def unneeded(self, *paths: Path | None) -> None:
        """Remove files that no later step reads, so that the disk holds no more than it must."""
        for path in paths:
            if path is not None:
                path.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """What the files are named after: the clip, shortened where the system needs it."""
        stem = self.selection.media.stem
        while len(stem.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
            stem = stem[:-1]
        return stem

    @property
    def containers(self) -> tuple[str, ...]:
        """What the file with the stems may become, in the order in which it is tried."""
        chosen = self.selection.container
        return ("mov", "mkv") if chosen == "auto" else (chosen,)

    def finished(self, kind: str) -> Path:
        """Where a finished file goes, such as `target.wav`."""
        return self.output / f"{self.name}_{kind}"

    def unfinished(self, kind: str) -> Path:
        """The same file while it is being made."""
        return self.folder / kind


def stem_start(media: Media, span: Span, rate: int) -> int:
    """Samples from the first picture to the first sample of the cut, as it was really cut."""
    return max(0, nearest(sample_at(media.origin + span.start, rate) - media.origin * rate))


def time_reference(timecode: Timecode | None, span: Span, rate: int) -> int:
    """Samples since midnight to the start of the range, by the clip's own timecode."""
    return sample_at((timecode.time if timecode else 0) + span.start, rate)
