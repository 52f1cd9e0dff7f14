"""Blender without windows: as a Python module, in one of the environments of `environments.py`.

Each script runs in a process of its own, so that a crash of Blender is one test's failure:

    done = Module("5.2", tmp_path, extension=zip_file).run(SCRIPT, clip, limit=60)
    assert done.check()["strips"] == 3

where SCRIPT is a file that does `import bpy, inside` and `inside.tell(strips=3)`. The extension is
installed from its zip by Blender itself, once a folder. The module cannot open a window, and has no
program to start in the background: `bpy.app.binary_path` names one that `launcher.py` stands for.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.blender import environments

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Finished:
    """A script that has run. `code`: −11 and the like: it crashed. `told`: what it told, merged."""

    code: int
    out: str
    err: str
    told: dict[str, Any]
    seconds: float

    def check(self) -> dict[str, Any]:
        """What the script told; fails if it did not come to its end."""
        assert self.code == 0, f"ended with {self.code}\n{self.out[-2000:]}\n{self.err[-4000:]}"
        return self.told


@dataclass(frozen=True)
class Module:
    """Blender of that version ("4.2", "4.5", "5.0", "5.2") with settings of its own in `folder`.

    `extension`: the zip to install. `environment` is added to what the process sees.
    """

    version: str
    folder: Path
    extension: Path | None = None
    environment: Mapping[str, str] | None = None
    online: bool = False

    @property
    def python(self) -> Path:
        """The environment's Python, which can `import bpy`."""
        return environments.place(self.version) / "bin" / "python"

    @property
    def program(self) -> Path:
        """A program that takes Blender's own words: -b FILE --python SCRIPT -- WORDS."""
        program = self.folder / "blender"
        if not program.exists():
            words = f'exec "{self.python}" "{HERE / "launcher.py"}" "$@"'
            program.write_text(f"#!/bin/sh\n{words}\n", encoding="utf-8")
            program.chmod(0o755)
        return program

    @property
    def tool(self) -> list[str]:
        """Blender's own tool for extensions, without Blender: `[*tool, "validate", ZIP]`."""
        found = self.python.parents[1].glob(
            "lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"
        )
        return [str(self.python), str(next(found))]

    def run(self, script: Path, *words: str | Path, limit: float = 100) -> Finished:
        """A script to its end, or TimeoutExpired after `limit` (s)."""
        resources = self.folder / "resources"
        resources.mkdir(parents=True, exist_ok=True)
        told = self.folder / f"told-{time.monotonic_ns()}"
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(resources),
            "BLENDER_TOLD": str(told),
            "BLENDER_ONLINE": "1" if self.online else "0",
            **(self.environment or {}),
        }
        environment.pop("PYTHONPATH", None)
        first = [self.python, HERE / "inside.py", self.extension or "-", self.program, script]
        began = time.monotonic()
        done = subprocess.run(
            [str(word) for word in (*first, *words)],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        merged: dict[str, Any] = {}
        for line in told.read_text(encoding="utf-8").splitlines() if told.exists() else []:
            merged |= json.loads(line)
        return Finished(done.returncode, done.stdout, done.stderr, merged, time.monotonic() - began)
