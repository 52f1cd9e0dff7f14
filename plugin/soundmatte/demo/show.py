"""The demo: make the clip, send it the whole way, and measure against what went into it.

This module must not separate or draw anything itself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundmatte.documents import MatteChoice, Selection, Separation
from soundmatte.engines.engine import Engine
from soundmatte.errors import ExtraMissing
from soundmatte.jobs.run import Listener, separate
from soundmatte.report.listening import Levels, levels, listening_copy
from stemmux.measure import si_sdr_db

if TYPE_CHECKING:
    from soundmatte.demo.scene import DemoTruth
    from soundmatte.report.preview import Preview


@dataclass(frozen=True)
class Shown:
    """What the demo made and measured.

    Attributes:
        before, after: how well the voice can be heard in the clip and in the target, as SI-SDR in
            dB against the voice that went in.
        seconds: that the separation itself took.
    """

    clip: Path
    matte: Path
    separation: Separation
    copies: dict[str, Path]
    levels: dict[str, Levels]
    preview: Preview | None
    before: float
    after: float
    seconds: float

    def lines(self) -> list[str]:
        """For a person."""
        done = self.separation
        null = "exactly" if done.null_db <= -300 else f"to {done.null_db:.1f} dB"
        lines = [
            f"clip:      {self.clip}"
            f"  ({done.duration:.2f} s; a person speaks over music and a bell)",
            f"matte:     {self.matte}",
            f"target:    {done.target}  (the voice{self._level('target')})",
            f"residual:  {done.residual}  (everything else{self._level('residual')})",
            *(f"listen:    {path}" for path in self.copies.values()),
            f"file:      {done.file}  (picture {done.picture}, stems as tracks)",
        ]
        if self.preview is not None:
            lines.append(f"preview:   {self.preview.sheet}, {self.preview.movie}")
        return [
            *lines,
            f"measured:  target + residual = clip {null}; "
            f"stems {done.offset_samples:g} samples off in the file",
            f"           the voice stands {self.after:.1f} dB clear in the target, "
            f"{self.before:.1f} dB in the clip (SI-SDR)",
            f"           separated in {self.seconds:.1f} s, offline",
        ]

    def _level(self, role: str) -> str:
        found = self.levels.get(role)
        return f", peak {found.peak_dbfs:.1f} dBFS" if found else ""

    def values(self) -> dict[str, Any]:
        """For a program."""
        return {
            "clip": str(self.clip),
            "matte": str(self.matte),
            "listening_copies": {role: str(path) for role, path in self.copies.items()},
            "preview": str(self.preview.sheet) if self.preview else None,
            "si_sdr_before_db": self.before,
            "si_sdr_after_db": self.after,
            "seconds": self.seconds,
            "separation": self.separation.model_dump(mode="json"),
        }


def show(output: Path, engine: Engine, listener: Listener) -> Shown:
    """Do everything into `output`; what an earlier demo left there is replaced.

    Raises:
        StemmuxError, SoundmatteError: by what stopped it.
    """
    from soundmatte.demo.scene import make_clip

    clip, matte = output / "demo.mp4", output / "demo_matte.mp4"
    with listener.stage("scene") as progress:
        truth = make_clip(clip, matte, overwrite=True)
        progress(1.0)
    selection = Selection(
        media=clip.absolute(), matte=MatteChoice(path=matte.absolute()), prompt="speech"
    )
    began = time.monotonic()
    done = separate(selection, engine, output, listener, overwrite=True)
    seconds = time.monotonic() - began
    before, after = _clarity(truth, done)
    stems = {"target": done.target, "residual": done.residual}
    with listener.stage("listening copies") as progress:
        copies = {}
        for role, stem in stems.items():
            copy = listening_copy(stem, stem.with_suffix(".mp3"), overwrite=True)
            copies[role] = copy.path
        progress(1.0)
    return Shown(
        clip=clip,
        matte=matte,
        separation=done,
        copies=copies,
        levels={role: levels(stem) for role, stem in stems.items()},
        preview=_preview(clip, matte, output, listener),
        before=before,
        after=after,
        seconds=seconds,
    )


def _clarity(truth: DemoTruth, done: Separation) -> tuple[float, float]:
    """SI-SDR in dB of the voice in the clip and in the target."""
    import soundfile

    target, _ = soundfile.read(done.target, always_2d=True)
    residual, _ = soundfile.read(done.residual, always_2d=True)
    count = min(len(target), len(truth.speech))
    voice, target, residual = truth.speech[:count], target[:count], residual[:count]
    return si_sdr_db(voice, target + residual), si_sdr_db(voice, target)


def _preview(clip: Path, matte: Path, output: Path, listener: Listener) -> Preview | None:
    from soundmatte.report.preview import preview

    try:
        with listener.stage("preview") as progress:
            return preview(clip, matte, output, overwrite=True, progress=progress)
    except ExtraMissing as missing:
        listener.note(f"{missing} {missing.hint}")
        return None
