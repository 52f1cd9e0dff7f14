"""The page's server: a few short connections on this computer's own address, and a fixed list.

Everything that can be asked for is in two tables; a path is looked up in them as it came, so there
is nothing to climb out of. Every answer ends its connection, every request has to come whole within
seconds, and nothing of any of them is logged. This module must not know how anything is done.
"""

from __future__ import annotations

import io
import json
import logging
import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from urllib.parse import parse_qs

from pydantic import ValidationError

from soundmatte.page import ranges
from soundmatte.page.guard import HEADERS, LARGEST_BODY, Guard
from soundmatte.page.seen import ALLOWED, Act, Seen
from soundmatte.page.work import Choice, Heard, Shown

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Connections at a time: a browser opens six, and a second one may be reloading.
CONNECTIONS: Final = 16
#: Seconds for a whole request to come, and for every block of an answer to be taken.
PATIENCE, SLOWEST = 5.0, 20.0
#: Seconds for whoever was refused to stop talking.
_HANGING_UP = 0.5
#: Seconds that a browser is kept waiting for news.
_NEWS = 10.0
_BLOCK = 1 << 16

_STATIC = Path(__file__).parent / "static"
#: What is the same for everybody, by its path.
_PARTS: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/sound.js": ("sound.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_KINDS: Final = {".png": "image/png", ".mp4": "video/mp4", ".wav": "audio/wav"}
_FILES: Final = {f"/file/{role}": role for role in (*get_args(Shown), *get_args(Heard))}
_ACTS: Final[dict[str, Act]] = {f"/{act}": act for act in ALLOWED}

_log = logging.getLogger(__name__)


class Server:
    """Serves a page from a random port of 127.0.0.1, for as long as the context lasts."""

    def __init__(self, seen: Seen) -> None:
        self._server = _Connections(seen)
        # It looks ten times a second whether it should end.
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))
        self._thread.daemon = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def address(self) -> str:
        """What lets one browser in, once; whoever has it is let in."""
        return f"http://127.0.0.1:{self.port}/#{self._server.guard.word}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Connections(socketserver.ThreadingTCPServer):
    """Takes connections, a few at a time."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__(("127.0.0.1", 0), _Request)
        self.port = int(self.server_address[1])
        self.guard = Guard(self.port)

    def server_bind(self) -> None:
        """Bind to a port that no other program can share."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, or hang up."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection; its place is free afterwards."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no fault; of anything else only the kind is noted."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, OSError):
            _log.error("a request of the page failed: %s", kind.__name__)


