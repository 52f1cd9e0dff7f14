# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of a timeline or a meta strip: which are free, and what they are called.

Blender does not look for overlaps, and puts what lies above channel 128 onto it. This module must
not know what is put there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from . import compat
from .refusal import Refusal

#: Blender has no more.
MOST = 128
_NAMES = {"target": "Target", "residual": "Residual", "meta": "Stems"}
_DEFAULT = re.compile(r"Channel \d+")


def free(owner: Any, first: int, end: int, above: int, roles: Sequence[str]) -> list[int]:
    """A channel for each role that is free over a range: neither locked, muted nor in use.

    Above a channel as long as there are any, beside one another where possible, and rather one
    that has no name yet, or that role's.

    Raises:
        Refusal: there are too few.
    """
    used = {
        strip.channel
        for strip in compat.strips(owner)
        if compat.first(strip) < end and compat.end(strip) > first
    }
    named = {n: owner.channels[n].name for n in range(1, MOST + 1)}
    usable = [
        n
        for n in range(1, MOST + 1)
        if n not in used and not owner.channels[n].lock and not owner.channels[n].mute
    ]
    if len(usable) < len(roles):
        wanted = "one free channel" if len(roles) == 1 else f"{len(roles)} free channels"
        raise Refusal(
            f"The stems need {wanted}, and {len(usable) or 'none'} of the {MOST} is free and "
            f"neither locked nor muted from frame {first} to {end - 1}.",
            "Free, unlock or unmute a channel there, and place the stems again.",
        )
    ordered = [n for n in usable if n > above] + [n for n in reversed(usable) if n < above]

    def fits(channel: int, role: str) -> bool:
        name = named[channel]
        return bool(_DEFAULT.fullmatch(name)) or name == _NAMES[role]

    for begin in ordered:
        together = range(begin, begin + len(roles))
        if all(n in ordered and fits(n, role) for n, role in zip(together, roles, strict=True)):
            return list(together)
    return sorted(ordered[: len(roles)])


def named(owner: Any, channel: int, role: str) -> Callable[[], None]:
    """Call a channel by its role, unless a person has named it; what undoes it."""
    found = owner.channels[channel]
    before = found.name
    if _DEFAULT.fullmatch(before):
        found.name = _NAMES[role]

    def undo() -> None:
        found.name = before

    return undo
