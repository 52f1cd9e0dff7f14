"""What a person does with jobs of the journal: go on, cancel, send again, forget.

This module must not know how a job is shown.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING

from soundmatte.documents import Separation
from soundmatte.errors import UsageError
from soundmatte.jobs import folders, run
from soundmatte.jobs.engines import engine_of
from soundmatte.jobs.journal import Job, Journal
from soundmatte.jobs.requests import JobNotOpen, Requests
from soundmatte.separation.errors import SeparationError
from soundmatte.settings import Cloud

if TYPE_CHECKING:
    from soundmatte.engines.cloud.ledger import Entry

#: A running job looks at the journal once a second; some steps tell less often that they live (s).
_PATIENCE = 30.0
#: Requests that may be at the service still.
_THERE = ("submitted",)
#: Jobs that can be gone on with.
_RESUMABLE = ("failed", "cancelled")


def stopped() -> list[Job]:
    """Every job that was left in the middle, oldest first; folders of ended ones are cleared."""
    journal = Journal.open()
    for job in journal.jobs():
        if job.state == "done":
            folders.remove(job.order.output, job.id)
    return [job for job in journal.unfinished() if job.stopped]


def resume(name: str, listener: run.Listener) -> Separation:
    """Go on with a job that was stopped, failed or was cancelled.

    Raises:
        JobUnknown, JobNotOpen: there is none, it runs, it is done, or a person must decide first.
        StemmuxError, SoundmatteError: by what stops it; see `run.separate`.
    """
    job = Journal.open().job(name)
    if job.running:
        raise JobNotOpen(f"Job {job.id} is under way.", hint="Wait for it.")
    if job.state == "done":
        raise JobNotOpen(f"Job {job.id} is done.", hint=f"See soundmatte jobs show {job.id}.")
    if job.state == "uncertain":
        raise JobNotOpen(
            f"Job {job.id} is uncertain: {job.failure}",
            hint=f"To send it again: soundmatte jobs retry {job.id} --accept-cost",
        )
    return run.carry_out(job.order, engine_of(job.order), listener)


def retry(name: str, listener: run.Listener, *, accept_cost: bool) -> Separation:
    """Send what is undecided or failed once more, which may be paid for twice.

    Raises:
        UsageError: nobody has accepted that.
        JobNotOpen: nothing of the job is undecided or failed.
    """
    job, requests = Journal.open().job(name), Requests.open()
    if job.running:
        raise JobNotOpen(f"Job {job.id} is under way.", hint="Wait for it.")
    again = undecided(job, requests)
    if job.state not in ("uncertain", *_RESUMABLE) and not again:
        raise JobNotOpen(
            f"Job {job.id} is {job.state}; there is nothing to send again.",
            hint=f"To go on with it: soundmatte jobs resume {job.id}",
        )
    usd = sum((entry.usd for entry in again), Decimal(0))
    if usd and not accept_cost:
        whole = f" (the whole was agreed to at {job.usd} USD)" if job.usd != usd else ""
        raise UsageError(
            f"What was sent for job {job.id} may be charged again, up to {usd} USD{whole}.",
            hint=f"If that is fine: soundmatte jobs retry {job.id} --accept-cost",
        )
    for entry in again:
        requests.abandoned(entry)
    order = job.order
    if order.engine == "cloud":
        # The cost was accepted by a person just now: no limit of the job's own applies.
        terms = Cloud.model_validate({**order.terms, "max_cost": None})
        order = order.model_copy(update={"terms": terms.model_dump(mode="json")})
    return run.carry_out(order, engine_of(order), listener)


def undecided(job: Job, requests: Requests) -> list[Entry]:
    """The requests of a job of which nobody knows whether the service has them."""
    entries = [requests.find(entry.key) or entry for entry in requests.of(job.id)]
    return [entry for entry in entries if entry.state == "uncertain"]


def cancel(name: str) -> Job:
    """End a job: where it runs, by its own process; else here, at the service too.

    Raises:
        JobUnknown: there is none.
        JobNotOpen: it has ended, or its process does not answer.
    """
    journal = Journal.open()
    job = journal.job(name)
    if job.running:
        journal.ask_to_cancel(job.id)
        deadline = time.monotonic() + _PATIENCE
        while (job := journal.job(job.id)).running:
            if time.monotonic() > deadline:
                raise JobNotOpen(
                    f"Job {job.id} was asked to end, and is still under way.",
                    hint="It ends at its next step; see soundmatte jobs list.",
                )
            time.sleep(0.2)
        return job
    if job.state in ("done", "cancelled"):
        raise JobNotOpen(f"Job {job.id} is {job.state}.", hint="There is nothing to cancel.")
    _cancel_at_service(job)
    folders.remove(job.order.output, job.id)
    journal.failed(job.id, "cancelled", UsageError("It was cancelled."))
    return journal.job(job.id)


def _cancel_at_service(job: Job) -> None:
    from soundmatte.separation.client import Client
    from soundmatte.separation.places import places

    requests = Requests.open()
    there = [entry for entry in requests.of(job.id) if entry.state in _THERE]
    if not there:
        return
    with Client(places=places(Cloud.model_validate(job.order.terms).server)) as client:
        for entry in there:
            with suppress(SeparationError):
                if client.cancel(client.ticket(entry.request_id or "")):
                    requests.cancelled(entry)


def forget(name: str) -> Job:
    """Remove a job from the journal, and what is kept for it; its delivered files stay.

    Raises:
        JobNotOpen: it is under way, or may be charged and nobody has decided about it.
    """
    journal, requests = Journal.open(), Requests.open()
    job = journal.job(name)
    if job.running:
        raise JobNotOpen(f"Job {job.id} is under way.", hint=f"soundmatte jobs cancel {job.id}")
    open_ = [entry for entry in requests.of(job.id) if entry.state in ("submitting", *_THERE)]
    if open_ and job.state not in ("done", "cancelled"):
        raise JobNotOpen(
            f"Job {job.id} is not over: something of it may be at the service.",
            hint=f"End it first: soundmatte jobs cancel {job.id}",
        )
    folders.remove(job.order.output, job.id)
    for entry in requests.of(job.id):
        shutil.rmtree(requests.kept(entry), ignore_errors=True)
        if entry.state in ("uncertain", "fetched"):
            requests.give_up(entry.id)
    journal.forget(job.id)
    return job
