# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons: each reads what it needs from Blender and hands it to the session.

This module must not know how anything is done, nor what the panel looks like.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import bpy
from bpy.props import StringProperty

from . import clip, compat, place, running, task
from .refusal import Refusal

Result = set[str]


def _told(operator: bpy.types.Operator, error: Refusal) -> Result:
    """Show why not, and what to do."""
    operator.report({"ERROR"}, f"{error} {error.hint}".strip())
    return {"CANCELLED"}


class _OnTimeline:
    """Buttons that need a timeline."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether there is one; the tooltip says what is missing."""
        scene = compat.sequencer_scene(context)
        if scene is None or scene.sequence_editor is None:
            cls.poll_message_set("There is no clip on the timeline yet")
            return False
        return True


class SOUNDMATTE_OT_preview(_OnTimeline, bpy.types.Operator):
    """Show what the mask covers, before anything is separated or paid for"""

    bl_idname = "soundmatte.preview"
    bl_label = "Preview Matte"

    def execute(self, context: bpy.types.Context) -> Result:
        """Begin it; the picture appears in the panel."""
        try:
            settings = running.settings(context)
            first = clip.chosen(context, settings)[0]
            if first.matte is None:
                raise Refusal("There is no mask to look at.", "Choose one under Mask.")
            running.begin(context, asdict(first), preview=True)
        except Refusal as error:
            return _told(self, error)
        return {"FINISHED"}


class SOUNDMATTE_OT_separate(_OnTimeline, bpy.types.Operator):
    """Put the sound of what is shown or named on one channel, everything else on another.
    Esc cancels"""

    bl_idname = "soundmatte.separate"
    bl_label = "Separate"

    def execute(self, context: bpy.types.Context) -> Result:
        """Begin with every selected clip."""
        try:
            settings = running.settings(context)
            clips = clip.chosen(context, settings)
            for one in clips:
                if not one.prompt and one.matte is None:
                    raise Refusal(
                        "Nothing says which sound is wanted.",
                        "Type it under Sound, or choose a mask.",
                    )
            for one in clips:
                running.begin(context, asdict(one))
        except Refusal as error:
            return _told(self, error)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Begin, and listen for Esc until all is done."""
        if "CANCELLED" in self.execute(context):
            return {"CANCELLED"}
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> Result:
        """Everything but Esc is the editor's own."""
        session = running.session()
        if session is None or not session.running:
            return {"FINISHED", "PASS_THROUGH"}
        # While the timeline plays, Esc stops it, and no more.
        playing = context.screen is not None and context.screen.is_animation_playing
        if event.type == "ESC" and event.value == "PRESS" and not playing:
            running.cancel_all()
            self.report({"INFO"}, "Cancelled")
            return {"FINISHED"}
        return {"PASS_THROUGH"}


class _OfTask:
    """Buttons beside a task."""

    task: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> Result:
        """Do it for the task, if it is still there."""
        session = running.session()
        found = session.named(self.task) if session is not None else None
        if found is None:
            return {"CANCELLED"}
        try:
            self.act(context, found)
        except Refusal as error:
            return _told(self, error)
        running.wake()
        return {"FINISHED"}


class SOUNDMATTE_OT_agree(_OfTask, bpy.types.Operator):
    """Send the clip to the service, at no more than this price"""

    bl_idname = "soundmatte.agree"
    bl_label = "Send"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        running.session().agree(found)


class SOUNDMATTE_OT_cancel(_OfTask, bpy.types.Operator):
    """End this, at the service too"""

    bl_idname = "soundmatte.cancel"
    bl_label = "Cancel"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        running.session().cancel(found)


class SOUNDMATTE_OT_retry(_OfTask, bpy.types.Operator):
    """Go on where it stopped; nothing that was paid for is paid again"""

    bl_idname = "soundmatte.retry"
    bl_label = "Try Again"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        running.session().retry(found)


class SOUNDMATTE_OT_accept(_OfTask, bpy.types.Operator):
    """Take the stems although they look empty or wrong"""

    bl_idname = "soundmatte.accept"
    bl_label = "Take Them All the Same"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        running.session().retry(found, accept_doubtful=True)


