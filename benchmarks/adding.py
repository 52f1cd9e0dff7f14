"""What two stems behind 1 GB of film cost, beside a plain copy and beside other programs.

    python benchmarks/adding.py [--rounds N] [--gigabytes N] [--clip prores|h264] [--peers]
                                [--reflink xfs|btrfs] [--scratch DIR]

Every figure is the wall time until the output is on the disk (fsync). In every round everything
runs once, in another order. `--reflink` does the same on a file system of its own in a loop-mounted
file, where a copy shares its blocks (Linux, needs root and mkfs). Linux only.
"""

from __future__ import annotations

import argparse
import heapq
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from stemmux.append import append
from stemmux.ffmpeg import find
from stemmux.files import flush
from stemmux.kept import check_kept
from stemmux.mux import Stem, add
from stemmux.probe import Media, probe

RATE_HZ = 48_000
GIGABYTE = 1_000_000_000
SEED = 20261122
#: moviepy codes every picture again: it gets this much of the film (s).
EXCERPT_SECONDS = 2
#: What is made by ffmpeg, and put one behind the other by copy until it is long enough.
PICTURES = {
    "prores": ("1920x1080", 3, 1, ["-c:v", "prores_aw", "-profile:v", "3", "-c:a", "pcm_s24le"]),
    "h264": (
        "1280x720",
        30,
        8,
        ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b:v", "12.5M", "-c:a", "aac"],
    ),
}


@dataclass
class Work:
    """A clip, two stems, and where to write.

    Attributes:
        took: wall seconds of each way, one for each round.
    """

    media: Media
    stems: list[Stem]
    out: Path
    took: dict[str, list[float]] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Bytes of the stems."""
        return sum(stem.path.stat().st_size for stem in self.stems)

    def time(self, name: str, way: Callable[[Work], Path]) -> None:
        """Run one way on a quiet disk, and wait until its output is on the disk."""
        subprocess.run(["sync"], check=True)
        started = time.perf_counter()
        written = way(self)
        flush(written)
        self.took.setdefault(name, []).append(time.perf_counter() - started)
        for path in self.out.parent.iterdir():
            path.unlink()


def shipped(*words: object) -> None:
    """Run the shipped ffmpeg."""
    command = [find().path, "-nostdin", "-y", "-v", "error", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def make_clip(kind: str, size: int, folder: Path) -> Path:
    """A clip of about `size` bytes."""
    shape, grain, seconds, codec = PICTURES[kind]
    part, whole = folder / f"{kind}_part.mov", folder / f"{kind}.mov"
    picture = f"testsrc2=s={shape}:r=25:d={seconds},noise=alls={grain}:allf=t"
    sound = f"anoisesrc=d={seconds}:r={RATE_HZ}:a=0.2"
    words = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *codec, "-ac", "2"]
    shipped(*words, "-timecode", "01:00:00:00", part)
    turns = size // part.stat().st_size
    maps = ["-map", "0:v", "-map", "0:a", "-c", "copy", "-timecode", "01:00:00:00"]
    shipped("-stream_loop", turns, "-i", part, *maps, whole)
    part.unlink()
    return whole


def make_stems(media: Media, folder: Path) -> list[Stem]:
    """Two mono stems in 24 bit, as long as the clip."""
    stems = []
    for number in range(2):
        path = folder / f"stem{number}.wav"
        random_ = np.random.default_rng(number)
        with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_24") as file:
            left = int(media.duration * RATE_HZ)
            while left > 0:
                count = min(left, 1 << 20)
                file.write(random_.uniform(-0.3, 0.3, count))
                left -= count
        stems.append(Stem(path, ("Target: noise", "Residual")[number]))
    return stems


def copy(work: Work) -> Path:
    """`cp`, then the stems' bytes into a file beside it, on the disk as well."""
    subprocess.run(["cp", work.media.path, work.out], check=True)
    flush(work.out)
    return bytes_alone(work)


