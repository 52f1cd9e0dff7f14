"""A Resolve with something in it, made from plain values: what every test begins with.

    {"profile": "21.1", "studio": true, "platform": "linux", "page": "edit", "knobs": {…},
     "project": {"name": "Film", "rate": "25", "width": 320, "height": 180},
     "bins": ["Rushes"], "bin": "Rushes",
     "media": {"shot": {"path": "/…/shot.mov", "type": "Compound", "mattes": […]}},
     "timelines": [{"name": "Cut", "rate": "25", "drop": false, "start": 90000,
        "tracks": [{"kind": "video", "name": "Video 1", "enabled": true, "items": [
           {"id": "a", "media": "shot", "at": 10, "source": 5, "frames": 25, "speed": 1}]}],
        "playhead": 15, "selected": ["a"], "marks": [0, 40]}],
     "current": "Cut", "render": {"format": "mp4", "codec": "H264", "mode": 1, "jobs": 1}}

`at` and `playhead` count from the timeline's first frame. It must not know what is done with it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.resolve.fake.application import Resolve
from tests.resolve.fake.clock import frame_of, rate
from tests.resolve.fake.item import TimelineItem
from tests.resolve.fake.media import facts
from tests.resolve.fake.pool import Folder, MediaPoolItem
from tests.resolve.fake.project import Project
from tests.resolve.fake.timeline import Timeline, Track
from tests.resolve.fake.world import World


def built(scene: dict[str, Any]) -> World:
    """Make a world as a scene says."""
    world = World(
        profile=scene.get("profile", "21.1"),
        studio=scene.get("studio", True),
        platform=scene.get("platform", "linux"),
        page=scene.get("page", "edit"),
    )
    world.knobs.turn(scene.get("knobs", {}))
    told = {"name": "Film", "rate": "25", "width": 320, "height": 180, "sample_rate": 48000}
    told |= scene.get("project", {})
    project = Project(
        world, told["name"], rate(told["rate"]), told["width"], told["height"], told["sample_rate"]
    )
    world.resolve = Resolve(world, project)
    media = _pooled(world, project, scene)
    for timeline in scene.get("timelines", []):
        project.add(_timeline(world, timeline, media))
    chosen = scene.get("current")
    project.current = next(
        (t for t in project.timelines if t.name == chosen), next(iter(project.timelines), None)
    )
    _delivering(project, scene.get("render", {}))
    return world


def _pooled(world: World, project: Project, scene: dict[str, Any]) -> dict[str, MediaPoolItem]:
    pool = project.media_pool
    bins = {"Master": pool.root}
    for name in scene.get("bins", []):
        bins[name] = Folder(world, name)
        pool.root.folders.append(bins[name])
    media = {}
    for name, told in scene.get("media", {}).items():
        path = told.get("path", "")
        held = facts(path) if path else None
        counted = rate(told["rate"]) if "rate" in told else project.rate
        item = MediaPoolItem(world, told.get("name", name), path, held, counted)
        item.type = told.get("type", item.type)
        item.frames = told.get("frames", item.frames)
        if "timecode" in told:
            item.first_frame = frame_of(told["timecode"], item.rate)
        item.mattes = list(told.get("mattes", []))
        bins[told.get("bin", "Master")].clips.append(item)
        media[name] = item
    pool.current = bins[scene.get("bin", "Master")]
    pool.selected = [media[name] for name in scene.get("pool_selected", [])]
    return media


def _timeline(world: World, told: dict[str, Any], media: dict[str, MediaPoolItem]) -> Timeline:
    frames = rate(told.get("rate", "25"))
    start = told.get("start", round(frames) * 3600)
    timeline = Timeline(world, told["name"], frames, start, told.get("drop", False))
    items: dict[str, TimelineItem] = {}
    links: dict[str, list[TimelineItem]] = {}
    for row in told["tracks"]:
        kind = row["kind"]
        number = len(timeline.tracks[kind]) + 1
        subtype = row.get("subtype", "stereo") if kind == "audio" else ""
        name = row.get("name", f"{kind.title()} {number}")
        track = Track(timeline, kind, name, subtype, row.get("enabled", True))
        track.locked = row.get("locked", False)
        timeline.tracks[kind].append(track)
        for each in row.get("items", []):
            item = _item(world, track, each, media)
            track.items.append(item)
            items[each.get("id", item.uid)] = item
            if "link" in each:
                links.setdefault(each["link"], []).append(item)
    for linked in links.values():
        for item in linked:
            item.linked = [other for other in linked if other is not item]
    timeline.playhead = start + told.get("playhead", 0)
    timeline.selected = [items[name] for name in told.get("selected", [])]
    if "marks" in told:
        timeline.SetMarkInOut(*told["marks"])
    return timeline


def _item(
    world: World, track: Track, told: dict[str, Any], media: dict[str, MediaPoolItem]
) -> TimelineItem:
    pool = media[told["media"]] if "media" in told else None
    item = TimelineItem(world, track, pool, track.timeline.start + told["at"], told["frames"])
    item.name = told.get("name", item.name)
    item.source = Fraction(told.get("source", 0))
    item.speed = Fraction(told.get("speed", 1))
    item.part = Fraction(told.get("part", 0))
    item.enabled = told.get("enabled", True)
    item.comps = list(told.get("comps", []))
    return item


def _delivering(project: Project, told: dict[str, Any]) -> None:
    project.format = told.get("format", project.format)
    project.codec = told.get("codec", project.codec)
    project.mode = told.get("mode", project.mode)
    project.settings.update(told.get("settings", {}))
    for _ in range(told.get("jobs", 0)):
        project.settings.setdefault("TargetDir", "/")
        name = project.AddRenderJob()
        project.foreign.add(name)
