# SPDX-License-Identifier: GPL-3.0-or-later
"""The one session of this Blender, and what keeps it going: a timer, and what Blender tells us.

All of it happens on Blender's own thread. This module must not know what the panel looks like.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import compat, engine, environment, export, place, task
from .clip import restored
from .refusal import Refusal
from .session import Session

#: Seconds between two looks; nobody sees a bar that moves more often.
_EVERY = 0.1

_session: Session | None = None
_engine: engine.Engine | None = None
_installing: environment.Installing | None = None
_failed_install = ""
_described: dict[str, Any] | None = None
#: Tasks whose clip is on the timeline that is open now, also where it was never saved.
_of_this_file: set[str] = set()
_pictures: Any = None
#: What we have put into the status bar.
_status = ""


def session() -> Session | None:
    """The session; None while the extension is switched off."""
    return _session


def settings(context: bpy.types.Context) -> bpy.types.PropertyGroup:
    """What the panel says; raises Refusal where there is no timeline."""
    scene = compat.sequencer_scene(context)
    if scene is None:
        raise Refusal("This workspace shows no timeline.", "Open the video sequencer.")
    return scene.soundmatte


def begin(context: bpy.types.Context, clip: dict[str, Any], *, preview: bool = False) -> None:
    """Begin with a clip; raises Refusal."""
    assert _session is not None
    chosen = settings(context)
    use = {"AUTO": None, "CLOUD": "cloud", "OFFLINE": "offline"}[chosen.engine]
    if not bpy.app.online_access:
        if use == "cloud":
            raise Refusal(
                "Blender is not allowed to go online.",
                "Allow it under Preferences > System > Network, or choose This Computer.",
            )
        use = "offline"
    wishes = {
        "engine": use,
        "terms": {"acceleration": chosen.quality, "candidates": chosen.candidates},
        "style": chosen.style,
        "original": chosen.original,
        "meta": chosen.meta,
    }
    _running_engine()
    made = _session.begin(clip, wishes, _stems_folder(), bpy.data.filepath, preview=preview)
    _of_this_file.add(made.id)
    wake()


def put(found: task.Task, scene: str) -> None:
    """Put a task's stems on the timeline of a scene; raises Refusal."""
    assert _session is not None
    assert found.separation is not None
    missing = [
        part["path"]
        for part in found.separation["placement"]["stems"]
        if not os.path.isfile(part["path"])
    ]
    if missing:
        raise Refusal(f"{missing[0]} is not there any more.", "Separate the clip once more.")
    clip = dict(found.clip, scene=scene)
    options = place.Options(
        job=found.job,
        mute=found.wishes["original"] == "MUTE",
        meta=found.wishes["meta"],
    )
    made = place.place(clip, found.separation["placement"], options)
    found.note(*made.notes)
    found.message = found.hint = ""
    _session.placed(found)


def cancel_all() -> None:
    """End everything that is under way."""
    if _session is not None:
        for found in _session.tasks:
            if found.running:
                _session.cancel(found)
    wake()


def wake() -> None:
    """Look at the tasks from now on, until nothing is under way any more."""
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_EVERY, persistent=True)
    _redraw()


def price(chosen: bpy.types.PropertyGroup) -> str:
    """What a separation costs, as far as it is known before the engine has looked at the clip."""
    engine_name = chosen.engine
    if engine_name == "CLOUD" and not bpy.app.online_access:
        return "but Blender is not allowed to go online"
    if engine_name == "AUTO" and _described is not None:
        engine_name = "OFFLINE" if _described["engine"] == "offline" else "CLOUD"
    if engine_name == "OFFLINE" or not bpy.app.online_access:
        return "free, on this computer"
    return "the price is shown before anything is sent"


def picture(path: str) -> int:
    """The icon of a picture file, to be drawn as large as one likes; 0 if it is none."""
    if _pictures is None or not os.path.isfile(path):
        return 0
    if path not in _pictures:
        _pictures.load(path, path, "IMAGE")
    return int(_pictures[path].icon_id)


def where() -> engine.Where | None:
    """The engine that would be started."""
    return engine.found(_folder(), _preferred())


def installing() -> environment.Installing | None:
    """The making of the engine's own environment, while that is under way."""
    return _installing


