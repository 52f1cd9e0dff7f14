"""What the cloud engine must have put down, and by when, so that nothing is paid for twice.

This module must not know where it is put down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol

State = Literal[
    "submitting", "submitted", "fetched", "failed", "uncertain", "cancelled", "abandoned"
]


@dataclass(frozen=True)
class Intent:
    """A job that is about to be sent.

    Attributes:
        key: the same for the same work: clip, range, matte, prompt, options, server.
        usd: the most that it may cost.
        work: what is needed to do the same work again.
    """

    key: str
    server: str
    endpoint: str
    usd: Decimal
    work: Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """A job as it is put down. `files`: SHA-256 by name; `made`: seconds since 1970."""

    id: str
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

    def kept(self, entry: Entry) -> Path:
        """A folder that lasts, for what is fetched."""
