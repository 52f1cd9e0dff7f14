"""Every pitfall of Resolve's API that is known, and where it is shown. It must not run anything."""

from __future__ import annotations

from typing import Literal

#: In the tables of `pitfalls_*.py`; in a test of its own in those modules; by never being called;
#: or not, and why.
Where = Literal["pitfalls", "test_kills", "test_reaching", "never", "not"]
KNOWN: dict[int, tuple[Where, str]] = {
    1: ("pitfalls", "record frames are absolute"),
    2: ("pitfalls", "the end frame is inclusive before 19, exclusive from then on"),
    3: ("pitfalls", "a fraction of a frame fails the whole call"),
    4: ("pitfalls", "a locked track says yes and takes nothing"),
    5: ("pitfalls", "what overlaps is dropped, or slides"),
    6: ("pitfalls", "a track's number counts only with a media type"),
    7: ("pitfalls", "what appending returns says nothing of what it did"),
    8: ("pitfalls", "what was appended may be gone after saving"),
    9: ("pitfalls", "a track is mono unless it is asked for otherwise"),
    10: ("pitfalls", "no clip can be made mono or stereo on the timeline"),
    11: ("pitfalls", "a sound keeps the project's rate of when it was imported"),
    12: ("pitfalls", "parts of frames are cut off"),
    13: ("pitfalls", "the source start frame is one too small at times"),
    14: ("never", "the source end frame is inclusive or not, by rate"),
    15: ("pitfalls", "source times begin at the media's timecode"),
    16: ("pitfalls", "left offsets of sounds count frames of the timeline"),
    17: ("test_kills", "tracks of a timeline that is not shown are told to be off"),
    18: ("pitfalls", "making a timeline the current one moves its playhead"),
    19: ("pitfalls", "a render's last frame is in it"),
    20: ("pitfalls", "Deliver takes the timeline's marks"),
    21: ("pitfalls", "render settings do nothing on other pages"),
    22: ("pitfalls", "hidden render settings, and a file without a picture"),
    23: ("pitfalls", "a sound alone cannot be rendered before 21.1"),
    24: ("pitfalls", "codecs are set by id, and their descriptions change"),
    25: ("pitfalls", "names get numbers, and a complete render may have no file"),
    26: ("pitfalls", "a render may never begin"),
    27: ("pitfalls", "the person's own render is under way, or begins"),
    28: ("test_kills", "a crash leaves tracks switched off"),
    29: ("pitfalls", "clips are deleted on the Edit page alone, and not at once"),
    30: ("pitfalls", "imports go to the current bin, and once"),
    31: ("pitfalls", "every attribute is there"),
    32: ("pitfalls", "a timeline whose name is taken is not made"),
    33: ("not", "OTIO documents are no part of the API; they have tests of their own"),
    34: ("not", "FCPXML documents are no part of the API; they have tests of their own"),
    35: ("pitfalls", "paths are to be written as the system does; shown but for backslashes"),
    36: ("pitfalls", "frames of drop-frame timecode are not frames"),
    37: ("pitfalls", "there is no AAC on Linux"),
    38: ("test_reaching", "importing Resolve's module may end the process"),
    39: ("not", "which Python the menu finds is settled before there is any API"),
    40: ("test_reaching", "Resolve lies in another folder"),
    41: ("pitfalls", "multicam clips have no file; archiving crashes, and is never called"),
    42: ("pitfalls", "the selection of a bin is not that of the timeline"),
}
#: What a script of ours has no business with: it crashes, blocks, or answers with a guess.
NEVER = {
    "TimelineItem.GetSourceEndFrame",
    "ProjectManager.ArchiveProject",
    "Project.DeleteAllRenderJobs",
    "MediaPool.ImportTimelineFromFile",
    "Timeline.Export",
    "TimelineItem.CreateMagicMask",
}
