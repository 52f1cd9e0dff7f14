"""One draw of one window: a paid job, gone on with from wherever it was left.

A job that was sent is waited for, stems that are here are used, and a job of which nobody knows is
for a person to decide about. This module must not know the wire, where the ledger lies, nor that
there are other windows.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from soundmatte.engines.cloud.asking import Options, input_for, route_of
from soundmatte.engines.cloud.ledger import Entry, Intent, Ledger
from soundmatte.engines.engine import Cuts, Progress, Question, Turn, at_once
from soundmatte.separation.errors import SeparationError, SubmitUncertain

if TYPE_CHECKING:
    from soundmatte.separation.client import Client
    from soundmatte.separation.schema import AnyInput, SeparationOutput

#: Seconds that the service may keep what is sent and made: the shortest named term that leaves a
#: crashed client time to fetch what it has paid for.
RETENTION = 3600.0
#: Shares of the progress at which the cutting, the upload, the wait and the download end.
_CUT, _SENT, _MADE = 0.1, 0.25, 0.9
#: Seconds that a job is expected to take, for each second of sound (31 to 35 s for 60 s were seen).
_PACE = 0.6

_TICK = 0.5
T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """What is drawn, and with what.

    Attributes:
        client: connects when it is first called.
        key: the same for the same draw of the same window of the same work.
        usd: the most that it may cost.
        monthly: the most that may be spent in a month; None is no limit.
        job: what it is for.
        work: what is needed to do the same work again.
        cut: makes the files that are sent; called only if a job has to be sent.
        turn: taken from when the job is sent until it has ended there; files come and go without.
    """

    client: Callable[[], Client]
    ledger: Ledger
    options: Options
    question: Question
    key: str
    usd: Decimal
    monthly: Decimal | None
    job: str
    work: Mapping[str, Any]
    cut: Callable[[Progress], Cuts]
    turn: Turn

    def found(self) -> Entry | None:
        """The job for this draw that is in the ledger already."""
        return self.ledger.find(self.key)

    def stems(self, entry: Entry, progress: Progress) -> tuple[Path, Path]:
        """Target and residual as the service made them, of a job that is in the ledger.

        Raises:
            SubmitUncertain: whether there is a job cannot be known; a person must decide.
            SeparationError: by what stopped it.
        """
        _check_known(entry)
        stems = self._kept(entry)
        if stems is None:
            output = self._waited(entry, self.turn, progress)
            stems = self._fetched(entry, output, progress)
        progress(1.0)
        return stems

    def made(self, cuts: Cuts, progress: Progress) -> tuple[Path, Path]:
        """Upload what was cut, send the job, having put down that it is sent, and fetch its stems.

        Raises:
            SubmitUncertain, SeparationError: as `stems`.
        """
        given = self._uploaded(cuts, progress)
        with self.turn(lambda: progress(_SENT)):
            entry = self._submitted(given)
            _check_known(entry)
            output = self._waited(entry, at_once, progress)
        stems = self._fetched(entry, output, progress)
        progress(1.0)
        return stems

    def _kept(self, entry: Entry) -> tuple[Path, Path] | None:
        """The stems of an earlier run, if they are still what they were."""
        folder = self.ledger.kept(entry)
        paths = folder / "target", folder / "residual"
        for path in paths:
            if not path.is_file() or _sha256(path) != entry.files.get(path.name):
                return None
        return paths

    def _submitted(self, given: AnyInput) -> Entry:
        client = self.client()
        intent = Intent(
            key=self.key,
            server=client.places.queue,
            endpoint=route_of(self.question),
            usd=self.usd,
            work=self.work,
            job=self.job,
            monthly=self.monthly,
        )
        entry = self.ledger.intend(intent)
        try:
            ticket = client.submit(given, retention=RETENTION)
        except SubmitUncertain as unknown:
            return self.ledger.uncertain(entry, str(unknown))
        except SeparationError as refused:
            self.ledger.failed(entry, str(refused))
            raise
        except BaseException:
            self.ledger.uncertain(entry, "The program was stopped while the job was sent.")
            raise
        return self.ledger.submitted(entry, ticket.request_id, str(ticket.response_url))

    def cuts(self, progress: Progress) -> Cuts:
        """The files that are to be sent, and whether there is anything to send them for."""
        return self.cut(lambda share: progress(_CUT * share))

    def _uploaded(self, cuts: Cuts, progress: Progress) -> AnyInput:
        named = {"proxy": cuts.proxy, "mask": cuts.mask, "mono": cuts.mono}
        files = {name: path for name, path in named.items() if path is not None}
        total = sum(path.stat().st_size for path in files.values()) or 1
        urls: dict[str, str] = {}
        before = 0

        def told(share: float) -> None:
            progress(_CUT + (_SENT - _CUT) * (before + share * size) / total)

        server = self.client().places.queue
        for name, path in files.items():
            size, sha256 = path.stat().st_size, _sha256(path)
            url = self.ledger.sent(server, sha256)
            if url is None:
                url = self.client().upload(path, told=told, retention=RETENTION)
                self.ledger.sending(self.job, server, sha256, url, RETENTION)
            urls[name] = url
            before += size
        return input_for(self.question, self.options, **urls)

    def _fetched(
        self, entry: Entry, output: SeparationOutput, progress: Progress
    ) -> tuple[Path, Path]:
        folder = self.ledger.kept(entry)
        paths, hashes = (folder / "target", folder / "residual"), {}
        for number, (file, path) in enumerate(
            zip((output.target, output.residual), paths, strict=True)
        ):

            def told(share: float, number: int = number) -> None:
                progress(_MADE + (1 - _MADE) * (number + share) / 2)

            hashes[path.name] = self.client().download(file, path, told=told).sha256
        self.ledger.fetched(entry, hashes)
        return paths

    def _waited(self, entry: Entry, turn: Turn, progress: Progress) -> SeparationOutput:
        assert entry.request_id is not None
        began = time.monotonic()
        expected = max(10.0, _PACE * float(self.question.duration))
        client = self.client()
        ticket = client.ticket(entry.request_id)

        def tick() -> None:
            # The service says no share: come nearer to the end without ever reaching it.
            waited = time.monotonic() - began
            progress(_SENT + (_MADE - _SENT) * waited / (waited + expected))

        try:
            with turn(tick):
                return _meanwhile(lambda: client.finish(ticket), tick)
        except SeparationError as error:
            if error.ended:
                self.ledger.failed(entry, str(error))
            raise
        except BaseException:
            # Another separation's job is only looked at: whoever sent it may wait for it still.
            if entry.job == self.job:
                with suppress(SeparationError):
                    if client.cancel(ticket):
                        self.ledger.cancelled(entry)
            raise


def _check_known(entry: Entry) -> None:
    if entry.state == "uncertain":
        raise SubmitUncertain(
            f"Job {entry.job} was sent, but no answer came: it may have run, and may have been "
            f"charged (up to {entry.usd} USD).",
            hint="Look at the service's dashboard. To send it again: "
            f"soundmatte jobs retry {entry.job} --accept-cost",
        )
    if entry.state == "submitting":
        raise SubmitUncertain(
            f"Another process is just sending this as job {entry.job}.",
            hint="Wait for it, then run the same command again.",
        )


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
