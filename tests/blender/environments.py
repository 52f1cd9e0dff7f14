"""Where the Blenders of the tests are.

One variable of the environment, BLENDERS, names the folder that `.ci/blender-modules` and
`.ci/blender-desktop` filled: `4.2`, `4.5`, `5.0`, `5.2` are virtual environments with Blender as a
Python module, `trixie` and `sid` root directories with Blender and a screen. What is REQUIRED and
missing fails the tests that ask for it; what else is there is tested too, and the header of a run
says what that is.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MODULES = ("4.2", "4.5", "5.0", "5.2")
DESKTOPS = ("trixie", "sid")
REQUIRED = ("4.2", "4.5", "5.2", "trixie")
#: Built without sound: for installing, registering and rendering alone.
SILENT = ("4.2",)


def there(name: str) -> bool:
    """Whether the environment of that name is here, whole."""
    folder = os.environ.get("BLENDERS")
    whole = "bin/python" if name in MODULES else ".complete"
    return bool(folder) and (Path(str(folder)) / name / whole).exists()


def place(name: str) -> Path:
    """The folder of an environment; fails the test that asks for one that is not here."""
    if not there(name):
        maker = "blender-modules" if name in MODULES else "blender-desktop"
        pytest.fail(f"no Blender {name}: .ci/{maker} FOLDER {name} makes one, BLENDERS=FOLDER")
    return Path(os.environ["BLENDERS"]).resolve() / name


def tested(names: tuple[str, ...]) -> list[str]:
    """Those of the names that tests run in: the required ones, and what else is here."""
    return [name for name in names if name in REQUIRED or there(name)]
