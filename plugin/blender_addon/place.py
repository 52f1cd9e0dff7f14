# SPDX-License-Identifier: GPL-3.0-or-later
"""Stems onto the timeline: two sound strips on free channels, read back and compared.

Either all of it is as it should be, or nothing was changed. The one step of undo is the caller's.
This module must not know where stems come from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import bpy

from . import channels, compat, timing
from .clip import Clip, restored
from .refusal import Refusal
from .seen import path_of

_JOB, _ROLE, _PROMPT = "soundmatte_job", "soundmatte_role", "soundmatte_prompt"
#: On the original: the jobs that muted it.
_MUTED_BY = "soundmatte_muted_by"
_COLOURS = {"target": "COLOR_04", "residual": "COLOR_05"}


@dataclass(frozen=True)
class Options:
    """How stems are placed.

    Attributes:
        job: the engine's name for the separation.
        mute: the original is muted; else it is heard beside its stems.
        meta: both stems in one meta strip.
    """

    job: str
    mute: bool = True
    meta: bool = False


@dataclass(frozen=True)
class Placed:
    """What was placed: the stems' strips and their channels, target first, and sentences on it."""

    names: tuple[str, ...]
    channels: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass
class _Undoing:
    """What takes everything back, the latest first."""

    steps: list[Callable[[], None]] = field(default_factory=list)

    def undo(self) -> None:
        while self.steps:
            self.steps.pop()()


def place(clip: dict[str, Any], placement: dict[str, Any], options: Options) -> Placed:
    """Put the stems of a clip where it was heard, or where it has been moved since.

    Args:
        clip: a `Clip` as plain values.
        placement: the engine's Placement document.

    Raises:
        Refusal: no room, or Blender did not take the stems as they are; nothing was changed.
    """
    wanted = restored(clip)
    scene = bpy.data.scenes.get(wanted.scene)
    if scene is None:
        raise Refusal(f"There is no scene {wanted.scene} any more.", "Open the file of the clip.")
    if options.job in placed(scene):
        raise Refusal("These stems are on the timeline already.", "Remove them first.")
    rate = timing.frame_rate(scene.render.fps, scene.render.fps_base)
    if rate != wanted.frame_rate:
        now, then = (f"{top / bottom:.5g}" for top, bottom in (rate, wanted.frame_rate))
        raise Refusal(
            f"The timeline runs at {now} frames per second now, and ran at {then}.",
            "Set the frame rate back, or separate the clip once more.",
        )
    undoing = _Undoing()
    try:
        return _placed(scene, wanted, placement, options, undoing)
    except Refusal:
        undoing.undo()
        raise
    except (OSError, RuntimeError, KeyError) as error:
        undoing.undo()
        raise Refusal(
            f"Blender did not take the stems: {error}.", "Try again; the files are there."
        ) from None


def placed(scene: Any) -> dict[str, list[str]]:
    """The strips of each job that is on a scene's timeline, by the job's name."""
    found: dict[str, list[str]] = {}
    if scene.sequence_editor is not None:
        for strip in compat.all_strips(scene.sequence_editor):
            if _JOB in strip:
                found.setdefault(str(strip[_JOB]), []).append(strip.name)
    return found


def remove(scene: str, job: str) -> int:
    """Take a job's stems off the timeline of the scene of that name, and unmute its original.

    Returns:
        How many strips are gone.
    """
    found = bpy.data.scenes.get(scene)
    if found is None or found.sequence_editor is None:
        return 0
    editor = found.sequence_editor
    names = placed(found).get(job, [])
    for name in names:
        # Gone already where it lay in the job's own meta strip.
        strip = compat.all_strips(editor).get(name)
        if strip is not None:
            _remove(editor, strip)
    for strip in compat.all_strips(editor):
        jobs = str(strip.get(_MUTED_BY, "")).split()
        if job in jobs:
            jobs.remove(job)
            strip[_MUTED_BY] = " ".join(jobs)
            if not jobs:
                del strip[_MUTED_BY]
                strip.mute = False
    return len(names)


