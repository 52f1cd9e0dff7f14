"""Drive calls over HTTP: the one module that knows httpx.

A call is a generator (`soundmatte.separation.call`); `Blocking` and `Asynchronous` run the same
ones. Connections are reused, redirects are not followed (a key must not travel along), and httpx's
exceptions become this package's at this seam. httpx can be replaced here alone: its API is kept by
httpx2. This module must not know what is asked.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

import httpx

from soundmatte import __version__
from soundmatte.separation.call import Ask, Call, FilePart, Pause, Reply, Together
from soundmatte.separation.errors import BadAnswer, ConnectionFailed, ConnectionLost
from soundmatte.separation.keys import Key

T = TypeVar("T")
Step = Ask | Pause | Together

#: Bytes of a file that are sent at a time: with more, the sending copies what did not fit again and
#: again; with less, it is interrupted more often.
_PIECE = 512 * 1024
_CONNECT_TIMEOUT = 20.0
#: An answer of which enough was heard is read to its end if that comes within so many seconds, for
#: its connection can then be used again; another costs several round trips.
_REST = 0.5
_CHECK = "Check the connection and the server's address."


def _request(ask: Ask, key: Key | None) -> dict[str, Any]:
    headers = {"User-Agent": f"soundmatte/{__version__}", **ask.headers}
    if ask.authorised and key is not None:
        headers["Authorization"] = key.header()
    if isinstance(ask.body, FilePart):
        headers["Content-Length"] = str(ask.body.length)
    request: dict[str, Any] = {"method": ask.method, "url": ask.url, "headers": headers}
    if ask.json is not None:
        request["json"] = ask.json
    timeout = httpx.Timeout(ask.timeout, connect=_CONNECT_TIMEOUT)
    return {**request, "timeout": timeout}


@contextmanager
def _mapped() -> Iterator[None]:
    """httpx's exceptions as ours; the most telling first."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        what = f"The server cannot be reached ({type(error).__name__})."
        raise ConnectionFailed(what, hint=_CHECK) from None
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.ProxyError) as error:
        what = f"The address cannot be used ({type(error).__name__})."
        raise ConnectionFailed(what, hint=_CHECK) from None
    except httpx.DecodingError:
        raise BadAnswer("The server's answer cannot be decoded.", hint=_CHECK) from None
    except httpx.HTTPError as error:
        what = f"The connection was lost ({type(error).__name__})."
        raise ConnectionLost(what, hint=_CHECK) from None


def _pieces(ask: Ask) -> Iterator[bytes]:
    part = ask.body
    assert isinstance(part, FilePart)
    left, sent = part.length, 0
    with part.path.open("rb") as file:
        file.seek(part.start)
        while left > 0:
            piece = file.read(min(_PIECE, left))
            if not piece:
                raise ConnectionLost("The file became shorter while it was sent.")
            left -= len(piece)
            yield piece
            sent += len(piece)
            if ask.sent is not None:
                ask.sent(sent)


async def _pieces_async(ask: Ask) -> AsyncIterator[bytes]:
    for piece in _pieces(ask):
        yield piece


class _Store:
    """Where the body of an answer goes: memory, a file, or a listener, with a limit on its size."""

    def __init__(self, ask: Ask, status: int, headers: Mapping[str, str]) -> None:
        self._ask, self._good = ask, 200 <= status < 300
        self._body, self._count = bytearray(), 0
        self._file = None
        if self._good and ask.into is not None:
            resumed = status == 206 and self._fits(headers)
            self._file = ask.into.open("ab" if resumed else "wb")

    def _fits(self, headers: Mapping[str, str]) -> bool:
        assert self._ask.into is not None
        have = self._ask.into.stat().st_size if self._ask.into.exists() else 0
        return headers.get("content-range", "").startswith(f"bytes {have}-")

    @property
    def listening(self) -> bool:
        return self._good and self._ask.each_line is not None

    def take(self, piece: bytes) -> None:
        self._count += len(piece)
        if self._count > self._ask.most:
            raise BadAnswer("The server's answer is far too long.", hint=_CHECK)
        if self._file is not None:
            self._file.write(piece)
        else:
            self._body += piece

    def close(self) -> bytes:
        if self._file is not None:
            self._file.close()
        return bytes(self._body)


def _reply(response: httpx.Response, body: bytes) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, body)


def _wants_more(ask: Ask, line: str) -> bool:
    return ask.each_line is None or ask.each_line(line)


def _listen(ask: Ask, response: httpx.Response) -> None:
    lines = response.iter_lines()
    with _hanging_up(response) as enough:
        if all(_wants_more(ask, line) for line in lines) or enough is None:
            return
        enough.set()
        with suppress(httpx.HTTPError):
            for _ in lines:
                pass


