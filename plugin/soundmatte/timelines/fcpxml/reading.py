"""FCPXML, read: the clips of one project laid on tracks, which the format does not have.

Lanes become tracks: of pictures the primary storyline is V1 unless something is connected below it,
of sounds the primary storyline's own are A1. What overlaps in one lane takes another track. A track
is called what all its clips' roles are called. This module must not know how such a document is
written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from soundmatte.timelines.errors import RateMissing, UnreadableTimeline
from soundmatte.timelines.fcpxml.elements import ITEMS, layer_above, layer_beside
from soundmatte.timelines.fcpxml.resources import Resources, seconds
from soundmatte.timelines.fcpxml.story import Anchor, Found, Story
from soundmatte.timelines.markup import Document, Element, opened
from soundmatte.timelines.timeline import Timeline, Track, TrackKind
from stemmux.timebase import Timecode, drops, frame_at

#: What a bundle (.fcpxmld) holds its document as.
_INFO = "Info.fcpxml"


@dataclass(frozen=True)
class Taken:
    """A timeline, and where it stands in its document.

    Attributes:
        places: number of a clip → what was found there.
        anchors: the primary storyline.
        start: what its time begins with, in seconds.
    """

    timeline: Timeline
    document: Document
    sequence: Element
    places: dict[int, Found]
    anchors: tuple[Anchor, ...]
    start: Fraction


def read(path: Path) -> Timeline:
    """The timeline in a document or bundle; of several projects, the first that has clips.

    Raises:
        UnreadableTimeline: no such document, or none that holds a project.
        HostileTimeline: it asks for more than a timeline needs.
        RateMissing: it does not say how many frames make a second.
    """
    return taken(path).timeline


def taken(path: Path) -> Taken:
    """The timeline in a document or bundle, with its place there."""
    document = opened(path / _INFO if path.is_dir() else path, "fcpxml")
    project, notes = _chosen(document, path)
    sequence = project.one("sequence")
    spine = sequence.one("spine") if sequence else None
    assert sequence is not None
    assert spine is not None
    resources = Resources(document.root)
    rate = resources.rate(sequence.attributes.get("format"))
    if rate is None:
        raise RateMissing(
            f"The project {project.attributes.get('name', '')!r} does not say its frame rate.",
            hint="Export it again from the editor, as FCPXML.",
        )
    start = seconds(sequence, "tcStart", Fraction(0))
    story = Story(resources)
    story.follow(spine, start, rate)
    tracks, places = _tracks(story.found)
    drop = sequence.attributes.get("tcFormat") == "DF" and drops(rate)
    timeline = Timeline(
        name=project.attributes.get("name") or path.stem,
        rate=rate,
        start=Timecode(frame_at(start, rate), rate, drop),
        tracks=tracks,
        size=resources.size(sequence.attributes.get("format")),
        sample_rate=_sample_rate(sequence.attributes.get("audioRate", "")),
        notes=notes,
    )
    return Taken(timeline, document, sequence, places, tuple(story.anchors), start)


def _chosen(document: Document, path: Path) -> tuple[Element, tuple[str, ...]]:
    """The project to be read, and a note on the others."""
    projects = [
        element
        for element in document.root.within()
        if element.tag == "project" and element.one("sequence", "spine")
    ]
    if not projects:
        raise UnreadableTimeline(
            f"{path.name} holds no project, only clips or events.",
            hint="Export a project (a timeline) from the editor.",
        )
    projects.sort(key=lambda project: not _has_clips(project))
    names = [repr(project.attributes.get("name", "")) for project in projects]
    if not names[1:]:
        return projects[0], ()
    more = f" and {len(names) - 6} more" if names[6:] else ""
    return projects[0], (
        f"Only the project {names[0]} was read, not {', '.join(names[1:6])}{more}.",
    )


def _has_clips(project: Element) -> bool:
    return any(element.tag in ITEMS and element.tag != "gap" for element in project.within())


def _sample_rate(text: str) -> int | None:
    found = re.fullmatch(r"(\d{2,3}(?:\.\d)?)k", text)
    return int(Fraction(found[1]) * 1000) if found else None


def _tracks(found: Sequence[Found]) -> tuple[tuple[Track, ...], dict[int, Found]]:
    """The tracks, their clips counted, and what each clip was found as."""
    tracks: list[Track] = []
    places: dict[int, Found] = {}
    kinds: tuple[TrackKind, ...] = ("video", "audio")
    for kind in kinds:
        order = layer_above if kind == "video" else layer_beside
        of_kind = [one for one in found if one.kind == kind]
        layers = sorted({one.layer for one in of_kind}, key=order)
        rows = [
            row for layer in layers for row in _rows([one for one in of_kind if one.layer == layer])
        ]
        for number, row in enumerate(rows, 1):
            clips = []
            for one in row:
                clips.append(replace(one.clip, number=len(places) + 1))
                places[len(places) + 1] = one
            roles = {one.role for one in row}
            name = roles.pop() if len(roles) == 1 else ""
            tracks.append(Track(kind, number, name, tuple(clips)))
    return tuple(tracks), places


def _rows(layer: Sequence[Found]) -> list[list[Found]]:
    """What lies in one layer, apart where it overlaps."""
    rows: list[list[Found]] = []
    for one in sorted(layer, key=lambda each: each.clip.record):
        free = (row for row in rows if row[-1].clip.end <= one.clip.record)
        row = next(free, None)
        if row is None:
            rows.append([one])
        else:
            row.append(one)
    return rows