def failed_install() -> str:
    """Why that came to nothing, and what to do."""
    return _failed_install


def install_engine(context: bpy.types.Context) -> None:
    """Begin to make the engine's own environment; raises Refusal."""
    global _installing, _failed_install
    _failed_install = ""
    made = environment.Installing(_folder(), sys.executable, os.path.dirname(__file__))
    made.begin(online=bool(bpy.app.online_access))
    _installing = made
    wake()


def cancel_install(context: bpy.types.Context) -> None:
    """End that, and remove what it has made."""
    global _installing
    if _installing is not None:
        _installing.cancel()
        _installing = None
    _redraw()


def remove_engine(context: bpy.types.Context) -> None:
    """Remove the engine's own environment; raises Refusal."""
    if _session is not None and _session.running:
        raise Refusal("The engine is at work.", "Cancel what is under way, or wait for its end.")
    if _engine is not None:
        _engine.close()
    environment.remove(_folder())
    _redraw()


def _follow_install() -> None:
    global _installing, _failed_install
    assert _installing is not None
    try:
        if _installing.poll():
            _installing = None
    except Refusal as error:
        _failed_install, _installing = f"{error} {error.hint}".strip(), None


def _stems_folder() -> str:
    """Where stems go; raises Refusal where nobody has said."""
    chosen = compat.preferences(__package__).stems_folder
    if chosen:
        return os.path.abspath(bpy.path.abspath(chosen))
    if not bpy.data.filepath:
        raise Refusal(
            "The file was never saved, so there is no place beside it for the stems.",
            "Save it, or choose a folder in the extension's preferences.",
        )
    return bpy.path.abspath("//soundmatte")


def _running_engine() -> engine.Engine:
    global _engine
    if _engine is None or _engine.ended:
        _engine = engine.start(_folder(), _preferred())
        _engine.ask("describe", _take_description)
    return _engine


def _take_description(event: dict[str, Any]) -> None:
    global _described
    if event["event"] == "done":
        _described = event["result"]


def _folder() -> str:
    """The extension's own folder."""
    return bpy.utils.extension_path_user(__package__, create=True)


def _preferred() -> str:
    chosen = compat.preferences(__package__).engine_command
    return os.path.abspath(bpy.path.abspath(chosen)) if chosen else ""


def _place(found: task.Task) -> bool:
    """Put finished stems on the timeline, as one step of undo, if their file is open."""
    reopened = found.blend and found.blend == bpy.data.filepath
    if found.id not in _of_this_file and not reopened:
        return False
    if found.clip["scene"] not in bpy.data.scenes:
        return False
    put(found, found.clip["scene"])
    compat.undo_push("Separate Sound")
    return True


def _tick() -> float | None:
    """Take everything a little further; ends when there is nothing to wait for."""
    if _session is None:
        return None
    if _installing is not None:
        _follow_install()
    if _session.tick() or _installing is not None:
        _redraw()
    if _session.running or _installing is not None:
        return _EVERY
    _redraw()
    return None


def _redraw() -> None:
    global _status
    under_way = [found for found in _session.tasks if found.running] if _session else []
    status = "   ".join(f"{found.title}: {found.text} {found.share:.0%}" for found in under_way)
    changed, _status = status != _status, status
    for window in bpy.context.window_manager.windows:
        if changed:
            # A timer has no window of its own once a file was loaded, and Blender crashes without.
            with bpy.context.temp_override(window=window):
                window.workspace.status_text_set(status or None)
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()


@persistent
def _file_closes(*_: Any) -> None:
    _of_this_file.clear()
    if _session is not None:
        _session.leave_timeline()


def register() -> None:
    """Begin."""
    global _session, _pictures
    import bpy.utils.previews

    _pictures = bpy.utils.previews.new()
    jobs = os.path.join(_folder(), "jobs")
    _session = Session(jobs, _running_engine, lambda c, f: export.Export(restored(c), f), _place)
    bpy.app.handlers.load_pre.append(_file_closes)


def unregister() -> None:
    """End, with everything that runs."""
    global _session, _engine, _pictures, _installing
    bpy.app.handlers.load_pre.remove(_file_closes)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _session is not None:
        _session.close()
    if _installing is not None:
        _installing.cancel()
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
    _session = _engine = _pictures = _installing = None
    if _status:
        _redraw()
