"""The one interface of separation engines: what they are asked, and what they give back.

An engine turns a mix into an estimate of one stem. It must not know where the mix came from,
nor what becomes of the stems: making the two stems null is `stemmux.conform`'s subject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

StemName = Literal["target", "residual"]

#: Told the share of the work that is done, 0 to 1. May raise (for instance
#: `stemmux.errors.Cancelled`) to end the work; the engine then leaves no file behind.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Question:
    """What is asked, known before any work: is it something that the engine can do?"""

    prompt: str
    has_matte: bool


@dataclass(frozen=True)
class Answer:
    """The engine accepts the question.

    Attributes:
        route: what the engine will do, one word, for the record ("speech", "background").
        notes: sentences that the person should read before the work starts.
    """

    route: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """One stem as the engine hears it: 32-bit float WAV; rate, channels, frames of the mix."""

    path: Path
    of: StemName


class Engine(Protocol):
    """Something that separates."""

    name: str

    def consider(self, question: Question) -> Answer:
        """Say whether and how the question can be answered.

        Raises:
            EngineRefused: it cannot; the hint names what can be asked instead.
        """

    def separate(self, question: Question, mix: Path, folder: Path, progress: Progress) -> Estimate:
        """Estimate one stem of `mix` (WAV, any rate and channels) into a new file in `folder`.

        Raises:
            EngineRefused: as `consider`.
        """
