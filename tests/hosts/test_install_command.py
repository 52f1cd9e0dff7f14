"""`soundmatte install blender` and `uninstall blender`, with a program that stands in for Blender.

What Blender itself makes of it is in tests/blender/test_install.py.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.shell import Shell, shell
from tests.hosts.installation import installation

from soundmatte import __version__
from soundmatte.hosts import blender, blender_installed, own_wheel, this_engine
from soundmatte.hosts.computer import Computer

__all__ = ["shell"]

COMMAND = this_engine.command
ENGINE = [sys.executable, "-P", "-m", "soundmatte"]
#: Makes a stand-in of a version.
Maker = Callable[..., Path]


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pip had installed this checkout, on a computer without Blender."""
    made = installation(tmp_path / "site")
    monkeypatch.setattr(own_wheel, "installed", lambda: made)
    monkeypatch.setattr(this_engine, "command", lambda: ENGINE)
    monkeypatch.setattr(blender, "usual_places", lambda computer: [])
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture
def program(tmp_path: Path) -> Maker:
    def make(version: str = "4.5.3", refuses: str = "") -> Path:
        path = tmp_path / f"blender {version}{refuses}" / "blender"
        path.parent.mkdir()
        script = Path(__file__).with_name("stand_in.py")
        words = f'"{sys.executable}" "{script}" {version} "{refuses}" "$@"'
        path.write_text(f"#!/bin/sh\nexec {words}\n")
        path.chmod(0o755)
        return path

    return make


def extensions(version: str = "4.5") -> Path:
    return Path(os.environ["XDG_CONFIG_HOME"], "blender", version, "extensions")


def own_folder(version: str = "4.5") -> Path:
    return extensions(version) / ".user" / "user_default" / "soundmatte"


def test_every_blender_gets_the_extension_and_is_told_where_the_engine_is(
    shell: Shell, program: Maker
) -> None:
    one, two = program(), program("5.2.3")
    said = shell("install", "blender", "--blender", one, "--blender", two)
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == f"Blender 4.5.3 ({one}): Soundmatte {__version__} is installed."
    assert lines[1].startswith("Blender 5.2.3 (")
    assert "press N" in lines[2]
    for version in ("4.5", "5.2"):
        there = extensions(version) / "user_default" / "soundmatte"
        assert (there / "bridge_client.py").is_file()
        assert list((there / "carried").glob("soundmatte-*.whl"))
        record = json.loads((own_folder(version) / "engine.json").read_text())
        assert record == {"command": ENGINE, "program": __version__}


def test_again_after_an_update_and_as_json(shell: Shell, program: Maker) -> None:
    one = program()
    (own_folder()).mkdir(parents=True)
    (own_folder() / "engine.json").write_text("an older one")
    first = shell("install", "blender", "--blender", one, "--json")
    assert shell("install", "blender", "--blender", one, "--json").result == first.result
    assert first.result == {
        "installed": [{"program": str(one), "version": "4.5.3", "folder": str(own_folder())}],
        "engine": ENGINE,
    }


