# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the engine is, and the one process of it that Blender talks to.

The engine is a program of its own, in a Python of its own: one that the person named, the one that
`soundmatte install blender` recorded, or the one that `environment` made. The service's key is the
engine's business alone: it comes from the environment or the system's keyring, and never gets here.
This module must not know bpy, nor what is asked of the engine.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bridge_client import BridgeClient, BridgeError
from .refusal import Refusal

Event = dict[str, Any]

#: Names the engine's command, before anything else does.
VARIABLE = "SOUNDMATTE_ENGINE"
#: In the extension's own folder: what `soundmatte install blender` wrote, and the environment that
#: the Install button made, with the document that is written when it is whole.
RECORD, ENVIRONMENT, WHOLE = "engine.json", "engine", "whole.json"
_LOG, _LOG_BEFORE = "engine.log", "engine.before.log"
#: Bytes of a log that is begun anew.
_LONG = 1_000_000

_MISSING = "Soundmatte's engine is not installed."
_INSTALL = (
    "Press Install Engine in the panel, "
    "or run `pip install soundmatte` and then `soundmatte install blender`."
)


@dataclass(frozen=True)
class Where:
    """An engine.

    Attributes:
        words: its command, to which `bridge` is added.
        origin: "variable", "preference", "recorded" or "own".
    """

    words: tuple[str, ...]
    origin: str

    @property
    def own(self) -> bool:
        """Whether the extension's Install button made it, so that it can be removed there."""
        return self.origin == "own"

    @property
    def title(self) -> str:
        """Where it is, for a person."""
        return self.words[0]


def found(folder: str, preferred: str = "") -> Where | None:
    """The engine that would be started; None where there is none.

    Quick enough to be asked whenever a panel is drawn. One that a person named is taken at their
    word; others are passed over where their program is gone.

    Args:
        folder: the extension's own, as `bpy.utils.extension_path_user` names it.
        preferred: program that the preferences name, absolute; empty for none.
    """
    if os.environ.get(VARIABLE):
        return Where(_words(os.environ[VARIABLE]), "variable")
    if preferred:
        return Where((preferred,), "preference")
    recorded = _recorded(Path(folder, RECORD))
    if recorded and os.path.isfile(recorded[0]):
        return Where(recorded, "recorded")
    python = environment_python(folder)
    if Path(folder, ENVIRONMENT, WHOLE).is_file() and os.path.isfile(python):
        return Where((python, "-I", "-m", "soundmatte"), "own")
    return None


def environment_python(folder: str) -> str:
    """The interpreter of the environment that the Install button makes."""
    parts = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(folder, ENVIRONMENT, *parts)


def start(folder: str, preferred: str = "") -> Engine:
    """Start the engine; it says hello later. For the arguments see `found`.

    Raises:
        Refusal: there is none, or it cannot be started.
    """
    where = found(folder, preferred)
    if where is None:
        raise Refusal(_MISSING, _INSTALL)
    try:
        os.makedirs(folder, exist_ok=True)
        return Engine(where, _log(folder))
    except BridgeError as error:
        raise Refusal(str(error), _WAYS_OUT[where.origin]) from error
    except OSError as error:
        raise Refusal(
            f"Nothing can be written to {folder}: {error.strerror}.",
            "Make room, or choose another disk for Blender's own files.",
        ) from error


class Engine(BridgeClient):
    """The engine, running. To be used on Blender's own thread; nothing here waits but `close`.

    Attributes:
        where: which one it is.
    """

    def __init__(self, where: Where, log: str) -> None:
        """Start it; raises BridgeError."""
        self.where = where
        self._heard: dict[str, Callable[[Event], None]] = {}
        super().__init__([*where.words, "bridge"], log)

    @property
    def ended(self) -> bool:
        """Whether it has gone, so that another must be started; its last events may be waiting."""
        return self.failure is not None

    def send(self, request: str, **fields: Any) -> str:
        """Ask for something; the id that its events carry. Raises Refusal if the engine ended."""
        try:
            return super().send(request, **fields)
        except BridgeError as error:
            raise Refusal(str(error), self.advice) from error

    def ask(self, request: str, then: Callable[[Event], None], **fields: Any) -> str:
        """Ask for something whose last event, `done` or `error`, is for `then` alone.

        `then` is called from within `poll`, which does not return that request's events.
        """
        name = self.send(request, **fields)
        self._heard[name] = then
        return name

    def poll(self) -> list[Event]:
        """The events that have come since the last time, with hints that fit this engine."""
        events = []
        for event in super().poll():
            if self.failure is not None and event.get("kind") == self.failure.kind:
                event = dict(event, hint=self.advice)
            if event.get("id") not in self._heard:
                events.append(event)
            elif event["event"] in ("done", "error"):
                self._heard.pop(event["id"])(event)
        return events

    @property
    def advice(self) -> str:
        """What a person can do once the engine has ended; empty while all is well."""
        if self.failure is None:
            return ""
        if self.failure.kind == "EngineOlder":
            return _NEWER_ENGINE[self.where.origin]
        if self.failure.kind == "EngineNewer":
            return _NEWER_EXTENSION
        return self.failure.hint


_WAYS_OUT = {
    "variable": f"Correct the variable {VARIABLE}, or start Blender without it.",
    "preference": "Correct the engine's program in the extension's preferences, or empty it.",
    "recorded": "Run `soundmatte install blender` again.",
    "own": "Remove the engine in the extension's preferences, and install it again.",
}
_NEWER_ENGINE = {
    "own": "Update Soundmatte's engine: remove it in the extension's preferences, "
    "and install it again.",
    **dict.fromkeys(
        ("variable", "preference", "recorded"),
        "Update Soundmatte's engine: run `pip install --upgrade soundmatte` where it is installed.",
    ),
}
_NEWER_EXTENSION = (
    "Update this extension: run `soundmatte install blender`, or install its newest .zip."
)


def _words(command: str) -> tuple[str, ...]:
    """A command as a person writes it: a program, or a program and its words."""
    if os.path.isfile(command):
        return (command,)
    try:
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError:  # a quotation mark too few
        return (command,)
    return tuple(word.strip('"') for word in words) or (command,)


def _recorded(path: Path) -> tuple[str, ...]:
    """The command of a record; empty where there is none that can be read."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["command"]
    except (OSError, ValueError, TypeError, KeyError):
        return ()
    return tuple(map(str, words)) if isinstance(words, list) else ()


def _log(folder: str) -> str:
    """The engine's log; the one before is kept, once it is long."""
    path = os.path.join(folder, _LOG)
    if os.path.isfile(path) and os.path.getsize(path) > _LONG:
        os.replace(path, os.path.join(folder, _LOG_BEFORE))
    return path