def _placed(
    scene: Any, clip: Clip, placement: dict[str, Any], options: Options, undoing: _Undoing
) -> Placed:
    editor = compat.editor_of(scene)
    undoing_names = {strip.name for strip in compat.all_strips(editor)}
    original, shift, notes = _original(editor, clip)
    stems = sorted(placement["stems"], key=lambda stem: stem["role"] != "target")
    owner = original.parent_meta() or editor if original is not None else editor
    first, end = clip.first + shift, clip.end + shift
    above = original.channel if original is not None else 0
    undoing.steps.append(lambda: _remove_new(editor, undoing_names))
    roles = ["meta"] if options.meta else [stem["role"] for stem in stems]
    free = channels.free(owner, first, end, above, roles)
    holder, inner = owner, free
    if options.meta:
        holder = _meta(owner, clip, options, free[0], first, end)
        inner = list(range(1, len(stems) + 1))
    names = []
    for stem, channel in zip(stems, inner, strict=True):
        strip = _stem(holder, clip, original, stem, options, channel, (first, end))
        names.append(strip.name)
        undoing.steps.append(channels.named(holder, channel, stem["role"]))
    if options.meta:
        # A meta strip stays as long as it was when it was empty.
        compat.set_end(holder, end)
    for name, stem, channel in zip(names, stems, inner, strict=True):
        _compare(compat.all_strips(editor)[name], stem, clip, channel, (first, end))
    if options.mute and original is not None:
        undoing.steps.append(_mute(editor, original.name, options.job))
    return Placed(tuple(names), tuple(free), tuple(notes))


def _original(editor: Any, clip: Clip) -> tuple[Any | None, int, list[str]]:
    """The strip that was separated, how many frames it has moved since, and what to say on it."""
    strip = compat.all_strips(editor).get(clip.strip)
    if strip is not None and strip.type != "SOUND":
        strip = None
    if strip is not None and clip.media and path_of(strip) != clip.media:
        strip = None
    notes = []
    if strip is None:
        strip = _renamed(editor, clip)
        if strip is None:
            return None, 0, [f"{clip.strip} is gone: its stems lie where it was."]
        notes.append(f"{clip.strip} is called {strip.name} now.")
    shift = compat.content(strip)[0] - clip.origin
    if shift:
        notes.append(f"{clip.strip} was moved by {shift} frames meanwhile, and so are its stems.")
    heard = compat.first(strip) - shift, compat.end(strip) - shift
    if clip.range_source == "strip" and heard != (clip.first, clip.end):
        notes.append(f"{clip.strip} was trimmed meanwhile; the stems are as long as it was.")
    if strip.mute and _MUTED_BY not in strip:
        notes.append(f"{clip.strip} was muted; its stems are heard.")
    return strip, shift, notes


def _renamed(editor: Any, clip: Clip) -> Any | None:
    """The one strip that lies where the clip lay, and plays what it played."""
    there = clip.origin, clip.first, clip.end
    found = [
        strip
        for strip in compat.all_strips(editor)
        if strip.type == "SOUND"
        and clip.media
        and path_of(strip) == clip.media
        and (compat.content(strip)[0], compat.first(strip), compat.end(strip)) == there
    ]
    return found[0] if len(found) == 1 else None


def _meta(owner: Any, clip: Clip, options: Options, channel: int, first: int, end: int) -> Any:
    name = f"{clip.prompt or clip.strip} stems"
    meta = compat.strips(owner).new_meta(name=name, channel=channel, frame_start=first)
    compat.set_end(meta, end)
    meta[_JOB], meta[_ROLE], meta[_PROMPT] = options.job, "meta", clip.prompt
    meta.select = False
    return meta


