"""What lies on the timeline, as plain values: the one module that reads it.

Every answer of Resolve's may be None, an empty list or a text where a number is meant, since it
goes on being edited meanwhile and says nothing while a dialog is open. This module must not know
what is done with the values.
"""

from fractions import Fraction
from typing import Any, Dict, List, NamedTuple, Optional

from soundmatte_resolve.arithmetic import frames_of, rate_of, whole
from soundmatte_resolve.connect import method
from soundmatte_resolve.media_view import Media, dictionary, media, number
from soundmatte_resolve.refusal import Refusal

VIDEO, AUDIO = "video", "audio"


class Timeline(NamedTuple):
    """The current timeline; frames are absolute: the first one is `start`.

    Attributes:
        rate: frames per second. `told_rate`: the number that Resolve writes for it.
        width, height: in pixels; 0 where Resolve does not say.
    """

    handle: Any
    id: str
    name: str
    rate: Fraction
    told_rate: float
    start: int
    width: int
    height: int


class Track(NamedTuple):
    """A track: `kind` is "video" or "audio", `number` counts from 1."""

    kind: str
    number: int
    name: str

    @property
    def label(self) -> str:
        """What a person calls it: V2 "Mask"."""
        return f'{self.kind[0].upper()}{self.number} "{self.name}"'


class Item(NamedTuple):
    """Something on a track: absolute frames, `end` is the first one behind it."""

    handle: Any
    id: str
    name: str
    track: Track
    start: int
    duration: int

    @property
    def end(self) -> int:
        """The first frame behind it."""
        return self.start + self.duration

    def overlaps(self, other: "Item") -> bool:
        """Whether both are there at some frame."""
        return self.start < other.end and other.start < self.end


class Shot(NamedTuple):
    """An item in full.

    Attributes:
        media: None for titles, generators and the like.
        left, right: frames of the media before and behind what is used; exact at 100 %.
        source_start: its first frame by another count; -1 where Resolve cannot say.
        seconds: of the media that pass; None where Resolve does not say. Below 0: backwards.
        speed: per cent; None where Resolve does not say.
        comps: Fusion compositions on it.
        properties: of its picture, by Resolve's names.
    """

    item: Item
    media: Optional[Media]
    left: int
    right: int
    source_start: int
    seconds: Optional[float]
    speed: Optional[float]
    comps: int
    enabled: bool
    properties: Dict[str, Any]


def current(project: Any) -> Timeline:
    """The timeline that is open.

    Raises:
        Refusal: none is, or Resolve does not say how fast it runs.
    """
    handle = project.GetCurrentTimeline()
    if handle is None:
        raise Refusal("No timeline is open.", "Open one on the Edit page.")
    told = handle.GetSetting("timelineFrameRate")
    rate = rate_of(told)
    start = handle.GetStartFrame()
    if rate is None or start is None:
        raise Refusal(
            "Resolve does not say how fast the timeline runs.", "Close every dialog of Resolve's."
        )
    return Timeline(
        handle=handle,
        id=str(handle.GetUniqueId() or ""),
        name=str(handle.GetName() or ""),
        rate=rate,
        told_rate=float(str(told).split()[0]),
        start=whole(start),
        width=number(handle.GetSetting("timelineResolutionWidth")) or 0,
        height=number(handle.GetSetting("timelineResolutionHeight")) or 0,
    )


def tracks(timeline: Any, kind: str) -> List[Track]:
    """The tracks of a kind, from the first one."""
    count = timeline.GetTrackCount(kind) or 0
    return [
        Track(kind, index, str(timeline.GetTrackName(kind, index) or ""))
        for index in range(1, int(count) + 1)
    ]


def items(timeline: Any, track: Track) -> List[Item]:
    """What lies on a track; what Resolve can say nothing of is left out."""
    found = timeline.GetItemListInTrack(track.kind, track.number) or []
    return [item for item in (_item(handle, track) for handle in found) if item is not None]


def held(timeline: Any, track: Track, most: Optional[int] = None) -> List[str]:
    """Ids of what lies on a track: the first ones, where there are more than `most`."""
    found = (timeline.GetItemListInTrack(track.kind, track.number) or [])[:most]
    return [str(handle.GetUniqueId() or "") for handle in found if handle is not None]


def everything(timeline: Any, kind: str) -> List[Item]:
    """What lies on all tracks of a kind."""
    return [item for track in tracks(timeline, kind) for item in items(timeline, track)]


def _item(handle: Any, track: Track) -> Optional[Item]:
    if handle is None:
        return None
    start, duration = handle.GetStart(), handle.GetDuration()
    if start is None or duration is None:
        return None
    name, known = str(handle.GetName() or ""), str(handle.GetUniqueId() or "")
    return Item(handle, known, name, track, whole(start), whole(duration))


def selected(timeline: Any) -> Optional[List[str]]:
    """Ids of what is selected on the timeline; None where this Resolve cannot say.

    The media pool's method of that name is another thing: the selection in a bin.
    """
    ask = method(timeline, "GetSelectedClips")
    if ask is None:
        return None
    return [str(handle.GetUniqueId() or "") for handle in ask() or [] if handle is not None]


def under_playhead(timeline: Any) -> str:
    """Id of the picture that is seen at the playhead; empty behind the timeline's end."""
    handle = timeline.GetCurrentVideoItem()
    return str(handle.GetUniqueId() or "") if handle is not None else ""


def playhead(timeline: Timeline) -> Optional[int]:
    """Frame at which the playhead is; None where Resolve does not say."""
    told = timeline.handle.GetCurrentTimecode(), timeline.handle.GetStartTimecode()
    drop = str(timeline.handle.GetSetting("timelineDropFrameTimecode")) == "1"
    now, first = (frames_of(code, timeline.rate, drop) for code in told)
    # Timecode names frames, and does not count them: only the difference is to be used.
    return None if now is None or first is None else timeline.start + now - first


def linked(item: Item) -> Optional[List[str]]:
    """Ids of what is linked to an item; None where this Resolve cannot say."""
    ask = method(item.handle, "GetLinkedItems")
    if ask is None:
        return None
    return [str(handle.GetUniqueId() or "") for handle in ask() or [] if handle is not None]


def shot(item: Item) -> Shot:
    """All there is to know of an item."""
    handle = item.handle
    return Shot(
        item=item,
        media=media(handle.GetMediaPoolItem()),
        left=number(handle.GetLeftOffset()) or 0,
        right=number(handle.GetRightOffset()) or 0,
        source_start=_optional(handle, "GetSourceStartFrame", -1),
        seconds=_seconds(handle),
        speed=_speed(handle),
        comps=number(handle.GetFusionCompCount()) or 0,
        enabled=handle.GetClipEnabled() is not False,
        properties=dictionary(handle.GetProperty()),
    )


def _seconds(handle: Any) -> Optional[float]:
    """Only the difference of the two counts: they start at the media's own timecode."""
    first, last = method(handle, "GetSourceStartTime"), method(handle, "GetSourceEndTime")
    if first is None or last is None:
        return None
    begin, end = first(), last()
    # Both are 0 where Resolve cannot say.
    return None if not begin and not end else float(end or 0) - float(begin or 0)


def _speed(handle: Any) -> Optional[float]:
    ask = method(handle, "GetSpeed")
    said = dictionary(ask()) if ask is not None else {}
    return float(said["Percentage"]) if said.get("Percentage") is not None else None


def _optional(handle: Any, name: str, otherwise: int) -> int:
    ask = method(handle, name)
    found = number(ask()) if ask is not None else None
    return otherwise if found is None else found
