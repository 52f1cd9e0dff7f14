"""OpenTimelineIO documents (.otio), in the shape that DaVinci Resolve reads and writes.

Stems are added to a document's own JSON, so that nothing in it is spelled another way afterwards.
Resolve wants clips with a map of media references, an available range, a source range that counts
from the media's own start timecode, and a bare absolute path. This module must not know other
formats.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from soundmatte.timelines.errors import MediaMissing
from soundmatte.timelines.laying import Place, apart
from soundmatte.timelines.losses import CHOSEN_CHANNELS, Losses, told
from soundmatte.timelines.media import address
from soundmatte.timelines.otio_reading import AUDIO_TYPES, KINDS, loaded, read, seconds
from soundmatte.timelines.timeline import Clip, Source, StemClip, StemTrack, Timeline, Track
from stemmux.timebase import frame_at

__all__ = ["LOSSES", "extended", "lost", "read", "written"]

#: What a document cannot carry, and what becomes of it.
LOSSES: Losses = (
    ("picture size", "OTIO does not say it; the editor's project does."),
    ("sample rate", "OTIO does not say it; the editor's project does."),
    ("drop frame", "OTIO does not say how timecode is counted; the editor's project does."),
    CHOSEN_CHANNELS,
    ("nested timelines", "A nested timeline becomes a clip without media."),
    ("changing speed", "A speed that changes on the way, or is not known, becomes the original."),
    ("effects", "Effects and transitions are left out."),
    ("overlapping clips", "Of two clips that overlap on one track, the later begins later."),
)
_NO_CLIPS: Final = ("Gap", "Filler", "Transition")


def extended(path: Path, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()) -> bytes:
    """The document with the stems' tracks behind its own, and the `muted` clips disabled.

    Raises:
        As `read`.
    """
    rate = read(path).rate
    _, document = loaded(path)
    stack = next(_timelines(document))["tracks"]
    for number, clip in enumerate(_clips(stack), 1):
        if number in muted:
            clip["enabled"] = False
    before = _cut_off(stack, rate)
    stack["children"] += [_stem_track(track, rate, before) for track in stems]
    return _spelled(document)


def written(
    timeline: Timeline, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
) -> bytes:
    """A new document, with the sources' targets as paths; it takes no library.

    Args:
        muted: numbers of clips that are disabled.
    """
    rate = timeline.rate
    tracks = [_track(track, rate, muted) for track in timeline.tracks]
    tracks += [_stem_track(track, rate) for track in stems]
    return _spelled(
        {
            "OTIO_SCHEMA": "Timeline.1",
            "metadata": {"Resolve_OTIO": {"Resolve OTIO Meta Version": "1.0"}},
            "name": timeline.name,
            "global_start_time": _time(Fraction(timeline.start.frame), rate),
            "tracks": {"OTIO_SCHEMA": "Stack.1", **_item("tracks"), "children": tracks},
        }
    )


def lost(timeline: Timeline) -> tuple[str, ...]:
    """What this timeline loses in a new document."""
    clips = [clip for track in timeline.tracks for clip in track.clips]
    return told(
        LOSSES,
        timeline,
        picture_size=timeline.size is not None,
        sample_rate=timeline.sample_rate is not None,
        drop_frame=timeline.start.drop,
        changing_speed=any(clip.speed is None for clip in clips),
    )


def _spelled(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=4).encode()


def _timelines(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The timelines in a document's JSON: itself, or what it is a collection of."""
    if _schema(document) == "Timeline":
        yield document
    else:
        for child in document.get("children", []):
            yield from _timelines(child)


