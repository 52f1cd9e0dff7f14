"""FCP7 XML (xmeml), the language of Final Cut Pro 7 that Premiere, Resolve and others still speak.

`reading` takes a document up, `writing` makes new ones and adds to those that are there.
"""

from soundmatte.timelines.fcp7.reading import read
from soundmatte.timelines.fcp7.writing import LOSSES, extended, lost, written

__all__ = ["LOSSES", "extended", "lost", "read", "written"]
