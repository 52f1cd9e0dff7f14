"""`soundmatte install resolve` and `uninstall resolve`: into folders as Resolve has them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.shell import Shell, shell

from soundmatte import __version__
from soundmatte.errors import HostRefused
from soundmatte.hosts import bridge_client, resolve_installed, resolve_scripts, this_engine
from soundmatte.hosts.computer import Computer

__all__ = ["shell"]

ENGINE = [sys.executable, "-P", "-m", "soundmatte"]
MENU = [
    "Soundmatte Place Stems Again.py",
    "Soundmatte Remove Stems.py",
    "Soundmatte Self Test.py",
    "Soundmatte Separate Selected Clip.py",
]
#: A script that does what a menu script does: goes to its library, and runs.
SCRIPT = """\
import sys

LIBRARY = ""
sys.path.insert(0, LIBRARY)
from soundmatte_resolve import told
told.where(__name__)
"""
LIBRARY = "import json, os\ndef where(name): print(json.dumps([__file__, name]))\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder on a Linux that has a Resolve."""
    home = tmp_path / "home"
    (home / ".local/share/DaVinciResolve").mkdir(parents=True)
    here = Computer("linux", {}, str(home))
    monkeypatch.setattr(Computer, "this", lambda: here)
    monkeypatch.setattr(this_engine, "command", lambda: ENGINE)
    return home


@pytest.fixture
def scripts(home: Path) -> Path:
    return home / ".local/share/DaVinciResolve/Fusion/Scripts"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts of a version that this test makes."""
    folder = tmp_path / "sources"
    (folder / "soundmatte_resolve").mkdir(parents=True)
    (folder / "Soundmatte One.py").write_text(SCRIPT)
    (folder / "README.md").write_text("for developers")
    (folder / "soundmatte_resolve" / "__init__.py").write_text("")
    (folder / "soundmatte_resolve" / "told.py").write_text(LIBRARY)
    (folder / "soundmatte_resolve" / "__pycache__").mkdir()
    (folder / "soundmatte_resolve" / "__pycache__" / "told.pyc").write_bytes(b"x")
    monkeypatch.setattr(resolve_scripts, "sources", lambda: folder)
    return folder


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_ours_lies_in_the_menu_and_the_library_beside_it(
    shell: Shell, scripts: Path
) -> None:
    """The product's own scripts."""
    said = shell("install", "resolve")
    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == f"{scripts}: Soundmatte {__version__} is installed."
    assert "Workspace > Scripts" in lines[1]
    assert "21.1" in lines[2]
    there = held(scripts)
    assert sorted(Path(name).name for name in there if name.startswith("Utility/")) == MENU
    package = "Soundmatte/soundmatte_resolve"
    assert json.loads(there[f"{package}/engine.json"]) == {"engine": ENGINE}
    assert there[f"{package}/bridge_client.py"] == Path(bridge_client.__file__).read_bytes()
    own = resolve_scripts.sources() / "soundmatte_resolve"
    for path in own.glob("*.py"):
        assert there[f"{package}/{path.name}"] == path.read_bytes()
    for name in MENU:
        tree = ast.parse(there[f"Utility/{name}"])
        library = [
            node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and any(isinstance(each, ast.Name) and each.id == "LIBRARY" for each in node.targets)
        ]
        assert library == [str(scripts / "Soundmatte")]
    assert not [name for name in there if "README" in name or name.endswith(".pyc")]


