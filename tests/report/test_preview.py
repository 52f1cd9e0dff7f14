"""The preview as files: sizes, times, polarity, planes, warnings, and nothing left on failure."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.report.scenes import (
    HEIGHT,
    INSIDE,
    OUTSIDE,
    WIDTH,
    Picture,
    boxed,
    flat,
    movie,
    saturation,
    watched,
)

from soundmatte.errors import ExtraMissing, UsageError
from soundmatte.report.preview import clock, fitted, preview
from stemmux.errors import Cancelled, MediaError, OutputExists, TimeError, UnreadableMedia

SHARE = 100 * 100 / (WIDTH * HEIGHT)
#: Pictures of the clip and of the matte: one more than a sheet has.
FRAMES = 10


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return movie(tmp_path_factory.mktemp("clip") / "clip.mp4", flat, frames=FRAMES)


@pytest.fixture(scope="module")
def matte(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return movie(tmp_path_factory.mktemp("matte") / "matte.mp4", boxed, frames=FRAMES)


def is_object(picture: Picture, place: tuple[slice, slice]) -> bool:
    """Whether that part of an overlay is shown as the object."""
    return saturation(picture[place]) > 60


def test_the_movie_shows_the_object(clip: Path, matte: Path, tmp_path: Path) -> None:
    made = preview(clip, matte, tmp_path)
    assert made.movie == tmp_path / "clip_preview.mp4"
    assert made.coverage == pytest.approx(SHARE, rel=0.03)
    assert made.warnings == ()
    pictures = watched(made.movie)
    assert len(pictures) == made.frames == FRAMES
    for picture in (pictures[0], pictures[FRAMES // 2], pictures[-1]):
        assert is_object(picture, INSIDE)
        assert not is_object(picture, OUTSIDE)


def test_inverted_the_other_side_is_the_object(clip: Path, matte: Path, tmp_path: Path) -> None:
    made = preview(clip, matte, tmp_path, invert=True)
    picture = watched(made.movie)[3]
    assert is_object(picture, OUTSIDE)
    assert not is_object(picture, INSIDE)
    assert made.coverage == pytest.approx(1 - SHARE, rel=0.03)


@pytest.mark.parametrize(
    ("rate", "frames", "wanted_rate", "wanted"),
    [
        (Fraction(25), 12, Fraction(25), 12),
        (Fraction(24000, 1001), 48, Fraction(24000, 1001), 48),
        (Fraction(30000, 1001), 61, Fraction(30000, 1001), 61),
        (Fraction(50), 60, Fraction(25), 30),
        (Fraction(5), 50, Fraction(5), 40),
    ],
    ids=["25", "23.976", "29.97", "50", "5 for 10 s"],
)
def test_the_movie_keeps_the_pictures_times(
    tmp_path: Path, rate: Fraction, frames: int, wanted_rate: Fraction, wanted: int
) -> None:
    def moving(number: int) -> Picture:
        picture = flat(number)
        picture[:, : (number % 64) * 5] = (30, 30, 30)
        return picture

    clip = movie(tmp_path / "clip.mp4", moving, frames=frames, rate=rate)
    matte = movie(tmp_path / "matte.mp4", lambda n: 255 - 0 * flat(n), frames=frames, rate=rate)
    made = preview(clip, matte, tmp_path / "out")
    with av.open(str(made.movie)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == wanted_rate
        assert not container.streams.audio
        assert (stream.width, stream.height, stream.pix_fmt) == (WIDTH, HEIGHT + 28, "yuv420p")
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert len(times) == made.frames == wanted
    assert all(abs(t - n / wanted_rate) < Fraction(1, 1000) for n, t in enumerate(times))
    step, pictures = rate / wanted_rate, watched(made.movie)
    for number in (0, wanted // 3, wanted - 1):
        picture = pictures[number][:HEIGHT]
        edge = int((picture[90].astype(int).max(axis=-1) < 110).sum())
        assert edge == pytest.approx((number * step % 64) * 5, abs=3)


def test_the_sheet_has_nine_pictures_over_the_whole_range(
    clip: Path, matte: Path, tmp_path: Path
) -> None:
    made = preview(clip, matte, tmp_path)
    assert made.sheet == tmp_path / "clip_preview.png"
    with Image.open(made.sheet) as image:
        assert image.format == "PNG"
        sheet = np.asarray(image.convert("RGB"))
    tile, down = WIDTH + 12, HEIGHT + 28
    assert sheet.shape[1] == 3 * tile + 12
    assert 3 * down < sheet.shape[0] < 3 * down + 150
    for row in range(3):
        for column in range(3):
            top, left = 12 + row * down, 12 + column * tile
            shown = sheet[top : top + HEIGHT, left : left + WIDTH]
            assert is_object(shown, INSIDE)
            assert not is_object(shown, OUTSIDE)
            caption = sheet[top + HEIGHT : top + down - 6, left : left + 60]
            assert caption.max() > 100, "the time is written below"
    assert sheet[3 * down + 12 :].max() > 200, "what the colours mean is written below"


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_short_clip_has_fewer_pictures_on_its_sheet(
    tmp_path: Path, matte: Path, frames: int
) -> None:
    made = preview(movie(tmp_path / "c.mp4", flat, frames=frames), matte, tmp_path)
    assert made.frames == len(watched(made.movie)) == frames
    with Image.open(made.sheet) as image:
        assert image.width == {1: 1, 2: 2, 5: 3}[frames] * (WIDTH + 12) + 12


def test_only_the_range_is_shown(tmp_path: Path) -> None:
    """The object appears in the middle of the clip; a range after that shows it throughout."""

    def late(number: int) -> Picture:
        return boxed(number) if number >= 20 else 0 * boxed(number)

    clip = movie(tmp_path / "clip.mp4", flat, frames=40)
    matte = movie(tmp_path / "matte.mp4", late, frames=40)
    out = tmp_path / "out"
    part = preview(clip, matte, out, start=Fraction(20, 25), end=Fraction(30, 25))
    assert part.frames == 10
    assert part.coverage == pytest.approx(SHARE, rel=0.03)
    before = preview(clip, matte, out, start=Fraction(0), end=Fraction(19, 25), overwrite=True)
    assert before.coverage == 0
    # A matte that was exported over the range alone starts with it.
    cut = movie(tmp_path / "cut.mp4", boxed, frames=10)
    alone = preview(clip, cut, out, start=Fraction(20, 25), end=Fraction(30, 25), overwrite=True)
    assert alone.coverage == pytest.approx(SHARE, rel=0.03)
    assert alone.warnings == ()


def test_the_alpha_plane_is_taken_when_asked_for(clip: Path, tmp_path: Path) -> None:
    def see_through(number: int) -> Picture:
        """Black everywhere: its brightness says nothing."""
        return np.dstack([0 * flat(number), boxed(number)[..., 0]])

    alpha = movie(tmp_path / "matte.mov", see_through, frames=FRAMES, codec="qtrle", pixels="argb")
    made = preview(clip, alpha, tmp_path / "out", matte_from="alpha")
    assert made.coverage == pytest.approx(SHARE, rel=0.03)
    assert is_object(watched(made.movie)[0], INSIDE)
    with pytest.raises(MediaError, match="no alpha channel"):
        preview(clip, clip, tmp_path / "none", matte_from="alpha")
    assert not list((tmp_path / "none").glob("*"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_still_picture_serves_as_a_matte(clip: Path, tmp_path: Path, suffix: str) -> None:
    still = tmp_path / f"still{suffix}"
    Image.fromarray(boxed(0)).save(still)
    made = preview(clip, still, tmp_path)
    assert made.coverage == pytest.approx(SHARE, rel=0.03)
    assert made.warnings == ()
    assert is_object(watched(made.movie)[-1], INSIDE)


def test_a_turned_clip_is_shown_upright(tmp_path: Path, clip: Path) -> None:
    from tests.media.making import ffmpeg

    turned, upright = tmp_path / "turned.mp4", tmp_path / "matte.mp4"
    ffmpeg("-display_rotation", "90", "-i", clip, "-c", "copy", turned)
    movie(upright, lambda n: np.ascontiguousarray(np.rot90(boxed(n))), frames=FRAMES)
    made = preview(turned, upright, tmp_path / "out")
    picture = watched(made.movie)[0]
    assert picture.shape == (WIDTH + 28, HEIGHT, 3)
    assert made.coverage == pytest.approx(SHARE, rel=0.03)
    # Turned back, the object is where it was.
    back = np.rot90(picture[:WIDTH], -1)
    assert is_object(back, INSIDE)
    assert not is_object(back, OUTSIDE)


@pytest.mark.parametrize(
    ("size", "side", "wanted"),
    [
        ((1920, 1080), 640, (640, 360)),
        ((1080, 1920), 640, (360, 640)),
        ((321, 181), 640, (322, 182)),
        ((5000, 3), 640, (640, 2)),
        ((4096, 1716), 640, (640, 268)),
    ],
)
def test_sizes_fit_and_are_even(size: tuple[int, int], side: int, wanted: tuple[int, int]) -> None:
    assert fitted(size, side) == wanted


def test_times_are_written_to_the_nearest_hundredth() -> None:
    assert clock(Fraction(0)) == "0:00.00"
    assert clock(2997 * Fraction(1001, 30000)) == "1:40.00"
    assert clock(Fraction(3725)) == "62:05.00"


def test_a_large_clip_is_made_smaller(tmp_path: Path) -> None:
    large = movie(tmp_path / "large.mp4", lambda _: np.full((720, 1280, 3), 90, np.uint8), frames=3)
    made = preview(large, large, tmp_path / "out")
    assert watched(made.movie)[0].shape == (360 + 28, 640, 3)


@pytest.mark.parametrize(
    ("level", "coverage", "warning"),
    [(0, 0.0, "The matte covers nothing"), (255, 1.0, "The matte covers nearly everything")],
)
def test_an_empty_or_full_matte_is_said(
    clip: Path, tmp_path: Path, level: int, coverage: float, warning: str
) -> None:
    matte = movie(tmp_path / "m.mp4", lambda n: np.full_like(flat(n), level), frames=FRAMES)
    made = preview(clip, matte, tmp_path)
    assert made.coverage == coverage
    assert len(made.warnings) == 1
    assert made.warnings[0].startswith(warning)


def test_a_matte_that_ends_early_is_said_and_shown(clip: Path, tmp_path: Path) -> None:
    short = movie(tmp_path / "short.mp4", boxed, frames=4)
    made = preview(clip, short, tmp_path)
    assert any("0.16 s long" in warning for warning in made.warnings)
    pictures = watched(made.movie)
    assert is_object(pictures[2], INSIDE)
    assert not is_object(pictures[8], INSIDE)
    # After its end there is no object, inverted or not.
    turned = preview(clip, short, tmp_path, invert=True, overwrite=True)
    assert not is_object(watched(turned.movie)[8], OUTSIDE)


def test_a_matte_that_begins_late_is_said_and_shown(clip: Path, tmp_path: Path) -> None:
    late = movie(tmp_path / "late.mp4", boxed, frames=FRAMES)
    made = preview(clip, late, tmp_path, matte_start=Fraction(-6, 25))
    assert any("its first 0.24 s are without it" in warning for warning in made.warnings)
    pictures = watched(made.movie)
    assert not is_object(pictures[2], INSIDE)
    assert is_object(pictures[8], INSIDE)


def test_a_matte_of_other_proportions_is_said(clip: Path, tmp_path: Path) -> None:
    square = movie(
        tmp_path / "m.mp4", lambda n: np.ascontiguousarray(boxed(n)[:, :180]), frames=FRAMES
    )
    made = preview(clip, square, tmp_path)
    assert any("180 × 180" in warning for warning in made.warnings)


def test_nothing_is_overwritten_unasked(clip: Path, matte: Path, tmp_path: Path) -> None:
    there = tmp_path / "clip_preview.mp4"
    there.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        preview(clip, matte, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [there.name]
    assert there.read_bytes() == b"mine"
    preview(clip, matte, tmp_path, overwrite=True)
    assert len(watched(there)) == FRAMES


def test_the_matte_is_not_overwritten_even_when_asked(clip: Path, tmp_path: Path) -> None:
    matte = movie(tmp_path / "clip_preview.mp4", boxed, frames=FRAMES)
    content = matte.read_bytes()
    with pytest.raises(UsageError, match=r"take the place of clip_preview\.mp4"):
        preview(clip, matte, tmp_path, overwrite=True)
    assert matte.read_bytes() == content


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_cancelled_it_leaves_nothing(clip: Path, matte: Path, tmp_path: Path, share: float) -> None:
    told: list[float] = []

    def cancel(done: float) -> None:
        told.append(done)
        if done >= share:
            raise Cancelled("Stopped.")

    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        preview(clip, matte, out, progress=cancel)
    assert list(out.iterdir()) == []
    assert told == sorted(told)


def test_progress_ends_at_one(clip: Path, matte: Path, tmp_path: Path) -> None:
    told: list[float] = []
    preview(clip, matte, tmp_path, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == FRAMES


def test_what_cannot_be_shown_is_refused(clip: Path, matte: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no movie")
    with pytest.raises(UnreadableMedia):
        preview(clip, text, tmp_path)
    with pytest.raises(TimeError):
        preview(clip, matte, tmp_path, start=Fraction(5), end=Fraction(6))
    assert not list(tmp_path.glob("*preview*"))


def test_without_moviepy_it_says_what_to_install(
    clip: Path, matte: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moviepy", None)
    with pytest.raises(ExtraMissing, match="moviepy, which is not installed") as missing:
        preview(clip, matte, tmp_path)
    assert missing.value.hint == "pip install 'soundmatte[preview]'"
    assert not list(tmp_path.glob("*preview*"))


def run(script: str, *words: object) -> str:
    """Run a script in a fresh interpreter in which every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_moviepy_is_loaded_on_use_only_and_leaves_no_trace() -> None:
    run(
        """
        import os, sys
        import soundmatte.report.preview, soundmatte.report.listening
        assert not {"moviepy", "pydub", "PIL"} & set(sys.modules)
        before = dict(os.environ)
        started = []
        sys.addaudithook(lambda e, a: started.append(a[1][0]) if e == "subprocess.Popen" else None)
        from soundmatte.report import film
        from stemmux.ffmpeg import find
        film.load()
        assert "moviepy" in sys.modules
        assert dict(os.environ) == before
        assert set(started) == {find().path}, started
        """
    )


