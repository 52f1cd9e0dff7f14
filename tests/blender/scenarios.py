"""Inside Blender: one situation on the timeline each, told in plain values.

    scenarios.py NAME MEDIA.json FOLDER

MEDIA names the files. The tests outside judge what is told; nothing here does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict

import bpy
import inside
import timeline
from timeline import compat, exports, refused, timing


def exported(media, folder, scene, process=False, **settings):
    """The selected clip's files and what is known of it, as plain values."""
    clip = timeline.chosen(scene, **settings)[0]
    made = timeline.exported(clip, folder, process=process)
    return clip, {"clip": asdict(clip), **asdict(made), "samples": clip.samples}


def round_trip(media, folder, scene, rebuilt, **settings):
    """Export, halve, place: how far the stems are from the strip that they were made of."""
    clip, told = exported(media, folder, scene, **settings)
    scene = rebuilt()
    made = exports.Exported(
        **{
            name: told[name]
            for name in ("sound", "picture", "matte", "handle_in", "handle_out", "notes")
        }
    )
    _, placement = timeline.separated(clip, made, folder)
    volume = compat.all_strips(scene.sequence_editor)[clip.strip].volume

    def heard(names):
        ahead = max(0, clip.first - 1)
        return timeline.mixed(scene, names, ahead, clip.end + 1, clip.rate, clip.channels, folder)

    before = heard([clip.strip])
    names = timeline.placed(clip, placement).names
    after = heard(names)
    # Blender ends a strip at the end of a block, so the clip itself is heard a moment longer.
    length = min(
        len(before),
        len(after),
        timing.samples(clip.end - clip.first + 1, clip.rate, clip.frame_rate) - 2,
    )
    before, after = before[:length], after[:length]
    told["off"] = timeline.shift(after, before)
    told["null_db"] = timeline.peak_db(after[:length] - before[:length])
    told["loud_db"] = timeline.peak_db(before)
    told["volume"] = volume
    told["stems"] = [[timeline.every(scene)[n].volume, timeline.every(scene)[n].pan] for n in names]
    return told


def plain_clip(media, folder):
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
    before = timeline.digest(scene)
    _, told = exported(media, folder, scene, process=True, handles=5)
    told["unchanged"] = timeline.digest(scene) == before
    told["saved"] = bpy.data.filepath
    return told


def matte_file(media, folder):
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
    timeline.add(scene, media["matte"], at=5, channel=5, names=("matte", ""))
    return exported(media, folder, scene, mask_source="CHANNEL", mask_channel=5, invert=True)[1]


def matte_short(media, folder):
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
    timeline.add(scene, media["matte"], at=20, frames=10, channel=5, names=("matte", ""))
    timeline.every(scene)["matte"].select = False
    before = timeline.digest(scene)
    wanted = {"mask_source": "STRIP", "mask_strip": "matte"}
    told = {"refused": refused(timeline.chosen, scene, **wanted)}
    told["unchanged"] = timeline.digest(scene) == before
    told["none"] = refused(timeline.chosen, scene, mask_source="CHANNEL", mask_channel=9)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 22, 27
    clip = timeline.chosen(scene, range_source="PREVIEW", handles=4, **wanted)[0]
    return told | {"inside": [clip.first, clip.end, clip.handle_in, clip.handle_out]}


def matte_sizes(media, folder):
    told = {}
    for name in ("matte small", "matte square"):
        scene = timeline.empty(25)
        timeline.add(scene, media["clip"], at=11, trim=7, frames=20)
        timeline.add(scene, media[name], at=5, channel=5, names=("matte", ""))
        where = os.path.join(folder, name)
        told[name] = exported(media, where, scene, mask_source="STRIP", mask_strip="matte")[1]
    return told


