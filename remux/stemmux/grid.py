"""Stems that fit their clip and null: target + residual = mix, to the last step of the file.

The mix is put on an integer grid once, and from then on everything is whole steps of it: the
residual is mix minus target, exactly. 24-bit integers where the mix stays within full scale; where
it goes beyond (lossy codecs decode that way), 32-bit floats on a grid that a float holds exactly;
or whichever is asked for. Stems that are sounds of their own and need not null are written as a
pair. This module must not know how an estimate was made.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemmux.bwf import (
    BITS,
    Encoding,
    WaveFormat,
    WaveWriter,
    float_blocks,
    step_blocks,
    wave_format,
)
from stemmux.errors import MediaError
from stemmux.ffmpeg import Progress
from stemmux.origination import Origination

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How samples shall be stored; see `Grid.holding`.
Wanted = Encoding | Literal["auto"]

#: A float holds every whole number up to this one.
_FLOAT_LIMIT = 1 << 24
#: The finest step that is used, as a power of two: 380 dB down.
_FINEST = -63
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
        if self.encoding == "f32":
            return -_FLOAT_LIMIT, _FLOAT_LIMIT
        return -(1 << -self.exponent), (1 << -self.exponent) - 1

    @staticmethod
    def holding(low: float, high: float, encoding: Wanted = "auto") -> Grid:
        """The finest grid that holds samples from `low` to `high` (full scale = 1).

        Args:
            encoding: "auto" is 24-bit integers, or floats where those cannot hold the samples.

        Raises:
            MediaError: integers were asked for and cannot hold the samples.
        """
        peak = max(-low, high)
        if encoding == "auto":
            scale = 1 << 23
            fits = round(low * scale) >= -scale and round(high * scale) < scale
            return Grid("s24", -23) if fits else Grid("f32", _float_exponent(peak))
        if encoding == "f32":
            return Grid("f32", _float_exponent(peak))
        # Full scale itself is one step more than there is, which is less than can be heard.
        if peak > 1:
            raise MediaError(
                f"The sound goes {20 * math.log10(peak):.1f} dB beyond full scale, which "
                f"{BITS[encoding]}-bit integers cannot hold.",
                hint="Choose 32-bit float, or leave the choice to the sound.",
            )
        return Grid(encoding, 1 - BITS[encoding])


def _float_exponent(peak: float) -> int:
    """The finest step with which a float holds the peak exactly.

    Up to full scale there is room for stems twice as loud as the mix; beyond, the step stays fine.
    """
    if peak == 0:
        return -23
    power = math.ceil(math.log2(peak))
    return max(power - 24, min(-23, power - 23), _FINEST)


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
    """The two stems as files.

    Attributes:
        moved: samples of the estimated stem that were moved so that the other stays in range.
        clipped: samples of the estimates that lay outside the range and were cut off at its end.
    """

    target: Path
    residual: Path
    frames: int
    moved: int
    clipped: int = 0


def settle(
    raw: Path,
    out: Path,
    *,
    speakers: tuple[str, ...] = (),
    encoding: Wanted = "auto",
    progress: Progress | None = None,
) -> Mix:
    """Put a float WAV on its grid, as a new file `out`.

    Damage (not-a-number, infinity, absurd loudness) is taken out and noted.

    Args:
        speakers: the channels' names, where they are known.
        encoding: see `Grid.holding`. Nothing is dithered: samples that fit the grid stay as they
            are.

    Raises:
        MediaError: there is no sound, or the encoding cannot hold it.
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
    grid = Grid.holding(low, high, encoding)
    known = wave_format(raw)[0]
    form = WaveFormat(known.rate, known.channels, grid.encoding, speakers)
    digest = hashlib.sha256(f"{form.rate} {form.channels} {grid.exponent}".encode())
    done, rounded = 0, False
    with WaveWriter(out, form) as writer:
        for block in float_blocks(raw):
            steps = to_steps(block, grid)
            if grid.encoding == "s16":
                rounded |= not np.array_equal(steps * grid.step, _sound(block))
            digest.update(steps.tobytes())
            writer.write(steps, grid.step)
            done += len(block)
            if progress is not None:
                progress(done / frames)
    notes = _notes(grid, damaged, max(-low, high), rounded)
    return Mix(out, form, grid, frames, digest.hexdigest(), notes)


