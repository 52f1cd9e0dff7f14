"""What the process and its clients write to one another: values as JSON, things by their number.

It must not know sockets, nor who asks.
"""

from __future__ import annotations

import inspect
from typing import Any

from tests.resolve.fake import application, item, pool, project, timeline
from tests.resolve.fake.versions import since
from tests.resolve.fake.world import Part, World

CLASSES: dict[str, type[Part]] = {
    kind.__name__: kind
    for kind in (
        *(application.Resolve, application.ProjectManager, application.Fusion, application.Bmd),
        *(project.Project, pool.MediaStorage, pool.MediaPool, pool.Folder, pool.MediaPoolItem),
        *(timeline.Timeline, item.TimelineItem),
    )
}
#: What `bmd` has is spelt as in Lua.
_SMALL = {"Bmd": {"scriptapp"}}


def methods(kind: type[Part]) -> dict[str, inspect.Signature]:
    """The API's methods of a class, with their signatures."""
    small = _SMALL.get(kind.__name__, set())
    return {
        name: inspect.signature(value)
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if name[0].isupper() or name in small
    }


def names(world: World) -> dict[str, dict[str, bool]]:
    """By class and method, whether this version has it."""
    return {
        kind: {name: since(f"{kind}.{name}") <= world.version for name in methods(made)}
        for kind, made in CLASSES.items()
    }


def encoded(value: Any) -> Any:
    """A value as it travels."""
    if isinstance(value, Part):
        return {"$object": value.uid, "class": type(value).__name__}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: encoded(each) for key, each in value.items()}
        return {"$pairs": [[key, encoded(each)] for key, each in value.items()]}
    if isinstance(value, list | tuple):
        return [encoded(each) for each in value]
    return value


def decoded(world: World, value: Any) -> Any:
    """A value that has travelled; a thing of another world is None."""
    if isinstance(value, dict) and "$object" in value:
        return world.parts.get(value["$object"])
    if isinstance(value, dict):
        return {key: decoded(world, each) for key, each in value.items()}
    if isinstance(value, list):
        return [decoded(world, each) for each in value]
    return value
