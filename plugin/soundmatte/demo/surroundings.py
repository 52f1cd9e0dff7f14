"""Where the demo takes place: a room with a bell, a radio, and rain at the window.

Everything that stays still is painted once; each frame is that picture with what moves on top.
It must not know how sound is made: it is told how loud things are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soundmatte.demo.drawing import (
    Canvas,
    Colour,
    Plane,
    Shape,
    Wash,
    blend,
    colour,
    ellipse,
    lathed,
    panel,
    stroke,
)

WIDTH, HEIGHT = 640, 360
#: Where the table begins, which hides what is below it.
TABLE_Y = 302.0
#: Left, top, right, bottom.
WINDOW = (352, 34, 582, 222)
RADIO = (462, 240, 614, 322)
#: The bell's axis, its upper end, its lip, and the point high above from which it hangs.
BELL_X, BELL_TOP, BELL_LIP, PIVOT_Y = 466.0, 112.0, 206.0, -60.0
#: Waves run from the bell between these radii, this far apart, so fast per frame (pixels).
WAVES_FROM, WAVES_TO, WAVES_APART, WAVES_SPEED = 66.0, 165.0, 33.0, 3.2

WOOD, FRAME = colour("b9784a"), colour("f2e6d0")
BRASS, BRASS_LIGHT, BRASS_DARK = colour("d9a441"), colour("ffe9a8"), colour("7d4f1d")
RAIN = np.array([0.75, 0.87, 1.0], np.float32)[:, None, None]


@dataclass(frozen=True)
class Sounding:
    """How loud things are at one moment.

    Attributes:
        bell: 0 to 1.
        swing: angle of the bell, radians.
        music: 0 to 1.
    """

    bell: float
    swing: float
    music: float


class Surroundings:
    """The room at any moment."""

    def __init__(self) -> None:
        self._still = _still()
        self._rain = _rain()
        x, y = np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
        radius = np.hypot(x - BELL_X, (y - (BELL_TOP + BELL_LIP) / 2)[:, None])
        # Waves are looked up by distance, in quarters of a pixel, and end before the table.
        self._radius = (radius * 4).astype(np.int32)[: int(TABLE_Y), int(BELL_X - WAVES_TO) :]

    def at(self, frame: int, sounding: Sounding) -> Canvas:
        """Paint the room at one frame; the person is not in it yet."""
        canvas = self._still.copy()
        self._window(canvas, frame)
        self._waves(canvas, frame, sounding.bell)
        _bell(canvas, sounding.swing)
        _speaker(canvas, sounding.music)
        return canvas

    def _window(self, canvas: Canvas, frame: int) -> None:
        left, top, right, bottom = WINDOW
        area = canvas.pixels[:3, top:bottom, left:right]
        for sheet, speed in zip(self._rain, (9, 14), strict=True):
            area += np.roll(sheet, speed * frame, axis=0) * (RAIN - area)
        middle = (left + right) / 2
        canvas.paint(panel(middle - 4, top - 2, middle + 4, bottom + 2, 0), FRAME)
        canvas.paint(panel(left - 2, 124, right + 2, 131, 0), FRAME)

    def _waves(self, canvas: Canvas, frame: int, bell: float) -> None:
        if bell < 0.02:
            return
        radius = np.arange(0, WIDTH * 6, dtype=np.float32) / 4
        inside = (radius - WAVES_FROM) / (WAVES_TO - WAVES_FROM)
        phase = (radius - WAVES_FROM - frame * WAVES_SPEED) % WAVES_APART
        ring = np.clip(1.8 - np.minimum(phase, WAVES_APART - phase), 0, 1)
        strength = np.where((inside > 0) & (inside < 1), 0.8 * bell * (1 - inside) * ring, 0)
        cover = strength.astype(np.float32)[self._radius]
        area = canvas.pixels[:3, : int(TABLE_Y), int(BELL_X - WAVES_TO) :]
        area += cover * (np.asarray(BRASS_LIGHT[:3], np.float32)[:, None, None] - area)


def _down(first: Colour, second: Colour, top: float, bottom: float) -> Wash:
    """Go from one colour to another down the picture."""
    return blend(first, second, lambda x, y: (y - top) / np.float32(bottom - top))


def _still() -> Canvas:
    """Paint everything that never moves."""
    canvas = Canvas(np.zeros((4, HEIGHT, WIDTH), np.float32))
    wall = panel(-20, -20, WIDTH + 20, HEIGHT + 20, 0)
    canvas.paint(wall, _down(colour("234a56"), colour("3f7d7c"), 0, TABLE_Y))
    canvas.paint(ellipse(188, 148, 300, 250), colour("8fc1a9"), opacity=0.42, blur=240)
    _window_frame(canvas)
    canvas.paint(
        panel(-20, TABLE_Y, WIDTH + 20, HEIGHT + 20, 0),
        _down(WOOD, colour("6b3d26"), TABLE_Y, HEIGHT),
    )
    canvas.paint(panel(-20, TABLE_Y, WIDTH + 20, TABLE_Y + 5, 0), colour("d79a66"))
    _radio(canvas)
    return canvas


def _window_frame(canvas: Canvas) -> None:
    """Paint the window, and the town in the evening."""
    left, top, right, bottom = WINDOW
    shadow = panel(left - 13, top - 9, right + 13, bottom + 15, 7)
    canvas.paint(shadow, colour("16333d"), opacity=0.35, blur=14)
    canvas.paint(panel(left - 10, top - 10, right + 10, bottom + 10, 6), FRAME)
    canvas.paint(panel(left - 18, bottom + 8, right + 18, bottom + 18, 4), colour("e2d2b4"))
    sky = _down(colour("17233f"), colour("3d5a80"), top, bottom)
    canvas.paint(panel(left, top, right, bottom, 2), sky)
    for x, height, lit in ((368, 58, 1), (404, 92, 0), (500, 74, 1), (540, 112, 1)):
        canvas.paint(panel(x, bottom - height, x + 34, bottom, 1), colour("1a2745"))
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            if (row + column + lit) % 2:
                pane_x, pane_y = x + 7 + 13 * column, bottom - height + 10 + 20 * row
                pane = panel(pane_x, pane_y, pane_x + 7, pane_y + 10, 1)
                canvas.paint(pane, colour("e9c46a"), opacity=0.75)


def _radio(canvas: Canvas) -> None:
    """Paint the radio that the music comes from."""
    left, top, right, bottom = RADIO
    shade = ellipse((left + right) / 2, bottom, 84, 9)
    canvas.paint(shade, colour("2b140c"), opacity=0.45, blur=8)
    canvas.paint(stroke(right - 22, top, right - 4, top - 58, 1.3), colour("cfd8dc"))
    canvas.paint(ellipse(right - 4, top - 58, 3, 3), colour("cfd8dc"))
    red = _down(colour("e8574c"), colour("a8322f"), top, bottom)
    canvas.paint(panel(left, top, right, bottom, 14), red)
    canvas.paint(panel(left + 8, top + 8, right - 8, bottom - 8, 9), colour("f5e9d3"))
    for knob in (left + 94, left + 124):
        canvas.paint(ellipse(knob, bottom - 24, 8.5, 8.5), colour("a8322f"))
        canvas.paint(stroke(knob, bottom - 24, knob + 4, bottom - 30, 1.2), colour("f5e9d3"))


def _speaker(canvas: Canvas, music: float) -> None:
    """Move the radio's cone and its needle with the music."""
    left, top, right, bottom = RADIO
    x, y, beat = left + 44.0, (top + bottom) / 2, 3.5 * music
    canvas.paint(ellipse(x, y, 27, 27), colour("3b2a2a"))
    canvas.paint(ellipse(x, y, 20 + beat, 20 + beat), colour("6d4c41"))
    canvas.paint(ellipse(x, y, 8 + beat, 8 + beat), colour("2a1d1d"))
    canvas.paint(panel(left + 84, top + 18, right - 18, top + 38, 4), colour("37474f"))
    needle = left + 90 + 36 * music
    canvas.paint(stroke(needle, top + 21, needle, top + 35, 1.1), colour("ff8a65"))


