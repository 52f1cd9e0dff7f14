"""Steering the clip's own channels by two mono stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemmux.steer import steer
from stemmux.errors import MediaError
from stemmux.measure import offset, si_sdr_db

RATE = 44_100


def parts(seconds: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Two sounds that share little: low tones in bursts, and high noise."""
    rng = np.random.default_rng(3)
    time = np.arange(int(seconds * RATE)) / RATE
    low = 0.3 * np.sin(2 * np.pi * 300 * time) * (np.sin(2 * np.pi * 1.5 * time) > 0)
    high = np.diff(rng.normal(0, 0.05, len(time) + 1))
    return low, high


def written(folder: Path, name: str, sound: np.ndarray, rate: int = RATE) -> Path:
    path = folder / f"{name}.wav"
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_target_is_taken_out_of_every_channel(tmp_path: Path, channels: int) -> None:
    low, high = parts()
    gains = np.linspace(1, 0.2, channels)
    mix = low[:, None] * gains + high[:, None]
    rate = 48_000
    faster = np.interp(np.arange(0, len(low), RATE / rate), range(len(low)), low)
    stems = [
        written(tmp_path, "t", faster, rate),
        written(tmp_path, "r", np.append(high, np.zeros(2000))),
    ]
    shares: list[float] = []
    steer(written(tmp_path, "mix", mix), *stems, tmp_path / "out.wav", shares.append)
    got, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert got.shape == mix.shape
    for channel in range(channels):
        assert si_sdr_db(low * gains[channel], got[:, channel]) > 15
    assert abs(offset(low, got[:, 0]).samples) < 0.5
    assert shares[-1] == 1
    assert shares == sorted(shares)


@pytest.mark.parametrize("frames", [1, 100, 4096, 70_000])
def test_any_length_comes_out_as_it_went_in(tmp_path: Path, frames: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (frames, 2))
    stem = written(tmp_path, "s", sound[:, 0])
    silent = written(tmp_path, "n", np.zeros(10))
    steer(written(tmp_path, "mix", sound), stem, silent, tmp_path / "out.wav", lambda share: None)
    got, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert got.shape == sound.shape
    assert np.isfinite(got).all()


def test_a_stem_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.wav").write_bytes(b"RIFF0000WAVEnothing")
    mix = written(tmp_path, "mix", np.zeros(100))
    with pytest.raises(MediaError):
        steer(mix, tmp_path / "t.wav", mix, tmp_path / "out.wav", lambda share: None)
