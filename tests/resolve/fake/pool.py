"""The media pool: bins, what lies in them, and where mattes come from.

It must not know timelines, but for the one that an item may stand for.
"""

from __future__ import annotations

import math
import os
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.resolve.fake import append
from tests.resolve.fake.clock import frame_of, rate, spoken, timecode
from tests.resolve.fake.item import TimelineItem, mapping
from tests.resolve.fake.media import Facts, facts
from tests.resolve.fake.world import Part, World

if TYPE_CHECKING:
    from tests.resolve.fake.timeline import Timeline

#: Keys of a clip's properties in another language.
ELSEWHERE = {
    "File Path": "Dateipfad",
    "FPS": "BpS",
    "Frames": "Einzelbilder",
    "Type": "Typ",
    "Duration": "Dauer",
}


class MediaPoolItem(Part):
    """Something in a bin.

    Attributes:
        path: of its file; "" for a timeline or a compound clip.
        rate: frames per second that it is counted in; a sound's is the project's at its import.
        first_frame: its timecode's, counted from midnight.
        frames: how many whole ones it has.
    """

    def __init__(
        self, world: World, name: str, path: str, held: Facts | None, frames_rate: Fraction
    ) -> None:
        super().__init__(world)
        self.name = name
        self.path = path
        self.facts = held
        self.rate = held.rate if held and held.rate else frames_rate
        self.type = _type(held)
        self.first_frame = 0
        if held and held.timecode:
            self.first_frame = frame_of(held.timecode, self.rate)
        self.frames = 0
        if held:
            self.frames = held.pictures or math.floor(held.seconds * self.rate)
        self.mattes: list[str] = []
        self.metadata: dict[str, str] = {}
        self.third_party: dict[str, str] = {}
        self.timeline: Timeline | None = None

    @property
    def channels(self) -> int:
        """Of its sound; 0 without."""
        return self.facts.channels if self.facts else 0

    def properties(self) -> dict[str, str]:
        """As the pool shows them."""
        held, end = self.facts, self.first_frame + self.frames
        found = {
            "Clip Name": self.name,
            "File Name": os.path.basename(self.path),
            "File Path": self.path,
            "FPS": spoken(self.rate),
            "Frames": str(self.frames) if self.type != "Audio" else "",
            "Duration": timecode(self.frames, self.rate),
            "Start": "0" if self.type != "Audio" else "",
            "End": str(self.frames - 1) if self.type != "Audio" else "",
            "Start TC": timecode(self.first_frame, self.rate),
            "End TC": timecode(end, self.rate),
            "Type": self.type,
            "Resolution": f"{held.width}x{held.height}" if held and held.width else "",
            "Video Codec": held.video_codec if held else "",
            "Audio Codec": held.audio_codec if held else "",
            "Audio Ch": str(self.channels),
            "Sample Rate": str(held.sample_rate) if held and held.sample_rate else "",
        }
        if self.world.knobs.localised:
            return {ELSEWHERE.get(key, key): value for key, value in found.items()}
        return found

    def GetName(self) -> str:
        return self.name

    def SetName(self, name: str) -> bool:
        self.name = name
        return True

    def GetUniqueId(self) -> str:
        return self.uid

    def GetMediaId(self) -> str:
        return f"media-{self.uid}"

    def GetTimeline(self) -> Timeline | None:
        return self.timeline

    def GetClipProperty(self, propertyName: str | None = None) -> Any:
        found = self.properties()
        return found if propertyName is None else found.get(propertyName, "")

    def SetClipProperty(self, propertyName: str, propertyValue: str) -> bool:
        return False

    def GetMetadata(self, metadataType: str | None = None) -> Any:
        return self.metadata if metadataType is None else self.metadata.get(metadataType, "")

    def SetMetadata(self, metadataType: Any, metadataValue: str = "") -> bool:
        given = metadataType if isinstance(metadataType, dict) else {metadataType: metadataValue}
        self.metadata.update(given)
        return True

    def GetThirdPartyMetadata(self, metadataType: str | None = None) -> Any:
        kept = self.third_party
        return kept if metadataType is None else kept.get(metadataType, "")

    def SetThirdPartyMetadata(self, metadataType: Any, metadataValue: str = "") -> bool:
        given = metadataType if isinstance(metadataType, dict) else {metadataType: metadataValue}
        self.third_party.update(given)
        return True

    def GetAudioMapping(self) -> str:
        return mapping(self.channels)

    def TranscribeAudio(self, useSpeakerDetection: bool | None = None) -> bool:
        return False


def _type(held: Facts | None) -> str:
    if held is None:
        return "Timeline"
    if held.rate is None:
        return "Audio"
    return "Video + Audio" if held.channels else "Video"