@contextmanager
def _hanging_up(response: httpx.Response) -> Iterator[threading.Event | None]:
    """An event to set when enough was heard: an answer that does not end then is cut off.

    None where there is no socket to cut. The thread is begun at once, for a job's end is no time to
    begin one: that takes longer than a connection on the same machine.
    """
    stream = response.extensions.get("network_stream")
    connected = stream.get_extra_info("socket") if stream is not None else None
    if connected is None:
        yield None
        return
    enough, over = threading.Event(), threading.Event()

    def watch() -> None:
        enough.wait()
        if not over.wait(_REST):
            with suppress(OSError):
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield enough
    finally:
        over.set()
        enough.set()


async def _listen_async(ask: Ask, response: httpx.Response) -> None:
    lines = response.aiter_lines()
    async for line in lines:
        if not _wants_more(ask, line):
            with suppress(httpx.HTTPError, TimeoutError):
                async with asyncio.timeout(_REST):
                    async for _ in lines:
                        pass
            return


class _Conversation(Generic[T]):
    """A call on its way: takes what became of a step, gives the next one, None at the end."""

    result: T

    def __init__(self, call: Call[T]) -> None:
        self._call = call

    def go_on(self, answer: Any) -> Step | None:
        return self._next(lambda: self._call.send(answer))

    def fail(self, error: BaseException) -> Step | None:
        return self._next(lambda: self._call.throw(error))

    def _next(self, turn: Callable[[], Step]) -> Step | None:
        try:
            return turn()
        except StopIteration as end:
            self.result = end.value
            return None


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust; read once, since reading takes longer than a small request."""
    return httpx.create_ssl_context()


class Blocking:
    """Runs calls on the calling thread; `Together` on a few more."""

    def __init__(self, key: Key | None, transport: httpx.BaseTransport | None = None) -> None:
        self._key = key
        self._client = httpx.Client(
            transport=transport, verify=_certificates(), follow_redirects=False
        )

    def run(self, call: Call[T]) -> T:
        """Run a call to its end."""
        talk = _Conversation(call)
        step = talk.go_on(None)
        while step is not None:
            try:
                answer = self._do(step)
            except BaseException as error:
                step = talk.fail(error)
            else:
                step = talk.go_on(answer)
        return talk.result

    def _do(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return self._ask(step)
        if isinstance(step, Pause):
            return time.sleep(step.seconds)
        return self._together(step)

    def _ask(self, ask: Ask) -> Reply:
        request = _request(ask, self._key)
        if isinstance(ask.body, FilePart):
            request["content"] = _pieces(ask)
        elif ask.body is not None:
            request["content"] = ask.body
        with _mapped(), self._client.stream(**request) as response:
            store = _Store(ask, response.status_code, response.headers)
            try:
                if store.listening:
                    _listen(ask, response)
                else:
                    for piece in response.iter_bytes():
                        store.take(piece)
            finally:
                body = store.close()
        return _reply(response, body)

    def _together(self, step: Together) -> list[Any]:
        with ThreadPoolExecutor(step.at_once) as pool:
            futures = [pool.submit(self.run, call) for call in step.calls]
            try:
                return [future.result() for future in futures]
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class Asynchronous:
    """Runs the same calls on an event loop."""

    def __init__(self, key: Key | None, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._key = key
        self._client = httpx.AsyncClient(
            transport=transport, verify=_certificates(), follow_redirects=False
        )

    async def run(self, call: Call[T]) -> T:
        """Run a call to its end."""
        talk = _Conversation(call)
        step = talk.go_on(None)
        while step is not None:
            try:
                answer = await self._do(step)
            except BaseException as error:
                step = talk.fail(error)
            else:
                step = talk.go_on(answer)
        return talk.result

    async def _do(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return await self._ask(step)
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        return await self._together(step)

    async def _ask(self, ask: Ask) -> Reply:
        request = _request(ask, self._key)
        if isinstance(ask.body, FilePart):
            request["content"] = _pieces_async(ask)
        elif ask.body is not None:
            request["content"] = ask.body
        with _mapped():
            async with self._client.stream(**request) as response:
                store = _Store(ask, response.status_code, response.headers)
                try:
                    if store.listening:
                        await _listen_async(ask, response)
                    else:
                        async for piece in response.aiter_bytes():
                            store.take(piece)
                finally:
                    body = store.close()
        return _reply(response, body)

    async def _together(self, step: Together) -> list[Any]:
        free = asyncio.Semaphore(step.at_once)

        async def one(call: Call[Any]) -> Any:
            async with free:
                return await self.run(call)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in step.calls]
        return [task.result() for task in tasks]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
