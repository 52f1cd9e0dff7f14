"""Inside Blender, with the built extension installed: clips from the timeline to their stems there.

    whole.py CASES.json FOLDER

A case: as for `aligning.py`, and `matte`, a movie. The extension's own session exports it, has it
separated by the engine that SOUNDMATTE_ENGINE names, and places the stems. What is heard of
the strips, one by one and together, is left in FOLDER; the test outside measures it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import asdict

import bpy
import inside
import timeline
from timeline import timing

LIMIT = 100.0


def part(name):
    """A module of the extension that Blender has installed and switched on."""
    return importlib.import_module(f"{inside.name()}.{name}")


def opened(case, folder):
    """A new, saved file with the case's clip, and its matte on channel 5."""
    # The factory's settings would switch the extension off.
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = case["fps"], case["fps_base"]
    timeline.compat.editor_of(scene)
    place = case["at"], case["trim"], case["frames"]
    timeline.add(scene, case["matte"], *place, channel=5, names=("matte", ""))
    for strip in timeline.every(scene):
        strip.select = False
    timeline.add(scene, case["source"], *place)
    chosen = scene.soundmatte
    chosen.prompt, chosen.engine, chosen.handles = "voice", "OFFLINE", case["handles"]
    chosen.mask_source, chosen.mask_channel = "CHANNEL", 5
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "timeline.blend"))
    return scene


def separated(scene):
    """The task, once the session has come to its end with the selected clip."""
    running = part("running")
    context = timeline.Context(scene)
    clip = part("clip").chosen(context, scene.soundmatte)[0]
    running.begin(context, asdict(clip))
    found = running.session().tasks[-1]
    deadline = time.monotonic() + LIMIT
    while running.session().running and time.monotonic() < deadline:
        # Blender calls this itself where it has windows.
        running._tick()
        time.sleep(0.02)
    return clip, found


def whole(case, folder):
    """What became of a case, in plain values."""
    os.makedirs(folder)
    scene = opened(case, folder)
    before = [strip.name for strip in timeline.every(scene)]
    clip, found = separated(scene)
    told = {"state": found.state, "why": [found.message, found.hint], "rate": clip.rate}
    if found.state != "placed":
        return told
    names = [strip.name for strip in timeline.every(scene) if strip.name not in before]
    roles = {timeline.every(scene)[name]["soundmatte_role"]: name for name in names}
    wanted = {role: [name] for role, name in roles.items()}
    wanted |= {"both": names, "original": [clip.strip]}
    ahead = max(0, clip.first - 1)
    # Where a frame starts on a whole sample, Blender may take the next one for it.
    skipped = timeline.entered(scene, ahead, clip.first, clip.rate, folder)
    length = timing.samples(clip.end - clip.first, clip.rate, clip.frame_rate)
    for name, strips in wanted.items():
        # One frame more: Blender counts a mixdown's length without its part of a sample.
        heard = timeline.mixed(scene, strips, ahead, clip.end + 1, clip.rate, clip.channels, folder)
        path = os.path.join(folder, f"heard {name}.wav")
        # The clip itself may be heard a sample away from that.
        begin, count = (skipped - 1, length + 2) if name == "original" else (skipped, length)
        timeline.write(path, heard[begin:][:count], clip.rate)
    told["length"], told["handle"] = (
        length,
        timing.samples(clip.handle_in, clip.rate, clip.frame_rate),
    )
    told["stems"] = {stem["role"]: stem["path"] for stem in found.separation["placement"]["stems"]}
    told["muted"] = timeline.every(scene)[clip.strip].mute
    return told


def main(path, folder):
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    for number, case in enumerate(cases):
        inside.tell(**{str(number): whole(case, os.path.join(folder, str(number)))})
    part("running").session().close()


if __name__ == "__main__":
    main(*sys.argv[1:])
