"""Which clip, which mask, whether files say what is seen: on plain values, without a Resolve."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import tests.resolve.library  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from soundmatte_resolve import choose
from soundmatte_resolve.media_view import Media
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.timeline_view import Item, Shot, Timeline, Track

NAMED = ["Mask", "Matte"]
CUT = Timeline(None, "t", "Cut", Fraction(25), 25.0, 90000, 1920, 1080)
V1, V2, V3 = (Track("video", n, f"Video {n}") for n in (1, 2, 3))
MASKS = Track("video", 2, " mask ")


def item(name: str, track: Track = V1, start: int = 90010, frames: int = 25) -> Item:
    return Item(None, name, name, track, start, frames)


def media(**other: Any) -> Media:
    usual = Media(None, "m", "/m.mov", "", Fraction(25), 100, (1920, 1080), False)
    return usual._replace(**other)


def shot(**other: Any) -> Shot:
    usual = Shot(item("a"), media(), 7, 68, 7, 1.0, None, 0, True, {})
    return usual._replace(**other)


def meant(pictures: list[Item], selected: list[str] | None = None, playhead: str = "") -> str:
    return choose.clip(pictures, selected, [], playhead, NAMED).name


def test_the_selection_comes_before_the_playhead() -> None:
    pictures = [item("a"), item("b", start=90100)]
    assert meant(pictures, ["a"], "b") == "a"
    assert meant(pictures, [], "b") == "b"
    assert meant(pictures, None, "b") == "b"


def test_of_a_clip_and_its_mask_the_clip_is_meant() -> None:
    assert meant([item("a"), item("m", MASKS)], None, "m") == "a"
    assert meant([item("a"), item("m", MASKS)], ["m", "a"]) == "a"
    assert meant([item("a"), item("m", V2)], ["m", "a"]) == "a"


def test_the_picture_of_a_sound_that_is_selected() -> None:
    assert choose.clip([item("a")], ["sound"], ["a"], "", NAMED).name == "a"
    with pytest.raises(Refusal, match="has no picture"):
        choose.clip([item("a")], ["sound"], [], "a", NAMED)


def test_where_it_is_not_clear_nothing_is_guessed() -> None:
    with pytest.raises(Refusal, match="no clip under the playhead"):
        meant([item("a")])
    with pytest.raises(Refusal, match="More than one clip may be meant: a, b"):
        meant([item("a"), item("b", start=90100)], ["a", "b"])
    both = [item("a"), item("b", start=90035), item("m", MASKS, frames=50)]
    with pytest.raises(Refusal, match="More than one"):
        meant(both, None, "m")


def mask(wish: str, *others: Item) -> choose.Mask | None:
    return choose.mask(wish, NAMED, item("a"), [item("a"), *others])


def test_the_mask_is_on_the_track_of_that_name_else_above() -> None:
    low, high = item("m", Track("video", 2, "Matte")), item("t", V3)
    found = mask("auto", low, high)
    assert found is not None
    assert found.items == [low]
    found = mask("auto", item("u", V2), high)
    assert found is not None
    assert found.track == V3
    assert mask("auto", item("m", MASKS, start=90035)) is None
    assert mask("auto") is None


def test_nothing_below_a_clip_is_taken_for_its_mask() -> None:
    assert choose.mask("auto", NAMED, item("a", V2), [item("b", V1), item("a", V2)]) is None


def test_a_mask_by_name_or_number_must_be_there() -> None:
    there = item("m", V3)
    for wish in ("V3", "v3", "video 3"):
        assert mask(wish, there) == choose.Mask(V3, [there], "")
    with pytest.raises(Refusal, match="no track Roto"):
        mask("Roto", there)
    with pytest.raises(Refusal, match="no clip over this one on V3"):
        mask("V3", item("m", V3, start=95000))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"media": None}, "no file"),
        ({"media": media(path="")}, "no file"),
        ({"comps": 1}, "Fusion"),
        ({"speed": 50.0}, "100 %"),
        ({"speed": 100.0, "seconds": 2.0}, ""),
        ({"seconds": 2.0}, "100 %"),
        ({"seconds": -1.0}, "100 %"),
        ({"seconds": 1.04}, ""),
        ({"seconds": None}, ""),
        ({"seconds": None, "right": 43}, "100 %"),
        ({"seconds": None, "media": media(frames=None)}, "100 %"),
        ({"source_start": 6}, ""),
        ({"source_start": -1}, ""),
        ({"source_start": 12}, "where in its file"),
        ({}, ""),
    ],
)
def test_a_file_is_read_where_it_says_what_is_seen(other: dict[str, Any], words: str) -> None:
    reasons = choose.why_render(shot(**other), CUT)
    assert bool(reasons) == bool(words)
    assert words in " ".join(reasons)


def test_the_offset_is_in_the_frames_that_the_source_frame_agrees_with() -> None:
    slow = CUT._replace(rate=Fraction(50))
    assert choose.into(shot(left=7, source_start=7), slow) == Fraction(7, 25)
    assert choose.into(shot(left=14, source_start=7), slow) == Fraction(14, 50)
    assert choose.into(shot(left=30, source_start=7), slow) is None
    assert choose.into(shot(left=7, source_start=-1), slow) is None
    assert choose.into(shot(left=0, source_start=-1), slow) == 0


@given(st.integers(0, 10**6), st.sampled_from(["24000/1001", "24", "25", "30000/1001", "60"]))
def test_the_offset_is_exact_at_every_rate(left: int, rate: str) -> None:
    exact = Fraction(rate)
    one = shot(left=left, source_start=max(0, left - 1), media=media(rate=exact))
    assert choose.into(one, CUT._replace(rate=exact)) == left / exact


def sounds(**other: Any) -> list[Shot]:
    return [shot(item=item("s", Track("audio", 1, "A")), **other)]


def test_the_sound_must_be_that_of_the_file_and_where_it_belongs() -> None:
    assert choose.why_render_sound(shot(), sounds(), CUT) == []
    assert choose.why_render_sound(shot(), [], CUT) == []
    assert choose.why_render_sound(shot(), sounds(left=12), CUT)
    assert choose.why_render_sound(shot(), sounds(media=media(path="/other.wav")), CUT)
    assert choose.why_render_sound(shot(media=media(other_sound=True)), sounds(), CUT)
    early = item("s", Track("audio", 1, "A"), start=90005, frames=30)
    assert choose.why_render_sound(shot(), [shot(item=early, left=2)], CUT) == []


@pytest.mark.parametrize(
    ("properties", "moved"),
    [
        ({}, False),
        ({"ZoomX": 1.0, "Pan": 0.0, "FlipX": False, "Opacity": 100}, False),
        ({"ZoomX": 1.2}, True),
        ({"FlipX": True}, True),
        ({"CropLeft": "12"}, True),
        ({"Opacity": 50}, True),
        ({"Pan": "?", "ResizeFilter": 9}, False),
    ],
)
def test_a_picture_that_is_moved_is_told(properties: dict[str, Any], moved: bool) -> None:
    assert choose.is_transformed(shot(properties=properties)) is moved


def test_proportions() -> None:
    assert choose.fills(media(), CUT)
    assert choose.fills(media(size=(1280, 720)), CUT)
    assert choose.fills(media(size=None), CUT)
    assert not choose.fills(media(size=(1440, 1080)), CUT)


def test_one_item_over_all_of_the_clip() -> None:
    whole = item("m", V2, start=90000, frames=100)
    assert choose.only([whole], item("a")) is whole
    assert choose.only([item("m", V2, frames=24)], item("a")) is None
    assert choose.only([whole, whole], item("a")) is None
