"""The process: takes calls of scripts, one after another, and orders of the test.

    python server.py          # says {"port": …} and ends with its standard input

A connection's first line says who it is: {"hello": "script", "pid": …} or {"hello": "test"}. Every
line after it is answered by one. A script may be killed before or after any of its calls.
"""

from __future__ import annotations

import json
import os
import signal
import socketserver
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[3] / part) for part in ("", "plugin", "remux")]

from tests.resolve.fake.application import Bmd
from tests.resolve.fake.dump import dumped
from tests.resolve.fake.scene import built
from tests.resolve.fake.versions import STUDIO_ONLY, arguments_since, since
from tests.resolve.fake.wire import CLASSES, decoded, encoded, methods, names
from tests.resolve.fake.world import Part, World

SIGNATURES = {kind: methods(made) for kind, made in CLASSES.items()}


#: Methods with these verbs answer yes or no; the others answer with something, or nothing.
_DOES = ("Set", "Add", "Delete", "Open", "Save", "Load", "Start", "Clear", "Is")


def unanswered(name: str) -> bool | None:
    """What a call comes back with while a dialog is open."""
    things = ("AddSubFolder", "AddRenderJob")
    return False if name.startswith(_DOES) and name not in things else None


class Hung(Exception):
    """No answer is to be given, and the connection is over."""


@dataclass
class Desk:
    """What the process holds between two lines.

    Attributes:
        log: every call since the scene was set.
        kill: number of the call at which its script dies, and whether "before" or "after" it.
        alive: the application has not quit.
    """

    world: World = field(default_factory=lambda: built({}))
    log: list[dict[str, Any]] = field(default_factory=list)
    kill: tuple[int, str] | None = None
    alive: bool = True

    def order(self, line: dict[str, Any]) -> Any:
        """Do what the test wants."""
        what = line["do"]
        if what == "load":
            self.world.resolve.project.settle()
            self.world, self.log, self.kill, self.alive = built(line["scene"]), [], None, True
        elif what == "knobs":
            self.world.knobs.turn(line["knobs"])
        elif what == "kill":
            self.kill = (len(self.log) + line["at"], line["when"]) if line["at"] else None
        elif what == "dismiss":
            self.world.dialog = False
        elif what == "select":
            current = self.world.resolve.project.current
            assert current is not None
            current.selected = [item for item in current.items if item.uid in line["items"]]
        elif what == "reopen":
            self.world.resolve.reopen()
        elif what == "user":
            # The person does something meanwhile: a call that is not the script's.
            return encoded(self._done(line))
        elif what == "settle":
            self.world.resolve.project.settle()
        elif what == "log":
            return self.log
        elif what == "dump":
            with self.world.lock:
                return dumped(self.world)
        else:
            raise ValueError(what)
        return None

    def call(self, line: dict[str, Any], script: int) -> Any:
        """Do what a script calls, unless it dies of it."""
        world = self.world
        entry = {key: line[key] for key in ("call", "args")}
        entry["class"] = line["class"]
        self.log.append(entry)
        number = len(self.log)
        if world.knobs.quits == number or not self.alive:
            self.alive = False
            raise Hung
        if self.kill == (number, "before"):
            os.kill(script, signal.SIGKILL)
            raise Hung
        with world.lock:
            world.resolve.meanwhile(number)
        first, calls = world.knobs.modal, world.knobs.modal_calls
        busy = first is not None and first <= number < first + calls
        with world.lock:
            value = unanswered(line["call"]) if busy else encoded(self._done(line))
        entry["value"] = value
        if self.kill == (number, "after"):
            os.kill(script, signal.SIGKILL)
            raise Hung
        return value

    def _done(self, line: dict[str, Any]) -> Any:
        world = self.world
        part = world.parts.get(line["object"])
        if not isinstance(part, Part) or part.gone:
            return None
        kind, name = type(part).__name__, line["call"]
        full = f"{kind}.{name}"
        given = [decoded(world, each) for each in line["args"]]
        signature = SIGNATURES[kind].get(name)
        if signature is None or since(full) > world.version:
            world.violated(f"{full} is not there in {world.profile}")
            return None
        try:
            signature.bind(part, *given)
        except TypeError as error:
            world.violated(f"{full}: {error}")
            return None
        if arguments_since(full, len(given)) > world.version:
            world.violated(f"{full} takes fewer arguments in {world.profile}")
            return None
        if full in STUDIO_ONLY and not world.studio:
            world.violated(f"{full} opens a dialog in the free edition")
            world.dialog = True
        return unanswered(name) if world.dialog else getattr(part, name)(*given)


class Talk(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        hello = json.loads(self.rfile.readline())
        desk: Desk = self.server.desk  # type: ignore[attr-defined]
        world = desk.world
        if hello["hello"] == "script":
            known = next((p for p in world.parts.values() if isinstance(p, Bmd)), None)
            bmd = known or Bmd(world)
            self._say(
                {
                    "resolve": encoded(world.resolve),
                    "fusion": encoded(world.resolve.fusion),
                    "bmd": encoded(bmd),
                    "names": names(world),
                    "outside": world.studio,
                    "listed": world.studio or world.version < (21, 1, 0),
                }
            )
        try:
            for text in self.rfile:
                self._say(self._answer(desk, json.loads(text), hello))
        except (Hung, ConnectionError):
            return

    def _answer(self, desk: Desk, line: dict[str, Any], hello: dict[str, Any]) -> Any:
        try:
            if hello["hello"] == "test":
                return {"value": desk.order(line)}
            if "violation" in line:
                desk.world.violated(line["violation"])
                return {"value": None}
            return {"value": desk.call(line, hello["pid"])}
        except Hung:
            raise
        except Exception as error:
            # A mistake of the fake's own must not look like Resolve's silence.
            desk.world.violated(f"the fake broke: {type(error).__name__}: {error} at {line}")
            return {"broken": f"{type(error).__name__}: {error}"}

    def _say(self, value: Any) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")
        self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    """Listens on the loopback alone."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.desk = Desk()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is nobody's fault."""


def main() -> None:
    """Serve until the standard input ends."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        os._exit(0)


if __name__ == "__main__":
    main()
