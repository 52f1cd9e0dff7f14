"""The project of the scenarios; runs inside Blender: -b --python project.py -- CLIP MATTE OUT."""

import sys

import bpy

clip, matte, out = sys.argv[sys.argv.index("--") + 1 :]
scene = bpy.context.scene
scene.render.fps, scene.render.fps_base = 25, 1.0
scene.render.resolution_x, scene.render.resolution_y = 640, 360
scene.view_settings.view_transform = "Standard"
editor = scene.sequence_editor or scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
for strip in list(strips):
    strips.remove(strip)
sound = strips.new_sound(name="Kitchen.wav", filepath=clip, channel=1, frame_start=1)
mask = strips.new_movie(name="Matte", filepath=matte, channel=2, frame_start=1)
movie = strips.new_movie(name="Kitchen", filepath=clip, channel=3, frame_start=1)
scene.frame_start, scene.frame_end = 1, movie.frame_final_end - 1
for strip, chosen in ((sound, True), (movie, True), (mask, False)):
    strip.select = chosen
mask.mute = True
editor.active_strip = sound
scene.frame_set(60)
bpy.ops.wm.save_as_mainfile(filepath=out)
