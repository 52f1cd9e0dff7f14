"""From the timeline to files and back in real Blenders: odd situations, measured or refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from tests.blender.headless import HERE, Module
from tests.media.making import H264, Studio, ffmpeg, number_shown

pytestmark = pytest.mark.blender

FRAMES = 75
Told = dict[str, Any]
Play = Callable[..., Told]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made, once for all of these."""
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="module")
def media(studio: Studio) -> dict[str, str]:
    """A clip, and mattes whose left half is white: whole, of half the size, square."""
    made = {"clip": str(studio.clip("mov").path)}
    for name, size in (("matte", "160x90"), ("matte small", "96x54"), ("matte square", "90x90")):
        path = studio.new(".mp4")
        drawn = f"color=black:s={size}:r=25:d=3,drawbox=w=iw/2:h=ih:c=white:t=fill"
        ffmpeg("-f", "lavfi", "-i", drawn, *H264, path)
        made[name] = str(path)
    return made


@pytest.fixture(params=["4.5", "5.2"])
def play(request: pytest.FixtureRequest, tmp_path: Path, media: dict[str, str]) -> Play:
    """Play a scenario in each Blender that has sound: what it told."""

    def played(name: str, **more: object) -> Told:
        module = Module(request.param, tmp_path)
        given = json.dumps({**media, **more}, default=str)
        return module.run(HERE / "scenarios.py", name, given, tmp_path / "work").check()

    return played


def start(part: list[str]) -> Fraction:
    return Fraction(part[1])


