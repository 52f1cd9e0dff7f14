"""The rules of the code that no other tool checks: sizes, docstrings, who may import what."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "remux" / "stemmux", ROOT / "plugin" / "soundmatte"]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
#: Folders whose scripts run inside a host: the standard library and that host, nothing else.
HOST_FOLDERS = {
    ROOT / "plugin" / "blender_addon": {"bpy"},
    ROOT / "resolve_scripts": {"DaVinciResolveScript", "fusionscript"},
}
HOST_MODULES = set().union(*HOST_FOLDERS.values())


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """What a module imports from elsewhere than its own package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def importers(*tops: str) -> set[str]:
    return {name(p) for p in MODULES if any(m.split(".")[0] in tops for m in imported(p))}


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_modules_are_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says its subject"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_things_say_what_they_are_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_names_that_mean_nothing_are_not_used() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    assert not [name(path) for path in MODULES if path.stem in empty]


def test_programs_are_started_in_four_places_only() -> None:
    """ffmpeg by its runner, pip for a model, the engine by an editor, an editor by `install`."""
    allowed = {
        "remux/stemmux/ffmpeg.py",
        "plugin/soundmatte/engines/offline/weights_store.py",
        "plugin/soundmatte/hosts/bridge_client.py",
        "plugin/soundmatte/hosts/programs.py",
    }
    assert importers("subprocess", "multiprocessing", "pty") == allowed
    texts = {name(path): path.read_text(encoding="utf-8") for path in MODULES}
    assert not [n for n, text in texts.items() if re.search(r"os\.(system|popen|spawn|exec)", text)]


def test_moviepy_and_pydub_stay_in_the_report() -> None:
    found = importers("moviepy", "pydub")
    assert found
    assert all(path.startswith("plugin/soundmatte/report/") for path in found)


def test_the_network_is_reached_for_in_one_place() -> None:
    assert importers("requests", "ftplib", "aiohttp", "websockets", "urllib3") == set()
    # Served, not asked: the page in the person's own browser.
    server = {"plugin/soundmatte/page/server.py"}
    assert importers("http") == server | {"plugin/soundmatte/page/guard.py"}
    assert importers("socketserver") == server
    # Only to hang up: the library has no other way to end a stream that somebody waits on.
    assert importers("socket") == server | {"plugin/soundmatte/separation/transport.py"}
    assert importers("webbrowser") == {"plugin/soundmatte/page/opening.py"}
    clients = {
        "plugin/soundmatte/separation/transport.py",
        "plugin/soundmatte/separation/client.py",
    }
    assert importers("httpx") <= clients
    texts = {name(path): path.read_text(encoding="utf-8") for path in MODULES}
    assert not [n for n, text in texts.items() if "urllib.request" in text or "urlopen" in text]


def test_hosts_stay_in_their_folders() -> None:
    assert importers(*HOST_MODULES) == set()
    for folder, host in HOST_FOLDERS.items():
        for path in folder.rglob("*.py"):
            tops = {module.split(".")[0] for module in imported(path)}
            local = {other.stem for other in folder.iterdir() if other.is_dir()}
            local |= {other.stem for other in folder.glob("*.py")}
            assert tops <= set(sys.stdlib_module_names) | host | local, name(path)


def test_imports_are_absolute() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), name(path)