def _rain() -> list[Plane]:
    """Paint two endless sheets of rain, the size of the window: how much it brightens there."""
    left, top, right, bottom = WINDOW
    chance = np.random.default_rng(3)
    sheets = []
    for drops, length, strength in ((70, 16.0, 0.30), (36, 26.0, 0.5)):
        sheet = Canvas(np.zeros((4, bottom - top, right - left), np.float32))
        for across, down in chance.uniform(0, 1, (drops, 2)):
            x, y = float(across) * (right - left), float(down) * (bottom - top)
            for wrap in (0, bottom - top):  # what leaves at the bottom comes in at the top
                streak = stroke(x, y - wrap, x - 2.5, y - wrap + length, 0.35)
                sheet.paint(streak, (strength, strength, strength, 0))
        sheets.append(sheet.pixels[0])
    return sheets


def _bell(canvas: Canvas, swing: float) -> None:
    """Hang the bell from above."""

    def profile(place: Plane) -> Plane:
        crown = 25 * np.sqrt(np.clip(place / 0.16, 0, 1))
        flare = 9 * place + 66 * np.clip(place - 0.45, 0, 1) ** 2
        return np.asarray(crown + flare + 3 * (place > 0.93), np.float32)

    def hung(shape: Shape) -> Shape:
        return shape.turned(BELL_X, PIVOT_Y, swing)

    def beaten(shape: Shape) -> Shape:
        # The clapper lags behind, and so swings the other way inside.
        return hung(shape.turned(BELL_X, BELL_TOP + 30, -2.4 * swing))

    lean = (BELL_LIP - PIVOT_Y) * float(np.sin(swing))
    canvas.paint(hung(stroke(BELL_X, PIVOT_Y, BELL_X, BELL_TOP - 6, 2.2)), colour("7a3b2e"))
    canvas.paint(hung(ellipse(BELL_X, BELL_TOP - 4, 8, 9).rim(4.5)), BRASS_DARK)
    canvas.paint(beaten(ellipse(BELL_X, BELL_LIP + 7, 8, 8)), BRASS_DARK)
    body = hung(lathed(BELL_X, BELL_TOP, BELL_LIP, profile))
    canvas.paint(body, blend(BRASS, BRASS_DARK, lambda x, y: np.abs(x - (BELL_X - 10 - lean)) / 52))
    gleam = ellipse(BELL_X - 15, BELL_TOP + 48, 5, 34).turned(BELL_X - 15, BELL_TOP + 48, 0.16)
    canvas.paint(hung(gleam), BRASS_LIGHT, opacity=0.75, blur=7)
    for height, strength in ((BELL_LIP - 15, 0.5), (BELL_LIP - 20, 0.3)):
        band = hung(panel(BELL_X - 60, height, BELL_X + 60, height + 2.2, 0)).within(body)
        canvas.paint(band, BRASS_DARK, opacity=strength)
