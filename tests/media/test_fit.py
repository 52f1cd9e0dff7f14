"""`stemmux conform`, as a person types it: stems from elsewhere onto a clip with timecode."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.making import ffmpeg
from tests.media.test_conform import rain, voice
from typer.testing import CliRunner

from stemmux.cli import app
from stemmux.errors import DoubtfulStems, OutputExists
from stemmux.fit import fit
from stemmux.measure import si_sdr_db
from stemmux.probe import probe

RATE = 48_000


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of picture with 16-bit stereo sound and a timecode."""
    folder = tmp_path_factory.mktemp("fit")
    one, other = voice(5), rain(5)
    sound = np.stack([one + other, 0.5 * one + other], axis=1)
    soundfile.write(folder / "sound.wav", sound, RATE, subtype="PCM_16")
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=5", "-i", str(folder / "sound.wav")]
    coding = ["-c:v", "mpeg4", "-c:a", "copy", "-timecode", "01:00:00:00"]
    ffmpeg(*picture, *coding, str(folder / "clip.mov"))
    return folder / "clip.mov"


def stems(folder: Path, first: int, last: int) -> tuple[Path, Path]:
    """What a model might send for samples `first` to `last`: late, upside down, too long."""
    one, other = voice(5)[first:last], rain(5)[first:last]
    paths = folder / "voice.wav", folder / "rest.flac"
    for path, sound in zip(paths, (one + 0.1 * other, other + 0.1 * one), strict=True):
        late = np.concatenate([np.zeros(333), -0.5 * sound, np.zeros(800)])
        soundfile.write(path, late, RATE, subtype="PCM_24")
    return paths


def test_a_range_of_the_clip_gets_its_stems(clip: Path, tmp_path: Path) -> None:
    first, last = RATE, 4 * RATE
    words = [str(clip), *map(str, stems(tmp_path, first, last)), "-o", str(tmp_path / "out")]
    times = ["--in", "01:00:01:00", "--out", "01:00:04:00", "--bits", "16", "--json"]
    done = CliRunner().invoke(app, ["conform", *words, *times], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["exact"]
    assert told["inverted"]
    assert told["delay_samples"] == pytest.approx(333, abs=0.01)
    assert (told["start"], told["frames"], told["channels"]) == (first, last - first, 2)
    target, rate = soundfile.read(told["target"], dtype="int16")
    residual, _ = soundfile.read(told["residual"], dtype="int16")
    whole, _ = soundfile.read(clip.with_name("sound.wav"), dtype="int16")
    assert rate == RATE
    assert np.array_equal(target + residual, whole[first:last])
    truth = np.stack([voice(5), 0.5 * voice(5)], axis=1)[first:last]
    assert si_sdr_db(truth, target.astype(float)) > 12
    # One hour and one second after midnight.
    data = Path(told["target"]).read_bytes()
    reference = data.index(b"bext") + 8 + 256 + 32 + 32 + 10 + 8
    assert int.from_bytes(data[reference : reference + 8], "little") == 3601 * RATE
    assert b"<TIMECODE_RATE>25/1</TIMECODE_RATE>" in data


def test_what_is_there_stays_and_doubtful_stems_are_not_written(clip: Path, tmp_path: Path) -> None:
    media = probe(clip)
    span = media.span(Fraction(1), Fraction(3))
    target, residual = stems(tmp_path, RATE, 3 * RATE)
    out = tmp_path / "out"
    out.mkdir()
    fit(media, span, target, residual, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(OutputExists):
        fit(media, span, target, residual, out)
    soundfile.write(tmp_path / "nothing.wav", np.zeros(2 * RATE), RATE)
    with pytest.raises(DoubtfulStems, match="empty"):
        fit(media, span, tmp_path / "nothing.wav", residual, out, overwrite=True)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    made = fit(
        media, span, tmp_path / "nothing.wav", residual, out, overwrite=True, accept_doubtful=True
    )
    assert made.notes[-1].startswith("The target is as good as empty")
    assert not soundfile.read(made.target)[0].any()