def _stem(
    owner: Any,
    clip: Clip,
    original: Any | None,
    stem: dict[str, Any],
    options: Options,
    channel: int,
    lies: tuple[int, int],
) -> Any:
    before = timing.frames(stem["handle_in"], stem["rate"], clip.frame_rate)
    path = str(stem["path"])
    if not os.path.isfile(path):
        raise Refusal(f"{path} is not there any more.", "Separate the clip once more.")
    name = f"{clip.prompt or clip.strip} {stem['role']}"
    strip = compat.strips(owner).new_sound(
        name=name, filepath=_relative(path), channel=channel, frame_start=lies[0] - before
    )
    if before:
        compat.set_first(strip, lies[0])
    compat.set_end(strip, lies[1])
    follows = original is not None and not clip.baked
    strip.volume = original.volume if follows else clip.volume
    strip.pan = original.pan if follows else clip.pan
    strip.mute, strip.lock, strip.color_tag = False, False, _COLOURS[stem["role"]]
    strip[_JOB], strip[_ROLE], strip[_PROMPT] = options.job, stem["role"], clip.prompt
    # What a person has selected stays what is selected.
    strip.select = False
    return strip


def _relative(path: str) -> str:
    """A path as the file keeps it: beside it or below, it moves with it."""
    if not bpy.data.filepath:
        return path
    folder = os.path.dirname(bpy.data.filepath)
    try:
        inside = os.path.commonpath([folder, path]) == folder
    except ValueError:
        return path
    return bpy.path.relpath(path) if inside else path


def _compare(
    strip: Any, stem: dict[str, Any], clip: Clip, channel: int, lies: tuple[int, int]
) -> None:
    """Refuse a stem that does not lie as it should, whatever Blender said."""
    before = timing.frames(stem["handle_in"], stem["rate"], clip.frame_rate)
    length = timing.frames(stem["frames"], stem["rate"], clip.frame_rate)
    begins, ends = compat.content(strip)
    found = {
        "file": os.path.normpath(path_of(strip)),
        "handles": (compat.first(strip), compat.end(strip)),
        "start": begins,
        "channel": strip.channel,
        "rate": strip.sound.samplerate,
    }
    wanted = {
        "file": os.path.normpath(str(stem["path"])),
        "handles": lies,
        "start": lies[0] - before,
        "channel": channel,
        "rate": stem["rate"],
    }
    wrong = [name for name, value in wanted.items() if found[name] != value]
    # Blender counts a sound's length in whole frames, in one way or the other.
    if abs(ends - begins - length) > 1:
        wrong.append("length")
    if wrong:
        what = ", ".join(f"{name} {found.get(name, ends - begins)}" for name in wrong)
        raise Refusal(
            f"Blender placed the {stem['role']} otherwise than asked ({what}); it was taken back.",
            "Check that the file plays, and place it again.",
        )


def _mute(editor: Any, name: str, job: str) -> Callable[[], None]:
    """Mute the original on behalf of a job; what undoes it."""
    strip = compat.all_strips(editor)[name]
    before, jobs = bool(strip.mute), str(strip.get(_MUTED_BY, ""))

    def undo() -> None:
        found = compat.all_strips(editor)[name]
        found.mute = before
        if jobs:
            found[_MUTED_BY] = jobs
        elif _MUTED_BY in found:
            del found[_MUTED_BY]

    # What a person had muted stays muted when the stems are removed.
    if not before or jobs:
        strip.mute, strip[_MUTED_BY] = True, f"{jobs} {job}".strip()
    return undo


def _remove(editor: Any, strip: Any) -> None:
    sound = getattr(strip, "sound", None)
    owner = strip.parent_meta() or editor
    compat.strips(owner).remove(strip)
    if sound is not None and sound.users == 0:
        bpy.data.sounds.remove(sound)


def _remove_new(editor: Any, before: set[str]) -> None:
    """Take off whatever was not there before."""
    new = [strip.name for strip in compat.all_strips(editor) if strip.name not in before]
    for name in new:
        strip = compat.all_strips(editor).get(name)
        if strip is not None:
            _remove(editor, strip)
