# SPDX-License-Identifier: GPL-3.0-or-later
"""A movie of what a timeline shows, small enough for an engine, in black and white if need be.

This module must not know what is shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import bpy

from . import compat
from .refusal import Refusal

#: What an engine looks at needs no more than this (pixels).
_LONG_SIDE = 640


def render(
    scene: Any, lasts: tuple[int, int], path: str, told: Callable[[float], None], *, grey: bool
) -> None:
    """What is to be seen from a frame to before another, as an MP4 of the timeline's frames.

    The view transform is Standard: a project's own would show white as grey.

    Args:
        told: the share that is done, 0 to 1.
        grey: in black and white.

    Raises:
        Refusal: the file does not hold all frames.
        RuntimeError: what Blender says.
    """
    first, end = lasts
    _output(scene, path, grey=grey)
    play(scene, first, end)

    def count(rendered: Any, *_: Any) -> None:
        told(min(1.0, (rendered.frame_current - first + 1) / (end - first)))

    bpy.app.handlers.render_write.append(count)
    try:
        bpy.ops.render.render(animation=True, scene=scene.name)
    finally:
        bpy.app.handlers.render_write.remove(count)
    made = bpy.data.movieclips.load(path).frame_duration if os.path.isfile(path) else 0
    if made != end - first:
        raise Refusal(
            f"Blender rendered {made} of {end - first} frames.",
            "Make room on the disk, or try again.",
        )


def _output(scene: Any, path: str, *, grey: bool) -> None:
    output = scene.render
    compat.write_movies(output)
    output.image_settings.color_mode = "BW" if grey else "RGB"
    movie = output.ffmpeg
    movie.format, movie.codec, movie.audio_codec = "MPEG4", "H264", "NONE"
    movie.constant_rate_factor, movie.ffmpeg_preset = "HIGH", "REALTIME"
    movie.gopsize, movie.use_max_b_frames, movie.use_autosplit = 12, False, False
    output.filepath, output.use_file_extension = path, False
    output.use_sequencer, output.use_compositing = True, False
    output.use_overwrite, output.use_placeholder, output.use_stamp = True, False, False
    output.use_border = output.use_multiview = False
    output.frame_map_old = output.frame_map_new = 100
    output.dither_intensity = 0.0
    view = scene.view_settings
    view.view_transform, view.look = "Standard", "None"
    view.exposure, view.gamma, view.use_curve_mapping = 0.0, 1.0, False
    _size(output)


def _size(output: Any) -> None:
    """The largest even size within what an engine looks at, in the canvas's own shape."""
    wide, high = output.resolution_x, output.resolution_y
    most = min(100, 100 * _LONG_SIDE // max(wide, high))
    for percent in range(max(most, 1), 0, -1):
        width, height = wide * percent // 100, high * percent // 100
        if width % 2 == height % 2 == 0 and min(width, height) >= 16 and percent * 2 > most:
            output.resolution_percentage = percent
            return
    # No percentage gives an even size: one column or row less of the canvas does.
    output.resolution_x, output.resolution_y = wide - wide % 2, high - high % 2
    output.resolution_percentage = 100


def play(scene: Any, first: int, end: int) -> None:
    """Let a scene's output be from frame `first` to before `end`."""
    scene.use_preview_range = False
    scene.frame_start, scene.frame_end, scene.frame_step = first, end - 1, 1