class Folder(Part):
    """A bin."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world)
        self.name = name
        self.folders: list[Folder] = []
        self.clips: list[MediaPoolItem] = []

    def all(self) -> list[Folder]:
        """It, and everything below it."""
        return [self, *(below for folder in self.folders for below in folder.all())]

    def GetName(self) -> str:
        return self.name

    def GetUniqueId(self) -> str:
        return self.uid

    def GetSubFolderList(self) -> list[Folder]:
        return list(self.folders)

    def GetClipList(self) -> list[MediaPoolItem]:
        return list(self.clips)


class MediaPool(Part):
    """The pool of the open project."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.root = Folder(world, "Master")
        self.current = self.root
        self.selected: list[MediaPoolItem] = []

    def held(self) -> list[MediaPoolItem]:
        """Everything in all bins."""
        return [clip for folder in self.root.all() for clip in folder.clips]

    def GetRootFolder(self) -> Folder:
        return self.root

    def GetUniqueId(self) -> str:
        return self.uid

    def GetCurrentFolder(self) -> Folder:
        return self.current

    def SetCurrentFolder(self, folder: Folder) -> bool:
        if not isinstance(folder, Folder) or folder.gone:
            return False
        self.current = folder
        return True

    def AddSubFolder(self, folder: Folder, name: str) -> Folder | None:
        if any(other.name == name for other in folder.folders):
            return None
        new = Folder(self.world, name)
        folder.folders.append(new)
        if self.world.knobs.new_bins_are_current:
            self.current = new
        return new

    def ImportMedia(self, items: list[Any]) -> list[MediaPoolItem] | None:
        knob = self.world.knobs.imports
        if knob == "none":
            return None
        made = []
        for item in items[:1] if knob == "one" else items:
            path = item.get("FilePath") if isinstance(item, dict) else item
            held = facts(path) if isinstance(path, str) else None
            known = any(clip.path == path for clip in self.held())
            # Windows knows no other way of writing a path than its own.
            plain = held is not None and os.path.normpath(path) == path
            if held is None or not plain or known or knob == "nothing new":
                continue
            made.append(self.imported(path, held))
        return made

    def imported(self, path: str, held: Facts) -> MediaPoolItem:
        """Put a file into the current bin, as it comes in."""
        project, knobs = self.world.resolve.project, self.world.knobs
        counted = rate(knobs.sound_rate) if knobs.sound_rate else project.rate
        item = MediaPoolItem(self.world, os.path.basename(path), path, held, counted)
        self.current.clips.append(item)
        return item

    def DeleteClips(self, clips: list[MediaPoolItem]) -> bool:
        timelines = self.world.resolve.project.timelines
        for folder in self.root.all():
            folder.clips = [clip for clip in folder.clips if clip not in clips]
        for clip in clips:
            clip.gone = True
        for item in [i for timeline in timelines for i in timeline.items if i.pool in clips]:
            item.track.items.remove(item)
            item.gone = True
        return True

    def DeleteFolders(self, subfolders: list[Folder]) -> bool:
        for folder in self.root.all():
            folder.folders = [below for below in folder.folders if below not in subfolders]
        for folder in subfolders:
            folder.gone = True
            if self.current in folder.all():
                self.current = self.root
        return True

    def AppendToTimeline(self, clip1: Any, *args: Any) -> list[TimelineItem | None] | None:
        given = clip1 if isinstance(clip1, list) else [clip1, *args]
        return append.appended(self.world, given)

    def CreateEmptyTimeline(self, name: str) -> Timeline | None:
        return self.world.resolve.project.begin(name)

    def DeleteTimelines(self, timeline: list[Timeline]) -> bool:
        dropped = [self.world.resolve.project.drop(each) for each in timeline]
        return all(dropped)

    def GetClipMatteList(self, mediaPoolItem: MediaPoolItem) -> list[str]:
        return list(mediaPoolItem.mattes)

    def GetTimelineMatteList(self, folder: Folder) -> list[MediaPoolItem]:
        return [clip for clip in folder.clips if clip.type == "Matte"]

    def GetSelectedClips(self) -> list[MediaPoolItem]:
        return list(self.selected)


class MediaStorage(Part):
    """The disks."""

    def AddClipMattesToMediaPool(
        self, mediaPoolItem: MediaPoolItem, paths: list[str], stereoEye: str = "left"
    ) -> bool:
        mediaPoolItem.mattes += paths
        return True

    def AddItemListToMediaPool(self, item1: Any, *args: Any) -> list[MediaPoolItem]:
        given = item1 if isinstance(item1, list) else [item1, *args]
        return self.world.resolve.project.media_pool.ImportMedia(given) or []
