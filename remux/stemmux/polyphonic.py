"""One Broadcast WAV of many channels: the clip's own sound, and the stems behind it.

As recorders on a set write them: every channel of every track side by side, each with a name of its
own in iXML. The clip's sound is decoded as for a separation, and put on the same grid. This module
must not know movies.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.arrival import AUDIBLE, Given, Parts
from stemmux.bwf import BITS, BLOCK, Encoding, WaveFormat, WaveWriter
from stemmux.contents import speakers
from stemmux.errors import NoAudio, VerificationFailed
from stemmux.extract import Cut, extract
from stemmux.files import refused_output, scratch
from stemmux.grid import settle
from stemmux.mux import Muxed, Stem
from stemmux.origination import Origination, channel_names
from stemmux.probe import Media
from stemmux.timebase import sample_at

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

_STEREO = ("FL", "FR")
#: From the narrowest to the widest.
_ENCODINGS: tuple[Encoding, ...] = ("s16", "s24", "f32")


@dataclass(frozen=True)
class _Part:
    """A sound that becomes channels, and the name of each."""

    given: Given
    names: tuple[str, ...]


def write(
    media: Media,
    stems: Sequence[Stem],
    out: Path,
    *,
    own_sound: bool,
    progress: Progress | None = None,
) -> Muxed:
    """Write the file and read it back.

    Raises:
        NoAudio: there is neither sound nor a stem.
        VerificationFailed: a sample that was read is not the one that was given.
    """
    notes: list[str] = []
    with ExitStack() as stack:
        own: list[_Part] = []
        for number, track in enumerate(media.audio if own_sound else (), 1):
            file = stack.enter_context(scratch(".wav"))
            notes += _decode(media, number, file, progress)
            own.append(_part(file, track.title or f"Sound {number}", 0, track.speakers))
        added = [_part(one.path, one.title, one.start, speakers(one.path)) for one in stems]
        parts = [*own, *added]
        if not parts:
            raise NoAudio(f"{media.path.name} has no sound.", hint="Name a stem.")
        for part in parts:
            stack.callback(part.given.close)
        _write(media, parts, out)
        audible = _check(parts, out)
        nulls = list(_nulls(own, added))
    before = sum(part.given.form.channels for part in own)
    channels = before + sum(part.given.form.channels for part in added)
    return Muxed(
        out,
        "wav",
        None,
        tuple(range(before + 1, channels + 1)),
        tuple(0.0 if heard else None for heard in audible[len(own) :]),
        "remuxed",
        null_db=-math.inf,
        parts_null_db=min(nulls, default=None),
        lost=tuple(notes),
    )


def _part(path: Path, title: str, start: int, places: Sequence[str]) -> _Part:
    given = Given(path, title, start)
    if len(places) != given.form.channels or "NONE" in places:
        # Two channels mean left and right without saying so.
        places = _STEREO if given.form.channels == 2 else ("NONE",) * given.form.channels
    return _Part(given, tuple(channel_names(title, places)))


def _decode(media: Media, number: int, out: Path, progress: Progress | None) -> tuple[str, ...]:
    """A track of the clip on its grid, as for a separation; sentences about what was damaged."""
    with scratch(".wav") as raw:
        extract(media, media.span(), Cut(mix=raw, track=number), progress=progress)
        return settle(raw, out).notes


def _write(media: Media, parts: Sequence[_Part], out: Path) -> None:
    import numpy as np

    forms = [part.given.form for part in parts]
    widest = max((form.encoding for form in forms), key=_ENCODINGS.index)
    form = WaveFormat(forms[0].rate, sum(one.channels for one in forms), widest)
    with refused_output(out), WaveWriter(out, form, _origination(media, parts, form.rate)) as file:
        for place, count in _stretches(parts):
            block = np.concatenate([part.given.at(place, count) for part in parts], axis=1)
            if widest == "f32":
                file.write_floats(block)
            else:
                file.write(np.rint(block * (1 << (BITS[widest] - 1))).astype(np.int32))


def _stretches(parts: Sequence[_Part]) -> Iterator[tuple[int, int]]:
    end = max(part.given.end for part in parts)
    for place in range(0, end, BLOCK):
        yield place, min(BLOCK, end - place)


def _origination(media: Media, parts: Sequence[_Part], rate: int) -> Origination:
    made = datetime.datetime.fromtimestamp(media.path.stat().st_mtime, datetime.UTC)
    timecode = media.timecode
    return Origination(
        description=f"Sound and stems of {media.path.name}",
        time_reference=sample_at(timecode.time, rate) if timecode else 0,
        date=made.strftime("%Y-%m-%d"),
        time=made.strftime("%H:%M:%S"),
        tracks=tuple(name for part in parts for name in part.names),
        timecode_rate=timecode.rate if timecode else None,
        drop_frame=timecode.drop if timecode else False,
    )


def _check(parts: Sequence[_Part], out: Path) -> list[bool]:
    """Read everything back; for each part, whether there is anything to hear in it.

    Raises:
        VerificationFailed: a sample is not the one that was given.
    """
    import numpy as np

    audible = [False] * len(parts)
    written = Given(out, out.name, 0)
    try:
        for place, count in _stretches(parts):
            block, first = written.at(place, count), 0
            for number, part in enumerate(parts):
                last = first + part.given.form.channels
                wanted = part.given.at(place, count)
                if not np.array_equal(block[:, first:last], wanted, equal_nan=True):
                    raise VerificationFailed(f"{part.given.title!r} was changed on its way.")
                audible[number] |= bool(np.nanmax(np.abs(wanted), initial=0.0) > AUDIBLE)
                first = last
    finally:
        written.close()
    return audible


def _nulls(own: Sequence[_Part], added: Sequence[_Part]) -> Iterator[float]:
    """The level of each sound of the clip without the stems, where they are its parts."""
    shapes = {part.given.form.channels for part in added}
    for part in own:
        if shapes == {part.given.form.channels}:
            parts = Parts([stem.given for stem in added], Fraction(0))
            for place, count in _stretches([part]):
                if not parts.done:
                    parts.block(place, part.given.at(place, count))
            level = parts.null_db()
            if level is not None:
                yield level
