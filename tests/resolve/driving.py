"""How tests reach the fake Resolve: set a scene, run scripts from its menu, look again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import types
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "resolve_scripts"
#: Seconds that a whole run of a script may take.
LIMIT = 60.0


@dataclass(frozen=True)
class Ran:
    """A script that was run.

    Attributes:
        code: its exit status; below 0 the signal that ended it.
        out, err: what it printed.
    """

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that a person could read."""
        return self.out + self.err


class FakeResolve:
    """A running fake, and the test's own line to it.

    Attributes:
        environment: added to what scripts are given.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fake" / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = json.loads(self._process.stdout.readline())["port"]
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._stream = self._socket.makefile("rwb")
        self._stream.write(b'{"hello": "test"}\n')
        self.environment: dict[str, str] = {}
        self._links: list[Any] = []

    def order(self, do: str, **more: Any) -> Any:
        """Have the process do something that no script can."""
        self._stream.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._stream.flush()
        answer = json.loads(self._stream.readline())
        assert "broken" not in answer, answer
        return answer["value"]

    def load(self, scene: dict[str, Any]) -> None:
        """Begin anew with a scene (`fake.scene`); what is held of the last one is void."""
        while self._links:
            self._links.pop().close()
        self.order("load", scene=scene)

    def turn(self, **knobs: Any) -> None:
        """Turn knobs from now on."""
        self.order("knobs", knobs=knobs)

    def dump(self) -> dict[str, Any]:
        """Everything, as plain values."""
        found: dict[str, Any] = self.order("dump")
        return found

    def calls(self) -> list[str]:
        """`Class.Method` of every call of a script since the scene was set."""
        return [f"{line['class']}.{line['call']}" for line in self.order("log")]

    def kill(self, at: int, when: str = "before") -> None:
        """Let the next script die at its call number `at`, counted from 1; 0 lets it live."""
        self.order("kill", at=at, when=when)

    def variables(self) -> dict[str, str]:
        """The environment that Resolve would give to a script."""
        return {**os.environ, **self.environment, "FAKE_RESOLVE": str(self.port)}

    def begin(self, script: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Start a script from the menu."""
        return subprocess.Popen(
            [sys.executable, str(HERE / "menu.py"), *options, str(script)],
            env={**self.variables(), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: Path, *options: str, limit: float = LIMIT, **variables: str) -> Ran:
        """Run a script from the menu to its end."""
        process = self.begin(script, *options, **variables)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return Ran(process.returncode, out, err)

    def module(self) -> types.ModuleType:
        """`DaVinciResolveScript` in this process, with a connection of its own."""
        os.environ["FAKE_RESOLVE"] = str(self.port)
        path = HERE / "modules" / "DaVinciResolveScript.py"
        module = types.ModuleType("DaVinciResolveScript")
        try:
            SourceFileLoader("DaVinciResolveScript", str(path)).exec_module(module)
            self._links.append(module.link())
        finally:
            del os.environ["FAKE_RESOLVE"]
        return module

    def resolve(self) -> Any:
        """The application as a menu script has it, in this process."""
        return self.module().link().thing("resolve")

    def close(self) -> None:
        """End the process."""
        self.load({})
        self._stream.close()
        self._socket.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
