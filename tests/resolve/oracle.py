"""What Resolve's API has, from the public stub package and the tables beside it, and whether a
source keeps to that. It must not know the fake, nor what a script is for.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.resolve.fake.versions import (
    OLDEST,
    OPTIONAL,
    RENDER_KEYS,
    SINCE,
    STUBBED,
    STUDIO_ONLY,
    Version,
    arguments_since,
)

#: How many arguments the methods take that are younger than the stubs: least and most.
YOUNGER: dict[str, tuple[int, int]] = {
    "Timeline.GetSelectedClips": (0, 0),
    "MediaPoolItem.GetTimeline": (0, 0),
    "Resolve.GetCurrentProject": (0, 0),
    "Resolve.GetCurrentTimeline": (0, 0),
    "Resolve.GetMediaPool": (0, 0),
    "Resolve.IsStudio": (0, 0),
    "Project.GetAudioRenderFormats": (0, 0),
    "Project.GetAudioRenderCodecs": (1, 1),
    "TimelineItem.GetSpeed": (0, 0),
    "TimelineItem.GetType": (0, 0),
    "TimelineItem.GetProperties": (0, 0),
}
#: Fusion's own, which the stubs leave empty.
FUSION: dict[str, tuple[int, int]] = {"Fusion.GetResolve": (0, 0), "Bmd.scriptapp": (1, 1)}
#: What looks like one of Resolve's methods, in a call and in a text.
CAMEL = re.compile(r"[A-Z][a-z]+[A-Z][A-Za-z]*$")
VERBS = re.compile(r"(Get|Set|Add|Delete|Import|Export|Append|Create|Is)[A-Z][A-Za-z]*$")
#: More than any method takes: of `*args`.
MANY = 99


@dataclass(frozen=True)
class Method:
    """A method of the API.

    Attributes:
        arities: least and most arguments, once for each overload.
        deprecated: no form of it is to be used any more.
    """

    name: str
    arities: tuple[tuple[int, int], ...]
    deprecated: bool = False

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return any(least <= count <= most for least, most in self.arities)


def stub() -> Path:
    """The stub package's file."""
    places = [Path(place) / "fusionscript-stubs" / "fusionscript.pyi" for place in sys.path]
    return next(place for place in places if place.is_file())


@lru_cache
def methods() -> dict[str, Method]:
    """By `Class.Method`, everything that any version has."""
    found: dict[str, list[tuple[tuple[int, int], bool]]] = {}
    for kind in ast.parse(stub().read_text(encoding="utf-8")).body:
        for part in kind.body if isinstance(kind, ast.ClassDef) else ():
            if isinstance(part, ast.FunctionDef):
                name = f"{kind.name}.{part.name}"  # type: ignore[union-attr]
                marks = {ast.unparse(mark).split("(")[0] for mark in part.decorator_list}
                found.setdefault(name, []).append((_arity(name, part), "deprecated" in marks))
    known = {
        name: Method(
            name,
            tuple(arity for arity, old in forms if not old) or tuple(a for a, _ in forms),
            all(old for _, old in forms),
        )
        for name, forms in found.items()
    }
    added = YOUNGER | FUSION
    return known | {name: Method(name, (arity,)) for name, arity in added.items()}


def _arity(name: str, part: ast.FunctionDef) -> tuple[int, int]:
    most = len(part.args.args) - 1
    # What the stubs demand though the README calls it optional.
    least = most - max(len(part.args.defaults), OPTIONAL.get(name, 0))
    return max(0, least), MANY if part.args.vararg else most


@lru_cache
def called() -> dict[str, list[Method]]:
    """By the method's bare name, the methods of all classes that have it."""
    found: dict[str, list[Method]] = {}
    for name, method in methods().items():
        found.setdefault(name.split(".")[1], []).append(method)
    return found


def oldest(name: str, count: int) -> Version:
    """The first version in which anything has a method of that name with so many arguments."""
    return min(
        arguments_since(method.name, count) for method in called()[name] if method.takes(count)
    )


def table_faults() -> list[str]:
    """Where the tables contradict the stubs."""
    faults = [f"{name} is not in the stubs" for name in OPTIONAL if name not in methods()]
    for name, version in SINCE.items():
        stubbed = name in methods() and name not in YOUNGER
        if stubbed != (version <= STUBBED):
            faults.append(f"{name} is {'' if stubbed else 'not '}in the stubs")
    return faults


def faults(source: str) -> Iterator[str]:
    """What a script does that the oldest Resolve, or any, cannot: a sentence for each."""
    tree = ast.parse(source)
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    imported = {alias.asname or alias.name for node in imports for alias in node.names}
    for function in [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]:
        tested = dict(_tested(function))
        for node in _own(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield from _direct(node, node.func, imported)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                before = [n for line, n in tested.get(node.func.id, ()) if line <= node.lineno]
                yield from _counted(node, before[-1]) if before else ()
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _named(node.value)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are not of a function inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _own(child)


def _tested(function: ast.AST) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Variables that hold what a feature test found: in which lines, and of which method."""
    found: dict[str, list[tuple[int, str]]] = {}
    for node in _own(function):
        if not isinstance(node, ast.Assign):
            continue
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        (target,) = node.targets
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        for name, value in zip(names, values, strict=False):
            asked = _asked(value)
            if asked and isinstance(name, ast.Name):
                found.setdefault(name.id, []).append((node.lineno, asked))
    yield from found.items()


def _asked(value: ast.expr) -> str:
    """The method that `method(thing, "Name")` asks for."""
    right = isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] == "method"
    if not right or len(value.args) < 2:  # type: ignore[attr-defined]
        return ""
    name = value.args[1]  # type: ignore[attr-defined]
    return str(name.value) if isinstance(name, ast.Constant) else ""


def _direct(node: ast.Call, function: ast.Attribute, imported: set[str]) -> Iterator[str]:
    name, owner = function.attr, function.value
    if name not in called():
        # Of a module it is a class.
        ours = isinstance(owner, ast.Name) and owner.id in imported
        if CAMEL.match(name) and not ours:
            yield f"line {node.lineno}: nothing in Resolve has a method {name}"
        return
    yield from _counted(node, name)
    count = len(node.args)
    fits = any(method.takes(count) for method in called()[name])
    if fits and oldest(name, count) > OLDEST:
        yield f"line {node.lineno}: {name} is called without asking whether it is there"


def _counted(node: ast.Call, name: str) -> Iterator[str]:
    known = called().get(name, [])
    starred = any(isinstance(arg, ast.Starred) for arg in node.args)
    if node.keywords:
        yield f"line {node.lineno}: {name} takes no arguments by name"
    if not starred and not any(method.takes(len(node.args)) for method in known):
        yield f"line {node.lineno}: {name} does not take {len(node.args)} arguments"
    if known and all(method.deprecated for method in known):
        yield f"line {node.lineno}: {name} is deprecated"
    if any(method.name in STUDIO_ONLY for method in known):
        yield f"line {node.lineno}: {name} opens a dialog in the free edition"


def _named(text: str) -> Iterator[str]:
    if VERBS.match(text) and text not in called() and text not in RENDER_KEYS:
        yield f"nothing in Resolve has a method {text}"
