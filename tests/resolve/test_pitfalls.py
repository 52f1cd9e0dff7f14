"""Every pitfall of Resolve's API that the fake can show, with the scripts' guard and without.

Without it some are run here, drawn; `benchmarks/resolve_guards.py` takes all of them.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from tests.resolve.pitfall_table import KNOWN
from tests.resolve.pitfalls import Bench, Pitfall
from tests.resolve.pitfalls_placing import PLACING
from tests.resolve.pitfalls_reading import READING
from tests.resolve.pitfalls_rendering import RENDERING

PITFALLS = [*PLACING, *READING, *RENDERING]
#: What the ones without their guard are drawn with; it stands in their names.
SEED = os.environ.get("RESOLVE_SEED", "20261123")
DRAWN = random.Random(SEED).sample(PITFALLS, 8)


@pytest.mark.parametrize("pitfall", PITFALLS, ids=str)
def test_it_holds(pitfall: Pitfall, bench: Bench, tmp_path: Path) -> None:
    assert pitfall.holds(bench, tmp_path, guarded=True) == ""


@pytest.mark.parametrize("pitfall", DRAWN, ids=lambda pitfall: f"{SEED}-{pitfall}")
def test_it_does_not_hold_without_its_guard(pitfall: Pitfall, bench: Bench, tmp_path: Path) -> None:
    assert pitfall.holds(bench, tmp_path, guarded=False) != ""
    # What that has done to Resolve is not the scripts' fault.
    bench.fake.load({})


@pytest.mark.parametrize("pitfall", PITFALLS, ids=str)
def test_its_guard_is_there_to_be_taken_out(pitfall: Pitfall, menu: Path) -> None:
    for edit in pitfall.edits:
        edit.find(menu.parent / "Soundmatte" / "soundmatte_resolve")


def test_every_pitfall_is_shown_or_said_why_not() -> None:
    assert list(KNOWN) == list(range(1, 43))
    here = {number for number, (where, _) in KNOWN.items() if where == "pitfalls"}
    assert {pitfall.number for pitfall in PITFALLS} - {0} == here
    for number, (where, _) in KNOWN.items():
        if where.startswith("test"):
            path = Path(__file__).with_name(f"{where}.py")
            said = re.findall(r"def test_pitfalls?_([\d_and]+?)_[a-z]{4}", path.read_text())
            assert any(str(number) in names.split("_") for names in said), number
