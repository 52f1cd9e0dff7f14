"""The scripts, run by the Pythons that Resolve finds."""

from __future__ import annotations

import subprocess

import pytest
from tests.bridge.test_interpreters import python_of
from tests.media.making import Source
from tests.resolve.driving import HERE
from tests.resolve.scenes import cut, seen, stems
from tests.resolve.stage import AGAIN, REMOVE, SEPARATE, TEST, Stage

#: The fake's own end of the line is open until the process is over.
WARNINGS = ["-W", "error", "-W", "ignore::ResourceWarning"]


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.13"])
def test_every_script(stage: Stage, shot: Source, version: str) -> None:
    python = python_of(version)
    stage.fake.load(cut(shot.path, item={"comps": ["Composition 1"]}))
    before = stage.fake.dump()
    stage.wish(prompt="Möwe", mute_original=True)
    for script, tracks in ((SEPARATE, 2), (AGAIN, 4), (REMOVE, 0), (TEST, 0)):
        done = subprocess.run(
            [python, *WARNINGS, str(HERE / "menu.py"), str(stage.menu / script)],
            env={**stage.fake.variables(), **stage.environment(), "PYTHONIOENCODING": "ascii"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f", Python {version}.".encode() in done.stdout
        assert not done.stderr
        assert len(stems(stage.fake.dump())) == tracks
    assert seen(stage.fake.dump()) == seen(before)
    stage.check_talk()
