"""Faults that a test ordered: which request they hit, and what then goes wrong.

Must not know how a fault is carried out; that is the web server's subject.
"""

from __future__ import annotations

import re
from typing import Any

from state import Store

#: What can go wrong; see `control` for what each means.
KINDS = {
    "drop_reading",
    "slow_read",
    "drop_before",
    "delay_before",
    "status",
    "headers",
    "body",
    "processed",
    "repeat",
    "delay",
    "drop_after",
    "truncate",
    "slow",
}
MATCH = {"role", "method", "path_regex", "nth", "times"}


def order(store: Store, fault: dict[str, Any]) -> int:
    """Keep a fault; its number.

    Raises:
        ValueError: it says something that is not known.
    """
    match, do = dict(fault.get("match", {})), fault.get("do")
    if isinstance(do, str):
        do = {do: True}
    if not isinstance(do, dict) or not do or set(do) - KINDS or set(match) - MATCH:
        raise ValueError(f"not a fault: {fault}")
    re.compile(match.get("path_regex", ""))
    with store.together():
        kept = store.kept("faults", [])
        number = int(store.kept("faults ever", 0)) + 1
        store.keep("faults ever", number)
        kept.append({"id": number, "match": match, "do": do, "seen": 0, "hits": 0})
        store.keep("faults", kept)
    return number


def forget(store: Store) -> None:
    """No fault is ordered any more."""
    store.keep("faults", [])


def ordered(store: Store) -> list[dict[str, Any]]:
    """All faults, with how often each matched (`seen`) and hit (`hits`)."""
    return list(store.kept("faults", []))


def _matches(match: dict[str, Any], role: str, method: str, path: str) -> bool:
    return (
        match.get("role") in (None, role)
        and match.get("method") in (None, method)
        and re.search(match.get("path_regex", ""), path) is not None
    )


def take(store: Store, role: str, method: str, path: str) -> tuple[int | None, dict[str, Any]]:
    """The number of the fault that hits this request and what it does; counts the request.

    A fault hits from its `nth` match on (1 by default), `times` times (1; null: for ever). Of
    several the first ordered one wins; the others count the request as seen.
    """
    with store.together():
        faults = ordered(store)
        chosen: dict[str, Any] | None = None
        touched = False
        for fault in faults:
            match = fault["match"]
            if not _matches(match, role, method, path):
                continue
            touched = True
            fault["seen"] += 1
            after = fault["seen"] - int(match.get("nth", 1))
            times = match.get("times", 1)
            if chosen is None and after >= 0 and (times is None or after < int(times)):
                chosen = fault
                fault["hits"] += 1
        if touched:
            store.keep("faults", faults)
    return (chosen["id"], chosen["do"]) if chosen else (None, {})
