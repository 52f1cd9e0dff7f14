"""Calls without a connection: what is to be asked, in order, as generators.

A call yields `Ask`, `Pause` and `Together` and is sent back the answers, so that the same call
serves a blocking client and an asynchronous one; `soundmatte.separation.transport` drives it. This
module must not know HTTP libraries, threads or event loops.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from soundmatte.separation.errors import (
    BadAnswer,
    ConnectionFailed,
    ConnectionLost,
    SeparationError,
    from_answer,
)

T = TypeVar("T")

#: Statuses after which the same question may be asked again where that does no harm.
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
#: First wait before asking again, and the longest one (s).
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
#: A `Retry-After` is honoured up to this (s); a server may not park a job for a day.
LONGEST_RETRY_AFTER = 300.0


@dataclass(frozen=True)
class FilePart:
    """A stretch of a file to send: `length` bytes from `start`, read as they are sent."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True)
class Ask:
    """One exchange.

    Attributes:
        authorised: send the key. Never to presigned addresses or file hosts.
        timeout: seconds without any byte, after which the connection counts as lost.
        into: append the body of a successful answer to this file instead of returning it.
        each_line: told every line of a successful answer as it comes; returns whether to go on.
        sent: told the bytes sent so far of a `FilePart`.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: bytes | FilePart | None = None
    authorised: bool = True
    timeout: float = 60.0
    into: Path | None = None
    most: int = 64 * 1024 * 1024
    each_line: Callable[[str], bool] | None = None
    sent: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Reply:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """A 2xx status."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Together:
    """Run calls side by side, at most `at_once` of them; answered with their results in order."""

    calls: tuple[Generator[Any, Any, Any], ...]
    at_once: int


Call = Generator[Ask | Pause | Together, Any, T]


def once(ask: Ask) -> Call[Reply]:
    """Ask once; a refusal is raised as what it means."""
    reply: Reply = yield ask
    if not reply.good:
        raise from_answer(reply.status, reply.headers, reply.body)
    return reply


def persistently(
    ask: Ask, attempts: int = 6, final: Callable[[Reply], bool] | None = None
) -> Call[Reply]:
    """Ask something that does no harm when it is asked twice, until it is answered.

    Args:
        attempts: how often in all; waits grow from half a second to half a minute with jitter, and
            a `Retry-After` is honoured.
        final: says of an unsuccessful answer that asking again is of no use.

    Raises:
        SeparationError: the last failure.
    """
    failure: SeparationError = ConnectionFailed("The server was not asked.")
    for attempt in range(attempts):
        if attempt:
            yield Pause(wait_before(attempt, failure))
        try:
            reply: Reply = yield ask
        except (ConnectionFailed, ConnectionLost, BadAnswer) as lost:
            failure = lost
            continue
        if reply.good:
            return reply
        failure = from_answer(reply.status, reply.headers, reply.body)
        failure.__dict__["retry_after"] = retry_after(reply)
        if reply.status not in PASSING or (final is not None and final(reply)):
            break
    raise failure


def wait_before(attempt: int, failure: SeparationError | None = None) -> float:
    """Seconds to wait before a further attempt (numbered from 1), with full jitter.

    What the server asked for in `Retry-After` is the least.
    """
    asked = getattr(failure, "retry_after", None) or 0.0
    grown = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
    return float(max(asked, grown * random.uniform(0.5, 1.0)))


def retry_after(reply: Reply) -> float | None:
    """Seconds of a `Retry-After` header, given in seconds or as a date (RFC 9110, 10.2.3)."""
    import datetime
    from email.utils import parsedate_to_datetime

    value = reply.headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        seconds = (date - datetime.datetime.now(datetime.UTC)).total_seconds()
    return min(LONGEST_RETRY_AFTER, max(0.0, seconds)) if seconds == seconds else None


def json_of(reply: Reply) -> Any:
    """The answer as JSON.

    Raises:
        BadAnswer: it is none.
    """
    import json

    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(
            "The server's answer is no JSON.", hint="Is this the right server?"
        ) from error
