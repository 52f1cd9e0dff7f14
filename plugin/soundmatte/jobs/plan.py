"""The first step: everything that can be checked before any work, and what it will cost.

This module must not write anything.
"""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

from soundmatte.engines.engine import Question
from soundmatte.errors import EngineRefused, UsageError
from soundmatte.jobs.journal import stamps
from soundmatte.jobs.work import Work
from stemmux.errors import MediaError, OutputExists, OutputRefused
from stemmux.files import spare
from stemmux.timebase import Span, frame_time

if TYPE_CHECKING:
    from pathlib import Path

    from stemmux.ffmpeg import Progress
    from stemmux.probe import Media

#: What the working files of a separation need, in bytes for each sample of every channel: the
#: float cut, the mix, two estimates, two stems, and the stems again in the remuxed file.
_BYTES_PER_SAMPLE = 4 + 4 + 2 * 4 + 2 * 4 + 2 * 4
#: Seconds of the picture that may be missing at the beginning: two pictures of slow film.
_LATE_PICTURE = Fraction(1, 10)


def plan(work: Work, progress: Progress) -> Work:
    """Check everything that can be checked before any work.

    Raises:
        StemmuxError: the clip, the range, the matte or the place to write to will not do.
        EngineRefused: the engine cannot do what is asked.
    """
    from stemmux.probe import probe

    selection = work.selection
    work = work.having(stamps=stamps(selection))
    media = probe(selection.media)
    track = media.track(selection.track)
    wanted = media.span(selection.start, selection.end)
    span = with_handles(media, wanted, selection.handles)
    picture = probe(selection.picture.path) if selection.picture is not None else None
    work = work.having(media=media, picture=picture, wanted=wanted, span=span)
    answer = work.engine.consider(_checked(work.question))
    if selection.style not in answer.styles:
        raise EngineRefused(
            f"The {work.engine.name} engine takes its stems out of the clip's own sound: "
            f"there is no {selection.style} style of them.",
            hint="Leave out --style, or use --engine cloud.",
        )
    notes = [*media.warnings, *answer.notes, *_handle_notes(work)]
    _check_picture(work, span)
    if selection.matte is not None:
        notes += _check_matte(work, span)
    if len(media.audio) > 1:
        notes.append(
            f"The clip has {len(media.audio)} audio tracks; number {selection.track} is separated."
        )
    _check_output(work, media, span, track.channels * track.rate)
    return work.having(answer=answer).noting(*notes)


def with_handles(media: Media, wanted: Span, handles: Fraction) -> Span:
    """A range and its handles, as far as the clip has them, in whole frames.

    Args:
        handles: seconds at each end; part of a frame counts as a whole one.
    """
    rate = media.constant_rate
    if rate is not None:
        handles = frame_time(ceil(handles * rate), rate)
    end = min(wanted.end + handles, media.duration)
    return Span(max(Fraction(0), wanted.start - handles), max(wanted.end, end))


def _handle_notes(work: Work) -> list[str]:
    span, wanted, asked = work.span, work.wanted, float(work.selection.handles)
    assert span is not None
    assert wanted is not None
    before, behind = float(wanted.start - span.start), float(span.end - wanted.end)
    # Half a frame of the slowest film is the rounding to frames.
    if min(before, behind) > asked - 0.03:
        return []
    return [f"The clip has room for handles of {before:.3f} s before and {behind:.3f} s behind."]


def _checked(question: Question) -> Question:
    for part in question.soundings:
        if part.start < 0 or part.end > float(question.duration) + 1e-6 or part.end <= part.start:
            raise UsageError(
                "A --span lies outside the range, or ends before it starts.",
                hint="Times are counted from the clip's first picture, as in --in and --out.",
            )
    return question


def _check_picture(work: Work, span: Span) -> None:
    """Refuse a picture of its own that begins later than what is separated."""
    choice = work.selection.picture
    if choice is not None and choice.start + span.start < -_LATE_PICTURE:
        late = float(-choice.start - span.start)
        raise MediaError(
            f"{choice.path.name} begins {late:.3f} s after what is separated.",
            hint="Choose a range that has a picture, or separate without the matte.",
        )


def _check_matte(work: Work, span: Span) -> list[str]:
    from stemmux.matte import has_alpha, taken
    from stemmux.probe import probe

    choice = work.selection.matte
    assert choice is not None
    matte = probe(choice.path, picture=True)
    if choice.plane == "alpha" and not has_alpha(matte):
        raise MediaError(f"{matte.path.name} has no alpha channel.", hint="Use --matte-from luma.")
    return list(taken(matte, work.shown(span).media, span, choice.start).notes)


def _check_output(work: Work, media: Media, span: Span, samples_per_second: int) -> None:
    parts = (work.selection.matte, work.selection.picture)
    sources = [media.path, *(part.path for part in parts if part is not None)]
    for path in map(work.finished, work.kinds):
        if path.is_dir():
            raise OutputRefused(
                f"{path} is a folder, and is not replaced.", hint="Name another folder with -o."
            )
        spare(path, sources)
        mine = path in map(work.finished, work.delivered)
        if path.exists() and not work.overwrite and not mine:
            raise exists(path)
    needed = float(span.duration) * samples_per_second * _BYTES_PER_SAMPLE
    needed += media.path.stat().st_size if work.containers else 0
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
            f"{folder} has {_size(free)} free; this needs {_size(needed)}.",
            hint="Make room, or name another folder with -o.",
        )


def _size(count: float) -> str:
    """Bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def exists(path: Path) -> OutputExists:
    """The refusal to replace a file that is there."""
    return OutputExists(
        f"{path} is there already.", hint="Name another folder with -o, or give --overwrite."
    )