def shown(path: str) -> list[np.ndarray[Any, Any]]:
    """Every picture, grey."""
    with av.open(path) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def whiteness(path: str) -> tuple[int, float, float, tuple[int, int]]:
    """Pictures, and the level of their left and right halves, 0 to 255; width and height."""
    found = shown(path)
    height, width = found[0].shape
    left = float(np.mean([part[:, : width // 2 - 2] for part in found]))
    right = float(np.mean([part[:, width // 2 + 2 :] for part in found]))
    return len(found), left, right, (width, height)


def test_sound_and_picture_of_a_plain_clip_are_the_files_own(play: Play, studio: Studio) -> None:
    told = play("plain_clip")

    made, rate = soundfile.read(told["sound"], dtype="float64", always_2d=True)
    source = studio.clip("mov").sounds[0]
    assert (rate, len(made), told["samples"]) == (48000, 50 * 1920, 50 * 1920)
    # From frame 7 of the file, and five frames of handles before it. Blender takes 32767, not
    # 32768, for a 16-bit file's full scale.
    assert np.allclose(made, source[2 * 1920 : 52 * 1920] * 32768 / 32767, rtol=0, atol=1e-7)
    assert soundfile.info(told["sound"]).subtype == "FLOAT"
    assert (told["handle_in"], told["handle_out"]) == (5, 5)
    assert told["picture"][0] == str(studio.clip("mov").path)
    assert start(told["picture"]) == Fraction(2, 25)
    assert told["unchanged"]
    assert told["saved"] == ""


def test_a_plain_matte_is_cut_from_its_file(play: Play, media: dict[str, str]) -> None:
    told = play("matte_file")

    assert told["matte"] == [media["matte"], "6/25"]
    assert told["clip"]["matte"]["invert"]
    assert told["picture"] == [media["clip"], "7/25"]


def test_a_matte_that_is_too_short_is_refused_and_may_be_gone_around(play: Play) -> None:
    told = play("matte_short")

    assert told["refused"][0] == (
        "The mask on matte covers frames 20 to 29, the clip plays from 11 to 50."
    )
    assert "Preview Range" in told["refused"][1]
    assert told["none"][0] == "Channel 9 shows nothing while the clip plays."
    assert told["unchanged"]
    # Handles end where the matte does.
    assert told["inside"] == [22, 28, 2, 2]


def test_a_matte_of_another_size_shows_the_same_frame(play: Play, media: dict[str, str]) -> None:
    told = play("matte_sizes")

    small, square = told["matte small"], told["matte square"]
    assert small["matte"] == [media["matte small"], "6/25"]
    assert small["picture"] == [media["clip"], "7/25"]
    # Of another shape it lies in the middle of the canvas, which the clip fills.
    count, left, right, size = whiteness(square["matte"][0])
    assert (count, size) == (20, (160, 90))
    assert (left, right) == (pytest.approx(255 * 45 / 80, abs=12), pytest.approx(0, abs=3))
    assert square["picture"] == [media["clip"], "7/25"]


def test_a_drawn_mask_is_white_whatever_the_projects_view(play: Play) -> None:
    told = play("mask_drawn", sound=True)

    count, left, right, size = whiteness(told["matte"][0])
    assert (count, size) == (20, (320, 180))
    assert (left, right) == (pytest.approx(0, abs=3), pytest.approx(255, abs=3))
    assert start(told["matte"]) == start(told["picture"]) == 0
    # The clip is smaller than the canvas, so what is seen is rendered as well.
    assert len(shown(told["picture"][0])) == 20


def test_a_blender_without_sound_renders_a_mask(tmp_path: Path, media: dict[str, str]) -> None:
    given = json.dumps({**media, "sound": False})
    module = Module("4.2", tmp_path)
    told = module.run(HERE / "scenarios.py", "mask_drawn", given, tmp_path / "work").check()

    count, left, right, size = whiteness(told["matte"][0])
    assert (count, size) == (20, (320, 180))
    assert (left, right) == (pytest.approx(0, abs=3), pytest.approx(255, abs=3))


def test_what_hides_a_matte_on_the_timeline_does_not_matter(play: Play) -> None:
    told = play("matte_channel_muted")

    count, left, right, _ = whiteness(told["matte"][0])
    assert count == 20
    assert (left, right) == (pytest.approx(255, abs=4), pytest.approx(0, abs=4))


def test_a_retimed_picture_is_rendered_beside_its_sound(play: Play) -> None:
    told = play("retimed_picture")

    numbers = [number_shown(picture) for picture in shown(told["picture"][0])]
    if told["half"]:
        assert numbers == sorted(numbers)
        assert 20 <= len(set(numbers)) <= 30
    else:
        assert numbers == list(range(74, 24, -1))
    assert told["off"] == 0
    assert told["null_db"] < -90
    assert "rendered" in told["clip"]["notes"][0]


@pytest.mark.parametrize(
    ("kind", "channels", "rate"),
    [
        ("late sound", 2, 48000),
        ("varying rate", 2, 48000),
        ("mov", 1, 48000),
        ("mov", 6, 44100),
        ("edit list", 2, 48000),
    ],
)
def test_odd_files_null_against_what_was_heard(
    play: Play, studio: Studio, kind: str, channels: int, rate: int
) -> None:
    source = studio.clip(kind, channels=channels, sample_rate=rate)
    told = play("odd_file", odd=source.path, fps=25, fps_base=1.0)

    assert (told["clip"]["rate"], told["clip"]["channels"]) == (rate, channels)
    assert told["loud_db"] > -20
    assert told["off"] == 0
    assert told["null_db"] < -90


def test_a_picture_at_another_rate_than_the_timelines_is_rendered(
    play: Play, studio: Studio
) -> None:
    source = studio.clip("mov", "29.97")
    told = play("odd_file", odd=source.path, fps=25, fps_base=1.0)

    # One frame of the timeline is one of the movie, whatever its rate.
    assert [number_shown(picture) for picture in shown(told["picture"][0])] == list(range(9, 39))
    assert told["off"] == 0
    assert told["null_db"] < -90


@pytest.mark.parametrize("channels", [1, 2])
def test_volume_and_pan_stay_as_they_were(play: Play, studio: Studio, channels: int) -> None:
    odd = studio.clip("mov", channels=channels).path
    told = play("louder", odd=odd, pan=0.5 if channels == 1 else 0.0)

    quiet, fading = told["quiet"], told["fading"]
    assert quiet["stems"] == [[pytest.approx(0.4), 0.5 if channels == 1 else 0.0]] * 2
    assert not quiet["clip"]["baked"]
    assert quiet["null_db"] < -90
    assert fading["clip"]["baked"]
    assert fading["stems"] == [[1.0, 0.0]] * 2
    assert fading["null_db"] < -60


def test_a_clip_in_a_meta_strip_stays_in_it(play: Play, studio: Studio) -> None:
    told = play("in_meta", odd=studio.clip("mov", frames=50).path)

    assert told["closed"][0] == "A meta strip is selected, and no clip."
    assert (told["clip"]["first"], told["clip"]["end"]) == (15, 41)
    # The meta strip cuts the handles too.
    assert (told["handle_in"], told["handle_out"]) == (0, 0)
    assert told["parents"] == ["meta", "meta"]
    assert told["off"] == 0
    assert told["null_db"] < -90


def test_what_cannot_be_separated_is_refused_with_a_way_out(play: Play) -> None:
    told = play("nothing_selected")

    assert told["empty"][0] == told["none"][0] == "No clip is selected."
    assert "kind color" in told["colour"][0]
    assert told["preview"][0] == "The timeline has no preview range."
    assert "before frame 0" in told["negative"][0]
    assert told["silent"][0] == "movie has no sound on the timeline."
    assert all(hint for _, hint in told.values())


def test_a_file_that_is_missing_is_named(play: Play, tmp_path: Path) -> None:
    told = play("missing_file", missing=tmp_path / "gone.mov")

    assert "gone.mov" in told["refused"][0]


def test_stems_go_to_channels_that_are_free(play: Play) -> None:
    told = play("crowded")

    assert told["some"] == [7, 8]
    assert told["names"][5:8] == ["Music", "Target", "Residual"]
    assert "2 free channels" in told["one"][0]
    assert told["one, as meta"] == [77]
    assert "none of the 128" in told["none"][0]
    assert told["unchanged"]


def test_stems_are_placed_whole_or_not_at_all(play: Play) -> None:
    told = play("placing")

    assert told["placed"]["names"] == ["dog target", "dog residual"]
    assert [row[1:4] for row in told["strips"]] == [[3, 11, 51], [4, 11, 51]]
    assert [row[5]["soundmatte_role"] for row in told["strips"]] == ["target", "residual"]
    assert {row[5]["soundmatte_prompt"] for row in told["strips"]} == {"dog"}
    assert told["muted"]
    assert told["again"][0] == "These stems are on the timeline already."
    assert told["removed"] == 2
    assert told["as before"] == [True, True]
    assert ["dog stems", "META", 11, 51] in told["meta"]
    assert not told["kept"]
    assert told["in meta"] == 0
    assert told["in meta, loud"][1] > -20
    assert told["meta removed"] == 3
    assert "taken back" in told["broken"][0]
    assert told["taken back"]
    assert "24 frames per second now, and ran at 25" in told["rate"][0]
    assert told["moved"][1] == 111
    assert "moved by 100 frames" in told["moved"][0]["notes"][0]
    assert told["renamed"] == ["sound is called other name now.", True]
    assert told["gone"][1] == 11
    assert "is gone" in told["gone"][0]["notes"][0]


def test_a_second_blender_that_dies_leaves_the_timeline_alone(play: Play) -> None:
    told = play("crash")

    assert told["crashed"][0] == "The second Blender ended before it had read the clip (SIGSEGV)."
    assert told["cancelled in"] < 5
    assert told["left"] == -9
    assert "could not be started" in told["no program"][0]
    assert told["unchanged"]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Two small disks: one too small from the start."""
    made = {}
    for name, size in (("small", "2m"), ("large", "36m")):
        made[name] = tmp_path / name
        made[name].mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "soundmatte", str(made[name])]
        subprocess.run(mount, check=True)
    yield made
    for folder in made.values():
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_sentence_and_no_half_file(play: Play, full: dict[str, Path]) -> None:
    told = play("disk_full", **full)

    assert "MB free; this needs" in told["small"][0]
    assert "Make room" in told["small"][1]
    assert "Make room" in told["large"][1]
    assert told["after"] < 60
    assert not told["whole"]
    assert told["unchanged"]
