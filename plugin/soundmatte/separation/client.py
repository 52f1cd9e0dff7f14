"""The client: one set of operations, blocking and asynchronous.

    from soundmatte.separation.client import Client
    from soundmatte.separation.schema import VisualSeparateInput

    with Client() as client:  # key from FAL_KEY or the system keyring
        video = client.upload(Path("clip.mp4"))
        output = client.subscribe(VisualSeparateInput(video_url=video, prompt="dog"))
        client.download(output.target, Path("dog.wav"))

`AsyncClient` has the same operations to be awaited. This module must not know the wire: each
operation is a call of `queue`, `storage` or `download`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from soundmatte.separation import download as _download
from soundmatte.separation import queue, storage
from soundmatte.separation.call import Call
from soundmatte.separation.errors import NoKey
from soundmatte.separation.keys import Key, find
from soundmatte.separation.places import Places
from soundmatte.separation.redact import SHARED
from soundmatte.separation.schema import AnyInput, QueueStatus, SeparationOutput, Ticket
from soundmatte.separation.transport import Asynchronous, Blocking

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")


class _Operation(Generic[P, T]):
    """An operation written once: on a `Client` it returns, on an `AsyncClient` it is awaited."""

    def __init__(self, make: Callable[Concatenate[Places, P], Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: Client, owner: type[Client]) -> Callable[P, T]: ...
    @overload
    def __get__(
        self, instance: AsyncClient, owner: type[AsyncClient]
    ) -> Callable[P, Awaitable[T]]: ...
    @overload
    def __get__(self, instance: None, owner: Any) -> _Operation[P, T]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self

        def operation(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance.run(self._make(instance.places, *args, **kwargs))

        operation.__doc__ = self.__doc__
        return operation


def _subscribe(
    places: Places,
    given: AnyInput,
    *,
    update: queue.Update | None = None,
    logs: bool = False,
    submitted: Callable[[Ticket], None] | None = None,
    start_timeout: float | None = None,
) -> Call[SeparationOutput]:
    """Submit a job, follow it, and return its output.

    Args:
        update: told the status and its new log lines at every look.
        submitted: told the ticket before the wait, so that it can be kept.

    Raises:
        SubmitUncertain: see `queue.submit`.
        SeparationError: the job failed.
    """
    ticket = yield from queue.submit(places, given, start_timeout=start_timeout)
    if submitted is not None:
        submitted(ticket)
    return (yield from _finish(places, ticket, update=update, logs=logs))


def _finish(
    places: Places, ticket: Ticket, *, update: queue.Update | None = None, logs: bool = False
) -> Call[SeparationOutput]:
    """Follow a job that was submitted before, and return its output."""
    found = yield from queue.stream(ticket, update=update, logs=logs)
    if found.error or found.error_type:
        raise (yield from queue.failed(found, ticket))
    return (yield from queue.result(ticket))


def _status(places: Places, ticket: Ticket, *, logs: bool = False) -> Call[QueueStatus]:
    """Where a request stands; with `logs`, all lines so far."""
    return (yield from queue.status(ticket, logs=logs))


def _stream(
    places: Places, ticket: Ticket, *, update: queue.Update | None = None, logs: bool = False
) -> Call[QueueStatus]:
    """Follow a request by its status stream; each update carries only new log lines."""
    return (yield from queue.stream(ticket, update=update, logs=logs))


def _follow(
    places: Places, ticket: Ticket, *, update: queue.Update | None = None, logs: bool = False
) -> Call[QueueStatus]:
    """Follow a request by looking at it again and again."""
    return (yield from queue.follow(ticket, update=update, logs=logs))


def _result(places: Places, ticket: Ticket) -> Call[SeparationOutput]:
    """The output of a completed request."""
    return (yield from queue.result(ticket))


def _cancel(places: Places, ticket: Ticket) -> Call[bool]:
    """Drop or stop a request; whether that was still possible."""
    return (yield from queue.cancel(ticket))


class _Client:
    """What both clients share: the places, and whose key is sent."""

    def __init__(self, places: Places | None, key: str | Key | None) -> None:
        self.places = places or Places()
        found = key if isinstance(key, Key) else find(key)
        if found is None and not self.places.own:
            raise NoKey(
                "There is no API key.",
                hint="Set FAL_KEY, or keep one with `soundmatte key set`.",
            )
        self._key = found
        # The HTTP library logs whole addresses, and upload addresses hold a signature.
        SHARED.know(found)
        SHARED.guard()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.places.queue})"

    def ticket(self, request_id: str) -> Ticket:
        """The addresses of a request by its id alone."""
        return queue.ticket_for(self.places, request_id)

    submit = _Operation(queue.submit)
    subscribe = _Operation(_subscribe)
    finish = _Operation(_finish)
    status = _Operation(_status)
    stream = _Operation(_stream)
    follow = _Operation(_follow)
    result = _Operation(_result)
    cancel = _Operation(_cancel)
    upload = _Operation(storage.upload)
    download = _Operation(_download.download)


class Client(_Client):
    """The blocking client. Safe to use from several threads."""

    def __init__(
        self,
        *,
        key: str | Key | None = None,
        places: Places | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`key` beats the environment; `places` default to the cloud's, `transport` to httpx's."""
        super().__init__(places, key)
        self._driver = Blocking(self._key, transport)

    def run(self, call: Call[T]) -> T:
        """Run a call of one's own."""
        return self._driver.run(call)

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Client):
    """The asynchronous client."""

    def __init__(
        self,
        *,
        key: str | Key | None = None,
        places: Places | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As `Client`."""
        super().__init__(places, key)
        self._driver = Asynchronous(self._key, transport)

    async def run(self, call: Call[T]) -> T:
        """Run a call of one's own."""
        return await self._driver.run(call)

    async def close(self) -> None:
        """Close the connections."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
