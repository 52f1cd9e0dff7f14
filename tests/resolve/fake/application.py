"""The application itself: pages, project manager, and Fusion's objects that menu scripts are given.

It must not know what is in a project.
"""

from __future__ import annotations

import time
from typing import Any

from tests.resolve.fake.pool import MediaPool, MediaStorage
from tests.resolve.fake.project import Project
from tests.resolve.fake.timeline import Timeline
from tests.resolve.fake.world import Part, World

PAGES = ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver")


class Resolve(Part):
    """The application."""

    def __init__(self, world: World, project: Project) -> None:
        super().__init__(world)
        self.project = project
        self.projects = ProjectManager(world)
        self.storage = MediaStorage(world)
        self.fusion = Fusion(world)
        self.before = project
        self.closed: list[Part] = []

    def meanwhile(self, call: int) -> None:
        """What the person does right before a call."""
        knobs = self.world.knobs
        if knobs.opens == call:
            self.project.SetCurrentTimeline(self.project.timelines[-1])
        if knobs.closes == call:
            kept = (self, self.projects, self.storage, self.fusion)
            self.closed = [p for p in self.world.parts.values() if p not in kept]
            self.closed = [p for p in self.closed if not p.gone and not isinstance(p, Bmd)]
            self.before, old = self.project, self.project
            for part in self.closed:
                part.gone = True
            self.project = Project(
                self.world, "Other", old.rate, old.width, old.height, old.sample_rate
            )

    def reopen(self) -> None:
        """Open the project again that was open before."""
        for part in self.closed:
            part.gone = False
        self.project = self.before

    def GetProjectManager(self) -> ProjectManager:
        return self.projects

    def GetMediaStorage(self) -> MediaStorage:
        return self.storage

    def Fusion(self) -> Fusion:
        return self.fusion

    def GetProductName(self) -> str:
        return "DaVinci Resolve Studio" if self.world.studio else "DaVinci Resolve"

    def GetVersion(self) -> list[Any]:
        return [*self.world.version, 7, ""]

    def GetVersionString(self) -> str:
        return ".".join(map(str, self.world.version)) + ".7"

    def IsStudio(self) -> bool:
        return self.world.studio

    def GetCurrentPage(self) -> str:
        return self.world.page

    def OpenPage(self, pageName: str) -> bool:
        if pageName not in PAGES:
            return False
        self.world.page = pageName
        if pageName == "deliver" and self.world.knobs.marks_lost == "page":
            self.project.take_marks()
        return True

    def GetCurrentProject(self) -> Project:
        return self.project

    def GetCurrentTimeline(self) -> Timeline | None:
        return self.project.current

    def GetMediaPool(self) -> MediaPool:
        return self.project.media_pool


class ProjectManager(Part):
    """Holds the projects; one is open."""

    def GetCurrentProject(self) -> Project:
        return self.world.resolve.project

    def SaveProject(self) -> bool:
        world = self.world
        if world.resolve.project.name == "Untitled Project":
            world.violated("the untitled project was to be saved")
            while world.knobs.headless:
                time.sleep(60)
            return False
        world.saved += 1
        for timeline in world.resolve.project.timelines:
            for item in [i for i in timeline.items if i.faulty]:
                item.track.items.remove(item)
                item.gone = True
        return True


class Fusion(Part):
    """`fusion`, `fu` and `app` of a menu script."""

    def GetResolve(self) -> Resolve:
        return self.world.resolve


class Bmd(Part):
    """`bmd` of a menu script."""

    def scriptapp(self, name: str) -> Resolve | None:
        return self.world.resolve if name == "Resolve" else None
