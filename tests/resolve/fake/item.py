"""A clip on a timeline: where it lies, what it shows, and what Resolve says of that.

It must not know how it came there.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.resolve.fake.clock import rate
from tests.resolve.fake.world import Part, World

if TYPE_CHECKING:
    from tests.resolve.fake.pool import MediaPoolItem
    from tests.resolve.fake.timeline import Track

COLOURS = (
    *("Orange", "Apricot", "Yellow", "Lime", "Olive", "Green", "Teal", "Navy", "Blue", "Purple"),
    *("Violet", "Pink", "Tan", "Beige", "Brown", "Chocolate"),
)


class TimelineItem(Part):
    """A clip on a track.

    Attributes:
        pool: None for what Resolve draws itself.
        start, frames: on the timeline, in its frames; `start` counts from midnight.
        part: of a frame by which a sound lies later than `start`.
        source: of the media's first frame, in the media's frames.
        speed: below 0 it runs backwards.
        faulty: it came from an append that failed, and is gone after saving.
    """

    def __init__(
        self, world: World, track: Track, pool: MediaPoolItem | None, start: int, frames: int
    ) -> None:
        super().__init__(world)
        self.track = track
        self.pool = pool
        self.start = start
        self.frames = frames
        self.part = Fraction(0)
        self.source = Fraction(0)
        self.speed = Fraction(1)
        self.name = pool.name if pool else "Solid Color"
        self.enabled = True
        self.colour = ""
        self.comps: list[str] = []
        self.linked: list[TimelineItem] = []
        self.markers: dict[int, dict[str, Any]] = {}
        self.faulty = False
        self.shown_id = True

    @property
    def end(self) -> int:
        """The first frame behind it."""
        return self.start + self.frames

    @property
    def timeline_rate(self) -> Fraction:
        """Frames per second of its timeline."""
        return self.track.timeline.rate

    @property
    def media_rate(self) -> Fraction:
        """Frames per second that its media is counted in."""
        return self.pool.rate if self.pool else self.timeline_rate

    @property
    def span(self) -> Fraction:
        """How many of the media's frames it shows."""
        return self.frames / self.timeline_rate * abs(self.speed) * self.media_rate

    def _offset(self, media: Fraction, precise: bool) -> int | float:
        frames = media / abs(self.speed)
        sound = self.track.kind == "audio"
        if sound or self.world.knobs.left_offset == "timeline":
            frames = frames / self.media_rate * self.timeline_rate
        return float(frames) if precise else math.floor(frames)

    def GetName(self) -> str:
        return self.name

    def SetName(self, name: str) -> bool:
        self.name = name
        return True

    def GetUniqueId(self) -> str:
        return self.uid if self.shown_id else ""

    def GetStart(self, subframe_precision: bool = False) -> int | float:
        return float(self.start + self.part) if subframe_precision else self.start

    def GetEnd(self, subframe_precision: bool = False) -> int | float:
        return float(self.end + self.part) if subframe_precision else self.end

    def GetDuration(self, subframe_precision: bool = False) -> int | float:
        return float(self.frames) if subframe_precision else self.frames

    def GetLeftOffset(self, subframe_precision: bool = False) -> int | float:
        return self._offset(self.source, subframe_precision) if self.pool else 0

    def GetRightOffset(self, subframe_precision: bool = False) -> int | float:
        if not self.pool:
            return 0
        return self._offset(self.pool.frames - self.source - self.span, subframe_precision)

    def GetSourceStartFrame(self) -> int:
        if not self.pool:
            return 0
        first = round(self.source)
        if self.speed < 0:
            return round(self.source + self.span)
        # Seen at 23.976: on some frames it says one less.
        wrong = self.media_rate == rate("23.976") and first % 3 == 1
        return first + (self.world.knobs.source_start_off if wrong else 0)

    def GetSourceEndFrame(self) -> int:
        if not self.pool:
            return 0
        if self.speed < 0:
            return round(self.source)
        inclusive = self.media_rate != self.timeline_rate
        return round(self.source + self.span) - inclusive

    def _time(self, frame: Fraction) -> float:
        assert self.pool is not None
        return float((self.pool.first_frame + frame) / self.media_rate)

    def GetSourceStartTime(self) -> float:
        backwards = self.span if self.speed < 0 else 0
        return self._time(self.source + backwards) if self.pool else 0.0

    def GetSourceEndTime(self) -> float:
        forwards = self.span if self.speed > 0 else 0
        return self._time(self.source + forwards) if self.pool else 0.0

    def GetMediaPoolItem(self) -> MediaPoolItem | None:
        return self.pool

    def GetTrackTypeAndIndex(self) -> list[Any]:
        return [self.track.kind, self.track.number]

    def GetLinkedItems(self) -> list[TimelineItem]:
        return [item for item in self.linked if not item.gone]

    def GetSourceAudioChannelMapping(self) -> str:
        return self.pool.GetAudioMapping() if self.pool else ""

    def GetClipEnabled(self) -> bool:
        return self.enabled

    def SetClipEnabled(self, Bool: bool) -> bool:
        self.enabled = bool(Bool)
        return True

    def GetClipColor(self) -> str:
        return self.colour

    def SetClipColor(self, colorName: str) -> bool:
        if colorName not in COLOURS:
            return False
        self.colour = colorName
        return True

    def ClearClipColor(self) -> bool:
        self.colour = ""
        return True

    def GetProperty(self, propertyKey: str | None = None) -> Any:
        known = {"Pan": 0.0, "Tilt": 0.0, "ZoomX": 1.0, "ZoomY": 1.0, "Opacity": 100.0}
        return known if propertyKey is None else known.get(propertyKey)

    def GetProperties(self) -> dict[str, Any]:
        return {"AudioVolume": 0.0, "AudioPan": 0.0}

    def GetType(self) -> str:
        return self.track.kind if self.pool else "generator"

    def GetSpeed(self) -> dict[str, Any]:
        return {"Percentage": float(self.speed * 100), "PitchCorrection": True}

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

    def GetFusionCompCount(self) -> int:
        return len(self.comps)

    def GetFusionCompNameList(self) -> list[str]:
        return list(self.comps)

    def GetTakesCount(self) -> int:
        return 0

    def CreateMagicMask(self, mode: str) -> bool:
        return False

    def RegenerateMagicMask(self) -> bool:
        return False

    def GetVoiceIsolationState(self) -> dict[str, Any]:
        return {"isEnabled": False, "amount": 100}

    def SetVoiceIsolationState(self, voiceIsolationState: dict[str, Any]) -> bool:
        return True


def marked(
    markers: dict[int, dict[str, Any]],
    frame: float,
    colour: str,
    name: str,
    note: str,
    duration: float,
    custom: str,
) -> bool:
    """Set a marker where none is."""
    if frame in markers:
        return False
    markers[int(frame)] = {
        "color": colour,
        "duration": duration,
        "note": note,
        "name": name,
        "customData": custom,
    }
    return True


def unmarked(markers: dict[int, dict[str, Any]], custom: str) -> bool:
    """Delete the first marker with that custom data."""
    for frame, marker in markers.items():
        if marker["customData"] == custom:
            del markers[frame]
            return True
    return False


def mapping(channels: int) -> str:
    """The JSON by which Resolve says which channels a track of a clip plays."""
    kind = {1: "mono", 2: "stereo"}.get(channels, f"adaptive{channels}")
    tracks = {
        "1": {"channel_idx": list(range(1, channels + 1)), "mute": False, "type": kind},
    }
    return json.dumps(
        {"embedded_audio_channels": channels, "linked_audio": {}, "track_mapping": tracks}
    )
