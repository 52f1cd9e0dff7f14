"""What the page is about: what may be chosen, what is shown, and who does the work.

Everything here is for people's eyes: the page never learns how anything is done, and whoever does
the work never learns that there is a browser. This module must not know HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from stemmux.conform import Style
from stemmux.ffmpeg import Progress

#: A prompt is a few words; more is a mistake of the clipboard (characters).
LONGEST_PROMPT: Final = 500

EngineName = Literal["offline", "cloud"]
#: What is shown of the matte.
Shown = Literal["still", "movie", "sheet"]
#: What is listened to.
Heard = Literal["mix", "target", "residual"]
HEARD: Final[tuple[Heard, ...]] = ("mix", "target", "residual")
#: What an engine may be asked besides: the names of fields of `Choice`.
Option = Literal["style", "acceleration", "candidates"]


class Choice(BaseModel):
    """What the person has chosen.

    Attributes:
        invert: the matte is black where the object is.
        style, acceleration, candidates: count where the engine takes them.
        accept_doubtful: deliver stems that look empty or wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: str = Field(default="", max_length=LONGEST_PROMPT)
    invert: bool = False
    engine: EngineName = "offline"
    style: Style = "original"
    acceleration: Literal["fast", "balanced", "quality"] = "balanced"
    candidates: int = Field(default=1, ge=1, le=4)
    accept_doubtful: bool = False


@dataclass(frozen=True)
class EngineChoice:
    """An engine that can be chosen: its name, what people call it, and what it can be asked."""

    name: EngineName
    title: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What the page begins with.

    Attributes:
        clip: its name. `range`: a sentence on what of it is separated.
        matte: whether there is one.
        engines: that can be chosen.
        choice: as the editor proposes it.
    """

    clip: str
    range: str
    matte: bool
    engines: tuple[EngineChoice, ...]
    choice: Choice


@dataclass(frozen=True)
class Offer:
    """What a choice leads to, and costs at most.

    Attributes:
        price: a sentence; what is paid if the person agrees is no more than it says.
        notes: sentences to read before.
        order: for whoever does the work.
    """

    choice: Choice
    price: str
    notes: tuple[str, ...]
    order: Any


@dataclass(frozen=True)
class Sound:
    """A sound to listen to.

    Attributes:
        path: 16-bit WAV with the plain header; all of them have the same rate and length.
        peaks: level over time, dB below full scale, in equal stretches.
        loudness: in words, a line each.
    """

    path: Path
    peaks: tuple[float, ...]
    loudness: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        figures: a line on what was measured.
        files: names of what was written, and `folder`, where it is.
        notes: sentences to read.
        sounds: what can be listened to; empty where nothing could be made ready.
        result: for whoever asked for the page.
    """

    figures: str
    folder: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    sounds: Mapping[Heard, Sound]
    result: Any


@dataclass(frozen=True)
class Trouble:
    """Why something did not go well: the situation's name, a sentence, and the way out."""

    kind: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Matte:
    """What was seen of a matte: share of the picture that is object, and what is odd about it."""

    coverage: float
    warnings: tuple[str, ...] = field(default=())


class Listener(Protocol):
    """Whoever is told how the work goes."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """A stage begins; it ends with the context."""

    def note(self, text: str) -> None:
        """Something that the person should read."""


class Work(Protocol):
    """Whoever does what the page is about. Everything may raise; `trouble` says what it means."""

    def proposal(self) -> Proposal:
        """What the page begins with."""

    def estimate(self, choice: Choice) -> Offer:
        """What a choice leads to. Quick, and nothing is written."""

    def show(
        self, invert: bool, folder: Path, show: Callable[[Shown, Path], None], progress: Progress
    ) -> Matte:
        """Draw the matte over the picture into a folder; each file is shown when it is there."""

    def separate(self, offer: Offer, listener: Listener, folder: Path) -> Outcome:
        """Do what was agreed to; what is to be listened to goes into the folder."""

    def trouble(self, error: BaseException) -> Trouble:
        """What an error means to a person."""
