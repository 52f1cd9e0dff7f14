"""From an editor's matte (white = object) to the API's mask video (black = target).

The mask has the proxy's size, rate and number of pictures, holds nothing but 0 and 255, and is
coded without loss, since a single grey level would count as background. It is read back before
it is used. This module must not know what is separated by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemmux.errors import MediaError, VerificationFailed
from stemmux.extract import (
    PROXY_RATE,
    Cut,
    Shown,
    at_proxy_rate,
    extract,
    for_proxy_time,
    landing,
    no_smoothing,
    proxy_frames,
    proxy_size,
)
from stemmux.ffmpeg import MEDIA_FORMATS, PICTURE_FORMATS, Progress, address, guarded, run_graph
from stemmux.probe import Media, open_media
from stemmux.timebase import Span

if TYPE_CHECKING:
    import ffmpeg as graph

Plane = Literal["luma", "alpha"]

#: From this luma on (half way from 16 to 235) a pixel is part of the object.
_THRESHOLD = 126
#: A matte may differ this much in its proportions: editors round sizes to even numbers.
_ASPECT_TOLERANCE = Fraction(3, 100)
#: So much may be missing at either end of a matte whose place is known (s): a frame of the clip and
#: one of a timeline, of the slowest film. Its first or last picture stands there.
_HELD = Fraction(1, 10)


@dataclass(frozen=True)
class Mask:
    """A mask video that was written and read back.

    Attributes:
        coverage: share of all pixels that belong to the object, 0 to 1.
        notes: sentences about how the matte was taken.
    """

    path: Path
    width: int
    height: int
    frames: int
    coverage: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cutout:
    """What is cut out of a clip in the run that writes its mask; see `stemmux.extract`."""

    media: Media
    span: Span
    cut: Cut
    shown: Shown | None = None


@dataclass(frozen=True)
class Taken:
    """Which part of a matte belongs to a range: it starts at `start` s of the matte's own clock."""

    start: Fraction
    notes: tuple[str, ...] = ()


def is_still(matte: Media) -> bool:
    """Whether the matte is a single picture, which then stands for the whole range."""
    return matte.video is not None and matte.video.frames == 1


def taken(matte: Media, clip: Media, span: Span, into: Fraction | None = None) -> Taken:
    """Line the matte up with the clip, by their first pictures, or by the range itself.

    A matte that was exported over the range alone is as long as the range; every other matte is
    counted from the clip's first picture.

    Args:
        into: seconds of the matte that lie at the clip's first picture, where that is known; below
            0 the matte begins so much after it.

    Raises:
        NoPicture: the matte has none.
        MediaError: its proportions are not the clip's, or it does not cover the range.
    """
    picture, seen = matte.picture().display_size, clip.picture().display_size
    ratio = Fraction(picture[0] * seen[1], picture[1] * seen[0])
    if abs(ratio - 1) > _ASPECT_TOLERANCE:
        raise MediaError(
            f"The matte is {picture[0]} × {picture[1]}, the clip {seen[0]} × {seen[1]}.",
            hint="Export the matte with the proportions of the clip, and turned the same way.",
        )
    if is_still(matte):
        return Taken(
            matte.origin, ("The matte is a still picture: it stands for the whole range.",)
        )
    grace = Fraction(1, PROXY_RATE) + 1 / matte.picture().rate
    if into is not None:
        grace = max(grace, _HELD)
    length = matte.picture().end - matte.origin
    begin, end = (into or 0) + span.start, (into or 0) + span.end
    if begin >= -grace and length >= end - grace:
        return Taken(matte.origin + begin)
    if into is None and abs(length - span.duration) <= grace:
        return Taken(
            matte.origin, ("The matte is as long as the range, and is taken to start with it.",)
        )
    if into is not None:
        missing = [time if time > grace else Fraction(0) for time in (-begin, end - length)]
        bare = _bare(span, *missing)
        raise MediaError(
            f"The matte does not cover the range: {bare} without it.",
            hint="Let it cover the range and its handles, or choose a shorter range.",
        )
    raise MediaError(
        f"The matte is {float(length):.2f} s long; the range ends at {float(end):.2f} s.",
        hint="Export the matte over the whole clip, or over exactly the range.",
    )


def _bare(span: Span, before: Fraction, behind: Fraction) -> str:
    """Which part of a range has no matte, as the words of a sentence; s missing at its ends."""
    if before + behind >= span.duration:
        return f"all {float(span.duration):.2f} s of it are"
    ends = (("first", before), ("last", behind))
    said = [f"its {which} {float(time):.2f} s" for which, time in ends if time]
    return f"{' and '.join(said)} are"


