"""What a separation costs, before it is sent: never less than what is charged.

The published price of all three endpoints is 0.05 USD for every 30 s of output, and 0.025 USD for
every 30 s and candidate beyond the first (the model pages' `llms.txt`, as read in November 2026).
The page does not say whether a begun 30 s counts whole. What was observed does not decide it: 60 s
were billed as 2 units with one candidate and 4 with three, which fits both, and says that a unit is
0.05 USD (`x-fal-billable-units`, a third party's runs of September 2026). So begun steps count
whole here, and where the service bills by the second the charge is lower. The output is the clip
made longer to whole steps of 40 ms, and 30 s are 750 of those: it never begins a step that the clip
does not. This module must not know what is separated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from soundmatte.errors import UsageError

#: Length that the price is for (s of output).
STEP: Final = Fraction(30)
#: Price of one billable unit (USD): one step with one candidate.
UNIT: Final = Decimal("0.05")
#: When the price was read (year and month), for people to judge its age.
AS_OF: Final = "2026-11"
#: Of one step, in thousandths of a USD: the first candidate, and each one more.
_FIRST, _MORE = 50, 25


@dataclass(frozen=True, slots=True)
class Price:
    """What a separation costs at most.

    Attributes:
        usd: USD, exact.
        units: begun steps of 30 s.
        billable: what `x-fal-billable-units` says at most: units of 0.05 USD, in halves.
        note: one sentence for people: what was counted, and how sure that is.
    """

    usd: Decimal
    units: int
    billable: Decimal
    note: str


def estimate(duration: Fraction, candidates: int = 1) -> Price:
    """The price of one separation.

    Args:
        duration: of the sound that is sent (s).
        candidates: how many the service makes to choose from (`reranking_candidates`).

    Raises:
        UsageError: nothing is to be separated.
    """
    return total([duration], candidates)


def total(durations: Sequence[Fraction], candidates: int = 1) -> Price:
    """The price of several separations, each charged by itself; see `estimate`."""
    if candidates < 1 or not durations or min(durations) <= 0:
        raise UsageError(
            f"{float(sum(durations)):g} s with {candidates} candidates has no price.",
            hint="Choose a range that is not empty, and one candidate or more.",
        )
    units = sum(-(-Fraction(duration) // STEP) for duration in durations)
    thousandths = units * (_FIRST + _MORE * (candidates - 1))
    usd = _decimal(thousandths, 1000)
    more = "" if candidates == 1 else f" with {candidates} candidates"
    several = "" if len(durations) == 1 else f"{len(durations)} windows, "
    note = (
        f"At most {usd} USD: {several}{units} × 30 s{more}, begun ones counted whole, "
        f"at the price published in {AS_OF}."
    )
    return Price(usd, units, _decimal(thousandths, _FIRST), note)


def _decimal(number: int, divisor: int) -> Decimal:
    """An exact quotient with three decimals at most, as people write it (0.05, 0.125, 2)."""
    whole, rest = divmod(number * 1000 // divisor, 1000)
    return Decimal(f"{whole}.{rest:03d}".rstrip("0").rstrip("."))
