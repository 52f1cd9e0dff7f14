"""Inside Blender as a Python module: the extension installed, then a script of the tests.

`headless.Module.run` starts this file in a process of its own; the script may `import inside` and
`inside.tell(...)`, and has the extension as `inside.extension()`.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

# isort: split
# Found only once bpy has been imported.
import addon_utils

_REPOSITORY = "user_default"


def tell(**values: Any) -> None:
    """Add to what the test gets back as `Finished.told` (JSON)."""
    with Path(os.environ["BLENDER_TOLD"]).open("a", encoding="utf-8") as told:
        told.write(json.dumps(values) + "\n")


def name() -> str:
    """The module's name of the extension, as Blender has it."""
    found = [module.__name__ for module in addon_utils.modules(refresh=False)]
    return next(one for one in found if one.startswith(f"bl_ext.{_REPOSITORY}."))


def extension() -> ModuleType:
    """The extension that was installed."""
    return importlib.import_module(name())


def _install(archive: str) -> None:
    """Install a zip into the folder of BLENDER_USER_RESOURCES, or enable what is there already."""
    addon_utils.enable("bl_pkg")
    repositories = bpy.context.preferences.extensions.repos
    own = next(one for one in repositories if one.module == _REPOSITORY)
    if any((Path(own.directory) / archive_name).is_dir() for archive_name in _ids(archive)):
        addon_utils.modules(refresh=True)
        if addon_utils.enable(name(), default_set=True) is None:
            raise SystemExit(f"{name()} cannot be enabled")
        return
    done = bpy.ops.extensions.package_install_files(
        filepath=archive, repo=_REPOSITORY, enable_on_install=True
    )
    if done != {"FINISHED"} or name() not in bpy.context.preferences.addons:
        raise SystemExit(f"{archive} was not installed and enabled")


def _ids(archive: str) -> list[str]:
    import tomllib
    from zipfile import ZipFile

    with ZipFile(archive) as zipped:
        manifest = next(one for one in zipped.namelist() if one.endswith("blender_manifest.toml"))
        return [tomllib.loads(zipped.read(manifest).decode())["id"]]


def main() -> None:
    """Words: the zip or "-", the program that stands for Blender's, the script, its words."""
    archive, program, script, *words = sys.argv[1:]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    # A module has no program of its own; this is where one is named.
    bpy.app.binary_path = program
    bpy.context.preferences.system.use_online_access = os.environ.get("BLENDER_ONLINE") == "1"
    if archive != "-":
        _install(archive)
    sys.argv = [script, *words]
    sys.path.insert(0, str(Path(__file__).parent))
    sys.modules["inside"] = sys.modules["__main__"]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
