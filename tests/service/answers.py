"""What comes in and what goes out: one request, one answer, one problem.

Must not know any route, nor how bytes reach a socket.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Body:
    """What came with a request; no data, if it was too long to be kept."""

    data: bytes
    size: int
    sha256: str


@dataclass(frozen=True)
class Request:
    """One request, read whole.

    Attributes:
        role: which of the API's hosts it is for (queue, run, rest, cdn), or control.
        path: the raw path below the role, beginning with a slash.
        headers: by lower-case name.
        base: the origin by which the caller reaches us, from its Host header.
        gone: whether the caller has closed its connection.
    """

    role: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Body
    base: str
    gone: Any = field(default=lambda: False, compare=False)

    @property
    def params(self) -> dict[str, str]:
        """The query's parameters, decoded; the last of a name wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Problem: it is none (422, as FastAPI says it).
        """
        try:
            return json.loads(self.body.data)
        except ValueError as error:
            detail = {"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error"}
            raise Problem(422, [{**detail, "input": {}, "ctx": {"error": str(error)}}]) from None


@dataclass
class Response:
    """One answer: a body, or pieces that come as they are made (`stream`)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Iterator[bytes] | None = None


class Problem(Exception):
    """The request cannot be served; says what to answer."""

    def __init__(
        self,
        status: int,
        detail: Any,
        *,
        error_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`detail` is a text or a list; with `error_type` it is an infrastructure error."""
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.body: dict[str, Any] = {"detail": detail}
        self.headers = dict(headers or {})
        if error_type is not None:
            self.body["error_type"] = error_type
            self.headers["X-Fal-Error-Type"] = error_type

    def response(self) -> Response:
        """The answer."""
        return reply(self.status, self.body, self.headers)


def reply(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON. Non-ASCII is escaped: a client may cut a body anywhere."""
    return Response(
        status,
        {"Content-Type": "application/json", **(headers or {})},
        json.dumps(value).encode(),
    )


def new_request_id() -> str:
    """An id in the API's form."""
    return str(uuid.uuid4())
