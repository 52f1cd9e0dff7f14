"""Blender with its windows, in a root directory that `.ci/blender-desktop` made.

`Desktop.act` has a scripted person (`person.py`, inside Blender) play a scenario on a screen of its
own, and gives back what that person saw. Everything runs in namespaces of its own: no mount and no
process outlives it, the root directory is never written to, several can run at once. For root.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_CLEAN = {"LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class Seen:
    """What came of a scenario.

    `code`: Blender's exit status (139: it crashed; None: it was ended at the limit). `report`: see
    `person.py`. `log`: what Blender printed. `left`: command lines of processes that still ran one
    second after Blender had ended, and were then ended.
    """

    code: int | None
    report: dict[str, Any]
    log: str
    left: list[str]
    folder: Path
    seconds: float

    def check(self) -> dict[str, Any]:
        """What the person noted with `saw`; fails if the scenario did not come to its end."""
        tail = self.log[-3000:]
        assert self.report.get("error") is None, f"{self.report['error']}\n{tail}"
        assert self.report.get("finished"), f"Blender ended with {self.code}\n{tail}"
        assert self.code == 0, f"Blender ended with {self.code}\n{tail}"
        seen: dict[str, Any] = self.report["seen"]
        return seen


@dataclass(frozen=True)
class Desktop:
    """A root directory with Blender in it, and a person's own settings in `folder`.

    `folder` is found at the same path inside, as is each of `places` (an engine's environment, the
    Python that it links to, the checkout). `environment` is what Blender sees beside PATH and HOME.
    """

    root: Path
    folder: Path
    places: Sequence[Path] = ()
    environment: Mapping[str, str] | None = None

    def call(self, *words: str | Path, limit: float = 100) -> subprocess.CompletedProcess[str]:
        """A program inside, to its end: `call("blender", "-b", file, "--python", script)`."""
        return subprocess.run(
            self._inside(*words),
            env=self._environment(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def install(self, extension: Path) -> None:
        """The zip of an extension, as a person installs it; it stays for what this folder runs."""
        words = ["--command", "extension", "install-file", "-r", "user_default", "--enable"]
        done = self.call("blender", *words, self._own(extension))
        assert done.returncode == 0, done.stdout + done.stderr

    def act(
        self,
        scenario: Path,
        act: str = "scenario",
        *,
        blend: Path,
        given: Mapping[str, Any] | None = None,
        online: bool = False,
        size: str = "1600x1000",
        limit: float = 240,
    ) -> Seen:
        """Have the function `act` of the file `scenario` played, beginning with a .blend open.

        `given`: what `person.given` holds. `online`: whether Blender may go online. `limit` (s).
        """
        asked = {
            "scenario": str(scenario.resolve()),
            "act": act,
            "given": dict(given or {}),
            "online": online,
        }
        shots = self.folder / act
        shots.mkdir()
        (shots / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        words = ["blender", self._own(blend), "--enable-event-simulate"]
        words += ["--python", HERE / "person.py", "--", shots]
        began = time.monotonic()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = subprocess.run(
                self._inside(HERE / "screen.sh", shots, size, *words, more=[scenario.parent]),
                env=self._environment(),
                timeout=limit,
                check=False,
                stdin=subprocess.DEVNULL,
            ).returncode
        report = shots / "report.json"
        left = shots / "processes"
        return Seen(
            code,
            json.loads(report.read_text(encoding="utf-8")) if report.exists() else {},
            (shots / "blender.log").read_text(encoding="utf-8", errors="replace"),
            left.read_text(encoding="utf-8").splitlines() if left.exists() else [],
            shots,
            time.monotonic() - began,
        )

    def _own(self, path: Path) -> Path:
        """A copy of the file inside our folder, where the inside finds it."""
        path = path.resolve()
        if path.is_relative_to(self.folder.resolve()):
            return path
        own = self.folder / path.name
        own.write_bytes(path.read_bytes())
        return own

    def _inside(self, *words: str | Path, more: Sequence[Path] = ()) -> list[str]:
        places = {place.absolute() for place in (HERE, *self.places, *more)}
        entered = [HERE / "enter.sh", self.root, self.folder.resolve(), *sorted(places), "--"]
        return [str(word) for word in (*entered, *words)]

    def _environment(self) -> dict[str, str]:
        own = {"HOME": self.folder / "home", "BLENDER_USER_RESOURCES": self.folder / "resources"}
        for folder in own.values():
            folder.mkdir(parents=True, exist_ok=True)
        return {
            **_CLEAN,
            **{name: str(folder.resolve()) for name, folder in own.items()},
            **(self.environment or {}),
        }
