# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the timeline's sidebar, and the entry in its menu.

Draws what there is and changes nothing. This module must not know how anything is done.
"""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from . import clip, compat, running, task
from .refusal import Refusal

_ICONS = {
    task.READY: "SOUND",
    task.PLACED: "CHECKMARK",
    task.SHOWN: "HIDE_OFF",
    task.FAILED: "ERROR",
    task.CANCELLED: "X",
    task.AGREEING: "QUESTION",
}
#: Tasks that are shown; the newest come first.
_SHOWN = 8
_OFFLINE = (
    "Blender must be allowed to go online for that: Preferences > System > Network. "
    "Or run `pip install soundmatte` and then `soundmatte install blender` in a terminal."
)
#: What the line was drawn from the last time, the line, and whether it says why not: Blender opens
#: movies anew whenever it is asked for their frame rate, which is too long for every redraw.
_looked: tuple[tuple[Any, ...], str, bool] | None = None
#: Pixels across of a preview's still, which is drawn as it is, or at the size of the interface.
_STILL = 256


def write(layout: bpy.types.UILayout, text: str, width: int, icon: str = "NONE") -> None:
    """A sentence over as many lines as it takes; `width` of the region in pixels."""
    scale = bpy.context.preferences.system.ui_scale or 1.0
    letters = max(20, int((width - 40 * scale) / (6.2 * scale)))
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, letters)):
        column.label(text=line, icon=icon if not number else ("BLANK1" if icon != "NONE" else icon))


def draw_engine(layout: bpy.types.UILayout, width: int, *, missing_only: bool = False) -> bool:
    """Where the engine is, or how to get it; whether it is missing."""
    installing = running.installing()
    if installing is not None:
        row = layout.row()
        row.progress(factor=installing.share, text=installing.text)
        row.operator("soundmatte.cancel_install", text="", icon="CANCEL")
        return True
    where = running.where()
    if where is not None:
        if not missing_only:
            layout.label(text=f"Engine: {where.title}", icon="CHECKMARK")
            if where.own:
                layout.operator("soundmatte.remove_engine")
        return False
    column = layout.column()
    write(column, "Soundmatte's engine is not installed yet.", width, "INFO")
    column.operator("soundmatte.install_engine", icon="IMPORT")
    if not bpy.app.online_access:
        write(column, _OFFLINE, width)
    if running.failed_install():
        write(column, running.failed_install(), width, "ERROR")
    return True


class _Sidebar:
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Soundmatte"


class SOUNDMATTE_PT_main(_Sidebar, bpy.types.Panel):
    """What is wanted, and the two buttons."""

    bl_idname = "SOUNDMATTE_PT_main"
    bl_label = "Soundmatte"

    def draw(self, context: bpy.types.Context) -> None:
        """The fields in the order in which they are thought of; the buttons below."""
        layout, width = self.layout, context.region.width
        scene = compat.sequencer_scene(context)
        if scene is None:
            write(layout, "This workspace shows no timeline.", width, "INFO")
            return
        if draw_engine(layout, width, missing_only=True):
            return
        settings = scene.soundmatte
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "prompt")
        layout.prop(settings, "mask_source")
        if settings.mask_source == "CHANNEL":
            layout.prop(settings, "mask_channel")
        elif settings.mask_source == "STRIP":
            layout.prop(settings, "mask_strip")
        elif settings.mask_source == "MASK":
            layout.prop(settings, "mask")
        if settings.mask_source != "NONE":
            layout.prop(settings, "invert")
        layout.use_property_split = False
        write(layout, _line(context, settings), width)
        buttons = layout.column(align=True)
        row = buttons.row()
        row.enabled = settings.mask_source != "NONE"
        row.operator("soundmatte.preview", icon="HIDE_OFF")
        row = buttons.row()
        row.scale_y = 1.4
        row.operator("soundmatte.separate", icon="SOUND")


def _line(context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> str:
    """What would be separated, how long it is, and what that costs."""
    global _looked
    shown = _shown(compat.sequencer_scene(context), settings)
    if _looked is None or _looked[0] != shown:
        _looked = shown, *_what(context, settings)
    _, what, refused = _looked
    return what if refused else f"{what}, {running.price(settings)}"


def _what(context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> tuple[str, bool]:
    """What would be separated, or why nothing, and whether it is the latter."""
    try:
        clips = clip.chosen(context, settings)
    except Refusal as error:
        return f"{error} {error.hint}".strip(), True
    frames = sum(one.end - one.first for one in clips)
    top, bottom = clips[0].frame_rate
    what = clips[0].partner or clips[0].strip if len(clips) == 1 else f"{len(clips)} clips"
    return f"{what}: {frames * bottom / top:.2f} s", False


def _shown(scene: bpy.types.Scene, settings: bpy.types.PropertyGroup) -> tuple[Any, ...]:
    """What a person sees of all that the line depends on."""
    editor, render = scene.sequence_editor, scene.render
    level: Any = ()
    if editor is not None:
        level = compat.strips(editor.meta_stack[-1] if len(editor.meta_stack) else editor)
    return (
        bpy.data.filepath,
        scene.name,
        (render.fps, render.fps_base, render.resolution_x, render.resolution_y),
        (scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end),
        [str(getattr(settings, name)) for name in settings.bl_rna.properties.keys()],  # noqa: SIM118
        [
            (one.name, one.type, one.channel, compat.first(one), compat.end(one), one.select)
            for one in level
        ],
    )


class SOUNDMATTE_PT_options(_Sidebar, bpy.types.Panel):
    """What most people leave as it is."""

    bl_idname = "SOUNDMATTE_PT_options"
    bl_label = "Options"
    bl_parent_id = "SOUNDMATTE_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether anything can be separated."""
        return running.where() is not None

    def draw(self, context: bpy.types.Context) -> None:
        """One field below the other."""
        scene = compat.sequencer_scene(context)
        if scene is None:
            return
        layout, settings = self.layout, scene.soundmatte
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "engine")
        layout.prop(settings, "style")
        service = layout.column()
        service.active = settings.engine != "OFFLINE"
        service.prop(settings, "quality")
        service.prop(settings, "candidates")
        layout.prop(settings, "range_source")
        layout.prop(settings, "handles")
        layout.prop(settings, "original")
        layout.prop(settings, "meta")


