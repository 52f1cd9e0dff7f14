"""Stems that null to the last step, read by another reader and summed without stemmux."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.media.making import Sound, Studio, ffmpeg, noise

from stemmux.bwf import BITS, BLOCK, Encoding, step_blocks
from stemmux.errors import MediaError
from stemmux.extract import Cut, extract
from stemmux.grid import LOUDEST, Mix, Split, pair, settle, split
from stemmux.measure import null_db
from stemmux.origination import Origination
from stemmux.probe import probe

STEP = 2.0**-23
FRAMES = 8_000
SUBTYPES = {"s16": "PCM_16", "s24": "PCM_24", "f32": "FLOAT"}

Wanted = Encoding | Literal["auto"]


def settled(folder: Path, samples: Sound, rate: int = 48000, encoding: Wanted = "auto") -> Mix:
    soundfile.write(folder / "raw.wav", samples, rate, subtype="FLOAT")
    return settle(folder / "raw.wav", folder / "mix.wav", encoding=encoding)


PARTS = ["target", "residual"]


def parted(folder: Path, mix: Mix, estimate: Sound, of: str = "target") -> Split:
    soundfile.write(folder / "estimate.wav", estimate, mix.form.rate, subtype="FLOAT")
    files = folder / "target.wav", folder / "residual.wav"
    assert of in PARTS
    return split(mix, folder / "estimate.wav", of, *files)  # type: ignore[arg-type]


def whole_steps(path: Path, step: float) -> np.ndarray:
    """The samples in steps of the grid, read by libsndfile in doubles; they must be whole."""
    steps = soundfile.read(path, dtype="float64", always_2d=True)[0] / step
    assert np.array_equal(steps, np.rint(steps))
    return np.asarray(steps.astype(np.int64))


def assert_null(mix: Mix, stems: Split) -> None:
    step = mix.grid.step
    parts = [whole_steps(path, step) for path in (stems.target, stems.residual)]
    assert np.array_equal(parts[0] + parts[1], whole_steps(mix.path, step))
    assert len(parts[0]) == mix.frames == stems.frames
    assert null_db(mix.path, [stems.target, stems.residual]) == -math.inf


@pytest.mark.parametrize("of", PARTS)
@pytest.mark.parametrize("encoding", ["auto", "s16", "s24", "f32"])
@pytest.mark.parametrize(
    ("bits", "channels", "rate"),
    [(16, 1, 44100), (16, 2, 48000), (24, 2, 96000), (24, 6, 48000), (16, 8, 192000)],
)
def test_the_stems_sum_to_the_mix(
    tmp_path: Path, bits: int, channels: int, rate: int, encoding: Wanted, of: str
) -> None:
    samples = noise(1, FRAMES, channels, rate=rate, bits=bits)
    mix = settled(tmp_path, samples, rate, encoding)
    assert mix.grid.encoding == ("s24" if encoding == "auto" else encoding)
    step = mix.grid.step
    assert step == (2.0**-15 if encoding == "s16" else STEP)
    assert np.array_equal(whole_steps(mix.path, step), np.rint(samples / step))
    coarse = encoding == "s16" and bits == 24
    assert any("without dither" in note for note in mix.notes) is coarse
    estimate = 0.7 * samples + 0.1 * noise(2, FRAMES, channels)
    stems = parted(tmp_path, mix, estimate, of)
    assert_null(mix, stems)
    assert (stems.moved, stems.clipped) == (0, 0)
    chosen = stems.target if of == "target" else stems.residual
    assert np.abs(whole_steps(chosen, step) * step - estimate).max() <= step
    for path in (stems.target, stems.residual):
        info = soundfile.info(path)
        form = (info.samplerate, info.channels, info.subtype)
        assert form == (rate, channels, SUBTYPES[mix.grid.encoding])


@pytest.mark.parametrize("of", PARTS)
def test_full_scale_in_opposition_still_sums(tmp_path: Path, of: str) -> None:
    """The mix minus the estimate would need twice the range; the estimate gives way."""
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (FRAMES, 2))
    mix = settled(tmp_path, np.clip(signs, -1, 1 - STEP))
    assert mix.grid.encoding == "s24"
    stems = parted(tmp_path, mix, -signs, of)
    assert_null(mix, stems)
    assert stems.moved > 0.9 * signs.size
    assert stems.clipped == np.count_nonzero(signs < 0)


WILD = [0.0, -0.0, 1.0, -1.0, 2.0, 256.0, 1e38, 1e-40, math.nan, math.inf, -math.inf]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["auto", "s16", "s24", "f32"]),
    st.integers(1, 8),
    st.sampled_from([8000, 44100, 48000, 192000]),
    st.sampled_from([1e-30, 1e-6, 0.3, 1.0]),
    st.booleans(),
    st.data(),
)
def test_any_samples_sum(
    tmp_path: Path,
    encoding: Wanted,
    channels: int,
    rate: int,
    loud: float,
    beyond: bool,
    data: st.DataObject,
) -> None:
    """Any mix; an estimate as loud, or hundreds of times louder, or not even numbers."""
    if beyond and encoding in ("auto", "f32"):
        loud *= 256
    estimates = st.floats(-loud, loud) | st.floats(-300, 300) | st.sampled_from(WILD)
    frames = data.draw(st.integers(1, 6))
    size = frames * channels
    drawn = [
        np.array(data.draw(st.lists(kind, min_size=size, max_size=size)), np.float32)
        for kind in (st.floats(-loud, loud), estimates)
    ]
    samples, estimate = (part.reshape(frames, channels).astype(np.float64) for part in drawn)
    mix = settled(tmp_path, samples, rate, encoding)
    assert_null(mix, parted(tmp_path, mix, estimate, data.draw(st.sampled_from(PARTS))))
    step = mix.grid.step
    error = np.abs(whole_steps(mix.path, step) * step - samples)
    # Full scale itself is a whole step above the highest integer.
    assert error[samples <= 1 - step].max(initial=0) <= step / 2
    assert error.max() <= step


@pytest.mark.parametrize(
    ("mix", "estimate"),
    [
        ([1.0], [0.0]),
        ([-1.0, 1 - STEP], [1.0, -1.0]),
        ([2.0, -2.0], [-2.0, 2.0]),
        ([4.0], [-300.0]),
    ],
)
def test_the_ends_of_the_range_sum(tmp_path: Path, mix: list[float], estimate: list[float]) -> None:
    settled_mix = settled(tmp_path, np.array(mix)[:, None])
    assert_null(settled_mix, parted(tmp_path, settled_mix, np.array(estimate)[:, None]))


@pytest.mark.parametrize("encoding", ["s16", "s24"])
def test_integers_end_at_full_scale(tmp_path: Path, encoding: Encoding) -> None:
    """A sample at full scale is a step lower; anything beyond is refused, not cut off."""
    top = (1 << (BITS[encoding] - 1)) - 1
    mix = settled(tmp_path, np.array([[1.0], [-1.0], [0.25]]), encoding=encoding)
    assert list(whole_steps(mix.path, mix.grid.step)[:, 0]) == [top, -top - 1, (top + 1) // 4]
    for peak, said in ((1.001, "0.0 dB"), (-2.0, "6.0 dB"), (LOUDEST, "48.2 dB")):
        with pytest.raises(MediaError, match=f"{said} beyond.*{BITS[encoding]}-bit") as caught:
            settled(tmp_path, np.array([[peak]]), encoding=encoding)
        assert "float" in caught.value.hint


@pytest.mark.parametrize("level", [1.0, 0.9, 0.11, 3e-3, 2e-5, 1e-9])
def test_floats_null_against_the_file_they_came_from(tmp_path: Path, level: float) -> None:
    """However quiet: the stems summed against the raw float file, not against the settled mix."""
    samples = np.random.default_rng(5).uniform(-level, level, (FRAMES, 2)).astype(np.float32)
    mix = settled(tmp_path, samples, encoding="f32")
    assert mix.grid.encoding == "f32"
    assert not mix.notes
    stems = parted(tmp_path, mix, 0.6 * samples + 0.5 * level)
    assert_null(mix, stems)
    error = null_db(tmp_path / "raw.wav", [stems.target, stems.residual])
    assert error <= 20 * math.log10(level) - 140
    # There is room for stems that are louder than their mix.
    assert stems.moved == 0
    assert mix.grid.range[1] * mix.grid.step >= 2 * level


def test_silence_has_a_grid(tmp_path: Path) -> None:
    for encoding in ("auto", "s16", "s24", "f32"):
        mix = settled(tmp_path, np.zeros((FRAMES, 2)), encoding=encoding)  # type: ignore[arg-type]
        assert_null(mix, parted(tmp_path, mix, noise(1, FRAMES, 2)))


@pytest.mark.parametrize("frames", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1])
def test_block_boundaries_lose_nothing(tmp_path: Path, frames: int) -> None:
    mix = settled(tmp_path, noise(1, frames))
    stems = parted(tmp_path, mix, noise(2, frames))
    assert mix.frames == frames
    assert_null(mix, stems)
    assert np.array_equal(np.concatenate(list(step_blocks(mix.path))), whole_steps(mix.path, STEP))


def test_lossy_sound_beyond_full_scale_gets_floats(studio: Studio, tmp_path: Path) -> None:
    """Clipped noise, coded with few bits, decodes to peaks well over full scale."""
    loud, out = studio.new(".wav"), studio.new(".m4a")
    soundfile.write(loud, np.sign(noise(1, 48000, 2)) * (1 - 2.0**-15), 48000, subtype="PCM_16")
    ffmpeg("-i", loud, "-c:a", "aac", "-b:a", "64k", out)
    media = probe(out)
    extract(media, media.span(), Cut(mix=tmp_path / "raw.wav"))
    raw = soundfile.read(tmp_path / "raw.wav")[0]
    assert np.abs(raw).max() > 1.1
    mix = settle(tmp_path / "raw.wav", tmp_path / "mix.wav")
    assert mix.grid.encoding == "f32"
    assert any("beyond full scale" in note for note in mix.notes)
    assert np.abs(soundfile.read(mix.path)[0] - raw).max() <= mix.grid.step / 2
    stems = parted(tmp_path, mix, 0.8 * noise(5, mix.frames, 2))
    assert_null(mix, stems)
    assert soundfile.info(stems.target).subtype == "FLOAT"


def test_damaged_samples_become_silence(tmp_path: Path) -> None:
    samples = noise(1, FRAMES, 2)
    damage = {(0, 0): math.nan, (5, 1): math.inf, (9, 0): -math.inf, (7, 1): 3e38, (8, 0): -257.0}
    good = samples.copy()
    for place, value in damage.items():
        samples[place], good[place] = value, 0.0
    mix = settled(tmp_path, samples)
    assert mix.grid.encoding == "s24"
    assert np.array_equal(whole_steps(mix.path, STEP) * STEP, good)
    assert any(f"{len(damage)} damaged samples" in note for note in mix.notes)
    estimate = noise(2, FRAMES, 2)
    estimate[3, 0], estimate[4, 1] = math.nan, math.inf
    assert_null(mix, parted(tmp_path, mix, estimate))


def test_the_loudest_that_is_believed(tmp_path: Path) -> None:
    mix = settled(tmp_path, np.array([[LOUDEST], [-LOUDEST], [0.1]]))
    assert mix.notes[0].startswith("The sound goes 48.2 dB beyond")
    assert_null(mix, parted(tmp_path, mix, np.array([[-LOUDEST], [LOUDEST], [0.0]])))


def test_no_sound_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        settled(tmp_path, np.zeros((0, 2)))
    assert caught.value.hint


def paired(folder: Path, mix: Mix, target: Sound, residual: Sound) -> Split:
    names = [folder / f"{name} estimate.wav" for name in PARTS]
    for path, samples in zip(names, (target, residual), strict=True):
        soundfile.write(path, samples, mix.form.rate, subtype="FLOAT")
    made = [folder / f"{name}.wav" for name in PARTS]
    titles = Origination(title="target"), Origination(title="residual")
    return pair(mix, names[0], names[1], made[0], made[1], originations=titles)


@pytest.mark.parametrize("encoding", ["s16", "s24", "f32"])
@pytest.mark.parametrize("frames", [1, BLOCK + 1])
def test_a_pair_is_two_sounds_of_their_own(tmp_path: Path, encoding: Encoding, frames: int) -> None:
    """Each as near to its estimate as the encoding allows; the mix plays no part but in form."""
    mix = settled(tmp_path, noise(1, frames, 2, rate=44100), 44100, encoding)
    target, residual = noise(2, frames, 2, bits=24), noise(3, frames, 2, bits=24)
    stems = paired(tmp_path, mix, target, residual)
    assert (stems.frames, stems.moved, stems.clipped) == (frames, 0, 0)
    for path, wanted in ((stems.target, target), (stems.residual, residual)):
        info = soundfile.info(path)
        assert (info.samplerate, info.frames, info.subtype) == (44100, frames, SUBTYPES[encoding])
        heard = soundfile.read(path, always_2d=True)[0]
        assert np.abs(heard - wanted).max() <= (2.0**-16 if encoding == "s16" else 0)
        assert f"<NAME>{path.stem} 2</NAME>".encode() in path.read_bytes()


@pytest.mark.parametrize("encoding", ["s16", "s24", "f32"])
def test_a_pair_counts_what_it_cuts_off(tmp_path: Path, encoding: Encoding) -> None:
    """Floats hold what is beyond full scale; no encoding holds what is no number."""
    mix = settled(tmp_path, noise(1, 5), encoding=encoding)
    wild = np.array([[1.5], [-1.5], [math.nan], [300.0], [0.5]])
    stems = paired(tmp_path, mix, wild, -wild)
    assert stems.clipped == (0 if encoding == "f32" else 4)
    top = 1.5 if encoding == "f32" else 1 - mix.grid.step
    heard = [soundfile.read(path)[0] for path in (stems.target, stems.residual)]
    low = -max(1.0, top)
    assert np.array_equal(heard, [[top, low, 0, 0, 0.5], [low, top, 0, 0, -0.5]])


@pytest.mark.parametrize("shape", [(FRAMES - 1, 2), (FRAMES + 1, 2), (FRAMES, 1), (0, 2)])
def test_an_estimate_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    mix = settled(tmp_path, noise(1, FRAMES, 2))
    with pytest.raises(MediaError, match="does not fit"):
        parted(tmp_path, mix, noise(2, *shape))
    with pytest.raises(MediaError, match="does not fit") as caught:
        paired(tmp_path, mix, noise(2, FRAMES, 2), noise(2, *shape))
    assert caught.value.hint


def test_an_estimate_of_another_rate_is_refused(tmp_path: Path) -> None:
    mix = settled(tmp_path, noise(1, FRAMES, 2))
    soundfile.write(tmp_path / "e.wav", noise(2, FRAMES, 2), 44100, subtype="FLOAT")
    with pytest.raises(MediaError, match="44100 Hz × 2 × 8000 against 48000 Hz"):
        split(mix, tmp_path / "e.wav", "target", tmp_path / "t.wav", tmp_path / "r.wav")


def test_the_hash_is_of_the_sound(tmp_path: Path) -> None:
    samples = noise(1, FRAMES, 2)
    first = settled(tmp_path, samples).sha256
    assert settled(tmp_path, samples).sha256 == first
    assert settled(tmp_path, samples, 44100).sha256 != first
    samples[FRAMES // 2, 0] += 2.0**-15
    assert settled(tmp_path, samples).sha256 != first
