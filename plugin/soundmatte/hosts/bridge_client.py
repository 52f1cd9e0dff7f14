"""The one client of `soundmatte bridge`: an editor's Python starts the engine and asks it.

    with BridgeClient(["/opt/…/soundmatte", "bridge"], "/tmp/soundmatte.log") as engine:
        asked = engine.send("describe", media="/clips/shot.mov")
        while engine.waiting:            # or from a timer; nothing here ever blocks
            for event in engine.poll():
                ...

This file is copied into the editors' plugins, whose Python is their own: standard library alone,
syntax and library of Python 3.6. It must not know what the documents mean, nor any editor.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Union

#: Of the documents that are written and read here.
VERSION = 1
#: Seconds that an engine has for its first word, and for its end.
PATIENCE = 60.0
LIMIT = 5.0

Event = Dict[str, Any]
Name = Union[str, "os.PathLike[str]"]

#: Windows: no console window, no Ctrl+C of the editor's console, and behind the editor.
CREATION = 0x08000000 | 0x00000200 | 0x00004000 if os.name == "nt" else 0
#: Elsewhere, how far behind the editor; see `step_back`.
NICE = 10
_ENDS = ("done", "error")


class BridgeError(Exception):
    """What a person should read, and in `hint` what they can do.

    Attributes:
        kind: name of the situation, as the engine calls it.
        exit_code: status that the command line would have ended with.
    """

    def __init__(self, message: str, hint: str = "", kind: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.kind = kind
        self.exit_code = exit_code


class BridgeClient:
    """A running engine. To be used from one thread.

    Every request that was sent ends with exactly one event `done` or `error`, also if the engine
    breaks down or is none.

    Attributes:
        hello: what the engine said of itself; None until it has.
        failure: why nothing more will come; None while all is well.
    """

    def __init__(
        self, argv: Sequence[str], log: Name, environment: Optional[Dict[str, str]] = None
    ) -> None:
        """Start the engine; it says hello later.

        Args:
            argv: the engine's command, such as `["/opt/…/soundmatte", "bridge"]`.
            log: file that the engine's notes and faults are appended to.
            environment: of the engine; by default `own_environment()`.

        Raises:
            BridgeError: it cannot be started.
        """
        self.hello: Optional[Event] = None
        self.failure: Optional[BridgeError] = None
        self._log = str(log)
        self._ending = False
        self._count = 0
        self._open: Set[str] = set()
        self._kept: List[Event] = []
        self._inbox: queue.Queue[Optional[bytes]] = queue.Queue()
        self._outbox: queue.Queue[Optional[bytes]] = queue.Queue()
        self._began = time.monotonic()
        self._process = _started(argv, self._log, environment)
        works = (self._read, self._write)
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "BridgeClient":
        return self

    def __exit__(self, *ended: Any) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The engine's process."""
        return self._process.pid

    @property
    def waiting(self) -> bool:
        """Whether a request has not ended yet."""
        return bool(self._open)

    def send(self, request: str, **fields: Any) -> str:
        """Ask for something; paths and fractions may stand in `fields` as they are.

        Returns:
            The request's id, which its events carry.

        Raises:
            BridgeError: the engine has ended.
        """
        if self.failure is not None:
            raise self.failure
        self._count += 1
        name = str(self._count)
        self._say(dict(fields, version=VERSION, id=name, request=request))
        self._open.add(name)
        return name

    def cancel(self, name: str) -> None:
        """Ask that a request ends; its last event then says that it was cancelled, or done."""
        self._say({"version": VERSION, "id": name, "request": "cancel"})

    def poll(self) -> List[Event]:
        """The events that have come since the last time. Returns at once."""
        events, self._kept = self._kept, []
        while True:
            try:
                line = self._inbox.get_nowait()
            except queue.Empty:
                break
            events += self._understood(line)
        mute = self.hello is None and self.failure is None
        if mute and time.monotonic() - self._began > PATIENCE:
            events += self._failed("The engine does not answer.", self._see_log())
        return events

    def wait(
        self,
        name: str,
        limit: Optional[float] = None,
        listener: Callable[[Event], None] = lambda event: None,
    ) -> Any:
        """Wait for the end of a request: for scripts that have nothing else to do meanwhile.

        Args:
            limit: seconds; None waits as long as it takes.
            listener: told the request's other events. Those of other requests stay for `poll`.

        Returns:
            The result.

        Raises:
            BridgeError: it failed, or is not done within the limit (and goes on).
        """
        deadline = None if limit is None else time.monotonic() + limit
        others: List[Event] = []
        try:
            while True:
                events = self.poll()
                while events:
                    event = events.pop(0)
                    if event.get("id") != name:
                        others.append(event)
                    elif event["event"] not in _ENDS:
                        listener(event)
                    else:
                        others += events
                        return _result(event)
                if deadline is not None and time.monotonic() > deadline:
                    raise BridgeError("The engine is not done yet.", "Wait, or cancel it.")
                time.sleep(0.01)
        finally:
            self._kept = others + self._kept

    def end(self) -> None:
        """Ask the engine to end, cancelling what is under way. Returns at once."""
        self._ending = True
        self._outbox.put(None)

    def close(self, limit: float = LIMIT) -> None:
        """End the engine: politely, and after `limit` seconds by force, with all its children."""
        self.end()
        try:
            self._process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            end_tree(self._process)
        for thread in self._threads:
            thread.join(timeout=1.0)
        self._kept = self.poll()
        self._kept += self._understood(None)

    def _say(self, line: Event) -> None:
        # Plain ASCII: a name that is no text comes through as it is.
        self._outbox.put(json.dumps(line, default=str).encode("ascii") + b"\n")

    def _see_log(self) -> str:
        return f"What it said is in {self._log}."

    def _understood(self, line: Optional[bytes]) -> List[Event]:
        """The events that a line from the engine means; None is its end."""
        if self.failure is not None:
            return []
        if line is None:
            if self._ending:
                return self._failed("The engine was closed.", "Start it again.")
            code = self._process.poll()
            status = "" if code is None else f" (status {code})"
            return self._failed(f"The engine has ended{status}.", self._see_log())
        event = _event(line)
        if event is None or (self.hello is None and event["event"] != "hello"):
            return self._failed("What was started is not Soundmatte's engine.", self._see_log())
        if event["event"] == "hello":
            refusal = _refusal(event.get("version"))
            if refusal is not None:
                return self._failed(*refusal)
            self.hello = event
        elif event["event"] in _ENDS and event.get("id") is not None:
            self._open.discard(event["id"])
        return [event]

    def _failed(self, message: str, hint: str, kind: str = "EngineEnded") -> List[Event]:
        """Nothing more will come: end the engine, and every request that is open."""
        if self.failure is None:
            self.failure = BridgeError(message, hint, kind)
        self.end()
        ended, self._open = sorted(self._open, key=int), set()
        told = {"event": "error", "kind": kind, "message": message, "hint": hint}
        return [dict(told, id=name, exit_code=1) for name in ended]

    def _read(self) -> None:
        with self._process.stdout as stream:  # type: ignore[union-attr]
            for line in stream:
                self._inbox.put(line)
        self._inbox.put(None)

    def _write(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        if hasattr(signal, "pthread_sigmask"):
            # An editor's Python may leave SIGPIPE as it is, and an engine that has gone would take
            # the editor with it. Blocked in this thread, it is an OSError here.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
        # That the engine has gone is told by the other thread.
        with contextlib.suppress(OSError):
            for line in iter(self._outbox.get, None):
                stream.write(line)
                stream.flush()
        with contextlib.suppress(OSError):
            stream.close()


def _started(
    argv: Sequence[str], log: str, environment: Optional[Dict[str, str]]
) -> "subprocess.Popen[bytes]":
    try:
        with open(log, "ab") as stderr:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=own_environment() if environment is None else environment,
                # Windows' Python 3.6 cannot do both; nothing is inheritable there anyway.
                close_fds=os.name != "nt",
                # Ctrl+C in the terminal that an editor was started from is the editor's.
                start_new_session=os.name != "nt",
                creationflags=CREATION,
            )
        step_back(process)
        return process
    except (OSError, ValueError) as error:
        raise BridgeError(
            f"The engine cannot be started: {error}.",
            "Is Soundmatte still installed where the editor's plugin looks for it?",
            "EngineMissing",
        ) from error


