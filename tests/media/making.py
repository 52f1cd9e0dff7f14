"""Small real media with known contents, and readers of them that owe nothing to stemmux.

Every picture shows its own number as ten bars; every sound is noise with a click each second, so
that it can be found to the sample. What a file means is read back with PyAV and numpy alone.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

from stemmux.ffmpeg import find
from stemmux.timebase import drops

Sound = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

RATES = {
    "23.976": Fraction(24000, 1001),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
}
#: Every rate of the remux matrix.
ALL_RATES = RATES | {"59.94": Fraction(60000, 1001)}
#: Every rate that a clip can be made at.
CLIP_RATES = ALL_RATES | {"24": Fraction(24)}
WIDTH, HEIGHT, BARS = 160, 90, 10
FRAMES = 75
#: A GOP of 12 with B-frames: the order in the file is not the order on the screen.
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "12", "-bf", "2")
H264 = (*H264, "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-threads", "1")


def ffmpeg(*words: object) -> None:
    """Run the shipped ffmpeg, without stemmux."""
    command = [find().path, "-nostdin", "-y", "-v", "error", *map(str, words)]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL, capture_output=True)


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A grey picture that shows `number` as bars, the highest bit on the left."""
    bits = [255 if number >> bit & 1 else 0 for bit in reversed(range(BARS))]
    row = np.repeat(np.array(bits, np.uint8), width // BARS)
    row = np.pad(row, (0, width - len(row)))
    return np.tile(row, (height, 1))


def number_shown(picture: npt.NDArray[Any]) -> int:
    """The number that a grey picture shows, at any size."""
    width = picture.shape[1] / BARS
    middles = [int(width * (bar + 0.5)) for bar in range(BARS)]
    row = picture[picture.shape[0] // 2 - 2 : picture.shape[0] // 2 + 2, middles].mean(axis=0)
    return int("".join("1" if level > 128 else "0" for level in row), 2)


def noise(seed: int, frames: int, channels: int = 1, *, rate: int = 48000, bits: int = 16) -> Sound:
    """Noise at a quarter of full scale with a click each second, on a grid of `bits` bits."""
    random = np.random.default_rng(seed)
    sound = np.clip(0.2 * random.standard_normal((frames, channels)), -0.9, 0.9)
    sound[rate // 3 :: rate] = 0.95
    step = 2.0 ** (1 - bits)
    return np.asarray(np.rint(sound / step) * step)


@dataclass(frozen=True)
class Source:
    """A clip that was made.

    Attributes:
        sounds: what each audio track holds, as it was before any codec.
    """

    path: Path
    rate: Fraction
    frames: int
    sample_rate: int
    sounds: tuple[Sound, ...]

    @cached_property
    def pictures(self) -> list[tuple[Fraction, int]]:
        """Time and number of every picture, as PyAV decodes them."""
        return pictures(self.path)

    @cached_property
    def first_picture(self) -> Fraction:
        """V0 in seconds on the file's clock."""
        return first_picture(self.path)

    def place(self, track: int = 0) -> Fraction:
        """Seconds from the first picture to the first sample of a track's sound."""
        start, heard = sound(self.path, track)
        late = lag(self.sounds[track][:, 0], heard[:, 0])
        return start + Fraction(late, self.sample_rate) - self.first_picture


def pictures(path: Path) -> list[tuple[Fraction, int]]:
    """Time on the file's clock (s) and shown number of every picture."""
    with av.open(str(path)) as container:
        return [
            (frame.pts * frame.time_base, number_shown(frame.to_ndarray(format="gray")))
            for frame in container.decode(video=0)
        ]


def first_picture(path: Path) -> Fraction:
    """Time of the first picture on the file's clock (s)."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.pts * frame.time_base


def sound(path: Path, track: int = 0) -> tuple[Fraction, Sound]:
    """When a track's first sample is heard (s on the file's clock), and its samples.

    Gaps of more than 4 ms are silence; smaller ones are the rounding of coarse clocks.
    """
    parts: list[Sound] = []
    start, count = None, 0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=track):
            time = frame.pts * frame.time_base
            start = time if start is None else start
            gap = round((time - start) * frame.sample_rate) - count
            if gap > 0.004 * frame.sample_rate:
                parts.append(np.zeros((gap, frame.layout.nb_channels)))
                count += gap
            block = frame.to_ndarray()
            if np.issubdtype(block.dtype, np.integer):
                block = block / float(1 << (8 * block.itemsize - 1))
            if not frame.format.is_planar:
                block = block.reshape(-1, frame.layout.nb_channels).T
            parts.append(block.T.astype(np.float64))
            count += block.shape[1]
    assert start is not None
    return start, np.concatenate(parts)


def lag(reference: Sound, other: Sound) -> int:
    """Whole samples that `other` is late against `reference`: the highest correlation.

    The peak must stand alone, or there is no answer.
    """
    size = 1 << (len(reference) + len(other)).bit_length()
    spectrum = np.fft.rfft(other, size) * np.conj(np.fft.rfft(reference, size))
    curve = np.abs(np.fft.irfft(spectrum, size))
    peak = int(np.argmax(curve))
    elsewhere = np.roll(curve, 32 - peak)[65:]
    assert curve[peak] > 3 * elsewhere.max(), "the sound is not there"
    return peak if peak < size // 2 else peak - size


class Studio:
    """Makes clips in one folder, each kind once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[object, ...], Any] = {}
        self._names = itertools.count()

    def new(self, suffix: str) -> Path:
        """A name that is not taken."""
        return self._folder / f"{next(self._names):03}{suffix}"

    def picture(self, rate: str = "25", frames: int = FRAMES) -> Path:
        """An MP4 without sound: numbered pictures in H.264 with B-frames."""
        key = ("picture", rate, frames)
        if key not in self._made:
            raw, out = self.new(".gray"), self.new(".mp4")
            raw.write_bytes(b"".join(numbered(n).tobytes() for n in range(frames)))
            shape = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}")
            ffmpeg(*shape, "-r", CLIP_RATES[rate], "-i", raw, *H264, out)
            raw.unlink()
            self._made[key] = out
        return Path(self._made[key])

    def wave(self, samples: Sound, rate: int = 48000, subtype: str = "PCM_16") -> Path:
        """A WAV file of these samples."""
        path = self.new(".wav")
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    def clip(
        self,
        kind: str,
        rate: str = "25",
        *,
        sample_rate: int = 48000,
        channels: int = 2,
        frames: int = FRAMES,
        tracks: int = 1,
        options: Sequence[object] = (),
        bits: int = 16,
    ) -> Source:
        """A clip of one of `KINDS` or `POST_KINDS`, or of `SOUND_KINDS` without a picture."""
        key = (kind, rate, sample_rate, channels, frames, tracks, *options, bits)
        if key not in self._made:
            count = round(frames / CLIP_RATES[rate] * sample_rate)
            sounds = tuple(
                noise(7 + number, count, channels, rate=sample_rate, bits=bits)
                for number in range(tracks)
            )
            suffix, before, after = (KINDS | POST_KINDS | SOUND_KINDS)[kind]
            sign = ";" if drops(CLIP_RATES[rate]) else ":"
            after = tuple(word.replace(":TT", f"{sign}04") for word in after)
            out = self.new(suffix)
            waves = [self.wave(s, sample_rate, f"PCM_{bits}") for s in sounds]
            words: list[object] = [] if kind in SOUND_KINDS else ["-i", self.picture(rate, frames)]
            for wave in waves:
                words += [*before, "-i", wave]
            first = len(words) and kind not in SOUND_KINDS
            for number in range(tracks + bool(first)):
                words += ["-map", number]
            ffmpeg(*words, "-c:v", "copy", *after, *options, out)
            made = Source(out, CLIP_RATES[rate], frames, sample_rate, sounds)
            self._made[key] = self._trimmed(made) if kind == "edit list" else made
        source = self._made[key]
        assert isinstance(source, Source)
        return source

    def _trimmed(self, whole: Source) -> Source:
        """The same from 0.6 s on, by an edit list that hides pictures of the first GOP."""
        out = self.new(".mov")
        ffmpeg("-ss", "0.6", "-i", whole.path, "-c", "copy", out)
        return Source(out, whole.rate, whole.frames, whole.sample_rate, whole.sounds)


