"""The queue and the sync role: submit, status, result, cancel, status stream, run.

Must not know how a job is worked on.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from answers import Problem, Request, Response, new_request_id, reply
from state import Service

import jobs

APP = "fal-ai/sam-audio"
#: A first path part `requests` wins over a sub-path of that name; the sub-path is optional.
REQUESTS = re.compile(
    r"^/(?P<app>[^/]+/[^/]+)(?:/(?!requests/)[^/]+(?:/(?!requests/)[^/]+)*)?"
    r"/requests/(?P<id>[^/]+)(?P<what>/status/stream|/status|/cancel|/response)?/?$"
)
SUBMIT = re.compile(r"^/(?P<app>[^/]+/[^/]+)(?P<path>(?:/[^/]+)*)/?$")
TRUE = {"1", "true", "yes", "on"}


def queue(service: Service, request: Request) -> Response:
    """Answer a request to the queue."""
    found = REQUESTS.match(request.path)
    token = request.params.get("fal_jwt_token") if found else None
    check_key(service, request, token)
    if found:
        return _known(service, request, found)
    started = SUBMIT.match(request.path)
    if not started:
        raise with_id(Problem(404, f"Path {request.path} not found"))
    if request.method != "POST":
        raise with_id(Problem(405, "Method Not Allowed"))
    job = _submit(service, request, started["app"], started["path"])
    value = jobs.status(service, job, None)
    return reply(200, value, {"x-fal-request-id": job["id"]})


def run(service: Service, request: Request) -> Response:
    """Answer a request to the sync role: the job's result on the same connection."""
    check_key(service, request)
    started = SUBMIT.match(request.path)
    if not started:
        raise with_id(Problem(404, f"Path {request.path} not found"))
    if request.method != "POST":
        raise with_id(Problem(405, "Method Not Allowed"))
    job = _submit(service, request, started["app"], started["path"])
    while job["state"] != jobs.COMPLETED:
        if request.gone():
            jobs.cancel(service, job)
            raise ConnectionError
        with service.changed:
            service.changed.wait(0.1)
        found = jobs.find(service, job["app"], job["id"])
        if found is None:
            raise ConnectionError
        job = found
    return _result(job)


def check_key(service: Service, request: Request, token: str | None = None) -> None:
    """Let only the key through, or a token made for a browser.

    Raises:
        Problem: 401, in the words of the API.
    """
    given = request.headers.get("authorization")
    if token is not None and service.store.row(
        "SELECT 1 FROM tokens WHERE token = ? AND kind = 'browser' AND expires > ?",
        token,
        time.time(),
    ):
        return
    if not given:
        raise with_id(Problem(401, "Authorization header is required"))
    if given != f"Key {service.key}":
        raise with_id(Problem(401, "invalid key credentials"))


def with_id(problem: Problem, job: str | None = None) -> Problem:
    """The problem with the id that every answer of these roles carries."""
    problem.headers.setdefault("x-fal-request-id", job or new_request_id())
    return problem


def _submit(service: Service, request: Request, app: str, path: str) -> jobs.Row:
    if app != APP:
        raise with_id(Problem(404, f"Application '{app}' not found"))
    try:
        return jobs.submit(service, request, app, path)
    except Problem as problem:
        raise with_id(problem) from None


def _known(service: Service, request: Request, found: re.Match[str]) -> Response:
    what = found["what"] or "/response"
    headers = {"x-fal-request-id": found["id"]}
    if request.method != ("PUT" if what == "/cancel" else "GET"):
        raise with_id(Problem(405, "Method Not Allowed"), found["id"])
    job = jobs.find(service, found["app"], found["id"])
    if job is None:
        return reply(404, {"status": "NOT_FOUND"}, headers)
    if what == "/cancel":
        if jobs.cancel(service, job):
            return reply(202, {"status": "CANCELLATION_REQUESTED"}, headers)
        return reply(400, {"status": "ALREADY_COMPLETED"}, headers)
    if what == "/response":
        return _result(job)
    asked = request.params.get("logs", "").lower() in TRUE
    if what == "/status":
        lines = jobs.logs(service, job["id"])[0] if asked else None
        code = 200 if job["state"] == jobs.COMPLETED else 202
        return reply(code, jobs.status(service, job, lines), headers)
    headers |= {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    return Response(200, headers, stream=_events(service, job, asked))


def _result(job: jobs.Row) -> Response:
    if job["state"] != jobs.COMPLETED:
        raise with_id(Problem(400, "Request is still in progress"), job["id"])
    headers = {"x-fal-request-id": job["id"], **json.loads(job["headers"])}
    return reply(job["status"], json.loads(job["result"]), headers)


def _events(service: Service, job: jobs.Row, asked: bool) -> Iterator[bytes]:
    """One event for each change, with the lines of the log that are new; comments between."""
    last: dict[str, Any] | None = None
    line, spoken = 0, time.monotonic()
    while True:
        now = jobs.find(service, job["app"], job["id"])
        if now is None:
            return
        lines, line = jobs.logs(service, job["id"], line)
        value = jobs.status(service, now, lines if asked else None)
        if {**value, "logs": None} != last or (asked and lines):
            last, spoken = {**value, "logs": None}, time.monotonic()
            yield b"data: %s\n\n" % json.dumps(value).encode()
        if now["state"] == jobs.COMPLETED:
            return
        if time.monotonic() - spoken >= service.settings["comment_seconds"]:
            spoken = time.monotonic()
            yield b": still here\n\n"
        with service.changed:
            service.changed.wait(0.05)
