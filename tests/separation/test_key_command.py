"""`soundmatte key`: keeps, tries and removes the key, and never shows it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import keyring
import keyring.core
import keyring.errors
import pytest
import typer
from memory_keyring import KEY, SECRET, Memory
from typer.testing import CliRunner

from soundmatte.cli import key as command
from soundmatte.errors import SoundmatteError
from soundmatte.separation.errors import BadKey, NoKey
from soundmatte.separation.keys import Key, KeyRefused, store


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """No keyring of the person who runs the tests is touched."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    memory = Memory()
    keyring.set_keyring(memory)
    return memory


def run(
    *words: str, typed: str | None = None, app: typer.Typer | None = None
) -> tuple[str, SoundmatteError | None]:
    """What a command said, on both outputs, and the error that it ended with."""
    done = CliRunner().invoke(app or command.commands(), list(words), input=typed)
    if done.exception is None or isinstance(done.exception, SystemExit):
        assert done.exit_code == 0, done.output
        return done.output, None
    assert isinstance(done.exception, SoundmatteError), done.exception
    return done.output, done.exception


def test_set_takes_the_key_from_a_pipe(ring: Memory) -> None:
    said, error = run("set", typed=f"{KEY}\n")
    assert error is None
    assert ring.kept["soundmatte", "fal"] == KEY
    assert SECRET not in said
    assert "keyring" in said


TERMINAL = """
import os, sys
sys.path.insert(0, sys.argv[1])
os.close(os.open(os.ttyname(0), os.O_RDWR))
import keyring
from memory_keyring import Memory
from soundmatte.cli.key import app
memory = Memory()
keyring.set_keyring(memory)
app(["set"], standalone_mode=False)
print("kept", len(memory.kept["soundmatte", "fal"]), "characters")
"""


def test_set_does_not_show_what_is_typed() -> None:
    """At a real terminal: the key is typed into it, and all that it shows is read back."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, str(Path(__file__).parent)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := _read(ours):
            shown += piece
            if shown.endswith(b"Key: "):
                os.write(ours, f"{KEY}\n".encode())
        assert child.wait(10) == 0, shown
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    assert f"kept {len(KEY)} characters".encode() in shown
    assert SECRET.encode() not in shown


def _read(terminal: int) -> bytes:
    """What a terminal shows next; nothing when the program at it has ended."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""


def test_set_takes_no_argument_and_says_why() -> None:
    done = CliRunner().invoke(command.app, ["set", KEY])
    assert done.exit_code == 2
    said, _ = run("set", "--help")
    assert "history" in said
    assert "| soundmatte key set" in said


@pytest.mark.parametrize("typed", ["", "\n", "two words\n", KEY + "\n" + "x" * 9000])
def test_set_refuses_what_is_no_key(ring: Memory, typed: str) -> None:
    said, error = run("set", typed=typed)
    assert isinstance(error, KeyRefused)
    assert ring.kept == {}
    assert SECRET not in said + str(error)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"FAL_KEY": "other:key"}, "FAL_KEY"),
        ({"FAL_KEY_ID": "a", "FAL_KEY_SECRET": "b"}, "FAL_KEY_ID with FAL_KEY_SECRET"),
    ],
)
def test_set_and_remove_say_what_goes_before(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], name: str
) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert f"{name} goes before" in run("set", typed=KEY)[0]
    assert f"{name} goes before" in run("remove")[0]


def test_test_says_origin_and_form_and_asks_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", KEY)
    said, _ = run("test")
    assert "from FAL_KEY" in said
    assert "an id and a secret" in said
    assert "not asked" in said
    asked: list[Key] = []
    said, _ = run("test", "--json", app=command.commands(asked.append))
    assert json.loads(said)["service"] == "accepted"
    assert asked == [Key(KEY)]
    assert SECRET not in said


def test_test_passes_on_what_the_service_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(key: Key) -> None:
        raise BadKey("The service answered 401.", hint="Check the key.")

    monkeypatch.setenv("FAL_KEY", KEY)
    said, error = run("test", app=command.commands(check))
    assert isinstance(error, BadKey)
    assert "accepted" not in said


def test_test_without_a_key() -> None:
    _, error = run("test")
    assert isinstance(error, NoKey)
    assert "soundmatte key set" in error.hint


def test_remove_says_whether_there_was_one() -> None:
    store(KEY)
    assert "Removed" in run("remove")[0]
    assert "none" in run("remove")[0]
