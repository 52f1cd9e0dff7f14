"""Stems from a model, made to fit the mix: measured against parts that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stemmux.conform import Conformed, Piece, Style, conform
from stemmux.errors import UnreadableMedia
from stemmux.grid import Mix, settle, split
from stemmux.measure import null_db, offset, si_sdr_db

RATE = 48_000
Sound = np.ndarray


def voice(seconds: float, seed: int = 1) -> Sound:
    """Syllables of a gliding tone with overtones, and pauses."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * time + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tones = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 20))
    open_ = np.clip(np.sin(2 * np.pi * 2.3 * time + seed), 0, 1)
    return np.asarray(0.08 * tones * open_)


def rain(seconds: float, seed: int = 2) -> Sound:
    """Noise that gets louder and softer, brighter than the voice."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    noise = np.diff(rng.normal(0, 0.05, count + 1))
    swell = np.interp(
        np.arange(count),
        np.arange(0, count + 9600, 9600),
        rng.uniform(0.2, 1.0, len(np.arange(0, count + 9600, 9600))),
    )
    return np.asarray(noise * swell)


def written(path: Path, sound: Sound, rate: int = RATE) -> Path:
    soundfile.write(path, sound, rate, subtype="FLOAT")
    return path


def settled(folder: Path, sound: Sound, rate: int = RATE) -> Mix:
    return settle(written(folder / "raw.wav", sound, rate), folder / "mix.wav")


def conformed(
    folder: Path, mix: Mix, *stems: tuple[Sound, Sound | None, int, int], style: Style = "original"
) -> Conformed:
    pieces = [
        Piece(
            written(folder / f"t{number}.wav", target),
            None if residual is None else written(folder / f"r{number}.wav", residual),
            start,
            frames,
        )
        for number, (target, residual, start, frames) in enumerate(stems)
    ]
    return conform(mix, pieces, folder, style=style)


def heard(path: Path) -> Sound:
    return np.asarray(soundfile.read(path, always_2d=True)[0])


def nulls(folder: Path, mix: Mix, found: Conformed) -> bool:
    files = folder / "target.wav", folder / "residual.wav"
    split(mix, found.target, "target", *files)
    return null_db(mix.path, files) == -math.inf


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_every_channel_gets_its_own_target_back(tmp_path: Path, channels: int) -> None:
    one, other = voice(3), rain(3)
    gains, bed = np.linspace(1, 0, channels) if channels > 1 else [1.0], np.ones(channels)
    truth = one[:, None] * np.asarray(gains)
    mix = settled(tmp_path, truth + other[:, None] * bed)
    mono = truth.mean(axis=1) if channels > 1 else one
    found = conformed(tmp_path, mix, (mono + 0.1 * other, other + 0.1 * mono, 0, len(one)))
    target = heard(found.target)
    assert target.shape == truth.shape
    assert si_sdr_db(truth, target) > 15
    assert found.alignments[0].delay == pytest.approx(0, abs=0.01)
    assert found.evidence.doubts == ()
    assert nulls(tmp_path, mix, found)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_stem_of_another_rate_late_upside_down_and_too_long(tmp_path: Path, rate: int) -> None:
    import soxr

    one, other = voice(3), rain(3)
    truth = soxr.resample(one, RATE, rate)
    rest = soxr.resample(other, RATE, rate)
    mix = settled(tmp_path, np.stack([truth + rest, 0.5 * truth + rest], axis=1), rate)
    late = np.zeros(480)
    stems = [np.concatenate([late, -2 * part, np.zeros(1900)]) for part in (one, other)]
    found = conformed(tmp_path, mix, (stems[0], stems[1], 0, mix.frames))
    [alignment] = found.alignments
    assert alignment.inverted
    assert alignment.delay == pytest.approx(480 * rate / RATE, abs=0.05)
    assert si_sdr_db(np.stack([truth, 0.5 * truth], axis=1), heard(found.target)) > 15
    assert nulls(tmp_path, mix, found)


def test_pieces_are_joined_without_a_break(tmp_path: Path) -> None:
    one, other = voice(6), rain(6)
    mix = settled(tmp_path, one + other)
    spans = [(0, 100_000), (76_000, 180_000), (156_000, mix.frames)]
    stems = [
        ((1 + 0.5 * k) * one[a:b], 0.7 * other[a:b] + 0.1 * one[a:b], a, b - a)
        for k, (a, b) in enumerate(spans)
    ]
    found = conformed(tmp_path, mix, *stems)
    assert [(seam.start, seam.end) for seam in found.seams] == [
        (76_000, 100_000),
        (156_000, 180_000),
    ]
    assert all(seam.smooth for seam in found.seams)
    target = heard(found.target)[:, 0]
    assert si_sdr_db(one, target) > 15
    for seam in found.seams:
        assert si_sdr_db(one[seam.start : seam.end], target[seam.start : seam.end]) > 12
    assert nulls(tmp_path, mix, found)


def test_a_piece_that_heard_another_sound_is_a_rough_seam(tmp_path: Path) -> None:
    one, other = voice(5), rain(5)
    mix = settled(tmp_path, one + other)
    cut, overlap = 120_000, 24_000
    found = conformed(
        tmp_path,
        mix,
        (one[: cut + overlap], other[: cut + overlap], 0, cut + overlap),
        (other[cut:], one[cut:], cut, mix.frames - cut),
    )
    [seam] = found.seams
    assert not seam.smooth
    assert nulls(tmp_path, mix, found)


def test_a_hole_between_pieces_is_silent(tmp_path: Path) -> None:
    one, other = voice(4), rain(4)
    mix = settled(tmp_path, one + other)
    found = conformed(
        tmp_path,
        mix,
        (one[10_000:60_000], other[10_000:60_000], 10_000, 50_000),
        (one[120_000:170_000], other[120_000:170_000], 120_000, 50_000),
    )
    target = heard(found.target)[:, 0]
    assert len(target) == mix.frames
    assert not target[:10_000].any()
    assert not target[60_000:120_000].any()
    assert not target[170_000:].any()
    assert si_sdr_db(one[12_000:58_000], target[12_000:58_000]) > 12
    assert nulls(tmp_path, mix, found)


def test_clean_is_the_stem_itself_at_the_level_of_the_mix(tmp_path: Path) -> None:
    one, other = voice(4), rain(4)
    mix = settled(tmp_path, np.stack([one + other, 0.5 * one + other], axis=1))
    late = np.zeros(100)
    stems = [np.concatenate([late, gain * part]) for gain, part in ((3, one), (0.2, other))]
    found = conformed(tmp_path, mix, (*stems, 0, len(one)), style="clean")
    target = heard(found.target)
    assert found.residual is not None
    assert heard(found.residual).shape == target.shape == (len(one), 2)
    # Nothing but the stem: to within the filter that moves it, and a gain for each channel.
    assert si_sdr_db(one, target[:, 0]) > 60
    assert offset(one, target[:, 0]).samples == pytest.approx(0, abs=0.01)
    levels = 20 * np.log10(np.std(target, axis=0) / np.std(one))
    assert levels == pytest.approx([0, -6.02], abs=0.7)


@pytest.mark.parametrize("style", ["original", "clean"])
def test_one_stem_upside_down_beside_the_other_is_as_good(tmp_path: Path, style: Style) -> None:
    one, other = voice(3), rain(3)
    mix = settled(tmp_path, np.stack([one + other, 0.5 * one + other], axis=1))
    stems = one + 0.2 * other, other + 0.2 * one
    reached = []
    for signs in ((1, 1), (1, -1), (-1, 1)):
        target, residual = (sign * stem for sign, stem in zip(signs, stems, strict=True))
        found = conformed(tmp_path, mix, (target, residual, 0, len(one)), style=style)
        assert found.alignments[0].delay == pytest.approx(0, abs=0.01)
        reached.append(si_sdr_db(one, heard(found.target)[:, 0]))
        for path, part in ((found.target, one), (found.residual, other)):
            assert path is None or np.sum(heard(path)[:, 0] * part) > 0
    assert reached[0] > 12
    assert reached == pytest.approx([reached[0]] * 3, abs=0.2)


def test_a_target_alone_will_do(tmp_path: Path) -> None:
    one, other = voice(3), rain(3)
    mix = settled(tmp_path, one + other)
    found = conformed(tmp_path, mix, (0.5 * one + 0.02 * other, None, 0, len(one)))
    assert si_sdr_db(one, heard(found.target)[:, 0]) > 10


@pytest.mark.parametrize("style", ["original", "clean"])
def test_silence_and_damage_come_through(tmp_path: Path, style: Style) -> None:
    one, other = voice(2), rain(2)
    mix = settled(tmp_path, one + other)
    holes = one.copy()
    holes[100:200] = np.nan
    holes[300] = np.inf
    for target, residual in ((0 * one, other), (one, 0 * one), (0 * one, 0 * one), (holes, other)):
        found = conformed(tmp_path, mix, (target, residual, 0, len(one)), style=style)
        assert np.isfinite(heard(found.target)).all()
        if not target.any():
            assert found.evidence.doubts
    assert any("damage" in note or "number" in note for note in found.notes)


def test_stems_of_another_clip_are_doubtful(tmp_path: Path) -> None:
    mix = settled(tmp_path, voice(4) + rain(4))
    time = np.arange(4 * RATE) / RATE
    strange = 0.1 * np.sin(2 * np.pi * 3000 * time) * (np.sin(2 * np.pi * 5 * time) > 0)
    chirp = 0.1 * np.sin(2 * np.pi * (6000 + 500 * time) * time)
    found = conformed(tmp_path, mix, (strange, chirp, 0, mix.frames))
    assert not found.alignments[0].trusted
    assert any("account for" in doubt for doubt in found.evidence.doubts)


def test_a_stem_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    mix = settled(tmp_path, voice(1))
    (tmp_path / "x.wav").write_bytes(b"RIFF0000WAVEnothing")
    with pytest.raises(UnreadableMedia):
        conform(mix, [Piece(tmp_path / "x.wav", None, 0, mix.frames)], tmp_path)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    frames=st.integers(1, 40_000),
    channels=st.integers(1, 3),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.3)), max_size=3),
    seed=st.integers(0, 99),
)
# The stems foretell all of the mix there is.
@example(frames=1, channels=2, cuts=[], seed=0)
def test_any_length_and_any_windows(
    tmp_path: Path, frames: int, channels: int, cuts: list[tuple[float, float]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.1, (frames, channels))
    mix = settled(tmp_path, sound)
    starts = [0, *sorted({round(at * (frames - 1)) for at, _ in cuts} - {0})]
    ends = [
        min(frames, after + round(lap * frames))
        for after, (_, lap) in zip(starts[1:], [*cuts, *cuts], strict=False)
    ] + [frames]
    # No window may end behind the end of any later one.
    ends = [min(ends[number:]) for number in range(len(ends))]
    stems = [
        (rng.normal(0, 0.1, b - a + 7), rng.normal(0, 0.1, b - a + 7), a, b - a)
        for a, b in zip(starts, ends, strict=True)
        if b > a
    ]
    found = conformed(tmp_path, mix, *stems)
    assert heard(found.target).shape == sound.shape
    assert np.isfinite(heard(found.target)).all()
    assert nulls(tmp_path, mix, found)
