"""What belongs together on a timeline: a clip, its sound, its picture, the mask over it.

Two clips of one file are in sync where they would show the same of it at the same time. This module
must not look for files, nor into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from soundmatte.errors import UsageError
from soundmatte.timelines.errors import ClipUnfit, MatteUnfit, NoSuchClip
from soundmatte.timelines.timeline import Clip, Timeline, Track, TrackKind

_RENDER = "Render it in the editor, and put the file in its place."


def clip_of(timeline: Timeline, number: int) -> tuple[Track, Clip]:
    """The clip with that number, and its track.

    Raises:
        NoSuchClip: there is none.
    """
    for track in timeline.tracks:
        for clip in track.clips:
            if clip.number == number:
                return track, clip
    raise NoSuchClip(
        f"{timeline.name} has no clip {number}.", hint="soundmatte timeline list shows the numbers."
    )


def track_of(timeline: Timeline, word: str, kind: TrackKind | None = None) -> Track:
    """The track that a person calls V2, or by its name.

    Raises:
        NoSuchClip: there is none, or several have the name.
    """
    tracks = [track for track in timeline.tracks if kind in (None, track.kind)]
    labelled = [track for track in tracks if track.label.casefold() == word.casefold()]
    found = labelled or [t for t in tracks if t.name and t.name.casefold() == word.casefold()]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{t.label} ({t.name})" if t.name else t.label for t in tracks)
    what = "Several tracks are" if found else "No track is"
    raise NoSuchClip(f"{what} called {word!r}.", hint=f"There are {known or 'none'}.")


def chosen(timeline: Timeline, numbers: Sequence[int], track: str) -> tuple[list[Clip], list[str]]:
    """The clips that are wanted, and sentences on those of a whole track that will not do.

    Raises:
        UsageError: neither clips nor a track are named, or both.
        NoSuchClip: one is named that is not there.
        ClipUnfit: one is named that will not do, or none of the track does.
    """
    if bool(numbers) == bool(track):
        raise UsageError(
            "There are clips to be named, or a track: one of the two.",
            hint="Such as --clip 12, or --track V1; soundmatte timeline list shows them.",
        )
    if numbers:
        found = [clip_of(timeline, number)[1] for number in dict.fromkeys(numbers)]
        for clip in found:
            check(clip)
        return found, []
    fit: list[Clip] = []
    unfit: list[ClipUnfit] = []
    for clip in track_of(timeline, track).clips:
        try:
            check(clip)
            if not clip.enabled:
                raise ClipUnfit(f"{named(clip)} is disabled.", hint="Name it with --clip.")
            fit.append(clip)
        except ClipUnfit as error:
            unfit.append(error)
    if not fit:
        raise unfit[0] if unfit else ClipUnfit(f"There is no clip on {track}.", hint="")
    return fit, [f"Left out: {error}" for error in unfit]


def check(clip: Clip) -> None:
    """Refuse a clip that a range of a file does not stand for.

    Raises:
        ClipUnfit: it is no file, or not at its own speed.
    """
    if clip.kind == "nested":
        raise ClipUnfit(f"{named(clip)} is a timeline of its own.", hint=_RENDER)
    if clip.kind == "generator":
        raise ClipUnfit(f"{named(clip)} is made by the editor: it has no file.", hint=_RENDER)
    if clip.speed is None:
        raise ClipUnfit(f"The speed of {named(clip)} changes, or is not known.", hint=_RENDER)
    if clip.speed != 1:
        raise ClipUnfit(f"{named(clip)} runs at {float(clip.speed):.4g} × speed.", hint=_RENDER)
    if clip.duration <= 0:
        raise ClipUnfit(f"{named(clip)} is empty.", hint="Choose another clip.")


def named(clip: Clip) -> str:
    """What a person calls a clip in a sentence."""
    return f"Clip {clip.number} ({clip.name})" if clip.name else f"Clip {clip.number}"


def sync(clip: Clip) -> Fraction:
    """Seconds of its file that would lie at the timeline's first frame, at its own speed."""
    return clip.into - clip.record


