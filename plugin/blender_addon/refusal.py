# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something is not done, and the way out, as a person reads it."""

from __future__ import annotations


class Refusal(Exception):
    """Nothing was changed; `str()` is one sentence on why.

    Attributes:
        hint: one sentence on what to do.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
