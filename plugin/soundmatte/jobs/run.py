"""Run a separation: the steps in order, each put down when it is done, and the files all at once.

This module must not know what a step does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soundmatte.documents import Order, Selection, Separation
from soundmatte.engines.engine import Engine
from soundmatte.errors import SourceChanged
from soundmatte.jobs import checkpoint, folders
from soundmatte.jobs.cache import Cache
from soundmatte.jobs.journal import Job, JobState, Journal, key_of
from soundmatte.jobs.plan import exists
from soundmatte.jobs.plan import plan as planned
from soundmatte.jobs.steps import QUICK, STEPS
from soundmatte.jobs.work import Work
from soundmatte.separation.errors import SubmitUncertain
from soundmatte.settings import load
from stemmux.errors import Cancelled, StemmuxError
from stemmux.files import flush, flush_folder, scratch_in

if TYPE_CHECKING:
    from soundmatte.jobs.lanes import Lanes
    from stemmux.ffmpeg import Progress

#: The journal is looked at this often for a wish to cancel (s).
_LOOK_EVERY = 1.0


class Listener(Protocol):
    """Whoever is told how it goes."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """A stage begins; it ends with the context."""

    def note(self, text: str) -> None:
        """Something that the person should read."""


class _Teller:
    """Tells a listener every note once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._told: set[str] = set()

    def say(self, text: str) -> None:
        self._told.add(text)
        self._listener.note(text)

    def tell(self, work: Work) -> None:
        for note in work.notes:
            if note not in self._told:
                self.say(note)


def plan(selection: Selection, engine: Engine, output: Path, *, overwrite: bool = False) -> Work:
    """What would be done, without doing it; raises as `separate` would."""
    return planned(Work(selection, engine, output, output, overwrite), lambda share: None)


def separate(
    selection: Selection,
    engine: Engine,
    output: Path,
    listener: Listener,
    *,
    overwrite: bool = False,
    accept_doubtful: bool = False,
    lanes: Lanes | None = None,
) -> Separation:
    """Separate a selection; the stems and the file with them are in `output` afterwards.

    Either all of it is there under its final names, or nothing is. A separation whose process was
    killed is gone on with where it stopped, whoever asks for the same.

    Args:
        lanes: where to wait for a processor, or for the network, beside others.

    Raises:
        SourceChanged: the clip or the matte is another one by now.
        DoubtfulStems: the stems are empty or implausible, and that was not accepted.
        JobNotOpen: another process is at the same work.
        StemmuxError, SoundmatteError: by what stopped it.
    """
    work = Work(selection, engine, output, output, overwrite, accept_doubtful)
    journal, limit = Journal.open(), load().settings.cache.limit
    key = key_of(work.order, engine.identity)
    left = journal.find(key)
    if left is not None and left.state == "done":
        folders.remove(output, left.id)
    elif left is not None:
        folder = folders.of(output, left.id)
        work = work.having(delivered=checkpoint.delivered(folder, output, work.name))
    # The plan comes first, so that a refusal makes no folder and no row.
    work = planned(work, lambda share: None)
    assert work.answer is not None
    job = journal.begin(key, work.order, work.answer.usd)
    teller = _Teller(listener)
    with _put_down(journal, job), folders.working_in(output, job.id) as folder:
        cache = Cache(journal)
        work = work.having(folder=folder, job=job.id, say=teller.say, lanes=lanes, cache=cache)
        work, done = checkpoint.restore(work, key)
        runner = _Runner(journal, job, listener, teller)
        with scratch_in(folder):
            work = runner.steps(work, key, max(1, done))
        assert work.separation is not None
        _deliver(work)
        journal.done(job.id, work.separation)
    cache.prune(limit)
    return work.separation


def carry_out(
    order: Order, engine: Engine, listener: Listener, *, lanes: Lanes | None = None
) -> Separation:
    """Do what an order says; raises as `separate`."""
    return separate(
        order.selection,
        engine,
        order.output,
        listener,
        overwrite=order.overwrite,
        accept_doubtful=order.accept_doubtful,
        lanes=lanes,
    )


class _Runner:
    """The steps of one job."""

    def __init__(self, journal: Journal, job: Job, listener: Listener, teller: _Teller) -> None:
        self._journal, self._job = journal, job
        self._listener, self._teller = listener, teller
        self._looked = time.monotonic()

    def steps(self, work: Work, key: str, done: int) -> Work:
        """Those from number `done` on, each put down before the next."""
        reached, seconds = "", dict[str, float]()
        for number, (step, state) in enumerate(STEPS[done:], done + 1):
            self._teller.tell(work)
            began = time.monotonic()
            with self._listener.stage(step.__name__) as progress:
                tell = self._watching(progress)
                with _lane(work, step.__name__, tell), _of_sources(work):
                    work = step(work, tell)
            if step in QUICK:
                continue
            checkpoint.save(work, key, number)
            for path in work.waste:
                path.unlink(missing_ok=True)
            work = work.having(waste=())
            seconds[step.__name__] = round(time.monotonic() - began, 3)
            if state != reached:
                # Every commit is some waits for the disk.
                self._journal.reached(self._job.id, state, seconds)
                reached, seconds = state, {}
        self._teller.tell(work)
        return work

    def _watching(self, progress: Progress) -> Progress:
        """Progress that also looks whether somebody wants the job to end."""

        def tell(share: float) -> None:
            progress(share)
            now = time.monotonic()
            if now - self._looked >= _LOOK_EVERY:
                self._looked = now
                if self._journal.to_be_cancelled(self._job.id):
                    raise Cancelled("The job was cancelled.")

        return tell


def _lane(work: Work, step: str, tell: Progress) -> AbstractContextManager[None]:
    """Where a step waits its turn beside other jobs."""
    assert work.answer is not None
    # What waits for a service takes its turn there, and a processor only while it cuts.
    if work.lanes is None or (step == "separate" and work.answer.remote):
        return nullcontext()
    return work.lanes.processor(lambda: tell(0.0))


@contextmanager
def _of_sources(work: Work) -> Iterator[None]:
    """See that what a step made is of the files that were planned with.

    Raises:
        SourceChanged: they are others by now, which may be why the step failed.
    """
    try:
        yield
    except Cancelled:
        raise
    except (OSError, StemmuxError) as error:
        try:
            work.check_sources()
        except SourceChanged as changed:
            raise changed from error
        raise
    work.check_sources()


@contextmanager
def _put_down(journal: Journal, job: Job) -> Iterator[None]:
    """Let the journal know how it ended."""
    try:
        yield
    except (Cancelled, KeyboardInterrupt) as error:
        journal.failed(job.id, "cancelled", error)
        raise
    except BaseException as error:
        state: JobState = "uncertain" if isinstance(error, SubmitUncertain) else "failed"
        journal.failed(job.id, state, error)
        raise


def _deliver(work: Work) -> None:
    assert work.separation is not None
    kinds = ["target.wav", "residual.wav"]
    if work.muxed is not None:
        kinds.append(f"stems.{work.muxed.container}")
    left = [kind for kind in kinds if kind not in work.delivered]
    for kind in left:
        flush(work.unfinished(kind))
    for kind in left:
        # Another program may have written there since the plan was made.
        if work.finished(kind).exists() and not work.overwrite:
            raise exists(work.finished(kind))
    for kind in left:
        os.replace(work.unfinished(kind), work.finished(kind))
    flush_folder(work.output)
