"""Which version and edition knows what: profiles, what came when, and where the stubs are wrong.

Data alone, for the fake and for the test that holds the fake and the scripts to it. Sources: the
scripting README's revisions of 18.1.2 to 21.0.4 and what 21.1 installs. It must not know how
anything behaves.
"""

from __future__ import annotations

Version = tuple[int, int, int]

#: By the name that tests use.
PROFILES: dict[str, Version] = {
    "18.5": (18, 5, 0),
    "19.1": (19, 1, 0),
    "20.3": (20, 3, 0),
    "21.0.4": (21, 0, 4),
    "21.1": (21, 1, 0),
}
OLDEST = PROFILES["18.5"]
#: The newest version that the stub package describes.
STUBBED: Version = (21, 0, 0)

#: What came after the oldest profile.
SINCE: dict[str, Version] = {
    "Timeline.GetTrackSubType": (19, 0, 0),
    "TimelineItem.GetSourceStartFrame": (19, 0, 0),
    "TimelineItem.GetSourceEndFrame": (19, 0, 0),
    "TimelineItem.GetSourceStartTime": (19, 0, 0),
    "TimelineItem.GetSourceEndTime": (19, 0, 0),
    "TimelineItem.GetLinkedItems": (19, 0, 0),
    "TimelineItem.GetTrackTypeAndIndex": (19, 0, 0),
    "TimelineItem.GetSourceAudioChannelMapping": (19, 0, 0),
    "MediaPoolItem.GetAudioMapping": (19, 0, 0),
    "MediaPoolItem.GetThirdPartyMetadata": (19, 0, 0),
    "MediaPoolItem.SetThirdPartyMetadata": (19, 0, 0),
    "MediaPool.GetSelectedClips": (19, 0, 0),
    "MediaPool.SetSelectedClip": (19, 0, 0),
    "Timeline.GetMarkInOut": (19, 1, 0),
    "Timeline.SetMarkInOut": (19, 1, 0),
    "Timeline.ClearMarkInOut": (19, 1, 0),
    "Timeline.GetMediaPoolItem": (19, 1, 0),
    "Timeline.GetVoiceIsolationState": (20, 1, 0),
    "Timeline.SetVoiceIsolationState": (20, 1, 0),
    "TimelineItem.GetVoiceIsolationState": (20, 1, 0),
    "TimelineItem.SetVoiceIsolationState": (20, 1, 0),
    "TimelineItem.SetName": (20, 2, 0),
    "MediaPoolItem.SetName": (20, 2, 0),
    "Timeline.GetSelectedClips": (21, 0, 4),
    "MediaPoolItem.GetTimeline": (21, 0, 4),
    "Resolve.GetCurrentProject": (21, 1, 0),
    "Resolve.GetCurrentTimeline": (21, 1, 0),
    "Resolve.GetMediaPool": (21, 1, 0),
    "Resolve.IsStudio": (21, 1, 0),
    "Project.GetAudioRenderFormats": (21, 1, 0),
    "Project.GetAudioRenderCodecs": (21, 1, 0),
    "TimelineItem.GetSpeed": (21, 1, 0),
    "TimelineItem.GetType": (21, 1, 0),
    "TimelineItem.GetProperties": (21, 1, 0),
}
#: Calls that take at least so many arguments only since then.
ARGUMENTS_SINCE: dict[tuple[str, int], Version] = {
    ("TimelineItem.GetStart", 1): (19, 0, 0),
    ("TimelineItem.GetEnd", 1): (19, 0, 0),
    ("TimelineItem.GetDuration", 1): (19, 0, 0),
    ("TimelineItem.GetLeftOffset", 1): (19, 0, 0),
    ("TimelineItem.GetRightOffset", 1): (19, 0, 0),
}
#: Keys of `Project.SetRenderSettings`, with when they came; (0, 0, 0) is before every profile.
RENDER_KEYS: dict[str, Version] = dict.fromkeys(
    (
        *("SelectAllFrames", "MarkIn", "MarkOut", "TargetDir", "CustomName"),
        *("UniqueFilenameStyle", "ExportVideo", "ExportAudio", "FormatWidth", "FormatHeight"),
        *("FrameRate", "PixelAspectRatio", "VideoQuality", "AudioCodec", "AudioBitDepth"),
        *("AudioSampleRate", "ColorSpaceTag", "GammaTag", "ExportAlpha", "EncodingProfile"),
        *("MultiPassEncode", "AlphaMode", "NetworkOptimization"),
    ),
    (0, 0, 0),
)
RENDER_KEYS |= dict.fromkeys(
    ("ClipStartFrame", "TimelineStartTimecode", "ReplaceExistingFilesInPlace"), (19, 1, 0)
)
RENDER_KEYS |= dict.fromkeys(("ExportSubtitle", "SubtitleFormat"), (20, 2, 0))
RENDER_KEYS |= dict.fromkeys(("UseFullExtents", "AddFrameHandles", "DataBurnIn"), (21, 0, 4))
RENDER_KEYS |= dict.fromkeys(("AudioFormat", "UseUniqueFilenames"), (21, 1, 0))

#: What only the paid edition may be asked; the free one shows a dialog instead of an answer.
STUDIO_ONLY = frozenset(
    {
        "TimelineItem.CreateMagicMask",
        "TimelineItem.RegenerateMagicMask",
        "TimelineItem.SetVoiceIsolationState",
        "Timeline.SetVoiceIsolationState",
        "MediaPoolItem.TranscribeAudio",
    }
)

#: Trailing arguments that the stubs demand and the README calls optional.
OPTIONAL: dict[str, int] = {
    "TimelineItem.GetStart": 1,
    "TimelineItem.GetEnd": 1,
    "TimelineItem.GetDuration": 1,
    "TimelineItem.GetLeftOffset": 1,
    "TimelineItem.GetRightOffset": 1,
    "TimelineItem.GetProperty": 1,
    "TimelineItem.AddMarker": 1,
    "Timeline.AddTrack": 1,
    "Timeline.AddMarker": 1,
    "Timeline.DeleteClips": 1,
    "Timeline.DuplicateTimeline": 1,
    "MediaPool.ImportTimelineFromFile": 1,
    "MediaPoolItem.GetClipProperty": 1,
    "MediaPoolItem.GetMetadata": 1,
    "MediaPoolItem.AddMarker": 1,
    "MediaStorage.AddClipMattesToMediaPool": 1,
}
#: Classes that the stubs leave empty or out: Fusion's own, of which a script meets three names.
UNSTUBBED = frozenset({"Fusion", "Bmd"})


def since(name: str) -> Version:
    """The version that brought a method, `Class.Name`."""
    return SINCE.get(name, OLDEST)


def arguments_since(name: str, count: int) -> Version:
    """The version that brought a call of a method with so many arguments."""
    return max(
        (at for (n, least), at in ARGUMENTS_SINCE.items() if n == name and count >= least),
        default=since(name),
    )
