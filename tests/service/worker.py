"""Works on jobs: takes them from the queue in order, separates, ends them.

Must not know HTTP paths of the API.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from typing import Any

import inputs
import schemas
import storage
from answers import Problem
from state import Service

import jobs

STEPS = 4  # lines of progress in a job's log


class Cancelled(Exception):
    """The job was cancelled while it ran."""


def start(service: Service) -> None:
    """Work in threads; what a killed process left running is begun again."""
    service.store.write("UPDATE jobs SET state = ? WHERE state = ?", jobs.QUEUED, jobs.RUNNING)
    threading.Thread(target=_dispatch, args=(service,), daemon=True).start()
    threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    """Load what takes long before the first job needs it."""
    import sound

    assert sound


def _dispatch(service: Service) -> None:
    while True:
        try:
            busy = _look(service)
        except Exception:
            traceback.print_exc()
            busy = True
        with service.changed:
            service.changed.wait(0.02 if busy else 1.0)


def _look(service: Service) -> bool:
    """Start what can start; whether anything waits to be started."""
    settings, now = service.settings, time.time()
    queued = service.store.rows(
        "SELECT * FROM jobs WHERE state = ? ORDER BY priority, n", jobs.QUEUED
    )
    for job in queued:
        if job["start_timeout"] and now > job["submitted"] + job["start_timeout"]:
            jobs.complete(service, job["id"], _too_late(), only=jobs.QUEUED)
    running = len(service.store.rows("SELECT 1 FROM jobs WHERE state = ?", jobs.RUNNING))
    if settings["paused"]:
        return bool(queued)
    for job in queued:
        waited = now - job["submitted"] >= settings["queue_seconds"]
        if running < settings["parallel"] and waited and _begin(service, job):
            running += 1
            threading.Thread(target=_work, args=(service, job["id"]), daemon=True).start()
    return bool(queued)


def _too_late() -> jobs.Outcome:
    headers = {"X-Fal-Request-Timeout-Type": "user"}
    text = "Request did not start in time"
    return jobs.failure(Problem(504, text, error_type="startup_timeout", headers=headers))


def _begin(service: Service, job: jobs.Row) -> bool:
    changed = service.store.changed(
        "UPDATE jobs SET state = ?, started = ?, executions = executions + 1"
        " WHERE id = ? AND state = ?",
        jobs.RUNNING,
        time.time(),
        job["id"],
        jobs.QUEUED,
    )
    service.wake()
    return changed > 0


def _work(service: Service, job: str) -> None:
    try:
        outcome = _separate(service, job)
    except Problem as problem:
        outcome = jobs.failure(problem)
    except Cancelled:
        outcome = jobs.CANCELLED
    except Exception:
        traceback.print_exc()
        outcome = jobs.failure(Problem(500, "Internal Server Error"))
    jobs.complete(service, job, outcome)


def _separate(service: Service, job: str) -> jobs.Outcome:
    row = service.store.row("SELECT * FROM jobs WHERE id = ?", job)
    assert row is not None
    values = schemas.checked(row["path"], json.loads(row["input"]))
    jobs.log(service, job, "Fetching the input")
    with inputs.Folder() as folder:
        source = inputs.fetch_all(service, values, folder)
        jobs.log(service, job, "Separating … ♪")
        import sound

        stems = sound.separate(service, source, values, folder)
        _wait(service, row)
        _fail_if_ordered(service, row)
        files = {name: _published(service, row, path) for name, path in stems.files.items()}
    units = jobs.billable_units(stems.duration, values["reranking_candidates"])
    body = {**files, "duration": stems.duration, "sample_rate": stems.rate}
    return jobs.Outcome(200, body, {"x-fal-billable-units": units})


def _wait(service: Service, row: jobs.Row) -> None:
    """Take the time that a job takes, with progress in the log.

    Raises:
        Cancelled: the job was.
    """
    began, said = time.time(), 0
    while True:
        settings = service.settings
        share = min(1.0, (time.time() - began) / max(1e-6, settings["job_seconds"]))
        while said < int(share * STEPS):
            said += 1
            jobs.log(service, row["id"], f"Separating: {100 * said // STEPS} %")
        now = service.store.row("SELECT cancel FROM jobs WHERE id = ?", row["id"])
        if now is None or (now["cancel"] and not settings["ignore_cancel"]):
            raise Cancelled
        if share >= 1:
            return
        with service.changed:
            service.changed.wait(0.02)


def _fail_if_ordered(service: Service, row: jobs.Row) -> None:
    """Raise the failure that a test ordered, if one is left for this endpoint."""
    with service.store.together():
        fail = service.settings["fail"]
        if not fail or fail.get("endpoint") not in (None, row["path"].strip("/")):
            return
        times = fail.get("times")
        if times is not None:
            if times <= 0:
                return
            service.change_settings({"fail": {**fail, "times": times - 1}})
    status = int(fail["status"])
    detail: Any = fail.get("detail", "Internal Server Error" if status == 500 else "Failed")
    problem = Problem(
        status, detail, error_type=fail.get("error_type"), headers=fail.get("headers")
    )
    raise problem


def _published(service: Service, row: jobs.Row, path: Any) -> dict[str, Any]:
    kind = "audio/mpeg" if path.suffix == ".mp3" else "audio/wav"
    public = storage.publish(service, path, kind)
    value: dict[str, Any] = {"content_type": kind, "url": f"{row['base']}/cdn{public}"}
    if service.settings["file_fields"] == "full":
        value |= {"file_name": path.name, "file_size": path.stat().st_size}
    return value
