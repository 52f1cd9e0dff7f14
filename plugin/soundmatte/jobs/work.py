"""What the steps hand on to one another: the selection, what is known, what was made so far.

This module must not know the steps.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from soundmatte.documents import Evidence, Order, Placement, Selection, Separation, StemRole
from soundmatte.engines.engine import Answer, Engine, Estimate, Generated, Question, Sounding
from soundmatte.errors import SourceChanged
from soundmatte.jobs.cache import Cache
from soundmatte.jobs.journal import Stamp, stamps
from soundmatte.jobs.lanes import Lanes
from stemmux.conform import Conformed
from stemmux.extract import Shown
from stemmux.grid import Mix, Split
from stemmux.mux import Muxed
from stemmux.origination import Origination
from stemmux.probe import Media
from stemmux.timebase import Span, Timecode, frame_at, nearest, sample_at

#: A file name may have 255 bytes; this leaves room for what is put behind the clip's name.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Work:
    """One separation under way. Steps return a copy with what they found or made.

    Attributes:
        folder: holds what is not finished; kept only if the process is killed.
        output: where the finished files go.
        job: its id in the journal.
        lanes: where to wait for a processor beside other jobs; None if there are none.
        cache: what engines made before; None if it is not to be used.
        waste: files of earlier steps that no later one reads; removed once that is put down.
        delivered: kinds of finished files that this job has put there already.
        accept_doubtful: stems that do not pass the gate are delivered all the same.
        say: tells the person where the work stands.
        stamps: of the files as they were planned with.
        picture: what is seen, where that is a file of its own.
        wanted: the range that was chosen.
        span: what is separated: the range and its handles.
    """

    selection: Selection
    engine: Engine
    output: Path
    folder: Path
    overwrite: bool = False
    accept_doubtful: bool = False
    job: str = ""
    lanes: Lanes | None = None
    cache: Cache | None = None
    waste: tuple[Path, ...] = ()
    delivered: frozenset[str] = frozenset()
    say: Callable[[str], None] = lambda text: None
    stamps: Mapping[Path, Stamp] = field(default_factory=dict)
    media: Media | None = None
    picture: Media | None = None
    wanted: Span | None = None
    span: Span | None = None
    answer: Answer | None = None
    mix: Mix | None = None
    made: Estimate | Generated | None = None
    conformed: Conformed | None = None
    split: Split | None = None
    null_db: float | None = None
    evidence: Evidence | None = None
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
    def known(self) -> tuple[Media, Span]:
        """The clip and what of it is separated, once they are planned."""
        assert self.media is not None
        assert self.span is not None
        return self.media, self.span

    def shown(self, span: Span) -> Shown:
        """What is seen over a range of the clip."""
        assert self.media is not None
        if self.picture is None:
            return Shown(self.media, span)
        assert self.selection.picture is not None
        # The plan has seen to it that two pictures at most are missing: all come that much sooner.
        start = max(Fraction(0), self.selection.picture.start + span.start)
        return Shown(self.picture, Span(start, start + span.duration))

    @property
    def settled(self) -> Mix:
        """The mix, once it is there."""
        assert self.mix is not None
        return self.mix

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
        """The same for the same sound to be had: files as they are, range, matte, words, engine.

        What is made of the stems afterwards does not count: another style is no other job.
        """
        afterwards = {"container", "replace_audio", "default", "style", "bits"}
        told = self.selection.model_dump(
            mode="json", exclude={"start", "end", "handles", *afterwards}
        )
        span = [str(self.span.start), str(self.span.end)] if self.span else []
        stamps = list(self.stamps.values())
        words = json.dumps(
            [told, span, stamps, self.engine.name, self.engine.identity], sort_keys=True
        )
        return hashlib.sha256(words.encode()).hexdigest()

    def check_sources(self) -> None:
        """See that the files are what they were when the work was planned.

        Raises:
            SourceChanged: one is not.
        """
        now = stamps(self.selection)
        for path, stamp in self.stamps.items():
            if now.get(path) != stamp:
                raise SourceChanged(
                    f"{path.name} was changed, renamed or deleted while it was worked on.",
                    hint="Run the command again once nothing writes to it any more.",
                )

    @property
    def order(self) -> Order:
        """What it takes to do the same work again."""
        return Order(
            selection=self.selection,
            engine=self.engine.name,
            terms=self.engine.terms,
            output=self.output.absolute(),
            overwrite=self.overwrite,
            accept_doubtful=self.accept_doubtful,
        )

    def unneeded(self, *paths: Path | None) -> None:
        """Remove files of this very step, so that the disk holds no more than it must."""
        for path in paths:
            if path is not None:
                path.unlink(missing_ok=True)

    @property
    def name(self) -> str:
        """What the files are named after."""
        return short_name(self.selection.media)

    @property
    def containers(self) -> tuple[str, ...]:
        """What the file with the stems may become, in the order in which it is tried."""
        chosen = self.selection.container
        return {"auto": ("mov", "mkv"), "none": ()}.get(chosen, (chosen,))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The finished files that there may be; of several containers there will be one."""
        return ("target.wav", "residual.wav", *(f"stems.{name}" for name in self.containers))

    def finished(self, kind: str) -> Path:
        """Where a finished file goes, such as `target.wav`."""
        return self.output / f"{self.name}_{kind}"

    def unfinished(self, kind: str) -> Path:
        """The same file while it is being made."""
        return self.folder / kind