def _clips(stack: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The clips in a timeline's JSON in the order of their numbers."""
    for kind in KINDS:
        for track in stack["children"]:
            if track.get("kind") == kind:
                yield from (child for child in track["children"] if _schema(child) not in _NO_CLIPS)


def _cut_off(stack: Mapping[str, Any], rate: Fraction) -> int:
    """Frames of a timeline's tracks that lie before what is seen of them."""
    seen = stack.get("source_range")
    return (
        0
        if seen is None
        else frame_at(seconds(seen["start_time"]["value"], seen["start_time"]["rate"]), rate)
    )


def _schema(value: Mapping[str, Any]) -> str:
    return str(value.get("OTIO_SCHEMA", "")).partition(".")[0]


def _track(track: Track, rate: Fraction, muted: frozenset[int]) -> dict[str, Any]:
    children, at = [], 0
    for place in apart(track.clips, rate):
        if place.start > at:
            children.append(_gap(place.start - at, rate))
        children.append(_clip(place, rate, place.clip.enabled and place.clip.number not in muted))
        at = place.end
    kind = next(name for name, kind in KINDS.items() if kind == track.kind)
    return _tracked(track.name, kind, track.channels, children, enabled=track.enabled)


def _clip(place: Place[Clip], rate: Fraction, enabled: bool) -> dict[str, Any]:
    clip = place.clip
    source, effects = clip.source, []
    if clip.speed not in (None, 1):
        warp = "LinearTimeWarp" if clip.speed else "FreezeFrame"
        effects.append(
            {
                "OTIO_SCHEMA": f"{warp}.1",
                "metadata": {},
                "name": "",
                "effect_name": warp,
                "enabled": True,
                "time_scalar": float(clip.speed or 0),
            }
        )
    if clip.kind == "generator":
        reference = {"OTIO_SCHEMA": "GeneratorReference.1", **_media(clip.name)}
        reference |= {"generator_kind": clip.name, "parameters": {}}
    elif source is None or not source.target:
        reference = {"OTIO_SCHEMA": "MissingReference.1", **_media(clip.name)}
    else:
        reference = _external(source, clip, rate)
    late = place.late / rate * (clip.speed or Fraction(1))
    start = (source.start if source else 0) + clip.into + late
    frames = place.end - place.start
    return _clipped(clip.name, reference, start * rate, frames, rate, effects, enabled)


def _external(source: Source, clip: Clip, rate: Fraction) -> dict[str, Any]:
    own = source.rate or rate
    length = source.duration
    if length is None:
        length = clip.into + clip.duration * abs(clip.speed or Fraction(1))
    return {
        "OTIO_SCHEMA": "ExternalReference.1",
        **_media(source.name),
        "available_range": _range(source.start * own, length * own, own),
        "target_url": _path(source.target),
    }


def _path(target: str) -> str:
    try:
        return str(address(target))
    except MediaMissing:
        return target


def _stem_track(track: StemTrack, rate: Fraction, before: int = 0) -> dict[str, Any]:
    children, at = [], -before
    for place in apart(track.clips, rate):
        if place.start > at:
            children.append(_gap(place.start - at, rate))
        children.append(_stem_clip(place, rate))
        at = place.end
    return _tracked(track.name, "Audio", track.channels, children)


def _stem_clip(place: Place[StemClip], rate: Fraction) -> dict[str, Any]:
    clip, frames = place.clip, place.end - place.start
    # An editor counts whole frames of a file, from the frame that its timecode falls into.
    start = frame_at(clip.start, rate)
    reference = {
        "OTIO_SCHEMA": "ExternalReference.1",
        **_media(Path(clip.path).name),
        "available_range": _range(Fraction(start), Fraction(int(clip.length * rate)), rate),
        "target_url": clip.path,
    }
    into = Fraction(start + frame_at(clip.into, rate) + place.late)
    return _clipped(clip.name, reference, into, frames, rate, [], enabled=True)


def _tracked(
    name: str,
    kind: str,
    channels: int | None,
    children: list[dict[str, Any]],
    *,
    enabled: bool = True,
) -> dict[str, Any]:
    resolve: dict[str, Any] = {"Locked": False}
    if kind == "Audio":
        resolve["SoloOn"] = False
        if channels in AUDIO_TYPES:
            resolve["Audio Type"] = AUDIO_TYPES[channels]
    return {
        "OTIO_SCHEMA": "Track.1",
        **_item(name, enabled=enabled),
        "metadata": {"Resolve_OTIO": resolve},
        "children": children,
        "kind": kind,
    }


def _clipped(
    name: str,
    reference: dict[str, Any],
    start: Fraction,
    frames: int,
    rate: Fraction,
    effects: list[dict[str, Any]],
    enabled: bool,
) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Clip.2",
        **_item(name, enabled=enabled),
        "source_range": _range(start, Fraction(frames), rate),
        "effects": effects,
        "media_references": {"DEFAULT_MEDIA": reference},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }


def _gap(frames: int, rate: Fraction) -> dict[str, Any]:
    span = _range(Fraction(0), Fraction(frames), rate)
    return {"OTIO_SCHEMA": "Gap.1", **_item(""), "source_range": span}


def _item(name: str, *, enabled: bool = True) -> dict[str, Any]:
    return {
        "metadata": {},
        "name": name,
        "source_range": None,
        "effects": [],
        "markers": [],
        "enabled": enabled,
    }


def _media(name: str) -> dict[str, Any]:
    return {
        "metadata": {},
        "name": name,
        "available_range": None,
        "available_image_bounds": None,
    }


def _range(start: Fraction, duration: Fraction, rate: Fraction) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "duration": _time(duration, rate),
        "start_time": _time(start, rate),
    }


def _time(value: Fraction, rate: Fraction) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}
