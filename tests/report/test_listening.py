"""Listening copies read back, levels against numpy, and what pydub must never be given."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from soundmatte.errors import UsageError
from soundmatte.report import listening
from soundmatte.report.listening import levels, listening_copy
from stemmux.errors import FfmpegFailed, NoAudio, OutputExists, UnreadableMedia

Samples = npt.NDArray[np.float64]


def tones(seconds: float, rate: int, channels: int, level: float = 0.5) -> Samples:
    """One tone for each channel, an octave apart, [samples, channels]."""
    time = np.arange(round(seconds * rate)) / rate
    return np.stack([level * np.sin(2 * np.pi * 220 * 2**c * time) for c in range(channels)], 1)


def wave(path: Path, samples: Samples, rate: int = 48000, subtype: str = "PCM_24") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def heard(path: Path) -> tuple[Samples, int, str]:
    """Samples [samples, channels], rate and codec of a compressed file, by PyAV alone."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        return np.concatenate(blocks, axis=1).T.astype(float), stream.rate, stream.codec.name


def strength(sound: Samples, rate: int, hertz: float) -> float:
    """Amplitude of one tone."""
    time = np.arange(len(sound)) / rate
    return float(2 * abs(np.mean(sound * np.exp(-2j * np.pi * hertz * time))))


@pytest.mark.parametrize(("suffix", "codec"), [(".mp3", "mp3"), (".ogg", "opus"), (".MP3", "mp3")])
@pytest.mark.parametrize("subtype", ["PCM_24", "FLOAT"])
def test_a_copy_sounds_like_the_stem(tmp_path: Path, suffix: str, codec: str, subtype: str) -> None:
    stem = wave(tmp_path / "stem.wav", tones(2, 48000, 2), subtype=subtype)
    copy = listening_copy(stem, tmp_path / f"copy{suffix}")
    assert copy.path == tmp_path / f"copy{suffix}"
    assert (copy.seconds, copy.notes) == (2, ())
    sound, rate, name = heard(copy.path)
    assert name.startswith(codec)
    assert len(sound) / rate == pytest.approx(2, abs=0.05)
    middle = sound[rate // 2 : rate // 2 + rate]
    assert strength(middle[:, 0], rate, 220) == pytest.approx(0.5, rel=0.05)
    assert strength(middle[:, 1], rate, 440) == pytest.approx(0.5, rel=0.05)
    assert strength(middle[:, 0], rate, 440) < 0.02, "left is left"


@pytest.mark.parametrize(("rate", "channels"), [(44100, 1), (96000, 2), (22050, 1), (88200, 2)])
def test_other_rates_and_mono(tmp_path: Path, rate: int, channels: int) -> None:
    stem = wave(tmp_path / "stem.wav", tones(1, rate, channels), rate)
    for suffix in (".mp3", ".ogg"):
        copy = listening_copy(stem, tmp_path / f"copy{suffix}")
        sound, heard_rate, _ = heard(copy.path)
        assert sound.shape[1] == channels
        assert len(sound) / heard_rate == pytest.approx(1, abs=0.06)
        assert copy.seconds == 1


def test_beyond_full_scale_it_is_made_softer_and_says_so(tmp_path: Path) -> None:
    stem = wave(tmp_path / "stem.wav", tones(1, 48000, 2, level=2.0), subtype="FLOAT")
    copy = listening_copy(stem, tmp_path / "copy.ogg")
    assert len(copy.notes) == 1
    assert "6.0 dB softer" in copy.notes[0]
    sound, rate, _ = heard(copy.path)
    assert strength(sound[4800:43200, 0], rate, 220) == pytest.approx(1, rel=0.05)
    loud = levels(stem)
    assert loud.peak_dbfs == pytest.approx(6.02, abs=0.02)
    assert loud.rms_dbfs == pytest.approx(3.01, abs=0.02)


@pytest.mark.parametrize("channels", [3, 4, 6, 8])
def test_surround_becomes_stereo_and_says_so(tmp_path: Path, channels: int) -> None:
    stem = wave(tmp_path / "stem.wav", tones(1, 48000, channels, level=0.9))
    copy = listening_copy(stem, tmp_path / "copy.ogg")
    assert copy.notes == (f"The listening copy is stereo; the stem has {channels} channels.",)
    sound, rate, _ = heard(copy.path)
    assert sound.shape[1] == 2
    assert np.abs(sound).max() < 1.02
    part = sound[4800:43200]
    left, right = (strength(part[:, side], rate, 220 * 2**side) for side in (0, 1))
    assert left == pytest.approx(right, rel=0.05)
    centre = [strength(part[:, side], rate, 880) for side in (0, 1)]
    if channels in (3, 6, 8):
        assert centre == pytest.approx([left * math.sqrt(0.5)] * 2, rel=0.05)
    if channels >= 6:
        assert strength(part[:, 0], rate, 220 * 8) < 0.01, "no LFE"


def test_only_ten_minutes_are_copied_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listening.LONGEST == 600
    monkeypatch.setattr(listening, "LONGEST", 60)
    stem = wave(tmp_path / "stem.wav", tones(63, 8000, 1), 8000)
    copy = listening_copy(stem, tmp_path / "copy.mp3")
    assert copy.seconds == 60
    assert copy.notes == ("The listening copy holds the first 1 minutes only.",)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_levels_are_those_of_the_samples(tmp_path: Path, subtype: str) -> None:
    samples = np.random.default_rng(5).normal(0, 0.1, (48000, 3))
    found = levels(wave(tmp_path / "stem.wav", samples, subtype=subtype))
    assert found.peak_dbfs == pytest.approx(20 * math.log10(np.abs(samples).max()), abs=0.01)
    rms = math.sqrt(float(np.mean(samples**2)))
    assert found.rms_dbfs == pytest.approx(20 * math.log10(rms), abs=0.02)


def test_silence_has_no_level(tmp_path: Path) -> None:
    found = levels(wave(tmp_path / "stem.wav", np.zeros((4800, 2))))
    assert found.peak_dbfs == found.rms_dbfs == -math.inf


def test_what_is_no_number_is_not_heard(tmp_path: Path) -> None:
    samples = tones(1, 48000, 1)
    samples[1000:1010], samples[2000] = np.nan, np.inf
    stem = wave(tmp_path / "stem.wav", samples, subtype="FLOAT")
    assert listening_copy(stem, tmp_path / "copy.mp3").notes == ()
    assert levels(stem).peak_dbfs == pytest.approx(0, abs=0.001)


def test_pydub_reads_extensible_float_wrongly_and_is_never_given_it(tmp_path: Path) -> None:
    """The reason for the 16-bit copy: when this fails, pydub has learned it."""
    stem = tmp_path / "stem.wav"
    soundfile.write(stem, tones(1, 48000, 1, level=0.01), 48000, subtype="FLOAT", format="WAVEX")
    wrong = listening._segment(stem)
    assert wrong.max_dBFS > -10, "integers where floats were: noise near full scale"
    assert levels(stem).peak_dbfs == pytest.approx(-40, abs=0.1)


def test_what_cannot_be_copied_is_refused(tmp_path: Path) -> None:
    stem = wave(tmp_path / "stem.wav", tones(0.2, 48000, 1))
    with pytest.raises(UsageError, match=r"\.mp3 or \.ogg, not \.flac"):
        listening_copy(stem, tmp_path / "copy.flac")
    with pytest.raises(NoAudio):
        listening_copy(wave(tmp_path / "empty.wav", np.zeros((0, 1))), tmp_path / "copy.mp3")
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    with pytest.raises(UnreadableMedia):
        listening_copy(text, tmp_path / "copy.mp3")
    there = tmp_path / "copy.ogg"
    there.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        listening_copy(stem, there)
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "copy.mp3").exists()


