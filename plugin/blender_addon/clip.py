# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is selected on the timeline to clips: plain values that outlive undo and files.

A clip is a sound strip that is heard, over a range of frames, with what is seen meanwhile. This
module must not change anything, nor know what becomes of a clip.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

from . import compat, timing
from .refusal import Refusal
from .seen import Matte, Picture, path_of, seen

#: Channels by Blender's names for them.
_CHANNELS = {
    "MONO": 1,
    "STEREO": 2,
    "STEREO_LFE": 3,
    "CHANNELS_4": 4,
    "CHANNELS_5": 5,
    "SURROUND_51": 6,
    "SURROUND_61": 7,
    "SURROUND_71": 8,
}


@dataclass(frozen=True)
class Clip:
    """What is to be separated.

    Attributes:
        scene, strip: names of the scene and of the sound strip that is heard.
        partner: name of the movie strip that belongs to it; empty where there is none.
        first, end: timeline frames of what is separated, end exclusive, without handles.
        frame_rate: Blender's own, as numerator and denominator.
        rate: Hz of the source. `channels`: as they are heard.
        handles: frames wanted on each side.
        range_source: "strip" or "preview".
        handle_in, handle_out: frames of handles that there are.
        origin: timeline frame on which the sound's untrimmed media begins.
        media: path of the sound's file; empty where it is packed.
        volume, pan: of the strip, which the stems get; what is separated is neutral.
        baked: volume or pan move, so what is separated has them, and the stems are neutral.
        notes: sentences that a person should read.
    """

    scene: str
    strip: str
    partner: str
    first: int
    end: int
    frame_rate: tuple[int, int]
    rate: int
    channels: int
    handles: int
    range_source: str
    picture: Picture | None
    matte: Matte | None
    prompt: str
    notes: tuple[str, ...] = ()
    handle_in: int = 0
    handle_out: int = 0
    origin: int = 0
    media: str = ""
    volume: float = 1.0
    pan: float = 0.0
    baked: bool = False

    @property
    def samples(self) -> int:
        """Samples of what is separated, with handles."""
        frames = self.handle_in + self.end - self.first + self.handle_out
        return timing.samples(frames, self.rate, self.frame_rate)


def restored(values: dict[str, Any]) -> Clip:
    """A clip from its plain values, also as JSON has them; what is unknown is left out."""
    known = {field.name for field in fields(Clip)}
    kept: dict[str, Any] = {name: value for name, value in values.items() if name in known}
    kept["frame_rate"] = tuple(kept["frame_rate"])
    kept["notes"] = tuple(kept.get("notes", ()))
    kept["picture"] = Picture(**kept["picture"]) if kept.get("picture") else None
    kept["matte"] = Matte(**kept["matte"]) if kept.get("matte") else None
    return Clip(**kept)


def chosen(context: Any, settings: Any) -> list[Clip]:
    """The selected clips, from the left to the right.

    Args:
        settings: prompt, mask_source, mask_channel, mask_strip, mask, invert, handles (frames),
            range_source, as the panel has them.

    Raises:
        Refusal: nothing that can be separated is selected, or the matte will not do.
    """
    scene = compat.sequencer_scene(context)
    if scene is None or scene.sequence_editor is None:
        raise Refusal("There is no clip on the timeline yet.", "Add one, and select it.")
    editor = scene.sequence_editor
    level = editor.meta_stack[-1] if len(editor.meta_stack) else editor
    selected = [strip for strip in compat.strips(level) if strip.select]
    pairs = _pairs(list(compat.strips(level)), _without_matte(selected, settings))
    pairs.sort(key=lambda pair: compat.first(pair[0]))
    return [_clip(scene, sound, movie, settings) for sound, movie in pairs]


def _without_matte(selected: list[Any], settings: Any) -> list[Any]:
    """What is selected, but for the matte itself."""
    source = settings.mask_source
    return [
        strip
        for strip in selected
        if not (source == "STRIP" and strip.name == settings.mask_strip)
        and not (
            source == "CHANNEL" and strip.type != "SOUND" and strip.channel == settings.mask_channel
        )
    ]


def _pairs(level: list[Any], selected: list[Any]) -> list[tuple[Any, Any | None]]:
    """Each sound that is selected, or belongs to a selected movie, with its movie."""
    sounds = [strip for strip in selected if strip.type == "SOUND"]
    movies = [strip for strip in selected if strip.type == "MOVIE"]
    if not sounds and not movies:
        raise _nothing(selected)
    pairs = {sound: _partner(sound, "MOVIE", level) for sound in sounds}
    for movie in movies:
        if movie in pairs.values():
            continue
        own = _partner(movie, "SOUND", level)
        if own is not None:
            pairs[own] = movie
            continue
        beside = [s for s in sounds if pairs[s] is None and _overlap(s, movie) > 0]
        if not beside:
            raise Refusal(
                f"{movie.name} has no sound on the timeline.",
                "Add its sound, or select the sound strip that belongs to it as well.",
            )
        pairs[max(beside, key=lambda sound, movie=movie: _overlap(sound, movie))] = movie
    return list(pairs.items())


