"""Masks: black exactly where the matte is white, on the proxy's own pictures."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.media.making import FRAMES, H264, HEIGHT, RATES, WIDTH, Studio, ffmpeg, pictures

from stemmux.errors import MediaError, NoPicture
from stemmux.extract import Cut, extract, proxy_frames
from stemmux.matte import Mask, is_still, taken, write_mask
from stemmux.probe import Media, probe
from stemmux.timebase import Span

#: Which quarter of the width is object.
LEFT, RIGHT = 40, 80


def still(studio: Studio, *, invert: bool = False, options: tuple[object, ...] = ()) -> Path:
    """A picture, white from LEFT to RIGHT."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[:, LEFT:RIGHT] = 255
    return written(studio, [255 - pixels if invert else pixels], ".png", options=options)


def written(
    studio: Studio,
    pixels: list[np.ndarray],
    suffix: str,
    rate: str = "25",
    layout: str = "gray",
    options: tuple[object, ...] = (),
) -> Path:
    raw, out = studio.new(".raw"), studio.new(suffix)
    raw.write_bytes(b"".join(picture.tobytes() for picture in pixels))
    height, width = pixels[0].shape[:2]
    shape = ("-f", "rawvideo", "-pix_fmt", layout, "-s", f"{width}x{height}", "-r", RATES[rate])
    ffmpeg(*shape, "-i", raw, *options, out)
    return out


def moving(frames: int, *, first: int = 0, value: int = 255) -> list[np.ndarray]:
    """Pictures whose white column stands at their own number, in steps of two pixels."""
    pixels = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(frames)]
    for number, picture in enumerate(pixels, first):
        picture[:, 2 * number : 2 * number + 8] = value
    return pixels


def luma(path: Path) -> np.ndarray:
    """Every picture's luma plane as it is stored [n, h, w]."""
    planes = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(frame.height, plane.line_size)
            planes.append(rows[:, : frame.width])
    return np.stack(planes)


def assert_mask(mask: Mask) -> np.ndarray:
    """Only two values, the proxy's size and number, and the coverage that it says."""
    values = luma(mask.path)
    assert set(np.unique(values)) <= {0, 255}
    assert values.shape == (mask.frames, mask.height, mask.width)
    assert mask.coverage == pytest.approx((values == 0).mean(), abs=1e-12)
    with av.open(str(mask.path)) as container:
        assert container.streams.video[0].average_rate == 25
    return values


@pytest.fixture
def clip(studio: Studio) -> Media:
    return probe(studio.clip("mp4").path)


@pytest.mark.parametrize("invert", [False, True])
def test_a_still_picture_stands_for_the_whole_range(
    studio: Studio, tmp_path: Path, clip: Media, invert: bool
) -> None:
    matte = probe(still(studio, invert=invert), picture=True)
    assert is_still(matte)
    span = clip.span(Fraction(1), Fraction(2))
    mask = write_mask(matte, clip, span, tmp_path / "mask.mp4", invert=invert)
    values = assert_mask(mask)
    assert mask.frames == proxy_frames(span) == 25
    assert (values[:, :, LEFT:RIGHT] == 0).all()
    assert (values[:, :, :LEFT] == 255).all()
    assert (values[:, :, RIGHT:] == 255).all()
    assert mask.coverage == (RIGHT - LEFT) / WIDTH
    assert any("still picture" in note for note in mask.notes)


