# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel asks a person, kept with the scene; never a key, and nothing of a job.

This module must not do anything.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import compat


def _is_strip_name(self: bpy.types.PropertyGroup, context: bpy.types.Context, typed: str) -> list:
    """Names of the strips that can be a matte, for the search field."""
    scene = compat.sequencer_scene(context)
    if scene is None or scene.sequence_editor is None:
        return []
    kinds = {"SOUND"}
    strips = compat.all_strips(scene.sequence_editor)
    return [strip.name for strip in strips if strip.type not in kinds and typed in strip.name]


class SoundmatteSettings(bpy.types.PropertyGroup):
    """What the panel asks a person."""

    prompt: StringProperty(
        name="Sound",
        description="What to listen for, in English, such as: dog barking. "
        "May be left empty where a mask shows it",
        maxlen=500,
    )
    mask_source: EnumProperty(
        name="Mask",
        description="What shows the object whose sound is wanted. White is the object",
        items=[
            ("NONE", "None", "Only the words say what is wanted"),
            ("CHANNEL", "Channel", "Everything on a channel of the timeline is the mask"),
            ("STRIP", "Strip", "One strip is the mask"),
            ("MASK", "Mask", "A mask drawn in Blender"),
        ],
        default="NONE",
    )
    mask_channel: IntProperty(
        name="Channel", description="Channel that holds the mask", min=1, max=128, default=2
    )
    mask_strip: StringProperty(
        name="Strip",
        description="Strip that is the mask",
        search=_is_strip_name,
    )
    mask: PointerProperty(name="Mask", description="Mask datablock", type=bpy.types.Mask)
    invert: BoolProperty(
        name="Invert",
        description="Black is the object. Look at Preview Matte before anything is separated",
    )
    engine: EnumProperty(
        name="Engine",
        description="Who separates",
        items=[
            ("AUTO", "Automatic", "As in Soundmatte's settings: the service if there is a key"),
            ("CLOUD", "Service", "The separation service; costs money, names the price before"),
            ("OFFLINE", "This Computer", "Free, and nothing leaves this computer"),
        ],
        default="AUTO",
    )
    style: EnumProperty(
        name="Style",
        description="What the stems are made of",
        items=[
            (
                "original",
                "Original",
                "Taken out of the clip's own sound: both stems add up to it exactly",
            ),
            ("clean", "Clean", "As the service made them, for what was buried; they do not add up"),
        ],
        default="original",
    )
    quality: EnumProperty(
        name="Quality",
        description="How long the service takes",
        items=[
            ("fast", "Fast", "Quick and rough"),
            ("balanced", "Balanced", "As the service advises"),
            ("quality", "Best", "Slow"),
        ],
        default="balanced",
    )
    candidates: IntProperty(
        name="Candidates",
        description="How many the service makes, to give the best; each is paid for",
        min=1,
        max=4,
        default=1,
    )
    handles: IntProperty(
        name="Handles",
        description="Frames before and behind the range that are separated too, to trim later",
        min=0,
        max=1000,
        default=0,
    )
    range_source: EnumProperty(
        name="Range",
        description="How much of the strip",
        items=[
            ("STRIP", "Strip", "All that is seen of the strip"),
            ("PREVIEW", "Preview Range", "What of the strip lies in the timeline's preview range"),
        ],
        default="STRIP",
    )
    original: EnumProperty(
        name="Original",
        description="What becomes of the clip's own sound",
        items=[
            ("MUTE", "Mute", "The stems are heard in its place"),
            ("KEEP", "Keep", "It stays as it is; stems and original are heard together"),
        ],
        default="MUTE",
    )
    meta: BoolProperty(name="As Meta Strip", description="Put both stems into one meta strip")
