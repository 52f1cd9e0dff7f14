"""The queue: submit a job, follow it, fetch its result, cancel it.

A submit is sent once. Only two failures of it are known to have left nothing behind, no connection
at all and a 429, and only those are tried again; a lost or unclear answer is `SubmitUncertain`, and
what becomes of it is a person's decision. Everything else is harmless to ask twice, and is. This
module must not know files or stems.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from soundmatte.separation.call import (
    Ask,
    Call,
    Pause,
    Reply,
    json_of,
    persistently,
    retry_after,
    wait_before,
)
from soundmatte.separation.errors import (
    BadAnswer,
    ConnectionFailed,
    ConnectionLost,
    InputRefused,
    JobCancelled,
    NothingFound,
    SeparationError,
    ServiceFailed,
    SubmitUncertain,
    TookTooLong,
    Unknown,
    from_answer,
    is_model_error,
)
from soundmatte.separation.places import Places
from soundmatte.separation.schema import (
    AnyInput,
    LogLine,
    QueueStatus,
    SeparationOutput,
    Ticket,
    endpoint_of,
)

Document = TypeVar("Document", bound=BaseModel)
Update = Callable[[QueueStatus], None]

#: Statuses that say for certain that no job was made.
_REFUSED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422})
_SUBMIT_ATTEMPTS = 5
#: Answers about a job after which nothing more will come of it.
_ENDED = (Unknown, InputRefused, JobCancelled, NothingFound)
#: First wait between two looks at a job, and the longest (s): quick for short jobs, quiet for long.
_FIRST_LOOK, _LONGEST_LOOK = 0.25, 3.0
#: A stream says something every 15 s; after this long without a word it is given up (s).
_STREAM_SILENCE = 45.0
#: How long a server may be away while a job runs before the wait is given up (s).
PATIENCE = 900.0


def submit(
    places: Places,
    given: AnyInput,
    *,
    webhook: str | None = None,
    retention: float | None = None,
    start_timeout: float | None = None,
) -> Call[Ticket]:
    """Send a job. It is charged by the service if it runs.

    Args:
        webhook: address that the service posts the result to.
        retention: seconds that the service may keep the files it makes; sent as the documented
            lifecycle preference.
        start_timeout: seconds within which the job must have started.

    Raises:
        SubmitUncertain: the answer was lost, or is unclear; there may be a job.
        SeparationError: refused; there is none.
    """
    headers = {"X-Fal-Store-IO": "0"}
    if retention is not None:
        preference = {"expiration_duration_seconds": int(retention)}
        headers["X-Fal-Object-Lifecycle-Preference"] = json.dumps(preference)
    if start_timeout is not None:
        headers["X-Fal-Request-Timeout"] = f"{start_timeout:g}"
    ask = Ask(
        "POST", places.submit(endpoint_of(given), webhook), headers, given.wire(), timeout=120.0
    )
    failure: SeparationError = ConnectionFailed("The server was not asked.")
    for attempt in range(_SUBMIT_ATTEMPTS):
        if attempt:
            yield Pause(wait_before(attempt, failure))
        try:
            reply: Reply = yield ask
        except ConnectionFailed as nothing_sent:
            failure = nothing_sent
            continue
        except (ConnectionLost, BadAnswer) as lost:
            raise _uncertain("no answer came") from lost
        if reply.good:
            return _ticket(places, reply)
        failure = from_answer(reply.status, reply.headers, reply.body)
        if reply.status != 429:
            if reply.status in _REFUSED or (300 <= reply.status < 400):
                raise failure
            raise _uncertain(f"the server answered {reply.status}") from failure
        failure.__dict__["retry_after"] = retry_after(reply)
    raise failure


def _uncertain(why: str) -> SubmitUncertain:
    return SubmitUncertain(
        f"The job was sent, but {why}: it may be running, and may be charged once.",
        hint="It is not sent again by itself. Look at the service's dashboard, then decide.",
    )


def _ticket(places: Places, reply: Reply) -> Ticket:
    try:
        ticket = parsed(Ticket, reply)
    except BadAnswer as error:
        raise _uncertain("its answer cannot be read") from error
    # The key goes to the queue's own origin only, whatever addresses an answer names.
    if places.trusted(ticket):
        return ticket
    return ticket_for(places, ticket.request_id)


def ticket_for(places: Places, request_id: str) -> Ticket:
    """The addresses of a request by its id alone.

    Raises:
        BadAnswer: the id is none.
    """
    base = places.request(request_id)
    try:
        return Ticket.model_validate(
            {
                "request_id": request_id,
                "status_url": f"{base}/status",
                "response_url": base,
                "cancel_url": f"{base}/cancel",
            }
        )
    except ValidationError as error:
        raise BadAnswer(
            "That is no request id.", hint="Copy the id that submit printed."
        ) from error


def status(ticket: Ticket, *, logs: bool = False) -> Call[QueueStatus]:
    """Where a request stands; with `logs`, all lines so far."""
    url = f"{ticket.status_url}?logs={1 if logs else 0}"
    reply = yield from persistently(Ask("GET", url))
    return parsed(QueueStatus, reply)


def follow(
    ticket: Ticket, *, update: Update | None = None, logs: bool = False, seen: int = 0
) -> Call[QueueStatus]:
    """Look at a request until it is completed.

    Args:
        seen: log lines that were told before.

    Each update carries only the log lines that are new. While the server is away it is asked again
    for `PATIENCE` seconds; the job goes on there.
    """
    look, away_since = _FIRST_LOOK, None
    while True:
        try:
            found = yield from status(ticket, logs=logs)
            away_since = None
        except SeparationError as error:
            now = time.monotonic()
            away_since = away_since or now
            error.ended = isinstance(error, _ENDED)
            if not error.retryable or now - away_since > PATIENCE:
                raise
            yield Pause(_LONGEST_LOOK)
            continue
        lines: tuple[LogLine, ...] = found.logs or ()
        if update is not None:
            update(found.model_copy(update={"logs": lines[seen:] if logs else None}))
        seen = max(seen, len(lines))
        if found.status == "COMPLETED":
            return found
        yield Pause(look)
        look = min(_LONGEST_LOOK, look * 1.3)


def stream(
    ticket: Ticket, *, update: Update | None = None, logs: bool = False
) -> Call[QueueStatus]:
    """Follow a request by the status stream (server-sent events), as long as there is one.

    It tells the end at once and costs one request. Where a server has none, or it breaks off, the
    request is looked at instead.

    Raises:
        SeparationError: as `follow`.
    """
    last: list[QueueStatus] = []
    lines = 0

    def line(text: str) -> bool:
        nonlocal lines
        if text.startswith("data:"):
            found = QueueStatus.model_validate_json(text[5:].strip())
            lines += len(found.logs or ())
            last[:] = [found]
            if update is not None:
                update(found)
            return found.status != "COMPLETED"
        return True

    url = f"{ticket.status_url}/stream?logs={1 if logs else 0}"
    headers = {"Accept": "text/event-stream"}
    with suppress(ConnectionFailed, ConnectionLost, BadAnswer, ValidationError):
        yield Ask("GET", url, headers, each_line=line, timeout=_STREAM_SILENCE)
    if last and last[0].status == "COMPLETED":
        return last[0]
    return (yield from follow(ticket, update=update, logs=logs, seen=lines))


def result(ticket: Ticket) -> Call[SeparationOutput]:
    """The output of a completed request; may be asked for again.

    Raises:
        NotFinished: it is not completed.
        SeparationError: the job failed, with what the service said of it.
    """
    last: list[Reply] = []

    def final(reply: Reply) -> bool:
        last.append(reply)
        return is_model_error(reply.body)

    try:
        reply = yield from persistently(Ask("GET", str(ticket.response_url)), final=final)
    except SeparationError as error:
        said = last[-1] if last else None
        error.ended = isinstance(error, _ENDED) or bool(said and is_model_error(said.body))
        raise
    return parsed(SeparationOutput, reply)


def failed(status_: QueueStatus, ticket: Ticket) -> Call[SeparationError]:
    """What a completed request that has an `error` failed of: the result address says it best."""
    try:
        reply: Reply = yield Ask("GET", str(ticket.response_url))
    except SeparationError:
        reply = Reply(200, {}, b"")
    error: SeparationError
    if not reply.good:
        error = from_answer(reply.status, reply.headers, reply.body)
    else:
        word = status_.error_type or ""
        kind = TookTooLong if "timeout" in word else ServiceFailed
        error = kind(f"The job failed: {(status_.error or word)[:200]}", hint="Try again later.")
    error.ended = True
    return error


def cancel(ticket: Ticket) -> Call[bool]:
    """Ask the service to drop or stop a request; whether it was still possible."""
    try:
        yield from persistently(Ask("PUT", str(ticket.cancel_url)), attempts=3)
    except SeparationError as error:
        if error.retryable or "401" in str(error):
            raise
        return False
    return True


def parsed(kind: type[Document], reply: Reply) -> Document:
    """The answer as a document.

    Raises:
        BadAnswer: it is none of that kind.
    """
    try:
        return kind.model_validate(json_of(reply))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise BadAnswer(
            f"The server's answer does not fit the protocol ({kind.__name__}.{place}).",
            hint="Is this the right server? An update of Soundmatte may be needed.",
        ) from None
