"""The cloud engine: one separation through the API, paid for at most once.

What is open in the ledger is gone on with: a job that was sent is waited for, stems that are here
are used, and a job of which nobody knows is for a person to decide about. This module must not
know the wire, nor where the ledger lies.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from soundmatte.engines.cloud.asking import Options, input_for, needs_of, route_of
from soundmatte.engines.cloud.ledger import Entry, Intent, Ledger
from soundmatte.engines.engine import Answer, Estimate, Material, Progress, Question
from soundmatte.separation.errors import CostRefused, SeparationError, SubmitUncertain
from soundmatte.separation.price import estimate

if TYPE_CHECKING:
    from soundmatte.separation.client import Client
    from soundmatte.separation.schema import AnyInput, SeparationOutput, Ticket

#: Seconds that the service may keep what is sent and made: the shortest named term that leaves a
#: crashed client time to fetch what it has paid for.
RETENTION = 3600.0
#: Shares of the progress at which the upload, the wait and the download end.
_SENT, _MADE, _HERE = 0.2, 0.85, 0.95
#: Seconds that a job is expected to take, for each second of sound (31 to 35 s for 60 s were seen).
_PACE = 0.6

_TICK = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much may be spent.

    Attributes:
        usd: for one separation, all paid retries together; None is no limit.
        paid_retries: further jobs that may be paid for when one fails.
    """

    usd: Decimal | None = None
    paid_retries: int = 0


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
    ) -> None:
        """Nothing is connected, opened or sent yet; `server` is one's own, empty is the cloud."""
        self._server = server
        self._connect, self._open_ledger = connect, ledger
        self._options, self._limits = options or Options(), limits or Limits()

    @property
    def identity(self) -> dict[str, Any]:
        """The server and the API's options; see `soundmatte.engines.engine.Engine`."""
        return {"server": self._server, **asdict(self._options)}

    def consider(self, question: Question) -> Answer:
        """Say what will be asked and what it costs at most; nothing is sent.

        Raises:
            EngineRefused: there is nothing to go by.
            CostRefused: it would cost more than is allowed.
        """
        route = route_of(question)
        price = estimate(question.duration, self._options.candidates)
        most = price.usd * (1 + self._limits.paid_retries)
        if self._limits.usd is not None and most > self._limits.usd:
            raise CostRefused(
                f"This would cost up to {most} USD; {self._limits.usd} USD are allowed.",
                hint="Raise --max-cost, choose a shorter range, or use --engine offline.",
            )
        return Answer(route, (price.note,) if price.note else (), needs_of(question), most)

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Fetch the service's stems, paying at most what was agreed, and steer the mix by them.

        Raises:
            SubmitUncertain: an earlier or this job may exist; a person must decide.
            SeparationError: by what stopped it.
        """
        from stemmux.steer import steer

        self.consider(question)
        ledger = self._open_ledger()
        with self._connect() as client:
            run = _Run(client, ledger, self._options, question, material, progress)
            stems = run.stems(self._limits.paid_retries)
        out = folder / "estimate.wav"
        steer(
            material.mix,
            *stems,
            out,
            lambda share: progress(_HERE + (1 - _HERE) * share),
        )
        return Estimate(out, "target")


class _Run:
    """One separation on its way."""

    def __init__(
        self,
        client: Client,
        ledger: Ledger,
        options: Options,
        question: Question,
        material: Material,
        progress: Progress,
    ) -> None:
        self.client, self.ledger, self.options = client, ledger, options
        self.question, self.material, self.progress = question, material, progress

    def stems(self, paid_retries: int) -> tuple[Path, Path]:
        """Target and residual as the service made them."""
        entry = self.ledger.find(self.material.key)
        for attempt in range(paid_retries + 1):
            try:
                return self._gone_on_with(entry or self._submit())
            except SeparationError as error:
                # Another job is paid for only if this one is known to have ended.
                if attempt == paid_retries or not (error.ended and error.retryable):
                    raise
                entry = None
        raise AssertionError("the last attempt returns or raises")

    def _gone_on_with(self, entry: Entry) -> tuple[Path, Path]:
        if entry.state == "uncertain":
            raise SubmitUncertain(
                f"Job {entry.id} was sent, but no answer came: it may have run, and may have been "
                f"charged (up to {entry.usd} USD).",
                hint="Look at the service's dashboard. To send it again: "
                f"soundmatte jobs retry {entry.id} --accept-cost",
            )
        if entry.state == "submitting":
            raise SubmitUncertain(
                f"Another process is just sending this as job {entry.id}.",
                hint="Wait for it, then run the same command again.",
            )
        kept = self._kept(entry)
        if kept is not None:
            return kept
        return self._fetch(entry)

    def _kept(self, entry: Entry) -> tuple[Path, Path] | None:
        """The stems of an earlier run, if they are still what they were."""
        folder = self.ledger.kept(entry)
        paths = folder / "target", folder / "residual"
        for path in paths:
            if not path.is_file() or _sha256(path) != entry.files.get(path.name):
                return None
        return paths

    def _submit(self) -> Entry:
        given = self._uploaded()
        intent = Intent(
            key=self.material.key,
            server=self.client.places.queue,
            endpoint=route_of(self.question),
            usd=estimate(self.question.duration, self.options.candidates).usd,
            work=self.material.work,
        )
        entry = self.ledger.intend(intent)
        try:
            ticket = self.client.submit(given, retention=RETENTION)
        except SubmitUncertain as unknown:
            return self.ledger.uncertain(entry, str(unknown))
        except SeparationError as refused:
            self.ledger.failed(entry, str(refused))
            raise
        except BaseException:
            self.ledger.uncertain(entry, "The program was stopped while the job was sent.")
            raise
        return self.ledger.submitted(entry, ticket.request_id, str(ticket.response_url))

    def _uploaded(self) -> AnyInput:
        material = self.material
        files = [path for path in (material.proxy, material.mask, material.mono) if path]
        total = sum(path.stat().st_size for path in files) or 1
        urls: dict[Path, str] = {}
        before = 0

        def told(share: float) -> None:
            self.progress(_SENT * (before + share * size) / total)

        for path in files:
            size = path.stat().st_size
            urls[path] = self.client.upload(path, told=told, retention=RETENTION)
            before += size
        named = {"proxy": material.proxy, "mask": material.mask, "mono": material.mono}
        addresses = {name: urls[path] for name, path in named.items() if path is not None}
        return input_for(self.question, self.options, **addresses)

    def _fetch(self, entry: Entry) -> tuple[Path, Path]:
        assert entry.request_id is not None
        ticket = self.client.ticket(entry.request_id)
        output = self._waited(entry, ticket)
        folder = self.ledger.kept(entry)
        paths, hashes = (folder / "target", folder / "residual"), {}
        for number, (file, path) in enumerate(
            zip((output.target, output.residual), paths, strict=True)
        ):

            def told(share: float, number: int = number) -> None:
                self.progress(_MADE + (_HERE - _MADE) * (number + share) / 2)

            hashes[path.name] = self.client.download(file, path, told=told).sha256
        self.ledger.fetched(entry, hashes)
        return paths

    def _waited(self, entry: Entry, ticket: Ticket) -> SeparationOutput:
        began = time.monotonic()
        expected = max(10.0, _PACE * float(self.question.duration))

        def tick() -> None:
            # The service says no share: come nearer to the end without ever reaching it.
            waited = time.monotonic() - began
            self.progress(_SENT + (_MADE - _SENT) * waited / (waited + expected))

        try:
            return _meanwhile(lambda: self.client.finish(ticket), tick)
        except SeparationError as error:
            if error.ended:
                self.ledger.failed(entry, str(error))
            raise
        except BaseException:
            with suppress(SeparationError):
                if self.client.cancel(ticket):
                    self.ledger.cancelled(entry)
            raise


def _meanwhile(work: Callable[[], T], tick: Callable[[], None]) -> T:
    """Do `work` on another thread and call `tick` twice a second, which may raise to end it."""
    ends: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            ends.put((work(), None))
        except BaseException as error:
            ends.put((None, error))

    # A daemon: a connection that hangs must not keep the program from ending.
    threading.Thread(target=run, daemon=True).start()
    while True:
        try:
            made, error = ends.get(timeout=_TICK)
            break
        except queue.Empty:
            tick()
    if error is not None:
        raise error
    return made  # type: ignore[return-value]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
