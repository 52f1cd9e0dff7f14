# SPDX-License-Identifier: GPL-3.0-or-later
"""In a copy of the file: a clip alone, mixed down and rendered.

Whatever is heard of the strip is exported, hidden offsets and retiming too, but for its volume and
pan, which the stems get afterwards. The copy is thrown away, so nothing is put back. This module
must not know who asked, nor where the clip's own files are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import bpy

from . import compat, timing, wav
from .clip import Clip
from .refusal import Refusal
from .rendering import play, render

#: Told the share that is done, 0 to 1, and what is being done.
Report = Callable[[float, str], None]

#: Blender's names for a mixdown's channels.
_LAYOUTS = {
    1: "MONO",
    2: "STEREO",
    3: "STEREO_LFE",
    4: "SURROUND4",
    5: "SURROUND5",
    6: "SURROUND51",
    7: "SURROUND61",
    8: "SURROUND71",
}
#: Share of the work that the sound is.
_SOUND_SHARE = 0.2


def export(clip: Clip, folder: str, report: Report) -> dict[str, Any]:
    """Make a clip's files in a folder.

    Returns:
        Paths: `sound`, and `picture` and `matte` where they had to be rendered, else None;
        `notes`.

    Raises:
        Refusal: a strip is not in the copy, or a file did not become what it should be.
        OSError, RuntimeError: what the system or Blender says.
    """
    scene = bpy.data.scenes[clip.scene]
    report(0.05, "Reading the sound")
    sound = mix_down(scene, clip, folder)
    wanted = {"picture": clip.picture, "matte": clip.matte}
    renders = [name for name, part in wanted.items() if part is not None and not part.path]
    made: dict[str, Any] = {"sound": sound, "picture": None, "matte": None, "notes": []}
    for number, name in enumerate(renders):
        each = (1 - _SOUND_SHARE) / len(renders)
        begin = _SOUND_SHARE + each * number

        def told(share: float, begin: float = begin, each: float = each, name: str = name) -> None:
            report(begin + each * share, f"Rendering the {name}")

        made[name] = os.path.join(folder, f"{name}.mp4")
        (show_picture if name == "picture" else show_matte)(scene, clip)
        lasts = clip.first - clip.handle_in, clip.end + clip.handle_out
        render(scene, lasts, made[name], told, grey=name == "matte")
    return made


def mix_down(scene: Any, clip: Clip, folder: str) -> str:
    """The path of a WAV of what is heard of the clip's strip alone, of exactly its samples."""
    strip = _strip(scene, clip.strip)
    for speaker in bpy.data.speakers:
        speaker.muted = True
    if not clip.baked:
        strip.volume, strip.pan = 1.0, 0.0
    meta = strip.parent_meta()
    while meta is not None:
        # The stems will lie in the same meta strip, and get its volume there.
        if hasattr(meta, "volume"):
            _still(scene, meta, "volume")
            meta.volume = 1.0
        meta = meta.parent_meta()
    _alone(scene, [strip])
    mixdown, path = os.path.join(folder, "mixdown.wav"), os.path.join(folder, "sound.wav")
    if clip.handle_in:
        skipped = _with_handles(scene, clip, strip, mixdown)
    else:
        end = clip.end + clip.handle_out
        if clip.handle_out:
            compat.set_end(strip, end)
        skipped = _play_through(scene, clip, clip.first, end, mixdown)
    wav.cut(mixdown, path, skipped, clip.samples, clip.rate, clip.channels)
    os.unlink(mixdown)
    return path


def _with_handles(scene: Any, clip: Clip, strip: Any, mixdown: str) -> int:
    """Mix down a clip that begins before its strip does; samples before what is wanted of it.

    Out of some files Blender plays a strip from the next packet on, so that it sounds otherwise as
    soon as it begins elsewhere. What counts is how it sounds without handles, so both are compared.
    """
    alone = f"{mixdown}.alone"
    entered = _play_through(scene, clip, clip.first, clip.end, alone)
    spare = timing.frames(wav.FARTHEST, clip.rate, clip.frame_rate) + 1
    first, end = clip.first - clip.handle_in, clip.end + clip.handle_out
    low, high = (first, end) if compat.retimed(strip) else compat.content(strip)
    begin = min(first, max(0, low, first - spare))
    compat.set_end(strip, max(end, min(high, end + spare)))
    compat.set_first(strip, begin)
    skipped = _play_through(scene, clip, begin, end + spare, mixdown)
    before = timing.samples(clip.first - begin, clip.rate, clip.frame_rate)
    length = timing.samples(clip.end - clip.first, clip.rate, clip.frame_rate)
    late = wav.later((alone, entered), (mixdown, skipped + before), length, clip.channels)
    os.unlink(alone)
    return skipped + timing.samples(first - begin, clip.rate, clip.frame_rate) + late


