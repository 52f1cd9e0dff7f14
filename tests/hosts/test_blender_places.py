"""Where Blender and its extensions are looked for, on three systems from one."""

from __future__ import annotations

import pytest

from soundmatte.hosts import blender
from soundmatte.hosts.computer import Computer

LINUX = Computer("linux", {}, "/home/ada")
MAC = Computer("darwin", {}, "/Users/ada")
WINDOWS = Computer(
    "win32",
    {
        "ProgramFiles": r"C:\Program Files",
        "ProgramFiles(x86)": r"C:\Program Files (x86)",
        "APPDATA": r"C:\Users\ada\AppData\Roaming",
    },
    r"C:\Users\ada",
)
FLATPAK = "/var/lib/flatpak/exports/bin/org.blender.Blender"


@pytest.mark.parametrize(
    ("computer", "program", "folder"),
    [
        (LINUX, "/usr/bin/blender", "/home/ada/.config/blender/4.5/extensions"),
        (
            LINUX,
            FLATPAK,
            "/home/ada/.var/app/org.blender.Blender/config/blender/4.5/extensions",
        ),
        (
            MAC,
            "/Applications/Blender.app/Contents/MacOS/Blender",
            "/Users/ada/Library/Application Support/Blender/4.5/extensions",
        ),
        (
            WINDOWS,
            r"C:\Program Files\Blender Foundation\Blender 4.5\blender.exe",
            r"C:\Users\ada\AppData\Roaming\Blender Foundation\Blender\4.5\extensions",
        ),
    ],
)
def test_a_version_has_its_folder_of_extensions(
    computer: Computer, program: str, folder: str
) -> None:
    assert str(blender.extensions(computer, (4, 5), program)) == folder
    said = {"XDG_CONFIG_HOME": "/elsewhere"}
    if computer is LINUX and program == "/usr/bin/blender":
        moved = Computer("linux", said, computer.home)
        assert (
            str(blender.extensions(moved, (4, 5), program)) == "/elsewhere/blender/4.5/extensions"
        )


def test_linux_can_keep_configurations_elsewhere() -> None:
    moved = Computer("linux", {"XDG_CONFIG_HOME": "/e"}, "/home/ada")
    assert str(blender.extensions(moved, (5, 2), "blender")) == "/e/blender/5.2/extensions"


@pytest.mark.parametrize("computer", [LINUX, MAC, WINDOWS])
def test_blenders_own_variables_go_before_that(computer: Computer) -> None:
    named = {**computer.variables, "BLENDER_USER_RESOURCES": "/mine"}
    for variables, folder in (
        (named, ("/mine", "extensions")),
        ({**named, "BLENDER_USER_EXTENSIONS": "/other"}, ("/other",)),
    ):
        asked = Computer(computer.system, variables, computer.home)
        assert blender.extensions(asked, (5, 2), "blender") == computer.path(*folder)


def test_the_extension_and_what_is_its_own() -> None:
    folder = LINUX.path("/e")
    assert str(blender.installed_in(folder)) == "/e/user_default/soundmatte"
    assert str(blender.own_folder(folder)) == "/e/.user/user_default/soundmatte"


def test_a_portable_installation_is_beside_its_program() -> None:
    folder = r"D:\blender-4.5"
    assert str(blender.portable(WINDOWS, folder + r"\blender.exe")) == folder + r"\portable"
    app = "/Applications/Blender.app/Contents"
    assert str(blender.portable(MAC, f"{app}/MacOS/Blender")) == f"{app}/Resources/portable"
    assert str(blender.portable(LINUX, "/opt/b/blender")) == "/opt/b/portable"


@pytest.mark.parametrize(
    ("computer", "places"),
    [
        (LINUX, ["/usr/bin/blender", "/snap/bin/blender", FLATPAK, "/home/ada/blender-*/blender"]),
        (MAC, ["/Applications/Blender*.app/Contents/MacOS/Blender"]),
        (WINDOWS, [r"C:\Program Files\Blender Foundation\Blender *\blender.exe"]),
    ],
)
def test_usual_places(computer: Computer, places: list[str]) -> None:
    found = blender.usual_places(computer)
    assert set(places) <= set(found)
    assert all(computer.path(place).is_absolute() for place in found)


def test_without_its_variables_windows_has_no_place() -> None:
    assert blender.usual_places(Computer("win32", {}, r"C:\Users\ada")) == []


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("Blender 4.3.2\n\tbuild date: 2024-12-17", (4, 3, 2)),
        ("a warning\nBlender 5.2.3 LTS\n", (5, 2, 3)),
        ("GNU bash, version 5.2.15\nBlender", None),
        ("", None),
    ],
)
def test_versions(said: str, version: tuple[int, int, int] | None) -> None:
    assert blender.version_of(said) == version