#: As many bits as the format allows: the sound is noise, and must still be found to the sample.
_AAC = ("-c:a", "aac", "-b:a", "2M", "-aac_coder", "fast")
#: Suffix, options before the sound's input, options before the output.
KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "mp4": (".mp4", (), _AAC),
    "mov": (".mov", (), ("-c:a", "pcm_s16le")),
    "mkv": (".mkv", (), _AAC),
    "ts": (".ts", (), _AAC),
    "fragmented": (".mp4", (), (*_AAC, "-movflags", "frag_keyframe+empty_moov")),
    "late sound": (".mp4", ("-itsoffset", "0.3"), _AAC),
    "edit list": (".mov", (), _AAC),
}
#: What comes from cameras, telephones and editors; `:TT` is the frame of a timecode.
POST_KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "mxf": (
        ".mxf",
        (),
        (
            *("-c:v", "mpeg2video", "-q:v", "2", "-g", "12", "-bf", "2", "-sc_threshold", "0"),
            *("-c:a", "pcm_s24le", "-timecode", "01:00:00:TT", "-threads", "1"),
        ),
    ),
    "varying rate": (
        ".mp4",
        (),
        (
            *("-vf", "setpts=(N+floor(N/10)*3)/FRAME_RATE/TB", "-fps_mode", "passthrough"),
            *(*H264, *_AAC),
        ),
    ),
    "prores": (
        ".mov",
        (),
        (
            *("-c:v", "prores_ks", "-profile:v", "0", "-c:a", "pcm_s16le"),
            *("-timecode", "01:00:00:TT"),
        ),
    ),
}
SOUND_KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "wav": (".wav", (), ("-c:a", "copy")),
    "mp3": (".mp3", (), ("-c:a", "libmp3lame", "-b:a", "192k")),
    "m4a": (".m4a", (), _AAC),
    "flac": (".flac", (), ("-c:a", "flac")),
    "opus": (".opus", (), ("-c:a", "libopus", "-b:a", "192k")),
}
