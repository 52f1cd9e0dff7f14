"""Jobs as the store keeps them: made, read, moved from state to state.

Must not know HTTP paths or how a job is worked on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import deliveries
from answers import Problem, Request, new_request_id
from state import Service

QUEUED, RUNNING, COMPLETED = "queued", "running", "completed"
WORDS = {QUEUED: "IN_QUEUE", RUNNING: "IN_PROGRESS", COMPLETED: "COMPLETED"}
Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How a job ended: what its result URL answers."""

    status: int
    body: Any
    headers: Mapping[str, str]
    error: str | None = None
    error_type: str | None = None


def failure(problem: Problem) -> Outcome:
    """The outcome of a job that came to a problem."""
    detail, kind = problem.body["detail"], problem.body.get("error_type")
    headers = dict(problem.headers)
    if problem.status == 422:
        headers.setdefault("x-fal-billable-units", "0")
    text = detail if kind is not None else f"Invalid status code: {problem.status}"
    if kind is None and problem.status >= 500:
        kind = "runner_server_error"
    return Outcome(problem.status, problem.body, headers, str(text), kind)


def submit(service: Service, request: Request, app: str, path: str) -> Row:
    """Make a job of a request, queued.

    Raises:
        Problem: its body is no JSON object, or the queue is longer than the caller wants.
    """
    value = request.json()
    if not isinstance(value, dict):
        detail = {"type": "model_attributes_type", "loc": ["body"], "input": value}
        raise Problem(422, [{**detail, "msg": "Input should be a valid dictionary"}])
    limit = request.params.get("fal_max_queue_length")
    if limit is not None and waiting(service) >= int(limit):
        raise Problem(429, "Queue is full")
    headers = request.headers
    deadline = headers.get("x-fal-request-start-timeout", headers.get("x-fal-request-timeout"))
    number = service.store.write(
        "INSERT INTO jobs (id, role, app, path, base, input, priority, start_timeout, webhook,"
        " state, submitted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        new_request_id(),
        request.role,
        app,
        path,
        request.base,
        json.dumps(value),
        int(headers.get("x-fal-queue-priority", "").lower() == "low"),
        float(deadline) if deadline else None,
        request.params.get("fal_webhook"),
        QUEUED,
        time.time(),
    )
    service.wake()
    row = service.store.row("SELECT * FROM jobs WHERE n = ?", number)
    assert row is not None
    return row


def find(service: Service, app: str, job: str) -> Row | None:
    """The job with this id, if it belongs to this app."""
    return service.store.row("SELECT * FROM jobs WHERE id = ? AND app = ?", job, app)


def waiting(service: Service) -> int:
    """How many jobs are queued."""
    row = service.store.row("SELECT count(*) AS n FROM jobs WHERE state = ?", QUEUED)
    assert row is not None
    return int(row["n"])


def position(service: Service, job: Row) -> int:
    """How many queued jobs are ahead of this one."""
    row = service.store.row(
        "SELECT count(*) AS n FROM jobs WHERE state = ? AND (priority, n) < (?, ?)",
        QUEUED,
        job["priority"],
        job["n"],
    )
    assert row is not None
    return int(row["n"])


def log(service: Service, job: str, message: str, level: str = "INFO") -> None:
    """Add a line to the job's log."""
    now = datetime.now(UTC).isoformat()
    entry = {"message": message, "timestamp": now, "level": level, "source": "USER"}
    entry["labels"] = {}  # type: ignore[assignment]
    service.store.write("INSERT INTO logs (job, entry) VALUES (?, ?)", job, json.dumps(entry))
    service.wake()


def logs(service: Service, job: str, after: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The log's lines after a line's number, and the number of the last."""
    rows = service.store.rows(
        "SELECT n, entry FROM logs WHERE job = ? AND n > ? ORDER BY n", job, after
    )
    return [json.loads(row["entry"]) for row in rows], rows[-1]["n"] if rows else after


def complete(service: Service, job: str, outcome: Outcome, *, only: str | None = None) -> bool:
    """End a job, unless it has ended (or is not in the state `only`); its webhook is then due."""
    with service.store.together():
        row = service.store.row("SELECT * FROM jobs WHERE id = ?", job)
        if row is None or row["state"] == COMPLETED or only not in (None, row["state"]):
            return False
        service.store.write(
            "UPDATE jobs SET state = ?, completed = ?, status = ?, headers = ?, result = ?,"
            " error = ?, error_type = ? WHERE id = ?",
            COMPLETED,
            time.time(),
            outcome.status,
            json.dumps(dict(outcome.headers)),
            json.dumps(outcome.body),
            outcome.error,
            outcome.error_type,
            job,
        )
        if row["webhook"]:
            deliveries.due(service, job, row["webhook"], outcome.status, outcome.body)
    service.wake()
    return True


CANCELLED = failure(Problem(499, "Request was cancelled", error_type="client_cancelled"))


def cancel(service: Service, job: Row) -> bool:
    """Cancel a job: a queued one never runs, a running one is told; False if it has ended."""
    if complete(service, job["id"], CANCELLED, only=QUEUED):
        service.store.write("UPDATE jobs SET cancel = 1 WHERE id = ?", job["id"])
        return True
    told = service.store.changed(
        "UPDATE jobs SET cancel = 1 WHERE id = ? AND state = ?", job["id"], RUNNING
    )
    service.wake()
    return told > 0


def status(service: Service, job: Row, lines: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The job's status object. `lines` None: logs were not asked for."""
    url = f"{job['base']}/queue/{job['app']}/requests/{job['id']}"
    ran = job["state"] == COMPLETED and job["started"] is not None
    value: dict[str, Any] = {
        "status": WORDS[job["state"]],
        "request_id": job["id"],
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
        "logs": lines,
        "metrics": {"inference_time": job["completed"] - job["started"]} if ran else {},
    }
    if job["state"] == QUEUED:
        value["queue_position"] = position(service, job)
    if job["state"] == COMPLETED and job["error"] is not None:
        value["error"] = job["error"]
        if job["error_type"] is not None:
            value["error_type"] = job["error_type"]
    return value


def billable_units(seconds: float, candidates: int) -> str:
    """One unit for each 30 s begun, half of one more for each further candidate."""
    units = math.ceil(seconds / 30) * (1 + (candidates - 1) / 2)
    return f"{units:g}"
