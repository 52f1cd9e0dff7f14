"""Stems that fit their clip and null: target + residual = mix, to the last step of the file.

The mix is put on an integer grid once, and from then on everything is whole steps of it: the
residual is mix minus target, exactly. 24-bit integers where the mix stays within full scale; where
it goes beyond (lossy codecs decode that way), 32-bit floats on a grid that a float holds exactly.
This module must not know how an estimate was made.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.bwf import Encoding, Origination, WaveFormat, WaveWriter, float_blocks, step_blocks
from stemmux.errors import MediaError
from stemmux.ffmpeg import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BITS = 23
#: A float holds every whole number up to this one.
_FLOAT_LIMIT = 1 << 24
#: Nothing real is louder (full scale = 1); what is, is damage, and is cut off here.
LOUDEST = 256.0


@dataclass(frozen=True)
class Grid:
    """The whole numbers that the samples of a mix and its stems are.

    Attributes:
        encoding: how they are stored.
        exponent: a step is 2^exponent of full scale.
    """

    encoding: Encoding
    exponent: int

    @property
    def step(self) -> float:
        """Size of a step as a share of full scale."""
        return math.ldexp(1.0, self.exponent)

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest number of steps that can be stored."""
        if self.encoding == "s24":
            return -(1 << _BITS), (1 << _BITS) - 1
        return -_FLOAT_LIMIT, _FLOAT_LIMIT

    @staticmethod
    def holding(low: float, high: float) -> Grid:
        """The finest grid that holds samples from `low` to `high` (full scale = 1)."""
        scale = 1 << _BITS
        if round(low * scale) >= -scale and round(high * scale) < scale:
            return Grid("s24", -_BITS)
        peak = max(-low, high)
        return Grid("f32", max(-_BITS, math.ceil(math.log2(peak)) - 24))


@dataclass(frozen=True)
class Mix:
    """The clip's sound on its grid: the file, its format, and the hash that identifies it."""

    path: Path
    form: WaveFormat
    grid: Grid
    frames: int
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Two stems whose sum is the mix.

    Attributes:
        moved: samples of the target that were moved so that the residual stays in range.
    """

    target: Path
    residual: Path
    frames: int
    moved: int


def settle(
    raw: Path, out: Path, *, speakers: tuple[str, ...] = (), progress: Progress | None = None
) -> Mix:
    """Put a float WAV on its grid, as a new file `out`.

    Damage (not-a-number, infinity, absurd loudness) is taken out and noted.
    """
    import numpy as np

    low, high, damaged, frames = 0.0, 0.0, 0, 0
    for block in float_blocks(raw):
        good = np.abs(block) <= LOUDEST
        damaged += int(good.size - np.count_nonzero(good))
        low = min(low, float(np.min(block, where=good, initial=0.0)))
        high = max(high, float(np.max(block, where=good, initial=0.0)))
        frames += len(block)
    if frames == 0:
        raise MediaError("The range holds no sound at all.", hint="Choose another range.")
    grid = Grid.holding(low, high)
    form = _form(raw, grid, speakers)
    digest = hashlib.sha256(f"{form.rate} {form.channels} {grid.exponent}".encode())
    done = 0
    with WaveWriter(out, form) as writer:
        for block in float_blocks(raw):
            steps = to_steps(block, grid)
            digest.update(steps.tobytes())
            writer.write(steps, grid.step)
            done += len(block)
            if progress is not None:
                progress(done / frames)
    return Mix(out, form, grid, frames, digest.hexdigest(), _notes(grid, damaged, max(-low, high)))


def _form(raw: Path, grid: Grid, speakers: tuple[str, ...]) -> WaveFormat:
    import soundfile

    info = soundfile.info(str(raw))
    return WaveFormat(info.samplerate, info.channels, grid.encoding, speakers)


def _notes(grid: Grid, damaged: int, peak: float) -> tuple[str, ...]:
    notes = []
    if damaged:
        notes.append(f"{damaged} damaged samples (no numbers, or absurdly loud) were silenced.")
    if grid.encoding == "f32":
        notes.append(
            f"The sound goes {20 * math.log10(peak):.1f} dB beyond full scale, "
            "so the stems are 32-bit float."
        )
    return tuple(notes)


def to_steps(block: NDArray[np.floating], grid: Grid) -> NDArray[np.int32]:
    """Samples to the nearest whole steps; damage becomes silence, the rest stays in range."""
    import numpy as np

    wide = block.astype(np.float64)
    wide[~(np.abs(wide) <= LOUDEST)] = 0.0
    low, high = grid.range
    return np.clip(np.rint(wide / grid.step), low, high).astype(np.int32)


def split(
    mix: Mix,
    estimate: Path,
    of: Literal["target", "residual"],
    target: Path,
    residual: Path,
    *,
    originations: tuple[Origination, Origination] = (Origination(), Origination()),
    progress: Progress | None = None,
) -> Split:
    """Write the two stems: what was estimated, and the mix minus it.

    Args:
        mix: the clip's sound on its grid.
        estimate: float WAV of the same rate, channels and frames.
        of: which of the two stems it estimates.
        target, residual: the files to write.
        originations: what their `bext` chunks say.

    Raises:
        MediaError: the estimate does not fit the mix.
    """
    import numpy as np

    low, high = mix.grid.range
    moved = done = 0
    with (
        WaveWriter(target, mix.form, originations[0]) as first,
        WaveWriter(residual, mix.form, originations[1]) as second,
    ):
        for whole, part in _pairs(mix, estimate):
            wanted = whole - to_steps(part, mix.grid)
            rest = np.clip(wanted, low, high)
            # Where the difference leaves the range, the part takes the excess: the sum is exact.
            moved += int(np.count_nonzero(rest != wanted))
            stems = (whole - rest, rest)
            for writer, stem in zip(
                (first, second), stems if of == "target" else stems[::-1], strict=True
            ):
                writer.write(stem, mix.grid.step)
            done += len(whole)
            if progress is not None:
                progress(done / mix.frames)
    return Split(target, residual, done, moved)


def _pairs(mix: Mix, estimate: Path) -> Iterator[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    """Blocks of the mix and of the estimate, side by side.

    Raises:
        MediaError: one is longer than the other, or has other channels.
    """
    wholes, parts = step_blocks(mix.path, mix.grid.step), float_blocks(estimate)
    try:
        for whole, part in zip(wholes, parts, strict=True):
            if whole.shape != part.shape:
                raise ValueError(f"{part.shape} against {whole.shape}")
            yield whole, part
    except ValueError as error:
        raise MediaError(f"The estimate does not fit the mix: {error}.") from error
