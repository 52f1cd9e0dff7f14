"""Both nets together: DTLN has a say where both agree, in the band that it hears, none above.

DTLN's weights come only on request; here a stand-in that changes nothing takes its place, and
nets with weights drawn at random where only shapes matter.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from soundmatte.engines.offline import dtln
from soundmatte.engines.offline.agreement import Agreement
from soundmatte.engines.offline.speech import SpeechSeparator

Sound = NDArray[np.float32]


class Unchanged:
    """Gives back what it takes, a while later, as a stream of frames does."""

    def __init__(self, nets: object) -> None:
        self._kept = np.zeros(0, np.float32)

    def push(self, samples: Sound) -> Sound:
        held = np.concatenate([self._kept, samples])
        ready = max(0, len(held) - 384)
        self._kept = held[ready:]
        return held[:ready]

    def finish(self) -> Sound:
        return self._kept


@pytest.fixture
def both(separator: SpeechSeparator, monkeypatch: pytest.MonkeyPatch) -> SpeechSeparator:
    monkeypatch.setattr(dtln, "DtlnStream", Unchanged)
    deep, _ = separator._nets
    return SpeechSeparator(deep, SimpleNamespace())  # type: ignore[arg-type]


def share_of(part: Sound, whole: Sound, low: float, high: float) -> float:
    """Power of `part` against that of `whole` between two frequencies at 48 kHz, in dB."""
    hertz = np.fft.rfftfreq(len(whole), 1 / 48_000)
    band = (hertz >= low) & (hertz < high)
    window = np.hanning(len(whole))
    powers = [np.sum(np.abs(np.fft.rfft(x * window)[band]) ** 2) for x in (part, whole)]
    return float(10 * np.log10(powers[0] / powers[1]))


def test_it_moves_below_and_deepfilternet_is_alone_above(
    both: SpeechSeparator, separator: SpeechSeparator, voice: Sound, hiss: Sound
) -> None:
    mix = (voice + hiss)[:150_000]
    deep, blended = separator.estimate(mix, 48_000), both.estimate(mix, 48_000)
    assert -40 < share_of(blended - deep, deep, 50, 7000) < -3
    assert share_of(blended - deep, deep, 8200, 24_000) < -60


def test_channels_that_agree_move_by_their_share(
    both: SpeechSeparator, voice: Sound, hiss: Sound
) -> None:
    mono = (voice + hiss)[:100_000]
    mix = mono[:, None] * np.array([1.2, 0.8], np.float32)
    blended = both.estimate(mix, 48_000)
    np.testing.assert_allclose(blended[:, 0] * 0.8, blended[:, 1] * 1.2, atol=1e-5)


def change(first: Sound, second: Sound, *cuts: int) -> Sound:
    """What is to be added to `first`, taken in pieces that end at `cuts`."""
    stream, begin, parts = Agreement(), 0, []
    for end in (*cuts, len(first)):
        parts.append(stream.push(first[begin:end], second[begin:end]))
        begin = end
    return np.concatenate([*parts, stream.finish()])


@pytest.mark.parametrize("frames", [0, 1, 100, 512, 5000, 40_001])
def test_agreement_gives_what_it_takes_in_any_pieces(frames: int) -> None:
    pair = np.random.default_rng(0).normal(0, 0.1, (2, frames)).astype(np.float32)
    whole = change(*pair)
    assert len(whole) == frames
    pieces = change(*pair, frames // 3, frames // 3, frames // 2)
    np.testing.assert_allclose(pieces, whole, atol=1e-5)


def test_agreement_goes_as_far_as_the_two_agree() -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 40_000).astype(np.float32)
    np.testing.assert_allclose(change(sound, sound), 0, atol=1e-6)
    # Powers 1 and 4 agree by 2·√4/(1+4) = 0.8; half of that is gone.
    moved = change(sound, 2 * sound)
    assert np.dot(moved, sound) / np.dot(sound, sound) == pytest.approx(0.4, abs=0.01)
    # Where the other hears a hundred times as much, it leaks.
    leaky = change(sound / 100, sound)
    assert np.sqrt(np.mean(leaky**2)) < 0.02 * np.sqrt(np.mean(sound**2))


@pytest.mark.parametrize("frames", [0, 1, 100, 3000])
@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_lengths(both: SpeechSeparator, frames: int, rate: int) -> None:
    mix = np.random.default_rng(1).standard_normal((frames, 2)).astype(np.float32)
    target = both.estimate(mix, rate)
    assert target.shape == mix.shape
    assert np.isfinite(target).all()
