"""Inside Blender: timelines made and measured for the tests, with numpy and bpy alone.

Imported by what runs in an environment with Blender as a module, never by pytest itself.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import types
from dataclasses import asdict
from pathlib import Path

import bpy
import numpy as np

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "plugin" / "blender_addon"
_PACKAGE = "soundmatte_tested"

if not bpy.app.binary_path:
    os.environ.setdefault("SOUNDMATTE_BLENDER", f"{sys.executable} {HERE / 'launcher.py'}")


def extension(name):
    """A module of the extension, without what switches it on."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        # The zip lays the one client beside the extension's own modules.
        package.__path__ = [str(SOURCE), str(SOURCE.parent / "soundmatte" / "hosts")]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")


compat, clips, exports = map(extension, ("compat", "clip", "export"))
place, solo, timing, wav = map(extension, ("place", "solo", "timing", "wav"))
Refusal = extension("refusal").Refusal


class Settings:
    """What the panel asks a person."""

    def __init__(self, **given):
        self.prompt, self.invert, self.handles, self.range_source = "dog", False, 0, "STRIP"
        self.mask_source, self.mask_channel, self.mask_strip, self.mask = "NONE", 3, "", None
        vars(self).update(given)


class Context:
    """What a sequencer's context says of its scene; a module has no window to ask."""

    def __init__(self, scene):
        self.scene = self.sequencer_scene = scene


def empty(fps=24, fps_base=1.0, size=(160, 90)):
    """A new file whose scene has a timeline."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, fps_base
    scene.render.resolution_x, scene.render.resolution_y = size
    compat.editor_of(scene)
    return scene


def strips(scene):
    """The strips on a scene's timeline."""
    return compat.strips(scene.sequence_editor)


def every(scene):
    """All strips of a scene, by name."""
    return compat.all_strips(scene.sequence_editor)


def add(scene, source, at=1, trim=0, frames=None, channel=1, names=("movie", "sound")):
    """A file's picture and sound, trimmed at the left and that long; both selected."""
    made = []
    for name, kind, row in zip(names, ("movie", "sound"), (channel, channel + 1), strict=True):
        if name:
            new = getattr(strips(scene), f"new_{kind}")
            strip = new(name=name, filepath=str(source), channel=row, frame_start=at - trim)
            if trim:
                compat.set_first(strip, at)
            if frames:
                compat.set_end(strip, at + frames)
            strip.select = True
            made.append(strip)
    return made


def chosen(scene, **settings):
    """The clips that are selected."""
    return clips.chosen(Context(scene), Settings(**settings))


def exported(clip, folder, *, process=True):
    """A clip's files, by a second Blender; or here, which leaves the copy open."""
    os.makedirs(folder, exist_ok=True)
    export = exports.Export(clip, str(folder))
    if not process:
        copy = os.path.join(folder, "copy.blend")
        bpy.ops.wm.save_as_mainfile(filepath=copy, copy=True)
        bpy.ops.wm.open_mainfile(filepath=copy)
        clip = clips.restored(json.loads(json.dumps(asdict(clip))))
        return export._exported(solo.export(clip, str(folder), lambda share, text: None))
    export.begin()
    while isinstance(made := export.poll(), exports.Share):
        time.sleep(0.02)
    return made


def read(path):
    """All samples of a WAV of 32-bit floats: samples by channels."""
    data = Path(path).read_bytes()
    form, begin = data.index(b"fmt "), data.index(b"data") + 8
    channels = int.from_bytes(data[form + 10 : form + 12], "little")
    whole = (len(data) - begin) // (4 * channels) * channels
    return np.frombuffer(data, "<f4", whole, begin).reshape(-1, channels)


def write(path, sound, rate):
    """A WAV of 32-bit floats."""
    sound = np.ascontiguousarray(sound, "<f4")
    Path(path).write_bytes(wav._head(sound.nbytes, rate, sound.shape[1]) + sound.tobytes())


