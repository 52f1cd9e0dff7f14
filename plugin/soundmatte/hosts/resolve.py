"""Where DaVinci Resolve looks for scripts: on Linux, macOS and Windows.

Only words in, paths out: everything that depends on the computer is an argument (`Computer`). The
folders are those of Blackmagic's scripting README, corrected where it is known to be wrong (its
`%APPDATA%\\Roaming` is doubled). This module must not look at a disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from soundmatte.hosts.computer import Computer

#: Whose scripts: this person's, everybody's, or those of the Resolve from Apple's store, which
#: sees no others.
Whose = Literal["person", "everybody", "store"]

_SCRIPTS = ("Fusion", "Scripts")
_MAC = ("Library", "Application Support", "Blackmagic Design", "DaVinci Resolve")
_WINDOWS = ("Blackmagic Design", "DaVinci Resolve")
_STORE = ("Library", "Containers", "com.blackmagic-design.DaVinciResolveLite", "Data")
#: Where Resolve is on Linux: by its installer, and by some distributions' packages.
_LINUX = ("/opt/resolve", "/home/resolve")


@dataclass(frozen=True)
class Place:
    """A folder of scripts that a Resolve reads.

    Attributes:
        folder: `Fusion/Scripts`; Resolve itself does not always make it.
        signs: folders of which one is there where that Resolve is.
    """

    whose: Whose
    folder: PurePath
    signs: tuple[PurePath, ...]


def places(computer: Computer) -> list[Place]:
    """Every usual folder of scripts."""
    by_system = {"win32": _on_windows, "darwin": _on_mac}
    return by_system.get(computer.system, _on_linux)(computer)


def _on_windows(computer: Computer) -> list[Place]:
    variables, path = computer.variables, computer.path
    roaming = variables.get("APPDATA") or str(path(computer.home, "AppData", "Roaming"))
    common = variables.get("PROGRAMDATA") or "C:\\ProgramData"
    programs = variables.get("ProgramFiles") or "C:\\Program Files"
    mine, ours = path(roaming, *_WINDOWS), path(common, *_WINDOWS)
    signs = (mine, ours, path(programs, *_WINDOWS))
    return [
        Place("person", mine.joinpath("Support", *_SCRIPTS), signs),
        Place("everybody", ours.joinpath(*_SCRIPTS), signs),
    ]


def _on_mac(computer: Computer) -> list[Place]:
    path = computer.path
    mine, ours = path(computer.home, *_MAC), path("/", *_MAC)
    signs = (mine, ours, path("/Applications", "DaVinci Resolve"))
    store = path(computer.home, *_STORE)
    inside = store.joinpath("Library", "Application Support", *_SCRIPTS)
    return [
        Place("person", mine.joinpath(*_SCRIPTS), signs),
        Place("everybody", ours.joinpath(*_SCRIPTS), signs),
        Place("store", inside, (store,)),
    ]


def _on_linux(computer: Computer) -> list[Place]:
    path = computer.path
    mine = path(computer.home, ".local", "share", "DaVinciResolve")
    programs = tuple(path(name) for name in _LINUX)
    return [
        Place("person", mine.joinpath(*_SCRIPTS), (mine, *programs)),
        *(Place("everybody", program.joinpath(*_SCRIPTS), (program,)) for program in programs),
    ]
