"""Which sound of its file a clip plays, by what a document says of its channels."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from tests.timelines.drawing import a_clip, counted

from soundmatte.jobs import edit_sound
from soundmatte.timelines.timeline import Channel, Clip, Timeline, Track
from stemmux.timebase import Timecode

RATE = Fraction(25)
CAMERA = (1, 1, 1, 1)  # four microphones, each a sound


def sounds(*channels: tuple[int, ...], off: tuple[int, ...] = ()) -> Timeline:
    """A picture, and under it clips of its file that play these channels, counted through."""
    tracks = [Track("video", 1, "", (a_clip(),))]
    for number, each in enumerate(channels, 1):
        clip = a_clip(channels=tuple(map(Channel, each)), enabled=number not in off)
        tracks.append(Track("audio", number, "", (clip,)))
    return Timeline("cut", RATE, Timecode(0, RATE, False), counted(tracks))


def separated(made: Timeline, number: int, wide: tuple[int, ...]) -> tuple[int, str]:
    track = made.tracks[number - 1]
    (clip,) = track.clips
    sound, notes = edit_sound.separated(made, track, clip, clip, wide)
    return sound, " ".join(notes)


@pytest.mark.parametrize(
    ("channels", "wide", "found"),
    [
        ((Channel(3),), CAMERA, {3: {1}}),
        ((Channel(1), Channel(2)), (2, 2), {1: {1, 2}}),
        ((Channel(3), Channel(4)), (2, 2), {2: {1, 2}}),
        ((Channel(1), Channel(2)), CAMERA, {1: {1}, 2: {1}}),
        ((Channel(2, sound=2),), (2, 2), {2: {2}}),
        ((Channel(7),), (8,), {1: {7}}),
        ((), CAMERA, {}),
        # What the file does not have says nothing.
        ((Channel(5),), CAMERA, {}),
        ((Channel(1, sound=5),), CAMERA, {}),
        ((Channel(2, sound=1),), CAMERA, {}),
        ((Channel(1),), (), {}),
    ],
)
def test_channels_are_counted_through_the_sounds(
    channels: tuple[Channel, ...], wide: tuple[int, ...], found: dict[int, set[int]]
) -> None:
    assert edit_sound.played(a_clip(channels=channels), wide) == found


def test_a_sound_is_the_one_that_it_plays_and_a_picture_s_the_first_under_it() -> None:
    made = sounds((3,), (1,))
    assert separated(made, 2, CAMERA) == (3, "")
    assert separated(made, 3, CAMERA) == (1, "")
    sound, note = separated(made, 1, CAMERA)
    assert sound == 3
    assert "plays the sounds 3, 1 of its file" in note
    assert "--sound" in note
    assert separated(sounds((3,), (1,), off=(1,)), 1, CAMERA) == (1, "")
    assert separated(sounds((1,), (2,)), 1, (2,)) == (1, "")
    assert separated(sounds(), 1, CAMERA) == (1, "")


def test_a_channel_alone_is_said() -> None:
    sound, note = separated(sounds((3,)), 2, (4,))
    assert (sound, "plays channel 3 of 4; its stems have them all" in note) == (1, True)
    # Beside it the others are heard.
    assert separated(sounds((2,), (1,)), 2, (2,)) == (1, "")
    # It may stand for all of them.
    assert separated(sounds((1,)), 2, (2,)) == (1, "")


def test_stems_stand_for_the_clips_of_their_sound() -> None:
    def stand_for(number: int, *clips: Clip) -> list[list[Clip]]:
        return [*map(list, edit_sound.stand_for(clips, number, CAMERA))]

    first, third = (a_clip(channels=(Channel(n),)) for n in (1, 3))
    both = replace(first, channels=(Channel(1), Channel(2)))
    assert stand_for(1, first, third, both) == [[first], [both]]
    assert stand_for(3, first, third, both) == [[third], []]
    assert stand_for(2, a_clip()) == [[a_clip()], []]
