"""The demo's clip: as long as it says, in sync, as loud as it says, and the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from soundmatte.demo import scene
from soundmatte.demo.drawing import Canvas, colour, ellipse, panel
from soundmatte.demo.scene import DemoTruth, make_clip
from soundmatte.demo.sound import SPEECH_STARTS, Soundtrack, soundtrack
from stemmux.errors import OutputExists
from stemmux.probe import probe

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Made:
    clip: Path
    matte: Path
    truth: DemoTruth


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("demo")
    clip, matte = folder / "demo.mp4", folder / "demo_matte.mov"
    return Made(clip, matte, make_clip(clip, matte))


@dataclass(frozen=True)
class Seen:
    """Decoded pictures: the clip's and the matte's in grey, and the clip's mouth in colour."""

    clip: Pictures
    matte: Pictures
    mouth: Pictures


@pytest.fixture(scope="module")
def seen(made: Made) -> Seen:
    clip, mouth = [], []
    for frame in decoded(made.clip):
        clip.append(frame.to_ndarray(format="gray"))
        mouth.append(frame.to_ndarray(format="rgb24")[186:226, 166:212].copy())
    matte = [frame.to_ndarray(format="gray") for frame in decoded(made.matte)]
    return Seen(np.stack(clip), np.stack(matte), np.stack(mouth))


@pytest.fixture(scope="module")
def sound() -> Soundtrack:
    return soundtrack()


@pytest.fixture
def one_second(monkeypatch: pytest.MonkeyPatch, sound: Soundtrack) -> None:
    """The demo is its third second alone, in which there is speech."""
    part = slice(2 * 48000, 3 * 48000)
    brief = Soundtrack(sound.speech[part], sound.bed[part], sound.voice[part])
    monkeypatch.setattr(scene, "soundtrack", lambda: brief)
    monkeypatch.setattr(scene, "FRAMES", 25)


def decoded(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as container:
        yield from container.decode(video=0)


def test_clip_and_matte_are_alike(made: Made, seen: Seen) -> None:
    for path, pictures in ((made.clip, seen.clip), (made.matte, seen.matte)):
        media = probe(path)
        video = media.picture()
        assert (video.width, video.height, video.rate) == (640, 360, 25)
        assert (video.codec, video.pixel_format, video.variable) == ("h264", "yuv420p", False)
        assert len(pictures) == video.frames == made.truth.frames == 200
        assert media.duration == 8
        assert media.warnings == ()
        # Players on the network and editors want the index first.
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")
    assert not probe(made.matte).audio
    (track,) = probe(made.clip).audio
    assert (track.codec, track.rate, track.layout) == ("aac", 48000, "stereo")


def test_truth_is_the_whole_sound(made: Made) -> None:
    truth = made.truth
    assert truth.speech.shape == truth.bed.shape == (8 * 48000, 2)
    assert (truth.rate, truth.fps, len(truth.mouth)) == (48000, Fraction(25), 200)
    assert np.abs(truth.speech + truth.bed).max() == pytest.approx(0.8)


def test_the_voice_is_as_strong_as_the_rest_while_it_speaks(sound: Soundtrack) -> None:
    spoken = np.flatnonzero(sound.voice)
    first, last = int(spoken[0]), int(spoken[-1])
    assert first / 48000 == pytest.approx(SPEECH_STARTS, abs=0.05)
    assert 4 < (last - first) / 48000 < 6
    during = slice(first, last)
    ratio = np.mean(sound.speech[during] ** 2) / np.mean(sound.bed[during] ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(0, abs=0.2)


def test_the_voice_is_a_little_to_the_left(sound: Soundtrack) -> None:
    left, right = np.mean(sound.speech**2, axis=0)
    assert 1.2 < left / right < 4
    assert np.mean(sound.bed[:, 0] ** 2) < np.mean(sound.bed[:, 1] ** 2)


def test_the_sound_in_the_file_is_the_truth_and_in_its_place(made: Made) -> None:
    with av.open(str(made.clip)) as container:
        frames = list(container.decode(audio=0))
    heard = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)[0]
    assert frames[0].pts == 0, "after the edit list the first sample is at the first picture"
    mix = (made.truth.speech + made.truth.bed)[:, 0]
    size = 1 << 20
    curve = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(mix, size)), size)
    assert int(np.argmax(curve)) == 0
    count = min(len(heard), len(mix))
    error = np.mean((heard[:count] - mix[:count]) ** 2) / np.mean(mix**2)
    assert 10 * np.log10(error) < -15


