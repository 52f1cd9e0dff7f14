"""Stems that null to the last step, read by another reader and summed without stemmux."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.media.making import Sound, Studio, ffmpeg, noise

from stemmux import bwf
from stemmux.bwf import BLOCK, Origination, WaveFormat, WaveWriter, float_blocks, step_blocks
from stemmux.grid import LOUDEST, Grid, Mix, Split, settle, split
from stemmux.errors import MediaError
from stemmux.extract import Cut, extract
from stemmux.measure import null_db
from stemmux.probe import probe

STEP = 2.0**-23
FRAMES = 30_000


def settled(folder: Path, samples: Sound, rate: int = 48000) -> Mix:
    soundfile.write(folder / "raw.wav", samples, rate, subtype="FLOAT")
    return settle(folder / "raw.wav", folder / "mix.wav")


def parted(folder: Path, mix: Mix, estimate: Sound, of: str = "target") -> Split:
    soundfile.write(folder / "estimate.wav", estimate, mix.form.rate, subtype="FLOAT")
    files = folder / "target.wav", folder / "residual.wav"
    assert of in ("target", "residual")
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


@pytest.mark.parametrize("of", ["target", "residual"])
@pytest.mark.parametrize(
    ("bits", "channels", "rate"),
    [(16, 1, 44100), (16, 2, 48000), (24, 2, 96000), (24, 6, 48000), (16, 6, 44100)],
)
def test_the_stems_sum_to_the_mix(
    tmp_path: Path, bits: int, channels: int, rate: int, of: str
) -> None:
    samples = noise(1, FRAMES, channels, rate=rate, bits=bits)
    mix = settled(tmp_path, samples, rate)
    assert mix.grid == Grid("s24", -23)
    assert np.array_equal(whole_steps(mix.path, STEP), np.rint(samples / STEP))
    estimate = 0.7 * samples + 0.1 * noise(2, FRAMES, channels)
    stems = parted(tmp_path, mix, estimate, of)
    assert_null(mix, stems)
    assert stems.moved == 0
    chosen = stems.target if of == "target" else stems.residual
    assert np.abs(whole_steps(chosen, STEP) * STEP - estimate).max() <= STEP
    for path in (stems.target, stems.residual):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (rate, channels, "PCM_24")


@pytest.mark.parametrize("of", ["target", "residual"])
def test_full_scale_in_opposition_still_sums(tmp_path: Path, of: str) -> None:
    """The mix minus the estimate would need twice the range; the estimate gives way."""
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (FRAMES, 2))
    mix = settled(tmp_path, np.clip(signs, -1, 1 - STEP))
    assert mix.grid.encoding == "s24"
    stems = parted(tmp_path, mix, -signs, of)
    assert_null(mix, stems)
    assert stems.moved > 0.9 * signs.size


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.floats(-4, 4, width=32), st.floats(-300, 300, width=32)),
        min_size=1,
        max_size=40,
    )
)
@example([(1.0, 0.0)])
@example([(-1.0, 1.0), (1 - STEP, -1.0)])
@example([(2.0, -2.0), (-2.0, 2.0)])
@example([(4.0, -300.0)])
def test_any_samples_sum(tmp_path: Path, pairs: list[tuple[float, float]]) -> None:
    samples = np.array(pairs)
    mix = settled(tmp_path, samples[:, :1])
    assert_null(mix, parted(tmp_path, mix, samples[:, 1:]))
    error = np.abs(whole_steps(mix.path, mix.grid.step)[:, 0] * mix.grid.step - samples[:, 0])
    assert error.max() <= mix.grid.step / 2 + STEP / 2


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


@pytest.mark.parametrize("shape", [(FRAMES - 1, 2), (FRAMES + 1, 2), (FRAMES, 1), (0, 2)])
def test_an_estimate_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    mix = settled(tmp_path, noise(1, FRAMES, 2))
    with pytest.raises(MediaError, match="does not fit"):
        parted(tmp_path, mix, noise(2, *shape))


def test_the_hash_is_of_the_sound(tmp_path: Path) -> None:
    samples = noise(1, FRAMES, 2)
    first = settled(tmp_path, samples).sha256
    assert settled(tmp_path, samples).sha256 == first
    assert settled(tmp_path, samples, 44100).sha256 != first
    samples[FRAMES // 2, 0] += 2.0**-15
    assert settled(tmp_path, samples).sha256 != first


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a RIFF file, by an own reading of EBU Tech 3285."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WAVE"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    found, at = {}, 12
    while at < len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def test_bext_says_where_on_the_clock_the_stem_lies(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    said = Origination("Target: Hünd, " + "x" * 300, 3600 * 48000 + 5, "2026-11-22", "10:20:30")
    with WaveWriter(out, WaveFormat(48000, 1, "s24"), said) as writer:
        writer.write(np.arange(3, dtype=np.int32).reshape(-1, 1))
    body = chunks(out)[b"bext"]
    assert len(body) == 602
    description, originator = body[:256].rstrip(b"\0"), body[256:288].rstrip(b"\0")
    assert description.startswith(b"Target: H?nd, xxx")
    assert len(description) == 256
    assert originator == b"Soundmatte"
    assert body[320:338] == b"2026-11-2210:20:30"
    assert struct.unpack_from("<QH", body, 338) == (3600 * 48000 + 5, 1)
    with av.open(str(out)) as container:
        assert container.metadata["time_reference"] == str(3600 * 48000 + 5)
    assert chunks(out)[b"data"] == bytes([0, 0, 0, 1, 0, 0, 2, 0, 0])
    # An odd number of bytes is followed by one that is not counted.
    assert soundfile.info(out).frames == 3


@pytest.mark.parametrize(
    ("speakers", "mask"),
    [
        (("FL", "FR", "FC", "LFE", "BL", "BR"), 0x3F),
        (("FL", "FR", "FC", "LFE", "SL", "SR"), 0x60F),
        (("FR", "FL", "FC", "LFE", "BL", "BR"), 0),
        (("FL", "FR"), 0),
        ((), 0),
    ],
)
@pytest.mark.parametrize("encoding", ["s24", "f32"])
def test_speakers_of_many_channels(
    tmp_path: Path, speakers: tuple[str, ...], mask: int, encoding: bwf.Encoding
) -> None:
    out = tmp_path / "stem.wav"
    with WaveWriter(out, WaveFormat(48000, 6, encoding, speakers)) as writer:
        writer.write(np.ones((10, 6), np.int32))
    form = chunks(out)[b"fmt "]
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", form)
    assert (tag, channels, rate, align) == (0xFFFE, 6, 48000, 6 * bits // 8)
    assert struct.unpack_from("<I", form, 20)[0] == mask
    assert soundfile.info(out).subtype == ("PCM_24" if encoding == "s24" else "FLOAT")


@pytest.mark.parametrize("encoding", ["s24", "f32"])
def test_beyond_four_gigabytes_it_is_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: bwf.Encoding
) -> None:
    """The same headers, with a limit that a small file goes beyond."""
    monkeypatch.setattr(bwf, "_SIZE_LIMIT", 10_000)
    steps = np.rint(noise(1, FRAMES, 2) / STEP).astype(np.int32)
    files = {"small": steps[:500], "large": steps}
    for name, some in files.items():
        form = WaveFormat(48000, 2, encoding)
        with WaveWriter(tmp_path / name, form, Origination("large", 7)) as writer:
            writer.write(some)
        info = soundfile.info(tmp_path / name)
        assert info.format == ("RF64" if name == "large" else "WAV")
        assert info.frames == len(some)
        assert np.array_equal(whole_steps(tmp_path / name, STEP), some)
    data = (tmp_path / "large").read_bytes()
    assert data[:8] == b"RF64\xff\xff\xff\xff"
    riff, size, frames, table = struct.unpack_from("<QQQI", data, 20)
    assert (data[12:16], riff, frames, table) == (b"ds64", len(data) - 8, FRAMES, 0)
    assert size == FRAMES * 2 * (3 if encoding == "s24" else 4)
    with av.open(str(tmp_path / "large")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) == FRAMES


def test_blocks_can_start_and_stop_anywhere(tmp_path: Path) -> None:
    samples = noise(1, 2 * BLOCK + 10, 2)
    soundfile.write(tmp_path / "x.wav", samples, 48000, subtype="PCM_24")
    for start, stop in ((0, None), (BLOCK - 1, BLOCK + 1), (5, 5), (7, 10 * BLOCK)):
        blocks = list(float_blocks(tmp_path / "x.wav", start=start, stop=stop))
        wanted = samples[start:stop]
        assert sum(map(len, blocks)) == len(wanted)
        if blocks:
            assert np.array_equal(np.concatenate(blocks), wanted)


@pytest.mark.parametrize("encoding", ["s24", "f32"])
def test_appending_copies_every_bit(tmp_path: Path, encoding: bwf.Encoding) -> None:
    form, steps = WaveFormat(48000, 2, encoding), np.rint(noise(1, 70_000, 2) / STEP)
    parts = [tmp_path / "first.wav", tmp_path / "both.wav"]
    with WaveWriter(parts[0], form) as writer:
        writer.write(steps.astype(np.int32))
    with WaveWriter(parts[1], form) as writer:
        writer.write(np.zeros((3, 2), np.int32))
        writer.append(parts[0])
    assert np.array_equal(whole_steps(parts[1], STEP), np.pad(steps, ((3, 0), (0, 0))))
