"""A timeline and its tracks. It must not know how clips are placed or anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.resolve.fake.clock import frame_of, spoken, timecode
from tests.resolve.fake.item import TimelineItem, marked, unmarked
from tests.resolve.fake.world import Part, World

if TYPE_CHECKING:
    from tests.resolve.fake.pool import MediaPoolItem

KINDS = ("video", "audio", "subtitle")
SUBTYPES = (
    *("mono", "stereo", "lrc", "lcr", "lrcs", "lcrs", "quad", "5.0", "5.0film", "5.1", "5.1film"),
    *("7.0", "7.0film", "7.1", "7.1film"),
    *(f"adaptive{count}" for count in range(1, 37)),
)


@dataclass(eq=False)
class Track:
    """A track.

    Attributes:
        subtype: how many channels it has; "" for pictures.
    """

    timeline: Timeline
    kind: str
    name: str
    subtype: str = ""
    enabled: bool = True
    locked: bool = False
    items: list[TimelineItem] = field(default_factory=list)

    @property
    def number(self) -> int:
        """From 1."""
        return self.timeline.tracks[self.kind].index(self) + 1


class Timeline(Part):
    """A timeline.

    Attributes:
        start: its first frame, counted from midnight.
        marks: by "video" and "audio", the in and the out frame, counted from its first.
        playhead: frame, counted from midnight.
    """

    def __init__(
        self, world: World, name: str, rate: Fraction, start: int, drop: bool = False
    ) -> None:
        super().__init__(world)
        self.name = name
        self.rate = rate
        self.start = start
        self.drop = drop
        self.tracks: dict[str, list[Track]] = {kind: [] for kind in KINDS}
        self.marks: dict[str, dict[str, int]] = {}
        self.playhead = start
        self.markers: dict[int, dict[str, Any]] = {}
        self.selected: list[TimelineItem] = []
        self.pool: MediaPoolItem | None = None
        self._undeleted = 0

    @property
    def current(self) -> bool:
        """Whether it is the one that is shown."""
        return self.world.resolve.project.current is self

    @property
    def items(self) -> list[TimelineItem]:
        """All clips, track by track."""
        return [i for kind in KINDS for track in self.tracks[kind] for i in track.items]

    def track(self, kind: str, number: Any) -> Track | None:
        """A track by kind and number from 1; None where there is none."""
        row = self.tracks.get(kind, [])
        found = isinstance(number, int) and 1 <= number <= len(row)
        return row[number - 1] if found else None

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.uid

    def GetMediaPoolItem(self) -> MediaPoolItem | None:
        return self.pool

    def GetStartFrame(self) -> int:
        return self.start

    def GetEndFrame(self) -> int:
        return max((item.end for item in self.items), default=self.start)

    def GetStartTimecode(self) -> str:
        return timecode(self.start, self.rate, self.drop)

    def GetCurrentTimecode(self) -> str:
        return timecode(self.playhead, self.rate, self.drop)

    def SetCurrentTimecode(self, timecode: str) -> bool:
        self.playhead = frame_of(timecode, self.rate)
        return True

    def GetSetting(self, settingName: str) -> Any:
        number = float(spoken(self.rate)) if self.world.knobs.numbers else spoken(self.rate)
        known = {
            "timelineFrameRate": number,
            "timelineDropFrameTimecode": str(int(self.drop)),
            **self.world.resolve.project.raster(),
        }
        return known.get(settingName, "")

    def GetTrackCount(self, trackType: str) -> int:
        return len(self.tracks.get(trackType, []))

    def AddTrack(self, trackType: str, subTrackType: Any = None) -> bool:
        how = subTrackType if isinstance(subTrackType, dict) else {"audioType": subTrackType}
        if isinstance(subTrackType, dict) and self.world.version < (19, 0, 0):
            self.world.violated("Timeline.AddTrack takes no options before 19")
            return False
        kind = how.get("audioType") or ("mono" if trackType == "audio" else "")
        wrong = kind not in SUBTYPES if trackType == "audio" else kind
        knob = self.world.knobs.new_tracks
        if trackType not in KINDS or wrong or knob == "none":
            return False
        if knob == "mono" and trackType == "audio":
            kind = "mono"
        row = self.tracks[trackType]
        new = Track(self, trackType, f"{trackType.title()} {len(row) + 1}", kind)
        new.locked = knob == "locked"
        index = how.get("index")
        inside = isinstance(index, int) and 1 <= index <= len(row)
        row.insert(index - 1 if inside else len(row), new)
        return True

    def DeleteTrack(self, trackType: str, trackIndex: int) -> bool:
        track = self.track(trackType, trackIndex)
        if track is None:
            return False
        for item in track.items:
            item.gone = True
        self.tracks[trackType].remove(track)
        return True

    def GetTrackSubType(self, trackType: str, trackIndex: int) -> str:
        track = self.track(trackType, trackIndex)
        return track.subtype if track else ""

    def GetTrackName(self, trackType: str, trackIndex: int) -> str | None:
        track = self.track(trackType, trackIndex)
        return track.name if track else None

    def SetTrackName(self, trackType: str, trackIndex: int, name: str) -> bool:
        track = self.track(trackType, trackIndex)
        if track is None:
            return False
        track.name = name
        return True

    def GetIsTrackEnabled(self, trackType: str, trackIndex: int) -> bool:
        track = self.track(trackType, trackIndex)
        return bool(track and track.enabled and self.current)

    def SetTrackEnable(self, trackType: str, trackIndex: int, Bool: bool) -> bool:
        track = self.track(trackType, trackIndex)
        if track is None:
            return False
        track.enabled = bool(Bool)
        return True

    def GetIsTrackLocked(self, trackType: str, trackIndex: int) -> bool:
        track = self.track(trackType, trackIndex)
        return bool(track and track.locked and self.current)

    def SetTrackLock(self, trackType: str, trackIndex: int, Bool: bool) -> bool:
        track = self.track(trackType, trackIndex)
        if track is None:
            return False
        track.locked = bool(Bool)
        return True

    def GetItemListInTrack(self, trackType: str, index: int) -> list[TimelineItem] | None:
        track = self.track(trackType, index)
        return sorted(track.items, key=lambda item: item.start) if track else None

    def GetCurrentVideoItem(self) -> TimelineItem | None:
        for track in reversed(self.tracks["video"]):
            for item in track.items if track.enabled else ():
                if item.start <= self.playhead < item.end:
                    return item
        return None

    def GetSelectedClips(self) -> list[TimelineItem]:
        return [item for item in self.selected if not item.gone]

    def DeleteClips(self, timelineItems: list[Any], Bool: bool = False) -> bool:
        knobs = self.world.knobs
        if Bool:
            self.world.violated("a ripple delete moves what is none of ours")
        held = [i for i in timelineItems if isinstance(i, TimelineItem) and not i.track.locked]
        done = self.world.page == "edit" and self._undeleted >= knobs.delete_fails and bool(held)
        self._undeleted += 1
        for item in held if done else ():
            item.gone = True
            item.track.items.remove(item)
            if Bool:
                item.track.items.clear()
        return done if knobs.delete_says == "truth" else knobs.delete_says == "true"

    def SetClipsLinked(self, timelineItems: list[TimelineItem], Bool: bool) -> bool:
        for item in timelineItems:
            item.linked = [i for i in timelineItems if i is not item] if Bool else []
        return True

    def AddMarker(
        self,
        frameId: float,
        color: str,
        name: str,
        note: str,
        duration: float,
        customData: str = "",
    ) -> bool:
        return marked(self.markers, frameId, color, name, note, duration, customData)

    def GetMarkers(self) -> dict[int, dict[str, Any]]:
        return self.markers

    def DeleteMarkerByCustomData(self, customData: str) -> bool:
        return unmarked(self.markers, customData)

    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        return self.marks

    def SetMarkInOut(self, mark_in: int, mark_out: int, type: str = "all") -> bool:
        if not (isinstance(mark_in, int) and isinstance(mark_out, int) and mark_in <= mark_out):
            return False
        for kind in ("video", "audio") if type == "all" else (type,):
            self.marks[kind] = {"in": mark_in, "out": mark_out}
        return True

    def ClearMarkInOut(self, type: str = "all") -> bool:
        for kind in ("video", "audio") if type == "all" else (type,):
            self.marks.pop(kind, None)
        return True

    def GetVoiceIsolationState(self, trackIndex: int) -> dict[str, Any]:
        return {"isEnabled": False, "amount": 100}

    def SetVoiceIsolationState(self, trackIndex: int, voiceIsolationState: dict[str, Any]) -> bool:
        return True
