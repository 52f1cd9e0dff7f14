"""Programs that are not ours read a movie that stems were appended to: same samples, same place.

They need Debian's ffmpeg, GStreamer and MLT (`.ci/setup`).
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.appending import Movies
from tests.media.making import Sound, Studio, lag
from tests.outside.melt import played

from stemmux.append import append
from stemmux.probe import Media, probe

pytestmark = pytest.mark.outside
START = 3_333
#: How far a reader may be off that counts time in its own units (samples).
NEAR = 1
KINDS = ["h264 and pcm", "mp4", "prores with timecode", "index in front", "late sound"]


@pytest.fixture(scope="module")
def movies(tmp_path_factory: pytest.TempPathFactory) -> Movies:
    return Movies(Studio(tmp_path_factory.mktemp("appended")))


class Added:
    """A movie with two stems."""

    def __init__(self, movies: Movies, kind: str, folder: Path) -> None:
        self.out = folder / "out.mov"
        self.media: Media = movies.media(kind)
        self.stems = [replace(stem, start=START) for stem in movies.pair]
        append(self.media, self.stems, self.out)
        self.read = folder / "read.wav"

    def check(self, number: int, *command: object) -> None:
        """Run a reader, and compare what it took for the samples of a stem."""
        words = [str(self.read) if word is Ellipsis else str(word) for word in command]
        subprocess.run(
            words, check=True, timeout=110, stdin=subprocess.DEVNULL, capture_output=True
        )
        got, rate = soundfile.read(self.read)
        assert rate == 48_000
        self.compare(number, got)

    def compare(self, number: int, got: Sound) -> None:
        """What a reader took for the samples of a stem: the same ones, at the same place."""
        wanted, _ = soundfile.read(self.stems[number].path)
        late = lag(wanted[:, 0], got[:, 0])
        assert abs(late - START) <= NEAR
        # GStreamer and MLT may cut the last packet; nothing may be missing before it.
        count = min(len(wanted), len(got) - late)
        assert count >= len(wanted) - 1024
        assert np.abs(got[late : late + count] - wanted[:count]).max() < 2**-14

    @property
    def tracks(self) -> int:
        """Sound tracks that the clip has itself."""
        return len(self.media.audio)


@pytest.fixture(params=KINDS)
def added(request: pytest.FixtureRequest, movies: Movies, tmp_path: Path) -> Added:
    return Added(movies, request.param, tmp_path)


def test_ffmpeg_of_the_distribution(added: Added) -> None:
    for number in (0, 1):
        track = f"0:a:{added.tracks + number}"
        words = ("-v", "error", "-y", "-i", added.out, "-map", track, "-c:a", "pcm_s24le", ...)
        added.check(number, "ffmpeg", *words)
    command = ["ffmpeg", "-v", "warning", "-i", added.out, "-map", "0", "-c", "copy"]
    said = subprocess.run([*command, "-f", "null", "-"], check=True, capture_output=True, text=True)
    assert said.stderr == ""


def test_gstreamer(added: Added) -> None:
    for number in (0, 1):
        pad = f"d.audio_{added.tracks + number}"
        chain = f"filesrc location={added.out} ! qtdemux name=d {pad} ! queue ! decodebin"
        chain += " ! audioconvert ! audio/x-raw,format=S24LE ! wavenc ! filesink"
        added.check(number, "gst-launch-1.0", "-q", *chain.split(), f"location={added.read}")


def test_mlt(added: Added) -> None:
    # MLT counts all streams, timecode too.
    streams = probe(added.out).audio
    for number in (0, 1):
        index = streams[added.tracks + number].index
        heard = played(added.out, added.read, f"audio_index={index}")
        assert heard is not None
        added.compare(number, heard)


def test_the_clip_itself_isread_as_before(added: Added) -> None:
    """Frames and samples of the clip's own tracks, decoded by the distribution's ffmpeg."""
    words = ["-map", "0:v", "-map", "0:a:0", "-f", "framemd5", "-"]
    texts = []
    for path in (added.media.path, added.out):
        command = ["ffmpeg", "-v", "error", "-i", path, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    assert texts[0].count("\n") > 100