def mask_drawn(media, folder):
    """A Mask datablock, over a project with the factory's view transform, and much muted."""
    scene = timeline.empty(25, size=(320, 180))
    scene.view_settings.view_transform = "AgX"
    if media["sound"]:
        timeline.add(scene, media["clip"], at=11, trim=7, frames=20)
    else:
        timeline.add(scene, media["clip"], at=11, trim=7, frames=20, names=("movie", ""))
    mask = bpy.data.masks.new("Half")
    spline = mask.layers.new().splines.new()
    spline.use_cyclic = True
    spline.points.add(3)
    # The right half: a Mask's own coordinates, from 0 to 1 over the canvas's larger side.
    for point, corner in zip(spline.points, ((0.5, 0), (1, 0), (1, 1), (0.5, 1)), strict=True):
        point.co = corner
        point.handle_left_type = point.handle_right_type = "VECTOR"
    if media["sound"]:
        wanted = {"mask_source": "MASK", "mask": mask}
        return exported(media, folder, scene, process=True, **wanted)[1]
    clip = timeline.clips.Clip(
        "Scene",
        "",
        "movie",
        11,
        31,
        (25, 1),
        0,
        0,
        0,
        "strip",
        None,
        timeline.extension("seen").Matte("mask", "Half", "", "0", False, 1),
        "",
    )
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "matte.mp4")
    timeline.solo.show_matte(scene, clip)
    timeline.solo.render(scene, (11, 31), path, lambda share: None, grey=True)
    return {"matte": [path, "0"]}


def matte_channel_muted(media, folder):
    """Two strips on a muted channel, half transparent: both are the matte."""
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=20)
    for at, name in ((5, "one"), (21, "two")):
        strip = timeline.add(scene, media["matte"], at=at, frames=16, channel=5, names=(name, ""))
        strip[0].blend_type, strip[0].blend_alpha = "ALPHA_OVER", 0.2
    scene.sequence_editor.channels[5].mute = True
    return exported(media, folder, scene, mask_source="CHANNEL", mask_channel=5)[1]


def retimed_picture(media, folder):
    """The movie runs at half its speed, the sound as it was; 4.5 as a module can only reverse."""
    half = bpy.app.version >= (5, 0)

    def built():
        scene = timeline.empty(25)
        movie, sound = timeline.add(scene, media["clip"], at=11)
        if half:
            movie.retiming_keys.add(timeline_frame=61)
            movie.retiming_keys[1].timeline_frame = 111
        else:
            movie.use_reverse_frames = True
        for strip in (movie, sound):
            compat.set_end(strip, 61)
        return scene

    return {"half": half, **round_trip(media, folder, built(), built)}


def odd_file(media, folder):
    def built():
        scene = timeline.empty(media["fps"], media["fps_base"])
        timeline.add(scene, media["odd"], at=11, trim=9, frames=30)
        return scene

    return round_trip(media, folder, built(), built)


def louder(media, folder):
    """A strip that is quieter, then one that fades."""

    def quiet():
        scene = timeline.empty(25)
        sound = timeline.add(scene, media["odd"], at=11, trim=9, frames=30)[1]
        sound.volume, sound.pan = 0.4, media["pan"]
        return scene

    def fading():
        scene = timeline.empty(25)
        sound = timeline.add(scene, media["odd"], at=11, trim=9, frames=30)[1]
        for frame, volume in ((11, 0.0), (30, 1.0)):
            sound.volume = volume
            sound.keyframe_insert("volume", frame=frame)
        return scene

    return {
        "quiet": round_trip(media, os.path.join(folder, "quiet"), quiet(), quiet),
        "fading": round_trip(media, os.path.join(folder, "fading"), fading(), fading),
    }


def in_meta(media, folder):
    """The clip lies in a meta strip that cuts it, beside another that sounds."""

    def built():
        scene = timeline.empty(25)
        own = timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
        timeline.add(scene, media["odd"], at=1, channel=7, names=("", "loud"))
        meta = timeline.strips(scene).new_meta(name="meta", channel=3, frame_start=11)
        for strip in own:
            strip.move_to_meta(meta)
        compat.set_end(meta, 41)
        compat.set_first(meta, 15)
        return scene

    scene = built()
    shut = [strip.select for strip in timeline.every(scene)]
    for strip in timeline.every(scene):
        strip.select = strip.name == "meta"
    told = {"closed": refused(timeline.chosen, scene)}
    for strip, select in zip(timeline.every(scene), shut, strict=True):
        strip.select = select
    scene.sequence_editor.display_stack(timeline.every(scene)["meta"])
    told |= round_trip(media, folder, scene, built, handles=5)
    return told | {
        "parents": [
            parent.name if (parent := strip.parent_meta()) else ""
            for strip in timeline.every(bpy.context.scene)
            if "soundmatte_job" in strip
        ]
    }


