"""An editor's desk: the extension installed, a project that can be opened, and a real engine.

The engine is this checkout, run by the Python that runs the test.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from tests.blender.gui.desktop import HERE, Desktop

import soundmatte
from soundmatte.demo.scene import make_clip
from soundmatte.hosts import extension

CHECKOUT = Path(soundmatte.__file__).parents[2]
CLIP, MATTE, PROJECT = "clip.mov", "matte.mov", "project.blend"
_ARCHIVE = "soundmatte.zip"


def make(folder: Path) -> None:
    """Put the demo clip, its matte and the extension, built, into a folder."""
    make_clip(folder / CLIP, folder / MATTE)
    extension.write(folder / _ARCHIVE, None)


def laid_out(desktop: Desktop, made: Path) -> Desktop:
    """A desk in the desktop's folder, which has the project then, as in `project.py`.

    Args:
        made: a folder filled by `make`. Blender's settings are kept there too: the extension is
            installed once for each Blender, which is told at every start where its settings are.
    """
    folder = desktop.folder
    python = {Path(sys.prefix), Path(sys.base_prefix), CHECKOUT}
    variables = {
        "SOUNDMATTE_ENGINE": str(_engine(folder)),
        "SOUNDMATTE_STATE": str(folder / "state"),
    }
    desk = replace(desktop, places=sorted(python), environment=variables)
    ready = made / desktop.root.name
    if not ready.exists():
        ready.mkdir()
        replace(desk, folder=ready).install(made / _ARCHIVE)
    shutil.copytree(ready / "resources", folder / "resources")
    for name in (CLIP, MATTE):
        shutil.copy(made / name, folder / name)
    words = ["-b", "--app-template", "Video_Editing", "--python", HERE / "project.py", "--"]
    files = [folder / name for name in (CLIP, MATTE, PROJECT)]
    done = desk.call("blender", *words, *files)
    assert files[-1].exists(), done.stdout + done.stderr
    return desk


def _engine(folder: Path) -> Path:
    program = folder / "engine.sh"
    path = f"{CHECKOUT / 'plugin'}:{CHECKOUT / 'remux'}"
    words = f"PYTHONPATH='{path}' '{sys.executable}' -m soundmatte"
    program.write_text(f'#!/bin/sh\nexec env {words} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program
