"""What the cuts for a separation cost, beside decoding and scaling the same pictures for nothing.

    python benchmarks/extracting.py [--rounds N] [--seconds N] [--clip h264|prores] [--scratch DIR]

Ours: mix, mono and proxy in one decode of the clip, in the same run the mask out of its matte, and
the mask read back. The measure: one ffmpeg that decodes the clip and the matte, brings both
pictures to the proxy's size with the same filter, and throws everything away. In every round each
runs once, in turn.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from stemmux.extract import Cut, proxy_size
from stemmux.ffmpeg import find
from stemmux.matte import Cutout, write_mask
from stemmux.probe import Media, probe

WIDTH, HEIGHT, FPS = 1920, 1080, 25
#: Pictures are made for so long, and put one behind the other by copy (s).
PART_SECONDS = 10
PICTURES = {
    "h264": ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "16M"],
    "prores": ["-c:v", "prores_aw", "-profile:v", "2"],
}
#: Half the width of the edge of what the matte shows (pixels).
EDGE = 8


@dataclass
class Times:
    """Seconds of one way, round by round: by the clock, and of all processors together."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        """Run and measure it."""
        before, started = _processor_seconds(), time.perf_counter()
        work()
        self.wall.append(time.perf_counter() - started)
        self.processor.append(_processor_seconds() - before)


def _processor_seconds() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def ffmpeg(*words: object) -> None:
    """Run the shipped ffmpeg."""
    command = [find().path, "-nostdin", "-y", "-v", "error", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def make_clip(kind: str, seconds: int, folder: Path) -> Path:
    """A test picture with grain, and noise to hear."""
    picture = f"testsrc2=s={WIDTH}x{HEIGHT}:r={FPS}:d={PART_SECONDS},noise=alls=8:allf=t"
    sound = f"anoisesrc=d={PART_SECONDS}:r=48000:a=0.2"
    words = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *PICTURES[kind]]
    part, whole = folder / f"{kind}_part.mov", folder / f"{kind}.mov"
    ffmpeg(*words, "-c:a", "pcm_s24le", "-ac", "2", part)
    return _repeated(part, seconds, whole)


def make_matte(seconds: int, folder: Path) -> Path:
    """A white disc with soft edges that crosses a black picture, as editors export it."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    part, whole = folder / "matte_part.mov", folder / "matte.mov"
    shape = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", FPS)
    raw = folder / "matte.gray"
    with raw.open("wb") as file:
        for number in range(PART_SECONDS * FPS):
            far = np.hypot(columns - 600 - number, rows - HEIGHT // 2)
            file.write(np.clip(255 * (0.5 + (300 - far) / (2 * EDGE)), 0, 255).astype(np.uint8))
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-pix_fmt", "yuv420p")
    ffmpeg(*shape, "-i", raw, *codec, part)
    raw.unlink()
    return _repeated(part, seconds, whole)


def _repeated(part: Path, seconds: int, whole: Path) -> Path:
    turns = -(-seconds // PART_SECONDS) - 1
    ffmpeg("-stream_loop", turns, "-i", part, "-c", "copy", whole)
    part.unlink()
    return whole


def decode_and_scale(clip: Media, matte: Media) -> None:
    """The least that anything must do that looks at these pictures at this size."""
    width, height = proxy_size(clip.picture())
    scale = f"scale={width}:{height}:flags=area"
    graph = f"[0:v]{scale}[a];[1:v]{scale}[b]"
    words = ["-i", clip.path, "-i", matte.path, "-filter_complex", graph]
    ffmpeg(*words, "-map", "[a]", "-map", "[b]", "-map", "0:a", "-f", "null", "-")


def cut(clip: Media, matte: Media, seconds: int, folder: Path) -> None:
    """Everything that a separation of the whole clip needs."""
    span = clip.span(end=Fraction(seconds))
    names = (folder / name for name in ("mix.wav", "mono.wav", "proxy.mov"))
    write_mask(matte, clip, span, folder / "mask.mp4", also=Cutout(clip, span, Cut(*names)))


def measure(kind: str, seconds: int, rounds: int, folder: Path) -> str:
    """One row for each way; one round before is not counted."""
    clip = probe(make_clip(kind, seconds, folder))
    matte = probe(make_matte(seconds, folder))
    least, ours = Times(), Times()
    for _ in range(rounds + 1):
        least.take(lambda: decode_and_scale(clip, matte))
        ours.take(lambda: cut(clip, matte, seconds, folder))
    lines = []
    for name, times in (("decode and scale", least), ("extract and mask", ours)):
        figures = []
        for taken, base in ((times.wall, least.wall), (times.processor, least.processor)):
            own, measured = taken[1:], base[1:]
            ratio = statistics.median(one / other for one, other in zip(own, measured, strict=True))
            best = min(own) / min(measured)
            figures += [f"{statistics.median(own):.1f}", f"{ratio:.2f}", f"{best:.2f}"]
        lines.append(f"| {kind} | {name} | {' | '.join(figures)} |")
    sizes = {name: (folder / name).stat().st_size for name in ("proxy.mov", "mask.mp4")}
    said = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in sizes.items())
    return "\n".join([*lines, f"\n{kind}: {seconds} s; {said}\n"])


def main(words: Sequence[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    parser.add_argument("--clip", choices=list(PICTURES), action="append")
    parser.add_argument("--scratch", type=Path, metavar="DIR")
    given = parser.parse_args(words)
    print("| clip | | wall s, median | × | × fastest | processor s, median | × | × fastest |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in given.clip or PICTURES:
        with tempfile.TemporaryDirectory(prefix="extracting-", dir=given.scratch) as scratch:
            print(measure(kind, given.seconds, given.rounds, Path(scratch)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