def test_moviepy_never_gets_a_path_of_the_user(clip: Path, matte: Path, tmp_path: Path) -> None:
    """Every file opened and program started while moviepy is at work, as the interpreter sees it.

    The clip, the matte and the output lie in folders that no such event may name.
    """
    users = [clip.parent, matte.parent, tmp_path / "out"]
    seen = run(
        """
        import os, sys
        from fractions import Fraction
        from pathlib import Path

        clip, matte, out = map(Path, sys.argv[1:])
        events = []

        def moviepy_at_work():
            frame = sys._getframe(2)
            while frame:
                if frame.f_globals.get("__name__", "").split(".")[0] in ("moviepy", "imageio"):
                    return True
                frame = frame.f_back
            return False

        def hook(event, details):
            if event in ("open", "subprocess.Popen", "os.system", "os.posix_spawn"):
                if moviepy_at_work():
                    events.append((event, repr(details)))

        from soundmatte.report.preview import preview
        sys.addaudithook(hook)
        preview(clip, matte, out)
        for event in events:
            print(*event)
        """,
        clip,
        matte,
        tmp_path / "out",
    )
    assert (tmp_path / "out" / "clip_preview.png").exists()
    assert "movie.mp4" in seen, "the watch works: moviepy's own ffmpeg is seen"
    assert "sheet.png" in seen
    for folder in users:
        assert str(folder) not in seen
    assert "clip.mp4" not in seen
