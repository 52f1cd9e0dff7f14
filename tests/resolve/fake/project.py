"""The open project: its settings and timelines. Rendering is in `deliver`.

It must not know what is on a timeline.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tests.resolve.fake.clock import spoken
from tests.resolve.fake.deliver import Deliver
from tests.resolve.fake.pool import MediaPool, MediaPoolItem
from tests.resolve.fake.timeline import Timeline, Track
from tests.resolve.fake.world import World


class Project(Deliver):
    """The project."""

    def __init__(
        self, world: World, name: str, rate: Fraction, width: int, height: int, sample_rate: int
    ) -> None:
        super().__init__(world)
        self.name = name
        self.rate = rate
        self.width = width
        self.height = height
        self.sample_rate = sample_rate
        self.timelines: list[Timeline] = []
        self.current: Timeline | None = None
        self.media_pool = MediaPool(world)

    def raster(self) -> dict[str, str]:
        """Settings of the picture's size."""
        return {
            "timelineResolutionWidth": str(self.width),
            "timelineResolutionHeight": str(self.height),
        }

    def begin(self, name: str) -> Timeline | None:
        """A new, empty timeline from one o'clock on, which becomes the current one."""
        if any(timeline.name == name for timeline in self.timelines):
            return None
        new = Timeline(self.world, name, self.rate, math.ceil(3600 * round(self.rate)))
        new.tracks["video"].append(Track(new, "video", "Video 1"))
        new.tracks["audio"].append(Track(new, "audio", "Audio 1", "stereo"))
        self.add(new)
        self.current = new
        return new

    def add(self, timeline: Timeline) -> None:
        """Take a timeline in, and show it in the current bin."""
        self.timelines.append(timeline)
        item = MediaPoolItem(self.world, timeline.name, "", None, timeline.rate)
        item.timeline = timeline
        timeline.pool = item
        self.media_pool.current.clips.append(item)

    def drop(self, timeline: Timeline) -> bool:
        """Delete a timeline; the one before it becomes the current one."""
        if timeline not in self.timelines:
            return False
        for folder in self.media_pool.root.all():
            folder.clips = [clip for clip in folder.clips if clip is not timeline.pool]
        self.timelines.remove(timeline)
        timeline.gone = True
        if self.current is timeline:
            self.current = self.timelines[-1] if self.timelines else None
        return True

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.uid

    def GetMediaPool(self) -> MediaPool:
        return self.media_pool

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, idx: int) -> Timeline | None:
        return self.timelines[idx - 1] if 1 <= idx <= len(self.timelines) else None

    def GetCurrentTimeline(self) -> Timeline | None:
        return self.current

    def SetCurrentTimeline(self, timeline: Timeline) -> bool:
        if timeline not in self.timelines:
            return False
        if self.current is not timeline:
            timeline.playhead = timeline.start
        self.current = timeline
        return True

    def GetSetting(self, settingName: str) -> object:
        known: dict[str, object] = {
            "timelineFrameRate": spoken(self.rate),
            "timelineSampleRate": str(self.sample_rate),
            **self.raster(),
        }
        if self.world.version < (21, 0, 4):
            del known["timelineSampleRate"]
        return known.get(settingName, "")
