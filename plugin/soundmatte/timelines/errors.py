"""What can go wrong with a timeline document, one class per situation.

This module must not know which format a document has, nor what is done with a clip.
"""

from __future__ import annotations

from soundmatte.errors import SoundmatteError


class TimelineError(SoundmatteError):
    """The root of every error of a timeline document."""


class UnreadableTimeline(TimelineError):
    """The document is not there, damaged, or not what its format says."""


class HostileTimeline(UnreadableTimeline):
    """The document asks for what no timeline needs: entities, other files, endless size."""


class UnknownFormat(TimelineError):
    """The document is of no format that is read here, or a format is named that is not written."""

    exit_code = 2


class RateMissing(TimelineError):
    """The document counts frames and does not say how many make a second."""

    exit_code = 2


class NotWritable(TimelineError):
    """What is to be written has no place in this format."""

    exit_code = 2


class MediaMissing(TimelineError):
    """A file that the document names is on none of the places where it was looked for."""


class MediaAmbiguous(TimelineError):
    """Several files could be the one that the document names."""

    exit_code = 2


class NoSuchClip(TimelineError):
    """A clip or track is named that the timeline does not have."""

    exit_code = 2


class ClipUnfit(TimelineError):
    """The clip cannot be separated from its file alone."""

    exit_code = 4


class MatteUnfit(TimelineError):
    """No single clip on the mask track covers the clip."""

    exit_code = 4
