"""Loudness against the standards: the test signals of EBU Tech 3341 and 3342, made anew."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.media.making import Sound, Studio, noise

from stemmux.bwf import Encoding, WaveFormat, WaveWriter
from stemmux.errors import Cancelled, MediaError, NoAudio, UnreadableMedia
from stemmux.loudness import Loudness, measure, measure_waves

RATE = 48000


def tone(*parts: tuple[float, float], rate: int = RATE, hertz: float = 1000.0) -> Sound:
    """A sine of these levels (dBFS, by its peak) and durations (s), one after the other."""
    gains = [np.full(round(length * rate), 10 ** (level / 20)) for level, length in parts]
    gain = np.concatenate(gains)
    return np.asarray(gain * np.sin(2 * np.pi * hertz * np.arange(len(gain)) / rate))


def stereo(*parts: tuple[float, float], rate: int = RATE) -> Sound:
    return np.tile(tone(*parts, rate=rate)[:, None], (1, 2))


def surround(path: Path, channels: dict[str, Sound], encoding: Encoding = "s24") -> Path:
    """A WAV file that names its speakers."""
    form = WaveFormat(RATE, len(channels), encoding, tuple(channels))
    sound = np.stack(list(channels.values()), axis=1)
    with WaveWriter(path, form) as writer:
        writer.write(np.rint(sound * 2.0**23).astype(np.int32))
    return path


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([(-23.0, 20)], -23.0),
        ([(-33.0, 20)], -33.0),
        ([(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)], -23.0),
        ([(-26.0, 20), (-20.0, 20.1), (-26.0, 20)], -23.0),
    ],
    ids=["1", "2", "4: both gates", "5: no gate"],
)
def test_integrated_loudness_of_tech_3341(
    studio: Studio, parts: list[tuple[float, float]], wanted: float
) -> None:
    found = measure(studio.wave(stereo(*parts), subtype="PCM_24"))
    assert found.integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_channel_weights_of_tech_3341(tmp_path: Path) -> None:
    """Test 6: five channels, the surrounds 1.5 dB heavier, add up to -23 LUFS."""
    levels = {"FL": -28.0, "FR": -28.0, "FC": -24.0, "BL": -30.0, "BR": -30.0}
    sound = {name: tone((level, 20)) for name, level in levels.items()}
    found = measure(surround(tmp_path / "x.wav", sound))
    assert found.integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_every_channel_of_a_surround_file_weighs_what_it_should(tmp_path: Path) -> None:
    """A sine in one channel is 3.01 LU below two; surrounds weigh 1.41; LFE weighs nothing."""
    names = ("FL", "FR", "FC", "LFE", "SL", "SR")
    heavier = -23 - 3.01 + 10 * math.log10(1.41)
    wanted = {"LFE": -math.inf, "SL": heavier, "SR": heavier}
    for loud in names:
        sound = {name: tone((-23.0 if name == loud else -200.0, 1)) for name in names}
        found = measure(surround(tmp_path / f"{loud}.wav", sound)).integrated_lufs
        assert found == pytest.approx(wanted.get(loud, -23 - 3.01), abs=0.05), loud


@pytest.mark.parametrize(("channels", "loud"), [(1, 0), (2, 1), (3, 2), (6, 3), (6, 5), (9, 8)])
def test_channels_without_names_weigh_the_same(studio: Studio, channels: int, loud: int) -> None:
    """None of them is taken for a subwoofer, which would not be heard, or for a surround."""
    sound = np.zeros((RATE, channels))
    sound[:, loud] = tone((-23.0, 1))
    found = measure(studio.wave(sound, subtype="FLOAT"))
    assert found.integrated_lufs == pytest.approx(-23 - 3.01, abs=0.05)
    assert found.true_peak_dbtp == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([(-20.0, 20), (-30.0, 20)], 10.0),
        ([(-20.0, 20), (-15.0, 20)], 5.0),
        ([(-40.0, 20), (-20.0, 20)], 20.0),
    ],
)
def test_loudness_range_of_tech_3342(
    studio: Studio, parts: list[tuple[float, float]], wanted: float
) -> None:
    found = measure(studio.wave(stereo(*parts), subtype="PCM_24"))
    assert found.range_lu == pytest.approx(wanted, abs=1.0)


@pytest.mark.parametrize("phase", [0.0, 45.0, 60.0, 67.5])
def test_true_peak_of_tech_3341(studio: Studio, phase: float) -> None:
    """Tests 15 to 18: a quarter of the rate, whose peaks lie between the samples or on them."""
    turn = np.pi * np.arange(RATE) / 2 + math.radians(phase)
    # Faded, since a sudden start is louder between the samples than what was started.
    fade = np.minimum(1, np.arange(RATE) / 4800)
    sound = 0.5 * np.sin(turn) * fade * fade[::-1]
    found = measure(studio.wave(np.stack([sound, sound], axis=1), subtype="FLOAT"))
    assert -6.02 - 0.4 <= found.true_peak_dbtp <= -6.02 + 0.2
    if phase == 45.0:
        assert np.abs(sound).max() < 10 ** (-9 / 20)


def test_true_peak_goes_beyond_full_scale(studio: Studio) -> None:
    """Test 19: +3 dB between samples that are all below full scale, or beyond it in floats."""
    fade = np.minimum(1, np.arange(RATE) / 4800)
    fade = fade * fade[::-1]
    turn = np.pi * np.arange(RATE) / 2 + math.pi / 4
    for gain, subtype, wanted in ((1.41, "PCM_24", 2.98), (4.0, "FLOAT", 12.04)):
        sound = gain * np.sin(turn) * fade
        found = measure(studio.wave(sound[:, None], subtype=subtype))
        assert wanted - 0.4 <= found.true_peak_dbtp <= wanted + 0.2


def test_the_loudest_moments(studio: Studio) -> None:
    """A burst fills 400 ms wholly and 3 s in part; the rest is 30 dB below."""
    found = measure(studio.wave(stereo((-50.0, 4), (-20.0, 1.5), (-50.0, 4)), subtype="PCM_24"))
    assert found.max_momentary_lufs == pytest.approx(-20, abs=0.1)
    energy = (1.5 * 10**-2 + 1.5 * 10**-5) / 3
    assert found.max_short_term_lufs == pytest.approx(10 * math.log10(energy), abs=0.1)
    steady = measure(studio.wave(stereo((-23.0, 4)), subtype="PCM_24"))
    assert steady.max_momentary_lufs == pytest.approx(-23, abs=0.1)
    assert steady.max_short_term_lufs == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("rate", "subtype"),
    [(8000, "PCM_24"), (44100, "PCM_16"), (96000, "FLOAT"), (192000, "PCM_24")],
)
def test_rate_and_width_change_nothing(studio: Studio, rate: int, subtype: str) -> None:
    found = measure(studio.wave(stereo((-23.0, 4), rate=rate), rate, subtype))
    assert found.integrated_lufs == pytest.approx(-23, abs=0.1)
    assert found.max_short_term_lufs == pytest.approx(-23, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(-23, abs=0.3)


@settings(max_examples=4, deadline=None)
@given(st.floats(-40, 20), st.integers(0, 100))
def test_a_gain_moves_every_level_by_itself(studio: Studio, gain: float, seed: int) -> None:
    sound = noise(seed, 4 * RATE) * np.linspace(0.3, 1, 4 * RATE)[:, None]
    before, after = (
        measure(studio.wave(sound * factor, subtype="FLOAT")) for factor in (1, 10 ** (gain / 20))
    )
    assert after.range_lu == pytest.approx(before.range_lu, abs=0.05)
    for name in ("integrated_lufs", "max_momentary_lufs", "max_short_term_lufs"):
        assert getattr(after, name) - getattr(before, name) == pytest.approx(gain, abs=0.02)
    assert after.true_peak_dbtp - before.true_peak_dbtp == pytest.approx(gain, abs=0.11)


@pytest.mark.parametrize("sound", [np.zeros((RATE * 4, 2)), stereo((-20.0, 0.3)), stereo((-90, 4))])
def test_what_cannot_be_heard_is_minus_infinity(studio: Studio, sound: Sound) -> None:
    """Silence; shorter than the 400 ms that a measurement takes; below the absolute gate."""
    found = measure(studio.wave(sound, subtype="FLOAT"))
    assert found.integrated_lufs == -math.inf
    assert found.range_lu == 0
    assert found.as_values()["integrated_lufs"] is None
    json.dumps(found.as_values(), allow_nan=False)
    silent = not sound.any()
    for level in (found.true_peak_dbtp, found.max_momentary_lufs, found.max_short_term_lufs):
        assert not silent or level == -math.inf


def test_silence_behind_a_sound_is_no_damage(studio: Studio) -> None:
    """The filter's running sums end a little below nothing there."""
    samples = np.random.default_rng(1).standard_normal((144_000, 2)) * 0.1
    heard = measure(studio.wave(samples[:50_000], subtype="PCM_24"))
    samples[50_000:] = 0
    silent = studio.wave(samples, subtype="PCM_24")
    found = measure(silent)
    assert found == measure_waves([silent])[0]
    assert found.max_momentary_lufs == heard.max_momentary_lufs
    assert found.integrated_lufs == pytest.approx(heard.integrated_lufs, abs=1)
    samples[100] = np.inf
    with pytest.raises(MediaError, match="no numbers"):
        measure(studio.wave(samples, subtype="FLOAT"))


