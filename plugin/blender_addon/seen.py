# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen while a clip is heard: its picture, and the matte that says which object.

Each is either a part of a file, which the engine cuts, or has to be rendered. Both must show the
same frame of reference, so they are decided on together: "file" means the media's own full frame,
"canvas" the scene's. This module must not know sound.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import bpy

from . import compat, timing
from .refusal import Refusal

#: A picture may end this much before its sound and still be cut from its file (seconds).
_SHORT = Fraction(1, 4)


@dataclass(frozen=True)
class Picture:
    """What is seen. `path` is empty where it has to be rendered.

    Attributes:
        start: seconds of the file, as "num/den", that lie at the clip's first frame.
    """

    path: str
    start: str


@dataclass(frozen=True)
class Matte:
    """What says which object: white, or black where inverted.

    Attributes:
        kind: "file", or what is rendered: "strip", "channel", "mask".
        name: of the strip or of the Mask; the channel's number.
        path, start: of a file, as for a picture.
        origin: timeline frame on which a Mask's own first frame lies.
    """

    kind: str
    name: str
    path: str
    start: str
    invert: bool
    origin: int = 0


@dataclass(frozen=True)
class Seen:
    """What is seen while a range of the timeline is heard.

    Attributes:
        first, end: frames that both cover, end exclusive; at least the range that was asked for.
    """

    picture: Picture | None
    matte: Matte | None
    first: int
    end: int
    notes: tuple[str, ...]


def path_of(strip: Any) -> str:
    """The absolute path of a strip's media; empty where it has none."""
    media = getattr(strip, "sound", None) or strip
    name = getattr(media, "filepath", "")
    library = getattr(media, "library", None)
    return os.path.abspath(bpy.path.abspath(name, library=library)) if name else ""


def plain(strip: Any, scene: Any) -> bool:
    """Whether what is seen of a movie strip is its file's own frames, one by one, unchanged.

    Only time and content are looked at; where the frame lies on the canvas, `fills` tells.
    """
    rate = timing.frame_rate(scene.render.fps, scene.render.fps_base)
    crop = strip.crop
    return (
        strip.type == "MOVIE"
        and timing.same_rate(strip.fps, rate)
        and not compat.retimed(strip)
        and not compat.hard_trimmed(strip)
        and strip.strobe <= 1
        and not (strip.use_reverse_frames or strip.use_flip_x or strip.use_flip_y)
        and not (crop.min_x or crop.max_x or crop.min_y or crop.max_y)
        and not strip.transform.rotation
        and not any(not modifier.mute for modifier in strip.modifiers)
        and not _is_used(strip, scene)
        and not _is_animated(strip, scene)
        and os.path.isfile(path_of(strip))
    )


def fills(strip: Any, scene: Any) -> bool:
    """Whether a strip's frame is exactly the canvas."""
    size = _size(strip)
    move = strip.transform
    if size is None or abs(move.offset_x) > 0.5 or abs(move.offset_y) > 0.5:
        return False
    render = scene.render
    return (
        abs(size[0] * move.scale_x - render.resolution_x) <= 1
        and abs(size[1] * move.scale_y - render.resolution_y) <= 1
    )


def seen(
    scene: Any, partner: Any | None, settings: Any, first: int, end: int, reach: tuple[int, int]
) -> Seen:
    """What is seen from frame `first` to before `end`.

    Args:
        partner: the movie strip that belongs to the sound; None where there is none.
        reach: frames that handles may take, the range with them.

    Raises:
        Refusal: the matte is not there, or does not cover the range.
    """
    found = _matte_strips(scene, settings, *reach)
    low, high = reach
    if found is not None:
        low, high = _covered(found, settings, first, end, reach)
    single = found[0] if found is not None and len(found) == 1 else None
    movie = partner if partner is not None and plain(partner, scene) else None
    matte_file = single if single is not None and plain(single, scene) else None
    if movie is not None and not _reaches(movie, scene, first, end):
        movie = None
    if found is not None or settings.mask_source == "MASK":
        movie, matte_file = _matched(scene, movie, matte_file)
    if movie is not None:
        low = max(low, compat.content(movie)[0])
    picture = _picture(scene, partner, movie, settings, first)
    matte = _matte(scene, partner, matte_file, settings, first)
    notes = []
    if picture is not None and not picture.path and partner is not None:
        notes.append("What is seen of the clip is not its file's own picture: it is rendered.")
    return Seen(picture, matte, low, high, tuple(notes))


def _matched(scene: Any, movie: Any, matte: Any) -> tuple[Any, Any]:
    """Which of picture and matte may come from their files, so that both show the same frame."""
    if movie is not None and matte is not None:
        if fills(movie, scene) and fills(matte, scene):
            return movie, matte
        if _untouched(movie) and _untouched(matte) and _same_shape(movie, matte):
            return movie, matte
    if movie is not None and not fills(movie, scene):
        movie = None
    if matte is not None and not fills(matte, scene):
        matte = None
    return movie, matte


def _picture(scene: Any, partner: Any, movie: Any, settings: Any, first: int) -> Picture | None:
    if movie is not None:
        return Picture(path_of(movie), _start(movie, first))
    if partner is not None or settings.mask_source != "NONE":
        return Picture("", "0")
    return None


