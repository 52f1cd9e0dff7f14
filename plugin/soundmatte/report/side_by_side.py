"""16-bit copies of sounds that are listened to side by side, and their levels over time.

All of them are made with one gain, so that what is louder is louder, and have the same rate and
length, so that one can be left for another in the middle. This module must not know who listens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from soundmatte.report.listening import mix_down
from stemmux.errors import NoAudio, UnreadableMedia
from stemmux.files import replacing

#: How many levels are read over the whole length.
COLUMNS = 240
#: What is softer counts as this, dB below full scale.
FLOOR = -90.0
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Copy:
    """A copy that was written: 16-bit WAV with the plain header, one channel or two.

    Attributes:
        peaks: the loudest sample in each of `COLUMNS` equal stretches, dB below full scale of the
            sound itself; `FLOOR` at least.
    """

    path: Path
    peaks: tuple[float, ...]


def side_by_side(
    sounds: Mapping[str, Path], folder: Path, progress: Callable[[float], None]
) -> tuple[dict[str, Copy], float]:
    """Write a copy NAME.wav of each sound into a folder.

    Args:
        sounds: WAVs by name, all of one rate, length and number of channels.
        progress: told the share done, 0 to 1; may raise to end the work.

    Returns:
        The copies by name, and the gain in dB that all were made with: 0, or less where a sound
        goes beyond full scale.

    Raises:
        NoAudio: there is no sound in them, or they do not fit one another.
        stemmux.errors.StemmuxError: one cannot be read, or a copy not be written.
    """
    steps = 2 * len(sounds)
    try:
        forms = {(i.samplerate, i.frames, i.channels) for i in map(soundfile.info, sounds.values())}
        if len(forms) != 1 or not next(iter(forms))[1]:
            raise NoAudio("The sounds cannot be listened to side by side.")
        peaks = {}
        for number, (name, path) in enumerate(sounds.items()):
            peaks[name] = _peaks(path)
            progress((number + 1) / steps)
        gain = 1.0 / max(1.0, *(peak.max() for peak in peaks.values()))
        copies = {}
        for number, (name, path) in enumerate(sounds.items(), len(sounds)):
            out = folder / f"{name}.wav"
            _copy(path, out, gain)
            copies[name] = Copy(out, tuple(map(_decibels, peaks[name])))
            progress((number + 1) / steps)
    except soundfile.LibsndfileError as error:
        raise UnreadableMedia("A sound cannot be read as a WAV file.") from error
    return copies, 20 * math.log10(gain)


def _peaks(path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The loudest sample of each stretch, of what is heard of all channels."""
    with soundfile.SoundFile(path) as source:
        mix = mix_down(source.channels)
        peaks = np.zeros(COLUMNS)
        at = 0
        for block in source.blocks(_BLOCK, dtype="float64", always_2d=True):
            loud = np.abs(np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0) @ mix).max(axis=1)
            column = (at + np.arange(len(loud))) * COLUMNS // source.frames
            np.maximum.at(peaks, column, loud)
            at += len(loud)
    return peaks


def _copy(path: Path, out: Path, gain: float) -> None:
    with soundfile.SoundFile(path) as source, replacing(out, overwrite=True) as part:
        mix = mix_down(source.channels) * gain
        form = {"samplerate": source.samplerate, "channels": mix.shape[1]}
        with soundfile.SoundFile(part, "w", subtype="PCM_16", format="WAV", **form) as copy:
            for block in source.blocks(_BLOCK, dtype="float64", always_2d=True):
                heard = np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0) @ mix
                steps = np.clip(np.rint(heard * 32768), -32768, 32767)
                copy.write(steps.astype(np.int16))


def _decibels(peak: float) -> float:
    return max(FLOOR, 20 * math.log10(peak)) if peak > 0 else FLOOR
