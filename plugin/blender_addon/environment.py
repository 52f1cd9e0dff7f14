# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own environment, as the Install button makes and removes it.

A virtual environment out of Blender's Python; into it what `carried/requirements.txt` pins, version
and hash, and then our own wheel, which the .zip carries: nothing called soundmatte is ever looked
for by its name. Each step is a program of its own that writes into a file; nothing here waits, and
no thread is used. This module must not know bpy, nor what the engine does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import engine
from .bridge_client import CREATION, end_tree, own_environment, step_back
from .install_failure import BY_PIP, failure
from .refusal import Refusal

#: In the extension's folder: the pins, and our own wheel.
CARRIED, PINS, WHEEL = "carried", "requirements.txt", "soundmatte-*.whl"
_LOG = "install.log"
#: Python without what a person set for theirs, writing what is read here everywhere.
_ALONE = ("-I", "-X", "utf8")
#: Bytes that the environment takes at most, with what pip unpacks meanwhile.
_ROOM = 1_500_000_000
#: Characters of the longest name in the environment, and of a path where Windows ends.
_DEEPEST, _WINDOWS = 160, 259
#: Settings of pip that would put things elsewhere than into the environment.
_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT", "PIP_DRY_RUN")


@dataclass(frozen=True)
class _Step:
    """A program to run; the share of the whole that is done when it begins, and its text."""

    words: tuple[str, ...]
    share: float
    text: str


