"""What `AppendToTimeline` does with the pieces that it is given, and what it says it did.

It must not know any other method.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.resolve.fake.item import TimelineItem
from tests.resolve.fake.world import Part, World

if TYPE_CHECKING:
    from tests.resolve.fake.timeline import Timeline, Track

KEYS = {"mediaPoolItem", "startFrame", "endFrame", "mediaType", "trackIndex", "recordFrame"}


def appended(world: World, pieces: list[Any]) -> list[TimelineItem | None] | None:
    """Place pieces on the current timeline; every quirk of the original's that is known."""
    knobs = world.knobs
    timeline = world.resolve.project.current
    if timeline is None or not all(isinstance(piece, dict) for piece in pieces):
        world.violated("clips are appended by what is to be seen of them, not whole")
        return None
    frames = [piece.get(key) for piece in pieces for key in ("startFrame", "endFrame")]
    frames += [piece.get("recordFrame", 0) for piece in pieces]
    if any(isinstance(frame, float) and frame != int(frame) for frame in frames):
        return None
    placed = []
    for piece in pieces:
        for unknown in set(piece) - KEYS:
            world.violated(f"a piece has no {unknown}")
        new = _placed(world, timeline, piece) if knobs.append_places else None
        if new is not None:
            new.faulty = knobs.append_vanishes
        placed.append(new)
    return _said(world, placed)


def _said(world: World, placed: list[TimelineItem | None]) -> list[TimelineItem | None] | None:
    knob = world.knobs.append_returns
    if knob == "none":
        return None
    if knob == "empty":
        return []
    if knob == "nones":
        return [None for _ in placed]
    for item in placed:
        if item is not None:
            item.shown_id = knob != "no ids"
    return placed


def _placed(world: World, timeline: Timeline, piece: dict[str, Any]) -> TimelineItem | None:
    pool, media = piece.get("mediaPoolItem"), piece.get("mediaType")
    if not isinstance(pool, Part) or pool.gone:
        return None
    if "trackIndex" in piece and media is None:
        return None
    kind = "audio" if media == 2 or pool.type == "Audio" else "video"
    track = timeline.track(kind, piece.get("trackIndex", 1))
    if track is None:
        return None
    start, end = int(piece.get("startFrame", 0)), int(piece.get("endFrame", pool.frames))
    meant = world.knobs.append_end or ("inclusive" if world.version < (19, 0, 0) else "exclusive")
    count = min(end + (meant == "inclusive"), pool.frames) - start
    # Frames of another rate are floored to the timeline's.
    frames = math.floor(count / pool.rate * timeline.rate)
    frames += world.knobs.append_off
    at = int(piece.get("recordFrame", timeline.GetEndFrame())) + world.knobs.append_shift
    if frames < 1:
        return None
    item = TimelineItem(world, track, pool, at, frames)
    item.source = Fraction(start)
    if track.locked:
        # It is told of, and nowhere to be found.
        item.gone = True
        return item
    return item if _laid(world, track, item) else None


def _laid(world: World, track: Track, item: TimelineItem) -> bool:
    over = [other for other in track.items if other.start < item.end and item.start < other.end]
    if over and world.knobs.overlap == "drop":
        return False
    if over:
        item.start = max(other.end for other in track.items)
    track.items.append(item)
    return True
