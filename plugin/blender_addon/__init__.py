# SPDX-License-Identifier: GPL-3.0-or-later
"""Soundmatte in Blender's video sequencer: point at a thing, and get its sound on its own channel.

Everything but the classes that Blender must know is in the modules beside this one.
"""

from __future__ import annotations

import bpy

from . import operators, panel, preferences, properties, running

_CLASSES = (
    properties.SoundmatteSettings,
    preferences.SoundmattePreferences,
    *operators.CLASSES,
    *panel.CLASSES,
)


def register() -> None:
    """Begin."""
    for one in _CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.soundmatte = bpy.props.PointerProperty(type=properties.SoundmatteSettings)
    bpy.types.SEQUENCER_MT_strip.append(panel.draw_menu)
    running.register()


def unregister() -> None:
    """End, with everything that runs."""
    running.unregister()
    bpy.types.SEQUENCER_MT_strip.remove(panel.draw_menu)
    del bpy.types.Scene.soundmatte
    for one in reversed(_CLASSES):
        bpy.utils.unregister_class(one)