FULL = ("-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc")
CODECS = {
    "limited": (".mp4", "gray", H264),
    "full": (".mp4", "gray", (*H264, *FULL)),
    "10 bit": (".mp4", "gray", (*H264, "-pix_fmt", "yuv420p10le")),
    "png": (".mov", "gray", ("-c:v", "png")),
    "prores": (".mov", "gray", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
    "rgb": (".mkv", "gray", ("-c:v", "ffv1", "-pix_fmt", "bgr0")),
    "mjpeg": (".avi", "gray", ("-c:v", "mjpeg", "-q:v", 1)),
}


@pytest.mark.parametrize("value", [255, 140, 115])
@pytest.mark.parametrize("codec", CODECS)
def test_half_way_up_is_object_in_every_range(
    studio: Studio, tmp_path: Path, clip: Media, codec: str, value: int
) -> None:
    """Grey above the middle is object and below it is not, limited and full range alike."""
    suffix, layout, options = CODECS[codec]
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[:, 32:96] = value
    matte = probe(written(studio, [pixels] * 25, suffix, layout=layout, options=options))
    mask = write_mask(matte, clip, clip.span(Fraction(0), Fraction(1)), tmp_path / "mask.mp4")
    values = assert_mask(mask)
    # Lossy codecs ring at the edges of the white.
    assert (values[:, :, 36:92] == (0 if value > 127 else 255)).all()
    assert (values[:, :, :28] == 255).all()
    assert (values[:, :, 100:] == 255).all()


@pytest.mark.parametrize("rate", RATES)
def test_every_picture_of_the_mask_is_the_proxys(studio: Studio, tmp_path: Path, rate: str) -> None:
    """The matte moves with the clip's frame numbers, so each mask must show the proxy's number."""
    source = studio.clip("ts", rate)
    media = probe(source.path)
    matte = probe(written(studio, moving(FRAMES), ".mkv", rate, options=("-c:v", "ffv1")))
    span = media.span(17 / source.rate, 50 / source.rate)
    mask = write_mask(matte, media, span, tmp_path / "mask.mp4")
    extract(media, span, Cut(proxy=tmp_path / "proxy.mov"))
    values, shown = assert_mask(mask), pictures(tmp_path / "proxy.mov")
    assert len(values) == len(shown)
    for picture, (_, number) in zip(values, shown, strict=True):
        columns = np.flatnonzero((picture == 0).all(axis=0))
        assert list(columns) == list(range(2 * number, 2 * number + 8))


@pytest.mark.parametrize("rate", RATES)
def test_a_matte_may_begin_after_its_clip(studio: Studio, tmp_path: Path, rate: str) -> None:
    """It begins with the clip's picture 20, and shows the clip's own numbers from there on."""
    source = studio.clip("ts", rate)
    media = probe(source.path)
    frame = 1 / source.rate
    matte = probe(written(studio, moving(50, first=20), ".mkv", rate, options=("-c:v", "ffv1")))
    # The one range begins where it may, the other half a picture before the matte.
    for first, into in ((33, -20 * frame), (20, -20 * frame - frame / 2)):
        span = media.span(first * frame, 60 * frame)
        mask = write_mask(matte, media, span, tmp_path / "mask.mp4", into=into)
        extract(media, span, Cut(proxy=tmp_path / "proxy.mov"))
        late = into != -20 * frame
        values, shown = assert_mask(mask), pictures(tmp_path / "proxy.mov")
        assert len(values) == len(shown)
        for picture, (_, number) in zip(values, shown, strict=True):
            column = int(np.flatnonzero((picture == 0).all(axis=0))[0])
            assert column // 2 in ({max(20, number - 1), number} if late else {number})


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (10, 50, "its first 0.40 s are without it"),
        (30, 75, "its last 0.20 s are without it"),
        (15, 75, "its first 0.20 s and its last 0.20 s are without it"),
        (0, 18, "all 0.72 s of it are without it"),
    ],
)
def test_what_of_the_range_a_late_matte_leaves_bare_is_named(
    studio: Studio, tmp_path: Path, clip: Media, first: int, last: int, sentence: str
) -> None:
    matte = probe(written(studio, moving(50), ".mkv", options=("-c:v", "ffv1")))
    span = clip.span(Fraction(first, 25), Fraction(last, 25))
    with pytest.raises(MediaError, match=sentence) as caught:
        write_mask(matte, clip, span, tmp_path / "mask.mp4", into=Fraction(-20, 25))
    assert "handles" in caught.value.hint
    assert not (tmp_path / "mask.mp4").exists()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.sampled_from([Fraction(24000, 1001), Fraction(25), Fraction(60000, 1001)]),
    length=st.fractions(Fraction(1, 5), 100, max_denominator=1000),
    into=st.fractions(-100, 100, max_denominator=1000),
    start=st.fractions(0, 100, max_denominator=1000),
    duration=st.fractions(Fraction(1, 25), 50, max_denominator=1000),
)
def test_a_matte_lies_where_it_is_said_to_or_is_refused(
    clip: Media,
    rate: Fraction,
    length: Fraction,
    into: Fraction,
    start: Fraction,
    duration: Fraction,
) -> None:
    """No more than two pictures of the slowest film may have none of their own at either end."""
    origin = Fraction(7, 5)
    video = replace(clip.picture(), rate=rate, start=origin, end=origin + length)
    matte, span = replace(clip, origin=origin, video=video), Span(start, start + duration)
    grace = max(Fraction(1, 10), Fraction(1, 25) + 1 / rate)
    covered = -grace <= into + start and into + start + duration <= length + grace
    if covered:
        assert taken(matte, clip, span, into).start - origin == into + start
        return
    with pytest.raises(MediaError, match="are without it"):
        taken(matte, clip, span, into)


def test_a_matte_as_long_as_the_range_starts_with_it(
    studio: Studio, tmp_path: Path, clip: Media
) -> None:
    matte = probe(written(studio, moving(25, first=30), ".mkv", options=("-c:v", "ffv1")))
    mask = write_mask(matte, clip, clip.span(Fraction(1), Fraction(2)), tmp_path / "mask.mp4")
    values = assert_mask(mask)
    starts = [int(np.flatnonzero((picture == 0).all(axis=0))[0]) for picture in values]
    assert starts == [2 * number for number in range(30, 55)]
    assert any("as long as the range" in note for note in mask.notes)