def test_the_mouth_moves_with_the_voice(made: Made, seen: Seen) -> None:
    """What is seen in the file (dark or red, where the mouth is) against what is said."""
    mouth = seen.mouth.astype(int)
    shown = np.mean((mouth[..., 0] < 150) | (mouth[..., 1] < 90), axis=(1, 2))
    opening = shown - shown.min()
    level = np.sqrt(np.mean(made.truth.speech.reshape(200, 1920, 2) ** 2, axis=(1, 2)))

    def alike(frames: int) -> float:
        return float(np.corrcoef(np.roll(opening, -frames), level)[0, 1])

    assert alike(0) > 0.8
    assert max(range(-5, 6), key=alike) == 0, "not a picture early, not one late"
    assert np.corrcoef(opening, made.truth.mouth)[0, 1] > 0.9
    assert made.truth.mouth[:25].max() == 0, "nobody speaks before the voice"


def test_the_matte_is_the_person(seen: Seen) -> None:
    mattes = seen.matte
    white, black = (mattes >= 250).mean(), (mattes <= 5).mean()
    assert 0.1 < white < 0.25
    assert white + black > 0.985, "hard edges, pure levels"
    first = mattes[0] > 127
    assert first[100:220, 140:240].all(), "face, hair and neck"
    assert first[270:295, 110:270].all(), "shoulders"
    assert not first[:, 320:].any(), "neither bell nor radio"
    assert not first[310:].any(), "the table is in front"
    assert not first[:50].any()
    # It follows the head.
    middles = [np.flatnonzero(matte[80] > 127).mean() for matte in mattes[::10]]
    assert np.ptp(middles) > 2


def test_what_is_no_object_moves_too(seen: Seen) -> None:
    """A bell, rain and a radio: a matte is needed, movement alone does not tell."""
    pictures = seen.clip[10:60:5].astype(int)
    moved = np.abs(np.diff(pictures, axis=0)).mean(axis=0)
    assert moved[40:220, 352:582].mean() > 2


def test_the_sound_is_the_same_each_time(made: Made, sound: Soundtrack) -> None:
    assert np.array_equal(sound.speech, made.truth.speech)
    assert np.array_equal(sound.bed, made.truth.bed)


@pytest.mark.usefixtures("one_second")
def test_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    for turn in ("first", "second"):
        (tmp_path / turn).mkdir()
        truth = make_clip(tmp_path / turn / "demo.mp4", tmp_path / turn / "matte.mov")
        assert truth.mouth.max() > 0.5, "somebody speaks"
    for name in ("demo.mp4", "matte.mov"):
        files = [(tmp_path / turn / name).read_bytes() for turn in ("first", "second")]
        assert files[0] == files[1]
        assert len(files[0]) > 10_000


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    clip, matte = tmp_path / "demo.mp4", tmp_path / "matte.mp4"
    matte.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        make_clip(clip, matte)
    assert matte.read_bytes() == b"mine"
    assert not clip.exists()


@pytest.mark.usefixtures("one_second")
def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("stop")

    monkeypatch.setattr(scene.person, "paint", fail)
    with pytest.raises(RuntimeError, match="stop"):
        make_clip(tmp_path / "demo.mp4", tmp_path / "matte.mp4")
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_edges_are_smooth_and_areas_right() -> None:
    canvas = Canvas(np.zeros((4, 100, 100), np.float32))
    canvas.paint(ellipse(50, 50, 30, 20), colour("ffffff", object_=True))
    assert canvas.pixels[0].sum() == pytest.approx(np.pi * 30 * 20, rel=0.01)
    assert ((canvas.pixels[0] > 0.05) & (canvas.pixels[0] < 0.95)).sum() > 50


def test_the_matte_is_covered_by_what_is_in_front_but_not_by_a_veil() -> None:
    canvas = Canvas(np.zeros((4, 40, 40), np.float32))
    canvas.paint(panel(0, 0, 40, 40, 0), colour("00ff00", object_=True))
    canvas.paint(panel(-9, -9, 20, 49, 0), colour("ff0000"))
    canvas.paint(panel(-9, -9, 49, 20, 0), colour("0000ff"), opacity=0.5)
    matte = canvas.pixels[3]
    assert (matte[5:35, 5:15] == 0).all()
    assert (matte[5:35, 25:35] == 1).all()
    assert canvas.pixels[2, 10, 30] == pytest.approx(0.5)
