"""FCP7 XML, written: new documents, and stems added to those that are there.

New documents are of version 5 and have one clip for each channel; a document that has one for all
channels of a file, as Resolve writes it, gets its stems that way.
This module must not know how such a document is read, but for where its clips stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element as New
from xml.etree.ElementTree import SubElement

from soundmatte.timelines.fcp7 import tracks
from soundmatte.timelines.fcp7.layout import carried, rows, stem_rows, timebase
from soundmatte.timelines.fcp7.reading import Taken, described, key_of, taken
from soundmatte.timelines.fcp7.words import number
from soundmatte.timelines.losses import FILES_ALONE, PRESUMED_SIZE, Losses, told
from soundmatte.timelines.markup import Changes, Element, document_text
from soundmatte.timelines.timeline import StemTrack, Timeline

#: What a new document cannot carry, and what becomes of it.
LOSSES: Losses = (
    ("track names", "Names of tracks are kept for Premiere; other editors number their tracks."),
    (
        "positions between frames",
        "Every boundary is moved to the nearest frame of the timeline, and where in its file a "
        "clip begins to the nearest frame of the file; Premiere alone reads the latter exactly.",
    ),
    (
        "changing speed",
        "A clip whose speed changes, or that stands still, is left out, with a gap in its place.",
    ),
    *FILES_ALONE,
)


def lost(timeline: Timeline) -> tuple[str, ...]:
    """A sentence for each thing of this timeline that a new document does not carry."""
    clips = [clip for track in timeline.tracks for clip in track.clips]
    return told(
        LOSSES,
        timeline,
        track_names=any(track.name for track in timeline.tracks),
        changing_speed=any(clip.kind == "file" and not carried(clip) for clip in clips),
    )


def written(
    timeline: Timeline, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
) -> bytes:
    """A new document with the timeline's tracks, and the stems' below its audio tracks.

    Args:
        muted: numbers of clips that are disabled.

    Raises:
        NotWritable: the format cannot say the timeline's rate.
        MediaMissing: a clip's source names no file.
    """
    base, ntsc = timebase(timeline.rate)
    maker = tracks.Maker(timeline.rate, timeline.start.drop)
    laid = maker.laid([*rows(timeline, muted), *stem_rows(stems, timeline.rate)])
    root = New("xmeml", version="5")
    sequence = SubElement(root, "sequence", id="sequence-1")
    if any(row.channels > 1 for row in maker.audio):
        sequence.set("explodedTracks", "true")
    tracks.add_words(sequence, name=timeline.name, duration=maker.end)
    tracks.add_rate(sequence, base, ntsc)
    tracks.add_timecode(sequence, timeline.start)
    media = SubElement(sequence, "media")
    video, audio = SubElement(media, "video"), SubElement(media, "audio")
    _picture(video, timeline, base, ntsc)
    _sound(audio, timeline)
    for kind, track in laid:
        (video if kind == "video" else audio).append(track)
    if video.find("track") is None:
        tracks.add_switches(SubElement(video, "track"), True)
    return document_text(root)


def extended(path: Path, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()) -> bytes:
    """The document at `path`, nothing of it lost, with the stems' tracks behind its audio tracks.

    Args:
        muted: numbers of clips that are disabled.

    Raises:
        UnreadableTimeline, HostileTimeline, RateMissing: as in reading it.
        NotWritable: the format cannot say the timeline's rate.
    """
    found = taken(path)
    changes = Changes(found.document)
    known = described(found.document.root)
    for clip in sorted(muted):
        for item in found.places[clip]:
            _disable(changes, item, known.get(key_of(item), item))
    audio = found.sequence.one("media", "audio")
    before = audio.all("track") if audio else []
    maker = tracks.Maker(
        found.timeline.rate,
        found.timeline.start.drop,
        whole=_whole_clips(found),
        tracks=len(before),
        taken={e.attributes["id"] for e in found.document.root.within() if "id" in e.attributes},
    )
    added = [track for _, track in maker.laid(stem_rows(stems, found.timeline.rate))]
    if audio:
        for track in added:
            if before:
                changes.add_behind(before[-1], audio, track)
            else:
                changes.append(audio, track)
    else:
        _append_audio(changes, found.sequence, added)
    duration = found.sequence.one("duration")
    if duration and maker.end > (number(duration.text) or 0):
        changes.set_text(duration, str(maker.end))
    return changes.made()


def _disable(changes: Changes, item: Element, described: Element) -> None:
    """Disable a clip; one that stands for another that is like it becomes one of its own."""
    switch = item.one("enabled")
    if switch:
        changes.set_text(switch, "FALSE")
        return
    if not item.children:
        for child in described.children:
            if child.tag != "enabled":
                changes.append(item, _copied(child))
    added = New("enabled")
    added.text = "FALSE"
    changes.append(item, added)


def _copied(element: Element) -> New:
    """The same element anew; what has an id is named by it."""
    if element.tag == "file" and "id" in element.attributes:
        return New("file", id=element.attributes["id"])
    made = New(element.tag, element.attributes)
    made.text = element.text
    made.extend(_copied(child) for child in element.children)
    return made


def _append_audio(changes: Changes, sequence: Element, added: Sequence[New]) -> None:
    audio = New("audio")
    audio.extend(added)
    media = sequence.one("media")
    if media is None:
        outer = New("media")
        outer.append(audio)
        changes.append(sequence, outer)
    else:
        changes.append(media, audio)


def _whole_clips(found: Taken) -> bool:
    """Whether the document has one clip for all channels of a file, as Resolve writes it."""
    audio = found.sequence.one("media", "audio")
    if audio is None or any("totalExplodedTrackCount" in t.attributes for t in audio.children):
        return False
    items = [item for track in audio.all("track") for item in track.all("clipitem")]
    if any((number(item.word("sourcetrack", "trackindex")) or 1) > 1 for item in items):
        return False
    return any(
        (clip.source.channels or 0) > 1
        for track in found.timeline.tracks
        for clip in track.clips
        if track.kind == "audio" and clip.source
    )


def _picture(video: New, timeline: Timeline, base: int, ntsc: bool) -> None:
    characteristics = SubElement(SubElement(video, "format"), "samplecharacteristics")
    tracks.add_rate(characteristics, base, ntsc)
    width, height = timeline.size or PRESUMED_SIZE
    tracks.add_words(characteristics, width=width, height=height, anamorphic="FALSE")
    tracks.add_words(characteristics, pixelaspectratio="square", fielddominance="none")


def _sound(audio: New, timeline: Timeline) -> None:
    tracks.add_words(audio, numOutputChannels=2)
    characteristics = SubElement(SubElement(audio, "format"), "samplecharacteristics")
    tracks.add_words(characteristics, samplerate=timeline.sample_rate or 48000)
    outputs = SubElement(audio, "outputs")
    for index in (1, 2):
        group = SubElement(outputs, "group")
        tracks.add_words(group, index=index, numchannels=1, downmix=0)
        tracks.add_words(SubElement(group, "channel"), index=index)
