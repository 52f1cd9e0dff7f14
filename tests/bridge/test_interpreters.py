"""Every request, asked by the Pythons that editors bring."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
from pydantic import TypeAdapter
from tests.bridge.talking import ENGINE, environment
from tests.media.making import Source, Studio

from soundmatte.documents import Placement, Separation
from soundmatte.hosts import bridge_client
from soundmatte.jobs import bridge_documents as documents

DRIVER = Path(__file__).with_name("driver.py")
CLIENT = Path(bridge_client.__file__).parent


def python_of(version: str) -> str:
    """A Python of that version: on the PATH, or one of pyenv's; skips the test without one."""
    pyenvs = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    for found in (shutil.which(f"python{version}"), *map(str, reversed(pyenvs))):
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    pytest.skip(f"there is no Python {version} here")


def driven(version: str, clip: Path, matte: Path, folder: Path) -> dict[str, Any]:
    words = [DRIVER, CLIENT, json.dumps(ENGINE), clip, matte, folder]
    done = subprocess.run(
        # What the environment says of modules is for the engine's Python.
        [python_of(version), "-E", *map(str, words)],
        env=environment(),
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    assert ".".join(map(str, told["python"])) == version
    return told


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.13"])
def test_every_request(version: str, clip: Source, studio: Studio, tmp_path: Path) -> None:
    told = driven(version, clip.path, studio.picture(frames=25), tmp_path)
    documents.Hello.model_validate(told["hello"])
    for event in told["events"]:
        TypeAdapter(documents.Progress | documents.Log).validate_python(event)

    described = documents.Description.model_validate(told["describe"])
    assert described.clip is not None
    assert described.clip.duration == 1
    assert [track.channels for track in described.clip.tracks] == [2]
    shown = documents.Previewed.model_validate(told["preview"])
    assert shown.sheet.exists()
    assert shown.movie.exists()
    assert shown.still.read_bytes()[:4] == b"\x89PNG"

    estimated = documents.Estimated.model_validate(told["estimate"])
    assert (estimated.start, estimated.duration, estimated.usd) == (0.16, 0.68, 0.0)
    beside = documents.JobList.model_validate(told["beside"]).jobs
    assert [(row.running, row.state) for row in beside] == [(True, "extracted")]
    assert told["cancel"][:2] == ["Cancelled", 130]

    made = Separation.model_validate(told["separate"])
    assert made.null_db == -300
    assert soundfile.info(made.target).frames == made.frames == 32640
    assert {made.target, made.residual} <= set(estimated.writes)
    (job,) = documents.JobList.model_validate(told["jobs"]).jobs
    assert (job.id, job.state, job.separation) == (made.job, "done", made)
    assert Placement.model_validate(told["placement"]) == made.placement
    assert told["last"] == ["Cancelled"]
    assert b"Traceback" not in (tmp_path / "log.txt").read_bytes()


def test_the_client_stands_alone() -> None:
    """It is copied into plugins: it must be one file, and import the standard library alone."""
    tree = ast.parse(Path(bridge_client.__file__).read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert "subprocess" in names
    assert names <= set(sys.stdlib_module_names)
