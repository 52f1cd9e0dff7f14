"""What a separation is tried with: engines whose answer is known, and somebody who listens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from soundmatte.engines.engine import Answer, Estimate, Material, Progress, Question, StemName
from soundmatte.errors import EngineRefused

Steps = npt.NDArray[np.int64]


class Part:
    """An engine for which one stem is a known share of every sample."""

    name = "part"

    def __init__(self, share: float = 0.5, of: StemName = "target") -> None:
        self._share = share
        self._of = of

    @property
    def identity(self) -> dict[str, Any]:
        """See `Engine`."""
        return {"engine": self.name, "share": self._share, "of": self._of}

    def consider(self, question: Question) -> Answer:
        """Take every prompt but one."""
        if question.prompt == "silence":
            raise EngineRefused("Nobody can look for silence.", hint="Ask for a sound.")
        return Answer("part", ("A part of everything is taken.",))

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Write the share of every sample."""
        samples, rate = soundfile.read(material.mix, dtype="float32", always_2d=True)
        progress(0.5)
        path = folder / "estimate.wav"
        soundfile.write(path, self.heard(samples), rate, subtype="FLOAT")
        progress(1.0)
        return Estimate(path, self._of)

    def heard(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What is in the stem, of these samples."""
        return samples * np.float32(self._share)


class Short(Part):
    """An engine that gives back too little."""

    def heard(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """All but the last sample."""
        return samples[:-1]


class Failing(Part):
    """An engine that breaks off while its file is being written."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Leave a file half written."""
        (folder / "estimate.part.wav").write_bytes(b"RIFF")
        raise self._error


class Notebook:
    """A listener that writes everything down."""

    def __init__(self, at: Callable[[str, float], None] = lambda stage, share: None) -> None:
        self.stages: list[str] = []
        self.shares: list[tuple[str, float]] = []
        self.notes: list[str] = []
        self._at = at

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """See `Listener`."""
        self.stages.append(name)

        def tell(share: float) -> None:
            self.shares.append((name, share))
            self._at(name, share)

        yield tell

    def note(self, text: str) -> None:
        """See `Listener`."""
        self.notes.append(text)


def mark(path: Path) -> tuple[str, int]:
    """What must stay as it is of a file that is only read."""
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns


def steps(path: Path) -> Steps:
    """A 24-bit WAV file as whole numbers, [frames, channels]."""
    assert soundfile.info(path).subtype == "PCM_24"
    samples, _ = soundfile.read(path, dtype="int32", always_2d=True)
    return np.asarray(samples, np.int64) >> 8


def files(folder: Path) -> set[str]:
    """The names of everything under a folder, hidden files too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
