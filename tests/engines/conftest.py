"""What the tests of the engines share: the spoken sentence, a separator, and how to compare."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from soundmatte.engines.offline.speech import SpeechSeparator

Sound = NDArray[np.float32]


@pytest.fixture(scope="session")
def separator() -> SpeechSeparator:
    """DeepFilterNet3 alone, whose weights a dependency brings."""
    return SpeechSeparator.load(("dfn3",))


@pytest.fixture(scope="session")
def voice() -> Sound:
    """Five seconds of a sentence, mono, 48 kHz, peaking at 0.4."""
    path = resources.files("soundmatte") / "demo" / "speech.flac"
    with resources.as_file(path) as file:
        samples, rate = soundfile.read(file, dtype="float32")
    assert rate == 48_000
    sound: Sound = samples * np.float32(0.4) / np.abs(samples).max()
    return sound


@pytest.fixture(scope="session")
def hiss(voice: Sound) -> Sound:
    """Noise as loud as the voice."""
    noise = np.random.default_rng(5).standard_normal(len(voice))
    sound: Sound = (noise * np.sqrt(np.mean(voice**2))).astype(np.float32)
    return sound


@pytest.fixture(scope="session")
def likeness() -> Callable[[Sound, Sound], float]:
    """Scale-invariant ratio of signal to distortion in dB (Le Roux et al., 2019)."""

    def measure(estimate: Sound, truth: Sound) -> float:
        heard, real = estimate.astype(np.float64).ravel(), truth.astype(np.float64).ravel()
        part = (heard @ real) / (real @ real) * real
        return float(10 * np.log10((part @ part) / np.sum((heard - part) ** 2)))

    return measure
