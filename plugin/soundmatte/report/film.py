"""moviepy, at arm's length: contact sheets and silent movies from pictures that are given.

moviepy would read a file without our guards, and its sound is not exact. So it gets arrays only,
never sound, and writes into a folder of ours. It is loaded on first use, since it is installed on
request. This module must not know what the pictures show.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from soundmatte.errors import ExtraMissing
from stemmux import ffmpeg

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

BACKGROUND: Colour = (18, 22, 28)
TEXT: Colour = (222, 228, 234)
QUIET: Colour = (140, 150, 160)
#: Between and around the pictures of a sheet, pixels.
GAP = 12


@dataclass(frozen=True)
class Line:
    """A line of text: its words, its colour, and a square of colour before it or none."""

    words: str
    colour: Colour = TEXT
    swatch: Colour | None = None


def load() -> ModuleType:
    """Load moviepy.

    Raises:
        ExtraMissing: it is not installed.
    """
    before = dict(os.environ)
    # On import moviepy reads a .env file that it finds, and looks for programs: it is given ours,
    # so that nothing else is started, and what it put into the environment is taken out again.
    program = ffmpeg.find().path
    os.environ.update(PYTHON_DOTENV_DISABLED="1", FFMPEG_BINARY=program, FFPLAY_BINARY=program)
    try:
        import moviepy
    except ImportError as error:
        raise ExtraMissing(
            "The preview needs moviepy, which is not installed.",
            hint="pip install 'soundmatte[preview]'",
        ) from error
    finally:
        os.environ.clear()
        os.environ.update(before)
    module: ModuleType = moviepy
    return module


def write_sheet(
    path: Path,
    pictures: Sequence[tuple[str, Picture]],
    notes: Sequence[Line],
    *,
    columns: int,
    tile: tuple[int, int],
) -> None:
    """Write pictures in rows, each with its caption, and lines of text below, as one PNG.

    Args:
        path: in a folder of ours.
        pictures: caption and picture [h, w, 3].
        notes: the lines below.
        columns: pictures in a row.
        tile: width and height of each in pixels.
    """
    moviepy = load()
    width, height = tile
    cell = (width + GAP, height + 28)

    def placed(caption: str, picture: Picture) -> Any:
        small = moviepy.ImageClip(picture, duration=1).resized(tile).with_position((GAP, GAP // 2))
        words = moviepy.ImageClip(written(Line(caption, QUIET), width, 14), duration=1)
        both = [small, words.with_position((GAP, GAP // 2 + height + 1))]
        return moviepy.CompositeVideoClip(both, size=cell, bg_color=BACKGROUND)

    clips = [placed(caption, picture) for caption, picture in pictures]
    empty = moviepy.ColorClip(cell, color=BACKGROUND, duration=1)
    clips += [empty] * (-len(clips) % columns)
    rows = [clips[first : first + columns] for first in range(0, len(clips), columns)]
    grid = moviepy.clips_array(rows, bg_color=BACKGROUND)
    across = grid.size[0] + GAP
    parts, down = [grid.with_position((0, GAP // 2))], grid.size[1] + GAP
    for note in notes:
        words = moviepy.ImageClip(written(note, across - 2 * GAP, 17), duration=1)
        parts.append(words.with_position((GAP, down)))
        down += words.size[1]
    whole = moviepy.CompositeVideoClip(parts, size=(across, down + GAP), bg_color=BACKGROUND)
    whole.save_frame(str(path), t=0)


def write_still(path: Path, picture: Picture, size: tuple[int, int]) -> None:
    """Write one picture [h, w, 3] as a PNG of that size, in pixels."""
    load().ImageClip(picture, duration=1).resized(size).save_frame(str(path), t=0)


def write_movie(
    path: Path,
    picture: Callable[[int], Picture],
    count: int,
    rate: Fraction,
    size: tuple[int, int],
    note: Line,
) -> None:
    """Write a silent H.264 movie with a line of text below the picture.

    Args:
        path: an .mp4 in a folder of ours.
        picture: gives picture number n, [h, w, 3]; asked for in order. What it raises ends the
            writing.
        count: number of pictures.
        rate: pictures per second.
        size: their width and height in pixels, both even.
        note: the line.
    """
    moviepy = load()
    fps = float(rate)
    # Half a picture longer: moviepy rounds the number of pictures down, after a division.
    duration = (count + 0.5) / fps

    @functools.lru_cache(maxsize=1)
    def numbered(number: int) -> Picture:
        return picture(number)

    # moviepy asks for the first picture several times; the one after the last is never shown.
    seen = moviepy.VideoClip(lambda t: numbered(min(count - 1, round(t * fps))), duration=duration)
    seen.size = size
    text = written(note, size[0] - 2 * GAP, 14, even=True)
    words = moviepy.ImageClip(text, duration=duration)
    whole = moviepy.clips_array([[seen], [words]], bg_color=BACKGROUND)
    whole.write_videofile(
        str(path),
        fps=fps,
        codec="libx264",
        audio=False,
        preset="veryfast",
        # moviepy names the rate with two decimals; the exact one is given once more.
        ffmpeg_params=["-crf", "20", "-r", str(rate), "-movflags", "+faststart"],
        logger=None,
    )


def written(line: Line, width: int, height: int, *, even: bool = False) -> Picture:
    """Write one line of text, in the font that comes with Pillow; smaller if it is too long.

    Args:
        line: see `Line`.
        width: of the picture, pixels.
        height: of the letters, pixels.
        even: make the picture an even number of pixels high.
    """
    from PIL import Image, ImageDraw, ImageFont

    high = height * 2 - (height % 2 if even else 0)
    start = round(height * 1.4) if line.swatch else 0
    # What the font has no letter for would become a box.
    words = line.words.encode("latin-1", "replace").decode("latin-1")
    letters = ImageFont.load_default(size=height)
    while height > 8 and start + letters.getlength(words) > width:
        height -= 1
        letters = ImageFont.load_default(size=height)
    image = Image.new("RGB", (width, high), BACKGROUND)
    draw = ImageDraw.Draw(image)
    if line.swatch:
        side = round(height * 0.85)
        top = (high - side) // 2
        draw.rounded_rectangle((0, top, side, top + side), radius=3, fill=line.swatch)
    draw.text((start, high / 2), words, fill=line.colour, font=letters, anchor="lm")
    return np.asarray(image, np.uint8)
