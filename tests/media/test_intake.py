"""Stems in any shape, read back as what they were made of."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.media.hostile import PLAYLISTS, Trap
from tests.media.making import Sound, Studio, ffmpeg, lag, noise

from stemmux.bwf import BLOCK
from stemmux.errors import NoAudio, StemmuxError, UnreadableMedia
from stemmux.grid import LOUDEST
from stemmux.intake import Condition, StemReader
from stemmux.measure import offset
from stemmux.timebase import nearest

FRAMES = 30_000
ANY_FOLDER = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def made(folder: Path, samples: Sound, rate: int = 48000, **form: Any) -> Path:
    path = folder / "stem.wav"
    soundfile.write(path, samples, rate, **({"subtype": "FLOAT"} | form))
    return path


def whole(path: Path, rate: int, folder: Path, *, mono: bool = True) -> Sound:
    with StemReader(path, rate, folder, mono=mono) as stem:
        return stem.read(0, stem.frames).astype(np.float64)


@ANY_FOLDER
@given(
    st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]),
    st.sampled_from(["WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU"]),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(-50, 350), st.integers(0, 200)), max_size=6),
    st.booleans(),
)
def test_any_place_of_a_file_that_fits(
    tmp_path: Path,
    subtype: str,
    container: str,
    channels: int,
    places: list[tuple[int, int]],
    mono: bool,
) -> None:
    """In any order, over both ends: the file's samples, or their mean; and nothing is copied."""
    if (subtype, container) in (("PCM_U8", "AU"), ("PCM_U8", "CAF")):
        subtype = "PCM_S8"
    path = made(tmp_path, noise(1, 300, channels), format=container, subtype=subtype)
    there = np.zeros((1000, channels))
    there[400:700] = soundfile.read(path, always_2d=True)[0]
    with StemReader(path, 48000, tmp_path, mono=mono) as stem:
        assert list(tmp_path.iterdir()) == [path]
        assert (stem.frames, stem.rate, stem.channels) == (300, 48000, channels)
        for start, count in [*places, (0, 300)]:
            wanted = there[400 + start : 400 + start + count]
            wanted = wanted.mean(axis=1) if mono else wanted
            heard = stem.read(start, count)
            assert heard.shape == wanted.shape
            assert np.abs(heard - wanted).max(initial=0) < 1e-6
        assert stem.examined
        assert stem.notes == ()
        assert stem.condition.samples == 300 * channels
    path.unlink()


@ANY_FOLDER
@given(
    st.sampled_from([4000, 8000, 22050, 44100, 47999, 48000, 96000, 192000]),
    st.sampled_from([44100, 48000, 96000]),
    st.integers(1, 5000),
    st.booleans(),
)
@example(44100, 48000, 441, True)
@example(48000, 44100, 1, False)
def test_a_resampled_stem_has_the_exact_length(
    tmp_path: Path, source: int, rate: int, frames: int, mono: bool
) -> None:
    path = made(tmp_path, noise(1, frames, 2), source)
    wanted = nearest(Fraction(frames * rate, source))
    with StemReader(path, rate, tmp_path, mono=mono) as stem:
        assert stem.frames == wanted
        assert stem.read(-5, wanted + 10).shape == (wanted + 10, 2)[: 2 - mono]
        assert stem.examined
        assert any("was resampled" in note for note in stem.notes) is (source != rate)
    assert list(tmp_path.iterdir()) == [path]


def chord(rate: int, frames: int) -> Sound:
    """A sum of sines up to 7 kHz, as exact at one rate as at another."""
    random = np.random.default_rng(11)
    hertz, phase = np.geomspace(60, 7000, 12), random.uniform(0, 6, 12)
    time = np.arange(frames)[:, None] / rate
    return np.asarray(np.sin(2 * np.pi * hertz * time + phase).mean(axis=1))


