"""Kdenlive projects, written only; MLT plays them too, and so does all that stands on it.

`rows` lays clips on rows in whole frames, `project` makes the document of them.
"""

from soundmatte.timelines.kdenlive.project import written
from soundmatte.timelines.kdenlive.rows import LOSSES, lost

__all__ = ["LOSSES", "lost", "written"]
