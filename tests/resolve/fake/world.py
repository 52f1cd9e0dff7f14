"""What every part of the fake shares: version, edition, knobs, the open dialog, and the faults
that a script has committed.

It must not know any method of the API.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.resolve.fake.knobs import Knobs
from tests.resolve.fake.versions import PROFILES, Version

if TYPE_CHECKING:
    from tests.resolve.fake.application import Resolve


@dataclass
class World:
    """One Resolve.

    Attributes:
        platform: "linux", "darwin" or "win32", as codecs and paths differ by it.
        dialog: a modal dialog is open, and nothing is answered.
        violations: what no script may ever do, as sentences; a test fails that leaves any.
        lock: held during a call.
    """

    profile: str = "21.1"
    studio: bool = True
    platform: str = "linux"
    knobs: Knobs = field(default_factory=Knobs)
    page: str = "edit"
    dialog: bool = False
    saved: int = 0
    violations: list[str] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    resolve: Resolve = field(init=False)

    @property
    def version(self) -> Version:
        """Of the application."""
        return PROFILES[self.profile]

    def violated(self, sentence: str) -> None:
        """Note a fault of the script's."""
        self.violations.append(sentence)


class Part:
    """Something that a script can hold.

    Attributes:
        gone: it was deleted; who still holds it gets nothing out of it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.gone = False
        self.uid = f"{type(self).__name__}-{len(world.parts) + 1}"
        world.parts[self.uid] = self
