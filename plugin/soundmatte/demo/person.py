"""The one who speaks in the demo: what the matte is drawn around.

It must not know where the person sits, nor how sound is made: it is told how far the mouth is
open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sin

from soundmatte.demo.drawing import Canvas, Shape, blend, colour, ellipse, panel, stroke

#: Middle of the face at rest, in pixels.
X, Y = 188.0, 148.0

SKIN, SKIN_SHADE = colour("f3bf98", object_=True), colour("dd9772", object_=True)
HAIR, HAIR_LIGHT = colour("3a2336", object_=True), colour("6a3f57", object_=True)
SHIRT, SHIRT_SHADE = colour("f08a5d", object_=True), colour("c9573f", object_=True)
WHITE, INK = colour("fffaf2", object_=True), colour("2a1a24", object_=True)
LIPS, THROAT = colour("c4514f", object_=True), colour("5a1a26", object_=True)
TONGUE, GOLD = colour("e0707a", object_=True), colour("ffd166", object_=True)
IRIS, BLUSH = colour("4b2e2a", object_=True), colour("e8735a", object_=True)


@dataclass(frozen=True)
class Face:
    """What the face does at one moment, each from 0 to 1.

    Attributes:
        mouth: how far it is open.
        roundness: lips pushed forward (dark vowels) rather than wide (bright ones).
        shut: how far the eyes are shut.
    """

    mouth: float
    roundness: float
    shut: float


#: Puts a part of the head where the head has turned to.
Turn = Callable[[Shape], Shape]


def paint(canvas: Canvas, seconds: float, face: Face, *, below: float) -> None:
    """Paint the person.

    Args:
        canvas: what is behind them.
        seconds: the time, for the slow sway of the head.
        face: see `Face`.
        below: a height in pixels; everything under it is hidden by the table.
    """
    y = Y + 2.2 * face.mouth
    sway = 0.028 * sin(seconds * 1.9)

    def turn(shape: Shape) -> Shape:
        return shape.turned(X, y + 110, sway)

    canvas.paint(turn(ellipse(X, y - 4, 82, 86)), HAIR)
    canvas.paint(turn(panel(X - 82, y - 10, X + 82, y + 82, 34)), HAIR)
    shoulders = panel(X - 118, 244, X + 118, below + 160, 74)
    seen = Shape((X - 118, 244, X + 118, below), shoulders.distance)
    cloth = blend(SHIRT, SHIRT_SHADE, lambda px, py: (px - (X - 60)) / 200)
    canvas.paint(seen.within(panel(0, 0, 2 * X, below, 0)), cloth)
    canvas.paint(ellipse(X, 248, 44, 22), SHIRT_SHADE)
    canvas.paint(turn(panel(X - 27, y + 40, X + 27, y + 112, 26)), SKIN_SHADE)
    _head(canvas, turn, y)
    _eyes(canvas, turn, y, seconds, face)
    canvas.paint(turn(stroke(X + 1, y + 14, X - 3, y + 27, 2.4)), SKIN_SHADE)
    canvas.paint(turn(stroke(X - 3, y + 27, X + 4, y + 28, 2.4)), SKIN_SHADE)
    _mouth(canvas, turn, y, face)


def _head(canvas: Canvas, turn: Turn, y: float) -> None:
    """Paint the face without what moves in it, and the hair before it."""
    skin = blend(SKIN, SKIN_SHADE, lambda px, py: (px - (X + 6)) / 110 + (py - (y + 40)) / 260)
    for side in (-1, 1):
        canvas.paint(turn(ellipse(X + 63 * side, y + 14, 12, 17)), SKIN_SHADE)
    canvas.paint(turn(ellipse(X, y + 8, 63, 74)), skin)
    for side in (-1, 1):
        canvas.paint(turn(ellipse(X + 40 * side, y + 36, 13, 9)), BLUSH, opacity=0.32, blur=12)
        canvas.paint(turn(ellipse(X + 65 * side, y + 37, 4.5, 4.5)), GOLD)
    skull = turn(ellipse(X, y - 4, 82, 86))
    fringe = turn(ellipse(X + 20, y - 52, 74, 40)).within(skull)
    canvas.paint(fringe, blend(HAIR_LIGHT, HAIR, lambda px, py: (px - (X - 30)) / 90))
    canvas.paint(turn(ellipse(X - 50, y - 34, 22, 40).turned(X - 50, y - 34, 0.42)), HAIR)


def _eyes(canvas: Canvas, turn: Turn, y: float, seconds: float, face: Face) -> None:
    look = 2.6 * sin(seconds * 0.9) + 1.5
    eye_y = y + 1
    brow = eye_y - 17 - 4.5 * face.mouth
    for side in (-1, 1):
        eye_x = X + 25 * side
        arch = ellipse(eye_x, brow + 9, 14, 11).rim(3.6)
        canvas.paint(turn(arch.within(panel(eye_x - 10, brow - 9, eye_x + 10, brow + 4, 2))), HAIR)
        if face.shut > 0.8:
            canvas.paint(turn(stroke(eye_x - 10, eye_y + 2, eye_x + 10, eye_y + 2, 1.6)), INK)
            continue
        white = turn(ellipse(eye_x, eye_y, 11.5, 9.5 * (1 - face.shut)))
        canvas.paint(white, WHITE)
        canvas.paint(turn(ellipse(eye_x + look, eye_y, 6.2, 6.6)).within(white), IRIS)
        canvas.paint(turn(ellipse(eye_x + look + 2, eye_y - 2.4, 2, 2)).within(white), WHITE)


def _mouth(canvas: Canvas, turn: Turn, y: float, face: Face) -> None:
    if face.mouth < 0.06:
        smile = ellipse(X, y + 41, 20, 12).rim(3.8).within(panel(X - 16, y + 45, X + 16, y + 60, 2))
        canvas.paint(turn(smile), LIPS)
        return
    centre = y + 51 + 3 * face.mouth
    across, down = 21 - 9 * face.roundness * face.mouth, 2.0 + 17 * face.mouth
    inner = turn(ellipse(X, centre, across, down))
    canvas.paint(turn(ellipse(X, centre, across + 3.5, down + 3.2)), LIPS)
    canvas.paint(inner, THROAT)
    teeth = panel(X - 15, centre - down - 3, X + 15, centre - down + 4.5, 3)
    canvas.paint(turn(teeth).within(inner), WHITE)
    canvas.paint(turn(ellipse(X, centre + down, across * 0.7, down * 0.62)).within(inner), TONGUE)
