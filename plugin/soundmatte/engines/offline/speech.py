"""Speech out of a mix: rates, levels, channels and the two nets put together.

The estimate has the mix's rate, channels and frames, without delay. What the person asked for,
files and stems that null are not this module's subject.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundmatte.engines.offline import deepfilternet, dtln
from soundmatte.engines.offline.agreement import Agreement
from soundmatte.engines.offline.runtime import processors
from soundmatte.engines.offline.survey import Group, Plan, Survey, finite
from soundmatte.engines.offline.weights import locate
from soundmatte.errors import UsageError

Samples = NDArray[np.float32]

#: The clip's own beginning, reversed in time, goes through the nets before the clip: they have
#: then heard the noise when the first word comes. 0.4 dB better, 1.1 dB for the worst tenth.
WARM_UP_SECONDS = 2.0
CHUNK_SECONDS = 12.0  # at a time: what one run of the nets takes


class _Resampler:
    """A soxr stream without delay; nothing at all between equal rates."""

    def __init__(self, rate: int, to_rate: int, channels: int) -> None:
        self._stream: Any = None
        if rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(rate, to_rate, channels, "float32", "HQ")

    def push(self, samples: Samples, last: bool) -> Samples:
        """Take the next samples, return those that are ready: all of them after the last."""
        if self._stream is None:
            return samples
        ready: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples), last)
        return ready


class _Voice:
    """One group of channels on its way through resampling and nets."""

    def __init__(
        self,
        nets: tuple[deepfilternet.DeepFilterNet3, dtln.Dtln | None],
        rate: int,
        group: Group,
        pool: ThreadPoolExecutor,
    ) -> None:
        channels = len(group.channels)
        self._pool = pool
        self._shares = np.array(group.shares, np.float32)
        self._deep = deepfilternet.DeepFilterStream(nets[0], channels)
        self._second = dtln.DtlnStream(nets[1]) if nets[1] is not None else None
        self._in = _Resampler(rate, deepfilternet.RATE, channels)
        self._out = _Resampler(deepfilternet.RATE, rate, channels)
        self._mix_down = _Resampler(deepfilternet.RATE, dtln.RATE, 1)
        self._deep_down = _Resampler(deepfilternet.RATE, dtln.RATE, 1)
        self._agreement = Agreement()
        self._change_up = _Resampler(dtln.RATE, deepfilternet.RATE, 1)
        # What one branch has ready before the other:
        self._second_wait = self._down_wait = self._change_wait = np.zeros(0, np.float32)
        self._deep_wait = np.zeros((0, channels), np.float32)

    def push(self, samples: Samples, last: bool) -> Samples:
        """Take the next frames of the group, return those that are ready."""
        wide = self._in.push(samples, last)
        if self._second is None:
            return self._out.push(self._run_deep(wide, last), last)
        narrow = self._mix_down.push(wide.mean(axis=1), last)
        second = self._pool.submit(self._run_second, narrow, last)
        deep = self._run_deep(wide, last)
        return self._out.push(self._blend(deep, second.result(), last), last)

    def _run_deep(self, samples: Samples, last: bool) -> Samples:
        ready = self._deep.push(samples)
        return np.concatenate([ready, self._deep.finish()]) if last else ready

    def _run_second(self, samples: Samples, last: bool) -> Samples:
        assert self._second is not None
        ready = self._second.push(samples)
        return np.concatenate([ready, self._second.finish()]) if last else ready

    def _blend(self, deep: Samples, second: Samples, last: bool) -> Samples:
        """Move the mean of the channels towards DTLN where both agree, in the band it hears.

        It hears nothing above 8 kHz; there, and where the resampling to 16 kHz begins to fall
        (above 7.3 kHz), DeepFilterNet3 decides alone.
        """
        down = self._deep_down.push(deep.mean(axis=1), last)
        self._second_wait = np.concatenate([self._second_wait, second])
        self._down_wait = np.concatenate([self._down_wait, down])
        n = min(len(self._second_wait), len(self._down_wait))
        change = self._agreement.push(self._down_wait[:n], self._second_wait[:n])
        self._second_wait, self._down_wait = self._second_wait[n:], self._down_wait[n:]
        if last:
            change = np.concatenate([change, self._agreement.finish()])
        change = self._change_up.push(change, last)
        self._change_wait = np.concatenate([self._change_wait, change])
        self._deep_wait = np.concatenate([self._deep_wait, deep])
        if last:
            short = max(0, len(self._deep_wait) - len(self._change_wait))
            self._change_wait = np.pad(self._change_wait, (0, short))
        n = min(len(self._deep_wait), len(self._change_wait))
        out = self._deep_wait[:n] + self._change_wait[:n, None] * self._shares
        self._deep_wait, self._change_wait = self._deep_wait[n:], self._change_wait[n:]
        return out


class SpeechSeparator:
    """DeepFilterNet3, and DTLN beside it where its weights are."""

    def __init__(self, deep: deepfilternet.DeepFilterNet3, second: dtln.Dtln | None) -> None:
        """Use nets that are open already."""
        self._nets = (deep, second)

    @classmethod
    def load(
        cls,
        models: Sequence[str] = ("dfn3",),
        given: Mapping[str, Path] | None = None,
        folder: Path | None = None,
        threads: int | None = None,
    ) -> SpeechSeparator:
        """Find the weights and open the nets.

        Args:
            models: "dfn3", or "dfn3" and "dtln".
            given: files named by hand, by model.
            folder: the person's own folder of models.
            threads: how many to use; by default as many as there are processors.

        Raises:
            UsageError: the models named do not make a separator.
            WeightsMissing, WeightsRefused: as `weights.locate`.
            ExtraMissing: ONNX Runtime cannot be loaded.
        """
        if "dfn3" not in models or not set(models) <= {"dfn3", "dtln"}:
            named = ", ".join(models) or "nothing"
            raise UsageError(
                f"The offline engine cannot work with these models: {named}",
                hint="Name dfn3, or dfn3 and dtln.",
            )
        files = {name: locate(name, given or {}, folder).files for name in models}
        second = None
        if "dtln" in files:
            second = dtln.Dtln(files["dtln"]["model_1.onnx"], files["dtln"]["model_2.onnx"])
        archive = files["dfn3"]["DeepFilterNet3_onnx.tar.gz"]
        return cls(deepfilternet.DeepFilterNet3(archive, threads or processors()), second)

    def estimate(self, mix: NDArray[Any], rate: int) -> Samples:
        """The speech in a mix that is in memory.

        Args:
            mix: [frames] or [frames, channels], full scale is 1.
            rate: samples per second.

        Returns:
            32-bit float of the same shape.
        """
        wide = np.asarray(mix, np.float32)
        wide = wide[:, None] if wide.ndim == 1 else wide
        survey = Survey(rate, wide.shape[1])
        survey.add(wide)
        parts = list(self.stream([wide], rate, survey.plan()))
        return np.concatenate(parts).reshape(mix.shape) if parts else np.zeros(mix.shape, "f4")

    def stream(
        self,
        blocks: Iterable[Samples],
        rate: int,
        plan: Plan,
        pulse: Callable[[], None] = lambda: None,
    ) -> Generator[Samples, None, None]:
        """The speech in a mix of any length, in flat memory.

        Args:
            blocks: the mix [frames, channels], in pieces of any length.
            rate: samples per second.
            plan: what `Survey` made of the same mix.
            pulse: called before each run of the nets; may raise to end the work.

        Yields:
            The estimate in pieces of other lengths, as many frames in all.
        """
        chunks = _chunks(blocks, max(1, round(rate * CHUNK_SECONDS)))
        if not plan.groups:
            yield from (np.zeros_like(chunk) for chunk, _ in chunks)
            return
        warm_up = max(1, round(rate * WARM_UP_SECONDS))
        offsets = np.array(plan.offsets, np.float32)
        to_drop, to_give = warm_up, plan.frames
        with ThreadPoolExecutor(1) as pool:
            voices = [(group, _Voice(self._nets, rate, group, pool)) for group in plan.groups]
            for index, (chunk, last) in enumerate(chunks):
                sound = finite(chunk) - offsets
                if index == 0:
                    head = np.pad(sound[:warm_up], ((warm_up, 0), (0, 0)), mode="symmetric")
                    sound = np.concatenate([head[:warm_up], sound])
                if last:  # both ways of resampling round the length; a few frames more are enough
                    sound = np.pad(sound, ((0, 16), (0, 0)))
                ready = _run(voices, sound, last, pulse)
                early = min(to_drop, len(ready))
                ready = ready[early : early + to_give]
                to_drop, to_give = to_drop - early, to_give - len(ready)
                yield ready


def _run(
    voices: list[tuple[Group, _Voice]], sound: Samples, last: bool, pulse: Callable[[], None]
) -> Samples:
    ready: Samples | None = None
    for group, voice in voices:
        pulse()
        columns = list(group.channels)
        gain = np.float32(group.gain)
        speech = voice.push(sound[:, columns] * gain, last) / gain
        if ready is None:
            ready = np.zeros((len(speech), sound.shape[1]), np.float32)
        ready[:, columns] = speech
    assert ready is not None
    return ready


def _chunks(blocks: Iterable[Samples], frames: int) -> Iterator[tuple[Samples, bool]]:
    """The same frames in pieces of this length, each with whether it is the last."""
    waiting: list[Samples] = []
    held = 0
    for block in blocks:
        waiting.append(np.asarray(block, np.float32))
        held += len(block)
        if held <= frames:  # one chunk is always kept back, since it may be the last
            continue
        joined = np.concatenate(waiting)
        while len(joined) > frames:
            yield joined[:frames], False
            joined = joined[frames:]
        waiting, held = [joined], len(joined)
    if waiting and held:
        yield np.concatenate(waiting), True
