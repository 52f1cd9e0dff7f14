"""A separation, from selection to stems: this ordered list of steps, and nothing beside it.

Each step takes the work so far and gives it back with one thing more. All files are made in a
hidden folder beside their destination and get their names together, at the very end. This module
must not know which engine separates, nor who asked.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

from soundmatte.documents import Placed, Placement, Separation, StemRole
from soundmatte.engines.engine import Material, Question
from soundmatte.errors import UsageError
from soundmatte.jobs.work import Work, stem_start, time_reference
from stemmux.errors import (
    ContainerRefused,
    FfmpegFailed,
    MediaError,
    OutputExists,
    OutputRefused,
    VerificationFailed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from stemmux.bwf import Origination
    from stemmux.grid import Mix
    from stemmux.ffmpeg import Progress
    from stemmux.mux import Stem
    from stemmux.probe import Media
    from stemmux.timebase import Span

Step = Callable[[Work, "Progress"], Work]

#: What the working files of a separation need, in bytes for each sample of every channel: the
#: float cut, the mix, the estimate, two stems, and the stems again in the remuxed file.
_BYTES_PER_SAMPLE = 4 + 4 + 4 + 2 * 4 + 2 * 4
_NULL_FLOOR_DB = -300.0


def plan(work: Work, progress: Progress) -> Work:
    """Check everything that can be checked before any work.

    Raises:
        StemmuxError: the clip, the range, the matte or the place to write to will not do.
        EngineRefused: the engine cannot do what is asked.
    """
    from stemmux.probe import probe

    selection = work.selection
    media = probe(selection.media)
    track = media.track(selection.track)
    span = media.span(selection.start, selection.end)
    work = work.having(media=media, span=span)
    answer = work.engine.consider(_checked(work.question))
    notes = [*media.warnings, *answer.notes]
    if selection.matte is not None:
        notes += _check_matte(work, media, span)
    if len(media.audio) > 1:
        notes.append(
            f"The clip has {len(media.audio)} audio tracks; number {selection.track} is separated."
        )
    _check_output(work, media, span, track.channels * track.rate)
    return work.having(answer=answer).noting(*notes)


def _checked(question: Question) -> Question:
    for part in question.soundings:
        if part.start < 0 or part.end > float(question.duration) + 1e-6 or part.end <= part.start:
            raise UsageError(
                "A --span lies outside the range, or ends before it starts.",
                hint="Times are counted from the clip's first picture, as in --in and --out.",
            )
    return question


def _check_matte(work: Work, media: Media, span: Span) -> list[str]:
    from stemmux.matte import has_alpha, taken
    from stemmux.probe import probe

    assert work.selection.matte is not None
    matte = probe(work.selection.matte.path, picture=True)
    if work.selection.matte.plane == "alpha" and not has_alpha(matte):
        raise MediaError(f"{matte.path.name} has no alpha channel.", hint="Use --matte-from luma.")
    return list(taken(matte, media, span).notes)


def _check_output(work: Work, media: Media, span: Span, samples_per_second: int) -> None:
    kinds = ["target.wav", "residual.wav", *(f"stems.{name}" for name in work.containers)]
    for path in map(work.finished, kinds):
        if path.is_dir() or (path.exists() and path.samefile(media.path)):
            what = "a folder" if path.is_dir() else "the clip itself"
            raise OutputRefused(
                f"{path} is {what}, and is not replaced.", hint="Name another folder with -o."
            )
        if path.exists() and not work.overwrite:
            raise exists(path)
    needed = float(span.duration) * samples_per_second * _BYTES_PER_SAMPLE
    needed += media.path.stat().st_size
    folder = next(
        p for p in (work.output.absolute(), *work.output.absolute().parents) if p.exists()
    )
    if not folder.is_dir():
        raise OutputRefused(f"{folder} is a file.", hint="Name a folder with -o.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputRefused(f"{folder} may not be written to.", hint="Name another folder with -o.")
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputRefused(
            f"{folder} has {free / 1e9:.1f} GB free; this needs {needed / 1e9:.1f} GB.",
            hint="Make room, or name another folder with -o.",
        )


def exists(path: Path) -> OutputExists:
    """The refusal to replace a file that is there."""
    return OutputExists(
        f"{path} is there already.", hint="Name another folder with -o, or give --overwrite."
    )


def extract(work: Work, progress: Progress) -> Work:
    """Cut the range's sound out of the clip and put it on its grid: from here on, the mix."""
    from stemmux.grid import settle
    from stemmux.extract import Cut
    from stemmux.extract import extract as cut

    media, span = _known(work)
    raw = work.unfinished("raw.wav")
    track = media.track(work.selection.track)
    assert work.answer is not None
    needs = work.answer.needs
    mono = work.unfinished("mono.wav") if "mono" in needs else None
    proxy = work.unfinished("proxy.mov") if "proxy" in needs else None
    cut(
        media,
        span,
        Cut(mix=raw, mono=mono, proxy=proxy, track=work.selection.track),
        progress=lambda share: progress(share * 0.6),
    )
    mix = settle(
        raw,
        work.unfinished("mix.wav"),
        speakers=track.speakers,
        progress=lambda share: progress(0.6 + share * 0.2),
    )
    work.unneeded(raw)
    work = work.having(mix=mix, mono=mono, proxy=proxy).noting(*mix.notes)
    if "mask" in needs:
        work = _masked(work, lambda share: progress(0.8 + share * 0.2))
    progress(1.0)
    return work