@pytest.mark.parametrize("invert", [False, True])
def test_the_alpha_plane(studio: Studio, tmp_path: Path, clip: Media, invert: bool) -> None:
    """The colours say something else: they are white where the alpha is not."""
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[:, :LEFT, :3] = 255
    pixels[:, LEFT:RIGHT, 3] = 255
    for suffix, options in ((".png", ()), (".mov", ("-c:v", "qtrle"))):
        path = written(
            studio, [pixels] * 3, suffix, layout="rgba", options=(*options, "-frames", 1)
        )
        matte = probe(path, picture=True)
        span = clip.span(Fraction(0), Fraction(1))
        out = tmp_path / f"mask{suffix}.mp4"
        mask = write_mask(matte, clip, span, out, plane="alpha", invert=invert)
        values = assert_mask(mask)
        inside = 255 if invert else 0
        assert (values[:, :, LEFT:RIGHT] == inside).all()
        assert (values[:, :, :LEFT] == 255 - inside).all()
        assert (values[:, :, RIGHT:] == 255 - inside).all()


def test_a_matte_without_alpha_is_refused(studio: Studio, tmp_path: Path, clip: Media) -> None:
    matte = probe(still(studio), picture=True)
    with pytest.raises(MediaError, match="no alpha") as caught:
        write_mask(matte, clip, clip.span(), tmp_path / "mask.mp4", plane="alpha")
    assert caught.value.hint
    assert not (tmp_path / "mask.mp4").exists()


def test_another_shape_is_refused(studio: Studio, tmp_path: Path, clip: Media) -> None:
    square = written(studio, [np.zeros((90, 90), np.uint8)], ".png")
    with pytest.raises(MediaError, match="90 × 90") as caught:
        write_mask(probe(square, picture=True), clip, clip.span(), tmp_path / "mask.mp4")
    assert caught.value.hint


def test_another_size_of_the_same_shape_is_taken(
    studio: Studio, tmp_path: Path, clip: Media
) -> None:
    small = written(studio, [np.full((45, 80), 255, np.uint8)], ".png")
    mask = write_mask(probe(small, picture=True), clip, clip.span(), tmp_path / "mask.mp4")
    assert (mask.width, mask.height, mask.coverage) == (WIDTH, HEIGHT, 1.0)
    assert any("nearly everything" in note for note in mask.notes)


def test_a_matte_that_ends_too_early_is_refused(
    studio: Studio, tmp_path: Path, clip: Media
) -> None:
    matte = probe(written(studio, moving(40), ".mkv", options=("-c:v", "ffv1")))
    span = clip.span(Fraction(0), Fraction(3))
    with pytest.raises(MediaError, match=r"1\.60 s long"):
        write_mask(matte, clip, span, tmp_path / "mask.mp4")


def test_a_matte_without_a_picture_is_refused(studio: Studio, tmp_path: Path, clip: Media) -> None:
    with pytest.raises(NoPicture):
        write_mask(probe(studio.clip("wav").path), clip, clip.span(), tmp_path / "mask.mp4")


def test_an_empty_matte_is_remarked_on(studio: Studio, tmp_path: Path, clip: Media) -> None:
    black = written(studio, [np.zeros((HEIGHT, WIDTH), np.uint8)], ".png")
    mask = write_mask(probe(black, picture=True), clip, clip.span(), tmp_path / "mask.mp4")
    assert mask.coverage == 0
    assert any("covers nothing" in note for note in mask.notes)


@pytest.mark.parametrize("turned", ["both", "clip only"])
def test_a_rotated_clip_takes_an_upright_matte(studio: Studio, tmp_path: Path, turned: str) -> None:
    """Turned the same way, by a flag or in its pixels; a matte left lying is refused."""
    out = studio.new(".mp4")
    ffmpeg("-display_rotation", -90, "-i", studio.clip("mp4").path, "-c", "copy", out)
    media = probe(out)
    upright = np.zeros((WIDTH, HEIGHT), np.uint8)
    upright[:40] = 255
    span = media.span(Fraction(0), Fraction(1))
    if turned == "both":
        lying = written(studio, [np.rot90(upright)] * 25, ".mov", options=("-c:v", "png"))
        path = studio.new(".mov")
        ffmpeg("-display_rotation", -90, "-i", lying, "-c", "copy", path)
    else:
        path = written(studio, [upright] * 25, ".mov", options=("-c:v", "png"))
    mask = write_mask(probe(path), media, span, tmp_path / "mask.mp4")
    values = assert_mask(mask)
    assert (mask.width, mask.height) == (HEIGHT, WIDTH)
    assert (values[:, :40] == 0).all()
    assert (values[:, 40:] == 255).all()
    flat = probe(still(studio), picture=True)
    with pytest.raises(MediaError) as caught:
        write_mask(flat, media, span, tmp_path / "other.mp4")
    assert "turned the same way" in caught.value.hint