def nothing_selected(media, folder):
    scene = timeline.empty(25)
    told = {"empty": refused(timeline.chosen, scene)}
    timeline.add(scene, media["clip"], at=11)
    colour = {"end" if bpy.app.version < (5, 0) else "length": 0}
    length = {"frame_end": 20} if "end" in colour else {"length": 10}
    timeline.strips(scene).new_effect(
        name="colour", type="COLOR", channel=8, frame_start=10, **length
    )
    for strip in timeline.every(scene):
        strip.select = False
    told["none"] = refused(timeline.chosen, scene)
    timeline.every(scene)["colour"].select = True
    told["colour"] = refused(timeline.chosen, scene)
    sound = timeline.every(scene)["sound"]
    timeline.every(scene)["colour"].select = False
    sound.select = True
    told["preview"] = refused(timeline.chosen, scene, range_source="PREVIEW")
    sound.frame_start = -30
    told["negative"] = refused(timeline.chosen, scene)
    compat.strips(scene.sequence_editor).remove(sound)
    timeline.every(scene)["movie"].select = True
    told["silent"] = refused(timeline.chosen, scene)
    return told


def missing_file(media, folder):
    scene = timeline.empty(25)
    timeline.add(scene, media["missing"], at=11)
    return {"refused": refused(timeline.chosen, scene)}


def crowded(media, folder):
    """Channels that are locked, muted, taken; then all of them."""
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, frames=40)
    clip = timeline.chosen(scene)[0]
    made = timeline.exported(clip, folder)
    _, placement = timeline.separated(clip, made, folder)
    channels = scene.sequence_editor.channels
    channels[3].lock, channels[4].mute, channels[6].name = True, True, "Music"
    told = {"some": list(timeline.placed(clip, placement, job="a").channels)}
    told["names"] = [channels[n].name for n in range(1, 10)]
    timeline.place.remove("Scene", "a")
    for number in range(1, 129):
        channels[number].lock = number != 77
    before = timeline.digest(scene)
    told["one"] = refused(timeline.placed, clip, placement, job="b")
    told["one, as meta"] = list(timeline.placed(clip, placement, job="c", meta=True).channels)
    timeline.place.remove("Scene", "c")
    channels[77].name = before[1][77][0]
    channels[77].lock = True
    full = timeline.digest(scene)
    told["none"] = refused(timeline.placed, clip, placement, job="d")
    told["unchanged"] = timeline.digest(scene) == full
    return told


