"""What is told of a request: how it goes, and how it ended.

This module must not know where it is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stemmux.console import CANCELLED
from stemmux.errors import Cancelled

if TYPE_CHECKING:
    from pydantic import BaseModel

    from stemmux.ffmpeg import Progress

#: A request tells its progress no more often than this (s).
_EVERY = 0.1

_log = logging.getLogger(__name__)


class Stopped(Cancelled):
    """A request was cancelled over the bridge."""

    def __init__(self) -> None:
        super().__init__(
            "The request was cancelled.",
            hint="Send it again to go on; nothing that was paid for is paid again.",
        )


class Teller:
    """Tells how a request goes, and lets it know that it was cancelled."""

    def __init__(
        self, name: str, cancelled: threading.Event, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        """`name`: the request's id."""
        self._name, self._cancelled, self._tell = name, cancelled, tell
        self._told = -_EVERY

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """See `soundmatte.jobs.run.Listener`."""
        from soundmatte.jobs.bridge_documents import Progress as Told

        last = -1.0

        def progress(share: float) -> None:
            nonlocal last
            if self._cancelled.is_set():
                raise Stopped
            now = time.monotonic()
            if share == last or (now - self._told < _EVERY and 0 < share < 1):
                return
            self._told, last = now, share
            told = Told(id=self._name, stage=name, share=round(share, 4))
            self._tell(told.model_dump(mode="json"))

        progress(0.0)
        yield progress

    def note(self, text: str) -> None:
        """See `soundmatte.jobs.run.Listener`."""
        from soundmatte.jobs.bridge_documents import Log

        # What was cancelled may have been given up, and must say nothing more.
        if not self._cancelled.is_set():
            self._tell(Log(id=self._name, text=text).model_dump(mode="json"))


def done(result: BaseModel, name: str) -> dict[str, Any]:
    """The last event of a request that went well."""
    from soundmatte.jobs.bridge_documents import Done

    return Done(id=name, result=result.model_dump(mode="json")).model_dump(mode="json")


def failed(error: BaseException, name: str | None) -> dict[str, Any]:
    """The last event of a request that has failed."""
    from soundmatte.jobs.bridge_documents import Error
    from soundmatte.separation.redact import SHARED

    kind, message, hint = type(error).__name__, str(error), getattr(error, "hint", None)
    status = getattr(error, "exit_code", 1)
    if isinstance(error, Cancelled):
        kind, status = Cancelled.__name__, CANCELLED
    if hint is None:
        SHARED.guard(__name__)
        _log.error("a request failed unexpectedly", exc_info=error)
        message = f"Something unexpected went wrong ({kind}: {message or 'without a message'})."
        kind, hint = "Unexpected", "Please report this, with the editor's log of Soundmatte."
    told = Error(
        id=name, kind=kind, message=SHARED.scrub(message), hint=SHARED.scrub(hint), exit_code=status
    )
    return told.model_dump(mode="json")
