"""What of a computer decides where its programs keep things, as plain values.

So that each system can be looked at from any other. This module must not know any editor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath


@dataclass(frozen=True)
class Computer:
    """What of a computer decides where things are.

    Attributes:
        system: "linux", "darwin" or "win32".
        variables: its environment.
        home: the person's own folder.
    """

    system: str
    variables: Mapping[str, str]
    home: str

    @classmethod
    def this(cls) -> Computer:
        """The one that this runs on."""
        return cls(sys.platform, os.environ, str(Path.home()))

    def path(self, *parts: str) -> PurePath:
        """A path as this system writes it."""
        return (PureWindowsPath if self.system == "win32" else PurePosixPath)(*parts)
