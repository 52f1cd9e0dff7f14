"""Small clips and mattes with known contents, and readers of what was made of them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 320, 180
#: The object: rows and columns.
BOX = (slice(40, 140), slice(60, 160))
#: Well inside it, and well outside.
INSIDE, OUTSIDE = (slice(60, 120), slice(80, 140)), (slice(20, 160), slice(200, 300))
COLOUR = (200, 90, 60)


def flat(_: int) -> Picture:
    """A clip of one warm colour."""
    return np.full((HEIGHT, WIDTH, 3), COLOUR, np.uint8)


def boxed(_: int) -> Picture:
    """A matte, white in the box."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[BOX] = 255
    return picture


def movie(
    path: Path,
    picture: Callable[[int], Picture],
    *,
    frames: int = 25,
    rate: Fraction = Fraction(25),
    codec: str = "libx264",
    pixels: str = "yuv420p",
) -> Path:
    """Write a movie from its pictures, [h, w, 3] or with alpha [h, w, 4]."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = picture(0).shape[:2]
        stream.pix_fmt = pixels
        if codec == "libx264":
            stream.options = {"qp": "4", "preset": "ultrafast"}
        for number in range(frames):
            pixels_ = np.ascontiguousarray(picture(number))
            layout = "rgba" if pixels_.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(pixels_, format=layout)
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def watched(path: Path) -> list[Picture]:
    """Every picture of a movie, [h, w, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def saturation(pixels: npt.NDArray[np.uint8]) -> float:
    """Mean distance between the strongest and the weakest colour, 0 to 255."""
    return float(np.mean(pixels.max(axis=-1).astype(int) - pixels.min(axis=-1)))