def _play_through(scene: Any, clip: Clip, first: int, end: int, path: str) -> int:
    """Mix down from a frame to before another, and a little more; samples before the first."""
    # From one frame before, so that Blender enters the strip as in the mixdown of a whole timeline;
    # to one frame behind, since it counts a mixdown's length without its part of a sample.
    begin = max(0, first - 1)
    if os.path.exists(path):
        # Of an earlier try; Blender may begin later than it says, and this would be taken for it.
        os.unlink(path)
    play(scene, begin, end + 1)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.sound.mixdown(
            filepath=path,
            check_existing=False,
            relative_path=False,
            container="WAV",
            codec="PCM",
            format="F32",
            mixrate=clip.rate,
            channels=_LAYOUTS[clip.channels],
        )
    return timing.entered(begin, first, clip.rate, clip.frame_rate)


def show_picture(scene: Any, clip: Clip) -> None:
    """Leave nothing to be seen but the clip's picture: its movie strip, or what hides it."""
    matte = clip.matte
    movie = compat.all_strips(scene.sequence_editor).get(clip.partner) if clip.partner else None
    if movie is not None and not _used(scene, movie):
        _alone(scene, [movie])
        _opaque(scene, movie)
        return
    for strip in compat.all_strips(scene.sequence_editor):
        is_matte = matte is not None and (
            (matte.kind in ("strip", "file") and strip.name == matte.name)
            or (matte.kind == "channel" and strip.channel == int(matte.name))
        )
        if is_matte or strip.type == "SOUND":
            strip.mute = True


def show_matte(scene: Any, clip: Clip) -> None:
    """Leave nothing to be seen but the clip's matte."""
    matte = clip.matte
    assert matte is not None
    editor = scene.sequence_editor
    if matte.kind == "mask":
        strips = [_mask_strip(scene, clip)]
    elif matte.kind == "channel":
        strips = [
            strip
            for strip in compat.strips(editor)
            if strip.channel == int(matte.name) and strip.type != "SOUND"
        ]
    else:
        strips = [_strip(scene, matte.name)]
    _alone(scene, strips)
    for strip in strips:
        _opaque(scene, strip)


def _strip(scene: Any, name: str) -> Any:
    strip = compat.all_strips(scene.sequence_editor).get(name)
    if strip is None:
        raise Refusal(f"{name} is not on the timeline any more.", "Select the clip once more.")
    return strip


def _alone(scene: Any, wanted: Iterable[Any]) -> None:
    """Mute everything but some strips and the meta strips that they lie in."""
    editor = scene.sequence_editor
    heard = set()
    for strip in wanted:
        _unmuted_channel(strip.parent_meta() or editor, strip)
        heard.add(strip.name)
        heard.update(child.name for child in _children(strip))
        meta = strip.parent_meta()
        while meta is not None:
            _unmuted_channel(meta.parent_meta() or editor, meta)
            heard.add(meta.name)
            meta = meta.parent_meta()
    chosen = {strip.name for strip in wanted}
    for strip in compat.all_strips(editor):
        inside = strip.name in heard
        # What lies in a meta strip that was chosen stays as the editor has it.
        if not inside:
            strip.mute = True
        elif strip.name in chosen or _holds(strip, chosen):
            strip.mute = False


def _unmuted_channel(owner: Any, strip: Any) -> None:
    owner.channels[strip.channel].mute = False


def _children(strip: Any) -> list[Any]:
    if strip.type != "META":
        return []
    direct = list(compat.strips(strip))
    return direct + [below for child in direct for below in _children(child)]


def _holds(strip: Any, names: set[str]) -> bool:
    return any(child.name in names for child in _children(strip))


def _opaque(scene: Any, strip: Any) -> None:
    """Show a strip as it is, whatever it is mixed with on the timeline."""
    _still(scene, strip, "blend_alpha")
    strip.blend_alpha, strip.blend_type = 1.0, "REPLACE"


def _still(scene: Any, strip: Any, name: str) -> None:
    """Let nothing move a value of a strip any more."""
    path = f"{strip.path_from_id()}.{name}"
    for curve in compat.curves(scene):
        if curve.data_path == path:
            curve.mute = True


def _used(scene: Any, strip: Any) -> bool:
    return any(strip in compat.inputs(other) for other in compat.all_strips(scene.sequence_editor))


def _mask_strip(scene: Any, clip: Clip) -> Any:
    """A strip that shows a Mask over the whole range."""
    assert clip.matte is not None
    mask = bpy.data.masks.get(clip.matte.name)
    if mask is None:
        raise Refusal(f"There is no mask {clip.matte.name} any more.", "Choose another one.")
    first, end = clip.first - clip.handle_in, clip.end + clip.handle_out
    begins = clip.matte.origin
    # A strip holds the last frame of its Mask; let the Mask go on instead.
    mask.frame_end = max(mask.frame_end, mask.frame_start + end - begins + 1)
    if begins > first:
        mask.frame_start, begins = mask.frame_start - (begins - first), first
    strips = compat.strips(scene.sequence_editor)
    strip = strips.new_mask(name="matte", mask=mask, channel=1, frame_start=begins)
    compat.set_end(strip, end)
    compat.set_first(strip, first)
    return strip
