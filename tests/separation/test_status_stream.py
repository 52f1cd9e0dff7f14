"""What becomes of a connection when a status stream has told the end of a job."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from soundmatte.separation.client import AsyncClient, Client
from soundmatte.separation.places import Places
from soundmatte.separation.schema import QueueStatus

ID = "00000000-0000-4000-8000-000000000001"


class Talker:
    """Says of every job that it is completed, by stream; then does what `end` says."""

    def __init__(self, end: str) -> None:
        self.end, self.asked = end, []
        self.released = threading.Event()
        talker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                talker.asked.append((self.path.rpartition("/")[2], self.client_address))
                told = json.dumps(talker.status()).encode()
                if "/stream" in self.path:
                    self.answer(("Transfer-Encoding", "chunked"))
                    event = b"data: %s\n\n" % told
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
                    talker.finish(self)
                else:
                    self.answer(("Content-Length", str(len(told))))
                    self.wfile.write(told)

            def answer(self, header: tuple[str, str]) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header(*header)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def status(self) -> dict[str, Any]:
        url = f"{self.base}/queue/fal-ai/sam-audio/requests/{ID}"
        urls = {"response_url": url, "status_url": f"{url}/status", "cancel_url": f"{url}/cancel"}
        return {"status": "COMPLETED", "request_id": ID, "logs": None, **urls}

    def finish(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.flush()
        if self.end == "ends":
            handler.wfile.write(b"0\r\n\r\n")
            return
        if self.end == "breaks off":
            handler.close_connection = True
            return
        while not self.released.wait(0.05):
            if self.end == "talks on":
                try:
                    handler.wfile.write(b"3\r\n:.\n\r\n")
                except OSError:
                    break
        handler.close_connection = True

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[Talker]:
    talker = Talker(request.param)
    yield talker
    talker.close()


def blocking(talker: Talker) -> tuple[QueueStatus, float]:
    with Client(key="a:b", places=Places.server(talker.base)) as client:
        ticket = client.ticket(ID)
        began = time.monotonic()
        found = client.stream(ticket)
        took = time.monotonic() - began
        client.status(ticket)
    return found, took


def asynchronous(talker: Talker) -> tuple[QueueStatus, float]:
    async def talk() -> tuple[QueueStatus, float]:
        async with AsyncClient(key="a:b", places=Places.server(talker.base)) as client:
            ticket = client.ticket(ID)
            began = time.monotonic()
            found = await client.stream(ticket)
            took = time.monotonic() - began
            await client.status(ticket)
        return found, took

    return asyncio.run(talk())


@pytest.mark.parametrize("talk", [blocking, asynchronous])
@pytest.mark.parametrize(
    ("talker", "same"),
    [("ends", True), ("breaks off", False), ("keeps silent", False), ("talks on", False)],
    indirect=["talker"],
)
def test_its_connection_serves_again_if_it_ends(
    talker: Talker, same: bool, talk: Callable[[Talker], tuple[QueueStatus, float]]
) -> None:
    found, took = talk(talker)
    assert found.status == "COMPLETED"
    assert took < 5  # not the silence after which a stream is given up
    assert [word for word, _ in talker.asked] == ["stream?logs=0", "status?logs=0"]
    (_, first), (_, second) = talker.asked
    assert (first == second) is same


@pytest.mark.parametrize("talker", ["keeps silent"], indirect=True)
def test_a_transport_of_ones_own_is_not_waited_for(talker: Talker) -> None:
    def lines() -> Iterator[bytes]:
        yield b"data: %s\n\n" % json.dumps(talker.status()).encode()
        raise AssertionError("read on")

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=lines()))
    places = Places.server(talker.base)
    with Client(key="a:b", places=places, transport=transport) as client:
        assert client.stream(client.ticket(ID)).status == "COMPLETED"
