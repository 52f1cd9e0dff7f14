"""Stems cut anew for a timeline: by whole samples, from its frame boundary to its frame boundary.

A separation's own stems keep the media's time. What lies on a timeline begins and ends with frames
of that, which need not be the media's; so each is copied out into a file of its own. Samples are
copied, never touched. This module must not know which timeline it is, nor who asked.
"""

from __future__ import annotations

import datetime
import filecmp
import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from soundmatte.documents import Lay, Placed, Placement, Separation
from soundmatte.errors import StemsTooShort
from soundmatte.jobs.plan import exists
from soundmatte.jobs.work import short_name
from stemmux.bwf import WaveFormat, WaveWriter, wave_format
from stemmux.errors import MediaError, VerificationFailed
from stemmux.files import refused_output, replacing, scratch, scratch_in
from stemmux.origination import Origination
from stemmux.timebase import Timecode, sample_at

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

#: Samples that are copied before progress is told.
_STRETCH = 1 << 22


@dataclass(frozen=True)
class Reach:
    """What of a stem is laid, in samples from the clip's first picture.

    Attributes:
        begin, end: of the file.
        first, last: of the record range within it.
        start: seconds from the clip's first picture to the file's own start, before any rounding.
        time_reference: samples since midnight to `begin`; None where no timecode is known.
    """

    begin: int
    end: int
    first: int
    last: int
    start: Fraction
    time_reference: int | None


def reach(stem: Placed, how: Lay) -> Reach:
    """What is laid of a stem: each boundary is rounded once, from its own place.

    The time reference is that of the frame with which the file begins.

    Raises:
        StemsTooShort: the stem does not reach over the record range. What is missing of its last
            frame, and of its first where the clip begins in that, will be silence.
    """
    rate, there = stem.rate, (stem.offset_samples, stem.offset_samples + stem.frames)

    def edge(frame: int) -> int:
        return sample_at(how.start + frame / how.rate, rate)

    first, last = edge(0), edge(how.frames)
    loose = stem.start == 0 and there[0] < edge(1)
    if (first < there[0] and not loose) or there[1] <= edge(how.frames - 1):
        needed = (how.start, how.start + how.frames / how.rate)
        raise StemsTooShort(
            f"The stems reach from {there[0] / rate:.3f} s to {there[1] / rate:.3f} s of the clip; "
            f"the timeline shows {float(needed[0]):.3f} s to {float(needed[1]):.3f} s of it.",
            hint="Separate that range, with handles of a frame or more.",
        )
    before = behind = how.handles
    while before and (
        edge(-before) < there[0] or (how.timecode is not None and how.timecode < before / how.rate)
    ):
        before -= 1
    while behind and edge(how.frames + behind) > there[1]:
        behind -= 1
    begin, midnight = edge(-before), None
    if how.timecode is not None:
        # Rounded up: who asks in which frame that sample lies is told the one that begins there.
        clock, day = (
            how.timecode - before / how.rate,
            Timecode(0, how.rate, how.drop).day / how.rate,
        )
        midnight = ceil((clock % day) * rate)
    return Reach(
        begin=begin,
        end=edge(how.frames + behind + how.tail),
        first=first,
        last=last,
        start=how.start - before / how.rate,
        time_reference=midnight,
    )


