"""Speech out of a mix: it separates, lands on the sample, and survives any input."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from soundmatte.engines.offline import deepfilternet, speech
from soundmatte.engines.offline.speech import SpeechSeparator, _chunks
from soundmatte.engines.offline.survey import Survey
from soundmatte.errors import UsageError

Sound = NDArray[np.float32]
Likeness = Callable[[Sound, Sound], float]
RATES = (8000, 11_025, 16_000, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000)


def streamed(separator: SpeechSeparator, mix: Sound, rate: int, block: int) -> Sound:
    survey = Survey(rate, mix.shape[1])
    blocks = [mix[first : first + block] for first in range(0, len(mix), block)]
    for part in blocks:
        survey.add(part)
    parts = list(separator.stream(blocks, rate, survey.plan()))
    return np.concatenate(parts)


def test_it_separates_and_lands_on_the_sample(
    separator: SpeechSeparator, voice: Sound, hiss: Sound, likeness: Likeness
) -> None:
    target = separator.estimate(voice + hiss, 48_000)
    assert likeness(target, voice) > 9
    spectra = np.fft.rfft(target, 2 * len(voice)), np.fft.rfft(voice, 2 * len(voice))
    assert np.argmax(np.fft.irfft(spectra[0] * spectra[1].conj())) == 0


def test_what_is_no_speech_goes(separator: SpeechSeparator, hiss: Sound) -> None:
    target = separator.estimate(hiss, 48_000)
    assert np.mean(target**2) < np.mean(hiss**2) / 100


def test_clean_speech_stays(separator: SpeechSeparator, voice: Sound, likeness: Likeness) -> None:
    assert likeness(separator.estimate(voice, 48_000), voice) > 15


@pytest.mark.parametrize("rate", RATES)
def test_any_rate(separator: SpeechSeparator, voice: Sound, likeness: Likeness, rate: int) -> None:
    clean = soxr.resample(voice[:96_123], 48_000, rate)
    noise = np.random.default_rng(2).standard_normal(len(clean)).astype(np.float32)
    mix = clean + noise * np.sqrt(np.mean(clean**2))
    target = separator.estimate(mix, rate)
    assert target.shape == mix.shape
    assert likeness(target, clean) > likeness(mix, clean) + 5


def test_the_level_of_the_mix_does_not_matter(
    separator: SpeechSeparator, voice: Sound, hiss: Sound
) -> None:
    mix = (voice + hiss)[:96_000]
    loud = separator.estimate(mix * 2, 48_000)  # beyond full scale
    quiet = separator.estimate(mix / 1000, 48_000)
    np.testing.assert_allclose(quiet * 2000, loud, atol=2e-4)


def test_streaming_is_the_same_as_the_whole_clip(
    separator: SpeechSeparator, voice: Sound, hiss: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "CHUNK_SECONDS", 1.0)
    monkeypatch.setattr(deepfilternet, "BLOCK", 100)
    monkeypatch.setattr(deepfilternet, "CONTEXT", 25)
    mix = np.stack([voice, voice + hiss], axis=1)[: 44_100 * 3 + 11]
    assert np.array_equal(streamed(separator, mix, 44_100, 7001), separator.estimate(mix, 44_100))


def test_the_chunks_of_the_stream_leave_no_seam(
    separator: SpeechSeparator, voice: Sound, hiss: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = (voice + hiss)[: 44_100 * 3]
    whole = separator.estimate(mix, 44_100)
    monkeypatch.setattr(speech, "CHUNK_SECONDS", 2.1)
    np.testing.assert_allclose(separator.estimate(mix, 44_100), whole, atol=1e-6)


def test_two_channels_that_agree_and_two_that_do_not(
    separator: SpeechSeparator, voice: Sound, hiss: Sound, likeness: Likeness
) -> None:
    sides = np.stack([hiss, np.roll(hiss, 9999)], axis=1) / 2
    for left, right in ((1.0, 1.0), (1.0, 0.1)):
        clean = (voice[:, None] * np.array([left, right], np.float32))[:100_000]
        mix = clean + sides[:100_000]
        assert likeness(separator.estimate(mix, 48_000), clean) > likeness(mix, clean) + 4


def test_an_inverted_channel_loses_nothing(
    separator: SpeechSeparator, voice: Sound, likeness: Likeness
) -> None:
    mix = np.stack([voice, -voice], axis=1)
    assert likeness(separator.estimate(mix, 48_000), mix) > 15


def test_surround_has_its_voice_in_the_centre_and_none_in_the_low_effects(
    separator: SpeechSeparator, voice: Sound, hiss: Sound, likeness: Likeness
) -> None:
    frames = 100_000
    rumble = 0.3 * np.sin(2 * np.pi * 50 * np.arange(frames) / 48_000)
    silence = np.zeros(frames)
    front = [hiss[:frames] / 9, hiss[9:][:frames] / 9]
    channels = [*front, voice[:frames], rumble, silence, hiss[99:][:frames] / 9]
    target = separator.estimate(np.stack(channels, axis=1).astype(np.float32), 48_000)
    assert likeness(target[:, 2], voice[:frames]) > 12
    assert not target[:, 3:5].any()
    assert np.mean(target[:, [0, 1, 5]] ** 2) < np.mean(hiss**2) / 1000


@pytest.mark.parametrize("frames", [0, 1, 2, 100, 5000])
@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_short_clips(separator: SpeechSeparator, frames: int, shape: tuple[int, ...]) -> None:
    mix = np.random.default_rng(1).standard_normal((frames, *shape)).astype(np.float32)
    target = separator.estimate(mix, 44_100)
    assert target.shape == mix.shape
    assert target.dtype == np.float32
    assert np.isfinite(target).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sound: sound * 0,
        lambda sound: sound * 0 + 0.7,
        lambda sound: np.where(np.arange(len(sound)) % 1000 == 0, np.nan, sound),
        lambda sound: np.where(np.arange(len(sound)) % 1000 == 0, np.inf, sound),
        lambda sound: np.clip(sound * 100, -1, 1),
        lambda sound: sound * 2 / np.abs(sound).max(),
        lambda sound: sound * 1e-30,
        lambda sound: sound * 1e30,
        lambda sound: sound.astype(np.float64),
    ],
    ids=["silence", "dc", "nan", "inf", "clipped", "peak 2", "tiny", "huge", "double"],
)
def test_any_samples(
    separator: SpeechSeparator, voice: Sound, spoil: Callable[[Sound], Sound]
) -> None:
    with np.errstate(all="ignore"):
        mix = spoil(voice[:30_000]).astype(np.float32)
    target = separator.estimate(mix, 48_000)
    assert target.shape == mix.shape
    assert np.isfinite(target).all()


def test_silence_is_silent_and_direct_current_is_no_speech(separator: SpeechSeparator) -> None:
    assert not separator.estimate(np.zeros((48_000, 2), np.float32), 48_000).any()
    assert not separator.estimate(np.full(48_000, 0.5, np.float32), 48_000).any()


def test_models_that_make_no_separator_are_named() -> None:
    with pytest.raises(UsageError, match="dtln"):
        SpeechSeparator.load(("dtln",))
    with pytest.raises(UsageError, match="nothing"):
        SpeechSeparator.load(())


def test_the_work_can_be_ended_between_runs_of_the_nets(
    separator: SpeechSeparator, voice: Sound
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    survey = Survey(48_000, 1)
    survey.add(voice[:, None])
    with pytest.raises(KeyboardInterrupt):
        list(separator.stream([voice[:, None]], 48_000, survey.plan(), stop))


def test_chunks_keep_every_frame_and_mark_the_last() -> None:
    sound = np.arange(100, dtype=np.float32)[:, None]
    for cuts in ([], [30], [10, 10, 50], [99]):
        chunks = list(_chunks(np.split(sound, cuts), 30))
        assert np.array_equal(np.concatenate([chunk for chunk, _ in chunks]), sound)
        assert [len(chunk) for chunk, _ in chunks] == [30, 30, 30, 10]
        assert [last for _, last in chunks] == [False, False, False, True]
    assert list(_chunks([], 30)) == []
