"""Inside a Blender without sound, with the built extension installed: a matte is rendered.

matte.py MOVIE FOLDER
"""

from __future__ import annotations

import importlib
import os
import sys

import bpy
import inside
import timeline


def part(name):
    """A module of the extension that Blender has installed and switched on."""
    return importlib.import_module(f"{inside.name()}.{name}")


def main(movie, folder):
    os.makedirs(folder)
    # The factory's settings would switch the extension off.
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 160, 90
    timeline.compat.editor_of(scene)
    timeline.add(scene, movie, at=11, trim=7, frames=20, names=("matte", ""))
    # Without sound there is no strip that could be chosen as the clip.
    matte = part("seen").Matte("strip", "matte", "", "0", False)
    rate = part("timing").frame_rate(25, 1.0)
    clip = part("clip").Clip(
        "Scene", "", "matte", 11, 31, rate, 0, 0, 0, "strip", None, matte, "dog"
    )
    path = os.path.join(folder, "matte.mp4")
    part("solo").show_matte(scene, clip)
    part("rendering").render(scene, (11, 31), path, lambda share: None, grey=True)
    inside.tell(
        matte=path,
        frames=clip.end - clip.first,
        classes=[name for name in dir(bpy.types) if name.startswith("SOUNDMATTE_")],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