def lay(
    separation: Separation,
    how: Lay,
    output: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Placement:
    """Write the stems of a separation as a timeline takes them: CLIP_JOB-LAY_target.wav and so on.

    Both files are there afterwards, or what was there before. The same stems laid in the same way
    are the same files to the last byte: where those are there already, they are left as they are.

    Args:
        output: folder for what is written.
        overwrite: replace other files of that name.

    Returns:
        What goes where; the handles are samples before and behind the record range, tail included.

    Raises:
        StemsTooShort: the stems do not reach over the record range.
        OutputExists: a file of that name is there, and is another.
        StemmuxError: the stems cannot be read or are not as they were, or nothing can be written.
    """
    laid = [_laid(separation, stem, how, output) for stem in separation.placement.stems]
    total = sum(new.frames for _, new, _ in laid)
    done = 0.0

    def tell(frames: float) -> None:
        nonlocal done
        done += frames
        if progress is not None:
            progress(min(1.0, done / total))

    waiting = []
    for old, new, part in laid:
        if new.path.exists() and not overwrite:
            with scratch_in(new.path.parent), refused_output(new.path), scratch(".wav") as again:
                _write(separation, old, new, part, how, again, tell)
                if not filecmp.cmp(again, new.path, shallow=False):
                    raise exists(new.path)
        else:
            waiting.append((old, new, part))
    with ExitStack() as names:
        for old, new, part in waiting:
            temporary = names.enter_context(replacing(new.path, overwrite=overwrite))
            _write(separation, old, new, part, how, temporary, tell)
    return Placement(stems=tuple(new for _, new, _ in laid))


def _laid(
    separation: Separation, stem: Placed, how: Lay, output: Path
) -> tuple[Placed, Placed, Reach]:
    """A stem, the one that is made of it, and what it takes of it."""
    part = reach(stem, how)
    # One separation may lie in several places, each with handles and a timecode of its own.
    words = hashlib.sha256(how.model_dump_json().encode()).hexdigest()[:4]
    name = f"{short_name(separation.clip)}_{separation.job[:8]}-{words}_{stem.role}.wav"
    new = stem.model_copy(
        update={
            "path": (output / name).absolute(),
            "start": part.start,
            "offset_samples": part.begin,
            "frames": part.end - part.begin,
            "time_reference": part.time_reference or 0,
            "handle_in": part.first - part.begin,
            "handle_out": part.end - part.last,
        }
    )
    return stem, new, part


def _write(
    separation: Separation,
    old: Placed,
    new: Placed,
    part: Reach,
    how: Lay,
    path: Path,
    tell: Progress,
) -> None:
    """Copy what is there of `part`, and silence around it."""
    form = _form(old)
    there = old.offset_samples
    begin, end = max(part.begin, there), min(part.end, there + old.frames)
    with WaveWriter(path, form, _origination(separation, new, how)) as writer:
        writer.write_silence(begin - part.begin)
        for first in range(begin, end, _STRETCH):
            last = min(first + _STRETCH, end)
            writer.append(old.path, start=first - there, stop=last - there)
            tell(last - first)
        writer.write_silence(part.end - end)
    found = wave_format(path)
    if found[1] != new.frames:
        raise VerificationFailed(f"{new.path.name} has {found[1]} samples, not {new.frames}.")


def _form(stem: Placed) -> WaveFormat:
    """The format of a stem's file, which must be as it was made."""
    from stemmux.probe import probe

    form, frames = wave_format(stem.path)
    if (form.rate, form.channels, frames) != (stem.rate, stem.channels, stem.frames):
        raise MediaError(
            f"{stem.path.name} is not as it was made.", hint="Separate the clip once more."
        )
    # A plain WAV file does not name the two that it has.
    pair = form.channels == 2
    speakers = ("FL", "FR") if pair else probe(stem.path).track().speakers
    return WaveFormat(form.rate, form.channels, form.encoding, speakers)


def _origination(separation: Separation, stem: Placed, how: Lay) -> Origination | None:
    """What the file says of where it comes from; nothing without a timecode."""
    if how.timecode is None:
        return None
    date = time = ""
    # The clip may be somewhere else by now.
    with suppress(OSError):
        changed = separation.clip.stat().st_mtime
        made = datetime.datetime.fromtimestamp(changed, datetime.UTC)
        date, time = made.strftime("%Y-%m-%d"), made.strftime("%H:%M:%S")
    return Origination(
        description=f"{stem.track} of {separation.clip.name}",
        time_reference=stem.time_reference,
        date=date,
        time=time,
        title=stem.track,
        timecode_rate=how.rate,
        drop_frame=how.drop,
    )
