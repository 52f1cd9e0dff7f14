"""The measurements that everything else is judged by, against known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.making import FRAMES, Sound, Studio, ffmpeg, noise

from stemmux.errors import MediaError
from stemmux.measure import count_frames, null_db, offset, packet_hash, picture_hash
from stemmux.probe import probe

SECOND = 48000


def coloured(seed: int, frames: int = SECOND) -> Sound:
    """Noise that falls with frequency, as most sounds do."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(frames))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    shaped = np.fft.irfft(spectrum, frames)
    return np.asarray(0.3 * shaped / np.abs(shaped).max())


def delayed(sound: Sound, samples: float) -> Sound:
    """The sound later by any number of samples, by turning its phases."""
    room = math.ceil(abs(samples)) + 64
    padded = np.pad(sound, room)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(padded)) * samples)
    # The highest frequency has no phase of its own.
    turn[-1] = turn[-1].real
    return np.asarray(np.fft.irfft(np.fft.rfft(padded) * turn, len(padded))[room:])


@settings(max_examples=15, deadline=None)
@given(st.floats(-400, 400), st.sampled_from(["white", "coloured"]), st.booleans())
def test_an_offset_is_found_between_samples(delay: float, kind: str, flip: bool) -> None:
    sound = noise(3, SECOND)[:, 0] if kind == "white" else coloured(3)
    other = delayed(sound, delay)[: SECOND + 500]
    found = offset(sound, -other if flip else other)
    assert abs(found.samples - delay) <= 0.02
    assert found.inverted is flip
    assert found.trusted


@pytest.mark.parametrize("ratio", [2, 3])
def test_an_offset_made_by_another_resampler(ratio: int) -> None:
    """A whole delay at a multiple of the rate is a fraction of a sample at the rate."""
    sound = coloured(5)
    high = soxr.resample(sound, SECOND, SECOND * ratio, quality="VHQ")
    for late in range(1, 2 * ratio):
        other = soxr.resample(np.pad(high, (late, 0)), SECOND * ratio, SECOND, quality="VHQ")
        assert offset(sound, other).samples == pytest.approx(late / ratio, abs=0.02)


def test_an_offset_on_a_sample_is_a_whole_number() -> None:
    sound = coloured(6)
    for late in (0, 1, 480, 20000):
        assert offset(sound, np.pad(sound, (late, 0))).samples == late
        assert offset(np.pad(sound, (late, 0)), sound).samples == -late


def test_an_offset_is_found_under_noise() -> None:
    sound = coloured(7, 4 * SECOND)
    other = np.pad(sound, (123, 0)) + 0.5 * sound.std() * noise(8, len(sound) + 123)[:, 0] / 0.2
    found = offset(sound, other)
    assert found.samples == pytest.approx(123, abs=0.05)
    assert found.trusted


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_sounds_that_have_nothing_in_common_are_not_trusted(seed: int) -> None:
    assert not offset(noise(2 * seed, SECOND)[:, 0], noise(2 * seed + 1, SECOND)[:, 0]).trusted


def test_a_tone_is_not_trusted() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(SECOND) / SECOND)
    assert not offset(tone[:24000], tone).trusted


@pytest.mark.parametrize(("first", "second"), [(0, 48000), (48000, 0), (10, 48000)])
def test_too_little_sound_is_refused(first: int, second: int) -> None:
    sound = noise(1, SECOND)[:, 0]
    with pytest.raises(MediaError):
        offset(sound[:first], sound[:second])


def test_silence_is_refused() -> None:
    with pytest.raises(MediaError):
        offset(np.zeros(SECOND), noise(1, SECOND)[:, 0])


def test_a_null_is_minus_infinity_only_when_every_sample_is_zero(studio: Studio) -> None:
    frames = 3 * SECOND
    mix, part = noise(1, frames, 2, bits=24) / 4, noise(2, frames, 2, bits=24) / 8
    grid = 2.0**-23
    mix, part = np.rint(mix / grid) * grid, np.rint(part / grid) * grid
    rest = mix - part
    files = [studio.wave(samples, subtype="PCM_24") for samples in (mix, part, rest)]
    assert null_db(files[0], files[1:]) == -math.inf
    rest[70_000, 1] += grid
    off = studio.wave(rest, subtype="PCM_24")
    wanted = 20 * math.log10(grid) - 10 * math.log10(2 * frames)
    assert null_db(files[0], [files[1], off]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("level", [0.5, 0.001])
def test_a_null_of_a_known_level(studio: Studio, level: float) -> None:
    mix = studio.wave(np.full((SECOND, 1), level), subtype="FLOAT")
    silence = studio.wave(np.zeros((SECOND, 1)), subtype="FLOAT")
    assert null_db(mix, [silence]) == pytest.approx(20 * math.log10(level), abs=1e-4)


@pytest.mark.parametrize(
    "other", [(SECOND - 1, 2, SECOND), (SECOND, 1, SECOND), (SECOND, 2, 44100)]
)
def test_a_null_needs_files_of_one_shape(studio: Studio, other: tuple[int, int, int]) -> None:
    frames, channels, rate = other
    mix = studio.wave(noise(1, SECOND, 2))
    with pytest.raises(MediaError, match="differ"):
        null_db(mix, [studio.wave(noise(1, frames, channels), rate)])


def test_a_null_of_what_is_no_sound_file_is_refused(studio: Studio) -> None:
    mix, text = studio.wave(noise(1, 100)), studio.new(".wav")
    text.write_text("no sound", encoding="ascii")
    for wrong in (text, text.with_name("missing.wav")):
        with pytest.raises(MediaError) as caught:
            null_db(mix, [wrong])
        assert caught.value.hint


def test_hashes_tell_copies_from_changes(studio: Studio) -> None:
    source = studio.clip("mp4")
    copy, coded, damaged = (studio.new(suffix) for suffix in (".mov", ".mov", ".mp4"))
    ffmpeg("-i", source.path, "-c", "copy", copy)
    ffmpeg("-i", source.path, "-c:v", "libx264", "-qp", 0, "-c:a", "copy", coded)
    assert packet_hash(copy, 0) == packet_hash(source.path, 0)
    assert picture_hash(copy, 0) == picture_hash(source.path, 0)
    assert packet_hash(coded, 0) != packet_hash(source.path, 0)
    assert picture_hash(coded, 0) == picture_hash(source.path, 0)
    data = bytearray(source.path.read_bytes())
    middle = data.index(b"mdat") + 2000
    data[middle] ^= 1
    damaged.write_bytes(data)
    hashes = [(packet_hash(path, 0), packet_hash(path, 1)) for path in (source.path, damaged)]
    assert hashes[0] != hashes[1]


def test_frames_are_counted_by_packets(studio: Studio) -> None:
    assert count_frames(probe(studio.clip("ts").path)) == FRAMES
    assert count_frames(probe(studio.clip("mp4").path)) == FRAMES