class Installing:
    """The engine being installed. To be used on Blender's own thread.

    Attributes:
        share: how far it is, 0 to 1.
        text: what is done, for a person.
    """

    def __init__(self, folder: str, python: str, zip_folder: str) -> None:
        """Nothing is done yet.

        Args:
            folder: the extension's own, as `bpy.utils.extension_path_user` names it.
            python: Blender's interpreter, `sys.executable` there.
            zip_folder: where the extension's own files are.
        """
        self.share, self.text = 0.0, "Preparing"
        self._folder, self._python = folder, python
        self._carried = Path(zip_folder, CARRIED)
        self._log = Path(folder, _LOG)
        self._steps: list[_Step] = []
        self._now: _Step | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ends = 1.0
        self._pins: list[str] = []

    def begin(self, *, online: bool) -> None:
        """Start it; what is there already is replaced.

        Args:
            online: whether Blender may go online, `bpy.app.online_access`.

        Raises:
            Refusal: it cannot be done here; nothing was changed.
        """
        if not online:
            raise Refusal(
                "Blender is not allowed to go online, and the engine's parts must be fetched.",
                "Allow it under Preferences > System > Network, or install the engine from a "
                "terminal: " + BY_PIP,
            )
        wheels = sorted(self._carried.glob(WHEEL))
        if not wheels or not (self._carried / PINS).is_file():
            raise Refusal("This copy of the extension carries no engine.", BY_PIP)
        self._check_place()
        remove(self._folder)
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._log.write_bytes(b"")
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        self._pins = (self._carried / PINS).read_text(encoding="utf-8").splitlines()
        self._steps = self._planned(wheels[-1])
        self._next()

    def poll(self) -> bool:
        """Take it a little further; whether the engine is there. Returns at once.

        Raises:
            Refusal: it failed; what was made of it is removed.
        """
        if self._process is None:
            return self.share == 1.0
        code = self._process.poll()
        if code is None:
            self._look()
            return False
        self._process = None
        if code:
            said = self._said()
            remove(self._folder)
            raise failure(said, str(self._log))
        if self._steps:
            self._next()
            return False
        self._finish()
        return True

    def cancel(self) -> None:
        """End it, and remove what was made."""
        if self._process is not None:
            end_tree(self._process)
            self._process = None
            self._steps = []
            remove(self._folder)

    def _planned(self, wheel: Path) -> list[_Step]:
        there = os.path.join(self._folder, engine.ENVIRONMENT)
        python = engine.environment_python(self._folder)
        # Not --isolated: a person's proxy, certificates and mirror count; the hashes hold anyway.
        pip = (python, *_ALONE, "-u", "-m", "pip", "--no-input", "--disable-pip-version-check")
        pip += ("install", "--no-user", "--no-deps", "--only-binary=:all:", "--progress-bar=off")
        fetch = (*pip, "--require-hashes", "-r", str(self._carried / PINS))
        own = (*pip, "--no-index", str(wheel))
        make = (self._python, *_ALONE, "-m", "venv", there)
        return [
            _Step((self._python, *_ALONE, "-c", _CAN_MAKE), 0.0, "Looking at Blender's Python"),
            _Step(make, 0.01, "Making an environment"),
            _Step(fetch, 0.06, "Fetching"),
            _Step(own, 0.95, "Installing the engine"),
            _Step((python, *_ALONE, "-m", "soundmatte", "--version"), 0.97, "Trying the engine"),
        ]

    def _next(self) -> None:
        """Start the next step."""
        self._now = step = self._steps.pop(0)
        self._ends = self._steps[0].share if self._steps else 1.0
        self.share, self.text = step.share, step.text
        variables = {n: v for n, v in own_environment().items() if n not in _ELSEWHERE}
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    step.words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self._folder,
                    env=variables,
                    start_new_session=os.name != "nt",
                    creationflags=CREATION,
                )
        except OSError as error:
            remove(self._folder)
            raise Refusal(f"{step.words[0]} cannot be started: {error}.", BY_PIP) from error
        step_back(self._process)

    def _look(self) -> None:
        """How far pip is, from what it says."""
        assert self._now is not None
        if self._now.text != "Fetching":
            return
        said = self._said()
        # pip names the line of each pin that it has come to. Unpacking is a third of the work.
        lines = re.findall(r"\(line (\d+)\)\)?$", said, re.MULTILINE)
        if "Installing collected packages" in said:
            part, self.text = 0.67, "Unpacking what was fetched"
        elif lines:
            line = min(int(lines[-1]), len(self._pins))
            part = 0.67 * line / len(self._pins)
            self.text = f"Fetching {self._pins[line - 1].partition('==')[0]}"
        else:
            return
        self.share = self._now.share + part * (self._ends - self._now.share)

    def _finish(self) -> None:
        whole = Path(self._folder, engine.ENVIRONMENT, engine.WHOLE)
        try:
            whole.write_text(json.dumps({"python": self._python}), encoding="utf-8")
        except OSError as error:
            remove(self._folder)
            raise _unwritable(self._folder, error) from error
        self.share, self.text = 1.0, "The engine is installed"

    def _check_place(self) -> None:
        there = Path(self._folder)
        while not there.exists():
            there = there.parent
        if shutil.disk_usage(there).free < _ROOM:
            raise Refusal(
                f"The disk of {self._folder} is nearly full: the engine needs 1.5 GB.",
                "Make room, and try again.",
            )
        if os.name == "nt" and len(self._folder) + _DEEPEST > _WINDOWS and not _long_paths():
            raise Refusal(
                f"{self._folder} is too long a name for Windows to put the engine into.",
                "Allow long paths in Windows' settings, or: " + BY_PIP,
            )

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def remove(folder: str) -> None:
    """Remove the environment, whole or half made; the engine must have ended.

    Args:
        folder: the extension's own.

    Raises:
        Refusal: something in it is in use.
    """
    there = Path(folder, engine.ENVIRONMENT)
    # First what says that it is whole: nothing that is half removed is ever started.
    try:
        (there / engine.WHOLE).unlink(missing_ok=True)
        if there.exists():
            shutil.rmtree(there)
    except OSError as error:
        raise Refusal(
            f"{there} cannot be removed: {error.strerror}.",
            "Close other copies of Blender that use the engine, and try again.",
        ) from error


#: Asked of Blender's Python before anything is made; Debian's has `ensurepip` in another package.
_CAN_MAKE = """\
import sys
try:
    import ensurepip, venv
except ImportError as error:
    sys.exit("SOUNDMATTE no %s" % error.name)
if sys.version_info < (3, 11):
    sys.exit("SOUNDMATTE old %d.%d" % sys.version_info[:2])
"""


def _unwritable(folder: str, error: OSError) -> Refusal:
    return Refusal(
        f"Nothing can be written to {folder}: {error.strerror}.",
        "Make room, or choose another disk for Blender's own files.",
    )


def _long_paths() -> bool:
    """Whether Windows was told to allow them."""
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as found:
            return bool(winreg.QueryValueEx(found, "LongPathsEnabled")[0])
    except OSError:
        return False
