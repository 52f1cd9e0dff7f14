"""Other programs, run to their end: editors that install something, and our own engine on trial.

This module must not know what they are asked.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from soundmatte.hosts.bridge_client import own_environment


@dataclass(frozen=True)
class Ended:
    """How a program ended: its status, and all that it said."""

    status: int
    said: str

    @property
    def last(self) -> str:
        """What it said last, on one line and without control characters."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()] or ["nothing"]
        return "".join(sign if sign.isprintable() else " " for sign in lines[-1])[:300]


def run(words: Sequence[str], seconds: float) -> Ended:
    """Run a program without what our own Python was told by the environment.

    A program that cannot be started, or is not done after `seconds`, has ended with -1.
    """
    try:
        done = subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=own_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, f"no answer in {seconds:g} s")
    except (OSError, ValueError) as error:
        return Ended(-1, str(error))
    return Ended(done.returncode, done.stdout.decode("utf-8", "replace"))
