"""Programs that are not ours, asked where a sound lies against the picture of a file.

Debian's ffmpeg, GStreamer with the demuxers of its good plugins, and MLT; what one of them cannot
read at all is None. Also run by benchmarks/.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import soundfile
from tests.media.making import Sound, lag
from tests.outside.melt import played

RATE = 48_000
_DEMUXERS = {".mov": "qtdemux", ".mp4": "qtdemux", ".mkv": "matroskademux"}
#: Clocks that place a picture between samples (s).
_TICKS = {".mkv": Fraction(1, 1000)}
#: What the rounding of a clock moves at most, on either side (s).
_JITTER = Fraction(2, 1000)
_SEGMENT = re.compile(r"type: segment .*start=\(guint64\)(\d+).*?time=\(guint64\)(\d+)")
_BUFFER = re.compile(r"chain .*pts: (\d+):(\d+):([\d.]+)")
_QUEUE = "queue max-size-buffers=0 max-size-bytes=0 max-size-time=0"

#: File, number of the audio track from 0, the sound that it should hold, when each picture is shown
#: after the first (s), a folder to write in; samples that the sound lies behind the first picture.
Reader = Callable[[Path, int, Sound, Sequence[Fraction], Path], Fraction | None]


def _said(*words: object) -> str | None:
    """What a program says; None if it fails, or does not end."""
    try:
        done = subprocess.run(
            [str(word) for word in words],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _behind(file: Path, wanted: Sound) -> int | None:
    """Samples from the first one in a WAV file to the first of the sound; None without one."""
    try:
        if not soundfile.info(file).frames:
            return None
    except soundfile.LibsndfileError:
        return None
    heard, rate = soundfile.read(file, always_2d=True)
    assert rate == RATE
    return lag(wanted[:, 0], heard[:, 0])


def ffmpeg(
    path: Path, track: int, wanted: Sound, shown: Sequence[Fraction], folder: Path
) -> Fraction | None:
    """Debian's ffmpeg."""
    out = folder / "ffmpeg.wav"
    place = ("-map", f"0:a:{track}", "-c:a", "pcm_f32le", "-y", out)
    if _said("ffmpeg", "-v", "error", "-i", path, *place) is None:
        return None
    starts = []
    for stream in ("v:0", f"a:{track}"):
        shown = _said(
            *("ffprobe", "-v", "error", "-select_streams", stream, "-read_intervals", "%+#2"),
            *("-show_entries", "frame=pts_time", "-of", "csv=p=0", path),
        )
        if not shown:
            return None
        starts.append(Fraction(shown.split()[0].strip(",")))
    late = _behind(out, wanted)
    return None if late is None else (starts[1] - starts[0]) * RATE + late


def gstreamer(
    path: Path, track: int, wanted: Sound, shown: Sequence[Fraction], folder: Path
) -> Fraction | None:
    """GStreamer, by the times that it gives to pictures and samples."""
    demuxer, out = _DEMUXERS.get(path.suffix), folder / "gstreamer.wav"
    if demuxer is None:
        return None
    source = f"filesrc location={path} ! {demuxer} name=d "
    sound = f"d.audio_{track} ! {_QUEUE} ! decodebin ! audioconvert ! audio/x-raw,format=F32LE ! "
    sound += f"identity silent=false ! wavenc ! filesink location={out}"
    picture = f"d.video_0 ! {_QUEUE} ! decodebin ! fakesink silent=false"
    told = [_said("gst-launch-1.0", "-v", *(source + chain).split()) for chain in (sound, picture)]
    if None in told:
        return None
    heard, seen = (_times(text or "") for text in told)
    late = _behind(out, wanted)
    if not heard or not seen or late is None:
        return None
    first = _first(sorted(seen), shown, _TICKS.get(path.suffix, Fraction(0)))
    return (heard[0] - first) * RATE + late


def _first(times: Sequence[Fraction], shown: Sequence[Fraction], tick: Fraction) -> Fraction:
    """When the first picture is due: as it says itself, if the others agree.

    Of some files GStreamer gives the first picture alone a wrong time. By the others, each rounded
    to a tick (s) of the file's clock, it is at the tick in the middle of what fits them all.
    """
    firsts = [time - place for time, place in zip(times, shown, strict=False)]
    usual = statistics.median(firsts)
    near = [first for first in firsts if abs(first - usual) < _JITTER]
    if firsts[0] in near:
        return firsts[0]
    middle = (min(near) + max(near)) / 2
    return round(middle / tick) * tick if tick else middle


def _times(text: str) -> list[Fraction]:
    """When each buffer is due, in seconds from the start of the file as it is played."""
    start, found = Fraction(0), []
    for line in text.splitlines():
        if segment := _SEGMENT.search(line):
            start = Fraction(int(segment[1]) - int(segment[2]), 10**9)
        elif buffer := _BUFFER.search(line):
            hours, minutes, seconds = buffer.groups()
            time = (int(hours) * 60 + int(minutes)) * 60 + Fraction(seconds)
            found.append(time - start)
    return found


def mlt(
    path: Path, track: int, wanted: Sound, shown: Sequence[Fraction], folder: Path
) -> Fraction | None:
    """MLT, whose timeline starts with the first picture."""
    out = folder / "mlt.wav"
    index = _said(
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        f"a:{track}",
        "-show_entries",
        "stream=index",
        "-of",
        "csv=p=0",
        path,
    )
    if not index:
        return None
    place = f"audio_index={index.split()[0].strip(',')}"
    heard = played(path, out, place)
    return None if heard is None else Fraction(lag(wanted[:, 0], heard[:, 0]))


READERS: dict[str, Reader] = {"ffmpeg": ffmpeg, "gstreamer": gstreamer, "mlt": mlt}
PROGRAMS = {"ffmpeg": "ffprobe", "gstreamer": "gst-launch-1.0", "mlt": "melt"}


def there() -> dict[str, Reader]:
    """The readers whose programs are installed."""
    return {name: READERS[name] for name, program in PROGRAMS.items() if shutil.which(program)}
