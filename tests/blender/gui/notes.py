"""What a scripted person notes: steps, what was seen, how long Blender was busy. Inside Blender.

All of it is in FOLDER/report.json, whole at any moment, so that it is there after a crash too.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy


class Notes:
    """A report, and a stopwatch. `given` holds the words that the test passed in."""

    def __init__(self, folder: Path, given: dict[str, Any]) -> None:
        self.folder = folder
        self.given = given
        self.report: dict[str, Any] = {
            "blender": bpy.app.version_string,
            "python": sys.version.split()[0],
            "steps": [],
            "seen": {},
            "shots": [],
            "stalls": {},
            "finished": False,
            "error": None,
        }
        self._began = time.monotonic()
        self._watched: dict[str, dict[str, Any]] = {}

    def saw(self, **values: Any) -> None:
        """Keep what was seen (anything that JSON holds) under a name for the test to judge."""
        self.report["seen"].update(values)
        self._write()

    def step(self, what: str) -> None:
        """Note a step: what is done from now on."""
        self.report["steps"].append({"at": round(time.monotonic() - self._began, 3), "what": what})
        self._write()

    @contextlib.contextmanager
    def watch(self, name: str) -> Iterator[None]:
        """Measure how long Blender's main thread was busy between ticks; report["stalls"][NAME].

        longest, median (s) of the gaps between the end of one tick and the start of the next,
        and their number. Our own work in a tick does not count.
        """
        gaps: list[float] = []
        self._watched[name] = {"gaps": gaps}
        try:
            yield
        finally:
            del self._watched[name]
            gaps.sort()
            self.report["stalls"][name] = {
                "longest": round(gaps[-1], 4) if gaps else None,
                "median": round(gaps[len(gaps) // 2], 4) if gaps else None,
                "next": [round(gap, 4) for gap in gaps[-6:-1]],
                "ticks": len(gaps),
            }
            self._write()

    @contextlib.contextmanager
    def beside(self, processes: int = 1, niceness: int = 10) -> Iterator[None]:
        """That many busy processes beside Blender, niced."""
        words = ["nice", "-n", str(niceness), "/usr/bin/python3", "-c", "while True: pass"]
        busy = [subprocess.Popen(words) for _ in range(processes)]
        try:
            yield
        finally:
            for process in busy:
                process.kill()
                process.wait()

    def gap(self, seconds: float) -> None:
        """A gap between two ticks, for whoever watches."""
        for watched in self._watched.values():
            watched["gaps"].append(seconds)

    def _write(self) -> None:
        # Whole at any moment: the test reads it after a crash too.
        new = self.folder / "report.json.new"
        new.write_text(json.dumps(self.report, indent=1, default=str), encoding="utf-8")
        os.replace(new, self.folder / "report.json")

    def finish(self, error: str | None = None) -> None:
        self.report["error"] = error
        self.report["finished"] = error is None
        self.report["seconds"] = round(time.monotonic() - self._began, 3)
        self._write()