def write_mask(
    matte: Media,
    clip: Media,
    span: Span,
    out: Path,
    *,
    into: Fraction | None = None,
    plane: Plane = "luma",
    invert: bool = False,
    also: Cutout | None = None,
    progress: Progress | None = None,
) -> Mask:
    """Write the mask video of a range of `clip` to `out` (MP4), and read it back.

    Args:
        into: see `taken`.
        plane: which plane of the matte says what is object.
        invert: the matte is black where the object is.
        also: what is cut out of a clip in the same run.

    Raises:
        MediaError: the matte does not fit the clip, or has no such plane.
        VerificationFailed: what was written is not a mask; it is removed.
    """
    part = taken(matte, clip, span, into)
    size = proxy_size(clip.picture())
    if plane == "alpha" and not has_alpha(matte):
        raise MediaError(f"{matte.path.name} has no alpha channel.", hint="Use --matte-from luma.")
    stream = _binary(matte, part, span, size, plane, invert)
    written = _lossless(stream, out)
    if also is not None:
        extract(
            also.media,
            also.span,
            also.cut,
            shown=also.shown,
            also=[written],
            progress=progress,
        )
    else:
        limit = 300 + 60 * float(span.end)
        run_graph(written, limit=limit, duration=span.duration, progress=progress)
    try:
        coverage = _verified(out, size, proxy_frames(span))
    except VerificationFailed:
        out.unlink(missing_ok=True)
        raise
    return Mask(out, *size, proxy_frames(span), coverage, (*part.notes, *_remarks(coverage)))


def has_alpha(matte: Media) -> bool:
    """Whether the picture carries an alpha channel."""
    name = matte.picture().pixel_format
    return any(part in name for part in ("yuva", "rgba", "bgra", "argb", "abgr", "ya", "gbrap"))


def _binary(
    matte: Media, part: Taken, span: Span, size: tuple[int, int], plane: Plane, invert: bool
) -> graph.nodes.FilterableStream:
    video = matte.picture()
    options: dict[str, Any] = {"copyts": None}
    options |= landing(matte, part.start - matte.origin)
    options |= no_smoothing(video, size)
    stream = guarded(matte.path, f"{MEDIA_FORMATS},{PICTURE_FORMATS}", **options).video
    stream = at_proxy_rate(stream, part.start, video)
    if plane == "alpha":
        stream = stream.filter("alphaextract")
    # Every matte is brought to limited range first, so that one threshold serves; the values
    # written are 0 and 255 all the same, which lossless coding keeps.
    stream = stream.filter("scale", *size, flags="area", out_range="limited")
    stream = stream.filter("format", "yuv420p")
    inside, outside = (255, 0) if invert else (0, 255)
    luma = f"if(gte(val,{_THRESHOLD}),{inside},{outside})"
    stream = stream.filter("lut", y=luma, u=128, v=128)
    return for_proxy_time(stream, span)


def _lossless(stream: graph.nodes.FilterableStream, out: Path) -> graph.nodes.OutputStream:
    import ffmpeg as graph

    # 0 and 255 are written as they are: 16 and 235 would survive fewer readers. The arithmetic
    # coder is what makes two flat areas small; the rest of a slower preset gains nothing.
    return graph.output(
        stream,
        address(out),
        vcodec="libx264",
        preset="ultrafast",
        threads=2,
        coder="cabac",
        qp=0,
        movflags="+faststart",
    )


def _verified(path: Path, size: tuple[int, int], frames: int) -> float:
    """Read the mask back; the share of black pixels.

    Raises:
        VerificationFailed: another size, number of frames, or value than 0 and 255.
    """
    import numpy as np

    count = black = 0
    with open_media(path) as container:
        for frame in container.decode(video=0):
            plane: Any = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            luma = rows[: frame.height, : frame.width]
            if (frame.width, frame.height) != size:
                raise VerificationFailed(f"The mask is {frame.width} × {frame.height}.")
            dark = int(np.count_nonzero(luma == 0))
            if dark + int(np.count_nonzero(luma == 255)) != luma.size:
                raise VerificationFailed("The mask holds other values than black and white.")
            black += dark
            count += 1
    if count != frames:
        raise VerificationFailed(f"The mask has {count} pictures where {frames} were expected.")
    return black / (count * size[0] * size[1])


def _remarks(coverage: float) -> tuple[str, ...]:
    if coverage == 0:
        return ("The matte covers nothing. Is it inverted? Look at soundmatte preview.",)
    if coverage > 0.9:
        return ("The matte covers nearly everything. Is it inverted? Look at soundmatte preview.",)
    return ()
