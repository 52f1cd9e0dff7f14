"""The cloud engine: a range through the separation API, window by window, each paid at most once.

Windows are separated one after the other, so that whatever stops the work stops at most one job,
and what was fetched before is in the ledger. This module must not know the wire, nor where the
ledger lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundmatte.engines.cloud.asking import Options, needs_of, route_of, within
from soundmatte.engines.cloud.draw import Draw
from soundmatte.engines.cloud.ledger import Ledger, check_month
from soundmatte.engines.cloud.windows import Window, windows
from soundmatte.engines.engine import Answer, Generated, Material, Progress, Question, Silence
from soundmatte.errors import EngineRefused
from soundmatte.separation.errors import CostRefused, SeparationError
from soundmatte.separation.price import Price, total
from stemmux.bwf import wave_format
from stemmux.conform import Piece

if TYPE_CHECKING:
    from soundmatte.separation.client import Client


@dataclass(frozen=True)
class Limits:
    """How much may be spent.

    Attributes:
        usd: for one separation, all windows and paid retries together; None is no limit.
        monthly: for everything in a calendar month; None is no limit.
        paid_retries: further jobs that may be paid for in all, where one fails or is drawn again.
    """

    usd: Decimal | None = None
    paid_retries: int = 0
    monthly: Decimal | None = None


class CloudEngine:
    """Separates by the API; `connect` is called when the client is first needed."""

    name = "cloud"

    def __init__(
        self,
        connect: Callable[[], Client],
        ledger: Callable[[], Ledger],
        *,
        options: Options | None = None,
        limits: Limits | None = None,
        server: str = "",
        terms: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is connected, opened or sent yet; `server` is one's own, empty is the cloud."""
        self._server, self._terms = server, dict(terms or {})
        self._connect, self._open_ledger = connect, ledger
        self._options, self._limits = options or Options(), limits or Limits()

    @property
    def identity(self) -> dict[str, Any]:
        """The server and the API's options; see `soundmatte.engines.engine.Engine`."""
        return {"server": self._server, **asdict(self._options)}

    @property
    def terms(self) -> dict[str, Any]:
        """As they were given; see `soundmatte.engines.engine.Engine`."""
        return self._terms

    def consider(self, question: Question) -> Answer:
        """Say what will be asked and what it costs at most; nothing is sent.

        Raises:
            EngineRefused: there is nothing to go by.
            CostRefused: it would cost more than is allowed.
        """
        route = route_of(question)
        stretches = windows(question.duration)
        asked = [window for window in stretches if within(question, window) is not None]
        if not asked:
            raise EngineRefused(
                "By --exclude-span the target is silent in the whole range.",
                hint="Leave out a part of it.",
            )
        price = _price(asked, self._options)
        dearest = max(_price([window], self._options).usd for window in asked)
        most = price.usd + self._limits.paid_retries * dearest
        if self._limits.usd is not None and most > self._limits.usd:
            raise CostRefused(
                f"This would cost up to {most} USD; {self._limits.usd} USD are allowed.",
                hint="Raise --max-cost, choose a shorter range, or use --engine offline.",
            )
        return Answer(
            route,
            notes=(price.note,),
            needs=needs_of(question),
            usd=most,
            windows=len(stretches),
            styles=frozenset({"original", "clean"}),
            remote=True,
        )

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Generated:
        """Fetch the service's stems of every window, paying at most what was agreed.

        Raises:
            SubmitUncertain: an earlier or this job may exist; a person must decide.
            SeparationError: by what stopped it.
        """
        self.consider(question)
        ledger = self._open_ledger()
        job = _Job(self._connect, ledger, self._options, question, material, self._limits)
        return job.generated(progress)


