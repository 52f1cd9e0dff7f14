"""A preview of the matte: what will be taken for the object, before anything is separated.

A contact sheet over the whole range and a short silent movie of its beginning, made from pictures
that were decoded here. It must not know what becomes of the sound.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, isqrt
from pathlib import Path
from typing import Literal

import numpy as np

from soundmatte.errors import UsageError
from soundmatte.report import film
from soundmatte.report.film import Line, Picture
from soundmatte.report.overlay import ACCENT, overlaid
from stemmux.errors import MediaError, NoPicture, OutputRefused
from stemmux.files import replacing
from stemmux.frames import frames_at
from stemmux.matte import taken
from stemmux.probe import Media, probe
from stemmux.timebase import Span, nearest

#: Longest side of the movie, pixels, and its longest time, s.
LARGEST_SIDE, LONGEST = 640, 8
#: Pictures per second at most; faster films show every second picture, or every third …
FASTEST = 30
#: Of a film whose pictures come at irregular times.
STEADY = Fraction(25)
TILES = 9
#: Longest side of a picture on the sheet, pixels.
TILE_SIDE = 400
#: Longest side of the single picture, pixels: as large as editors draw icons.
STILL_SIDE = 256

CAPTION = "coloured = the object whose sound becomes the target"
WARNING = (255, 190, 92)

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Preview:
    """A preview that was written.

    Attributes:
        sheet: the contact sheet, PNG.
        movie: the movie, MP4.
        coverage: share of the picture that is object, 0 to 1, over the pictures that were shown.
        frames: number of pictures in the movie.
        warnings: sentences about a matte that is unlikely to be meant so.
    """

    sheet: Path
    movie: Path
    coverage: float
    frames: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    """Which pictures are shown: numbered from the range's start, `rate` to the second."""

    span: Span
    rate: Fraction
    size: tuple[int, int]
    movie: int
    sheet: tuple[int, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Every number that is in the movie or on the sheet, each once, ascending."""
        return tuple(sorted({*range(self.movie), *self.sheet}))

    def time(self, number: int) -> Fraction:
        """When the picture is shown, s since the clip's first."""
        return self.span.start + number / self.rate


def preview(
    clip: Path,
    matte: Path,
    out_dir: Path,
    *,
    invert: bool = False,
    matte_from: Literal["luma", "alpha"] = "luma",
    start: Fraction | None = None,
    end: Fraction | None = None,
    matte_start: Fraction | None = None,
    still: Path | None = None,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Preview:
    """Show what the matte covers: writes NAME_preview.png and NAME_preview.mp4.

    Args:
        clip: the clip; NAME is its name.
        matte: a movie or a still picture.
        out_dir: where both files go.
        invert: the matte is black where the object is.
        matte_from: which plane of the matte says what is object.
        start: start of the range, s since the clip's first picture; its start by default.
        end: end of the range; the clip's end by default.
        matte_start: s of the matte that lie at the clip's first picture; told from its length
            by default.
        still: also written: one picture out of the middle, PNG.
        progress: told the share done, 0 to 1; may raise to end the work, and then no file is left.
        overwrite: replace what is there.

    Raises:
        ExtraMissing: moviepy is not installed.
        UsageError: a preview would take the place of the clip or of the matte.
        stemmux.errors.StemmuxError: the files cannot be read, or the folder not be written to.
    """
    film.load()
    media, cut = probe(clip), probe(matte, picture=True)
    sheet, movie = (out_dir / f"{clip.stem}_preview{suffix}" for suffix in (".png", ".mp4"))
    _keep_sources((sheet, movie), (clip, matte))
    plan = _planned(media, media.span(start, end))
    offset, warnings = aligned(cut, media, plan.span, matte_start)
    pictures = _pictures(media, cut, plan, offset, invert, matte_from)
    with (
        replacing(sheet, overwrite=overwrite) as sheet_part,
        replacing(movie, overwrite=overwrite) as movie_part,
        replacing(still, overwrite=overwrite) if still else nullcontext() as still_part,
        tempfile.TemporaryDirectory(prefix="soundmatte-") as folder,
    ):
        reel = _Reel(plan, pictures, progress)
        _write(Path(folder), plan, reel, warnings)
        shutil.copyfile(Path(folder, "sheet.png"), sheet_part)
        shutil.copyfile(Path(folder, "movie.mp4"), movie_part)
        if still_part is not None:
            reel.write_middle(Path(folder, "still.png"))
            shutil.copyfile(Path(folder, "still.png"), still_part)
    coverage = reel.coverage
    return Preview(sheet, movie, coverage, plan.movie, (*warnings, *_remarks(coverage)))


def _keep_sources(made: Iterable[Path], sources: Iterable[Path]) -> None:
    for path in made:
        if path.exists() and any(path.samefile(source) for source in sources):
            raise UsageError(
                f"The preview would take the place of {path.name}.", hint="Name another folder."
            )


def _planned(media: Media, span: Span) -> _Plan:
    """Choose the pictures: the first seconds for the movie, evenly spread ones for the sheet."""
    video = media.picture()
    rate = STEADY if video.variable else video.rate / ceil(video.rate / FASTEST)
    count = max(1, nearest(span.duration * rate))
    tiles = min(TILES, count)
    spread = tuple((2 * tile + 1) * count // (2 * tiles) for tile in range(tiles))
    movie = min(count, max(1, int(LONGEST * rate)))
    return _Plan(span, rate, fitted(video.display_size, LARGEST_SIDE), movie, spread)


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Shrink a size so that neither side is longer than `side`; both come out even."""
    share = min(Fraction(1), Fraction(side, max(size)))
    width, height = (max(2, 2 * nearest(length * share / 2)) for length in size)
    return width, height


def aligned(
    matte: Media, clip: Media, span: Span, into: Fraction | None
) -> tuple[Fraction, tuple[str, ...]]:
    """When the range starts, s since the matte's first picture; and sentences on what does not fit.

    Args:
        into: s of the matte that lie at the clip's first picture; None tells it from its length.
    """
    try:
        return taken(matte, clip, span, into).start - matte.origin, ()
    except NoPicture:
        raise
    except MediaError as error:
        # A separation would be refused; a picture of what is wrong says more.
        return (into or 0) + span.start, (str(error),)


def _pictures(
    clip: Media,
    matte: Media,
    plan: _Plan,
    offset: Fraction,
    invert: bool,
    plane: Literal["luma", "alpha"],
) -> Iterator[tuple[Picture, float]]:
    """Decode both files side by side, once, and lay the one over the other."""
    width, height = plan.size
    seen = [plan.time(number) for number in plan.numbers]
    cut = [offset + number / plan.rate for number in plan.numbers]
    video = matte.picture()
    still = video.frames == 1
    frame = 1 / video.rate
    length = video.end - matte.origin + frame
    colours = frames_at(clip, seen, width=width, height=height)
    planes = frames_at(matte, cut, width=width, height=height, take=plane)
    nothing = np.zeros((height, width), np.uint8)
    for time, colour, white in zip(cut, colours, planes, strict=True):
        if still or -frame <= time < length:
            yield overlaid(colour, white, invert=invert)
        else:
            yield overlaid(colour, nothing)


class _Reel:
    """Overlays in order: the movie takes each as it comes, the sheet's are kept."""

    def __init__(
        self, plan: _Plan, pictures: Iterator[tuple[Picture, float]], progress: Progress | None
    ) -> None:
        self.kept: dict[int, Picture] = {}
        self._plan = plan
        self._numbers = iter(plan.numbers)
        self._pictures = pictures
        self._progress = progress
        self._covered: list[float] = []
        self._now: tuple[int, Picture] | None = None

    @property
    def coverage(self) -> float:
        """Mean share of the picture that is object, over all pictures so far."""
        return sum(self._covered) / max(1, len(self._covered))

    def write_middle(self, path: Path) -> None:
        """Write one picture of the sheet by itself, once it is there."""
        middle = self.kept[self._plan.sheet[len(self._plan.sheet) // 2]]
        film.write_still(path, middle, fitted(self._plan.size, STILL_SIDE))

    def at(self, number: int) -> Picture:
        """Go on to the picture with that number."""
        while self._now is None or self._now[0] < number:
            current = next(self._numbers)
            picture, covered = next(self._pictures)
            self._now = (current, picture)
            self._covered.append(covered)
            if current in self._plan.sheet:
                self.kept[current] = picture
            if self._progress is not None:
                self._progress(len(self._covered) / len(self._plan.numbers))
        return self._now[1]


def _write(folder: Path, plan: _Plan, reel: _Reel, warnings: tuple[str, ...]) -> None:
    """Write movie.mp4 and sheet.png into a folder of ours."""
    caption = Line(CAPTION, swatch=ACCENT)
    try:
        film.write_movie(folder / "movie.mp4", reel.at, plan.movie, plan.rate, plan.size, caption)
        reel.at(plan.numbers[-1])
        tiles = [(clock(plan.time(number)), reel.kept[number]) for number in plan.sheet]
        said = (*warnings, *_remarks(reel.coverage))
        share = Line(f"{reel.coverage:.1%} of the picture is object", film.QUIET)
        film.write_sheet(
            folder / "sheet.png",
            tiles,
            [caption, share, *(Line(words, WARNING) for words in said)],
            columns=isqrt(len(tiles) - 1) + 1,
            tile=fitted(plan.size, TILE_SIDE),
        )
    except OSError as error:
        raise OutputRefused(
            f"The preview could not be written: {error}",
            hint="Is there room in the folder for temporary files?",
        ) from error


def _remarks(coverage: float) -> tuple[str, ...]:
    if coverage == 0:
        return ("The matte covers nothing. Is it the right plane, or inverted?",)
    if coverage > 0.9:
        return ("The matte covers nearly everything. Is it inverted?",)
    return ()


def clock(time: Fraction) -> str:
    """Write a time as minutes, seconds and hundredths."""
    minutes, rest = divmod(nearest(time * 100), 6000)
    return f"{minutes}:{rest // 100:02d}.{rest % 100:02d}"
