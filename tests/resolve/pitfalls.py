"""A pitfall of Resolve's API: a knob that shows it, what must hold, and its guard.

Each is run twice: with the scripts as they are, where it must hold, and with its guard taken out of
a copy of them, where it must not. `pitfall_table` numbers them. It must not know any.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.media.making import Source, Studio
from tests.resolve import scenes
from tests.resolve.driving import FakeResolve, Ran
from tests.resolve.stage import SEPARATE, Edit, Stage

Scene = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """What all of them are run with: Resolve, clips, and the installed scripts' menu."""

    fake: FakeResolve
    studio: Studio
    menu: Path

    def stage(self, folder: Path, *edits: Edit) -> Stage:
        """A stage with the usual clip."""
        shot = clip(self.studio, "25")
        return Stage(self.fake, folder, self.menu, edits, clips={str(shot.path): facts(shot)})

    @property
    def shot(self) -> Path:
        """The usual clip."""
        return clip(self.studio, "25").path


@dataclass(frozen=True)
class Seen:
    """What there is to look at after a run.

    Attributes:
        before, after: Resolve's whole state.
        calls: `Class.Method` of all calls; `log` has their arguments too.
    """

    stage: Stage
    ran: Ran
    before: Scene
    after: Scene
    log: list[dict[str, Any]]

    @property
    def calls(self) -> list[str]:
        """By name."""
        return [f"{line['class']}.{line['call']}" for line in self.log]

    @property
    def rendered(self) -> list[dict[str, Any]]:
        """What was rendered."""
        found: list[dict[str, Any]] = self.after["rendered"]
        return found


@dataclass(frozen=True)
class Pitfall:
    """One of them.

    Attributes:
        number: in the table of pitfalls; 0 for what is not in it.
        title: a few words, for the test's name.
        edits: the guard, taken out.
        check: raises AssertionError where it does not hold.
        scene: what is otherwise of the usual one, for `scenes.cut`.
        rate: of the clip's pictures.
        script: that is looked at; `first` are run before it, and do not count.
        act: done by the person before the script that counts.
        breaks: without its guard the script comes to an error of its own.
        limit: seconds that it may take.
    """

    number: int
    title: str
    edits: tuple[Edit, ...]
    check: Callable[[Seen], None]
    scene: Scene = field(default_factory=dict)
    rate: str = "25"
    wishes: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    script: str = SEPARATE
    first: tuple[str, ...] = ()
    act: Callable[[Stage], None] | None = None
    masked: bool = False
    breaks: bool = False
    limit: float = 30.0

    def __str__(self) -> str:
        return f"{self.number}-{self.title.replace(' ', '-')}"

    def run(self, bench: Bench, folder: Path, *, guarded: bool) -> Seen:
        """Run the scripts into it."""
        fake, shot = bench.fake, clip(bench.studio, self.rate)
        stage = Stage(fake, folder, bench.menu, () if guarded else self.edits)
        stage.clips[str(shot.path)] = facts(shot)
        stage.variables.update(self.variables)
        wishes = {**self.wishes}
        if "output" in wishes:
            wishes["output"] = f"{folder}{wishes['output']}"
        stage.wish(**{"prompt": "bell", **wishes})
        mask = shot.path if self.masked else None
        scene = scenes.cut(shot.path, **{"rate": self.rate, "mask": mask, **self.scene})
        fake.load(scene)
        for script in self.first:
            stage.run(script)
        if self.act is not None:
            self.act(stage)
        before = fake.dump()
        done = len(fake.order("log"))
        ran = stage.run(self.script, limit=self.limit)
        return Seen(stage, ran, before, fake.dump(), fake.order("log")[done:])

    def holds(self, bench: Bench, folder: Path, *, guarded: bool) -> str:
        """Why it does not hold; "" if it does."""
        try:
            seen = self.run(bench, folder, guarded=guarded)
            self.check(seen)
        except AssertionError as error:
            # A copy that is broken, and not only unguarded, would prove nothing.
            said = "unforeseen" in str(error) and not self.breaks
            broken = not guarded and (said or "Traceback" in str(error))
            return "" if broken else str(error) or "it does not hold"
        except subprocess.TimeoutExpired:
            return f"it takes longer than {self.limit:g} s"
        return "; ".join(seen.after["violations"])


def clip(studio: Studio, rate: str) -> Source:
    """Three seconds of pictures and stereo sound."""
    return studio.clip("mov", rate, frames=75)


def facts(shot: Source) -> dict[str, Any]:
    """What the engine would read of a clip."""
    track = {"number": 1, "title": "", "language": "", "codec": "pcm_s16le", "rate": 48000}
    return {
        "duration": str(shot.frames / shot.rate),
        "frame_rate": str(shot.rate),
        "width": 160,
        "height": 90,
        "tracks": [{**track, "channels": 2}],
    }


def placed(seen: Seen) -> None:
    """Both stems lie where the clip does, on tracks of their own, and all else is as it was."""
    timeline = seen.after["timelines"]["Cut"]
    item = timeline["tracks"]["video"][0]["items"][0]
    tracks = scenes.stems(seen.after)
    assert [track["name"] for track in tracks] == ["Soundmatte Target", "Soundmatte Residual"], (
        seen.ran.said
    )
    lie = [[(each["start"], each["frames"]) for each in track["items"]] for track in tracks]
    assert lie == [[(item["start"], item["frames"])]] * 2, lie
    assert [track["subtype"] for track in tracks] == ["stereo"] * 2
    assert seen.ran.code == 0, seen.ran.said
    unchanged(seen)


def unchanged(seen: Seen) -> None:
    """All but our own tracks and our bin is as it was, and nothing is left to be put back."""
    before, after = scenes.seen(seen.before), scenes.seen(seen.after)
    for key, value in before.items():
        assert after[key] == value, f"{key}: {after[key]} instead of {value}"
    assert not seen.stage.records


def refused(*words: str) -> Callable[[Seen], None]:
    """The script ends with a sentence that holds these words, and everything is as it was."""

    def check(seen: Seen) -> None:
        assert seen.ran.code == 1, seen.ran.said
        for word in words:
            assert word in seen.ran.said, seen.ran.said
        assert not scenes.stems(seen.after)
        assert scenes.seen(seen.after, stems_too=True) == scenes.seen(seen.before, stems_too=True)
        assert not seen.stage.records

    return check


def direct(seen: Seen) -> None:
    """As `placed`, and the file was read, not rendered."""
    placed(seen)
    assert not seen.rendered


def all_of(*checks: Callable[[Seen], None]) -> Callable[[Seen], None]:
    """Every one of these holds."""

    def check(seen: Seen) -> None:
        for each in checks:
            each(seen)

    return check
