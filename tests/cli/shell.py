"""Run the command: here with an engine that is quick, or as a program with the true one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.jobs.bench import Part

from soundmatte import cli
from soundmatte.jobs import engines

PROGRAM = [sys.executable, "-c", "from soundmatte.cli import main; main()"]


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """Standard output, which must hold one JSON object and nothing else."""
        return json.loads(self.out)


class Shell:
    """Runs commands in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch = monkeypatch
        self._captured = capsys

    def __call__(self, *words: object) -> Said:
        """Run `soundmatte` with these words."""
        self._patch.setattr(sys, "argv", ["soundmatte", *map(str, words)])
        self._captured.readouterr()
        with _own_signals(), pytest.raises(SystemExit) as caught:
            cli.main()
        said = self._captured.readouterr()
        return Said(int(caught.value.code or 0), said.out, said.err)


@contextmanager
def _own_signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command line with a quick engine."""
    monkeypatch.setattr(engines, "offline_engine", Part)
    return Shell(monkeypatch, capsys)


def environment(folder: Path) -> dict[str, str]:
    """For programs: this checkout, and a temporary folder of their own."""
    folder.mkdir(exist_ok=True)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)}


def program(tmp_path: Path, *words: object) -> Said:
    """Run `soundmatte` as a program of its own, with the true engine; it must clear up."""
    temporary = tmp_path / "temporary"
    done = subprocess.run(
        [*PROGRAM, *map(str, words)],
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert list(temporary.iterdir()) == []
    return Said(done.returncode, done.stdout, done.stderr)
