"""The new document: the original with the stems behind its tracks, or the stems alone.

This module must not know any format, nor how the stems were made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from soundmatte.jobs import edit_choice, edit_orders, edit_sound
from soundmatte.jobs.edit import Edit, Goal, Laid
from soundmatte.timelines import formats
from soundmatte.timelines.timeline import Clip, StemClip, StemTrack, Timeline
from stemmux.errors import StemmuxError
from stemmux.files import replacing
from stemmux.timebase import frame_at

if TYPE_CHECKING:
    from stemmux.probe import Media

#: The two tracks, as they are called where nothing else is.
TRACKS = {"target": "Soundmatte Target", "residual": "Soundmatte Residual"}


@dataclass(frozen=True)
class Written:
    """The new document.

    Attributes:
        tracks: names of those that were added.
        muted: numbers of the clips that were disabled.
        notes: sentences that a person should read.
    """

    path: Path
    format: str
    tracks: tuple[str, ...]
    muted: tuple[int, ...]
    notes: tuple[str, ...]


def write(edit: Edit, stems: Sequence[Laid], into: Goal) -> Written:
    """Write the new document.

    Raises:
        TimelineError: the format cannot say it.
        OutputExists, OutputRefused: it cannot be written there.
    """
    tracks = stem_tracks(edit.timeline, stems)
    muted, notes = _muted(edit.timeline, stems, into)
    if into.format == edit.format.name and not into.alone:
        text = formats.extended(edit.path, tracks, muted)
    else:
        writer = formats.writer(into.format)
        timeline = _alone(edit.timeline) if into.alone else _relinked(edit)
        text = writer.written(timeline, tracks, frozenset() if into.alone else muted)
        notes += writer.lost(timeline)
    with replacing(into.path, overwrite=into.overwrite) as temporary:
        temporary.write_bytes(text)
    names = tuple(track.name for track in tracks)
    return Written(into.path, into.format, names, tuple(sorted(muted)), notes)


def stem_tracks(timeline: Timeline, stems: Iterable[Laid]) -> tuple[StemTrack, ...]:
    """The tracks to be added: a pair for the targets and residuals, more where stems overlap."""
    rows: list[list[Laid]] = []
    for one in sorted(stems, key=lambda one: one.wanted.first):
        for row in rows:
            if row[-1].wanted.first + row[-1].wanted.lay.frames <= one.wanted.first:
                row.append(one)
                break
        else:
            rows.append([one])
    taken = {track.name.casefold() for track in timeline.tracks}
    made: list[StemTrack] = []
    number = 1
    for row in rows:
        while any(_numbered(name, number).casefold() in taken for name in TRACKS.values()):
            number += 1
        for role, name in TRACKS.items():
            clips = [_stem(one, role) for one in row]
            made.append(StemTrack(_numbered(name, number), tuple(clips)))
        number += 1
    return tuple(made)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} {number}"


def _stem(one: Laid, role: str) -> StemClip:
    placed = next(stem for stem in one.stems if stem.role == role)
    rate, how = placed.rate, one.wanted.lay
    before = frame_at(Fraction(placed.handle_in, rate), how.rate)
    return StemClip(
        name=placed.path.name,
        path=str(placed.path),
        record=one.wanted.first / how.rate,
        duration=how.frames / how.rate,
        into=before / how.rate,
        length=Fraction(placed.frames, rate),
        start=Fraction(placed.time_reference, rate),
        rate=rate,
        channels=placed.channels,
    )


def _muted(
    timeline: Timeline, stems: Sequence[Laid], into: Goal
) -> tuple[frozenset[int], tuple[str, ...]]:
    """The numbers of the clips to be disabled, and what is to be said of them."""
    within: set[int] = set()
    beyond: set[int] = set()
    partly: set[int] = set()
    for one in stems:
        wanted = one.wanted
        ends, goes_on = edit_choice.heard_within(timeline, wanted.clip, wanted.sound)
        same, more = edit_sound.stand_for(ends, wanted.selection.track, wanted.wide)
        longer, _ = edit_sound.stand_for(goes_on, wanted.selection.track, wanted.wide)
        within |= {clip.number for clip in same}
        partly |= {clip.number for clip in more}
        beyond |= {clip.number for clip in longer}
    if into.alone:
        return frozenset(), ()
    notes = []
    if not into.mute:
        notes.append(
            "The original sound still plays beside the stems: disable it, or give --mute-original."
        )
        return frozenset(), tuple(notes)
    for numbers, what in ((beyond, "Longer than the stems"), (partly, "More than the stems")):
        if numbers:
            listed = ", ".join(map(str, sorted(numbers)))
            notes.append(f"{what}, and so not disabled: clip {listed}.")
    if not within:
        notes.append("No sound clip of the original was found to be disabled.")
    return frozenset(within), tuple(notes)


def _alone(timeline: Timeline) -> Timeline:
    return replace(timeline, name=f"{timeline.name} stems", tracks=(), notes=())


def _relinked(edit: Edit) -> Timeline:
    """The timeline with every source that was found named by its path, and described."""
    found: dict[str, Media | None] = {}

    def named(clip: Clip) -> Clip:
        state, where = edit.media(clip.source)
        if clip.source is None or state not in ("found", "elsewhere"):
            return clip
        if where not in found:
            found[where] = None if clip.source.duration else _probed(where)
        media = None if clip.source.duration else found[where]
        named = replace(clip, source=replace(clip.source, target=where))
        return named if media is None else _described(edit.timeline, named, media)

    tracks = (
        replace(track, clips=tuple(map(named, track.clips))) for track in edit.timeline.tracks
    )
    return replace(edit.timeline, tracks=tuple(tracks))


def _probed(path: str) -> Media | None:
    """A file as measured; None where it cannot be read, or is one picture, which has no length."""
    from stemmux.matte import is_still
    from stemmux.probe import probe

    try:
        media = probe(Path(path), picture=True)
    except StemmuxError:
        return None
    return None if is_still(media) else media


def _described(timeline: Timeline, clip: Clip, media: Media) -> Clip:
    """A clip that counts from where its file begins, of a document that does not say where."""
    assert clip.source is not None
    source = replace(
        clip.source,
        start=media.timecode.time if media.timecode else clip.source.start,
        duration=media.duration,
        rate=media.constant_rate,
        channels=media.audio[0].channels if media.audio else None,
    )
    return replace(clip, source=source, into=edit_orders.into_file(timeline, clip, media))