def test_a_script_finds_its_library_by_any_python_and_from_anywhere(
    shell: Shell, sources: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "Ordner ä\u2028 😀 \"'\\n"
    folder.mkdir()
    assert shell("install", "resolve", "--folder", folder).status == 0
    script = folder / "Utility" / "Soundmatte One.py"
    assert script.read_bytes().isascii()
    # Without a name of its own, as some hosts run scripts, and in another language.
    code = (
        "import sys; exec(compile(open(sys.argv[1], 'rb').read(), 'x', 'exec'), {'__name__': ''})"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-B", "-c", code, script],
        env={"LC_ALL": "C"},
        cwd="/",
        capture_output=True,
        check=True,
    )
    place = folder.resolve() / "Soundmatte" / "soundmatte_resolve" / "told.py"
    assert json.loads(run.stdout) == [str(place), ""]


def test_an_update_replaces_what_is_ours_and_takes_out_what_is_gone(
    shell: Shell, sources: Path, scripts: Path
) -> None:
    shell("install", "resolve")
    other = scripts / "Utility" / "Somebody's.py"
    other.write_text("x")
    (sources / "Soundmatte One.py").rename(sources / "Soundmatte Two.py")
    (sources / "soundmatte_resolve" / "told.py").write_text(LIBRARY + "# newer\n")
    said = shell("install", "resolve", "--json")
    assert said.result == {
        "installed": [{"folder": str(scripts), "version": __version__}],
        "engine": ENGINE,
    }
    there = held(scripts)
    assert sorted(name for name in there if name.startswith("Utility/")) == [
        "Utility/Somebody's.py",
        "Utility/Soundmatte Two.py",
    ]
    assert there["Soundmatte/soundmatte_resolve/told.py"].endswith(b"# newer\n")
    assert shell("install", "resolve").status == 0
    assert held(scripts) == there


def test_what_is_not_ours_or_was_changed_is_not_replaced_unasked(
    shell: Shell, sources: Path, scripts: Path
) -> None:
    script = scripts / "Utility" / "Soundmatte One.py"
    script.parent.mkdir(parents=True)
    script.write_text("mine")
    said = shell("install", "resolve")
    assert said.status == 1
    assert "was not put there by Soundmatte" in said.err
    assert "--overwrite" in said.err
    assert held(scripts) == {"Utility/Soundmatte One.py": b"mine"}
    assert shell("install", "resolve", "--overwrite").status == 0
    script.write_text("changed")
    before = held(scripts)
    said = shell("install", "resolve")
    assert said.status == 1
    assert f"{script} was changed since it was installed." in said.err
    assert held(scripts) == before
    # Of an older version it is in nobody's way.
    (sources / "Soundmatte One.py").rename(sources / "Soundmatte Two.py")
    said = shell("install", "resolve")
    assert said.status == 0
    assert f"{script} was changed since it was installed, and stays." in said.err
    assert script.read_text() == "changed"


def test_uninstalling_takes_out_what_was_written_and_nothing_else(
    shell: Shell, sources: Path, scripts: Path
) -> None:
    shell("install", "resolve")
    changed = scripts / "Utility" / "Soundmatte One.py"
    changed.write_text("changed")
    others = [scripts / "Utility" / "Somebody's.py", scripts / "Soundmatte" / "notes.txt"]
    compiled = scripts / "Soundmatte" / "soundmatte_resolve" / "__pycache__"
    compiled.mkdir()
    for name in ("told.cpython-36.pyc", "told.cpython-314.opt-1.pyc", "__init__.cpython-36.pyc"):
        (compiled / name).write_bytes(b"x")
    for path in others:
        path.write_text("x")
    said = shell("uninstall", "resolve")
    assert said.out == f"{scripts}: Soundmatte {__version__} is removed.\n"
    assert f"{changed} was changed since it was installed, and stays." in said.err
    assert set(held(scripts)) == {
        "Utility/Soundmatte One.py",
        "Utility/Somebody's.py",
        "Soundmatte/notes.txt",
    }
    assert not compiled.parent.exists()
    again = shell("uninstall", "resolve")
    assert again.status == 0
    assert again.out == "In DaVinci Resolve Soundmatte was not installed.\n"
    assert shell("uninstall", "resolve", "--json").result == {"removed": []}


def test_installed_and_uninstalled_leaves_nothing(
    shell: Shell, sources: Path, scripts: Path
) -> None:
    shell("install", "resolve")
    said = shell("uninstall", "resolve", "--json")
    assert said.result == {"removed": [{"folder": str(scripts), "version": __version__}]}
    assert held(scripts) == {}
    assert not (scripts / "Soundmatte").exists()


def test_a_list_that_names_other_files_removes_none_of_them(
    shell: Shell, sources: Path, scripts: Path, home: Path
) -> None:
    shell("install", "resolve")
    precious = home / ".local/share/DaVinciResolve/project.db"
    precious.write_bytes(b"x")
    path = scripts / "Soundmatte" / "installed.json"
    told = json.loads(path.read_text())
    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    names = ("Utility/../../../project.db", str(precious), "../../project.db", "Soundmatte/./x")
    told["files"].update({name: [digest] for name in names})
    path.write_text(json.dumps(told))
    assert shell("uninstall", "resolve").status == 0
    assert precious.exists()
    for garbage in ("[]", "{", '{"files": 7}', '{"files": {"Utility/a": 7}}'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(garbage)
        assert "was not installed" in shell("uninstall", "resolve").out


@pytest.mark.parametrize("writes", range(1, 9))
def test_broken_off_anywhere_it_can_be_done_again_and_undone(
    sources: Path, scripts: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """An update that ends before its n-th file has its name."""
    resolve_installed.install(scripts, ENGINE)
    (sources / "Soundmatte One.py").rename(sources / "Soundmatte Two.py")
    (sources / "soundmatte_resolve" / "told.py").write_text(LIBRARY + "# newer\n")
    whole, left = os.replace, [writes]

    def replace(*names: Path) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        whole(*names)

    monkeypatch.setattr(os, "replace", replace)
    finished = True
    try:
        resolve_installed.install(scripts, ENGINE)
    except KeyboardInterrupt:
        finished = False
    assert finished == (writes == 8)
    monkeypatch.setattr(os, "replace", whole)
    if writes % 2:
        resolve_installed.install(scripts, ENGINE)
    assert resolve_installed.remove(scripts).kept == ()
    assert held(scripts) == {}


def test_everybodys_folder_is_asked_for(
    shell: Shell, sources: Path, scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = shell("install", "resolve", "--all-users")
    assert said.status == 2
    assert "DaVinci Resolve is not found" in said.err
    shared = tmp_path / "opt/resolve"
    shared.mkdir(parents=True)
    monkeypatch.setattr("soundmatte.hosts.resolve._LINUX", (str(shared), str(tmp_path / "none")))
    [row] = shell("install", "resolve", "--all-users", "--json").result["installed"]
    assert row["folder"] == str(shared / "Fusion/Scripts")
    assert not scripts.exists()
    assert len(shell("uninstall", "resolve", "--json").result["removed"]) == 1


@pytest.mark.parametrize(
    ("name", "words", "sentence", "hint"),
    [
        ("nothing", [], "is not a folder that is there", "--folder DIR"),
        ("Utility", [], "is one of Resolve's menus", "the folder above it"),
        (".", ["--all-users"], "names one folder", "Leave out --all-users"),
    ],
)
def test_what_is_named_must_be_a_folder_of_scripts(
    shell: Shell, tmp_path: Path, name: str, words: list[str], sentence: str, hint: str
) -> None:
    (tmp_path / "Utility").mkdir()
    said = shell("install", "resolve", "--folder", tmp_path / name, *words)
    assert said.status == 2
    assert sentence in said.err
    assert hint in said.err


def test_without_any_resolve_the_way_out_is_named(shell: Shell, home: Path) -> None:
    (home / ".local/share/DaVinciResolve").rmdir()
    said = shell("install", "resolve")
    assert said.status == 2
    assert "--folder DIR" in said.err


def test_a_folder_that_cannot_be_written_to(sources: Path, tmp_path: Path) -> None:
    """A file stands where a folder should be."""
    scripts = tmp_path / "Scripts"
    scripts.mkdir()
    (scripts / "Soundmatte").write_text("x")
    with pytest.raises(HostRefused, match="cannot be changed") as refused:
        resolve_installed.install(scripts, ENGINE)
    assert "--folder" in refused.value.hint
    assert held(scripts) == {"Soundmatte": b"x"}


def test_the_help_says_which_resolves_list_scripts(shell: Shell) -> None:
    told = " ".join(shell("install", "resolve", "--help").out.split())
    assert "The free Resolve from 21.1 on lists none" in told
    assert "soundmatte timeline" in told
