"""Listening copies and level read-outs of stems, for people, with pydub.

pydub holds everything in memory, counts in milliseconds, reads a 32-bit float file with the
extensible header as integers, and would ask an ffmpeg without our guards about any other file. So
it is only ever given a 16-bit WAV that was written here, in a folder of ours, and nothing that it
makes goes back to a timeline. This module must not know how a stem was made.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from soundmatte.errors import UsageError
from stemmux import ffmpeg
from stemmux.errors import FfmpegFailed, NoAudio, UnreadableMedia
from stemmux.files import replacing

#: Of a stem so much is copied, s: what pydub holds in memory stays below 120 MB in stereo.
LONGEST = 600
#: Encoder and bit rate by the name's ending.
ENCODERS = {".mp3": ("mp3", "libmp3lame", "192k"), ".ogg": ("ogg", "libopus", "128k")}

_BLOCK = 1 << 16
#: The most that neither MP3 nor an ordinary pair of loudspeakers refuses.
_CHANNELS = 2


@dataclass(frozen=True)
class ListeningCopy:
    """A compressed copy that was written.

    Attributes:
        path: the copy.
        seconds: how long it is.
        notes: sentences about what is different from the stem.
    """

    path: Path
    seconds: Fraction
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Levels:
    """How loud a stem is, dB below full scale; minus infinity for silence.

    Attributes:
        peak_dbfs: the loudest sample; above 0 where a float stem goes beyond full scale.
        rms_dbfs: root mean square of all channels together.
    """

    peak_dbfs: float
    rms_dbfs: float


@dataclass(frozen=True)
class _Sixteen:
    """A 16-bit WAV made from a stem, the gain in dB that it was made with, and what was cut."""

    path: Path
    gain_db: float
    notes: tuple[str, ...]


def listening_copy(stem: Path, out: Path, *, overwrite: bool = False) -> ListeningCopy:
    """Write a compressed copy of a stem, to send to someone or to listen to.

    Args:
        stem: a WAV that was written here, 24-bit or float.
        out: the copy, .mp3 or .ogg (Opus).
        overwrite: replace what is there.

    Raises:
        UsageError: another ending.
        NoAudio: the stem is empty.
        stemmux.errors.StemmuxError: the stem cannot be read, or the copy not be written.
    """
    if out.suffix.lower() not in ENCODERS:
        raise UsageError(
            f"A listening copy is .mp3 or .ogg, not {out.suffix or 'without an ending'}.",
            hint="Name it with one of these endings.",
        )
    kind, codec, bit_rate = ENCODERS[out.suffix.lower()]
    with (
        replacing(out, overwrite=overwrite, sources=[stem]) as part,
        tempfile.TemporaryDirectory(prefix="soundmatte-") as folder,
    ):
        sixteen = _sixteen_bit(stem, Path(folder, "stem.wav"), mixed_down=True)
        segment = _segment(sixteen.path)
        encoded = Path(folder, f"copy{out.suffix.lower()}")
        _export(segment, encoded, kind, codec, bit_rate)
        shutil.copyfile(encoded, part)
        seconds = Fraction(int(segment.frame_count()), segment.frame_rate)
    return ListeningCopy(out, seconds, sixteen.notes)


def levels(stem: Path) -> Levels:
    """Read how loud a stem is, over its first ten minutes.

    Raises:
        NoAudio: the stem is empty.
        stemmux.errors.UnreadableMedia: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="soundmatte-") as folder:
        sixteen = _sixteen_bit(stem, Path(folder, "stem.wav"), mixed_down=False)
        segment = _segment(sixteen.path)
        return Levels(segment.max_dBFS - sixteen.gain_db, segment.dBFS - sixteen.gain_db)


