"""Conform: mono stems from a separation model become stems of the clip's own sound.

What arrives is generated: late or early, at another level, upside down, too long, of another rate,
in windows that were drawn afresh. Each piece is placed on the mix's samples and then either steers
the mix's own channels ("original", which nulls) or is itself what is heard ("clean"). Putting the
result on the grid is `stemmux.grid`'s subject. This module must not know who made the stems.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.align import Alignment
from stemmux.bwf import refused_samples
from stemmux.fitting import Evidence, Fitting, Piece, evidence_of
from stemmux.grid import Mix
from stemmux.joining import Joint, Seam

if TYPE_CHECKING:
    from soundfile import SoundFile

    from stemmux.ffmpeg import Progress
    from stemmux.joining import Elsewhere, Sounds

__all__ = ["Conformed", "Evidence", "Piece", "Seam", "Style", "conform"]

Style = Literal["original", "clean"]


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

    Where there is no piece, the target is silent, and a residual is the mix itself.

    Raises:
        UnreadableMedia, NoAudio: a stem cannot be read as sound; see `stemmux.intake`.
        OutputRefused: the folder cannot be written to, or is full.
    """
    target = folder / "conformed_target.wav"
    residual = folder / "conformed_residual.wav" if style == "clean" else None
    fittings: list[Fitting] = []
    with (
        ExitStack() as files,
        refused_samples(target),
    ):
        outs = [files.enter_context(_written(path, mix)) for path in (target, residual) if path]
        joint = Joint(mix.frames, _untouched(files.enter_context(_read(mix)), len(outs)))
        for number, piece in enumerate(pieces):
            after = pieces[number + 1].start if number + 1 < len(pieces) else mix.frames
            with Fitting(mix, piece, folder) as fitting:
                blocks = fitting.clean() if style == "clean" else fitting.original()
                for sounds in joint.added(piece, after, blocks):
                    for out, sound in zip(outs, sounds, strict=True):
                        out.write(sound)
                    if progress is not None:
                        progress(joint.done / mix.frames)
            fittings.append(fitting)
        for sounds in joint.ended():
            for out, sound in zip(outs, sounds, strict=True):
                out.write(sound)
    return Conformed(
        target,
        residual,
        style,
        tuple(fitting.alignment for fitting in fittings),
        tuple(joint.seams),
        evidence_of(fittings),
        tuple(note for fitting in fittings for note in fitting.notes),
    )


def _read(mix: Mix) -> SoundFile:
    import soundfile

    return soundfile.SoundFile(str(mix.path))


def _untouched(whole: SoundFile, sounds: int) -> Elsewhere:
    """A silent target, and beside it the mix where a residual is made too."""
    import numpy as np

    def elsewhere(start: int, count: int) -> Sounds:
        silence = np.zeros((count, whole.channels), np.float32)
        if sounds == 1:
            return [silence]
        whole.seek(start)
        return [silence, whole.read(count, dtype="float32", always_2d=True)]

    return elsewhere


def _written(path: Path, mix: Mix) -> SoundFile:
    import soundfile

    form = mix.form
    return soundfile.SoundFile(
        str(path), "w", form.rate, form.channels, subtype="FLOAT", format="RF64"
    )
