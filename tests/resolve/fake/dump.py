"""A whole Resolve as plain values, to be compared. It must not change anything."""

from __future__ import annotations

from typing import Any

from tests.resolve.fake.item import TimelineItem
from tests.resolve.fake.pool import Folder, MediaPoolItem
from tests.resolve.fake.timeline import Timeline
from tests.resolve.fake.world import World

#: Render settings that every job brings with it.
OWN = {"MarkIn", "MarkOut", "TargetDir", "CustomName"}


def dumped(world: World) -> dict[str, Any]:
    """Everything that a person would see, or miss."""
    project = world.resolve.project
    return {
        "page": world.page,
        "dialog": world.dialog,
        "saved": world.saved,
        "current": project.current.name if project.current else None,
        "timelines": {timeline.name: _timeline(timeline) for timeline in project.timelines},
        "pool": _folder(project.media_pool.root),
        "bin": project.media_pool.current.name,
        "render": {
            "format": project.format,
            "codec": project.codec,
            "mode": project.mode,
            "jobs": sorted(project.jobs),
            "presets": sorted(project.presets),
            "page": {k: v for k, v in sorted(project.settings.items()) if k not in OWN},
        },
        "rendered": list(project.rendered),
        "violations": list(world.violations),
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "rate": str(timeline.rate),
        "start": timeline.start,
        "marks": timeline.marks,
        "playhead": timeline.playhead,
        "markers": {str(frame): marker for frame, marker in timeline.markers.items()},
        "tracks": {
            kind: [
                {
                    "name": track.name,
                    "subtype": track.subtype,
                    "enabled": track.enabled,
                    "locked": track.locked,
                    "items": [_item(item) for item in sorted(track.items, key=lambda i: i.start)],
                }
                for track in tracks
            ]
            for kind, tracks in timeline.tracks.items()
        },
    }


def _item(item: TimelineItem) -> dict[str, Any]:
    return {
        "id": item.uid,
        "name": item.name,
        "path": item.pool.path if item.pool else None,
        "start": item.start,
        "frames": item.frames,
        "source": str(item.source),
        "enabled": item.enabled,
        "colour": item.colour,
        "linked": sorted(other.uid for other in item.linked if not other.gone),
        "markers": {str(frame): marker for frame, marker in item.markers.items()},
    }


def _folder(folder: Folder) -> dict[str, Any]:
    return {
        "name": folder.name,
        "clips": [_clip(clip) for clip in folder.clips],
        "folders": [_folder(below) for below in folder.folders],
    }


def _clip(clip: MediaPoolItem) -> dict[str, Any]:
    return {
        "name": clip.name,
        "path": clip.path,
        "type": clip.type,
        "metadata": {**clip.metadata, **clip.third_party},
    }