def _sixteen_bit(stem: Path, out: Path, *, mixed_down: bool) -> _Sixteen:
    """Convert a stem, block by block; made softer only if it goes beyond full scale."""
    try:
        with soundfile.SoundFile(stem) as source:
            rate, channels, count = source.samplerate, source.channels, source.frames
            most = min(count, LONGEST * rate)
            if most <= 0:
                raise NoAudio(f"{stem.name} holds no sound.", hint="Choose another range.")
            mix = mix_down(channels) if mixed_down else np.eye(channels)
            peak = max(float(np.abs(block).max()) for block in _blocks(source, most, mix))
            gain = 1.0 if peak <= 1.0 else 1.0 / peak
            with soundfile.SoundFile(
                out, "w", rate, mix.shape[1], subtype="PCM_16", format="WAV"
            ) as copy:
                for block in _blocks(source, most, mix):
                    steps = np.rint(block * gain * 32768)
                    copy.write(np.clip(steps, -32768, 32767).astype(np.int16))
    except soundfile.LibsndfileError as error:
        raise UnreadableMedia(
            f"{stem.name} cannot be read as a WAV file.", hint="Is it one of our stems?"
        ) from error
    gain_db = 20 * math.log10(gain)
    notes = []
    if most < count:
        notes.append(f"The listening copy holds the first {LONGEST // 60} minutes only.")
    if gain < 1.0:
        notes.append(f"The listening copy is {-gain_db:.1f} dB softer: the stem passes full scale.")
    if mix.shape[1] < channels:
        notes.append(f"The listening copy is stereo; the stem has {channels} channels.")
    return _Sixteen(out, gain_db, tuple(notes))


def _blocks(
    source: soundfile.SoundFile, most: int, mix: npt.NDArray[np.float64]
) -> Iterator[npt.NDArray[np.float64]]:
    """Read from the start, so many frames, [frames, channels]."""
    source.seek(0)
    for block in source.blocks(_BLOCK, frames=most, dtype="float64", always_2d=True):
        # A float file may hold what is no number; nobody should have to hear it.
        yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0) @ mix


def mix_down(channels: int) -> npt.NDArray[np.float64]:
    """From the stem's channels to one or two: left, right, centre, LFE, and the surrounds in turn.

    The centre and the surrounds go to the front at −3 dB, the LFE channel is left out
    (ITU-R BS.775), and all of it is made softer so that nothing can pass full scale by the sum.
    """
    mix = np.eye(channels, min(channels, _CHANNELS))
    if channels <= _CHANNELS:
        return mix
    half = math.sqrt(0.5)
    for channel in range(2, channels):
        if channel == 2:
            mix[channel] = half
        elif channel > 3 or channels < 6:
            mix[channel, channel % 2] = half
    return np.asarray(mix / mix.sum(axis=0).max())


def _segment(wav: Path) -> Any:
    """Load a 16-bit WAV of ours into pydub."""
    # An open file: pydub does not close those that it opens itself.
    with wav.open("rb") as stream:
        return _pydub().from_wav(stream)


def _pydub() -> Any:
    """Load pydub, with the ffmpeg that is used everywhere else."""
    with warnings.catch_warnings():
        # pydub is a package of 2021: these three are all that it says on import, and none of it
        # concerns us (old escapes, audioop's end, and an ffmpeg sought on the PATH).
        warnings.filterwarnings("ignore", "invalid escape|.*invalid escape", SyntaxWarning)
        warnings.filterwarnings("ignore", "invalid escape", DeprecationWarning)
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "Couldn't find ffmpeg or avconv", RuntimeWarning)
        from pydub import AudioSegment
    AudioSegment.converter = ffmpeg.find().path
    return AudioSegment


def _export(segment: Any, out: Path, kind: str, codec: str, bit_rate: str) -> None:
    from pydub.exceptions import CouldntEncodeError

    try:
        # An open file again: pydub would leave its own open when the encoder fails.
        with out.open("wb+") as stream:
            segment.export(stream, format=kind, codec=codec, bitrate=bit_rate)
    except CouldntEncodeError as error:
        raise FfmpegFailed(
            "The listening copy could not be encoded.", hint="The stem itself is not affected."
        ) from error