def _event(line: bytes) -> Optional[Event]:
    try:
        event = json.loads(line.decode("ascii"))
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _refusal(version: Any) -> Optional[List[str]]:
    """Why an engine with that version of the documents cannot be used, the way out, the kind."""
    if version == VERSION:
        return None
    newer = isinstance(version, int) and version > VERSION
    message = "The engine speaks version {} of the documents, this plugin version {}."
    side = "this editor's Soundmatte plugin" if newer else "Soundmatte's engine"
    kind = "EngineNewer" if newer else "EngineOlder"
    return [message.format(version, VERSION), f"Update {side}.", kind]


def _result(event: Event) -> Any:
    if event["event"] == "done":
        return event["result"]
    raise BridgeError(event["message"], event["hint"], event["kind"], event["exit_code"])


def own_environment() -> Dict[str, str]:
    """The editor's environment without what is meant for its own Python.

    Names with an underscore behind PYTHON are left: they are other programs', or harm nobody.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith("PYTHON_")
        or not name.startswith(("PYTHON", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV"))
    }


def step_back(process: "subprocess.Popen[bytes]") -> None:
    """Let a process, which leads a session of its own, and all that it starts, give way to others.

    Windows has done so from its creation flags.
    """
    if os.name != "nt":
        # The whole group: threads that it has already would be left out otherwise.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, process.pid, NICE)


def end_tree(process: "subprocess.Popen[bytes]") -> None:
    """End a process and everything that it started, at once."""
    if os.name == "nt":
        words = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        nothing = subprocess.DEVNULL
        subprocess.call(
            words, stdin=nothing, stdout=nothing, stderr=nothing, creationflags=CREATION
        )
    else:
        # Stopped, it starts nothing while its children are looked for.
        for number in [process.pid, *_below(process.pid, signal.SIGSTOP)]:
            _signal(number, signal.SIGKILL)
    process.kill()
    process.wait()


def _below(process: int, sign: int) -> List[int]:
    """All descendants of a process, which gets this signal first."""
    _signal(process, sign)
    words = ["ps", "-A", "-o", "pid=", "-o", "ppid="]
    try:
        said = subprocess.check_output(words, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return []  # a system without ps
    parents = {int(row[0]): int(row[1]) for row in map(bytes.split, said.splitlines())}
    found = [process]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return found[1:]


def _signal(process: int, sign: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, sign)
