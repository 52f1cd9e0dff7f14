"""What belongs to a clip on a timeline: its sound, its picture, its mask, and where they begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.making import Studio
from tests.timelines.drawing import counted

from soundmatte.documents import MatteChoice
from soundmatte.jobs import edit_choice, edit_orders
from soundmatte.jobs.edit_orders import Wish
from soundmatte.timelines.errors import ClipUnfit, MatteUnfit, NoSuchClip
from soundmatte.timelines.media import Finder
from soundmatte.timelines.timeline import Clip, Source, Timeline, Track, TrackKind
from stemmux.errors import NoAudio
from stemmux.timebase import Timecode, frame_rate

RATE = Fraction(25)
FILM, OTHER = Source("film", "/m/film.mov"), Source("other", "/m/other.mov")


def clip(first: int, frames: int, into: int = 0, source: Source | None = FILM) -> Clip:
    """A clip by frames of 25 a second."""
    kind = "file" if source else "generator"
    return Clip(0, "c", kind, source, first / RATE, frames / RATE, into / RATE)


def timeline(*tracks: tuple[TrackKind, Sequence[Clip]], rate: Fraction = RATE) -> Timeline:
    numbers: dict[TrackKind, int] = {"video": 0, "audio": 0}
    made = []
    for kind, clips in tracks:
        numbers[kind] += 1
        made.append(Track(kind, numbers[kind], "", tuple(clips)))
    return Timeline("cut", rate, Timecode(90000, rate, False), counted(made))


def every(made: Timeline) -> list[Clip]:
    return [one for track in made.tracks for one in track.clips]


def sound_of(made: Timeline, number: int) -> Clip:
    return edit_choice.sound_of(made, *edit_choice.clip_of(made, number))


# --- the sound of a clip ---


def test_the_sound_of_a_picture_is_its_own_where_it_is_in_sync() -> None:
    j_cut = clip(5, 60, 15)  # it begins before the picture, and is of the same moment
    made = timeline(("video", [clip(10, 40, 20)]), ("audio", [j_cut]), ("audio", [j_cut]))
    assert sound_of(made, 1) == every(made)[0]
    assert sound_of(timeline(("video", [clip(10, 40)])), 1).number == 1


def test_the_sound_that_slipped_is_taken_where_it_is_heard() -> None:
    made = timeline(("video", [clip(10, 40, 20)]), ("audio", [clip(10, 40, 22)]))
    assert sound_of(made, 1).number == 2
    foreign = timeline(("video", [clip(10, 40)]), ("audio", [clip(10, 40, 7, OTHER)]))
    assert sound_of(foreign, 1).number == 1
    made = timeline(
        ("video", [clip(10, 40, 20)]), ("audio", [clip(10, 40, 22)]), ("audio", [clip(10, 40, 9)])
    )
    with pytest.raises(ClipUnfit) as caught:
        sound_of(made, 1)
    assert caught.value.hint == "--clip 2 or --clip 3"


def test_a_sound_is_its_own() -> None:
    made = timeline(("video", [clip(10, 40, 20)]), ("audio", [clip(10, 40, 22)]))
    assert sound_of(made, 2).number == 2


# --- the picture over a sound ---


def test_the_picture_over_a_sound_is_its_own_else_the_uppermost() -> None:
    sound = clip(10, 20)
    own = timeline(
        ("video", [clip(0, 50)]), ("video", [clip(0, 50, source=OTHER)]), ("audio", [sound])
    )
    assert edit_choice.picture_over(own, every(own)[2], None) == every(own)[0]
    foreign = timeline(
        ("video", [clip(0, 50, source=OTHER)]),
        ("video", [clip(0, 50, 3, OTHER)]),
        ("video", [clip(0, 50, source=None)]),
        ("video", [clip(12, 50, source=OTHER)]),
        ("audio", [sound]),
    )
    assert edit_choice.picture_over(foreign, every(foreign)[4], None) == every(foreign)[1]
    mask = foreign.tracks[1]
    assert edit_choice.picture_over(foreign, every(foreign)[4], mask) == every(foreign)[0]
    alone = timeline(("audio", [sound]))
    assert edit_choice.picture_over(alone, every(alone)[0], None) is None


# --- the mask ---


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ([], "no clip"),
        ([clip(11, 40, source=OTHER)], "one clip, which does not cover it"),
        ([clip(10, 20, source=OTHER), clip(30, 20, source=OTHER)], "2 clips"),
        ([replace(clip(10, 40, source=OTHER), enabled=False)], "no clip"),
        ([replace(clip(10, 40, source=OTHER), speed=Fraction(2))], "2 × speed"),
        ([clip(10, 40, source=None)], "made by the editor"),
    ],
)
def test_a_mask_that_will_not_do(mask: list[Clip], said: str) -> None:
    made = timeline(("video", [clip(10, 40)]), ("video", mask))
    with pytest.raises(MatteUnfit) as caught:
        edit_choice.mask_over(made, made.tracks[1], every(made)[0])
    assert said in str(caught.value)
    assert caught.value.hint


def test_tracks_are_called_by_label_or_name() -> None:
    made = timeline(("video", [clip(0, 9)]), ("video", []), ("audio", [clip(0, 9)]))
    tracks = tuple(
        replace(track, name=name)
        for track, name in zip(made.tracks, ("Mask", "mask ", "A1x"), strict=True)
    )
    made = replace(made, tracks=tracks)
    assert edit_choice.track_of(made, "v2").number == 2
    assert edit_choice.track_of(made, "MASK") == tracks[0]
    with pytest.raises(NoSuchClip):
        edit_choice.track_of(made, "A1x", "video")
    same = replace(made, tracks=tuple(replace(t, name="Mask") for t in tracks))
    with pytest.raises(NoSuchClip) as caught:
        edit_choice.track_of(same, "mask")
    assert "Several" in str(caught.value)


# --- what is muted ---


def test_only_what_ends_with_the_stems_is_the_same_sound() -> None:
    made = timeline(
        ("video", [clip(10, 40, 20)]),
        ("audio", [clip(10, 40, 20), clip(50, 10, 60)]),
        ("audio", [clip(0, 70, 10)]),
        ("audio", [clip(10, 40, 21)]),
        ("audio", [clip(10, 40, 20, OTHER)]),
        ("audio", [clip(12, 10, 22)]),
    )
    shot = every(made)[0]
    within, beyond = edit_choice.heard_within(made, shot, shot)
    assert [one.number for one in within] == [2, 7]
    assert [one.number for one in beyond] == [4]


# --- from clips to what is separated ---


def files(studio: Studio) -> tuple[Source, Source]:
    """A movie with sound and a matte, of 75 frames each, from midnight."""
    return (
        Source("film", str(studio.clip("mov").path), duration=Fraction(3), rate=RATE),
        Source("matte", str(studio.picture()), duration=Fraction(3), rate=RATE),
    )


@pytest.mark.parametrize(
    ("record", "into", "start"),
    [(10, 0, -20), (0, 0, -10), (10, 30, 10), (5, 15, 0), (10, 20, 0)],
)
def test_the_matte_begins_where_the_timeline_shows_it(
    studio: Studio, tmp_path: Path, record: int, into: int, start: int
) -> None:
    """The shot lies at frame 10 and begins with frame 20 of its file."""
    film, matte = files(studio)
    shot = clip(10, 30, 20, film)
    made = timeline(("video", [shot]), ("video", [clip(record, 45, into, matte)]))
    finder = Finder(tmp_path / "cut.otio")
    one = edit_orders.wanted(made, every(made)[0], Wish(mask=made.tracks[1]), finder)
    assert one.selection.matte == MatteChoice(path=Path(matte.target), start=start / RATE)
    assert one.selection.picture is None
    assert (one.selection.start, one.selection.end) == (20 / RATE, 50 / RATE)
    assert (one.lay.start, one.lay.frames, one.first) == (20 / RATE, 30, 10)
    assert one.lay.timecode == 3600 + 10 / RATE


@pytest.mark.parametrize(
    ("record", "into", "wished", "room"),
    [(10, 0, 12, 0), (4, 0, 12, 6), (4, 0, 5, 5), (0, 20, 12, 12), (0, 28, 20, 7)],
)
def test_handles_reach_as_far_as_the_matte(
    studio: Studio, tmp_path: Path, record: int, into: int, wished: int, room: int
) -> None:
    """The shot lies at frames 10 to 40, of a matte that has 75."""
    film, matte = files(studio)
    shot = clip(10, 30, 22, film)
    made = timeline(("video", [shot]), ("video", [clip(record, 47, into, matte)]))
    finder = Finder(tmp_path / "cut.otio")
    wish = Wish(mask=made.tracks[1], handles=wished)
    one = edit_orders.wanted(made, every(made)[0], wish, finder)
    assert one.selection.handles == room / RATE
    assert one.lay.handles == wished
    assert any("has room for handles" in note for note in one.notes) == (room < wished)


def test_the_range_is_widened_to_frames_of_the_media(studio: Studio, tmp_path: Path) -> None:
    film, _ = files(studio)
    rate = frame_rate("23.976")
    shot = Clip(0, "c", "file", film, 17 / rate, 31 / rate, into=7 / rate)
    made = timeline(("video", [shot]), rate=rate)
    one = edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
    begin, end = one.selection.start, one.selection.end
    assert begin is not None
    assert end is not None
    assert begin <= 7 / rate < begin + 1 / RATE
    assert end - 1 / RATE < 38 / rate <= end
    assert ((begin * RATE).denominator, (end * RATE).denominator) == (1, 1)
    assert (one.lay.start, one.lay.frames) == (7 / rate, 31)
    last = replace(shot, into=Fraction(2), duration=Fraction(1))
    made = timeline(("video", [last]), rate=rate)
    one = edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
    assert one.selection.end is None  # to its very end


def test_a_clip_between_two_frames_begins_with_one(studio: Studio, tmp_path: Path) -> None:
    film, _ = files(studio)
    shot = Clip(0, "c", "file", film, Fraction("17.25") / RATE, 30 / RATE, into=20 / RATE)
    made = timeline(("audio", [shot]))
    one = edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
    assert (one.first, one.lay.start) == (17, Fraction("19.75") / RATE)
    assert "between two frames" in one.notes[0]


def test_a_picture_of_another_file_is_seen_where_it_lies(studio: Studio, tmp_path: Path) -> None:
    film, matte = files(studio)
    wave = Source("wave", str(studio.clip("wav").path), duration=Fraction(3))
    shot, sound = clip(10, 30, 20, film), clip(10, 30, 5, wave)
    made = timeline(("video", [shot]), ("video", [clip(10, 30, 0, matte)]), ("audio", [sound]))
    finder, wish = Finder(tmp_path / "x"), Wish(mask=made.tracks[1])
    one = edit_orders.wanted(made, every(made)[2], wish, finder)
    assert one.selection.media == Path(wave.target)
    assert one.selection.picture is not None
    assert (one.selection.picture.path, one.selection.picture.start) == (
        Path(film.target),
        15 / RATE,
    )
    assert one.selection.matte is not None
    assert one.selection.matte.start == -5 / RATE


def test_a_picture_without_sound_names_the_sound_under_it(studio: Studio, tmp_path: Path) -> None:
    _, silent = files(studio)
    made = timeline(
        ("video", [clip(0, 9, 0, silent)]),
        ("audio", [clip(0, 50, 0, OTHER)]),
        ("audio", [clip(3, 9, 0, OTHER)]),
    )
    with pytest.raises(NoAudio) as caught:
        edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
    assert caught.value.hint == "Choose the sound under it: --clip 2."


def test_what_the_file_does_not_hold_is_refused(studio: Studio, tmp_path: Path) -> None:
    film, _ = files(studio)
    for shot in (clip(0, 9, 80, film), clip(0, 80, 0, film), clip(0, 9, -9, film)):
        made = timeline(("video", [shot]))
        with pytest.raises(ClipUnfit) as caught:
            edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
        assert "3.000 s long" in str(caught.value)


def test_a_file_of_another_length_is_doubted(studio: Studio, tmp_path: Path) -> None:
    film, _ = files(studio)
    made = timeline(("video", [clip(0, 9, 0, replace(film, duration=Fraction(20)))]))
    one = edit_orders.wanted(made, every(made)[0], Wish(), Finder(tmp_path / "x"))
    assert "is it the right file?" in one.notes[0]