def separated(clip, made, folder):
    """Stems of half the sound each, that add up to it exactly, and their Placement."""
    mix = read(made.sound)
    target = mix * np.float32(0.5)
    stems = []
    for role, sound in (("target", target), ("residual", mix - target)):
        path = os.path.join(folder, f"{role}.wav")
        write(path, sound, clip.rate)
        stems.append(
            {
                "role": role,
                "path": path,
                "frames": len(sound),
                "rate": clip.rate,
                "channels": clip.channels,
                "handle_in": timing.samples(made.handle_in, clip.rate, clip.frame_rate),
                "handle_out": timing.samples(made.handle_out, clip.rate, clip.frame_rate),
            }
        )
    return mix, {"version": 1, "stems": stems}


def placed(clip, placement, **options):
    """Put stems onto the timeline."""
    given = json.loads(json.dumps(asdict(clip)))
    return place.place(given, placement, place.Options(**{"job": "job-1", **options}))


def digest(scene):
    """All that a person sees of a timeline, as plain values."""
    editor = scene.sequence_editor
    shown = [
        [s.name, s.type, s.channel, compat.first(s), compat.end(s), s.mute, s.blend_alpha]
        for s in every(scene)
    ]
    rows = [[part.name, part.mute, part.lock] for part in editor.channels]
    own = [scene.frame_start, scene.frame_end, scene.use_preview_range, len(bpy.data.sounds)]
    return json.loads(json.dumps([sorted(shown), rows, own]))


def refused(act, *words, **named):
    """The sentence and the hint with which something is refused."""
    try:
        act(*words, **named)
    except Refusal as error:
        return [str(error), error.hint]
    raise AssertionError("it was not refused")


def mixed(scene, names, first, end, rate, channels, folder):
    """What is heard of some strips alone from a frame to before another."""
    # A strip's volume is that of the frame, so every state is as after a person's change.
    before = {strip.name: strip.mute for strip in every(scene)}
    for strip in every(scene):
        strip.mute = strip.name not in names and strip.type != "META"
    scene.frame_start, scene.frame_end = first, end - 1
    path = os.path.join(folder, "mixed.wav")
    if os.path.exists(path):
        os.unlink(path)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.sound.mixdown(
            filepath=path,
            check_existing=False,
            container="WAV",
            codec="PCM",
            format="F32",
            mixrate=rate,
            channels=solo._LAYOUTS[channels],
        )
    for strip in every(scene):
        strip.mute = before[strip.name]
    # Behind its length a mixdown holds its last block once more.
    return read(path)[: timing.samples(end - first, rate, clip_rate(scene))]


def clip_rate(scene):
    """The scene's frame rate, exactly."""
    return timing.frame_rate(scene.render.fps, scene.render.fps_base)


def entered(scene, ahead, frame, rate, folder):
    """The sample of a mixdown from frame `ahead` on which a strip that lies at `frame` begins.

    Told by a loud sample further on: Blender may leave out the first, and be in time behind it.
    """
    path = os.path.join(folder, "loud.wav")
    sound = np.zeros((rate, 1))
    sound[100] = 1
    write(path, sound, rate)
    strip = strips(scene).new_sound(name="loud", filepath=path, channel=99, frame_start=frame)
    heard = mixed(scene, [strip.name], ahead, frame + 2, rate, 1, folder)
    strips(scene).remove(strip)
    return int(np.argmax(np.abs(heard[:, 0]))) - 100


def shift(late, early, most=1 << 15):
    """Samples by which one sound is later than another, by cross-correlation of all channels.

    The last `most` samples of both tell.
    """
    length = min(len(late), len(early))
    part = slice(max(0, length - most), length)
    size = 2 * most
    spectra = [np.fft.rfft(sound[part], size, axis=0) for sound in (late, early)]
    total = np.fft.irfft((spectra[0] * np.conj(spectra[1])).sum(axis=1), size)
    best = int(np.argmax(total))
    return best if best < size // 2 else best - size


def peak_db(sound):
    """The largest sample of any channel against full scale; -300 is exact silence."""
    return float(20 * np.log10(max(float(np.max(np.abs(sound), initial=0.0)), 1e-15)))
