"""What a timeline's clips and stems become in Kdenlive: whole frames of files, on rows.

This module must not know elements; `project` makes them of what is laid out here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Final

from soundmatte.timelines.errors import MediaMissing
from soundmatte.timelines.laying import apart
from soundmatte.timelines.losses import FILES_ALONE, Losses, told
from soundmatte.timelines.media import address
from soundmatte.timelines.timeline import Clip, StemTrack, Timeline, Track
from stemmux.timebase import frame_at

#: Channels that a project may have.
_WIDTHS = (2, 4, 6)

#: What a project cannot carry, and what becomes of it.
LOSSES: Final[Losses] = (
    ("start timecode", "In Kdenlive every timeline begins at 00:00:00:00."),
    ("clip names", "Clips are called as their files are."),
    ("links", "The picture and the sound of a clip are not linked."),
    (
        "positions between frames",
        "Every boundary, and where in its file a clip begins, is moved to the nearest frame of the "
        "timeline.",
    ),
    ("speed", "A clip at another speed is left out, with a gap in its place."),
    ("channels", "A project has 2, 4 or 6 channels; what has more is mixed down."),
    *FILES_ALONE,
)


@dataclass(frozen=True)
class Piece:
    """A range of a file on a row.

    Attributes:
        resource: the file.
        start: frame of the timeline. `into`: frame of the file there. `frames`: how many.
        length: seconds of the whole file, as far as the document says.
    """

    resource: str
    start: int
    into: int
    frames: int
    length: Fraction
    enabled: bool = True

    @property
    def end(self) -> int:
        """The frame of the timeline behind it."""
        return self.start + self.frames


@dataclass(frozen=True)
class Row:
    """A track, and what lies on it."""

    name: str
    sound: bool
    pieces: tuple[Piece, ...]
    enabled: bool = True

    @property
    def end(self) -> int:
        """The frame of the timeline behind its last piece."""
        return max((piece.end for piece in self.pieces), default=0)


def row(track: Track, rate: Fraction, muted: frozenset[int]) -> Row:
    """A track of the timeline, without what its format cannot carry."""
    pieces = []
    for place in apart((clip for clip in track.clips if _resource(clip)), rate):
        clip, resource = place.clip, _resource(place.clip)
        assert resource is not None
        assert clip.source is not None
        into = max(0, frame_at(clip.into, rate)) + place.late
        length = clip.source.duration or Fraction(0)
        enabled = clip.enabled and clip.number not in muted
        frames = place.end - place.start
        pieces.append(Piece(resource, place.start, into, frames, length, enabled))
    return Row(track.name, track.kind == "audio", tuple(pieces), track.enabled)


def stem_row(track: StemTrack, rate: Fraction) -> Row:
    """A track of stems."""
    pieces = []
    for place in apart(track.clips, rate):
        into = frame_at(place.clip.into, rate) + place.late
        frames = place.end - place.start
        resource = str(address(place.clip.path))
        pieces.append(Piece(resource, place.start, into, frames, place.clip.length))
    return Row(track.name, sound=True, pieces=tuple(pieces))


def width(channels: Iterator[int] | list[int]) -> int:
    """Channels of a project in which so many are heard."""
    most = max(channels, default=_WIDTHS[0])
    return next((one for one in _WIDTHS if one >= most), _WIDTHS[-1])


def channels(timeline: Timeline) -> Iterator[int]:
    """How many channels its sounds have, as far as the document says."""
    for track in timeline.tracks:
        if track.kind == "audio":
            yield track.channels or 0
            yield from (clip.source.channels or 0 for clip in track.clips if clip.source)


def lost(timeline: Timeline) -> tuple[str, ...]:
    """A sentence for each thing of this timeline that a project does not carry."""
    clips = [clip for track in timeline.tracks for clip in track.clips]
    files = [clip for clip in clips if clip.kind == "file"]
    return told(
        LOSSES,
        timeline,
        start_timecode=timeline.start.frame != 0,
        clip_names=any(clip.name != _name(clip) for clip in files),
        links=_linked(timeline),
        positions_between_frames=any(_between(clip, timeline.rate) for clip in clips),
        speed=any(clip.speed != 1 for clip in files),
        channels=max(channels(timeline), default=0) > _WIDTHS[-1],
        picture_size=timeline.size is None and bool(clips),
    )


def _resource(clip: Clip) -> str | None:
    """The file that a clip plays at its own speed; None where there is none."""
    if clip.kind != "file" or clip.source is None or clip.speed != 1:
        return None
    try:
        return str(address(clip.source.target or clip.source.name))
    except MediaMissing:
        return None


def _name(clip: Clip) -> str:
    """What Kdenlive calls it."""
    resource = _resource(clip)
    return clip.name if resource is None else PurePosixPath(resource).name


def _linked(timeline: Timeline) -> bool:
    """Whether a picture lies beside a sound of the same file."""
    places: dict[str, set[tuple[str | None, Fraction]]] = {"video": set(), "audio": set()}
    for track in timeline.tracks:
        places[track.kind] |= {(_resource(clip), clip.record) for clip in track.clips}
    return any(resource for resource, _ in places["video"] & places["audio"])


def _between(clip: Clip, rate: Fraction) -> bool:
    return any((time * rate).denominator > 1 for time in (clip.record, clip.duration, clip.into))