def in_sync(one: Clip, other: Clip, rate: Fraction) -> bool:
    """Whether two clips of one file show the same at the same time, to half a frame."""
    return abs(sync(one) - sync(other)) < 1 / rate / 2


def same_file(one: Clip, other: Clip) -> bool:
    """Whether two clips are of one file, by what the document calls it."""
    if one.source is None or other.source is None:
        return False
    if one.source.target or other.source.target:
        return one.source.target == other.source.target
    return bool(one.source.name) and one.source.name == other.source.name


def sounds_of(timeline: Timeline, clip: Clip) -> list[Clip]:
    """The sound clips of the same file under a picture clip; those in sync, if there are any."""
    under = [
        other
        for other in _clips(timeline, "audio")
        if same_file(clip, other) and other.speed == 1 and _overlap(clip, other)
    ]
    return [other for other in under if in_sync(clip, other, timeline.rate)] or under


def sound_of(timeline: Timeline, track: Track, clip: Clip) -> Clip:
    """The clip whose file and sync the sound is taken from: the clip itself, unless it slipped.

    Raises:
        ClipUnfit: several sounds of its file lie under a picture clip, each elsewhere.
    """
    if track.kind == "audio":
        return clip
    under = sounds_of(timeline, clip)
    if not under or in_sync(clip, under[0], timeline.rate):
        return clip
    if any(not in_sync(under[0], other, timeline.rate) for other in under):
        numbers = " or ".join(f"--clip {other.number}" for other in under)
        raise ClipUnfit(
            f"{named(clip)} has several sounds that are not in sync with it.", hint=numbers
        )
    return under[0]


def picture_over(timeline: Timeline, clip: Clip, mask: Track | None) -> Clip | None:
    """The picture that is seen over all of a sound clip: of its own file, else the uppermost."""
    over = [
        other
        for track in timeline.tracks
        if track.kind == "video" and track is not mask and track.enabled
        for other in track.clips
        if other.kind == "file" and other.enabled and _covers(other, clip, timeline.rate)
    ]
    own = [other for other in over if same_file(clip, other)]
    return next(reversed(own or over), None)


def mask_over(timeline: Timeline, mask: Track, clip: Clip) -> Clip:
    """The clip on the mask track that covers a clip.

    Raises:
        MatteUnfit: there is none, or several, or it is no file at its own speed.
    """
    if clip in mask.clips:
        raise MatteUnfit(
            f"{named(clip)} is on {mask.label} itself.", hint="Name the track of its matte."
        )
    there = [other for other in mask.clips if other.enabled and _overlap(other, clip)]
    over = [other for other in there if _covers(other, clip, timeline.rate)]
    if len(over) != 1:
        counted = {0: "no clip", 1: "one clip, which does not cover it"}
        what = counted.get(len(there), f"{len(there)} clips")
        raise MatteUnfit(
            f"{mask.label} shows {what} over {named(clip)}.",
            hint="One clip with the matte must cover it from its first frame to its last.",
        )
    try:
        check(over[0])
    except ClipUnfit as error:
        raise MatteUnfit(f"The mask will not do: {error}", hint=error.hint) from error
    return over[0]


def heard_within(timeline: Timeline, clip: Clip, sound: Clip) -> tuple[list[Clip], list[Clip]]:
    """The enabled sound clips that are heard where a clip's stems will be, of the same sound.

    Returns:
        Those that end with it, and those that go on beyond it.
    """
    same = [
        other
        for other in _clips(timeline, "audio")
        if other.enabled
        and same_file(sound, other)
        and in_sync(sound, other, timeline.rate)
        and _overlap(clip, other)
    ]
    within = [other for other in same if _covers(clip, other, timeline.rate)]
    return within, [other for other in same if other not in within]


def _clips(timeline: Timeline, kind: TrackKind) -> Iterator[Clip]:
    return (clip for track in timeline.tracks if track.kind == kind for clip in track.clips)


def _overlap(one: Clip, other: Clip) -> bool:
    return one.record < other.end and other.record < one.end


def _covers(one: Clip, other: Clip, rate: Fraction) -> bool:
    grace = 1 / rate / 2
    return one.record <= other.record + grace and one.end >= other.end - grace