@pytest.mark.parametrize("rate", [16000, 22050, 44100, 96000])
def test_resampling_delays_nothing(tmp_path: Path, rate: int) -> None:
    """Sample for sample what the same sines are at the wanted rate, over more than one block."""
    heard = whole(made(tmp_path, chord(rate, BLOCK + 5000), rate), 48000, tmp_path)
    wanted = chord(48000, len(heard))
    # Its ends are sudden, which no resampler keeps as they are.
    assert np.abs(heard - wanted)[500:-500].max() < 1e-5


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac", "opus", "wav"])
def test_coded_stems_lie_where_they_lay(studio: Studio, tmp_path: Path, kind: str) -> None:
    """What an encoder put in front and behind is gone: the same length, not a sample late."""
    source = studio.clip(kind, channels=2)
    sound = source.sounds[0].mean(axis=1)
    with StemReader(source.path, 48000, tmp_path) as stem:
        heard = stem.read(0, stem.frames).astype(np.float64)
        assert stem.channels == 2
    assert lag(sound, heard) == 0
    assert list(tmp_path.iterdir()) == []
    # The end of an MP3 is only known to the frame; what is too much is silent.
    assert 0 <= len(heard) - len(sound) < (1152 if kind == "mp3" else 1)
    assert not heard[len(sound) :].any()
    if kind in ("flac", "wav"):
        assert np.abs(heard - sound).max() < 1e-6


def test_a_coded_stem_of_another_rate(studio: Studio, tmp_path: Path) -> None:
    """Decoded, then resampled: two scratch files while it is open, none behind."""
    source = studio.clip("mp3", sample_rate=44100, channels=1)
    sound = source.sounds[0][:, 0]
    with StemReader(source.path, 48000, tmp_path) as stem:
        assert 0 <= stem.frames - nearest(Fraction(len(sound) * 48000, 44100)) < 1300
        heard = stem.read(0, stem.frames).astype(np.float64)
        assert stem.original_rate == 44100
    assert abs(offset(soxr.resample(sound, 44100, 48000), heard).samples) <= 0.05
    assert list(tmp_path.iterdir()) == []


def test_the_sound_of_a_movie(studio: Studio, tmp_path: Path) -> None:
    """Counted from its first picture, as a clip is."""
    source = studio.clip("late sound")
    with StemReader(source.path, 48000, tmp_path) as stem:
        heard = stem.read(0, stem.frames).astype(np.float64)
    late = lag(source.sounds[0].mean(axis=1), heard)
    assert late == round(source.place() * 48000)
    assert late > 10_000


def test_damage_becomes_silence_and_is_noted(tmp_path: Path) -> None:
    sound = noise(3, FRAMES, 2)
    sound[[5, 9, 11, 500], [0, 1, 0, 1]] = math.nan, math.inf, -math.inf, 3e38
    sound[700, 0] = 2 * LOUDEST
    good = np.where(np.abs(sound) <= LOUDEST, sound, 0)
    for rate in (48000, 96000):
        with StemReader(made(tmp_path, sound, rate), 48000, tmp_path) as stem:
            for _ in range(2):
                heard = stem.read(0, stem.frames)
                assert np.isfinite(heard).all()
            assert stem.condition.damaged == 5
            assert any("5 damaged samples" in note for note in stem.notes)
        if rate == 48000:
            assert np.abs(heard - good.mean(axis=1)).max() < 1e-6


