"""The control role: what a test orders of the service, and what it can look up.

GET/POST/DELETE /control/faults. POST one fault or a list of them, each
    {"match": {"role", "method", "path_regex", "nth": 1, "times": 1}, "do": {...}}
where `match` may leave out anything, `times: null` is for ever, and `do` has one or more of
    "drop_before": true    close without an answer, nothing processed
    "drop_reading": bytes  the same, once so much of the body has been read
    "drop_after": true     process, then close without an answer
    "delay": s             process, wait, answer;  "delay_before": s waits first
    "repeat": true         process twice, answer the second
    "status": 503          answer this, with "headers" {...} and "body" (text or JSON), without
                           processing; with "processed": true after it
    "truncate": bytes      the right Content-Length, but only so many bytes; then close
    "slow": bytes per s    answer slowly;  "slow_read": read the body slowly
GET/DELETE /control/requests (GET ?own=1: with the service's own downloads).
GET /control/jobs, /control/uploads, /control/webhooks, /control/secrets (signatures and tokens
    that were given out), GET/POST /control/settings (see `state.DEFAULTS`; "fail" is null or
    {"status", "detail", "error_type", "headers", "times", "endpoint"}).
POST /control/forget {"request_id"} removes a job, as retention does.
POST /control/reset: everything is as in a new folder.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

import deliveries
import faults
from answers import Problem, Request, Response, reply
from state import DEFAULTS, Service

READ = {"headers", "json", "input", "result", "attempts"}


def control(service: Service, request: Request) -> Response:
    """Answer a request to the control role."""
    what = f"{request.method} {request.path.rstrip('/')}"
    if what == "GET /faults":
        return reply(200, faults.ordered(service.store))
    if what == "POST /faults":
        return _order(service, request.json())
    if what == "DELETE /faults":
        faults.forget(service.store)
        return reply(200, {})
    if what == "GET /requests":
        own = "" if request.params.get("own") else " WHERE own = 0"
        return reply(200, _read(service, f"SELECT * FROM requests{own} ORDER BY n"))
    if what == "DELETE /requests":
        service.store.write("DELETE FROM requests")
        return reply(200, {})
    if what == "GET /settings":
        return reply(200, service.settings)
    if what == "POST /settings":
        return _settings(service, request.json())
    if what == "POST /forget":
        service.store.write("DELETE FROM jobs WHERE id = ?", request.json()["request_id"])
        return reply(200, {})
    if what == "POST /reset":
        service.resets += 1
        service.store.empty()
        shutil.rmtree(service.folder / "files", ignore_errors=True)
        shutil.rmtree(service.folder / "parts", ignore_errors=True)
        service.wake()
        return reply(200, {})
    return _look_up(service, what)


def _look_up(service: Service, what: str) -> Response:
    if what == "GET /jobs":
        rows = _read(service, "SELECT * FROM jobs ORDER BY n")
        for row in rows:
            row["request_id"] = row.pop("id")
            row["endpoint"] = row["app"] + row["path"]
        return reply(200, rows)
    if what == "GET /uploads":
        rows = _read(service, "SELECT * FROM uploads ORDER BY n")
        for row in rows:
            row["parts"] = _read(
                service, "SELECT * FROM parts WHERE upload = ? ORDER BY number", row["n"]
            )
        return reply(200, rows)
    if what == "GET /webhooks":
        return reply(200, deliveries.attempted(service))
    if what == "GET /secrets":
        given = _read(
            service, "SELECT signature AS s FROM uploads UNION ALL SELECT token AS s FROM tokens"
        )
        return reply(200, [row["s"] for row in given])
    raise Problem(404, f"no such control: {what}")


def _read(service: Service, question: str, *values: Any) -> list[dict[str, Any]]:
    rows = service.store.rows(question, *values)
    return [
        {k: json.loads(v) if k in READ and v is not None else v for k, v in row.items()}
        for row in rows
    ]


def _order(service: Service, given: Any) -> Response:
    try:
        wanted = given if isinstance(given, list) else [given]
        return reply(200, {"ids": [faults.order(service.store, fault) for fault in wanted]})
    except (ValueError, TypeError, AttributeError) as error:
        raise Problem(400, str(error)) from None


def _settings(service: Service, given: Any) -> Response:
    unknown = set(given) - set(DEFAULTS)
    if unknown:
        raise Problem(400, f"no such settings: {sorted(unknown)}")
    service.change_settings(given)
    return reply(200, service.settings)
