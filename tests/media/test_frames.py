"""Decoded pictures: the right one, at the right time, upright, whatever the file is like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.media.making import FRAMES, HEIGHT, RATES, WIDTH, Studio, ffmpeg, number_shown

from stemmux.errors import MediaError, NoPicture, UnreadableMedia
from stemmux.frames import LARGEST, MOST, frames, frames_at
from stemmux.probe import open_media, probe
from stemmux.timebase import Span

SIZE = {"width": WIDTH, "height": HEIGHT}
VIDEO_KINDS = ["mp4", "mov", "mkv", "ts", "fragmented", "late sound", "edit list"]


def quadrants(path: Path, *words: object) -> Path:
    """A second of four colours: red, green, blue, white from the top left, row by row."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48, 0] = picture[:32, 48:, 1] = picture[32:, :48, 2] = 255
    picture[32:, 48:] = 255
    raw = path.with_suffix(".rgb")
    raw.write_bytes(picture.tobytes() * 25)
    shape = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "96x64", "-r", "25")
    ffmpeg(*shape, "-i", raw, *(words or ("-c:v", "libx264", "-qp", "4")), path)
    return path


def corners(picture: np.ndarray) -> str:
    """The colours of the corners, clockwise from the top left."""
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
    places = [(8, 8), (8, -8), (-8, -8), (-8, 8)]
    return "".join(names[tuple(int(v > 128) for v in picture[place])] for place in places)


@pytest.mark.parametrize("kind", VIDEO_KINDS)
@pytest.mark.parametrize("rate", RATES)
def test_every_picture_comes_at_its_own_time(studio: Studio, kind: str, rate: str) -> None:
    source = studio.clip(kind, rate)
    media = probe(source.path)
    shown = [(time, number_shown(p)) for time, p in frames(media, **SIZE, take="luma")]
    assert shown == [(time - source.first_picture, n) for time, n in source.pictures]
    assert shown[0][0] == 0


def test_a_range_holds_the_pictures_shown_in_it(studio: Studio) -> None:
    media = probe(studio.clip("mp4", "29.97").path)
    rate = RATES["29.97"]
    found = frames(media, **SIZE, span=Span(20 / rate, 31 / rate), take="luma")
    assert [number_shown(p) for _, p in found] == list(range(20, 31))
    # From within a picture: that picture is shown at the start.
    odd = Span(Fraction(41, 2) / rate, 23 / rate)
    assert [number_shown(p) for _, p in frames(media, **SIZE, span=odd, take="luma")] == [
        20,
        21,
        22,
    ]


def test_no_more_pictures_come_than_were_wanted(studio: Studio) -> None:
    assert len(list(frames(probe(studio.clip("mp4").path), **SIZE, most=7))) == 7


@pytest.mark.parametrize("kind", VIDEO_KINDS)
def test_at_each_time_the_picture_that_is_shown(studio: Studio, kind: str) -> None:
    source = studio.clip(kind, "23.976")
    media = probe(source.path)
    times = sorted(
        Fraction(t).limit_denominator(9973)
        for t in np.random.default_rng(4).uniform(0, FRAMES / 24, 60)
    )
    wanted = [
        [n for at, n in source.pictures if at - source.first_picture <= time + Fraction(1, 100)][-1]
        for time in times
    ]
    got = [number_shown(p) for p in frames_at(media, times, **SIZE, take="luma")]
    assert got == wanted


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_far_times_are_reached_by_a_jump(studio: Studio, suffix: str) -> None:
    path = studio.new(suffix)
    extra = ("-bsf:v", "h264_mp4toannexb") if suffix == ".ts" else ()
    picture = studio.picture("25", 1000)
    codec = ("-c:v", "mpeg4", "-q:v", "2") if suffix == ".avi" else ("-c:v", "copy", *extra)
    ffmpeg("-i", picture, *codec, path)
    numbers = [0, 1, 180, 333, 334, 600, 601, 871, 999]
    times = [Fraction(number, 25) for number in numbers]
    got = [number_shown(p) for p in frames_at(probe(path), times, **SIZE, take="luma")]
    assert got == numbers


def test_the_last_picture_stays_and_equal_times_are_one_array(studio: Studio) -> None:
    media = probe(studio.clip("mp4").path)
    times = [Fraction(0), Fraction(0), Fraction(99), Fraction(100)]
    first, same, last, stays = frames_at(media, times, **SIZE, take="luma")
    assert first is same
    assert last is stays
    assert [number_shown(first), number_shown(last)] == [0, FRAMES - 1]


def test_times_out_of_order_are_a_mistake(studio: Studio) -> None:
    media = probe(studio.clip("mp4").path)
    with pytest.raises(ValueError, match="ascend"):
        list(frames_at(media, [Fraction(1), Fraction(0)], **SIZE))


@pytest.mark.parametrize(
    ("turn", "seen"), [(0, "rgwb"), (90, "brgw"), (180, "wbrg"), (270, "gwbr")]
)
def test_pictures_are_upright(tmp_path: Path, turn: int, seen: str) -> None:
    """`turn` is clockwise; what ffmpeg itself makes of the file must be the same."""
    flat = quadrants(tmp_path / "flat.mp4")
    path, still = tmp_path / "turned.mp4", tmp_path / "still.png"
    ffmpeg("-display_rotation", -turn, "-i", flat, "-c", "copy", path)
    ffmpeg("-i", path, "-frames:v", "1", still)
    media = probe(path)
    width, height = media.picture().display_size
    (picture,) = frames_at(media, [Fraction(0)], width=width, height=height)
    (reference,) = frames_at(probe(still, picture=True), [Fraction(0)], width=width, height=height)
    assert picture.shape == ((96, 64, 3) if turn % 180 else (64, 96, 3))
    assert corners(picture) == corners(reference) == seen


