"""The demo clip: eight seconds of a person who speaks beside a bell, a radio and rain.

Picture and sound are made here from arrays, so the demo knows what a perfect answer would be.
It must not know how the clip is separated afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from math import pi, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from soundmatte.demo import person
from soundmatte.demo.person import Face
from soundmatte.demo.sound import RATE, SECONDS, STRIKES, Samples, Soundtrack, soundtrack
from soundmatte.demo.surroundings import HEIGHT, TABLE_Y, WIDTH, Sounding, Surroundings
from stemmux.files import replacing

if TYPE_CHECKING:
    from av.container import OutputContainer

FPS = 25
FRAMES = FPS * SECONDS
#: s at which the eyes shut for a moment.
BLINKS = (0.7, 3.0, 5.1, 7.2)
#: Frames painted at the same time: painting is numpy, which lets other threads run.
PAINTERS = 2
AAC_BITS = 192_000

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DemoTruth:
    """What went into the demo clip, before any codec.

    Attributes:
        speech: [samples, 2], full scale 1: what the target should be.
        bed: [samples, 2]: what the residual should be. speech + bed is the clip's sound.
        rate: Hz.
        fps: pictures per second.
        frames: number of pictures.
        mouth: for each picture, how far the mouth is open, 0 to 1.
    """

    speech: Samples
    bed: Samples
    rate: int
    fps: Fraction
    frames: int
    mouth: Samples


def make_clip(path: Path, matte: Path, *, overwrite: bool = False) -> DemoTruth:
    """Write the clip, and the matte of the person (white on black), as H.264 movies.

    Args:
        path: the clip, .mp4 or .mov: 640 × 360, 25 pictures per second, stereo AAC.
        matte: the matte, likewise; as many pictures, no sound.
        overwrite: replace what is there.

    Raises:
        stemmux.errors.OutputExists: a file is there and `overwrite` is false.
        stemmux.errors.OutputRefused: the folder cannot be written to.
    """
    with (
        replacing(path, overwrite=overwrite) as clip_part,
        replacing(matte, overwrite=overwrite) as matte_part,
    ):
        sound = soundtrack()
        faces = _faces(sound)
        _write(clip_part, matte_part, _pictures(faces, _soundings(sound)), sound)
    mouth = np.array([face.mouth for face in faces])
    return DemoTruth(sound.speech, sound.bed, RATE, Fraction(FPS), FRAMES, mouth)


def _pictures(faces: list[Face], soundings: list[Sounding]) -> Iterator[Pictures]:
    """Paint every picture: red, green, blue and the matte, [h, w, 4]."""
    surroundings = Surroundings()

    def picture(frame: int) -> Pictures:
        canvas = surroundings.at(frame, soundings[frame])
        person.paint(canvas, frame / FPS, faces[frame], below=TABLE_Y)
        planes = np.clip(canvas.pixels * 255 + 0.5, 0, 255).astype(np.uint8)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))

    # A second at a time: two hundred pictures at once would be 180 MB.
    with ThreadPoolExecutor(PAINTERS) as painters:
        for first in range(0, FRAMES, FPS):
            yield from painters.map(picture, range(first, first + FPS))


def _per_frame(samples: Samples) -> Samples:
    """Take the level (root mean square) of a sound while each picture is seen."""
    return np.asarray(np.sqrt(np.mean(samples.reshape(FRAMES, RATE // FPS, -1) ** 2, axis=(1, 2))))


def _faces(sound: Soundtrack) -> list[Face]:
    """Move the mouth as the voice moves: by its level, and by how bright it is."""
    level = _per_frame(sound.voice[:, None])
    mouth = np.minimum(1.0, 0.95 * level / np.percentile(level[level > 0], 85)) ** 0.7
    mouth[level < 0.003] = 0.0
    # The level of the slope against that of the sound rises with the middle of the spectrum.
    edge = _per_frame(np.diff(sound.voice, prepend=0.0)[:, None]) / np.maximum(level, 1e-6)
    roundness = np.clip(1.3 - edge / 0.12, 0, 1)
    return [
        Face(float(mouth[frame]), float(roundness[frame]), _shut(frame / FPS))
        for frame in range(FRAMES)
    ]


def _shut(seconds: float) -> float:
    nearest = min(abs(seconds - blink) for blink in BLINKS)
    return max(0.0, 1.0 - nearest / 0.1)


def _soundings(sound: Soundtrack) -> list[Sounding]:
    music = _per_frame(sound.bed)
    music = np.clip((music / music.max() - 0.15) / 0.85, 0, 1)
    soundings = []
    for frame in range(FRAMES):
        seconds = frame / FPS
        since = min((seconds - at for at, _ in STRIKES if at <= seconds), default=None)
        ring = 0.0 if since is None else 0.5 ** (since / 0.7)
        # A bell on a long rope: it swings on its own, and each strike pushes it.
        swing = 0.022 * sin(2 * pi * seconds / 1.9)
        swing += 0.07 * ring * sin(2 * pi * (since or 0.0) / 0.95)
        soundings.append(Sounding(ring, swing, float(music[frame])))
    return soundings


def _write(clip: Path, matte: Path, pictures: Iterator[Pictures], sound: Soundtrack) -> None:
    import av

    faststart = {"movflags": "+faststart"}
    with (
        av.open(str(clip), "w", options=faststart) as seen,
        av.open(str(matte), "w", options=faststart) as cut,
    ):
        colour = _video(seen, {"crf": "18", "preset": "veryfast", "tune": "animation"})
        # Nearly lossless: what was pure white or black comes back so.
        plain = _video(cut, {"crf": "8", "preset": "veryfast"})
        heard = seen.add_stream("aac", rate=RATE, layout="stereo", bit_rate=AAC_BITS)
        mix = np.ascontiguousarray((sound.speech + sound.bed).T, np.float32)
        for number, picture in enumerate(pictures):
            seen.mux(colour.encode(_coloured(picture[..., :3], number)))
            cut.mux(plain.encode(_plain(picture[..., 3], number)))
            step = RATE // FPS
            seen.mux(heard.encode(_chunk(mix[:, number * step : (number + 1) * step], number)))
        for container, stream in ((seen, colour), (seen, heard), (cut, plain)):
            container.mux(stream.encode(None))


def _video(container: OutputContainer, options: dict[str, str]) -> Any:
    stream = container.add_stream("libx264", rate=FPS, options=options)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context = stream.codec_context
    # Said in the file, so that no player has to guess: BT.709, studio range.
    context.colorspace = context.color_primaries = context.color_trc = 1
    context.color_range = 1
    return stream


def _coloured(picture: Pictures, number: int) -> Any:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
    )
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame


def _plain(matte: Pictures, number: int) -> Any:
    import av

    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    # Converted here, since black and white must come out exactly black and white.
    planes[:HEIGHT] = np.rint(16 + matte * (219 / 255)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame


def _chunk(samples: npt.NDArray[np.float32], number: int) -> Any:
    import av

    chunk = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", "stereo")
    chunk.sample_rate, chunk.pts = RATE, number * samples.shape[1]
    chunk.time_base = Fraction(1, RATE)
    return chunk
