"""The one interface of separation engines: what they are asked, and what they give back.

An engine turns a mix into an estimate of one stem in the mix's own form, or into stems of its own
making, in pieces. It must not know where the mix came from, nor what becomes of the stems: making
them fit the mix is `stemmux.conform`'s subject.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

from stemmux.conform import Piece, Style

StemName = Literal["target", "residual"]
#: What an engine may want besides the mix: one channel at 48 kHz, the picture, the mask video.
Need = Literal["mono", "proxy", "mask"]

#: Told the share of the work that is done, 0 to 1. May raise (for instance
#: `stemmux.errors.Cancelled`) to end the work; the engine then leaves no file behind.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Sounding:
    """A stretch of time in which the target sounds, or does not; seconds from the range's start."""

    start: float
    end: float
    include: bool = True


@dataclass(frozen=True)
class Question:
    """What is asked, known before any work: is it something that the engine can do?

    Attributes:
        duration: of the range, in seconds.
    """

    prompt: str
    has_matte: bool
    soundings: tuple[Sounding, ...] = ()
    duration: Fraction = Fraction(0)


@dataclass(frozen=True)
class Answer:
    """The engine accepts the question.

    Attributes:
        route: what the engine will do, one word, for the record ("speech", "background").
        notes: sentences that the person should read before the work starts.
        needs: what it wants besides the mix.
        usd: the most that it will cost.
        windows: in how many stretches the range is separated.
        styles: in which the stems can be had.
        remote: another computer does it, and this one waits.
    """

    route: str
    notes: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    usd: Decimal = Decimal(0)
    windows: int = 1
    styles: frozenset[Style] = frozenset({"original"})
    remote: bool = False


@dataclass(frozen=True)
class Cuts:
    """What was cut of a stretch; files that are not needed are None.

    Attributes:
        covered: share of the picture that the mask calls target, 0 to 1; 1 without a mask.
    """

    mono: Path | None = None
    proxy: Path | None = None
    mask: Path | None = None
    covered: float = 1.0


#: Cuts what the engine needs of a stretch: first sample of the mix, and how many. The files stand
#: until the next call.
Cutter = Callable[[int, int, Progress], Cuts]
#: A turn at a service, to be had for as long as it has something to do for the job. What is given
#: is called a few times a second during the wait for it, and may raise to give it up.
Turn = Callable[[Callable[[], object]], AbstractContextManager[None]]


def at_once(tick: Callable[[], object]) -> AbstractContextManager[None]:
    """The turn of whoever is alone."""
    return nullcontext()


@dataclass(frozen=True)
class Material:
    """What there is to work on.

    Attributes:
        key: the same for the same work.
        job: its id, for whoever reads what was put down.
        mix: WAV, every channel, the clip's own rate.
        cut: makes the other files that are needed.
        turn: to be taken by whoever asks a service.
        say: tells the person where the work stands.
        work: what is needed to do the same work again, as JSON values.
    """

    key: str
    mix: Path
    cut: Cutter = lambda start, frames, progress: Cuts()
    say: Callable[[str], None] = lambda text: None
    work: dict[str, Any] = field(default_factory=dict)
    job: str = ""
    turn: Turn = at_once


@dataclass(frozen=True)
class Estimate:
    """One stem as the engine hears it: 32-bit float WAV; rate, channels, frames of the mix."""

    path: Path
    of: StemName


@dataclass(frozen=True)
class Silence:
    """A stretch in which the target was taken to be silent without a job.

    Attributes:
        first, last: its first sample of the mix, and the one after its last.
        why: the matte covers nothing there, or the times say so.
    """

    first: int
    last: int
    why: Literal["matte", "times"]


@dataclass(frozen=True)
class Generated:
    """Stems of the engine's own making, which do not fit the mix yet.

    Attributes:
        pieces: in order, overlapping; where there is none, the target is silent.
        again: makes one piece, by its index, once more; None where no further payment was agreed
            to. Raises as `Engine.separate`.
        silences: where there is none.
    """

    pieces: tuple[Piece, ...]
    again: Callable[[int, Progress], Piece | None] = lambda index, progress: None
    silences: tuple[Silence, ...] = ()


class Engine(Protocol):
    """Something that separates.

    Attributes:
        identity: everything about it that changes what comes out, as JSON values.
        terms: what it takes to have the same engine again, with the same limits, as JSON values.
    """

    name: str

    @property
    def identity(self) -> dict[str, Any]: ...

    @property
    def terms(self) -> dict[str, Any]: ...

    def consider(self, question: Question) -> Answer:
        """Say whether and how the question can be answered, and what it will cost.

        Raises:
            EngineRefused: it cannot; the hint names what can be asked instead.
        """

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate | Generated:
        """Estimate one stem of the mix into a new file in `folder`, or make both in pieces.

        Raises:
            EngineRefused: as `consider`.
        """
