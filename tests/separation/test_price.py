"""The price: never below what is charged, and exact."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmatte.errors import UsageError
from soundmatte.separation.price import STEP, UNIT, estimate

LENGTHS = st.fractions(min_value=Fraction(1, 48000), max_value=360_000, max_denominator=48000)
CANDIDATES = st.integers(1, 8)


@pytest.mark.parametrize(
    ("seconds", "candidates", "usd", "billable"),
    [
        (Fraction(1, 48000), 1, "0.05", "1"),
        (Fraction(30), 1, "0.05", "1"),
        (Fraction(30) + Fraction(1, 48000), 1, "0.1", "2"),
        (Fraction(30), 2, "0.075", "1.5"),
        (Fraction(15), 4, "0.125", "2.5"),
        (Fraction(60), 2, "0.15", "3"),
        (Fraction(300), 1, "0.5", "10"),
        (Fraction(300), 4, "1.25", "25"),
        (Fraction(1200), 1, "2", "40"),
    ],
)
def test_the_published_price(seconds: Fraction, candidates: int, usd: str, billable: str) -> None:
    price = estimate(seconds, candidates)
    assert str(price.usd) == usd
    assert str(price.billable) == billable


def test_the_billable_units_are_those_that_were_observed() -> None:
    assert estimate(Fraction(60), 1).billable == 2
    assert estimate(Fraction(60), 3).billable == 4


def test_the_note_says_what_was_counted_and_how_old_the_price_is() -> None:
    note = estimate(Fraction(61), 2).note
    assert "0.225 USD" in note
    assert "3 × 30 s with 2 candidates" in note
    assert "2026-11" in note
    assert "candidates" not in estimate(Fraction(61)).note


@pytest.mark.parametrize(("seconds", "candidates"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_nothing_has_no_price(seconds: int, candidates: int) -> None:
    with pytest.raises(UsageError) as refusal:
        estimate(Fraction(seconds), candidates)
    assert refusal.value.hint


@settings(deadline=None)
@given(LENGTHS, CANDIDATES)
def test_never_below_either_way_of_charging(seconds: Fraction, candidates: int) -> None:
    """By the second over the output, which ends on a whole 40 ms, or by begun steps of it."""
    price = estimate(seconds, candidates)
    output = -(-seconds // Fraction(1, 25)) * Fraction(1, 25)
    rate = (Fraction(50) + 25 * (candidates - 1)) / 1000
    charged = Fraction(price.usd)
    assert charged >= output / STEP * rate
    assert charged == -(-output // STEP) * rate
    assert charged - seconds / STEP * rate < rate
    assert Fraction(price.billable) * Fraction(UNIT) == charged


@settings(deadline=None)
@given(LENGTHS, LENGTHS, CANDIDATES)
def test_more_never_costs_less(one: Fraction, other: Fraction, candidates: int) -> None:
    shorter, longer = sorted((one, other))
    assert estimate(shorter, candidates).usd <= estimate(longer, candidates).usd
    assert estimate(shorter, candidates).usd < estimate(shorter, candidates + 1).usd
    assert isinstance(estimate(longer, candidates).usd, Decimal)


def test_the_command_names_the_price_of_a_range(noise_clip: Path) -> None:
    def say(*words: str) -> dict[str, float]:
        code = "import sys; from soundmatte.cli import main; main()"
        command = [sys.executable, "-c", code, "estimate", str(noise_clip), "--json", *words]
        made = subprocess.run(command, capture_output=True, check=True, text=True)
        return dict(json.loads(made.stdout))

    assert say()["usd"] == 0.05
    ranged = say("--out", "0.2", "--candidates", "3")
    assert ranged["usd"] == 0.10
    assert ranged["duration"] == pytest.approx(0.2, abs=0.05)