def runs(full: np.ndarray) -> int:
    """Samples at full scale behind two others, counted one by one."""
    return sum(all(full[at - 2 : at + 1, c]) for at in range(2, len(full)) for c in range(2))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, -1.0, 1 - 2.0**-15, 1.5]), min_size=4, max_size=80),
    st.lists(st.integers(1, 9), min_size=1),
)
@example([1.0] * 12, [1])
@example([0.0, 0.0, 1.0, 1.0, 1.0, 1.0], [2, 1])
def test_clipping_is_counted_over_every_seam(samples: list[float], sizes: list[int]) -> None:
    """Blocks of any size count the same as one. Beyond full scale, a float is not clipped."""
    sound = np.array(samples[: len(samples) // 2 * 2], np.float32).reshape(-1, 2)
    condition, at = Condition(), 0
    while at < len(sound):
        size = sizes[at % len(sizes)]
        condition.look(sound[at : at + size].copy())
        at += size
    full = (np.abs(sound) >= 1 - 2.0**-15) & (np.abs(sound) <= 1)
    assert condition.clipped == runs(full)
    assert condition.samples == sound.size
    assert condition.peak == np.abs(sound).max()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("rate", [48000, 44100])
def test_clipping_is_noted(tmp_path: Path, subtype: str, rate: int) -> None:
    """Of the stem as it came, whatever resampling makes of it; and a peak is no clipping."""
    tone = 2 * np.sin(2 * np.pi * 440 * np.arange(FRAMES) / rate)
    clipped, whole_tone = np.clip(tone, -1, 1), tone / 2
    with StemReader(made(tmp_path, clipped, rate, subtype=subtype), 48000, tmp_path) as stem:
        # A sine of twice full scale is beyond it for two thirds of the time.
        for start in range(0, stem.frames, 7000):
            stem.read(start - 500, 7500)
        assert stem.examined
        share = stem.condition.clipped / stem.condition.samples
        assert share == pytest.approx(2 / 3, abs=0.1)
        assert any(f"clipped: {stem.condition.clipped} samples" in note for note in stem.notes)
    with StemReader(made(tmp_path, whole_tone, rate, subtype=subtype), 48000, tmp_path) as stem:
        stem.read(0, stem.frames)
        assert stem.condition.clipped == 0


def test_looking_into_the_middle_is_no_examination(tmp_path: Path) -> None:
    with StemReader(made(tmp_path, noise(1, FRAMES)), 48000, tmp_path) as stem:
        stem.read(1000, 100)
        assert stem.condition.samples == 0
        stem.read(-10, 500)
        stem.read(100, 500)
        stem.read(0, 300)
        assert (stem.condition.samples, stem.examined) == (600, False)
        stem.read(600, FRAMES)
        assert (stem.condition.samples, stem.examined) == (FRAMES, True)


@pytest.mark.parametrize(("level", "silent"), [(0.0, True), (1e-5, True), (3e-5, False)])
@pytest.mark.parametrize("rate", [48000, 44100])
def test_silence_is_noted(tmp_path: Path, level: float, silent: bool, rate: int) -> None:
    with StemReader(made(tmp_path, np.full((FRAMES, 1), level), rate), 48000, tmp_path) as stem:
        heard = stem.read(0, stem.frames)
        assert stem.condition.silent is silent
        assert ("stem.wav is silent." in stem.notes) is silent
    assert np.abs(heard[2000:-2000] - level).max() < 1e-6


def header(channels: int, rate: int, data: bytes = bytes(400)) -> bytes:
    """A WAV file that says of itself what it is told to."""
    import struct

    width = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * width & 0xFFFFFFFF, width, 16)
    return b"".join(
        [
            b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16),
            form + b"data" + struct.pack("<I", len(data)) + data,
        ]
    )


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"R",
    "text": b"no sound at all",
    "noise": bytes(range(256)) * 40,
    "header alone": header(1, 48000, b""),
    "no rate": header(1, 0),
    "rate 1": header(1, 1),
    "absurd rate": header(1, 0x7FFFFFFF),
    "no channels": header(0, 48000),
    "too many channels": header(255, 48000, bytes(51000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stem_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / "stem.wav"
    path.write_bytes(HOSTILE[name])
    with pytest.raises((UnreadableMedia, NoAudio)) as caught:
        StemReader(path, 48000, tmp_path)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_stem_is_refused(studio: Studio, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for path in (tmp_path / "missing.wav", tmp_path, studio.picture()):
        with pytest.raises(StemmuxError) as caught:
            StemReader(path, 48000, scratch)
        assert caught.value.hint
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_stem_opens_no_other_file(tmp_path: Path, name: str) -> None:
    trap = Trap(tmp_path)
    with trap:
        for path in (trap.playlist(name), trap.path):
            with pytest.raises(StemmuxError):
                StemReader(path, 48000, tmp_path)
    assert not trap.opened


def test_a_file_that_breaks_off_ends_in_silence(tmp_path: Path) -> None:
    """The header promises 30000 samples; those that are there can be used."""
    path = made(tmp_path, noise(1, FRAMES), subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + 2 * 10_000])
    with StemReader(path, 48000, tmp_path) as stem:
        heard = stem.read(0, FRAMES)
    assert np.abs(heard[:10_000] - noise(1, FRAMES)[:10_000, 0]).max() < 1e-6
    assert not heard[10_000:].any()


def test_nothing_is_left_when_reading_is_broken_off(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = made(tmp_path, noise(1, FRAMES), 44100)

    def broken_off() -> None:
        with StemReader(path, 48000, scratch) as stem:
            assert len(list(scratch.iterdir())) == 1
            stem.read(0, 10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(scratch.iterdir()) == []


def test_a_mono_mp3_without_the_encoders_word(tmp_path: Path) -> None:
    """Without a header that says how much was put in front, that stays; it is for conform."""
    sound = noise(9, 96_000)[:, 0]
    wave, out = made(tmp_path, sound), tmp_path / "x.mp3"
    ffmpeg("-i", wave, "-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0", out)
    heard = whole(out, 48000, tmp_path)
    late = lag(sound, heard)
    assert 0 <= late < 0.05 * 48000
    assert len(heard) >= len(sound)
