"""Programs that are not ours read the file with the stems: same samples, same place.

They need Debian's ffmpeg, GStreamer and MLT (`.ci/setup`).
"""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemmux.ffmpeg import find
from stemmux.measure import offset
from stemmux.mux import Stem, add
from stemmux.probe import probe

pytestmark = pytest.mark.outside
RATE = 48_000


@pytest.fixture(scope="module", params=["30000/1001", "25"])
def added(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two stems, out of a transport stream, whose clock starts at 1.4 s."""
    folder = tmp_path_factory.mktemp("outside")
    noise = np.random.default_rng(5).uniform(-0.4, 0.4, (RATE * 4, 2))
    for name, sound in (("clip", noise), ("stem", noise / 2)):
        soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_24")
    picture = ["-f", "lavfi", "-i", f"testsrc=s=160x90:r={request.param}:d=4"]
    sound = ["-i", str(folder / "clip.wav"), "-c:v", "libx264", "-bf", "2", "-c:a", "aac"]
    command = [find().path, "-v", "error", *picture, *sound, str(folder / "clip.ts")]
    subprocess.run(command, check=True)
    stem = Stem(folder / "stem.wav", "Target: noise")
    add(probe(folder / "clip.ts"), [stem, stem], folder / "out.mov")
    return folder


def compare(folder: Path, read: Path) -> None:
    wanted, _ = soundfile.read(folder / "stem.wav")
    got, rate = soundfile.read(read, always_2d=True)
    assert rate == RATE
    # GStreamer reads the last partial packet short; nothing may be missing before it.
    assert len(got) >= len(wanted) - 1024
    assert offset(wanted[: len(got), 0], got[:, 0]).samples == 0
    count = min(len(got), len(wanted))
    assert np.abs(got[:count, 0] - wanted[:count, 0]).max() < 2**-14


def test_ffmpeg_of_the_distribution(added: Path, tmp_path: Path) -> None:
    out = tmp_path / "read.wav"
    command = ["ffmpeg", "-v", "error", "-i", str(added / "out.mov"), "-map", "0:a:1", str(out)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    compare(added, out)
    shown = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries"),
            *("stream=codec_type,start_time,codec_name", str(added / "out.mov")),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert [line.split(",")[1] for line in shown][:4] == ["video", "audio", "audio", "audio"]
    starts = [Fraction(line.split(",")[2]) for line in shown if line.startswith("pcm")]
    assert starts == [0, 0]


def test_gstreamer(added: Path, tmp_path: Path) -> None:
    out = tmp_path / "read.wav"
    chain = f"filesrc location={added / 'out.mov'} ! qtdemux name=d d.audio_1 ! queue"
    chain += (
        f" ! decodebin ! audioconvert ! audio/x-raw,format=S24LE ! wavenc ! filesink location={out}"
    )
    subprocess.run(["gst-launch-1.0", "-q", *chain.split()], check=True, timeout=60)
    compare(added, out)


def test_mlt(added: Path, tmp_path: Path) -> None:
    out = tmp_path / "read.wav"
    command = ["melt", str(added / "out.mov"), "audio_index=2", "-consumer", f"avformat:{out}"]
    options = ["vn=1", "acodec=pcm_s24le", "ar=48000", "channels=2", "real_time=-1"]
    subprocess.run([*command, *options], check=True, timeout=60, capture_output=True)
    compare(added, out)