def placing(media, folder):
    """Placed, removed, refused, followed."""
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
    clip = timeline.chosen(scene, handles=5)[0]
    made = timeline.exported(clip, folder)
    _, placement = timeline.separated(clip, made, folder)
    before = timeline.digest(scene)
    every = timeline.every
    told = {"placed": asdict(timeline.placed(clip, placement))}
    told["strips"] = [
        [s.name, s.channel, compat.first(s), compat.end(s), s.color_tag, dict(s.items())]
        for s in every(scene)
        if "soundmatte_job" in s
    ]
    told["muted"] = every(scene)["sound"].mute
    told["again"] = refused(timeline.placed, clip, placement)
    told["jobs"] = timeline.place.placed(scene)
    told["removed"] = timeline.place.remove("Scene", "job-1")
    after = timeline.digest(scene)
    told["as before"] = [after[0] == before[0], after[2] == before[2]]
    kept = timeline.digest(scene)
    timeline.placed(clip, placement, meta=True, mute=False)
    told["meta"] = [[s.name, s.type, compat.first(s), compat.end(s)] for s in every(scene)]
    told["kept"] = every(scene)["sound"].mute
    meta = next(s for s in every(scene) if s.type == "META")
    original = timeline.mixed(scene, ["sound"], 10, 52, 48000, 2, folder)
    both = timeline.mixed(
        scene, [meta.name, *(s.name for s in compat.strips(meta))], 10, 52, 48000, 2, folder
    )
    length = min(len(original), len(both))
    told["in meta"] = timeline.shift(both, original)
    told["in meta, loud"] = [timeline.peak_db(both), timeline.peak_db(both[length // 2 :])]
    told["meta removed"] = timeline.place.remove("Scene", "job-1")
    # The second stem is no sound: everything is taken back.
    broken = json.loads(json.dumps(placement))
    broken["stems"][1]["path"] = os.path.join(folder, "broken.wav")
    with open(broken["stems"][1]["path"], "wb") as file:
        file.write(b"RIFF")
    clean = timeline.digest(scene)
    told["broken"] = refused(timeline.placed, clip, broken)
    told["taken back"] = timeline.digest(scene)[:2] == clean[:2]
    for strip in (every(scene)["movie"], every(scene)["sound"]):
        strip.frame_start += 100
    moved = timeline.placed(clip, placement)
    told["moved"] = [asdict(moved), compat.first(every(scene)[moved.names[0]])]
    timeline.place.remove("Scene", "job-1")
    for strip in (every(scene)["movie"], every(scene)["sound"]):
        strip.frame_start -= 100
    every(scene)["sound"].name = "other name"
    renamed = timeline.placed(clip, placement)
    told["renamed"] = [*renamed.notes, every(scene)["other name"].mute]
    timeline.place.remove("Scene", "job-1")
    compat.strips(scene.sequence_editor).remove(every(scene)["other name"])
    gone = timeline.placed(clip, placement)
    told["gone"] = [asdict(gone), compat.first(every(scene)[gone.names[0]])]
    timeline.place.remove("Scene", "job-1")
    scene.render.fps = 24
    told["rate"] = refused(timeline.placed, clip, placement)
    return told | {"kept as it was": kept[0] == before[0]}


def to_its_end(export):
    while isinstance(export.poll(), exports.Share):
        time.sleep(0.02)


def crash(media, folder):
    """The second Blender dies in the middle; then one is cancelled."""
    scene = timeline.empty(25, size=(1920, 1080))
    timeline.add(scene, media["clip"], at=1, frames=70)
    timeline.add(scene, media["matte square"], at=1, channel=5, names=("matte", ""))
    clip = timeline.chosen(scene, mask_source="STRIP", mask_strip="matte")[0]
    before = timeline.digest(scene)
    told = {}
    os.makedirs(folder)
    export = exports.Export(clip, folder)
    export.begin()
    # Its sound is done, and it renders.
    while export.poll().share <= 0.2:
        time.sleep(0.005)
    os.killpg(export._process.pid, signal.SIGSEGV)
    told["crashed"] = refused(to_its_end, export)
    export = exports.Export(clip, folder)
    export.begin()
    began = time.monotonic()
    export.cancel()
    told["cancelled in"] = time.monotonic() - began
    told["left"] = export._process.returncode
    bpy.app.binary_path = os.path.join(folder, "nowhere")
    told["no program"] = refused(exports.Export(clip, folder).begin)
    return told | {"unchanged": timeline.digest(scene) == before}


def disk_full(media, folder):
    """`small` has no room from the start, `large` loses it once the export has begun."""
    scene = timeline.empty(25)
    timeline.add(scene, media["clip"], at=11, trim=7, frames=40)
    before = timeline.digest(scene)
    clip = timeline.chosen(scene)[0]
    told = {"small": refused(exports.Export(clip, media["small"]).begin)}
    export = exports.Export(clip, media["large"])
    export.begin()
    with open(os.path.join(media["large"], "filler"), "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 12))
        except OSError:
            pass
    began = time.monotonic()
    told["large"] = refused(to_its_end, export)
    told["after"] = time.monotonic() - began
    told["whole"] = os.path.exists(os.path.join(media["large"], "sound.wav"))
    return told | {"unchanged": timeline.digest(scene) == before}


if __name__ == "__main__":
    name, media, folder = sys.argv[1:]
    inside.tell(**globals()[name](json.loads(media), folder))
