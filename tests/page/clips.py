"""A small clip in which somebody speaks, and a matte of who it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from tests.media.making import ffmpeg
from tests.report.scenes import movie

import soundmatte.demo

WIDTH, HEIGHT, RATE = 320, 180, 25
#: Where the object is at first, and how far it goes in a picture (pixels).
LEFT, STEP, SIDE = 40, 2, 90
COLOUR = (200, 90, 60)
SPEECH = Path(soundmatte.demo.__file__).with_name("speech.flac")


def _box(number: int) -> tuple[slice, slice]:
    left = LEFT + STEP * (number % 60)
    return slice(40, 40 + SIDE), slice(left, left + SIDE)


def _picture(number: int) -> npt.NDArray[np.uint8]:
    picture = np.full((HEIGHT, WIDTH, 3), (60, 110, 150), np.uint8)
    picture[_box(number)] = COLOUR
    return picture


def _matte(number: int) -> npt.NDArray[np.uint8]:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[_box(number)] = 255
    return picture


def talking(folder: Path, seconds: float = 2.4) -> tuple[Path, Path]:
    """Write a clip with a space in its name, and its matte."""
    frames = round(seconds * RATE)
    speech, rate = soundfile.read(SPEECH, dtype="float64", always_2d=True)
    noise = 0.02 * np.random.default_rng(7).standard_normal((round(seconds * rate), 2))
    soundfile.write(folder / "sound.wav", speech[: len(noise), :1] * 0.7 + noise, rate)
    movie(folder / "seen.mp4", _picture, frames=frames, rate=Fraction(RATE))
    clip = folder / "a talk.mov"
    given = ["-i", folder / "seen.mp4", "-i", folder / "sound.wav"]
    ffmpeg(*given, "-c:v", "copy", "-c:a", "pcm_s16le", "-ar", 48000, clip)
    return clip, movie(folder / "matte.mp4", _matte, frames=frames, rate=Fraction(RATE))