def test_an_encoder_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(listening.ENCODERS, ".mp3", ("mp3", "no_such_encoder", "192k"))
    stem = wave(tmp_path / "stem.wav", tones(0.2, 48000, 1))
    with pytest.raises(FfmpegFailed):
        listening_copy(stem, tmp_path / "out" / "copy.mp3")
    assert list((tmp_path / "out").iterdir()) == []


def test_pydub_never_gets_a_path_of_the_user_and_warns_of_nothing(tmp_path: Path) -> None:
    """Every file opened and program started while pydub is at work, warnings being errors."""
    folder = tmp_path / "user"
    folder.mkdir()
    wave(folder / "stem.wav", tones(0.5, 48000, 2))
    script = """
        import sys
        from pathlib import Path
        folder = Path(sys.argv[1])
        events = []

        def hook(event, details):
            if event in ("open", "subprocess.Popen", "os.system", "os.posix_spawn"):
                frame = sys._getframe(1)
                while frame:
                    if frame.f_globals.get("__name__", "").split(".")[0] == "pydub":
                        events.append((event, repr(details)))
                        break
                    frame = frame.f_back

        from soundmatte.report.listening import levels, listening_copy
        from stemmux.ffmpeg import find
        sys.addaudithook(hook)
        listening_copy(folder / "stem.wav", folder / "copy.mp3")
        listening_copy(folder / "stem.wav", folder / "copy.ogg")
        levels(folder / "stem.wav")
        started = [text for event, text in events if event != "open"]
        assert started and all(find().path in text for text in started), started
        for event in events:
            print(*event)
        """
    # No ffmpeg and no ffprobe on the PATH: the shipped one is enough.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(folder)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "libmp3lame" in done.stdout, "the watch works: both encodings are seen"
    assert "libopus" in done.stdout
    assert str(folder) not in done.stdout