class _Job:
    """One separation on its way, all its windows."""

    def __init__(
        self,
        connect: Callable[[], Client],
        ledger: Ledger,
        options: Options,
        question: Question,
        material: Material,
        limits: Limits,
    ) -> None:
        self.connect, self.ledger, self.options = connect, ledger, options
        self.question, self.material = question, material
        self.retries, self.monthly = limits.paid_retries, limits.monthly
        form, frames = wave_format(material.mix)
        self.windows = windows(question.duration)
        self.bounds = [window.samples(form.rate, frames) for window in self.windows]

    def generated(self, progress: Progress) -> Generated:
        """All windows, one after the other.

        Raises:
            CostRefused: all that is still to be sent is more than the month's limit leaves.
        """
        count = len(self.windows)
        self._check_month()
        made: list[tuple[int, Piece]] = []
        silences: list[Silence] = []
        with _lazily(self.connect) as client:
            for index, window in enumerate(self.windows):
                if count > 1:
                    self.material.say(f"Window {window.number} of {count}.")

                def told(share: float, index: int = index) -> None:
                    progress((index + share) / count)

                found = self._stems(index, client, told)
                if isinstance(found, Silence):
                    silences.append(found)
                else:
                    made.append((index, self._piece(index, found)))
                told(1.0)

        def again(number: int, progress: Progress) -> Piece | None:
            return self._again(made[number][0], progress)

        return Generated(tuple(piece for _, piece in made), again, tuple(silences))

    def _check_month(self) -> None:
        if self.monthly is None:
            return
        draws = [self._draw(index, 1, _nobody) for index in range(len(self.windows))]
        new = [draw.usd for draw in draws if draw is not None and draw.found() is None]
        check_month(self.ledger.spent(), sum(new, Decimal(0)), self.monthly)

    def _piece(self, index: int, stems: tuple[Path, Path]) -> Piece:
        first, last = self.bounds[index]
        return Piece(*stems, first, last - first)

    def _stems(
        self, index: int, client: Callable[[], Client], progress: Progress
    ) -> tuple[Path, Path] | Silence:
        """Target and residual as the service made them, or why there are none."""
        first, last = self.bounds[index]
        draw = self._draw(index, 1, client)
        if draw is None:
            return Silence(first, last, "times")
        with _naming(self.windows[index]):
            entry = draw.found()
            cuts = None
            while True:
                try:
                    if entry is None:
                        cuts = cuts or draw.cuts(progress)
                        if not cuts.covered:
                            return Silence(first, last, "matte")
                        return draw.made(cuts, progress)
                    return draw.stems(entry, progress)
                except SeparationError as error:
                    # Another job is paid for only if this one is known to have ended.
                    if not (self.retries and error.ended and error.retryable):
                        raise
                    self.retries -= 1
                    entry = None

    def _again(self, index: int, progress: Progress) -> Piece | None:
        """See `Generated.again`."""
        with _lazily(self.connect) as client:
            draw = self._draw(index, 2, client)
            if draw is None:
                return None
            entry = draw.found()
            if entry is not None:
                return self._piece(index, draw.stems(entry, progress))
            if not self.retries:
                return None
            self.retries -= 1
            cuts = draw.cuts(progress)
            return self._piece(index, draw.made(cuts, progress)) if cuts.covered else None

    def _draw(self, index: int, number: int, client: Callable[[], Client]) -> Draw | None:
        """One draw of a window; None where nothing is asked of it."""
        window, (first, last) = self.windows[index], self.bounds[index]
        asked = within(self.question, window)
        if asked is None:
            return None
        key = f"{self.material.key}/{first}-{last}" + ("" if number == 1 else f"/{number}")
        return Draw(
            client=client,
            ledger=self.ledger,
            options=self.options,
            question=asked,
            key=key,
            usd=_price([window], self.options).usd,
            monthly=self.monthly,
            job=self.material.job,
            work={**self.material.work, "window": [window.number, window.of]},
            cut=lambda progress: self.material.cut(first, last - first, progress),
            turn=self.material.turn,
        )


def _nobody() -> Client:
    raise AssertionError("nothing is asked of the service yet")


def _price(asked: Sequence[Window], options: Options) -> Price:
    return total([window.duration for window in asked], options.candidates)


@contextmanager
def _lazily(connect: Callable[[], Client]) -> Iterator[Callable[[], Client]]:
    """A client that is connected when it is first asked for, and closed at the end."""
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(connect()))


@contextmanager
def _naming(window: Window) -> Iterator[None]:
    """Let errors say in which of several windows they came."""
    try:
        yield
    except SeparationError as error:
        if window.of > 1:
            error.args = (f"Window {window.number} of {window.of}: {error}",)
        raise
