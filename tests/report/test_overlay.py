"""The matte over the picture: which pixels are tinted, which are dimmed, and by which side."""

from __future__ import annotations

import numpy as np
import pytest
from tests.report.scenes import BOX, COLOUR, INSIDE, OUTSIDE, boxed, flat, saturation

from soundmatte.report.overlay import ACCENT, THRESHOLD, grown, overlaid

PICTURE, MATTE = flat(0), boxed(0)[..., 0]


def test_the_object_keeps_its_colour_and_the_rest_is_dimmed() -> None:
    shown, covered = overlaid(PICTURE, MATTE)
    assert shown.shape == PICTURE.shape
    assert covered == pytest.approx(100 * 100 / (320 * 180))
    # Inside: the same colour but for a tint towards the accent; outside: darker and greyer.
    nearer = np.abs(np.array(ACCENT) - shown[INSIDE]) < np.abs(np.array(ACCENT) - COLOUR)
    assert nearer.all()
    assert np.abs(shown[INSIDE].astype(int) - COLOUR).max() < 30
    assert shown[OUTSIDE].mean() < 0.55 * PICTURE[OUTSIDE].mean()
    assert saturation(shown[OUTSIDE]) < 0.3 * saturation(PICTURE[OUTSIDE])


def test_inverting_swaps_the_sides() -> None:
    there, covered = overlaid(PICTURE, MATTE)
    back, rest = overlaid(PICTURE, MATTE, invert=True)
    assert covered + rest == pytest.approx(1)
    assert (there[INSIDE] == back[OUTSIDE][0, 0]).all()
    assert (there[OUTSIDE] == back[INSIDE][0, 0]).all()
    same, _ = overlaid(PICTURE, 255 - MATTE, invert=True)
    assert (same == there).all()


def test_the_outline_lies_around_the_object_and_hides_nothing_of_it() -> None:
    shown, _ = overlaid(PICTURE, MATTE)
    accent = (shown == ACCENT).all(axis=-1)
    assert not accent[BOX].any()
    around = grown(MATTE > 0, 2) & ~(MATTE > 0)
    assert (accent == around).all()


@pytest.mark.parametrize(("level", "share"), [(THRESHOLD - 1, 0.0), (THRESHOLD, 1.0)])
def test_half_is_the_border_as_in_the_mask(level: int, share: float) -> None:
    _, covered = overlaid(PICTURE, np.full_like(MATTE, level))
    assert covered == share


def test_what_is_given_is_not_changed() -> None:
    picture, matte = PICTURE.copy(), MATTE.copy()
    overlaid(picture, matte)
    assert (picture == PICTURE).all()
    assert (matte == MATTE).all()