def test_what_is_on_the_path_is_found(
    shell: Shell, program: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, old = program(), program("3.4.1")
    (one.parent / "link").symlink_to(one)
    monkeypatch.setenv("PATH", f"{one.parent}:/usr/bin:/bin")
    places = [str(one), str(one.parent / "link"), str(old.parent.parent / "*" / "blender")]
    monkeypatch.setattr(blender, "usual_places", lambda computer: places)
    said = shell("install", "blender", "--json")
    assert [each["program"] for each in said.result["installed"]] == [str(one)]


def test_a_portable_blender_keeps_its_own(program: Maker) -> None:
    one = program()
    (one.parent / "portable").mkdir()
    [found] = blender_installed.found(Computer.this(), [one])
    assert found.extensions == one.parent / "portable" / "extensions"


@pytest.mark.parametrize(
    ("make", "sentence", "hint"),
    [
        (lambda program, folder: program("3.4.1"), "3.4 cannot have extensions", "Update Blender"),
        (lambda program, folder: folder / "nothing", "is not there", "Name Blender's program"),
        (lambda program, folder: Path("/bin/true"), "is no Blender", "--blender PATH"),
    ],
)
def test_what_is_named_must_be_a_blender(
    shell: Shell,
    program: Maker,
    tmp_path: Path,
    make: Callable[[Maker, Path], Path],
    sentence: str,
    hint: str,
) -> None:
    said = shell("install", "blender", "--blender", make(program, tmp_path))
    assert said.status == 2
    assert sentence in said.err
    assert hint in said.err


def test_without_any_blender_the_way_out_is_named(shell: Shell) -> None:
    for command in ("install", "uninstall"):
        said = shell(command, "blender")
        assert said.status == 2
        assert "No Blender 4.2 or later is found." in said.err
        assert "--zip FILE" in said.err


def test_a_blender_that_refuses_is_told_of_no_engine(shell: Shell, program: Maker) -> None:
    said = shell("install", "blender", "--blender", program(refuses="refuses"))
    assert said.status == 1
    assert "did not install the extension: Error: the repository is locked" in said.err
    assert not own_folder().exists()


def test_an_engine_that_nobody_else_can_start_is_not_recorded(
    shell: Shell, program: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = program()
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho No module named soundmatte\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(this_engine, "command", COMMAND)
    monkeypatch.setattr(sys, "executable", str(bare))
    said = shell("install", "blender", "--blender", one)
    assert said.status == 1
    assert "could not start this soundmatte: No module named soundmatte" in said.err
    assert not extensions().exists()
    bare.write_text(f"#!/bin/sh\necho soundmatte {__version__}\n")
    assert shell("install", "blender", "--blender", one).status == 0
    record = json.loads((own_folder() / "engine.json").read_text())
    assert record["command"] == [str(bare), "-P", "-m", "soundmatte"]


def test_the_zip_alone(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "out" / "soundmatte-blender.zip"
    said = shell("install", "blender", "--zip", path)
    assert said.status == 0
    assert said.out.startswith(f"{path}: drag it")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    assert shell("install", "blender", "--zip", path).status != 0
    again = shell("install", "blender", "--zip", path, "--overwrite", "--json")
    assert again.result == {"zip": str(path), "engine": True}


def test_a_checkout_that_is_not_installed_says_that_the_engine_is_left_out(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_wheel, "installed", lambda: None)
    said = shell("install", "blender", "--zip", tmp_path / "a.zip", "--json")
    assert said.result["engine"] is False
    assert "no Install Engine button" in said.err


def test_uninstalling_takes_out_what_is_ours_and_nothing_else(shell: Shell, program: Maker) -> None:
    one = program()
    shell("install", "blender", "--blender", one)
    own = own_folder()
    (own / "engine" / "bin").mkdir(parents=True)
    (own / "jobs").mkdir()
    other = extensions() / "user_default" / "other_extension"
    others_own = own.with_name("other_extension")
    for folder in (other, others_own):
        folder.mkdir()
        (folder / "kept.txt").write_text("x")
    said = shell("uninstall", "blender", "--blender", one)
    assert said.out == f"Blender 4.5.3 ({one}): Soundmatte is removed.\n"
    assert not own.exists()
    assert not (extensions() / "user_default" / "soundmatte").exists()
    assert (other / "kept.txt").exists()
    assert (others_own / "kept.txt").exists()
    again = shell("uninstall", "blender", "--blender", one)
    assert again.status == 0
    assert "was not installed" in again.out
    assert shell("uninstall", "blender", "--blender", one, "--json").result == {"removed": []}


def test_an_extension_of_somebody_else_by_that_name_stays(shell: Shell, program: Maker) -> None:
    folder = extensions() / "user_default" / "soundmatte"
    folder.mkdir(parents=True)
    (folder / "blender_manifest.toml").write_text('id = "another"\nversion = "1.0.0"\n')
    assert "was not installed" in shell("uninstall", "blender", "--blender", program()).out
    assert (folder / "blender_manifest.toml").exists()


def test_a_blender_that_does_not_remove_it_leaves_all_as_it_was(
    shell: Shell, program: Maker
) -> None:
    shell("install", "blender", "--blender", program())
    said = shell("uninstall", "blender", "--blender", program(refuses="refuses"))
    assert said.status == 1
    assert "did not remove the extension" in said.err
    assert (own_folder() / "engine.json").exists()
