"""What a media file holds, as the media pool tells it: read with PyAV, once for each file.

It must not know anything of the pool.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av


@dataclass(frozen=True)
class Facts:
    """A file's streams.

    Attributes:
        rate: pictures per second; None without a picture.
        pictures: their number.
        seconds: of the sound, or of the picture where there is none.
        channels: of all its sounds together; 0 without.
        timecode: of the first picture.
    """

    rate: Fraction | None
    pictures: int
    seconds: Fraction
    channels: int
    sample_rate: int
    width: int
    height: int
    video_codec: str
    audio_codec: str
    timecode: str | None


def facts(path: str) -> Facts | None:
    """What a file holds; None where it is none."""
    try:
        return _facts(path, os.stat(path).st_mtime_ns)
    except (OSError, av.FFmpegError):
        return None


def _exact(ratio: Any) -> Fraction:
    """PyAV's ratios are fractions, or newer ones its own."""
    return Fraction(ratio.numerator, ratio.denominator)


@lru_cache(maxsize=256)
def _facts(path: str, changed: int) -> Facts:
    with av.open(path) as container:
        video = next(iter(container.streams.video), None)
        sounds = container.streams.audio
        frames = 0
        if video is not None:
            frames = video.frames or sum(1 for _ in container.decode(video=0))
        code = video.metadata.get("timecode") if video is not None else None
        times = [s.duration * _exact(s.time_base) for s in sounds if s.duration]
        rate = _exact(video.average_rate) if video is not None else None
        seconds = times[0] if times else Fraction(container.duration or 0, 1_000_000)
        return Facts(
            rate=rate,
            pictures=frames,
            seconds=seconds if sounds else Fraction(frames) / (rate or 1),
            channels=sum(sound.channels for sound in sounds),
            sample_rate=sounds[0].rate if sounds else 0,
            width=video.width if video is not None else 0,
            height=video.height if video is not None else 0,
            video_codec=video.codec_context.name if video is not None else "",
            audio_codec=sounds[0].codec_context.name if sounds else "",
            timecode=code or container.metadata.get("timecode"),
        )
