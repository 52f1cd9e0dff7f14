"""What the client makes of engines that are none, are another version, or break down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tests.bridge.talking import Starter, environment, heard

from soundmatte.hosts import bridge_client
from soundmatte.hosts.bridge_client import BridgeClient, BridgeError

HELLO = {"event": "hello", "version": 1}


def saying(*lines: object, then: str = "sys.stdin.read()") -> list[str]:
    """A program that says these lines, reads all that it is told, and ends."""
    said = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return [
        sys.executable,
        "-c",
        f"import sys\nsys.stdout.write({said!r})\nsys.stdout.flush()\n{then}",
    ]


def ended(client: BridgeClient, name: str) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        client.wait(name, 20)
    assert not client.waiting
    assert client.failure is not None
    return caught.value


def test_an_engine_that_cannot_be_started(tmp_path: Path) -> None:
    for argv in ([str(tmp_path / "nothing")], [str(tmp_path)], ["a\0b"]):
        with pytest.raises(BridgeError, match="cannot be started") as caught:
            BridgeClient(argv, tmp_path / "log.txt")
        assert caught.value.kind == "EngineMissing"
        assert "still installed" in caught.value.hint
    with pytest.raises(BridgeError, match="cannot be started"):
        BridgeClient(saying(HELLO), tmp_path / "no folder" / "log.txt")


@pytest.mark.parametrize(
    ("lines", "sentence", "hint"),
    [
        (["Usage: soundmatte …"], "not Soundmatte's engine", "log.txt"),
        (['{"event": 1'], "not Soundmatte's engine", "log.txt"),
        (["[]"], "not Soundmatte's engine", "log.txt"),
        ([{"event": "done", "id": "1", "result": {}}], "not Soundmatte's engine", "log.txt"),
        ([HELLO, "a line from elsewhere"], "not Soundmatte's engine", "log.txt"),
        ([{**HELLO, "version": 2}], "version 2", "Update this editor's Soundmatte plugin."),
        ([{**HELLO, "version": 0}], "version 0", "Update Soundmatte's engine."),
        ([{"event": "hello"}], "version None", "Update Soundmatte's engine."),
    ],
)
def test_what_is_no_engine_of_ours(
    start: Starter, lines: list[object], sentence: str, hint: str
) -> None:
    client = start(saying(*lines))
    error = ended(client, client.send("jobs"))
    assert sentence in str(error)
    assert hint in error.hint
    with pytest.raises(BridgeError, match=sentence):
        client.send("jobs")
    # Its standard input was closed, and that was enough.
    assert client._process.wait(5) == 0


def test_an_engine_that_says_nothing(start: Starter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_client, "PATIENCE", 0.2)
    client = start(saying())
    assert "does not answer" in str(ended(client, client.send("jobs")))


def test_an_engine_that_dies(start: Starter) -> None:
    """Every open request ends, with the status and the log's name."""
    client = start(saying(HELLO, then="import time; sys.stderr.write('why\\n'); time.sleep(60)"))
    names = [client.send("jobs"), client.send("describe")]
    heard(client, lambda event: event["event"] == "hello")
    os.kill(client.pid, signal.SIGKILL)
    errors = [ended(client, name) for name in names]
    assert {error.kind for error in errors} == {"EngineEnded"}
    assert "The engine has ended" in str(errors[0])
    assert "log.txt" in errors[0].hint
    assert start.log in (b"", b"why\n")
    assert client.poll() == []


def test_an_engine_that_takes_nothing_does_not_hold_up_the_editor(start: Starter) -> None:
    """Neither what is said nor what is asked waits for it; and by force it ends in time."""
    client = start(saying(HELLO, then="import time; time.sleep(600)"))
    began = time.monotonic()
    names = [client.send("describe", media="x" * 100_000) for _ in range(20)]
    client.cancel(names[0])
    client.poll()
    assert time.monotonic() - began < 0.5
    client.close(limit=0.3)
    assert time.monotonic() - began < 3
    assert [event["id"] for event in client.poll() if event["event"] == "error"] == names
    before = threading.active_count()
    time.sleep(0.1)
    assert threading.active_count() <= before


def test_of_the_editors_own_python_the_engine_sees_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blender and Resolve name their own library; another interpreter would not start with it."""
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with BridgeClient(saying(HELLO), tmp_path / "log.txt") as client:
        heard(client, lambda event: event["event"] == "hello")


def test_the_client_and_the_program_as_it_is_installed(tmp_path: Path) -> None:
    """The command that an editor is given, `soundmatte bridge`; its notes are in the log."""
    words = [sys.executable, "-c", "from soundmatte.cli import main; main()", "bridge", "-v"]
    with BridgeClient(words, tmp_path / "log.txt", environment()) as client:
        assert client.wait(client.send("jobs"), 20) == {"version": 1, "jobs": []}
        assert client.hello is not None
        assert client.hello["pid"] == client.pid
    assert client._process.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGPIPE")
def test_an_engine_that_has_gone_does_not_take_an_editor_with_it(tmp_path: Path) -> None:
    """Blender's own Python leaves SIGPIPE at its default, which ends a process."""
    editor = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "from soundmatte.hosts.bridge_client import BridgeClient\n"
        "client = BridgeClient([sys.executable, '-c', ''], sys.argv[1])\n"
        "client._process.wait()\n"
        "client.send('describe')\n"
        "while client.waiting:\n"
        "    client.poll()\n"
        "    time.sleep(0.01)\n"
        "client._threads[1].join(1)\n"
        "print(client.failure)\n"
    )
    argv = [sys.executable, "-c", editor, str(tmp_path / "log.txt")]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "The engine has ended (status 0).\n"), done
