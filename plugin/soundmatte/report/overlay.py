"""A matte laid over a picture so that its polarity is seen at a glance.

The object keeps its colours, takes on a tint and gets an outline; everything else turns grey and
dark. Arrays in, arrays out: it must not know files, times or what the matte is for.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]

#: Of the outline and the tint. Green: the colour that skin, wood and sky have least of.
ACCENT = (46, 230, 150)
#: From this grey on a pixel is object, as in the mask that is sent away.
THRESHOLD = 128

#: Greys this far from the threshold are wholly in or out, so that the edge has no stairs.
_SOFT = 40
_TINT = 0.14
#: What is left of the rest: grey, and a little of its colour.
_GREY, _COLOUR = 0.27, 0.2
_LUMA = (0.2126, 0.7152, 0.0722)


def overlaid(picture: Picture, matte: Picture, *, invert: bool = False) -> tuple[Picture, float]:
    """Lay a matte over a picture.

    Args:
        picture: [h, w, 3].
        matte: [h, w], white (255) where the object is.
        invert: black is where the object is.

    Returns:
        The picture [h, w, 3], and the share of it that is object, 0 to 1.
    """
    if invert:
        matte = 255 - matte
    covered = matte >= THRESHOLD
    inside = np.clip((matte.astype(np.float32) - THRESHOLD) / (2 * _SOFT) + 0.5, 0, 1)
    # Plane by plane: several times faster than colour by colour.
    planes = np.ascontiguousarray(np.moveaxis(picture, 2, 0)).astype(np.float32)
    accent = np.array(ACCENT, np.float32)[:, None, None]
    grey = sum(plane * np.float32(part) for plane, part in zip(planes, _LUMA, strict=True))
    result = planes * _COLOUR + grey * np.float32(_GREY)
    result += inside * (planes * (1 - _TINT) + accent * _TINT - result)
    # Outside the object, so that nothing of it is hidden; thicker on larger pictures.
    width = max(2, round(max(matte.shape) / 260))
    result[:, grown(covered, width) & ~covered] = accent[:, 0]
    whole = np.rint(result).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(whole, 0, 2)), float(covered.mean())


def grown(area: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    """Widen an area by so many pixels to every side."""
    for _ in range(pixels):
        wider = area.copy()
        wider[1:] |= area[:-1]
        wider[:-1] |= area[1:]
        wider[:, 1:] |= area[:, :-1]
        wider[:, :-1] |= area[:, 1:]
        area = wider
    return area
