"""Smooth shapes on a picture of numpy arrays: distances in, anti-aliased pixels out.

A shape is the signed distance to its edge, in pixels; its coverage of a pixel follows from
that. The fourth channel of the picture is the matte: whatever is painted says whether it is
part of the object, and so covers or uncovers it. It must not know what is drawn with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.floating[Any]]
#: Red, green, blue (0 to 1), and 1 where the thing painted belongs to the object.
Colour = tuple[float, float, float, float]
#: A colour that changes over the picture: given x and y in pixels, an array [4, h, w].
Wash = Callable[[Plane, Plane], Plane]


@dataclass(frozen=True)
class Shape:
    """An area of the picture.

    Attributes:
        box: left, top, right and bottom edge in pixels, that nothing of the shape is outside.
        distance: from x and y in pixels to the distance from the edge, negative inside.
    """

    box: tuple[float, float, float, float]
    distance: Callable[[Plane, Plane], Plane]

    def turned(self, x: float, y: float, angle: float) -> Shape:
        """Turn the shape clockwise around a point, by an angle in radians."""
        cosine, sine = float(np.cos(angle)), float(np.sin(angle))

        def distance(px: Plane, py: Plane) -> Plane:
            dx, dy = px - x, py - y
            return self.distance(x + cosine * dx + sine * dy, y - sine * dx + cosine * dy)

        left, top, right, bottom = self.box
        corners = [(cx - x, cy - y) for cx in (left, right) for cy in (top, bottom)]
        across = [x + cosine * dx - sine * dy for dx, dy in corners]
        down = [y + sine * dx + cosine * dy for dx, dy in corners]
        return Shape((min(across), min(down), max(across), max(down)), distance)

    def within(self, other: Shape) -> Shape:
        """Keep only the part of the shape that lies in the other too."""
        return Shape(self.box, lambda x, y: np.maximum(self.distance(x, y), other.distance(x, y)))

    def rim(self, width: float) -> Shape:
        """Take the line along the edge only, `width` pixels wide."""
        half = width / 2
        left, top, right, bottom = self.box
        box = (left - half, top - half, right + half, bottom + half)
        return Shape(box, lambda x, y: np.abs(self.distance(x, y)) - half)


def ellipse(x: float, y: float, across: float, down: float) -> Shape:
    """Make an ellipse from its centre and its two radii, in pixels."""

    def distance(px: Plane, py: Plane) -> Plane:
        dx, dy = px - x, py - y
        # The radius at this point, and how steeply it changes: exact on the edge, where it counts.
        radius = np.sqrt((dx / across) ** 2 + (dy / down) ** 2)
        slope = np.sqrt((dx / across**2) ** 2 + (dy / down**2) ** 2)
        return np.asarray(radius * (radius - 1) / np.maximum(slope, 1e-3))

    return Shape((x - across, y - down, x + across, y + down), distance)


def stroke(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """Make a straight line with round ends, `radius` pixels to each side."""
    dx, dy = x1 - x0, y1 - y0
    length = max(dx * dx + dy * dy, 1e-6)

    def distance(px: Plane, py: Plane) -> Plane:
        along = np.clip(((px - x0) * dx + (py - y0) * dy) / length, 0.0, 1.0)
        return np.hypot(px - x0 - along * dx, py - y0 - along * dy) - radius

    left, right = min(x0, x1) - radius, max(x0, x1) + radius
    return Shape((left, min(y0, y1) - radius, right, max(y0, y1) + radius), distance)


def panel(left: float, top: float, right: float, bottom: float, radius: float) -> Shape:
    """Make a rectangle with rounded corners."""
    x, y = (left + right) / 2, (top + bottom) / 2
    across, down = (right - left) / 2 - radius, (bottom - top) / 2 - radius

    def distance(px: Plane, py: Plane) -> Plane:
        dx, dy = np.abs(px - x) - across, np.abs(py - y) - down
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        return np.asarray(outside + np.minimum(np.maximum(dx, dy), 0) - radius)

    return Shape((left, top, right, bottom), distance)


def lathed(x: float, top: float, bottom: float, profile: Callable[[Plane], Plane]) -> Shape:
    """Make a shape that is alike left and right, as a turned thing is.

    Args:
        x: its axis.
        top: where it begins.
        bottom: where it ends.
        profile: from 0 (top) … 1 (bottom) to the half width in pixels.
    """
    places = np.linspace(0, 1, 257, dtype=np.float32)
    widths = profile(places)
    # A slanted edge is nearer than it looks along the row: the distance is corrected by the slope.
    slopes = np.hypot(1.0, np.gradient(widths, places * np.float32(bottom - top)))

    def distance(px: Plane, py: Plane) -> Plane:
        place = (py - top) / (bottom - top)
        beyond = np.abs(px - x) - np.interp(place, places, widths)
        across = beyond / np.interp(place, places, slopes)
        ends = np.maximum(top - py, py - bottom)
        return np.asarray(np.maximum(across, ends), np.float32)

    widest = float(widths.max())
    return Shape((x - widest, top, x + widest, bottom), distance)


class Canvas:
    """A picture that is painted on, with the matte as its fourth channel.

    Attributes:
        pixels: [4, h, w], each 0 to 1. Planes, since numpy is several times faster on them.
    """

    def __init__(self, pixels: Plane) -> None:
        self.pixels = pixels

    def copy(self) -> Canvas:
        """Make another canvas with the same picture on it."""
        return Canvas(self.pixels.copy())

    def paint(
        self, shape: Shape, colour: Colour | Wash, *, opacity: float = 1.0, blur: float = 1.0
    ) -> None:
        """Lay a shape over what is there.

        Args:
            shape: where.
            colour: with what.
            opacity: 0 leaves the picture as it is. A veil does not change what lies under it,
                so anything less than 1 leaves the matte alone.
            blur: width of the edge in pixels; 1 is sharp and free of stairs.
        """
        height, width = self.pixels.shape[1:]
        left, top, right, bottom = shape.box
        rows = slice(max(0, int(top - blur)), min(height, int(bottom + blur) + 2))
        columns = slice(max(0, int(left - blur)), min(width, int(right + blur) + 2))
        if rows.stop <= rows.start or columns.stop <= columns.start or opacity <= 0:
            return
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :]
        cover = np.clip(0.5 - shape.distance(x, y) / np.float32(blur), 0, 1) * np.float32(opacity)
        fill = colour(x, y) if callable(colour) else np.asarray(colour, np.float32)[:, None, None]
        channels = 4 if opacity >= 1 else 3
        area = self.pixels[:channels, rows, columns]
        area += cover * (fill[:channels] - area)


def colour(name: str, *, object_: bool = False) -> Colour:
    """Read a colour written as RRGGBB."""
    red, green, blue = (int(name[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return (red, green, blue, 1.0 if object_ else 0.0)


def blend(first: Colour, second: Colour, where: Callable[[Plane, Plane], Plane]) -> Wash:
    """Go from one colour to another: `where` says how far, 0 to 1, for each x and y."""
    start = np.asarray(first, np.float32)[:, None, None]
    change = np.asarray(second, np.float32)[:, None, None] - start

    def wash(x: Plane, y: Plane) -> Plane:
        share = np.clip(where(x, y) + 0 * x + 0 * y, 0, 1)
        return np.asarray(start + share * change, np.float32)

    return wash
