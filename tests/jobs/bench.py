"""What a separation is tried with: engines whose answer is known, and somebody who listens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from soundmatte.engines.cloud.engine import CloudEngine, Limits
from soundmatte.engines.engine import (
    Answer,
    Estimate,
    Generated,
    Material,
    Progress,
    Question,
    StemName,
)
from soundmatte.errors import EngineRefused
from soundmatte.jobs.requests import Requests
from soundmatte.separation.client import Client
from soundmatte.separation.places import Places
from stemmux.conform import Piece

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

    @property
    def terms(self) -> dict[str, Any]:
        """See `Engine`."""
        return {}

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


class Drawing(Part):
    """An engine that makes stems of its own in two windows, as often as it is asked to.

    Every other draw is as loud as it should be; the ones between are another sound.
    """

    name = "drawing"

    def __init__(self, good: Sequence[bool], agreed: int) -> None:
        """Which draws of the second window are good, and how many more than one were agreed."""
        super().__init__()
        self._good, self.draws, self._agreed = list(good), 0, agreed

    def consider(self, question: Question) -> Answer:
        """Take everything."""
        return Answer("drawing", windows=2, styles=frozenset({"original", "clean"}))

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Generated:
        """Two windows that share a second."""
        sound, rate = soundfile.read(material.mix, always_2d=True)
        middle, shared = len(sound) // 2, rate // 2
        bounds = [(0, middle + shared), (middle - shared, len(sound))]

        def drawn(index: int) -> Piece:
            first, last = bounds[index]
            mono = sound[first:last].mean(axis=1)
            target = low_passed(mono)
            if index:
                self.draws += 1
                if not self._good[self.draws - 1]:
                    target = np.random.default_rng(self.draws).normal(0, 0.1, len(mono))
            paths = [folder / f"{name}-{index}-{self.draws}.wav" for name in ("t", "r")]
            for path, stem in zip(paths, (target, mono - target), strict=True):
                soundfile.write(path, stem, rate, subtype="FLOAT")
            return Piece(paths[0], paths[1], first, last - first)

        def again(index: int, progress: Progress) -> Piece | None:
            if self.draws > self._agreed:
                return None
            return drawn(index)

        return Generated((drawn(0), drawn(1)), again)


def low_passed(mono: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A moving mean that moves nothing in time: what the loopback service takes for the target."""
    return np.convolve(mono, np.ones(17) / 17, mode="same")


def cloud(service: Any, folder: Path, **limits: Any) -> CloudEngine:
    """The cloud engine at the loopback service, with a journal in `folder`."""

    def connect() -> Client:
        return Client(key=service.key, places=Places.server(service.base))

    return CloudEngine(connect, lambda: Requests.open(folder), limits=Limits(**limits))


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
