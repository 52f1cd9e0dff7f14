"""The scripts for DaVinci Resolve, as they are to lie in one of its folders of scripts.

What its menu lists goes to `Utility`, which every page shows; the library beside it, where it lists
nothing. The scripts are told where that is, and the library where the engine is: Resolve's Python
says neither. This module must not know where any Resolve is.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from soundmatte.hosts import archive

#: Where the sources lie beside this module, once installed.
INSTALLED_AS = "_resolve_scripts"
#: Below a folder of scripts: what the menu lists, and what is ours alone.
MENU, LIBRARY = "Utility", "Soundmatte"
#: The library's package, and its record of the engine.
PACKAGE, RECORD = "soundmatte_resolve", "engine.json"
_CLIENT = "bridge_client.py"
#: The line of a script that is to name the library's folder.
_PLACEHOLDER = 'LIBRARY = ""\n'


def sources() -> Path:
    """The folder with the scripts' sources: installed with us, or that of the checkout."""
    here = Path(__file__).parent
    installed = here / INSTALLED_AS
    return installed if installed.is_dir() else here.parents[2] / "resolve_scripts"


def menu() -> list[str]:
    """Names of the scripts that Resolve is to list."""
    return sorted(path.name for path in sources().glob("*.py"))


def files(scripts: PurePath, words: list[str]) -> dict[str, bytes]:
    """All that is to be written, by its name below a folder of scripts, with `/` between folders.

    Args:
        scripts: that folder.
        words: that start the engine.
    """
    # Not every Resolve's Python reads a script as UTF-8.
    line = f"LIBRARY = {str(scripts / LIBRARY)!a}\n"
    made = {}
    for name in menu():
        text = (sources() / name).read_text(encoding="utf-8")
        assert text.count(_PLACEHOLDER) == 1, f"{name} cannot be told where the library is"
        made[f"{MENU}/{name}"] = text.replace(_PLACEHOLDER, line).encode()
    package = f"{LIBRARY}/{PACKAGE}"
    for name, data in archive.files_in(sources() / PACKAGE).items():
        made[f"{package}/{name}"] = data
    made[f"{package}/{_CLIENT}"] = Path(__file__).with_name(_CLIENT).read_bytes()
    made[f"{package}/{RECORD}"] = f"{json.dumps({'engine': words}, indent=1)}\n".encode()
    return made