def _notes(grid: Grid, damaged: int, peak: float, rounded: bool) -> tuple[str, ...]:
    notes = []
    if damaged:
        notes.append(f"{damaged} damaged samples (no numbers, or absurdly loud) were silenced.")
    if grid.encoding == "f32" and peak > 1:
        notes.append(
            f"The sound goes {20 * math.log10(peak):.1f} dB beyond full scale, "
            "so the stems are 32-bit float."
        )
    if grid.encoding == "s16" and rounded:
        notes.append("The sound is finer than 16 bits and was rounded to them, without dither.")
    return tuple(notes)


def to_steps(block: NDArray[np.floating], grid: Grid) -> NDArray[np.int32]:
    """Samples to the nearest whole steps; damage becomes silence, the rest stays in range."""
    return _within(_rounded(block, grid), grid)[0]


def _sound(block: NDArray[np.floating]) -> NDArray[np.float64]:
    """A copy in doubles, in which damage is silence."""
    import numpy as np

    sound = block.astype(np.float64)
    # Turned round, so that what is no number fails as well.
    if sound.size and not max(-sound.min(), sound.max()) <= LOUDEST:
        sound[~(np.abs(sound) <= LOUDEST)] = 0.0
    return sound


def _rounded(block: NDArray[np.floating], grid: Grid) -> NDArray[np.float64]:
    import numpy as np

    sound = _sound(block)
    # The step is a power of two, so neither way of scaling loses a bit.
    sound *= 1 / grid.step
    return np.rint(sound, out=sound)


def _within(wanted: NDArray[np.number[Any]], grid: Grid) -> tuple[NDArray[np.int32], int]:
    """Whole steps brought into the grid's range, and how many were outside."""
    import numpy as np

    low, high = grid.range
    steps = np.clip(wanted, low, high).astype(np.int32)
    return steps, int(np.count_nonzero(steps != wanted))


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
        originations: what they say of their origin.

    Raises:
        MediaError: the estimate does not fit the mix.
    """
    moved = clipped = done = 0
    with (
        WaveWriter(target, mix.form, originations[0]) as first,
        WaveWriter(residual, mix.form, originations[1]) as second,
    ):
        for whole, part in _beside(mix, estimate):
            steps, outside = _within(_rounded(part, mix.grid), mix.grid)
            clipped += outside
            # Where the difference leaves the range, the part takes the excess: the sum is exact.
            rest, outside = _within(whole - steps, mix.grid)
            moved += outside
            stems = (whole - rest, rest)
            for writer, stem in zip(
                (first, second), stems if of == "target" else stems[::-1], strict=True
            ):
                writer.write(stem, mix.grid.step)
            done += len(whole)
            if progress is not None:
                progress(done / mix.frames)
    return Split(target, residual, done, moved, clipped)


def pair(
    mix: Mix,
    target_estimate: Path,
    residual_estimate: Path,
    target: Path,
    residual: Path,
    *,
    originations: tuple[Origination, Origination] = (Origination(), Origination()),
    progress: Progress | None = None,
) -> Split:
    """Write two estimates as they are, each a stem of its own; they do not null.

    Integers are rounded and cut off at full scale, which is counted; floats stay untouched but for
    damage, which becomes silence. Arguments and errors are those of `split`.
    """
    clipped = done = 0
    estimates = (target_estimate, residual_estimate)
    with (
        WaveWriter(target, mix.form, originations[0]) as first,
        WaveWriter(residual, mix.form, originations[1]) as second,
    ):
        for whole, *parts in _beside(mix, *estimates):
            for writer, part in zip((first, second), parts, strict=True):
                if mix.grid.encoding == "f32":
                    writer.write_floats(_sound(part))
                    continue
                steps, outside = _within(_rounded(part, mix.grid), mix.grid)
                clipped += outside
                writer.write(steps, mix.grid.step)
            done += len(whole)
            if progress is not None:
                progress(done / mix.frames)
    return Split(target, residual, done, 0, clipped)


def _beside(mix: Mix, *estimates: Path) -> Iterator[tuple[NDArray[Any], ...]]:
    """Blocks of the mix in steps, and of each estimate in floats, side by side.

    Raises:
        MediaError: an estimate is longer or shorter than the mix, or has other channels or rate.
    """
    for path in estimates:
        form, frames = wave_format(path)
        found = (form.rate, form.channels, frames)
        wanted = (mix.form.rate, mix.form.channels, mix.frames)
        if found != wanted:
            raise MediaError(
                "The estimate does not fit the mix: {} Hz × {} × {}".format(*found)
                + " against {} Hz × {} × {}.".format(*wanted),
                hint="Stems must have the rate, the channels and the length of their mix.",
            )
    blocks = [float_blocks(path) for path in estimates]
    yield from zip(step_blocks(mix.path, mix.grid.step), *blocks, strict=True)
