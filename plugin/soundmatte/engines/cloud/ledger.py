"""What the cloud engine must have put down, and by when, so that nothing is paid for twice.

This module must not know where it is put down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

from soundmatte.separation.errors import CostRefused

State = Literal[
    "submitting", "submitted", "fetched", "failed", "uncertain", "cancelled", "abandoned"
]


@dataclass(frozen=True)
class Intent:
    """A request that is about to be sent.

    Attributes:
        job: the separation that it is for.
        key: the same for the same work: clip, range, matte, prompt, options, server.
        usd: the most that it may cost.
        work: what is needed to do the same work again.
        monthly: the most that may be spent in a month; None is no limit.
    """

    key: str
    server: str
    endpoint: str
    usd: Decimal
    work: Mapping[str, Any]
    job: str = ""
    monthly: Decimal | None = None


@dataclass(frozen=True)
class Entry:
    """A request as it is put down. `files`: SHA-256 by name; `made`: seconds since 1970."""

    id: str
    job: str
    key: str
    state: State
    made: float
    server: str
    endpoint: str
    usd: Decimal
    request_id: str | None
    work: Mapping[str, Any]
    files: Mapping[str, str]
    failure: str


class Ledger(Protocol):
    """Each call is on the disk when it returns."""

    def find(self, key: str) -> Entry | None:
        """The job for this work that is open, or has its stems, or must be decided about."""

    def intend(self, intent: Intent) -> Entry:
        """Before a job is sent."""

    def submitted(self, entry: Entry, request_id: str, response_url: str) -> Entry:
        """Before it is waited for."""

    def fetched(self, entry: Entry, files: dict[str, str]) -> Entry:
        """When both stems are here."""

    def failed(self, entry: Entry, why: str) -> Entry:
        """When it is certain that there will be none."""

    def uncertain(self, entry: Entry, why: str) -> Entry:
        """When it cannot be known whether there is a job."""

    def cancelled(self, entry: Entry) -> Entry:
        """When it was given up."""

    def spent(self) -> Decimal:
        """The most that this month's requests may have cost (USD)."""

    def sent(self, server: str, sha256: str) -> str | None:
        """The address of a file that the server has been sent, and will keep for a while."""

    def sending(self, job: str, server: str, sha256: str, url: str, keeps: float) -> None:
        """When a file was sent, which the server keeps for so many seconds."""

    def kept(self, entry: Entry) -> Path:
        """A folder that lasts, for what is fetched."""


def check_month(spent: Decimal, usd: Decimal, monthly: Decimal | None) -> None:
    """Refuse what would be more than the month's limit.

    Raises:
        CostRefused: it would.
    """
    if monthly is not None and spent + usd > monthly:
        raise CostRefused(
            f"This may cost {usd} USD; {spent} of the {monthly} USD for this month are spent.",
            hint="Raise cloud.monthly_limit in the settings, or use --engine offline.",
        )
