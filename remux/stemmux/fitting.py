"""Fit one piece, the two stems of a stretch, to the mix: where it lies, and what it is in there.

This module must not know how pieces are joined, nor who made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from stemmux.align import find, shifted
from stemmux.bwf import BLOCK
from stemmux.extract import mono_gains
from stemmux.grid import Mix
from stemmux.intake import StemReader
from stemmux.steer import Sounds, Steering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.shift import ReadMono

#: A target below this has nothing in it (dBFS), or this far below the mix (dB).
_SILENT_DBFS, _SILENT_DB = -80.0, -45.0
#: Stems that account for less of the mix are not this mix's.
_EXPLAINED = 0.4
#: Share of the target stem's power, beyond what the mix holds, from which "clean" may be better.
_BEYOND = 0.5
#: Places at which a missing residual's level is looked at.
_LOOKS = 16


@dataclass(frozen=True)
class Piece:
    """Two stems of one stretch of the mix, as they arrived: any rate, channels, length.

    Attributes:
        residual: None where only the target is there.
        start, frames: the stretch, in samples of the mix. Pieces come in order; where two overlap
            they are cross-faded.
    """

    target: Path
    residual: Path | None
    start: int
    frames: int


@dataclass(frozen=True)
class Evidence:
    """What speaks for the stems, and what against; the gate's whole ground.

    Attributes:
        target_dbfs: level of the target (RMS of all channels against full scale); -inf is silence.
        target_share_db: the same against the mix.
        explained: share of the mix's energy that the aligned stems account for, 0 to 1.
        correlation: of the target with the mix, largest over the channels, 0 to 1.
        confidence: least of the pieces' alignments.
        doubts: sentences, each a reason why nobody should use this unasked; empty is good.
        clean_may_be_better: the mask explains too little of what the model heard.
    """

    target_dbfs: float
    target_share_db: float
    explained: float
    correlation: float
    confidence: float
    doubts: tuple[str, ...] = ()
    clean_may_be_better: bool = False


class Fitting:
    """One piece beside its stretch of the mix. A context manager.

    Attributes:
        alignment: where the stems lie; they are moved there only if it can be trusted.
        notes: what a person should know.
    """

    def __init__(self, mix: Mix, piece: Piece, folder: Path) -> None:
        import numpy as np
        import soundfile

        self.piece, self.rate = piece, mix.form.rate
        channels = mix.form.channels
        self._weights = np.asarray(mono_gains(channels, mix.form.speakers), np.float32)
        self._energies = np.zeros((4, channels))
        with ExitStack() as stack:
            self._mix = stack.enter_context(soundfile.SoundFile(str(mix.path)))
            paths = [piece.target] if piece.residual is None else [piece.target, piece.residual]
            self._stems = [
                stack.enter_context(StemReader(path, self.rate, folder)) for path in paths
            ]
            self.alignment = find(self._mono, self._both, piece.frames, self.rate)
            self._target, self._residual = self._placed()
            self._steering = Steering(
                Sounds(
                    self._read,
                    self._target,
                    self._residual,
                    piece.frames,
                    self.rate,
                    self._weights,
                )
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Fitting:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def original(self) -> Iterator[list[NDArray[np.float32]]]:
        """The target as it is in the mix, `[frames, channels]`, block by block."""
        for whole, target in self._steering.blocks():
            self._weigh(whole, target)
            yield [target]

    def clean(self) -> Iterator[list[NDArray[np.float32]]]:
        """Target and residual as the model made them, at the levels that they have in the mix."""
        import numpy as np

        powers, likeness = np.zeros(2), np.zeros(2)
        start = 0
        for whole, target in self._steering.blocks():
            self._weigh(whole, target)
            for row, (read, sound) in enumerate(
                ((self._target, target), (self._residual, whole - target))
            ):
                stem = read(start, len(whole))
                powers[row] += float(stem @ stem)
                likeness[row] += float(stem @ (sound @ self._weights))
            start += len(whole)
        gains = np.sqrt(self._energies[:2] / np.maximum(powers, 1e-20)[:, None])
        # A stem that is upside down beside the other is turned: the alignment saw them together.
        gains = (np.where(likeness < 0, -1, 1)[:, None] * gains).astype(np.float32)
        for start in range(0, self.piece.frames, BLOCK):
            count = min(BLOCK, self.piece.frames - start)
            yield [
                np.asarray(read(start, count), np.float32)[:, None] * gain
                for read, gain in zip((self._target, self._residual), gains, strict=True)
            ]

    @property
    def notes(self) -> tuple[str, ...]:
        """See the class."""
        found = self.alignment
        notes = [note for stem in self._stems for note in stem.notes]
        name = self.piece.target.name
        if found.trusted and abs(found.delay) >= 1:
            way = "late" if found.delay > 0 else "early"
            notes.append(f"{name} was {abs(found.delay):.1f} samples {way}, and was put in place.")
        if found.trusted and found.inverted:
            notes.append(f"{name} was upside down, and was turned.")
        if found.trusted and abs(found.drift_ppm) >= 1:
            notes.append(f"{name} drifted by {found.drift_ppm:.0f} ppm, which was undone.")
        return tuple(notes)

    def _read(self, start: int, count: int) -> NDArray[np.float32]:
        """The mix's samples of the stretch, `[count, channels]`; zeros outside it."""
        import numpy as np

        out = np.zeros((count, self._mix.channels), np.float32)
        first, last = max(0, start), min(self.piece.frames, start + count)
        if last > first:
            self._mix.seek(self.piece.start + first)
            self._mix.read(out=out[first - start : last - start])
        return out

    def _mono(self, start: int, count: int) -> NDArray[np.float64]:
        """What the model heard."""
        import numpy as np

        return np.asarray(self._read(start, count) @ self._weights, np.float64)

    def _both(self, start: int, count: int) -> NDArray[np.float64]:
        import numpy as np

        sounds = [stem.read(start, count) for stem in self._stems]
        return np.asarray(np.sum(sounds, axis=0), np.float64)

    def _placed(self) -> tuple[ReadMono, ReadMono]:
        reads: list[Any] = [stem.read for stem in self._stems]
        if self.alignment.trusted:
            reads = [shifted(read, self.alignment) for read in reads]
        if len(reads) == 1:
            reads.append(self._without(reads[0]))
        return reads[0], reads[1]

    def _without(self, target: ReadMono) -> ReadMono:
        """What the model heard, less the target: stands for a residual that is not there."""
        import numpy as np

        length = min(BLOCK, self.piece.frames)
        both = power = 0.0
        for start in np.linspace(0, self.piece.frames - length, _LOOKS).astype(int):
            part, heard = target(int(start), length), self._mono(int(start), length)
            both, power = both + float(part @ heard), power + float(part @ part)
        gain = both / power if power else 0.0
        return lambda start, count: self._mono(start, count) - gain * target(start, count)

    def _weigh(self, whole: NDArray[np.float32], target: NDArray[np.float32]) -> None:
        import numpy as np

        rest = whole - target
        self._energies += [
            np.einsum("nc,nc->c", one, two, dtype=np.float64)
            for one, two in ((target, target), (rest, rest), (whole, whole), (target, whole))
        ]

    @property
    def energies(self) -> NDArray[np.float64]:
        """Sums of squares by channel: target, residual, mix; and target times mix."""
        return self._energies

    @property
    def explained(self) -> float:
        """See `Evidence`."""
        return self._steering.scene.explained

    @property
    def beyond(self) -> float:
        """Share of the target stem's power that the mix does not have."""
        return self._steering.scene.beyond


