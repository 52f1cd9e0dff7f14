"""The web server: bytes to requests, answers to bytes, and the ordered faults carried out.

Must not know what a request means.
"""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import faults
from answers import Body, Problem, Request, Response, reply
from state import Service

ROLES = ("queue", "run", "rest", "cdn", "control")
OWN_HEADER = "x-own-request"
PIECE = 64 * 1024
JSON_KEPT = 1_000_000  # bytes; longer bodies are recorded by hash and size only
Route = Callable[[Request], Response]


class Cut(Exception):
    """The connection is to be closed now, without another word."""


class Server(ThreadingHTTPServer):
    """A thread for each connection, on the loopback only."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, service: Service, route: Route) -> None:
        """Listen; `route` answers what comes."""
        self.service = service
        self.route = route
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error of ours; anything else is."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "service"
    sys_version = ""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep no log: the requests are in the store."""

    def _serve(self) -> None:
        server = cast(Server, self.server)
        store = server.service.store
        path, _, query = self.path.partition("?")
        role, rest = _role(path)
        own = self.headers.get(OWN_HEADER) == server.service.own
        number: int | None = None
        do: dict[str, Any] = {}
        if role != "control" and not own:
            number, do = faults.take(store, role, self.command, rest)
        try:
            body = self._body(do, server.service.settings["most_kept"])
            request = self._request(role, rest, query, body)
            record = 0 if role == "control" else _record(server.service, request, own, number)
            answer = self._answer(request, do, server.route)
            if record:
                store.write("UPDATE requests SET status = ? WHERE n = ?", answer.status, record)
            self._send(answer, do)
        except (Cut, ConnectionError, TimeoutError):
            self._hang_up()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve

    def _request(self, role: str, path: str, query: str, body: Body) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("x-forwarded-host") or headers.get("host") or "127.0.0.1"
        base = f"{headers.get('x-forwarded-proto', 'http')}://{host}"
        return Request(role, self.command, path, query, headers, body, base, self._gone)

    def _gone(self) -> bool:
        try:
            if not select.select([self.connection], [], [], 0)[0]:
                return False
            return not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _body(self, do: dict[str, Any], most_kept: int | None) -> Body:
        parts: list[bytes] = []
        size, limit, digest = 0, do.get("drop_reading"), hashlib.sha256()
        for piece in self._pieces():
            size += len(piece)
            digest.update(piece)
            if most_kept is None or size <= most_kept:
                parts.append(piece)
            if limit is not None and size >= limit:
                raise Cut
            if do.get("slow_read"):
                time.sleep(len(piece) / do["slow_read"])
        whole = most_kept is None or size <= most_kept
        return Body(b"".join(parts) if whole else b"", size, digest.hexdigest())

    def _pieces(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                yield self._exactly(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("content-length") or 0)
        while left:
            piece = self._exactly(min(PIECE, left))
            left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        piece = self.rfile.read(size)
        if len(piece) < size:
            raise Cut
        return piece

    def _answer(self, request: Request, do: dict[str, Any], route: Route) -> Response:
        if do.get("drop_before"):
            raise Cut
        self._sleep(do.get("delay_before", 0))
        ordered = None
        if "status" in do:
            body = do.get("body", "")
            text = body if isinstance(body, str) else json.dumps(body)
            ordered = Response(int(do["status"]), dict(do.get("headers", {})), text.encode())
        if ordered is None or do.get("processed"):
            answer = _guarded(route, request)
            if do.get("repeat"):
                answer = _guarded(route, request)
            ordered = ordered or answer
        self._sleep(do.get("delay", 0))
        if do.get("drop_after"):
            raise Cut
        return ordered

    def _sleep(self, seconds: float) -> None:
        service = cast(Server, self.server).service
        resets = service.resets
        time.sleep(seconds)
        if service.resets != resets:
            raise Cut

    def _send(self, answer: Response, do: dict[str, Any]) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.stream is not None:
            self.send_header("Transfer-Encoding", "chunked")
        elif answer.status != 204 and "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n")
        head = b"".join(self._headers_buffer)
        self._headers_buffer = []
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        pieces = iter([]) if bodiless else _chunks(answer)
        self._write(head, pieces, do)

    def _write(self, head: bytes, pieces: Iterator[bytes], do: dict[str, Any]) -> None:
        left = do.get("truncate")
        slow = do.get("slow")
        if left is None and not slow:
            first = next(pieces, b"")
            self.wfile.write(head + first)
            for piece in pieces:
                self.wfile.write(piece)
            return
        self.wfile.write(head)
        for piece in pieces:
            step = max(1, int(slow / 10)) if slow else len(piece)
            for start in range(0, len(piece), max(1, step)):
                bit = piece[start : start + step]
                if left is not None:
                    bit, left = bit[:left], max(0, left - len(bit))
                self.wfile.write(bit)
                if left == 0:
                    raise Cut
                time.sleep(len(bit) / slow if slow else 0)

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _role(path: str) -> tuple[str, str]:
    first, _, rest = path.lstrip("/").partition("/")
    return (first, "/" + rest) if first in ROLES else ("", path)


def _chunks(answer: Response) -> Iterator[bytes]:
    if answer.stream is None:
        for start in range(0, len(answer.body), PIECE):
            yield answer.body[start : start + PIECE]
        return
    for piece in answer.stream:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _guarded(route: Route, request: Request) -> Response:
    try:
        return route(request)
    except Problem as problem:
        return problem.response()
    except ConnectionError:
        raise
    except Exception:
        traceback.print_exc()
        return reply(500, {"detail": "Internal Server Error"})


def _record(service: Service, request: Request, own: bool, fault: int | None) -> int:
    text = None
    body = request.body
    if "json" in request.headers.get("content-type", "") and len(body.data) <= JSON_KEPT:
        try:
            text = json.dumps(json.loads(body.data))
        except ValueError:
            text = None
    return service.store.write(
        "INSERT INTO requests (at, role, method, path, query, headers, body_size, body_sha256,"
        " json, own, fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        time.time(),
        request.role,
        request.method,
        request.path,
        request.query,
        json.dumps(dict(request.headers)),
        body.size,
        body.sha256,
        text,
        int(own),
        fault,
    )
