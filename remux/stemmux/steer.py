"""From the service's two mono stems to the clip's own channels.

The stems are generated sound and do not add up to the mix, so they only steer: in each cell of a
short-time spectrum every channel of the mix is weighted by the target's share of the power. Phase
and channels stay the original's. This module must not know where the stems came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemmux.bwf import refused_samples
from stemmux.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.ffmpeg import Progress

#: Length and step of a spectrum, in samples of the mix (85 ms at 48 kHz, three quarters overlap).
_SIZE, _STEP = 4096, 1024
#: Spectra that are worked on at a time.
_BATCH = 64
#: Power under which neither stem says anything, as a share of full scale squared.
_FLOOR = 1e-12


def steer(mix: Path, target: Path, residual: Path, out: Path, progress: Progress) -> None:
    """Write the target as heard in the mix: float WAV with the mix's rate, channels and frames.

    Args:
        target, residual: the service's stems, any rate and length, counted from the same start.

    Raises:
        MediaError: a stem cannot be read as sound.
    """
    import numpy as np
    import soundfile

    with soundfile.SoundFile(str(mix)) as whole:
        rate, frames, channels = whole.samplerate, whole.frames, whole.channels
        stems = [_Stem(path, rate) for path in (target, residual)]
        window = np.sqrt(np.hanning(_SIZE + 1)[:-1])
        before = np.zeros((_SIZE - _STEP, channels + 2))
        tail = np.zeros((_SIZE, channels))
        written = -(_SIZE - _STEP)
        with (
            refused_samples(out),
            soundfile.SoundFile(
                str(out), "w", rate, channels, subtype="FLOAT", format="RF64"
            ) as result,
        ):
            while written < frames:
                fresh = _next(whole, stems, channels)
                block = np.concatenate([before, fresh])
                before = block[len(fresh) :]
                weighted, tail = _weigh(block, window, channels, tail)
                skip = max(0, -written)
                keep = weighted[skip : skip + frames - max(0, written)]
                result.write(keep.astype(np.float32))
                written += len(weighted)
                progress(min(1.0, max(0, written) / frames))


def _next(whole: Any, stems: list[_Stem], channels: int) -> NDArray[np.float64]:
    """The next stretch of the mix and of both stems side by side, silence behind the end."""
    import numpy as np

    length = _BATCH * _STEP
    fresh = np.zeros((length, channels + 2))
    sound = whole.read(length, dtype="float64", always_2d=True)
    fresh[: len(sound), :channels] = sound
    for column, stem in enumerate(stems, channels):
        fresh[:, column] = stem.read(length)
    return fresh


def _weigh(
    block: NDArray[np.float64],
    window: NDArray[np.float64],
    channels: int,
    tail: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The finished samples of a batch, and what the next batch must still add to."""
    import numpy as np

    cells = np.lib.stride_tricks.sliding_window_view(block, _SIZE, axis=0)[::_STEP]
    spectra = np.fft.rfft(cells * window, axis=2)
    power = np.abs(spectra[:, channels:]) ** 2
    share = (power[:, :1] + _FLOOR) / (power.sum(axis=1, keepdims=True) + 2 * _FLOOR)
    back = np.fft.irfft(spectra[:, :channels] * share, _SIZE, axis=2) * (window / 2)
    count = len(back)
    added = np.zeros((count * _STEP + _SIZE, channels))
    added[:_SIZE] += tail
    for number in range(count):
        added[number * _STEP : number * _STEP + _SIZE] += back[number].T
    return added[: count * _STEP], added[count * _STEP : count * _STEP + _SIZE]


class _Stem:
    """One stem as a stream of mono samples at the mix's rate; silence behind its end."""

    def __init__(self, path: Path, rate: int) -> None:
        self._blocks = self._resampled(path, rate)
        self._held: Any = None

    def _resampled(self, path: Path, rate: int) -> Iterator[NDArray[np.float64]]:
        import numpy as np
        import soundfile
        import soxr

        try:
            with soundfile.SoundFile(str(path)) as file:
                stream = soxr.ResampleStream(file.samplerate, rate, 1, dtype="float64")
                for block in file.blocks(1 << 16, dtype="float64", always_2d=True):
                    yield stream.resample_chunk(np.nan_to_num(block.mean(axis=1)))
                yield stream.resample_chunk(np.zeros(0), last=True)
        except soundfile.LibsndfileError as error:
            raise MediaError(
                "A stem that the service sent cannot be read.", hint="Run the command again."
            ) from error

    def read(self, length: int) -> NDArray[np.float64]:
        """The next samples; zeros where the stem has ended."""
        import numpy as np

        held = [] if self._held is None else [self._held]
        count = sum(map(len, held))
        while count < length and (block := next(self._blocks, None)) is not None:
            held.append(block)
            count += len(block)
        sound = np.concatenate([*held, np.zeros(max(0, length - count))])
        self._held = sound[length:]
        return sound[:length]
