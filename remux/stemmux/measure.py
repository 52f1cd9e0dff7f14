"""Measure what was made: offsets in samples, nulls in dB, frames, hashes of packets and pictures.

Nothing here trusts what a file says of itself. This module must not know who made the files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.bwf import BLOCK, wave_format
from stemmux.correlation import cross_spectrum, highest, quick_size
from stemmux.errors import MediaError
from stemmux.ffmpeg import Progress, address, guard_words, run
from stemmux.probe import Media

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The peak must stand this far above every other for an offset to mean anything.
CONFIDENT = 1.5
#: Samples around the peak that belong to it.
_PEAK_WIDTH = 48


@dataclass(frozen=True)
class Offset:
    """Where one sound lies against another.

    Attributes:
        samples: positive where the second is late; between samples too.
        confidence: height of the peak over the next one; below `CONFIDENT` it means nothing.
        inverted: the second has the opposite polarity.
    """

    samples: float
    confidence: float
    inverted: bool

    @property
    def trusted(self) -> bool:
        """Whether the offset means anything."""
        return self.confidence >= CONFIDENT


def offset(reference: NDArray[np.floating], other: NDArray[np.floating]) -> Offset:
    """How many samples `other` is late against `reference` (mono arrays of one rate).

    The highest point of the whitened cross-correlation; the fraction by a parabola through it at
    eightfold rate.

    Raises:
        MediaError: one of them is silent or too short.
    """
    import numpy as np

    if min(len(reference), len(other)) < 64 or not np.any(reference) or not np.any(other):
        raise MediaError("There is too little sound to compare.", hint="Choose a louder range.")
    size = quick_size(len(reference) + len(other) - 1)
    cross = cross_spectrum(reference, other, size)
    curve = np.roll(np.fft.irfft(cross, size), len(reference) - 1)
    first = 1 - len(reference)
    lags, heights = highest(curve[: len(other) - first], first, 2, _PEAK_WIDTH)
    confidence = float(abs(heights[0] / heights[1])) if heights[1] else math.inf
    sign = 1.0 if heights[0] >= 0 else -1.0
    fraction = _fraction(cross * sign, size, int(lags[0]))
    return Offset(float(lags[0]) + fraction, confidence, sign < 0)


def _fraction(cross: NDArray[np.complexfloating], size: int, lag: int) -> float:
    """Where between samples the peak near `lag` lies: the correlation evaluated in eighths."""
    import numpy as np

    turn = 2j * np.pi * np.arange(len(cross)) / size
    steps = np.arange(-9, 10) / 8
    turned, eighth = cross * np.exp(turn * (lag + steps[0])), np.exp(turn / 8)
    values = []
    for _ in steps:
        values.append(float(turned.sum().real))
        turned *= eighth
    best = min(max(int(np.argmax(values)), 1), len(steps) - 2)
    before, here, after = values[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend == 0 else 0.5 * (before - after) / bend
    found = float(steps[best] + shift / 8)
    # A peak this close to a sample is on it: the rest is the parabola's own error.
    return 0.0 if abs(found) < 1e-3 else found


def null_db(mix: Path, parts: Sequence[Path]) -> float:
    """Level of mix minus the sum of `parts`, against full scale; -inf when every sample is 0.

    Raises:
        UnreadableMedia: one is no WAV file.
        MediaError: they differ in rate, channels or length.
    """
    import numpy as np
    import soundfile

    for path in (mix, *parts):
        wave_format(path)
    files = [soundfile.SoundFile(str(path)) for path in (mix, *parts)]
    try:
        shapes = {(file.samplerate, file.channels, file.frames) for file in files}
        if len(shapes) > 1:
            raise MediaError(
                "The files differ in rate, channels or length: "
                + ", ".join(f"{r} Hz × {c} × {n}" for r, c, n in sorted(shapes)),
                hint="Stems null only against the sound that they were made from.",
            )
        energy, count = 0.0, 0
        while len(block := files[0].read(BLOCK, dtype="float64", always_2d=True)):
            for part in files[1:]:
                block -= part.read(BLOCK, dtype="float64", always_2d=True)
            energy += float(np.sum(block * block))
            count += block.size
    finally:
        for file in files:
            file.close()
    return 10 * math.log10(energy / count) if energy > 0 else -math.inf


def packet_hash(path: Path, index: int) -> str:
    """SHA-256 of the bytes of every packet of a stream, in order; equal if it was only copied."""
    return _stream_hash(["-map", f"0:{index}", "-c", "copy"], path)


def picture_hash(path: Path, index: int, progress: Progress | None = None) -> str:
    """SHA-256 of every decoded picture of a stream, for where a container repackages."""
    return _stream_hash(["-map", f"0:{index}", "-fps_mode", "passthrough"], path, progress)


def _stream_hash(options: Sequence[str], path: Path, progress: Progress | None = None) -> str:
    from stemmux.files import scratch

    with scratch(".hash") as out:
        source = [*guard_words(), "-noautorotate", "-i", address(path)]
        words = [*source, *options, "-f", "streamhash", "-hash", "sha256", address(out)]
        run(words, limit=7200.0, progress=progress)
        text = out.read_text(encoding="ascii")
    return text.strip().rsplit("=", 1)[-1]


def count_frames(media: Media) -> int:
    """Pictures of a file, counted packet by packet."""
    from stemmux.probe import open_media

    video = media.picture()
    with open_media(media.path) as container:
        stream = container.streams[video.index]
        return sum(1 for packet in container.demux([stream]) if packet.size)


def si_sdr_db(truth: NDArray[np.floating], estimate: NDArray[np.floating]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019), all channels as one.

    Args:
        truth: what the sound should be, `[samples]` or `[samples, channels]`, not silent.
        estimate: what it is; the same shape.
    """
    import numpy as np

    wanted, heard = truth.astype(np.float64).ravel(), estimate.astype(np.float64).ravel()
    scaled = wanted * (float(heard @ wanted) / float(wanted @ wanted))
    wrong = heard - scaled
    energy = float(wrong @ wrong)
    return math.inf if energy == 0 else 10 * math.log10(float(scaled @ scaled) / energy)
