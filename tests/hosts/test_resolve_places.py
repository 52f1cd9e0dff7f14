"""Where Resolve looks for scripts, on three systems from one."""

from __future__ import annotations

import pytest

from soundmatte.hosts import resolve
from soundmatte.hosts.computer import Computer

LINUX = Computer("linux", {}, "/home/ada")
MAC = Computer("darwin", {}, "/Users/ada")
WINDOWS = Computer(
    "win32",
    {
        "ProgramFiles": r"D:\Program Files",
        "PROGRAMDATA": r"D:\ProgramData",
        "APPDATA": r"D:\Users\ada\AppData\Roaming",
    },
    r"C:\Users\ada",
)
BARE_WINDOWS = Computer("win32", {}, r"C:\Users\ada")
STORE = "/Users/ada/Library/Containers/com.blackmagic-design.DaVinciResolveLite/Data"


@pytest.mark.parametrize(
    ("computer", "folders"),
    [
        (
            LINUX,
            [
                ("person", "/home/ada/.local/share/DaVinciResolve/Fusion/Scripts"),
                ("everybody", "/opt/resolve/Fusion/Scripts"),
                ("everybody", "/home/resolve/Fusion/Scripts"),
            ],
        ),
        (
            MAC,
            [
                (
                    "person",
                    "/Users/ada/Library/Application Support/Blackmagic Design/DaVinci Resolve/"
                    "Fusion/Scripts",
                ),
                (
                    "everybody",
                    "/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts",
                ),
                ("store", f"{STORE}/Library/Application Support/Fusion/Scripts"),
            ],
        ),
        (
            WINDOWS,
            [
                (
                    "person",
                    r"D:\Users\ada\AppData\Roaming\Blackmagic Design\DaVinci Resolve\Support"
                    r"\Fusion\Scripts",
                ),
                (
                    "everybody",
                    r"D:\ProgramData\Blackmagic Design\DaVinci Resolve\Fusion\Scripts",
                ),
            ],
        ),
        (
            BARE_WINDOWS,
            [
                (
                    "person",
                    r"C:\Users\ada\AppData\Roaming\Blackmagic Design\DaVinci Resolve\Support"
                    r"\Fusion\Scripts",
                ),
                (
                    "everybody",
                    r"C:\ProgramData\Blackmagic Design\DaVinci Resolve\Fusion\Scripts",
                ),
            ],
        ),
    ],
)
def test_each_system_has_its_folders(computer: Computer, folders: list[tuple[str, str]]) -> None:
    found = resolve.places(computer)
    assert [(place.whose, str(place.folder)) for place in found] == folders


@pytest.mark.parametrize(
    ("computer", "whose", "signs"),
    [
        (LINUX, "person", ["/home/ada/.local/share/DaVinciResolve", "/opt/resolve"]),
        (LINUX, "everybody", ["/home/resolve"]),
        (MAC, "person", ["/Applications/DaVinci Resolve"]),
        (MAC, "store", [STORE]),
        (WINDOWS, "everybody", [r"D:\Program Files\Blackmagic Design\DaVinci Resolve"]),
    ],
)
def test_what_shows_that_resolve_is_there(computer: Computer, whose: str, signs: list[str]) -> None:
    places = [place for place in resolve.places(computer) if place.whose == whose]
    told = {str(sign) for place in places for sign in place.signs}
    assert set(signs) <= told
    # The folder of scripts itself is none: we may have made it.
    assert not told & {str(place.folder) for place in places}


def test_nobodys_scripts_reach_into_the_store_s_resolve() -> None:
    """It is shown by its own folder alone, and that folder shows no other."""
    *others, store = resolve.places(MAC)
    assert [str(sign) for sign in store.signs] == [STORE]
    assert not {sign for place in others for sign in place.signs} & set(store.signs)