def short_name(clip: Path) -> str:
    """The name of a clip without its suffix, shortened where the system needs it."""
    name = clip.stem
    while len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME:
        name = name[:-1]
    return name


def stem_start(media: Media, span: Span, rate: int) -> int:
    """Samples from the first picture to the first sample of the cut, as it was really cut."""
    return max(0, nearest(sample_at(media.origin + span.start, rate) - media.origin * rate))


def handles(media: Media, wanted: Span, span: Span, rate: int) -> tuple[int, int]:
    """Samples at the two ends of the cut of `span` that lie outside `wanted`.

    Between them lie the samples that a cut of `wanted` alone would have.
    """
    before = sample_at(media.origin + wanted.start, rate) - sample_at(
        media.origin + span.start, rate
    )
    first, last = span.samples(rate)
    start, end = wanted.samples(rate)
    return before, max(0, last - first - before - (end - start))


def clock(media: Media, time: Fraction) -> str:
    """A time from the first picture in the clip's own timecode; in seconds if it has none."""
    rate = media.constant_rate
    if media.timecode is None or rate is None:
        return f"{float(time):.3f} s"
    return str(Timecode(media.timecode.frame + frame_at(time, rate), rate, media.timecode.drop))


def time_reference(timecode: Timecode | None, span: Span, rate: int) -> int:
    """Samples since midnight to the start of the range, by the clip's own timecode."""
    return sample_at((timecode.time if timecode else 0) + span.start, rate)


def title(work: Work, role: StemRole) -> str:
    """The name of a stem's track: what it is, in the person's own words where there are any."""
    if role == "residual":
        return "Residual"
    assert work.answer is not None
    words = " ".join("".join(c if c.isprintable() else " " for c in work.selection.prompt).split())
    return f"Target: {(words or work.answer.route)[:60]}"


def origination(work: Work, role: StemRole) -> Origination:
    """What a stem's file says of where it comes from."""
    media, span = work.known
    made = datetime.datetime.fromtimestamp(media.path.stat().st_mtime, datetime.UTC)
    return Origination(
        description=f"{title(work, role)} of {media.path.name}",
        time_reference=time_reference(media.timecode, span, work.settled.form.rate),
        date=made.strftime("%Y-%m-%d"),
        time=made.strftime("%H:%M:%S"),
        title=title(work, role),
        timecode_rate=media.timecode.rate if media.timecode else None,
        drop_frame=media.timecode is not None and media.timecode.drop,
    )
