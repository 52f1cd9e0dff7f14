"""One picture of the matte over the clip, at once: before the movie and the sheet of a preview.

It is decoded and written by PyAV alone, so that it needs nothing that is installed on request. This
module must not know where it is shown.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av

from soundmatte.report.overlay import Picture, overlaid
from soundmatte.report.preview import LARGEST_SIDE, aligned, fitted
from stemmux.files import replacing
from stemmux.frames import frames_at
from stemmux.probe import probe


def glance(
    clip: Path,
    matte: Path,
    out: Path,
    *,
    invert: bool = False,
    matte_from: Literal["luma", "alpha"] = "luma",
    start: Fraction | None = None,
    end: Fraction | None = None,
    matte_start: Fraction | None = None,
) -> float:
    """Show what the matte covers in the middle of a range; as `soundmatte.report.preview.preview`.

    Args:
        out: a PNG, replaced if it is there.

    Returns:
        The share of that picture that is object, 0 to 1.

    Raises:
        stemmux.errors.StemmuxError: a file cannot be read, or the picture not be written.
    """
    media, cut = probe(clip), probe(matte, picture=True)
    span = media.span(start, end)
    width, height = fitted(media.picture().display_size, LARGEST_SIDE)
    into, _ = aligned(cut, media, span, matte_start)
    half = span.duration / 2
    (colour,) = frames_at(media, [span.start + half], width=width, height=height)
    (white,) = frames_at(cut, [into + half], width=width, height=height, take=matte_from)
    picture, covered = overlaid(colour, white, invert=invert)
    with replacing(out, overwrite=True) as part:
        part.write_bytes(_png(picture))
    return covered


def _png(picture: Picture) -> bytes:
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
