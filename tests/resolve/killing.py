"""A run that is killed at one of its calls, and the next start of a script: is all as it was?

Shared by the sample that every test run takes and by `benchmarks/resolve_kills.py`, which takes all
of them. It must not know which calls there are.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.resolve import scenes
from tests.resolve.driving import FakeResolve
from tests.resolve.stage import REMOVE, SEPARATE, Stage

WHEN = ("before", "after")
#: How often a render is looked after differs, and so does the number of a run's last calls.
NOT_REACHED = ["the run was over before that call"]


@dataclass(frozen=True)
class Route:
    """A whole run of *Separate Selected Clip*.

    Attributes:
        masked: with a mask on a track of its own.
        wishes: beside the usual ones.
    """

    name: str
    masked: bool
    wishes: dict[str, Any]

    def scene(self, shot: Path) -> dict[str, Any]:
        """What Resolve holds."""
        jobs = {"format": "mp4", "codec": "H264", "mode": 0, "jobs": 1}
        mask = shot if self.masked else None
        return scenes.cut(shot, mask=mask, render=jobs, knobs={"render_seconds": 0.2})


ROUTES = {
    "direct": Route("direct", True, {"prompt": "bell", "save": True}),
    "render": Route("render", True, {"prompt": "bell", "render": "always"}),
}


def whole(stage: Stage, route: Route, shot: Path) -> list[str]:
    """A run that nobody kills; its calls, in their order."""
    stage.fake.load(route.scene(shot))
    before = stage.fake.dump()
    stage.wish(**route.wishes)
    ran = stage.run(SEPARATE)
    assert ran.code == 0, ran.said
    after = stage.fake.dump()
    assert complete(after), scenes.stems(after)
    assert scenes.seen(after) == scenes.seen(before)
    return stage.fake.calls()


def complete(dump: dict[str, Any]) -> bool:
    """Whether both stems lie where the clip does, and nothing else is on their tracks."""
    start = dump["timelines"]["Cut"]["start"] + scenes.AT
    tracks = scenes.stems(dump)
    held = [[(i["start"], i["frames"]) for i in track["items"]] for track in tracks]
    return held == [[(start, scenes.FRAMES)]] * 2


def killed(stage: Stage, route: Route, shot: Path, at: int, when: str) -> list[str]:
    """Kill a run at its call number `at`, start the next script; what is not as it was."""
    fake: FakeResolve = stage.fake
    fake.load(route.scene(shot))
    before = scenes.seen(fake.dump())
    stage.wish(**route.wishes)
    fake.kill(at, when)
    ran = stage.run(SEPARATE)
    fake.kill(0)
    if ran.code == 0 and len(fake.calls()) < at:
        return NOT_REACHED
    if ran.code != -signal.SIGKILL:
        return [f"the script was not killed, but ended with {ran.code}"]
    stage.wish(job="none")
    second = stage.run(REMOVE)
    dump = fake.dump()
    after = scenes.seen(dump)
    faults = [
        f"{key}: {after[key]} instead of {value}"
        for key, value in before.items()
        if after[key] != value
    ]
    ours = [each for each in dump["pool"]["folders"] if each["name"] == "Soundmatte"]
    if scenes.stems(dump):
        if not complete(dump):
            faults.append(f"half of the stems are there: {scenes.stems(dump)}")
    elif ours:
        faults.append(f"a bin was left: {ours}")
    faults += [f"a record was left: {path.name}" for path in stage.records]
    if faults:
        faults.append(f"the next script said: {second.said}")
    return faults
