# SPDX-License-Identifier: GPL-3.0-or-later
"""All that differs between Blender 4.2 and 5.2; nobody else looks at a name twice.

What is there is asked for by name, never by version: Blender's own copies and distributions'
differ. An empty collection of Blender's is false, so collections are never tested for truth. This
module must not know what anything is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

Strip = Any
Scene = Any


def sequencer_scene(context: Any) -> Scene | None:
    """The scene whose timeline the sequencer shows; None where it shows none."""
    if hasattr(context, "sequencer_scene"):
        return context.sequencer_scene
    return context.scene


def editor_of(scene: Scene) -> Any:
    """The scene's timeline, made if there is none yet."""
    return scene.sequence_editor or scene.sequence_editor_create()


def strips(owner: Any) -> Any:
    """The strips that lie directly on a timeline, or directly in a meta strip."""
    return owner.strips if hasattr(owner, "strips") else owner.sequences


def all_strips(editor: Any) -> Any:
    """The strips of a timeline, those in meta strips too."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def first(strip: Strip) -> int:
    """The first timeline frame that a strip plays on."""
    value = strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start
    return round(value)


def end(strip: Strip) -> int:
    """The timeline frame behind the last that a strip plays on."""
    value = strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end
    return round(value)


def content(strip: Strip) -> tuple[int, int]:
    """The frames that a strip would play on untrimmed, end exclusive; not for retimed ones."""
    if hasattr(strip, "content_start"):
        return round(strip.content_start), round(strip.content_start + strip.content_duration)
    return round(strip.frame_start), round(strip.frame_start + strip.frame_duration)


def hard_trimmed(strip: Strip) -> bool:
    """Whether a strip's media was cut for good, so that no handle reaches its ends."""
    if hasattr(strip, "content_trim_start"):
        return bool(strip.content_trim_start or strip.content_trim_end)
    return bool(strip.animation_offset_start or strip.animation_offset_end)


def set_first(strip: Strip, frame: int) -> None:
    """Move a strip's left handle."""
    setattr(strip, "left_handle" if hasattr(strip, "left_handle") else "frame_final_start", frame)


def set_end(strip: Strip, frame: int) -> None:
    """Move a strip's right handle; `frame` is the first that it does not play on."""
    setattr(strip, "right_handle" if hasattr(strip, "right_handle") else "frame_final_end", frame)


def retimed(strip: Strip) -> bool:
    """Whether a strip plays at another speed than its media's."""
    return len(getattr(strip, "retiming_keys", ())) > 0


def linked(strip: Strip) -> list[Strip] | None:
    """The strips that an editor has linked with one; None where Blender does not tell."""
    if not hasattr(strip, "connections"):
        return None
    return list(strip.connections)


def inputs(strip: Strip) -> list[Strip]:
    """The strips that an effect strip is made from."""
    found = (getattr(strip, name, None) for name in ("input_1", "input_2"))
    return [part for part in found if part is not None]


def curves(scene: Scene) -> Iterator[Any]:
    """The scene's animation curves and drivers."""
    data = scene.animation_data
    if data is None:
        return
    yield from data.drivers
    if data.action is None:
        return
    layers = getattr(data.action, "layers", ())
    if len(layers) == 0:
        yield from getattr(data.action, "fcurves", ())
    for layer in layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def write_movies(render: Any) -> None:
    """Let a scene's output be a movie."""
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"


def preferences(package: str) -> Any:
    """The extension's preferences."""
    return bpy.context.preferences.addons[package].preferences


def undo_push(message: str) -> None:
    """One step of undo for what was done outside an operator; none without a window."""
    if not bpy.app.background:
        bpy.ops.ed.undo_push(message=message)
