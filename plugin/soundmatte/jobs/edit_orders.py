"""From a clip on a timeline to what is separated, and to how the timeline takes the stems.

The range is widened to whole frames of the media, so that the stems reach over the timeline's
frames, which need not be the same. This module must not choose clips, nor run anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from soundmatte.documents import Lay, MatteChoice, PictureChoice, Selection
from soundmatte.jobs import edit_choice, edit_sound
from soundmatte.settings import Output
from soundmatte.timelines.errors import ClipUnfit
from soundmatte.timelines.media import Finder
from soundmatte.timelines.timeline import Clip, Timeline, Track
from stemmux.errors import NoAudio
from stemmux.timebase import frame_at, nearest

if TYPE_CHECKING:
    from stemmux.probe import Media

#: Frames of silence, or of what follows, behind a stem: an editor that counts whole frames of a
#: file must not miss its last one.
_TAIL = 1


@dataclass(frozen=True)
class Wish:
    """What is wanted of every clip.

    Attributes:
        mask: the track with the mattes.
        sound: number of the sound track in a clip's file, from 1; None is that which it plays.
        handles: frames of the timeline before and behind.
    """

    prompt: str = ""
    mask: Track | None = None
    invert: bool = False
    plane: Literal["luma", "alpha"] = "luma"
    sound: int | None = None
    handles: int = 0
    output: Output = field(default_factory=Output)


@dataclass(frozen=True)
class Wanted:
    """One clip that is to be separated.

    Attributes:
        first: frame of the timeline, from its first, that the stems begin at.
        sound: the clip that they are in sync with.
        wide: channels of each sound of its file.
        notes: sentences that a person should read.
    """

    clip: Clip
    sound: Clip
    first: int
    selection: Selection
    lay: Lay
    wide: edit_sound.Widths = ()
    notes: tuple[str, ...] = ()


def wanted(timeline: Timeline, clip: Clip, wish: Wish, finder: Finder) -> Wanted:
    """What is to be separated for a clip, and where it goes.

    Raises:
        TimelineError: its file, its picture or its mask will not do.
        StemmuxError: a file cannot be read.
    """
    track, clip = edit_choice.clip_of(timeline, clip.number)
    sound = edit_choice.sound_of(timeline, track, clip)
    rate = timeline.rate
    heard = _Footage(timeline, sound, finder)
    _check_sound(timeline, clip, heard)
    first = frame_at(clip.record, rate)
    frames = max(1, frame_at(clip.end, rate) - first)
    at = first / rate
    start = heard.sync + at
    begin, end = _widened(heard, start, start + frames / rate)
    wide = edit_sound.widths(heard.media)
    number, notes = wish.sound, heard.notes
    if number is None:
        number, more = edit_sound.separated(timeline, track, clip, sound, wide)
        notes += more
    selection = Selection(
        media=heard.path,
        start=begin,
        end=end,
        handles=wish.handles / rate,
        track=number,
        prompt=wish.prompt,
        style=wish.output.style,
        bits=wish.output.bits,
        container="none",
    )
    lay = Lay(
        start=start,
        frames=frames,
        rate=rate,
        handles=wish.handles,
        tail=_TAIL,
        timecode=timeline.start.time + at,
        drop=timeline.start.drop,
    )
    if at != clip.record:
        notes += (f"{edit_choice.named(clip)} begins between two frames; its stems with a frame.",)
    if wish.mask is not None:
        selection, more = _seen(timeline, track, clip, selection, heard, wish, finder)
        notes += more
    return Wanted(clip, sound, first, selection, lay, wide, notes)


def same(one: Wanted, other: Wanted) -> bool:
    """Whether the stems of two clips would be the same, in the same place."""
    return (one.selection, one.lay) == (other.selection, other.lay)


class _Footage:
    """A clip's file, and where in it the timeline's first frame would lie."""

    def __init__(self, timeline: Timeline, clip: Clip, finder: Finder) -> None:
        from stemmux.probe import probe

        assert clip.source is not None
        self.path = finder.find(clip.source)
        self.media = probe(self.path)
        self.sync = into_file(timeline, clip, self.media) - clip.record
        self.notes = _doubts(clip, self.path, self.media)
        if not finder.is_there(clip.source):
            self.notes = (f"{self.path} stands for {clip.source.target}.", *self.notes)


def into_file(timeline: Timeline, clip: Clip, media: Media) -> Fraction:
    """Seconds from a file's first picture to what lies at the clip's record start.

    A document that does not say where the file begins counts by the file's own timecode.
    """
    source, code = clip.source, media.timecode
    assert source is not None
    if code is None or source.duration is not None or source.start or media.video is None:
        return clip.into
    counted = clip.into * timeline.rate
    if nearest(code.rate) == nearest(timeline.rate) and counted.denominator == 1:
        # 24 and 23.976 have the same numbers, and not the same seconds.
        into = (counted - code.frame) / code.rate
    else:
        into = clip.into - code.time
    grace = 1 / timeline.rate
    length = clip.duration * abs(clip.speed or Fraction(1))
    if into >= -grace and into + length <= media.duration + grace:
        return into
    return clip.into


def _doubts(clip: Clip, path: Path, media: Media) -> tuple[str, ...]:
    """A doubt about a file that has the right name."""
    source = clip.source
    if source is None or source.duration is None or media.video is None:
        return ()
    if abs(source.duration - media.duration) <= 1:
        return ()
    return (
        f"{path} is {float(media.duration):.2f} s long, and {float(source.duration):.2f} s by "
        "the document: is it the right file?",
    )


def _check_sound(timeline: Timeline, clip: Clip, heard: _Footage) -> None:
    if heard.media.audio:
        return
    others = [
        other
        for track in timeline.tracks
        if track.kind == "audio"
        for other in track.clips
        if other.record <= clip.record and clip.end <= other.end
    ]
    hint = "Choose a clip with sound."
    if others:
        numbers = " or ".join(f"--clip {other.number}" for other in others)
        hint = f"Choose the sound under it: {numbers}."
    raise NoAudio(f"{heard.path.name} has no sound.", hint=hint)


def _widened(heard: _Footage, start: Fraction, end: Fraction) -> tuple[Fraction, Fraction | None]:
    """A range in whole frames of the media, as far as it goes; None is its end.

    Raises:
        ClipUnfit: the file does not reach so far.
    """
    media = heard.media
    rate = media.constant_rate
    # What is missing of a single frame at either end will be silence.
    grace = 1 / (rate or 25)
    if start <= -grace or end >= media.duration + grace or start >= media.duration:
        raise ClipUnfit(
            f"The timeline shows {float(start):.3f} s to {float(end):.3f} s of {heard.path.name}, "
            f"which is {float(media.duration):.3f} s long.",
            hint="Is it the right file? Name another folder with --media-root.",
        )
    begin = max(Fraction(0), start)
    if rate is not None:
        begin, end = floor(begin * rate) / rate, ceil(end * rate) / rate
    return begin, end if end < media.duration else None


def _seen(
    timeline: Timeline,
    track: Track,
    clip: Clip,
    selection: Selection,
    heard: _Footage,
    wish: Wish,
    finder: Finder,
) -> tuple[Selection, tuple[str, ...]]:
    """The selection with the matte over the clip, and with what is seen there."""
    from stemmux.matte import is_still
    from stemmux.probe import probe

    assert wish.mask is not None
    masking = edit_choice.mask_over(timeline, wish.mask, clip)
    assert masking.source is not None
    path = finder.find(masking.source)
    matte = probe(path, picture=True)
    into = None if is_still(matte) else into_file(timeline, masking, matte) - masking.record
    choice = MatteChoice(
        path=path,
        plane=wish.plane,
        invert=wish.invert,
        start=None if into is None else into - heard.sync,
    )
    selection = selection.model_copy(update={"matte": choice})
    notes: tuple[str, ...] = ()
    if choice.start is not None:
        room = _room(selection, heard.media, matte, choice.start)
        if room < selection.handles:
            selection = selection.model_copy(update={"handles": room})
            notes = (
                f"The matte of {edit_choice.named(clip)} has room for handles of "
                f"{float(room):.2f} s: its stems have no longer ones.",
            )
    picture = clip if track.kind == "video" else edit_choice.picture_over(timeline, clip, wish.mask)
    if picture is None:
        return selection, notes
    edit_choice.check(picture)
    shown = _Footage(timeline, picture, finder)
    if shown.path == heard.path and abs(shown.sync - heard.sync) < 1 / timeline.rate / 2:
        return selection, notes
    seen = PictureChoice(path=shown.path, start=shown.sync - heard.sync)
    return selection.model_copy(update={"picture": seen}), (*notes, *shown.notes)


def _room(selection: Selection, media: Media, matte: Media, start: Fraction) -> Fraction:
    """Seconds of the matte on the shorter side of the range; 0 where it does not even cover that.

    Args:
        start: seconds of the matte that lie at the clip's first picture.
    """
    begin = selection.start or Fraction(0)
    end = media.duration if selection.end is None else selection.end
    return max(Fraction(0), min(begin + start, matte.duration - start - end))
