"""The extension's `engine`: which one it finds, how it starts it, what it tells a person."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.blender.addon import module
from tests.bridge.talking import ENGINE

engine, refusal = module("engine"), module("refusal")
HELLO = {"event": "hello", "version": 1}
OWN = ("-I", "-m", "soundmatte")


@pytest.fixture
def started() -> Iterator[list[Any]]:
    """Engines that are ended with the test."""
    made: list[Any] = []
    yield made
    for each in made:
        each.close()


def record(folder: Path, *words: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "engine.json").write_text(json.dumps({"command": words, "program": "0.1.0"}))


def own(folder: Path, *, whole: bool = True) -> str:
    python = Path(engine.environment_python(str(folder)))
    python.parent.mkdir(parents=True)
    python.write_text("")
    if whole:
        (folder / "engine" / "whole.json").write_text("{}")
    return str(python)


def saying(tmp_path: Path, *lines: object) -> str:
    """A program that says these lines and then only listens."""
    path = tmp_path / "program"
    said = "".join(f"{json.dumps(line)}\n" for line in lines)
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdout.write({said!r})\n"
        "sys.stdout.flush()\nsys.stdin.read()\n"
    )
    path.chmod(0o755)
    return str(path)


def ended(running: Any, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for event in running.poll():
            if event.get("id") == name and event["event"] in ("done", "error"):
                return dict(event)
        time.sleep(0.01)
    raise AssertionError("it does not end")


def nice(stat: Path) -> int:
    """Of a thread, as Linux tells it."""
    return int(stat.read_text().rsplit(")", 1)[1].split()[16])


def test_the_order_in_which_engines_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own folder"
    assert engine.found(str(folder)) is None
    python = own(folder)
    found = engine.found(str(folder))
    assert (found.words, found.own) == ((python, *OWN), True)
    record(folder, sys.executable, "-P", "-m", "soundmatte")
    found = engine.found(str(folder))
    assert found.words == (sys.executable, "-P", "-m", "soundmatte")
    assert not found.own
    assert engine.found(str(folder), "/opt/other").words == ("/opt/other",)
    monkeypatch.setenv("SOUNDMATTE_ENGINE", "'/opt/a b/python' -m soundmatte")
    named = engine.found(str(folder), "/opt/other")
    assert named.words == ("/opt/a b/python", "-m", "soundmatte")
    assert named.title == "/opt/a b/python"
    plain = saying(tmp_path)
    spaced = Path(plain).rename(tmp_path / "a program")
    monkeypatch.setenv("SOUNDMATTE_ENGINE", str(spaced))
    assert engine.found(str(folder)).words == (str(spaced),)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"command": 1}', '{"command": ["/gone"]}'])
def test_a_record_that_leads_nowhere_is_passed_over(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "own"
    own(folder)
    (folder / "engine.json").write_text(text)
    assert engine.found(str(folder)).own


def test_an_environment_that_is_not_whole_is_no_engine(tmp_path: Path) -> None:
    own(tmp_path, whole=False)
    assert engine.found(str(tmp_path)) is None


def test_without_an_engine_the_ways_to_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(refusal.Refusal, match="not installed") as caught:
        engine.start(str(tmp_path))
    assert "Install Engine" in caught.value.hint
    assert "soundmatte install blender" in caught.value.hint


def test_one_that_cannot_be_started_is_refused_with_its_own_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(refusal.Refusal, match="cannot be started") as caught:
        engine.start(str(tmp_path / "a"), str(tmp_path / "gone"))
    assert "preferences" in caught.value.hint
    monkeypatch.setenv("SOUNDMATTE_ENGINE", "/gone/python -m soundmatte")
    with pytest.raises(refusal.Refusal, match="cannot be started") as caught:
        engine.start(str(tmp_path / "a"))
    assert "SOUNDMATTE_ENGINE" in caught.value.hint
    (tmp_path / "file").write_text("")
    with pytest.raises(refusal.Refusal, match="Nothing can be written"):
        engine.start(str(tmp_path / "file" / "folder"))


def test_it_answers_gives_way_and_sees_nothing_of_blenders_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Any]
) -> None:
    """The recorded command is a real engine, started as Blender would."""
    paths = repr([path for path in sys.path if path])
    code = (
        f"import sys; sys.path[:0] = {paths}; sys.argv = {ENGINE[1:2]!r} + sys.argv[1:];"
        "import json, os; names = [n for n in os.environ if n.startswith('PYTHON')];"
        f"open({str(tmp_path / 'names')!r}, 'w').write(json.dumps(names));"
        "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    folder = tmp_path / "own"
    record(folder, sys.executable, "-c", code)
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONOPTIMIZE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("FAL_KEY", "key-of:the-environment")
    running = engine.start(str(folder))
    started.append(running)
    answers: list[dict[str, Any]] = []
    running.ask("describe", answers.append)
    name = running.send("jobs")
    assert ended(running, name)["event"] == "done"
    while not answers:
        assert running.poll() == []
        time.sleep(0.01)
    assert answers[0]["result"]["program"]
    assert json.loads((tmp_path / "names").read_text()) == ["PYTHON_KEYRING_BACKEND"]
    assert os.getpriority(os.PRIO_PROCESS, running.pid) == 10
    tasks = Path(f"/proc/{running.pid}/task")
    if tasks.is_dir():
        nice = [
            int((each / "stat").read_text().rsplit(")")[-1].split()[16]) for each in tasks.iterdir()
        ]
        assert set(nice) == {10}
    assert not running.ended
    for path in folder.iterdir():
        assert b"the-environment" not in path.read_bytes()


def test_an_engine_that_says_nothing_holds_nobody_up(tmp_path: Path, started: list[Any]) -> None:
    running = engine.start(str(tmp_path / "own"), saying(tmp_path))
    started.append(running)
    heard: list[dict[str, Any]] = []
    running.ask("describe", heard.append)
    running.cancel(running.send("jobs"))
    assert running.poll() == heard == []
    assert not running.ended
    assert running.advice == ""


@pytest.mark.parametrize(
    ("version", "origin", "hint"),
    [
        (0, "own", "remove it in the extension's preferences"),
        (0, "recorded", "pip install --upgrade soundmatte"),
        (2, "own", "Update this extension"),
    ],
)
def test_of_two_versions_the_side_to_update_is_named(
    tmp_path: Path, started: list[Any], version: int, origin: str, hint: str
) -> None:
    program = saying(tmp_path, {**HELLO, "version": version})
    running = engine.Engine(engine.Where((program,), origin), str(tmp_path / "log"))
    started.append(running)
    event = ended(running, running.send("jobs"))
    assert f"version {version} of the documents" in event["message"]
    assert hint in event["hint"]
    assert running.ended
    with pytest.raises(refusal.Refusal, match="version") as caught:
        running.send("jobs")
    assert hint in caught.value.hint


def test_an_engine_that_breaks_down_ends_what_was_asked(tmp_path: Path, started: list[Any]) -> None:
    program = saying(tmp_path, HELLO, "nonsense")
    running = engine.start(str(tmp_path / "own"), program)
    started.append(running)
    heard: list[dict[str, Any]] = []
    running.ask("describe", heard.append)
    name = running.send("jobs")
    assert "not Soundmatte's engine" in ended(running, name)["message"]
    assert [event["kind"] for event in heard] == ["EngineEnded"]
    assert "engine.log" in running.advice


def test_a_long_log_is_begun_anew(tmp_path: Path, started: list[Any]) -> None:
    (tmp_path / "engine.log").write_bytes(b"x" * 1_000_001)
    started.append(engine.start(str(tmp_path), saying(tmp_path, HELLO)))
    assert (tmp_path / "engine.log").stat().st_size == 0
    assert (tmp_path / "engine.before.log").stat().st_size == 1_000_001
