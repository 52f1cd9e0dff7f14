"""Stems from anywhere, as conform works on them: mono samples at the mix's rate, from any place.

Uncompressed files of that rate are read where they lie; others are decoded by the guarded ffmpeg
and resampled into scratch files once. Damage becomes silence, and what is wrong with a stem is
noted on the way. This module must not know what a stem is compared with.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from stemmux.bwf import BLOCK, WaveFormat, WaveWriter
from stemmux.errors import NoAudio, UnreadableMedia
from stemmux.files import refused_output
from stemmux.grid import LOUDEST
from stemmux.probe import HIGHEST_SAMPLE_RATE, MOST_CHANNELS
from stemmux.timebase import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from soundfile import SoundFile

#: Files whose samples can be read from any place exactly: these containers with plain samples.
_PLAIN = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
_SAMPLES = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
#: A lower rate than any sound has (Hz).
_LOWEST_RATE = 4000
#: The highest 16-bit sample: from here to 1, a sample may have been cut off.
_FULL = 1 - 2.0**-15
#: So many samples at full scale next to one another are clipping; fewer may be a peak.
_RUN = 3
#: Below this a stem is silent: nothing of it would be left in 16 bits.
_AUDIBLE = 2.0**-16


@dataclass
class Condition:
    """What is wrong with the samples that have been looked at, in all channels.

    Attributes:
        samples: how many that were.
        damaged: no numbers, or absurdly loud; they are silence now.
        clipped: at full scale, behind at least two others that are.
        peak: the loudest (full scale = 1).
    """

    samples: int = 0
    damaged: int = 0
    clipped: int = 0
    peak: float = 0.0
    _edge: Any = field(default=None, repr=False)

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard."""
        return self.peak < _AUDIBLE

    def look(self, block: NDArray[np.float32]) -> None:
        """Take in the samples that come next, `[frames, channels]`, and silence the damage."""
        import numpy as np

        self.samples += block.size
        damaged, peak = _silence_damage(block)
        self.damaged += damaged
        self.peak = max(self.peak, peak)
        if peak < _FULL:
            self._edge = None
            return
        level = np.abs(block)
        full = (level >= _FULL) & (level <= 1)
        if self._edge is not None:
            full = np.concatenate([self._edge, full])
        run = full[2:] & full[1:-1] & full[:-2]
        self.clipped += int(np.count_nonzero(run))
        self._edge = full[1 - _RUN :]

    def notes(self, name: str) -> tuple[str, ...]:
        """Sentences for the person, about the stem of that name."""
        said = []
        if self.damaged:
            said.append(
                f"{name}: {self.damaged} damaged samples (no numbers, or absurdly loud) "
                "were silenced."
            )
        if self.clipped:
            share = self.clipped / self.samples
            said.append(f"{name} is clipped: {self.clipped} samples, {share:.2%} of it.")
        if self.samples and self.silent:
            said.append(f"{name} is silent.")
        return tuple(said)


def _peak(block: NDArray[np.float32]) -> float:
    return max(-float(block.min()), float(block.max())) if block.size else 0.0


def _silence_damage(block: NDArray[np.float32]) -> tuple[int, float]:
    """Make damage silence, in place; how many samples that were, and the peak that is left."""
    import numpy as np

    peak = _peak(block)
    # Turned round, so that what is no number fails as well.
    if peak <= LOUDEST:
        return 0, peak
    bad = ~(np.abs(block) <= LOUDEST)
    block[bad] = 0.0
    return int(np.count_nonzero(bad)), _peak(block)