class _Patient(io.RawIOBase):
    """What comes over a connection, until its time is up."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._end = connection, time.monotonic() + PATIENCE

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(memoryview(buffer))


class _Request(BaseHTTPRequestHandler):
    """One request, and its answer."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Soundmatte", ""
    server: _Connections

    def setup(self) -> None:
        """Have the whole request come in time."""
        super().setup()
        self.rfile = io.BufferedReader(_Patient(self.connection))

    def do_GET(self) -> None:
        """Answer with a part of the page, what is seen, or a file."""
        path, _, query = self.path.partition("?")
        if not self._welcome("GET", entrance=path in _PARTS):
            return
        if path in _PARTS:
            name, kind = _PARTS[path]
            self._answer(HTTPStatus.OK, (_STATIC / name).read_bytes(), kind)
        elif not self.server.guard.known(self.headers):
            self._refuse(HTTPStatus.FORBIDDEN, "This page is open in another browser.")
        elif path == "/state":
            asked = parse_qs(query)
            after = asked.get("after", ["-1"])[0]
            number = int(after) if after.isascii() and after.isdigit() and len(after) < 10 else -1
            tab = asked.get("tab", [""])[0]
            view = self.server.seen.look(number, _NEWS, tab)
            self._answer(HTTPStatus.OK, json.dumps(view).encode("ascii"), "application/json")
        elif path in _FILES and (file := self.server.seen.file(_FILES[path])) is not None:
            self._file(file)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def do_POST(self) -> None:
        """Take what the person did."""
        if not self._welcome("POST", entrance=False):
            return
        guard, seen = self.server.guard, self.server.seen
        said = self._said()
        if said is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "That cannot be understood.")
        elif self.path == "/enter":
            self._enter(said.get("word"))
        elif not guard.known(self.headers):
            self._refuse(HTTPStatus.FORBIDDEN, "This page is open in another browser.")
        elif self.path == "/left":
            seen.leave(str(said.get("tab", "")))
            self._answer(HTTPStatus.NO_CONTENT)
        elif self.path in _ACTS:
            self._act(_ACTS[self.path], said)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _welcome(self, method: str, *, entrance: bool) -> bool:
        refusal = self.server.guard.refusal(method, self.headers, entrance=entrance)
        if refusal is not None:
            self._refuse(refusal.status, refusal.words)
            self._let_finish()
        return refusal is None

    def _let_finish(self) -> None:
        """Hear a little of what is not wanted: who is hung up on does not read why."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_HANGING_UP)
            for _ in range(LARGEST_BODY // 1024):
                if not self.connection.recv(_BLOCK):
                    return

    def _said(self) -> dict[str, Any] | None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            said = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            return None
        return said if isinstance(said, dict) else None

    def _enter(self, word: object) -> None:
        if self.server.guard.known(self.headers):
            self._answer(HTTPStatus.NO_CONTENT)
            return
        cookie = self.server.guard.let_in(word)
        if cookie is None:
            self._refuse(HTTPStatus.FORBIDDEN, "This page is open in another browser.")
            return
        self.server.seen.enter()
        self._answer(HTTPStatus.NO_CONTENT, cookie=cookie)

    def _act(self, act: Act, said: dict[str, Any]) -> None:
        try:
            choice = Choice.model_validate(said["choice"]) if "choice" in said else None
        except ValidationError:
            self._refuse(HTTPStatus.BAD_REQUEST, "That cannot be chosen.")
            return
        number = said.get("offer")
        number = number if isinstance(number, int) and not isinstance(number, bool) else 0
        if act == "choose" and choice is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "Nothing was chosen.")
        elif self.server.seen.wish(act, choice, number):
            self._answer(HTTPStatus.NO_CONTENT)
        else:
            self._refuse(HTTPStatus.CONFLICT, "That is not on the page any more.")

    def _file(self, path: Path) -> None:
        with suppress(FileNotFoundError), path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            try:
                part = ranges.wanted(self.headers.get("Range"), size)
            except ranges.NotThere:
                status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
                self._head(status, 0, {"Content-Range": f"bytes */{size}"})
                return
            start, end = part or (0, size)
            headers = {"Content-Type": _KINDS[path.suffix], "Accept-Ranges": "bytes"}
            if part is not None:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
            self._head(status, end - start, headers)
            file.seek(start)
            while start < end and (block := file.read(min(_BLOCK, end - start))):
                self.wfile.write(block)
                start += len(block)
            return
        self._refuse(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _refuse(self, status: HTTPStatus, words: str) -> None:
        self._answer(status, words.encode(), "text/plain; charset=utf-8")

    def _answer(
        self, status: HTTPStatus, body: bytes = b"", kind: str = "", *, cookie: str = ""
    ) -> None:
        headers = {"Content-Type": kind} if kind else {}
        self._head(status, len(body), headers | ({"Set-Cookie": cookie} if cookie else {}))
        self.wfile.write(body)

    def _head(self, status: HTTPStatus, length: int, headers: dict[str, str]) -> None:
        self.connection.settimeout(SLOWEST)
        self.send_response(status)
        for name, value in {**HEADERS, **headers}.items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request that is taken here, without a word of it."""
        known = code in cast("set[int]", set(HTTPStatus))
        status = HTTPStatus(code) if known else HTTPStatus.BAD_REQUEST
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.close_connection = True
        self._refuse(status, "That cannot be asked here.")

    def log_message(self, format: str, *words: Any) -> None:
        """Note nothing: an address may hold what lets a browser in."""
