"""The scripts' sources: Python 3.6, the standard library, and small."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from tests.resolve.driving import SCRIPTS

SOURCES = sorted(SCRIPTS.rglob("*.py"))
LIBRARY = sorted((SCRIPTS / "soundmatte_resolve").glob("*.py"))
#: Of the standard library, what came after 3.6 or is gone from newer Pythons.
NOT_EVERYWHERE = {"asyncio", "contextvars", "dataclasses", "distutils", "graphlib", "imp"}
NOT_EVERYWHERE |= {"importlib.resources", "tomllib", "zoneinfo"}


def name(path: Path) -> str:
    return path.name


def imported(tree: ast.Module) -> set[str]:
    """What a source imports, but for its own library."""
    nodes = list(ast.walk(tree))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    return {each for each in names if each.split(".")[0] != "soundmatte_resolve"}


def test_there_is_something_to_check() -> None:
    assert len(LIBRARY) > 20
    assert len(SOURCES) == len(LIBRARY) + 4


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_the_oldest_python_understands_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    newer = [n for n in ast.walk(tree) if isinstance(n, ast.NamedExpr | ast.Match)]
    # What `feature_version` lets through: positional-only arguments are not in 3.6 either.
    newer += [n for n in ast.walk(tree) if isinstance(n, ast.arguments) and n.posonlyargs]
    assert not newer
    assert "=}" not in text
    # Not every Python reads a source as UTF-8 that Resolve hands to it, but for what it shows.
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_it_stands_on_the_standard_library_and_resolve(path: Path) -> None:
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    resolve = {"DaVinciResolveScript"} if path.stem == "connect" else set()
    assert {each.split(".")[0] for each in names} <= set(sys.stdlib_module_names) | resolve
    assert not names & NOT_EVERYWHERE


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_it_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("path", LIBRARY, ids=name)
def test_programs_and_windows_are_started_by_the_client_alone(path: Path) -> None:
    names = imported(ast.parse(path.read_text(encoding="utf-8")))
    assert not names & {"subprocess", "multiprocessing", "tkinter", "webbrowser", "http.server"}


def test_what_is_in_the_menu_is_a_few_lines() -> None:
    for path in set(SOURCES) - set(LIBRARY):
        text = path.read_text(encoding="utf-8")
        assert text.count('LIBRARY = ""\n') == 1
        assert path.stem.removeprefix("Soundmatte ") in text
        assert len(text.splitlines()) < 25
        text.encode("ascii")
