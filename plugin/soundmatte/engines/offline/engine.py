"""The offline engine: a question and a mix in, the speech of the mix out, on this computer.

Files and progress are this module's subject; how the speech is found is `speech`'s. Importing
it loads no net, no numpy and no ONNX Runtime.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundmatte.engines.engine import Answer, Estimate, Material, Progress, Question
from soundmatte.engines.offline import prompt
from soundmatte.engines.offline.weights import available_models, locate
from stemmux.bwf import refused_samples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundmatte.engines.offline.survey import Plan

#: One more whenever the same mix and models begin to give another estimate.
RECIPE = 2

BLOCK_SECONDS = 4.0
BLOCK_SAMPLES = 2**22  # of all channels together, at most
FIRST_PASS = 0.05  # of the time, about (0.03 to 0.08 measured); the second pass has the rest
WAV_LIMIT = 2**32 - 2**20  # bytes that a WAV's 32-bit sizes can say, less room for its header


class OfflineEngine:
    """Separates speech from everything else with DeepFilterNet3 and, if there, DTLN."""

    name = "offline"

    def __init__(
        self,
        *,
        models: Sequence[str] | None = None,
        given: Mapping[str, Path] | None = None,
        folder: Path | None = None,
        threads: int | None = None,
    ) -> None:
        """Nothing is looked for or loaded yet.

        Args:
            models: "dfn3", or "dfn3" and "dtln"; None takes dtln where its files are.
            given: weights named by hand, by model.
            folder: the person's own folder of models.
            threads: worker threads; by default one for each processor.
        """
        self._models = tuple(models) if models is not None else None
        self._given = dict(given or {})
        self._folder = folder
        self._threads = threads

    def models(self) -> tuple[str, ...]:
        """The models that `separate` will use, found and checked.

        Raises:
            WeightsMissing, WeightsRefused: as `weights.locate`.
        """
        names = self._models
        if names is None:
            names = available_models(self._given, self._folder)
        for name in names:
            locate(name, self._given, self._folder)
        return names

    @property
    def identity(self) -> dict[str, Any]:
        """The models that are used, and how; see `soundmatte.engines.engine.Engine`.

        Raises:
            WeightsMissing, WeightsRefused: as `models`.
        """
        return {"models": list(self.models()), "recipe": RECIPE}

    @property
    def terms(self) -> dict[str, Any]:
        """Nothing: the settings of the computer that it runs on say it all."""
        return {}

    def consider(self, question: Question) -> Answer:
        """Say what will be done, having seen that the models for it are there.

        Raises:
            EngineRefused: as `prompt.consider`.
            WeightsMissing, WeightsRefused: as `models`.
        """
        answer = prompt.consider(question)
        self.models()
        return answer

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Estimate the speech of the mix in `folder`/estimate.wav.

        For speech that is the target; for the background and music it is the residual.

        Raises:
            EngineRefused: as `consider`.
            WeightsMissing, WeightsRefused, ExtraMissing: the nets cannot be opened.
            OutputRefused: the disk is full.
        """
        answer = self.consider(question)
        path = folder / "estimate.wav"
        unfinished = folder / "estimate.part.wav"
        try:
            self._work(material.mix, unfinished, progress)
            os.replace(unfinished, path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return Estimate(path, "target" if answer.route == "speech" else "residual")

    def _work(self, mix: Path, path: Path, progress: Progress) -> None:
        import soundfile

        from soundmatte.engines.offline.speech import SpeechSeparator

        separator = SpeechSeparator.load(
            self.models(), self._given, self._folder, threads=self._threads
        )
        with soundfile.SoundFile(mix) as source:
            plan = _survey(source, progress)
            size = plan.frames * source.channels * 4
            target = soundfile.SoundFile(
                path,
                "w",
                source.samplerate,
                source.channels,
                "FLOAT",
                format="WAV" if size < WAV_LIMIT else "RF64",
            )
            with target:
                source.seek(0)
                done = 0

                def tell() -> None:
                    progress(FIRST_PASS + (1 - FIRST_PASS) * done / max(1, plan.frames))

                pieces = separator.stream(_blocks(source, tell), source.samplerate, plan, tell)
                with contextlib.closing(pieces):
                    for piece in pieces:
                        with refused_samples(path):
                            target.write(piece)
                        done += len(piece)
                        tell()
        progress(1.0)


def _survey(source: Any, progress: Progress) -> Plan:
    from soundmatte.engines.offline.survey import Survey

    survey = Survey(source.samplerate, source.channels)
    read = 0

    def tell() -> None:
        progress(FIRST_PASS * min(1.0, read / max(1, source.frames)))

    for block in _blocks(source, tell):
        survey.add(block)
        read += len(block)
    return survey.plan()


def _blocks(source: Any, tell: Any) -> Iterator[NDArray[np.float32]]:
    frames = max(1, min(round(source.samplerate * BLOCK_SECONDS), BLOCK_SAMPLES // source.channels))
    while True:
        tell()  # also where a cancelled work ends, between two pieces that are ready
        block = source.read(frames, dtype="float32", always_2d=True)
        if not len(block):
            return
        yield block