class SOUNDMATTE_OT_place(_OfTask, bpy.types.Operator):
    """Put the stems on this timeline, where the clip was"""

    bl_idname = "soundmatte.place"
    bl_label = "Place Again"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        scene = compat.sequencer_scene(context)
        running.put(found, scene.name if scene is not None else "")


class SOUNDMATTE_OT_remove_stems(_OfTask, bpy.types.Operator):
    """Take the stems off this timeline; the files stay"""

    bl_idname = "soundmatte.remove_stems"
    bl_label = "Remove Stems"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        scene = compat.sequencer_scene(context)
        count = place.remove(scene.name, found.job) if scene is not None else 0
        if not count:
            raise Refusal("The stems are not on this timeline.", "Place them again first.")
        found.state = task.READY


class SOUNDMATTE_OT_reveal(_OfTask, bpy.types.Operator):
    """Show the files in the system's file manager"""

    bl_idname = "soundmatte.reveal"
    bl_label = "Reveal Files"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        folder = found.output if found.separation else found.folder
        if not os.path.isdir(folder):
            raise Refusal(f"{folder} is not there any more.", "")
        bpy.ops.wm.path_open(filepath=folder)


class SOUNDMATTE_OT_movie(_OfTask, bpy.types.Operator):
    """Play the preview"""

    bl_idname = "soundmatte.movie"
    bl_label = "Play"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        bpy.ops.wm.path_open(filepath=found.movie)


class SOUNDMATTE_OT_sheet(_OfTask, bpy.types.Operator):
    """Show pictures of the whole range, side by side"""

    bl_idname = "soundmatte.sheet"
    bl_label = "All Pictures"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        bpy.ops.wm.path_open(filepath=found.sheet)


class SOUNDMATTE_OT_forget(_OfTask, bpy.types.Operator):
    """Take this off the list; stems and timeline stay as they are"""

    bl_idname = "soundmatte.forget"
    bl_label = "Remove from the List"

    def act(self, context: bpy.types.Context, found: task.Task) -> None:
        running.session().forget(found)


class _OfEngine:
    """Buttons for the engine's own environment."""

    work: Callable[[bpy.types.Context], Any]

    def execute(self, context: bpy.types.Context) -> Result:
        """Do it."""
        try:
            type(self).work(context)
        except Refusal as error:
            return _told(self, error)
        return {"FINISHED"}


class SOUNDMATTE_OT_install_engine(_OfEngine, bpy.types.Operator):
    """Install Soundmatte's engine into an environment of its own, beside Blender's extensions.
    Needs online access, and about 600 MB"""

    bl_idname = "soundmatte.install_engine"
    bl_label = "Install Engine"
    work = staticmethod(running.install_engine)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether Blender may go online."""
        if not bpy.app.online_access:
            cls.poll_message_set("Allow online access under Preferences > System > Network")
            return False
        return True


class SOUNDMATTE_OT_remove_engine(_OfEngine, bpy.types.Operator):
    """Remove the engine that was installed for Blender; stems and settings stay"""

    bl_idname = "soundmatte.remove_engine"
    bl_label = "Remove Engine"
    work = staticmethod(running.remove_engine)


class SOUNDMATTE_OT_cancel_install(_OfEngine, bpy.types.Operator):
    """End the installation; what it has made is removed"""

    bl_idname = "soundmatte.cancel_install"
    bl_label = "Cancel"
    work = staticmethod(running.cancel_install)


CLASSES = (
    SOUNDMATTE_OT_preview,
    SOUNDMATTE_OT_separate,
    SOUNDMATTE_OT_agree,
    SOUNDMATTE_OT_cancel,
    SOUNDMATTE_OT_retry,
    SOUNDMATTE_OT_accept,
    SOUNDMATTE_OT_place,
    SOUNDMATTE_OT_remove_stems,
    SOUNDMATTE_OT_reveal,
    SOUNDMATTE_OT_movie,
    SOUNDMATTE_OT_sheet,
    SOUNDMATTE_OT_forget,
    SOUNDMATTE_OT_install_engine,
    SOUNDMATTE_OT_remove_engine,
    SOUNDMATTE_OT_cancel_install,
)