class SOUNDMATTE_PT_tasks(_Sidebar, bpy.types.Panel):
    """What is under way, and what came of it."""

    bl_idname = "SOUNDMATTE_PT_tasks"
    bl_label = "Jobs"
    bl_parent_id = "SOUNDMATTE_PT_main"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is any."""
        session = running.session()
        return session is not None and bool(session.tasks)

    def draw(self, context: bpy.types.Context) -> None:
        """The newest first."""
        for found in reversed(running.session().tasks[-_SHOWN:]):
            _draw_task(self.layout.box(), found, context.region.width)


def _draw_task(box: bpy.types.UILayout, found: task.Task, width: int) -> None:
    head = box.row()
    head.label(text=found.title, icon=_ICONS.get(found.state, "TIME"))
    if not found.running:
        head.operator("soundmatte.forget", text="", icon="X", emboss=False).task = found.id
    if found.running:
        row = box.row()
        row.progress(factor=found.share, text=f"{found.text} {found.share:.0%}", type="BAR")
        row.operator("soundmatte.cancel", text="", icon="CANCEL").task = found.id
    elif found.state == task.AGREEING:
        write(box, f"{found.seconds:.2f} s, at most {found.usd:.2f} USD", width)
        row = box.row()
        row.operator("soundmatte.agree", text=f"Send for {found.usd:.2f} USD").task = found.id
        row.operator("soundmatte.cancel").task = found.id
    elif found.state == task.SHOWN:
        _draw_preview(box, found, width)
    elif found.state in (task.FAILED, task.CANCELLED):
        write(box, f"{found.message} {found.hint}".strip() or "Cancelled.", width)
        row = box.row()
        if found.kind == "DoubtfulStems":
            row.operator("soundmatte.accept").task = found.id
        if not found.preview:
            row.operator("soundmatte.retry").task = found.id
    else:
        if found.message:
            write(box, f"{found.message} {found.hint}".strip(), width, "ERROR")
        row = box.row(align=True)
        row.operator("soundmatte.place").task = found.id
        row.operator("soundmatte.reveal", text="", icon="FILE_FOLDER").task = found.id
        row.operator("soundmatte.remove_stems", text="", icon="TRASH").task = found.id
    for note in found.notes[:4]:
        write(box, note, width, "INFO")


def _draw_preview(box: bpy.types.UILayout, found: task.Task, width: int) -> None:
    icon = running.picture(found.still)
    if icon:
        unit = 20 * (bpy.context.preferences.system.ui_scale or 1.0)
        across = min(0.75 * width, _STILL * unit / 20)
        box.template_icon(icon_value=icon, scale=max(6.0, across / unit))
    write(box, f"{found.coverage or 0:.0%} of the picture is the object (coloured)", width)
    row = box.row()
    row.operator("soundmatte.movie", icon="PLAY").task = found.id
    row.operator("soundmatte.sheet", icon="IMAGE_DATA").task = found.id


def draw_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    """The entry in the timeline's Strip menu."""
    self.layout.separator()
    self.layout.operator("soundmatte.separate", text="Separate Sound", icon="SOUND")


CLASSES = (SOUNDMATTE_PT_main, SOUNDMATTE_PT_options, SOUNDMATTE_PT_tasks)