def test_values_for_programs() -> None:
    loudness = Loudness(-23.0, 5.0, -math.inf, -18.5, -20.0)
    assert loudness.as_values() == {
        "integrated_lufs": -23.0,
        "range_lu": 5.0,
        "true_peak_dbtp": None,
        "max_momentary_lufs": -18.5,
        "max_short_term_lufs": -20.0,
    }


def test_the_tracks_of_a_movie(studio: Studio) -> None:
    """The same sound in the file and beside it is as loud; nothing is written into the clip."""
    clip = studio.clip("mov", tracks=2)
    before = hashlib.sha256(clip.path.read_bytes()).digest()
    for track, sound in enumerate(clip.sounds):
        alone = measure(studio.wave(sound))
        assert measure(clip.path, track=track + 1) == alone
        assert alone.integrated_lufs > -20
    assert hashlib.sha256(clip.path.read_bytes()).digest() == before
    with pytest.raises(NoAudio):
        measure(clip.path, track=3)
    with pytest.raises(NoAudio):
        measure(studio.picture())


def test_what_is_no_sound_is_refused(studio: Studio, tmp_path: Path) -> None:
    text = tmp_path / "x.wav"
    text.write_text("no sound", encoding="ascii")
    for path in (text, tmp_path / "missing.wav", tmp_path):
        with pytest.raises(UnreadableMedia) as caught:
            measure(path)
        assert caught.value.hint
    sound = stereo((-20.0, 4))
    sound[RATE, 0] = math.nan
    with pytest.raises(MediaError, match="no numbers") as damaged:
        measure(studio.wave(sound, subtype="FLOAT"))
    assert damaged.value.hint


def test_an_odd_name_is_only_a_name(tmp_path: Path) -> None:
    path = tmp_path / "-a:b,c;d'[e]%03d=1\\f.wav"
    soundfile.write(path, stereo((-23.0, 1)), RATE)
    assert measure(path).integrated_lufs == pytest.approx(-23, abs=0.1)


def test_it_can_be_stopped(studio: Studio) -> None:
    shares: list[float] = []
    measure(studio.wave(noise(1, RATE)), progress=shares.append)
    assert shares[-1] == 1.0
    path = studio.wave(np.tile(noise(1, RATE), (60, 2)))

    def stop(share: float) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        measure(path, progress=stop)
