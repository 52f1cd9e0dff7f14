"""Separates: a fast stand-in for the model, or the offline engine. Loads numpy and PyAV.

Must not know jobs or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from inputs import refused
from numpy.typing import NDArray
from state import Service

RATE = 48000  # Hz
HOP = 1920  # samples; what the model makes is a multiple of it
VIDEO_FORMATS = [".mp4", ".mov", ".webm", ".m4v", ".gif"]
AUDIO_FORMATS = [".mp3", ".ogg", ".wav", ".m4a", ".aac", ".flac"]
LOW_PASS = 48  # samples of a moving mean
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Stems:
    """What came out: the two files by their names in the output, length and rate."""

    files: dict[str, Path]
    duration: float
    rate: int


def separate(
    service: Service, source: dict[str, Path], values: dict[str, Any], folder: Path
) -> Stems:
    """The target and the residual of the input's sound, mono, a little too long at the end.

    Raises:
        Problem: the files are not what the endpoint takes.
    """
    if "mask_video_url" in source:
        _must_have_pictures("mask_video_url", source["mask_video_url"], values)
    name = "video_url" if "video_url" in source else "audio_url"
    if name == "video_url":
        _must_have_pictures(name, source[name], values)
    mix = _sound(name, source[name], values)
    if service.engine == "offline":
        target = _offline(mix, values, folder)
    else:
        target = low_passed(mix) * np.float32(0.5)
    tail_ms = service.settings["tail_ms"]
    tail = -len(mix) % HOP if tail_ms is None else round(tail_ms * RATE / 1000)
    files: dict[str, Path] = {}
    for stem, samples in (("target", target), ("residual", mix - target)):
        path = folder / f"tmp{stem}.{values['output_format']}"
        padded = np.pad(samples, (0, tail), mode="reflect" if tail < len(mix) else "constant")
        kind = {"format": "MP3"} if path.suffix == ".mp3" else {"subtype": "PCM_16"}
        soundfile.write(path, np.clip(padded, -1, 1), RATE, **kind)
        files[stem] = path
    return Stems(files, (len(mix) + tail) / RATE, RATE)


def low_passed(mix: Samples) -> Samples:
    """A moving mean, centred, so that nothing is moved in time."""
    padded = np.pad(mix.astype(np.float64), (LOW_PASS // 2 + 1, LOW_PASS // 2))
    sums = np.cumsum(padded)
    mean = (sums[LOW_PASS:] - sums[:-LOW_PASS]) / LOW_PASS
    return np.asarray(mean[: len(mix)], np.float32)


def _must_have_pictures(name: str, path: Path, values: dict[str, Any]) -> None:
    try:
        with av.open(str(path)) as media:
            if media.streams.video and next(media.decode(video=0), None) is not None:
                return
    except (av.FFmpegError, ValueError, IndexError):
        pass
    raise refused(
        name,
        values[name],
        "unsupported_video_format",
        "Unsupported video format",
        supported_formats=VIDEO_FORMATS,
    )


def _sound(name: str, path: Path, values: dict[str, Any]) -> Samples:
    pieces: list[Samples] = []
    resampler = av.AudioResampler(format="fltp", rate=RATE)
    try:
        with av.open(str(path)) as media:
            for frame in [*media.decode(audio=0), None]:
                for part in resampler.resample(frame):
                    pieces.append(np.asarray(part.to_ndarray(), np.float32).mean(axis=0))
    except (av.FFmpegError, ValueError, IndexError):
        pieces = []
    if not pieces:
        raise refused(
            name,
            values[name],
            "unsupported_audio_format",
            "There is no sound that can be read",
            supported_formats=AUDIO_FORMATS,
        )
    return np.asarray(np.concatenate(pieces), np.float32)


def _offline(mix: Samples, values: dict[str, Any], folder: Path) -> Samples:
    from soundmatte.engines.engine import Material, Question
    from soundmatte.engines.offline.engine import OfflineEngine
    from soundmatte.errors import EngineRefused

    path = folder / "mix.wav"
    soundfile.write(path, mix, RATE, subtype="FLOAT")
    question = Question(values.get("prompt") or "", bool(values.get("mask_video_url")))
    material = Material(key="", mix=path)
    try:
        estimate = OfflineEngine().separate(question, material, folder, lambda _: None)
    except EngineRefused as error:
        raise refused("prompt", question.prompt, "feature_not_supported", str(error)) from None
    samples = soundfile.read(estimate.path, dtype="float32", always_2d=True)[0][:, 0]
    stem = np.asarray(samples, np.float32)
    return stem if estimate.of == "target" else mix - stem