def _matte(scene: Any, partner: Any, file: Any, settings: Any, first: int) -> Matte | None:
    source, invert = settings.mask_source, bool(settings.invert)
    if source == "NONE":
        return None
    if source == "MASK":
        origin = _mask_origin(settings.mask, partner)
        return Matte("mask", settings.mask.name, "", "0", invert, origin)
    if file is not None:
        return Matte("file", file.name, path_of(file), _start(file, first), invert)
    if source == "STRIP":
        return Matte("strip", settings.mask_strip, "", "0", invert)
    return Matte("channel", str(settings.mask_channel), "", "0", invert)


def _start(movie: Any, first: int) -> str:
    """Seconds of a movie strip's file that lie at a timeline frame."""
    frames = first - compat.content(movie)[0]
    return timing.text(Fraction(frames) / timing.file_rate(movie.fps))


def _matte_strips(scene: Any, settings: Any, first: int, end: int) -> list[Any] | None:
    """The strips that are the matte; None where none is wanted, or a Mask is."""
    editor = scene.sequence_editor
    if settings.mask_source == "NONE":
        return None
    if settings.mask_source == "MASK":
        if settings.mask is None:
            raise Refusal("No mask is chosen.", "Choose one, or set Mask to None.")
        return None
    if settings.mask_source == "STRIP":
        strip = compat.all_strips(editor).get(settings.mask_strip)
        if strip is None:
            name = settings.mask_strip
            said = (
                f"There is no strip called {name}." if name else "No strip is chosen as the mask."
            )
            raise Refusal(said, "Choose another one, or set Mask to None.")
        if strip.type == "SOUND":
            raise Refusal(f"{strip.name} is a sound, and shows nothing.", "Choose another strip.")
        return [strip]
    number = settings.mask_channel
    found = [
        strip
        for strip in compat.strips(editor)
        if strip.channel == number
        and strip.type != "SOUND"
        and compat.first(strip) < end
        and compat.end(strip) > first
    ]
    if not found:
        raise Refusal(
            f"Channel {number} shows nothing while the clip plays.", "Choose another channel."
        )
    return sorted(found, key=compat.first)


def _covered(
    found: Iterable[Any], settings: Any, first: int, end: int, reach: tuple[int, int]
) -> tuple[int, int]:
    """The frames around a range that the matte covers without a hole, no more than `reach`."""
    low = high = None
    for strip in found:
        begins, ends = compat.first(strip), compat.end(strip)
        if low is not None and begins <= high:
            high = max(high, ends)
        elif low is None or high <= first:
            low, high = begins, ends
    assert low is not None
    assert high is not None
    if low > first or high < end:
        wanted = (
            settings.mask_strip
            if settings.mask_source == "STRIP"
            else (f"channel {settings.mask_channel}")
        )
        raise Refusal(
            f"The mask on {wanted} covers frames {low} to {high - 1}, "
            f"the clip plays from {first} to {end - 1}.",
            "Make the mask longer, or set a preview range inside it and choose Preview Range.",
        )
    return max(low, reach[0]), min(high, reach[1])


def _reaches(movie: Any, scene: Any, first: int, end: int) -> bool:
    """Whether a movie's file has pictures for a range, but for a moment at its end."""
    begins, ends = compat.content(movie)
    rate = timing.frame_rate(scene.render.fps, scene.render.fps_base)
    return begins <= first and end - ends <= _SHORT * Fraction(*rate)


def _is_used(strip: Any, scene: Any) -> bool:
    """Whether an effect shows the strip in its own way."""
    return any(strip in compat.inputs(other) for other in compat.all_strips(scene.sequence_editor))


def _is_animated(strip: Any, scene: Any) -> bool:
    """Whether anything moves or cuts the strip's picture over time."""
    path = strip.path_from_id()
    moved = (f"{path}.transform", f"{path}.crop", f"{path}.strobe", f"{path}.use_")
    return any(curve.data_path.startswith(moved) for curve in compat.curves(scene))


def _size(strip: Any) -> tuple[int, int] | None:
    """Width and height of a movie strip's file; None where Blender does not know."""
    if not len(strip.elements):
        return None
    part = strip.elements[0]
    return (part.orig_width, part.orig_height) if part.orig_width and part.orig_height else None


def _untouched(strip: Any) -> bool:
    move = strip.transform
    return not (move.offset_x or move.offset_y) and move.scale_x == move.scale_y == 1


def _same_shape(one: Any, other: Any) -> bool:
    a, b = _size(one), _size(other)
    if a is None or b is None:
        return False
    return abs(a[0] * b[1] - b[0] * a[1]) <= 0.01 * a[0] * b[1]


def _mask_origin(mask: Any, partner: Any) -> int:
    """The timeline frame on which a Mask's first frame lies.

    A Mask that was drawn over the clip's own file in the Movie Clip Editor moves with the clip;
    any other lies on the timeline's frames.
    """
    if partner is not None:
        for clip in bpy.data.movieclips:
            if path_of(clip) == path_of(partner):
                shown = clip.frame_start - clip.frame_offset
                return compat.content(partner)[0] + mask.frame_start - shown
    return int(mask.frame_start)
