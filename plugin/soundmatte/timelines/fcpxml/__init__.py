"""FCPXML, the language of Final Cut Pro (X) that Resolve speaks too, versions 1.8 to 1.13.

`story` follows clips into one another, `reading` lays what it finds on tracks, `writing` makes new
documents and adds to those that are there.
"""

from soundmatte.timelines.fcpxml.reading import read
from soundmatte.timelines.fcpxml.writing import LOSSES, extended, lost, written

__all__ = ["LOSSES", "extended", "lost", "read", "written"]