def _masked(work: Work, progress: Progress) -> Work:
    from stemmux.matte import write_mask
    from stemmux.probe import probe

    media, span = _known(work)
    matte = work.selection.matte
    assert matte is not None
    mask = write_mask(
        probe(matte.path, picture=True),
        media,
        span,
        work.unfinished("mask.mp4"),
        plane=matte.plane,
        invert=matte.invert,
        progress=progress,
    )
    if mask.coverage == 0:
        raise MediaError(
            "The matte covers nothing in this range.",
            hint="Look at it with soundmatte preview; --invert-matte turns it round.",
        )
    return work.having(mask=mask.path).noting(*mask.notes)


def separate(work: Work, progress: Progress) -> Work:
    """Let the engine estimate one of the stems."""
    material = Material(
        work.key, _mix(work).path, work.mono, work.proxy, work.mask, work=work.again
    )
    estimate = work.engine.separate(work.question, material, work.folder, progress)
    work.unneeded(work.mono, work.proxy, work.mask)
    return work.having(estimate=estimate)


def conform(work: Work, progress: Progress) -> Work:
    """Make the two stems, which add up to the mix exactly, and measure that they do."""
    from stemmux.grid import split
    from stemmux.measure import null_db

    mix, estimate = _mix(work), work.estimate
    assert estimate is not None
    stems = split(
        mix,
        estimate.path,
        estimate.of,
        work.unfinished("target.wav"),
        work.unfinished("residual.wav"),
        originations=(_origination(work, "target"), _origination(work, "residual")),
        progress=progress,
    )
    work.unneeded(estimate.path)
    level = max(_NULL_FLOOR_DB, null_db(mix.path, [stems.target, stems.residual]))
    return work.having(split=stems, null_db=level)


def place(work: Work, progress: Progress) -> Work:
    """Say where each stem goes, on a timeline or in the clip's own file."""
    media, span = _known(work)
    mix = _mix(work)
    rate = mix.form.rate
    roles: tuple[StemRole, StemRole] = ("target", "residual")
    return work.having(
        placement=Placement(
            stems=tuple(
                Placed(
                    role=role,
                    track=_title(work, role),
                    path=work.finished(f"{role}.wav").absolute(),
                    start=span.start,
                    offset_samples=stem_start(media, span, rate),
                    frames=mix.frames,
                    rate=rate,
                    channels=mix.form.channels,
                    time_reference=time_reference(media.timecode, span, rate),
                )
                for role in roles
            )
        )
    )


def remux(work: Work, progress: Progress) -> Work:
    """Add the stems to the clip as audio tracks, in the first container that can carry it all."""
    from stemmux.mux import add

    media, _ = _known(work)
    stems = _stems(work)
    refused: Exception | None = None
    for container in work.containers:
        try:
            out = work.unfinished(f"stems.{container}")
            return work.having(muxed=add(media, stems, out, progress=progress))
        except (ContainerRefused, FfmpegFailed, VerificationFailed) as error:
            refused = error
    if work.selection.container != "auto":
        assert refused is not None
        raise refused
    return work.noting(
        "No file with the stems in it was made: no container here can carry the clip's streams. "
        "The stems themselves are complete."
    )


def report(work: Work, progress: Progress) -> Work:
    """Put down what was done and what was measured."""
    media, span = _known(work)
    mix, muxed = _mix(work), work.muxed
    assert work.answer is not None
    assert work.placement is not None
    assert work.null_db is not None
    offsets = [abs(found) for found in (muxed.offsets if muxed else ()) if found is not None]
    return work.having(
        separation=Separation(
            clip=media.path,
            target=work.finished("target.wav").absolute(),
            residual=work.finished("residual.wav").absolute(),
            file=work.finished(f"stems.{muxed.container}").absolute() if muxed else None,
            engine=work.engine.name,
            route=work.answer.route,
            usd=float(work.answer.usd),
            null_db=work.null_db,
            offset_samples=max(offsets, default=0.0),
            start=float(span.start),
            duration=mix.frames / mix.form.rate,
            rate=mix.form.rate,
            channels=mix.form.channels,
            frames=mix.frames,
            encoding=mix.grid.encoding,
            mix_sha256=mix.sha256,
            picture=muxed.picture if muxed else None,
            notes=work.notes,
            placement=work.placement,
        )
    )


#: The one way through.
STEPS: tuple[Step, ...] = (plan, extract, separate, conform, place, remux, report)


def _known(work: Work) -> tuple[Media, Span]:
    assert work.media is not None
    assert work.span is not None
    return work.media, work.span


def _mix(work: Work) -> Mix:
    assert work.mix is not None
    return work.mix


def _title(work: Work, role: StemRole) -> str:
    """The name of a stem's track: what it is, in the person's own words where there are any."""
    if role == "residual":
        return "Residual"
    assert work.answer is not None
    words = " ".join("".join(c if c.isprintable() else " " for c in work.selection.prompt).split())
    return f"Target: {(words or work.answer.route)[:60]}"


def _stems(work: Work) -> list[Stem]:
    from stemmux.mux import Stem

    assert work.placement is not None
    return [
        Stem(work.unfinished(f"{stem.role}.wav"), stem.track, stem.offset_samples)
        for stem in work.placement.stems
    ]


def _origination(work: Work, role: StemRole) -> Origination:
    from stemmux.bwf import Origination

    media, span = _known(work)
    made = datetime.datetime.fromtimestamp(media.path.stat().st_mtime, datetime.UTC)
    return Origination(
        description=f"{_title(work, role)} of {media.path.name}",
        time_reference=time_reference(media.timecode, span, _mix(work).form.rate),
        date=made.strftime("%Y-%m-%d"),
        time=made.strftime("%H:%M:%S"),
    )