def _mean(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """All channels as one, `[frames, 1]`."""
    import numpy as np

    channels = block.shape[1]
    # As a product: numpy is slow in averaging over so few.
    return block if channels == 1 else block @ np.full((channels, 1), 1 / channels, np.float32)


class StemReader:
    """One stem, as samples at a rate of one's choice. A context manager; see `read`.

    Attributes:
        path: the file as it was given.
        rate: Hz, of what `read` gives.
        frames: samples of each channel at that rate.
        channels, original_rate: of the file.
        condition: of the file's own samples. Complete at once if the stem had to be resampled,
            else once all of it has been read in order; see `examined`.
    """

    def __init__(self, path: Path, rate: int, folder: Path, *, mono: bool = True) -> None:
        """Open a stem, and convert it if it cannot be read as it lies.

        Args:
            path: sound, or a movie with sound, of which the first track is taken.
            rate: Hz.
            folder: for scratch files, which are removed on `close`.
            mono: read the mean of the channels instead of all of them.

        Raises:
            UnreadableMedia: it cannot be read, or its rate or channels are absurd.
            NoAudio: there is no sound in it.
            OutputRefused: the folder cannot be written to, or is full.
        """
        self.path, self.rate, self.condition = path, rate, Condition()
        self._mono, self._seen, self._position = mono, 0, 0
        with ExitStack() as stack:
            file = _plain(path, stack)
            if file is None:
                file = _decoded(path, folder, stack)
            self.channels, self.original_rate = file.channels, file.samplerate
            _check(path, file)
            if file.samplerate != rate:
                file = self._resampled(file, folder, stack)
            self._file, self.frames = file, int(file.frames)
            self._stack = stack.pop_all()

    @property
    def examined(self) -> bool:
        """Whether `condition` is that of the whole stem."""
        return self._seen >= self.frames

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of the stem, as far as it has been examined."""
        name = self.path.name
        resampled = self.original_rate != self.rate
        change = f"{name} was resampled from {self.original_rate} to {self.rate} Hz."
        return (*([change] if resampled else []), *self.condition.notes(name))

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Samples `start` to `start + count`, full scale ±1, zeros where the stem has none.

        Returns:
            `[count]`, or `[count, channels]` where all channels were asked for.
        """
        import numpy as np

        first, last = max(0, start), min(self.frames, start + count)
        width = 1 if self._mono else self._file.channels
        sound = np.zeros((count, width), np.float32)
        if first < last:
            block = self._block(first, last - first)
            sound[first - start :][: len(block)] = _mean(block) if self._mono else block
        return sound[:, 0] if self._mono else sound

    def _block(self, first: int, count: int) -> NDArray[np.float32]:
        """Samples that are there, as they lie; those seen for the first time are examined."""
        if self._position != first:
            self._file.seek(first)
        block: NDArray[np.float32] = self._file.read(count, dtype="float32", always_2d=True)
        self._position = first + len(block)
        known = self._seen - first
        if not 0 <= known < len(block):
            known = len(block)
        else:
            self.condition.look(block[known:])
            self._seen = self._position
        _silence_damage(block[:known])
        return block

    def _resampled(self, file: SoundFile, folder: Path, stack: ExitStack) -> SoundFile:
        """The stem at the wanted rate as a scratch file, without delay, of the exact length."""
        import numpy as np
        import soxr

        width = 1 if self._mono else file.channels
        stream = soxr.ResampleStream(
            file.samplerate, self.rate, width, dtype="float32", quality="VHQ"
        )
        left = nearest(Fraction(file.frames * self.rate, file.samplerate))
        out = _scratch(folder, stack)
        with refused_output(out), WaveWriter(out, WaveFormat(self.rate, width, "f32")) as writer:
            while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
                self.condition.look(block)
                sound = _mean(block) if self._mono else block
                sound = stream.resample_chunk(sound)[:left]
                writer.write_floats(sound)
                left -= len(sound)
            sound = stream.resample_chunk(np.zeros((0, width), np.float32), last=True)[:left]
            writer.write_floats(sound)
            writer.write_silence(left - len(sound))
        made = _plain(out, stack)
        assert made is not None
        self._seen = int(made.frames)
        return made

    def close(self) -> None:
        """Close the file and remove what was made of it."""
        self._stack.close()

    def __enter__(self) -> StemReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _plain(path: Path, stack: ExitStack) -> SoundFile | None:
    """The file, opened until `stack` closes, if any sample of it can be read at once."""
    import soundfile

    # A pipe would never end.
    if not os.path.isfile(path):
        return None
    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.LibsndfileError, UnicodeError):
        return None
    if file.format in _PLAIN and file.subtype in _SAMPLES:
        return stack.enter_context(file)
    file.close()
    return None


def _decoded(path: Path, folder: Path, stack: ExitStack) -> SoundFile:
    """All of the first track, by ffmpeg, as a scratch file of floats."""
    from stemmux.extract import Cut, extract
    from stemmux.probe import probe

    media = probe(path)
    out = _scratch(folder, stack)
    media.track()
    extract(media, media.span(), Cut(mix=out))
    file = _plain(out, stack)
    assert file is not None
    return file


def _scratch(folder: Path, stack: ExitStack) -> Path:
    """A new name in the folder, removed when `stack` closes."""
    path = folder / f".{secrets.token_hex(8)}.wav"
    stack.callback(path.unlink, missing_ok=True)
    return path


def _check(path: Path, file: SoundFile) -> None:
    if not _LOWEST_RATE <= file.samplerate <= HIGHEST_SAMPLE_RATE or file.channels > MOST_CHANNELS:
        raise UnreadableMedia(
            f"{path.name} says that it has {file.channels} channels at {file.samplerate} Hz.",
            hint=f"Stems of up to {MOST_CHANNELS} channels, from {_LOWEST_RATE // 1000} to "
            f"{HIGHEST_SAMPLE_RATE // 1000} kHz, are read.",
        )
    if file.frames == 0:
        raise NoAudio(f"{path.name} holds no sound at all.", hint="Is it the right file?")
