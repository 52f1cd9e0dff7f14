"""Resolve's object, and what this Resolve is.

The only module that looks for Resolve, and the one that knows how a feature is tested for. It must
not know what anything is used for.
"""

import os
import sys
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from soundmatte_resolve.refusal import Refusal

#: The first that takes tracks and record frames from scripts.
OLDEST = (18, 5)


class Session(NamedTuple):
    """A Resolve with a project open.

    Attributes:
        version: numbers, as (20, 3, 0).
        studio: the paid edition; the free one opens a dialog when it is asked for more.
    """

    resolve: Any
    manager: Any
    project: Any
    pool: Any
    version: Tuple[int, ...]
    studio: bool
    title: str


def method(thing: Any, name: str) -> Optional[Callable[..., Any]]:
    """A method where this Resolve has it; None where it has not.

    `hasattr` is true of every name: the bridge to Resolve makes attributes up, and they are None.
    """
    found = getattr(thing, name, None)
    return found if callable(found) else None


def connect(names: Mapping[str, Any]) -> Session:
    """The running Resolve.

    Args:
        names: globals of the script that the menu started.

    Raises:
        Refusal: there is none, it is too old, or no project is open.
    """
    resolve = _inside(names) or _outside()
    manager = resolve.GetProjectManager()
    version = _version(resolve)
    if not any(version):
        raise Refusal("Resolve does not answer.", "Close every dialog of its, and try again.")
    title = "{} {}".format(
        resolve.GetProductName() or "DaVinci Resolve", ".".join(map(str, version))
    )
    if version < OLDEST:
        raise Refusal(f"{title} is too old: stems can be placed from 18.5 on.", "Update Resolve.")
    project = manager.GetCurrentProject() if manager is not None else None
    pool = project.GetMediaPool() if project is not None else None
    if pool is None:
        raise Refusal(
            "No project can be reached.", "Open one, and close every dialog of Resolve's."
        )
    return Session(resolve, manager, project, pool, version, _studio(resolve), title)


def features(timeline: Any) -> Dict[str, bool]:
    """Which of the newer ways this Resolve offers with a timeline, as a report has them."""
    return {
        "timeline selection (21.0.4)": method(timeline, "GetSelectedClips") is not None,
        "marks (19.1)": method(timeline, "GetMarkInOut") is not None,
        "kinds of audio tracks (19)": method(timeline, "GetTrackSubType") is not None,
    }


def _inside(names: Mapping[str, Any]) -> Any:
    """The object that a menu script finds; importing Resolve's module there fails for some."""
    if names.get("resolve") is not None:
        return names["resolve"]
    ask = method(names.get("app"), "GetResolve")
    found = ask() if ask is not None else None
    ask = method(names.get("bmd"), "scriptapp")
    return found if found is not None or ask is None else ask("Resolve")


def _outside() -> Any:
    """The object as another program gets it: in Studio alone."""
    for folder in module_folders(os.environ, sys.platform):
        if os.path.isdir(folder) and folder not in sys.path:
            sys.path.append(folder)
    try:
        import DaVinciResolveScript  # type: ignore[import-not-found]
    except ImportError:
        raise Refusal(
            "DaVinci Resolve cannot be reached from here.",
            "Start this script from Resolve's menu: Workspace > Scripts.",
        ) from None
    resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise Refusal(
            "DaVinci Resolve does not answer.",
            "Start it, and allow external scripting in its preferences, which only Studio can; "
            "or start this script from its menu: Workspace > Scripts.",
        )
    return resolve


def module_folders(environment: Mapping[str, str], platform: str) -> List[str]:
    """Where Resolve's module may lie: what the environment says, then where it is installed."""
    places = [environment["RESOLVE_SCRIPT_API"]] if environment.get("RESOLVE_SCRIPT_API") else []
    scripting = "Developer/Scripting"
    if platform == "darwin":
        places.append("/Library/Application Support/Blackmagic Design/DaVinci Resolve/" + scripting)
    elif platform == "win32":
        data = environment.get("PROGRAMDATA", "C:\\ProgramData")
        parts = ("Blackmagic Design", "DaVinci Resolve", "Support", "Developer", "Scripting")
        places.append(os.path.join(data, *parts))
    else:
        # Linux has two common places for it.
        places += ["/opt/resolve/" + scripting, "/home/resolve/" + scripting]
    return [os.path.join(place, "Modules") for place in places]


def _version(resolve: Any) -> Tuple[int, ...]:
    numbers = resolve.GetVersion() or []
    try:
        return tuple(int(number) for number in numbers[:3])
    except (TypeError, ValueError):
        return (0,)


def _studio(resolve: Any) -> bool:
    ask = method(resolve, "IsStudio")
    if ask is not None:
        return bool(ask())
    return "studio" in str(resolve.GetProductName() or "").lower()