def evidence_of(fittings: Sequence[Fitting]) -> Evidence:
    """What speaks for the stems of all pieces together, once they have been read."""
    import numpy as np

    energies = sum((fitting.energies for fitting in fittings), np.zeros_like(fittings[0].energies))
    frames = sum(fitting.piece.frames for fitting in fittings) * energies.shape[1]
    target, _, mix, both = energies
    level = _db(float(target.sum()) / frames)
    share = _db(float(target.sum()) / float(mix.sum())) if mix.sum() else -math.inf
    likeness = both / np.sqrt(np.maximum(target * mix, 1e-30))
    weights = np.array([float(fitting.energies[2].sum()) + 1e-20 for fitting in fittings])
    explained = float(weights @ [fitting.explained for fitting in fittings] / weights.sum())
    beyond = float(weights @ [fitting.beyond for fitting in fittings] / weights.sum())
    return Evidence(
        level,
        share,
        explained,
        float(np.clip(likeness.max(), 0, 1)),
        min(fitting.alignment.confidence for fitting in fittings),
        _doubts(level, share, explained),
        beyond > _BEYOND,
    )


def _doubts(level: float, share: float, explained: float) -> tuple[str, ...]:
    doubts = []
    if level < _SILENT_DBFS or share < _SILENT_DB:
        below = "silent" if share == -math.inf else f"{-share:.0f} dB below the clip's sound"
        doubts.append(f"The target is as good as empty: {below}.")
    if explained < _EXPLAINED:
        doubts.append(
            f"The stems account for {100 * explained:.0f} % of the clip's sound: "
            "are they this clip's?"
        )
    return tuple(doubts)


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf
