"""The extension's modules that do not need Blender, imported without its `__init__`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

PLUGIN = Path(__file__).parents[2] / "plugin"
SOURCE = PLUGIN / "blender_addon"
_NAME = "blender_addon_without_blender"


def module(name: str) -> ModuleType:
    """One module of the extension; those that import bpy cannot be had here."""
    if _NAME not in sys.modules:
        package = ModuleType(_NAME)
        # The client of the engine lies elsewhere: only the built extension has its own copy.
        package.__path__ = [str(SOURCE), str(PLUGIN / "soundmatte" / "hosts")]
        sys.modules[_NAME] = package
    return importlib.import_module(f"{_NAME}.{name}")
