"""Where stems lie: truth made by turning phases over whole sounds, and strangers refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.aligning import anew, delayed, reader
from tests.media.making import Sound, ffmpeg
from tests.media.test_conform import RATE, rain, voice

from stemmux.align import Alignment, find, shifted

REACH = 24_000
SECONDS = 4.0


def drums(seconds: float, seed: int = 3) -> Sound:
    """Beats of noise on a grid of 0.25 s, each drawn out of four sounds: it nearly repeats."""
    random = np.random.default_rng(seed)
    fall = np.exp(-np.arange(6000) / 900)
    kit = [
        np.convolve(random.standard_normal(6000) * fall, np.ones(n) / n)[:6000]
        for n in (1, 3, 12, 50)
    ]
    out = np.zeros(round(seconds * RATE) + 6000)
    for start in range(0, round(seconds * RATE), RATE // 4):
        beat = kit[random.integers(4)] * random.uniform(0.5, 1)
        out[start : start + 6000] += 0.3 * beat
    return out[: round(seconds * RATE)]


MIXES: dict[str, Callable[[], tuple[Sound, Sound]]] = {
    "voice in rain": lambda: (voice(SECONDS), rain(SECONDS)),
    "voice over drums": lambda: (voice(SECONDS), drums(SECONDS)),
    "drums in rain": lambda: (drums(SECONDS), 0.3 * rain(SECONDS)),
}
PARTS = {name: make() for name, make in MIXES.items()}


def look(mix: Sound, stem: Sound, rate: int = RATE) -> Alignment:
    return find(reader(mix), reader(stem), len(mix), rate)


def refused(found: Alignment, reason: str) -> bool:
    """Whether nothing would be shifted, for this reason."""
    assert reason in found.reason, found
    return not found.trusted and (found.delay, found.drift_ppm, found.inverted) == (0, 0, False)


any_delay = st.one_of(st.integers(-REACH, REACH), st.floats(-REACH, REACH))


@settings(max_examples=14, deadline=None)
@given(any_delay, st.sampled_from(sorted(PARTS)), st.booleans(), st.floats(-60, 12))
def test_the_sum_of_the_stems_is_placed_to_a_hundredth_of_a_sample(
    delay: float, name: str, flip: bool, gain_db: float
) -> None:
    mix = sum(PARTS[name])
    gain = 10 ** (gain_db / 20) * (-1 if flip else 1)
    found = look(mix, gain * delayed(mix, delay))
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(delay, abs=0.01)
    assert (found.inverted, found.exact, found.drift_ppm) == (flip, True, 0)


@settings(max_examples=6, deadline=None)
@given(any_delay, st.sampled_from(sorted(PARTS)), st.booleans())
def test_one_stem_alone_is_placed(delay: float, name: str, flip: bool) -> None:
    target, residual = PARTS[name]
    stem = delayed(target + 0.1 * residual, delay)
    found = look(target + residual, -stem if flip else stem)
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(delay, abs=0.2)
    assert found.inverted is flip


@pytest.mark.parametrize("delay", [0, 1105, -23_999.5, 317.3])
def test_stems_that_were_mp3_are_placed_to_a_twentieth_of_a_sample(
    tmp_path: Path, delay: float
) -> None:
    mix = sum(PARTS["voice over drums"])
    first, coded, back = (tmp_path / name for name in ("a.wav", "a.mp3", "b.wav"))
    soundfile.write(first, delayed(mix, delay), RATE, subtype="PCM_16")
    ffmpeg("-i", first, "-c:a", "libmp3lame", "-b:a", "128k", coded)
    ffmpeg("-i", coded, "-c:a", "pcm_f32le", back)
    found = look(mix, soundfile.read(back)[0])
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(delay, abs=0.05)


def band(sound: Sound, highest_hz: float) -> Sound:
    spectrum = np.fft.rfft(sound)
    spectrum[int(highest_hz * len(sound) / RATE) :] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


DAMAGES: dict[str, Callable[[Sound], Sound]] = {
    "16 bit at -60 dB": lambda sound: np.rint(sound * 1e-3 * 32768) / 32768,
    "clipped": lambda sound: np.clip(sound, -0.1, 0.1),
    "8 kHz band": lambda sound: band(sound, 8000),
    "1 kHz band": lambda sound: band(sound, 1000),
    "DC": lambda sound: sound + 0.5,
    "half as long": lambda sound: sound[: len(sound) // 2],
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
@pytest.mark.parametrize("delay", [-7000.0, 480.37])
def test_damage_does_not_move_a_stem(damage: str, delay: float) -> None:
    mix = sum(PARTS["voice over drums"])
    found = look(mix, DAMAGES[damage](delayed(mix, delay)))
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(delay, abs=0.02)


@pytest.mark.parametrize("rate", [8000, 44_100, 96_000])
def test_every_rate_will_do(rate: int) -> None:
    mix = soxr.resample(sum(PARTS["voice over drums"]), RATE, rate, quality="VHQ")
    found = look(mix, delayed(mix, -77.3), rate)
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(-77.3, abs=0.01)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.5])
def test_a_short_clip_will_do(seconds: float) -> None:
    mix = sum(PARTS["voice in rain"])[24_000 : 24_000 + round(seconds * RATE)]
    found = look(mix, delayed(mix, 200.5))
    assert found.trusted, found.reason
    assert found.delay == pytest.approx(200.5, abs=0.05)


@pytest.mark.parametrize(("ppm", "seconds"), [(5, 40), (-200, 40), (60, 8)])
def test_drift_is_found_to_a_millionth_and_undone(ppm: int, seconds: int) -> None:
    mix = band(drums(seconds) + rain(seconds), 18_000)
    slow = soxr.resample(mix, 1_000_000, 1_000_000 + ppm, quality="VHQ")
    stem = np.concatenate([np.zeros(300), slow])
    found = look(mix, stem)
    assert found.trusted, found.reason
    assert found.drift_ppm == pytest.approx(ppm, abs=1)
    assert found.delay == pytest.approx(300, abs=0.1)
    back = shifted(reader(stem), found)(0, len(mix))
    inner = slice(48_000, -48_000)
    error = np.mean((back - mix)[inner] ** 2) / np.mean(mix[inner] ** 2)
    assert 10 * np.log10(error) < -40


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_drift(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    mix = voice(8, seed + 1) + rain(8, seed)
    stem = delayed(voice(8, seed + 1), 100.5) + 0.02 * random.standard_normal(8 * RATE + 101)
    found = look(mix, stem)
    assert found.trusted, found.reason
    assert found.drift_ppm == 0
    assert found.delay == pytest.approx(100.5, abs=0.6)


def tone(seconds: float, hertz: float) -> Sound:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE))


LOOP = np.tile(drums(0.5), 12)
SILENCE = np.zeros(6 * RATE)


@pytest.mark.parametrize(
    ("mix", "stem", "reason"),
    [
        (SILENCE, rain(6), "silent"),
        (rain(6), SILENCE, "silent"),
        (SILENCE + 0.4, SILENCE + 0.3, "silent"),
        (rain(0.03), rain(0.03), "too few"),
        (tone(6, 440), delayed(tone(6, 440), 31.3), "Several delays"),
        (tone(6, 6000), delayed(tone(6, 6000), 31.3), "Several delays"),
        (LOOP, delayed(LOOP, 777.3), "Several delays"),
        (rain(6, 1), rain(6, 2), "too little in common"),
        (voice(6, 1), rain(6, 1), "too little in common"),
    ],
    ids=["no mix", "no stem", "DC", "short", "tone", "high tone", "loop", "rains", "strangers"],
)
def test_poor_evidence_is_refused_with_a_reason(mix: Sound, stem: Sound, reason: str) -> None:
    assert refused(look(mix, stem), reason)


def test_a_stem_that_jumps_is_refused() -> None:
    mix = voice(8) + rain(8)
    early, late = delayed(mix, 100), delayed(mix, 9000)
    stem = np.concatenate([early[: 4 * RATE], late[4 * RATE :]])
    assert refused(look(mix, stem), "not the same from place to place")


def test_two_hundred_pairs_of_strangers_are_all_refused() -> None:
    rate = 16_000
    for seed in range(200):
        random = np.random.default_rng(seed)
        seconds = 25.0 if seed % 50 == 0 else 0.3
        mix, stem = random.standard_normal((2, round(seconds * rate)))
        if seed % 2:
            mix, stem = np.cumsum(mix), np.cumsum(stem)
        assert not look(mix, stem, rate).trusted, seed


def test_a_trace_that_strangers_share_proves_nothing() -> None:
    for seed in range(6):
        random = np.random.default_rng(seed)
        mix, stem = (
            np.convolve(random.standard_normal(RATE // 2 + 255), np.hanning(256) / 128, "valid")
            for _ in "ab"
        )
        trace = 3e-4 * random.standard_normal(RATE // 2)
        assert not look(mix + trace, stem + np.roll(trace, 700)).trusted, seed


@pytest.mark.parametrize("delay", [0, -20_000])
def test_a_sound_made_anew_is_placed_by_its_contours(delay: int) -> None:
    mix = voice(8) + rain(8)
    found = look(mix, anew(delayed(mix, delay), 5))
    assert found.trusted, found.reason
    assert not found.exact
    assert found.delay == pytest.approx(delay, abs=0.01 * RATE)
    assert found.delay == 0 or delay
    assert not found.inverted


def test_a_sound_made_anew_elsewhere_is_refused() -> None:
    mix = voice(8, 1) + rain(8, 2)
    assert not look(mix, anew(voice(8, 7) + rain(8, 8), 5)).trusted


def test_two_hours_are_read_no_more_than_ten_minutes() -> None:
    sound = np.random.default_rng(1).standard_normal(1 << 20)
    counts = {}

    def endless(name: str, late: int) -> Callable[[int, int], Sound]:
        counts[name] = 0

        def read(start: int, count: int) -> Sound:
            counts[name] += count
            return np.take(sound, np.arange(start - late, start - late + count), mode="wrap")

        return read

    frames = 7200 * RATE
    found = find(endless("mix", 0), endless("stem", 12_345), frames, RATE)
    assert (found.delay, found.trusted) == (12_345, True)
    assert max(counts.values()) < 100 * RATE


def test_a_stem_is_read_where_the_mix_is() -> None:
    mix = band(sum(PARTS["voice over drums"]), 19_000)
    stem = -0.5 * delayed(mix, 333.4, 48_000)
    found = look(mix, stem)
    back = shifted(reader(stem), found)(0, len(mix))
    assert 10 * np.log10(np.mean((2 * back - mix) ** 2) / np.mean(mix**2)) < -60


def test_a_whole_delay_keeps_every_sample() -> None:
    mix = sum(PARTS["voice over drums"])
    for delay in (0, 777):
        stem = np.pad(mix, (delay, 0))
        found = look(mix, stem)
        assert found.delay == delay
        assert np.array_equal(shifted(reader(stem), found)(0, len(mix)), mix)


def test_what_is_not_trusted_is_read_as_it_is() -> None:
    stem = reader(rain(6, 1))
    found = find(reader(rain(6, 2)), stem, 6 * RATE, RATE)
    assert shifted(stem, found) is stem
