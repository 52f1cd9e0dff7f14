# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: where stems go, and the engine. Never a key.

This module must not do anything.
"""

from __future__ import annotations

import bpy
from bpy.props import StringProperty


class SoundmattePreferences(bpy.types.AddonPreferences):
    """Where stems go, and which engine."""

    bl_idname = __package__

    stems_folder: StringProperty(
        name="Stems",
        description="Folder for the stems. Empty: a folder soundmatte beside the .blend",
        subtype="DIR_PATH",
    )
    engine_command: StringProperty(
        name="Engine",
        description="Program of the engine. Empty: the one that was installed for Blender",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Both fields, the engine's state, and where the key is."""
        from . import panel

        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "stems_folder")
        layout.prop(self, "engine_command")
        width = context.region.width
        panel.draw_engine(layout, width)
        panel.write(
            layout,
            "The service's key is kept in the system's keyring, never in Blender: "
            "`soundmatte key set`, or the variable FAL_KEY.",
            width,
            "LOCKED",
        )
