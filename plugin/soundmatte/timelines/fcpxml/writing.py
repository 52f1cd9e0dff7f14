"""FCPXML, written: new documents of version 1.10, and stems connected in those that are there.

The format has no tracks. In a new document the lowest picture becomes the primary storyline and
everything else is connected to it, pictures above and sounds below, each track in a lane of its
own; a stem is an audio clip in a lane below all others, with a role of the track's name. Edits lie
on frames, as Final Cut wants them; where in its file a clip begins is exact.
This module must not know how such a document is read, but for where its clips stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element as New
from xml.etree.ElementTree import SubElement

from soundmatte.timelines.fcpxml.clips import (
    Laid,
    carried,
    connected,
    laid,
    laid_stems,
)
from soundmatte.timelines.fcpxml.elements import ITEMS, lane
from soundmatte.timelines.fcpxml.files import Files
from soundmatte.timelines.fcpxml.reading import Taken, taken
from soundmatte.timelines.fcpxml.resources import seconds, time
from soundmatte.timelines.losses import FILES_ALONE, Losses, told
from soundmatte.timelines.markup import Changes, Element, document_text, legal
from soundmatte.timelines.timeline import StemTrack, Timeline

_VERSION = "1.10"
_RATES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k"}
#: What stands before connected clips in an element; the rest stands behind them.
_BEFORE = frozenset(
    ("note", "conform-rate", "timeMap", "object-tracker", "param", "text", "text-style-def")
) | {"mc-source", "audition", "caption", "spine"}

#: What a new document cannot carry, and what becomes of it.
LOSSES: Losses = (
    (
        "tracks",
        "There are no tracks: the lowest picture becomes the storyline, and everything else is "
        "connected to it in lanes; names of tracks become roles.",
    ),
    ("disabled tracks", "Of a track that is off, each clip is disabled."),
    ("positions between frames", "Every boundary is moved to the nearest frame of the timeline."),
    ("changing speed", "A clip whose speed changes is left out, with a gap in its place."),
    *FILES_ALONE,
)


def lost(timeline: Timeline) -> tuple[str, ...]:
    """A sentence for each thing of this timeline that a new document does not carry."""
    clips = [clip for track in timeline.tracks for clip in track.clips]
    return told(
        LOSSES,
        timeline,
        tracks=len(timeline.tracks) > 1,
        disabled_tracks=not all(track.enabled for track in timeline.tracks),
        changing_speed=any(clip.kind == "file" and not carried(clip) for clip in clips),
    )


def written(
    timeline: Timeline, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()
) -> bytes:
    """A new document with the timeline's clips, and the stems below them.

    Args:
        muted: numbers of clips that are disabled.

    Raises:
        MediaMissing: a clip's source names no file.
    """
    clips = [*laid(timeline, muted), *laid_stems(stems, timeline, _sounds(timeline))]
    files = Files(timeline.rate, timeline.size)
    files.use(clips)
    first = timeline.start.time
    end = max((clip.end for clip in clips), default=0)
    root = New("fcpxml", version=_VERSION)
    root.append(files.resources())
    event = SubElement(SubElement(root, "library"), "event", name=legal(timeline.name))
    project = SubElement(event, "project", name=legal(timeline.name))
    sequence = SubElement(project, "sequence", format=files.form(timeline.rate))
    sequence.set("duration", time(end / timeline.rate))
    sequence.set("tcStart", time(first))
    sequence.set("tcFormat", "DF" if timeline.start.drop else "NDF")
    sequence.set("audioLayout", "stereo")
    if timeline.sample_rate in _RATES:
        sequence.set("audioRate", _RATES[timeline.sample_rate])
    connected(SubElement(sequence, "spine"), clips, files, first, end)
    return document_text(root)


def extended(path: Path, stems: Sequence[StemTrack], muted: frozenset[int] = frozenset()) -> bytes:
    """The document at `path`, nothing of it lost, with the stems connected below everything.

    Of a bundle it is the document within. A clip that is picture and sound in one and whose sound
    is muted becomes one of its picture alone.

    Args:
        muted: numbers of clips that are disabled.

    Raises:
        UnreadableTimeline, HostileTimeline, RateMissing: as in reading it.
    """
    found = taken(path)
    changes = Changes(found.document)
    _mute(changes, found, muted)
    lowest = min([lane(element) for element in found.sequence.within()], default=0)
    clips = laid_stems(stems, found.timeline, max(0, -lowest))
    files = Files(found.timeline.rate, None, _ids(found), _old(found))
    files.use(clips)
    resources = found.document.root.one("resources")
    if resources is None:
        changes.add_first(found.document.root, files.resources())
    else:
        for new in files.new:
            changes.append(resources, new)
    _connect(changes, found, clips, files)
    return changes.made()


def _sounds(timeline: Timeline) -> int:
    return sum(track.kind == "audio" for track in timeline.tracks)


def _ids(found: Taken) -> set[str]:
    every = found.document.root.within()
    return {element.attributes["id"] for element in every if "id" in element.attributes}


def _old(found: Taken) -> bool:
    """Whether an asset says itself where its file is: up to version 1.8."""
    _, _, minor = found.document.root.attributes.get("version", "").partition(".")
    return minor.isdecimal() and int(minor) <= 8


def _mute(changes: Changes, found: Taken, muted: Iterable[int]) -> None:
    by_element: dict[Element, list[int]] = {}
    for number in sorted(muted):
        by_element.setdefault(found.places[number].element, []).append(number)
    for element, numbers in by_element.items():
        place = found.places[numbers[0]]
        if place.whole and len(numbers) == 1:
            other = "video" if place.kind == "audio" else "audio"
            changes.set_attribute(element, "srcEnable", other)
        else:
            changes.set_attribute(element, "enabled", "0")


def _connect(changes: Changes, found: Taken, clips: Sequence[Laid], files: Files) -> None:
    """Connect each clip to what of the storyline it begins at, or to a gap behind all of it."""
    rate = found.timeline.rate
    behind = max((anchor.end for anchor in found.anchors), default=Fraction(0))
    late: list[Laid] = []
    for clip in clips:
        record = clip.start / rate
        under = (a for a in found.anchors if a.clock.record <= record < a.end)
        anchor = next(under, None)
        if anchor is None:
            late.append(clip)
        else:
            local = anchor.clock.shows(record)
            _add_connected(changes, anchor.element, clip.element(files, local))
    if late:
        end = max(clip.end for clip in late) / rate
        gap = New("gap", name="Gap", offset=time(found.start + behind), start="0s")
        gap.set("duration", time(end - behind))
        gap.extend(clip.element(files, clip.start / rate - behind) for clip in late)
        spine = found.sequence.one("spine")
        assert spine is not None
        changes.append(spine, gap)
        if seconds(found.sequence, "duration", end) < end:
            changes.set_attribute(found.sequence, "duration", time(end))


def _add_connected(changes: Changes, parent: Element, new: New) -> None:
    before = [
        child
        for child in parent.children
        if child.tag in _BEFORE or child.tag in ITEMS or child.tag.startswith("adjust-")
    ]
    if before:
        changes.add_behind(before[-1], parent, new)
    elif parent.children:
        changes.add_first(parent, new)
    else:
        changes.append(parent, new)
