"""Every pitfall of Resolve's API that the fake can show, with the scripts' guard and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.media.making import Studio
from tests.resolve.driving import FakeResolve
from tests.resolve.pitfalls import Pitfall
from tests.resolve.pitfalls_placing import PLACING
from tests.resolve.pitfalls_reading import READING
from tests.resolve.pitfalls_rendering import RENDERING

PITFALLS = [*PLACING, *READING, *RENDERING]


@pytest.mark.parametrize("pitfall", PITFALLS, ids=str)
def test_it_holds(pitfall: Pitfall, fake: FakeResolve, studio: Studio, tmp_path: Path) -> None:
    assert pitfall.holds(fake, tmp_path, studio, guarded=True) == ""


@pytest.mark.parametrize("pitfall", PITFALLS, ids=str)
def test_it_does_not_hold_without_its_guard(
    pitfall: Pitfall, fake: FakeResolve, studio: Studio, tmp_path: Path
) -> None:
    assert pitfall.holds(fake, tmp_path, studio, guarded=False) != ""
    # What that has done to Resolve is not the scripts' fault.
    fake.load({})