@pytest.mark.parametrize("size", [(48, 32), (97, 65), (192, 128)])
def test_pictures_have_the_size_that_was_asked_for(tmp_path: Path, size: tuple[int, int]) -> None:
    media = probe(quadrants(tmp_path / "flat.mp4"))
    (picture,) = frames_at(media, [Fraction(0)], width=size[0], height=size[1])
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8
    assert corners(picture) == "rgwb"


@pytest.mark.parametrize("levels", ["tv", "pc"])
def test_black_is_0_and_white_255_in_either_range(tmp_path: Path, levels: str) -> None:
    path = tmp_path / "levels.mp4"
    scale = f"scale=out_range={levels},format=yuv420p"
    coding = ("-c:v", "libx264", "-qp", "0", "-color_range", levels)
    quadrants(path, "-vf", f"hue=s=0,curves=all=0/0 0.4/0 0.6/1 1/1,{scale}", *coding)
    (grey,) = frames_at(probe(path), [Fraction(0)], width=96, height=64, take="luma")
    assert (int(grey.min()), int(grey.max())) == (0, 255)


@pytest.mark.parametrize(
    ("suffix", "coding"),
    [
        (".mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        (".mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        (".mov", ("-c:v", "png", "-pix_fmt", "rgba")),
        (".mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva420p")),
    ],
    ids=["prores", "qtrle", "png", "ffv1"],
)
def test_the_alpha_plane_alone(tmp_path: Path, suffix: str, coding: tuple[str, ...]) -> None:
    path = tmp_path / f"alpha{suffix}"
    # Opaque where the picture is green or white: on the right half.
    quadrants(path, "-vf", "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='g(X,Y)'", *coding)
    media = probe(path)
    (plane,) = frames_at(media, [Fraction(0)], width=96, height=64, take="alpha")
    assert plane.shape == (64, 96)
    assert plane[:, :44].max() <= 1
    assert plane[:, 52:].min() >= 254


def test_alpha_that_is_not_there_is_said(tmp_path: Path) -> None:
    media = probe(quadrants(tmp_path / "flat.mp4"))
    with pytest.raises(MediaError, match=r"flat\.mp4 has no alpha channel") as refusal:
        list(frames_at(media, [Fraction(0)], width=8, height=8, take="alpha"))
    assert "luma" in refusal.value.hint


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".bmp", ".webp"])
def test_a_still_picture_is_shown_always(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still{suffix}"
    quadrants(path, "-frames:v", "1", "-update", "1")
    media = probe(path, picture=True)
    first, last = frames_at(media, [Fraction(0), Fraction(600)], width=96, height=64)
    assert first is last
    assert corners(first) == "rgwb"


def test_damage_costs_only_the_damaged_pictures(tmp_path: Path) -> None:
    path = quadrants(tmp_path / "intra.avi", "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    found = list(frames(probe(path), width=96, height=64))
    assert 15 <= len(found) < 26
    assert corners(found[0][1]) == corners(found[-1][1]) == "rgwb"
    assert [time for time, _ in found] == sorted(time for time, _ in found)


def test_a_file_that_breaks_off_gives_what_is_there(studio: Studio, tmp_path: Path) -> None:
    whole = studio.clip("mkv").path.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: len(whole) * 6 // 10])
    numbers = [number_shown(p) for _, p in frames(probe(path), **SIZE, take="luma")]
    assert 10 < len(numbers) < FRAMES
    assert numbers == sorted(numbers)


def test_what_would_fill_the_memory_is_refused(studio: Studio) -> None:
    media = probe(studio.clip("mp4").path)
    with pytest.raises(MediaError, match="are not made here"):
        list(frames(media, width=LARGEST + 1, height=8))
    with pytest.raises(MediaError, match="are not made here"):
        list(frames(media, width=8, height=0))
    with pytest.raises(MediaError, match="more than are made at once"):
        list(frames_at(media, [Fraction(0)] * (MOST + 1), width=8, height=8))


def test_sound_alone_has_no_pictures(studio: Studio) -> None:
    media = probe(studio.clip("wav").path)
    with pytest.raises(NoPicture):
        list(frames(media, width=8, height=8))


@pytest.mark.parametrize("give", [frames, frames_at], ids=["frames", "frames_at"])
def test_a_playlist_in_the_place_of_the_file_is_not_opened(
    studio: Studio, tmp_path: Path, give: Callable[..., object]
) -> None:
    """Between the probe and the reading someone puts a playlist there."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(studio.clip("mp4").path.read_bytes())
    media = probe(path)
    path.write_text(f"ffconcat version 1.0\nfile '{studio.clip('mp4').path}'\n")
    times: tuple[object, ...] = ([Fraction(0)],) if give is frames_at else ()
    with pytest.raises(UnreadableMedia):
        list(give(media, *times, width=8, height=8))  # type: ignore[call-overload]


def test_sound_is_never_touched(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    class Watched:
        def __init__(self, container: Any) -> None:
            self.streams, self.seek, self._container = container.streams, container.seek, container

        def demux(self, stream: Any) -> Any:
            for packet in self._container.demux(stream):
                read.append(packet.stream.type)
                yield packet

    @contextmanager
    def watched(path: Path, formats: str) -> Iterator[Watched]:
        with open_media(path, formats) as container:
            yield Watched(container)

    monkeypatch.setattr("stemmux.frames.open_media", watched)
    media = probe(studio.clip("mp4").path)
    assert sum(1 for _ in frames(media, **SIZE, take="luma")) == FRAMES
    assert set(read) == {"video"}
