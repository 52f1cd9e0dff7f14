"""Where Blender is, and where it keeps a person's extensions: on Linux, macOS and Windows.

Only words in, paths out: everything that depends on the computer is an argument (`Computer`), so
that each system can be looked at from any other. This module must not start anything.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from soundmatte.hosts.computer import Computer
from soundmatte.hosts.extension import NAME

#: The first Blender with extensions.
OLDEST = (4, 2)
#: The repository of extensions that were installed from a file.
REPOSITORY = "user_default"

#: Name the folder of extensions, or the one above it, before anything else does.
VARIABLES = ("BLENDER_USER_EXTENSIONS", "BLENDER_USER_RESOURCES")

_FLATPAK = "org.blender.Blender"
_STEAM = "steamapps/common/Blender"


def usual_places(computer: Computer) -> list[str]:
    """Patterns of where Blender's program is, the likelier first; the PATH goes before them."""
    home, variables = computer.home, computer.variables
    if computer.system == "win32":
        folders = [variables.get(name, "") for name in ("ProgramFiles", "ProgramFiles(x86)")]
        patterns = [
            *((folder, "Blender Foundation", "Blender *", "blender.exe") for folder in folders),
            *((folder, "Steam", *_STEAM.split("/"), "blender.exe") for folder in folders),
        ]
    elif computer.system == "darwin":
        inside = ("Contents", "MacOS", "Blender")
        steam = (home, "Library/Application Support/Steam", _STEAM)
        patterns = [
            ("/Applications", "Blender*.app", *inside),
            (home, "Applications", "Blender*.app", *inside),
            (*steam, "Blender.app", *inside),
        ]
    else:
        patterns = [
            ("/usr/bin/blender",),
            ("/usr/local/bin/blender",),
            ("/snap/bin/blender",),
            ("/var/lib/flatpak/exports/bin", _FLATPAK),
            (home, ".local/share/flatpak/exports/bin", _FLATPAK),
            ("/opt", "blender*", "blender"),
            (home, "blender-*", "blender"),
            (home, ".local/share/Steam", _STEAM, "blender"),
        ]
    return [str(computer.path(*parts)) for parts in patterns if parts[0]]


def extensions(computer: Computer, version: tuple[int, int], program: str) -> PurePath:
    """The folder of a person's extensions of one version of Blender.

    Args:
        version: such as (4, 5).
        program: Blender's, whose place tells a portable or a Flatpak installation.
    """
    variables = computer.variables
    whole, above = (variables.get(name) for name in VARIABLES)
    if whole:
        return computer.path(whole)
    if above:
        return computer.path(above, "extensions")
    name = "{}.{}".format(*version)
    return configuration(computer, program) / name / "extensions"


def configuration(computer: Computer, program: str) -> PurePath:
    """The folder that holds one folder for each version of Blender."""
    variables, home = computer.variables, computer.home
    if computer.system == "win32":
        roaming = variables.get("APPDATA") or str(computer.path(home, "AppData", "Roaming"))
        return computer.path(roaming, "Blender Foundation", "Blender")
    if computer.system == "darwin":
        return computer.path(home, "Library", "Application Support", "Blender")
    if computer.path(program).name == _FLATPAK:
        return computer.path(home, ".var", "app", _FLATPAK, "config", "blender")
    return computer.path(variables.get("XDG_CONFIG_HOME") or f"{home}/.config", "blender")


def portable(computer: Computer, program: str) -> PurePath:
    """The folder that makes an installation portable, if it is there; it then holds all."""
    folder = computer.path(program).parent
    return (folder.parent / "Resources" if computer.system == "darwin" else folder) / "portable"


def installed_in(extensions_folder: PurePath) -> PurePath:
    """Where Blender puts our extension."""
    return extensions_folder / REPOSITORY / NAME


def own_folder(extensions_folder: PurePath) -> PurePath:
    """The folder that is the extension's own, which outlives its updates."""
    return extensions_folder / ".user" / REPOSITORY / NAME


def version_of(said: str) -> tuple[int, int, int] | None:
    """Blender's version out of what `blender --version` says; None if that is no Blender."""
    match = re.search(r"^Blender (\d+)\.(\d+)\.(\d+)", said, re.MULTILINE)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None
