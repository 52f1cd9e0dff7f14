"""Programs that are not ours read the files with the stems: same samples, same place.

They need Debian's ffmpeg, GStreamer and MLT (`.ci/setup`).
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.making import Studio
from tests.media.remuxing import MOVIES, Case, make, pairwise, shown, stem_sound, stems
from tests.outside.readers import READERS

from stemmux.measure import offset
from stemmux.mux import Container, add
from stemmux.probe import probe

pytestmark = pytest.mark.outside
SEED = int(os.environ["REMUX_SEED"])
#: What GStreamer's good plugins have no demuxer for.
BLIND = {("gstreamer", "mxf")}


def cases() -> list[Case]:
    """Of each container two, out of those in which every kind, container and rate meet."""
    met = pairwise(SEED)
    random.Random(SEED).shuffle(met)
    chosen: list[Case] = []
    for container in MOVIES:
        chosen += [case for case in met if case.container == container][:2]
    return chosen


@pytest.mark.parametrize("case", cases(), ids=[f"seed {SEED}-{case}" for case in cases()])
def test_stems_lie_where_we_say(tmp_path: Path, case: Case) -> None:
    source, out, found = make(Studio(tmp_path), case, tmp_path)
    assert found.stems == (0, 0)
    times = shown(source, case)
    for name, reader in READERS.items():
        behind = reader(out, 2, stem_sound(1), times, tmp_path)
        if (name, case.container) in BLIND:
            assert behind is None
            continue
        assert behind is not None, name
        assert abs(behind) <= (1 if name == "gstreamer" else 0), name


@pytest.mark.parametrize("container", ["mov", "mkv", "mxf"])
def test_every_sample_is_read(tmp_path: Path, container: Container) -> None:
    """By Debian's ffmpeg and by MLT; GStreamer reads the last packet short."""
    studio = Studio(tmp_path)
    source = studio.clip("prores", "25", frames=30)
    out = tmp_path / f"out.{container}"
    add(probe(source.path), stems(studio), out)
    wanted = stem_sound(1)
    read = tmp_path / "read.wav"
    command = ["ffmpeg", "-v", "error", "-i", str(out), "-map", "0:a:2", "-c:a", "pcm_s24le"]
    subprocess.run([*command, str(read)], check=True, stdin=subprocess.DEVNULL)
    got, _ = soundfile.read(read)
    assert np.array_equal(got[: len(wanted)], wanted)
    assert not got[len(wanted) :].any()
    if container == "mov":
        chain = f"filesrc location={out} ! qtdemux name=d d.audio_2 ! queue ! decodebin"
        chain += f" ! audioconvert ! audio/x-raw,format=S24LE ! wavenc ! filesink location={read}"
        subprocess.run(["gst-launch-1.0", "-q", *chain.split()], check=True, timeout=110)
        got, _ = soundfile.read(read)
        assert len(got) >= len(wanted) - 1024
        assert np.array_equal(got, wanted[: len(got)])
        assert offset(wanted[: len(got), 0], got[:, 0]).samples == 0