def bytes_alone(work: Work) -> Path:
    """The stems' bytes, and nothing else."""
    raw = work.out.with_name("raw")
    with raw.open("wb") as file:
        for stem in work.stems:
            with stem.path.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
    return raw


def appended(work: Work) -> Path:
    """Ours, the writing alone."""
    append(work.media, work.stems, work.out)
    return work.out


def appended_and_compared(work: Work) -> Path:
    """Ours, and every byte of the clip compared with what was written."""
    append(work.media, work.stems, work.out)
    flush(work.out)
    check_kept(work.media.path, work.out)
    return work.out


def added(work: Work) -> Path:
    """Ours, as the command does it: measured, written, read back."""
    add(probe(work.media.path), work.stems, work.out)
    return work.out


def _inputs(work: Work) -> list[object]:
    files = [work.media.path, *(stem.path for stem in work.stems)]
    words = [word for file in files for word in ("-i", file)]
    return [*words, "-map", "0:v", "-map", "0:a", "-map", "1:a", "-map", "2:a", "-c", "copy"]


def ffmpeg(work: Work) -> Path:
    """The shipped ffmpeg, copying."""
    shipped(*_inputs(work), work.out)
    return work.out


def ffmpeg_faststart(work: Work) -> Path:
    """The same with the index moved to the front."""
    shipped(*_inputs(work), "-movflags", "+faststart", work.out)
    return work.out


def pyav(work: Work) -> Path:
    """PyAV, packet by packet."""
    files = [av.open(str(path)) for path in (work.media.path, *(s.path for s in work.stems))]
    with av.open(str(work.out), "w") as out:
        copies: dict[Any, Any] = {}
        for file in files:
            for stream in (*file.streams.video, *file.streams.audio):
                copies[stream] = out.add_stream_from_template(stream)
        packets = [_packets(file, copies) for file in files]
        for packet in heapq.merge(*packets, key=lambda one: one.dts * one.time_base):
            packet.stream = copies[packet.stream]
            out.mux(packet)
    for file in files:
        file.close()
    return work.out


def _packets(file: Any, wanted: dict[Any, Any]) -> Iterator[Any]:
    streams = [stream for stream in file.streams if stream in wanted]
    return (packet for packet in file.demux(streams) if packet.dts is not None)


def mkvmerge(work: Work) -> Path:
    """mkvmerge of the distribution."""
    out = work.out.with_suffix(".mkv")
    files = [work.media.path, *(stem.path for stem in work.stems)]
    subprocess.run(["mkvmerge", "-q", "-o", out, *files], check=True)
    return out


def pydub(work: Work) -> Path:
    """pydub for the stems, ffmpeg for the rest."""
    from pydub import AudioSegment

    stems = []
    for stem in work.stems:
        path = work.out.with_name(stem.path.name)
        AudioSegment.from_file(stem.path).export(path, "wav")
        stems.append(Stem(path, stem.title))
    ffmpeg(Work(work.media, stems, work.out))
    return work.out


def moviepy(work: Work) -> Path:
    """moviepy, which codes everything again; the first seconds only."""
    from moviepy import AudioFileClip, CompositeAudioClip, VideoFileClip

    with VideoFileClip(str(work.media.path)) as film:
        sounds = [AudioFileClip(str(stem.path)) for stem in work.stems]
        part = film.with_audio(CompositeAudioClip(sounds)).subclipped(0, EXCERPT_SECONDS)
        part.write_videofile(str(work.out), codec="libx264", preset="ultrafast", logger=None)
        for sound in sounds:
            sound.close()
    return work.out


OURS: dict[str, Callable[[Work], Path]] = {
    "cp + stems' bytes": copy,
    "append": appended,
    "append, and compared": appended_and_compared,
    "stemmux add, whole": added,
}
PEERS: dict[str, Callable[[Work], Path]] = {
    "ffmpeg": ffmpeg,
    "ffmpeg, faststart": ffmpeg_faststart,
    "PyAV": pyav,
    "mkvmerge": mkvmerge,
    "pydub + ffmpeg": pydub,
}


