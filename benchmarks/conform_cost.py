"""What conforming costs: seconds and memory, for a clip of any length.

    python benchmarks/conform_cost.py [--seconds N] [--channels N]

The clip is noise that swells and falls; its stems are mono, 300 samples late, each with a tenth of
the other. Making them is not counted.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from stemmux import grid
from stemmux.conform import Piece, conform

RATE_HZ = 48_000
LATE = 300
LEAK = 0.1


def write_clip(folder: Path, seconds: int, channels: int) -> None:
    """The mix, and the two stems, second by second."""
    random = np.random.default_rng(20261122)
    sides = 0.4 + 0.6 * random.random((2, channels))
    names = ("raw.wav", "target.wav", "residual.wav")
    with (
        soundfile.SoundFile(folder / names[0], "w", RATE_HZ, channels, subtype="FLOAT") as mix,
        soundfile.SoundFile(folder / names[1], "w", RATE_HZ, 1, subtype="PCM_24") as target,
        soundfile.SoundFile(folder / names[2], "w", RATE_HZ, 1, subtype="PCM_24") as residual,
    ):
        for stem in (target, residual):
            stem.write(np.zeros(LATE))
        for second in range(seconds):
            swell = 0.05 * (1 + np.sin([second, 0.7 * second + 2]))
            one, other = random.standard_normal((2, RATE_HZ)) * swell[:, None]
            mix.write(one[:, None] * sides[0] + other[:, None] * sides[1])
            target.write(one + LEAK * other)
            residual.write(other + LEAK * one)


def main(words: Sequence[str]) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, metavar="N")
    parser.add_argument("--channels", type=int, default=2, metavar="N")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="conform-cost-") as scratch:
        folder = Path(scratch)
        write_clip(folder, given.seconds, given.channels)
        mix = grid.settle(folder / "raw.wav", folder / "mix.wav")
        stems = folder / "target.wav", folder / "residual.wav"
        wall, processor = time.perf_counter(), time.process_time()
        found = conform(mix, [Piece(*stems, 0, mix.frames)], folder)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{given.seconds} s, {given.channels} channels: {wall:.1f} s wall, {processor:.1f} s "
        f"processor, {peak:.0f} MiB at most; found {found.alignments[0].delay:.4f} samples late"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
