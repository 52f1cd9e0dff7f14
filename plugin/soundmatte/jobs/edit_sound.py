"""Which sound of its file a clip plays.

A file may have several sounds (a camera's four microphones in MXF), and a clip on a timeline may
play one of them, or one channel. What is separated is a whole sound, so the one is to be found that
the clip plays. This module must not look for files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from soundmatte.jobs import edit_choice
from soundmatte.timelines.timeline import Channel, Clip, Timeline, Track

if TYPE_CHECKING:
    from stemmux.probe import Media

#: Channels of each sound of a file, in their order.
Widths = tuple[int, ...]


def widths(media: Media) -> Widths:
    """Channels of each sound of a file."""
    return tuple(track.channels for track in media.audio)


def played(clip: Clip, wide: Widths) -> dict[int, set[int]]:
    """The sounds of its file that a clip plays, and the channels of each, all from 1.

    Empty where the document does not say, or says what the file does not have.
    """
    found: dict[int, set[int]] = {}
    for channel in clip.channels:
        sound, number = _counted(channel, wide)
        if not (1 <= sound <= len(wide) and number <= wide[sound - 1]):
            return {}
        found.setdefault(sound, set()).add(number)
    return found


def _counted(channel: Channel, wide: Widths) -> tuple[int, int]:
    """The number of a sound, and of the channel in it."""
    if channel.sound is not None:
        return channel.sound, channel.number
    ends = list(accumulate(wide))
    sound = next((n for n, end in enumerate(ends, 1) if channel.number <= end), len(wide) + 1)
    before = ends[sound - 2] if 1 < sound <= len(wide) else 0
    return sound, channel.number - before


def separated(
    timeline: Timeline, track: Track, clip: Clip, sound: Clip, wide: Widths
) -> tuple[int, tuple[str, ...]]:
    """The number of the sound that is separated for a clip, and what is to be said of it.

    Args:
        sound: the clip that it is taken from; of a picture, the sounds under it are asked.
        wide: of its file.
    """
    beside = edit_choice.sounds_of(timeline, sound)
    asked = [one for one in beside if one.enabled] or beside
    if track.kind == "audio":
        asked = [sound]
    numbers = list(dict.fromkeys(n for one in asked for n in played(one, wide)))
    number = numbers[0] if numbers else 1
    if len(numbers) > 1:
        listed = ", ".join(map(str, numbers))
        return number, (
            f"{edit_choice.named(clip)} plays the sounds {listed} of its file; {number} is "
            "separated. Choose another with --sound.",
        )
    heard = _together((played(one, wide) for one in (*asked, *beside)), number)
    # One clip for channel 1 is how some documents write one for all of them.
    if heard and 1 not in heard and len(heard) < wide[number - 1]:
        listed = ", ".join(map(str, sorted(heard)))
        return number, (
            f"{edit_choice.named(clip)} plays channel {listed} of {wide[number - 1]}; its stems "
            "have them all.",
        )
    return number, ()


def _together(each: Iterable[dict[int, set[int]]], number: int) -> set[int]:
    """The channels of a sound that several clips play."""
    return {channel for one in each for channel in one.get(number, ())}


def stand_for(clips: Sequence[Clip], number: int, wide: Widths) -> tuple[list[Clip], list[Clip]]:
    """Of clips of one file, those that play nothing but a sound of it, and those that do in part.

    A clip of which the document does not say it plays that one.
    """
    heard = [(one, set(played(one, wide)) or {number}) for one in clips]
    return (
        [one for one, sounds in heard if sounds == {number}],
        [one for one, sounds in heard if number in sounds and len(sounds) > 1],
    )