def measure(work: Work, ways: dict[str, Callable[[Work], Path]], rounds: int) -> None:
    """Everything once in each round, in an order of its own; one round before is not counted."""
    order = list(ways)
    shuffle = random.Random(SEED)
    for turn in range(rounds + 1):
        shuffle.shuffle(order)
        for name in order:
            work.time(name, ways[name])
        if turn == 0:
            work.took.clear()


def table(work: Work, against: str) -> str:
    """Seconds and ratios as Markdown; a round's figures are compared with one another."""
    lines = [f"| | median s | fastest s | × {against}, median | fastest |", "|---|---|---|---|---|"]
    base = work.took[against]
    for name in sorted(work.took, key=lambda one: statistics.median(work.took[one])):
        took = work.took[name]
        ratio = statistics.median(one / other for one, other in zip(took, base, strict=True))
        lines.append(
            f"| {name} | {statistics.median(took):.2f} | {min(took):.2f} "
            f"| {ratio:.2f} | {min(took) / min(base):.2f} |"
        )
    return "\n".join(lines)


@contextmanager
def loop_mounted(system: str, size: int, scratch: Path) -> Iterator[Path]:
    """A new file system that shares blocks, in a file of its own."""
    image, folder = scratch / "image", scratch / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(size)
    options = ["-m", "reflink=1"] if system == "xfs" else []
    subprocess.run([f"mkfs.{system}", "-q", *options, image], check=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def prepared(kind: str, gigabytes: float, folder: Path) -> Work:
    """The clip, the stems, and an empty folder to write to."""
    media = probe(make_clip(kind, round(gigabytes * GIGABYTE), folder))
    (folder / "out").mkdir()
    return Work(media, make_stems(media, folder), folder / "out" / "out.mov")


def title(work: Work) -> str:
    """What is added to what."""
    size = work.media.path.stat().st_size
    return (
        f"\n{work.media.path.stem}: {size / GIGABYTE:.2f} GB, {float(work.media.duration):.0f} s; "
        f"stems of {work.samples / 1e6:.1f} MB"
    )


def excerpt(work: Work) -> str:
    """moviepy's figure, scaled to the whole."""
    try:
        work.time("moviepy", moviepy)
    except OSError:
        return "moviepy: cannot open this clip"
    seconds = work.took.pop("moviepy")[0]
    share = float(work.media.duration) / EXCERPT_SECONDS
    return (
        f"moviepy: {seconds:.1f} s for {EXCERPT_SECONDS} s of the film, "
        f"{seconds * share:.0f} s for the whole if it went on like that"
    )


def main(words: Sequence[str]) -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--gigabytes", type=float, default=1.0, metavar="N")
    parser.add_argument("--clip", choices=list(PICTURES), action="append")
    parser.add_argument("--peers", action="store_true", help="other programs too, and moviepy")
    parser.add_argument("--reflink", choices=["xfs", "btrfs"])
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="room for 4 times the clip")
    given = parser.parse_args(words)
    for kind in given.clip or PICTURES:
        with tempfile.TemporaryDirectory(prefix="adding-", dir=given.scratch) as scratch:
            if given.reflink:
                size = round(4 * given.gigabytes * GIGABYTE)
                with loop_mounted(given.reflink, size, Path(scratch)) as folder:
                    work = prepared(kind, given.gigabytes, folder)
                    ways = {"stems' bytes alone": bytes_alone, **OURS}
                    measure(work, ways, given.rounds)
                    print(title(work), f"on {given.reflink}\n", flush=True)
                    print(table(work, "stems' bytes alone"), flush=True)
                continue
            work = prepared(kind, given.gigabytes, Path(scratch))
            measure(work, OURS | (PEERS if given.peers else {}), given.rounds)
            print(title(work), "\n", flush=True)
            print(table(work, "cp + stems' bytes"), flush=True)
            if given.peers:
                print("\n" + excerpt(work), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