def _nothing(selected: list[Any]) -> Refusal:
    if any(strip.type == "META" for strip in selected):
        return Refusal(
            "A meta strip is selected, and no clip.",
            "Open it with Tab, and select the clip inside it.",
        )
    if selected:
        kind = selected[0].type.replace("_", " ").lower()
        return Refusal(
            f"{selected[0].name} is a strip of the kind {kind}, which has no sound of its own.",
            "Select a movie or a sound strip.",
        )
    return Refusal("No clip is selected.", "Select a movie or a sound strip on the timeline.")


def _partner(strip: Any, kind: str, level: list[Any]) -> Any | None:
    """The strip of a kind that belongs to one: linked with it, or of the same file beside it."""
    joined = [other for other in compat.linked(strip) or () if other.type == kind]
    if joined:
        return joined[0]
    path = path_of(strip)
    beside = [
        other
        for other in level
        if other.type == kind and path and path_of(other) == path and _overlap(strip, other) > 0
    ]

    def closeness(other: Any) -> tuple[int, int]:
        return _overlap(strip, other), -abs(other.channel - strip.channel)

    return max(beside, key=closeness, default=None)


def _overlap(one: Any, other: Any) -> int:
    return min(compat.end(one), compat.end(other)) - max(compat.first(one), compat.first(other))


def _clip(scene: Any, sound: Any, movie: Any | None, settings: Any) -> Clip:
    rate, channels = _format(sound)
    first, end = _range(scene, sound, settings)
    notes = []
    reach = _reach(sound, first, end, settings.handles)
    shown = seen(scene, movie, settings, first, end, reach)
    handle_in = first - max(reach[0], shown.first)
    handle_out = min(reach[1], shown.end) - end
    if min(handle_in, handle_out) < settings.handles:
        notes.append(
            f"There is room for handles of {handle_in} frames before "
            f"and {handle_out} behind {sound.name}."
        )
    baked = _moves(scene, sound)
    if baked:
        notes.append(
            f"Volume or pan of {sound.name} move: the stems have them already, and stay neutral."
        )
    return Clip(
        scene=scene.name,
        strip=sound.name,
        partner=movie.name if movie is not None else "",
        first=first,
        end=end,
        frame_rate=timing.frame_rate(scene.render.fps, scene.render.fps_base),
        rate=rate,
        channels=channels,
        handles=settings.handles,
        range_source=settings.range_source.lower(),
        picture=shown.picture,
        matte=shown.matte,
        prompt=settings.prompt.strip(),
        notes=(*notes, *shown.notes),
        handle_in=handle_in,
        handle_out=handle_out,
        origin=compat.content(sound)[0],
        media="" if sound.sound.packed_file else path_of(sound),
        volume=1.0 if baked else sound.volume,
        pan=0.0 if baked else sound.pan,
        baked=baked,
    )


def _format(strip: Any) -> tuple[int, int]:
    """Rate (Hz) and channels of what a strip plays."""
    sound = strip.sound
    if sound is None or (sound.packed_file is None and not os.path.isfile(path_of(strip))):
        missing = path_of(strip) if sound is not None else "The sound"
        raise Refusal(
            f"{missing} of {strip.name} is not there.", "Find missing files, or replace the strip."
        )
    channels = _CHANNELS.get(sound.channels, 0)
    if not channels or not sound.samplerate:
        raise Refusal(
            f"Blender cannot read the sound of {strip.name}.",
            "Check whether it plays; this Blender may have been built without sound.",
        )
    # A strip that is played as mono is heard as such, also where its file has more channels.
    return int(sound.samplerate), 1 if sound.use_mono else channels


def _range(scene: Any, strip: Any, settings: Any) -> tuple[int, int]:
    """The frames of a strip that are heard, cut by the meta strips around it."""
    first, end = _inside(strip, compat.first(strip), compat.end(strip))
    if settings.range_source == "PREVIEW":
        if not scene.use_preview_range:
            raise Refusal(
                "The timeline has no preview range.", "Set one with P, or choose Strip as Range."
            )
        first = max(first, scene.frame_preview_start)
        end = min(end, scene.frame_preview_end + 1)
        if first >= end:
            raise Refusal(
                f"{strip.name} does not play within the preview range.",
                "Move the preview range, or choose Strip as Range.",
            )
    if first >= end:
        raise Refusal(f"{strip.name} plays nothing.", "Check where the meta strip cuts it.")
    if first < 0:
        raise Refusal(
            f"{strip.name} begins before frame 0, which Blender cannot mix down.",
            "Move it to the right.",
        )
    return first, end


def _reach(strip: Any, first: int, end: int, handles: int) -> tuple[int, int]:
    """The frames that a range with handles may take: as far as media and meta strips reach."""
    if compat.retimed(strip):
        low, high = compat.first(strip), compat.end(strip)
    else:
        low, high = compat.content(strip)
    low, high = _inside(strip, max(0, low), high)
    return min(first, max(low, first - handles)), max(end, min(high, end + handles))


def _inside(strip: Any, first: int, end: int) -> tuple[int, int]:
    meta = strip.parent_meta()
    while meta is not None:
        first, end = max(first, compat.first(meta)), min(end, compat.end(meta))
        meta = meta.parent_meta()
    return first, end


def _moves(scene: Any, strip: Any) -> bool:
    """Whether a strip's volume or pan change over time."""
    path = strip.path_from_id()
    moved = (f"{path}.volume", f"{path}.pan")
    return any(curve.data_path in moved for curve in compat.curves(scene))
