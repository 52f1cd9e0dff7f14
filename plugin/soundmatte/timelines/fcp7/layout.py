"""What a timeline's clips and stems become in FCP7 XML: whole frames of files, on rows.

This module must not know elements; `writing` makes them of what is laid out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePath

from soundmatte.timelines.errors import NotWritable
from soundmatte.timelines.timeline import (
    Clip,
    Source,
    StemClip,
    StemTrack,
    Timeline,
    Track,
    TrackKind,
)
from stemmux.timebase import frame_at, nearest

#: Channels of a track where nobody says how many its files have.
_PRESUMED_CHANNELS = 2


@dataclass(frozen=True)
class Piece:
    """A range of a file on a row.

    Attributes:
        start, end: frames of the timeline.
        into: seconds of the file before `start`, at normal speed.
        sample_rate: of its sound in Hz; None where it is not known.
    """

    name: str
    source: Source
    start: int
    end: int
    into: Fraction
    speed: Fraction = Fraction(1)
    enabled: bool = True
    sample_rate: int | None = None


@dataclass(frozen=True)
class Row:
    """A track, and what lies on it."""

    kind: TrackKind
    name: str
    enabled: bool
    channels: int
    pieces: tuple[Piece, ...]


def sayable(rate: Fraction) -> bool:
    """Whether the format can say a rate: a whole one, or the NTSC sister of one."""
    return rate in (nearest(rate), nearest(rate) * Fraction(1000, 1001))


def timebase(rate: Fraction) -> tuple[int, bool]:
    """A rate as the format says it: frames per second, and whether they take 1001/1000 of it.

    Raises:
        NotWritable: the format cannot say it.
    """
    if not sayable(rate):
        raise NotWritable(
            f"FCP7 XML cannot say {float(rate):.6g} frames per second.",
            hint="Write another format: --format otio.",
        )
    return nearest(rate), rate.denominator != 1


def carried(clip: Clip) -> bool:
    """Whether a clip can be written at all."""
    if clip.kind != "file" or clip.source is None or not clip.speed:
        return False
    return clip.speed > 0 or clip.source.duration is not None


def rows(timeline: Timeline, muted: frozenset[int]) -> list[Row]:
    """The timeline's own tracks."""
    return [
        Row(
            track.kind,
            track.name,
            track.enabled,
            _channels(track),
            tuple(_apart(_pieces(track, timeline.rate, muted), timeline.rate)),
        )
        for track in timeline.tracks
    ]


def stem_rows(stems: Sequence[StemTrack], rate: Fraction) -> list[Row]:
    """The tracks of stems."""
    return [
        Row(
            "audio",
            s.name,
            True,
            s.channels,
            tuple(_apart((_stem(c, rate) for c in s.clips), rate)),
        )
        for s in stems
    ]


def overlapping(track: Track) -> bool:
    """Whether clips of a track lie over one another."""
    return any(b.record < a.end for a, b in zip(track.clips, track.clips[1:], strict=False))


def _channels(track: Track) -> int:
    known = [c.source.channels for c in track.clips if c.source and c.source.channels]
    return track.channels or max(known, default=_PRESUMED_CHANNELS)


def _pieces(track: Track, rate: Fraction, muted: frozenset[int]) -> Iterator[Piece]:
    for clip in track.clips:
        if carried(clip) and clip.source:
            yield Piece(
                name=clip.name,
                source=clip.source,
                start=frame_at(clip.record, rate),
                end=frame_at(clip.end, rate),
                into=clip.into,
                speed=clip.speed or Fraction(1),
                enabled=clip.enabled and clip.number not in muted,
            )


def _stem(clip: StemClip, rate: Fraction) -> Piece:
    name = PurePath(clip.path).name
    return Piece(
        name=clip.name,
        source=Source(name, clip.path, clip.start, clip.length, None, clip.channels),
        start=frame_at(clip.record, rate),
        end=frame_at(clip.record + clip.duration, rate),
        into=clip.into,
        sample_rate=clip.rate,
    )


def _apart(pieces: Iterator[Piece], rate: Fraction) -> Iterator[Piece]:
    """The pieces without what lies under the one before, which no track can hold."""
    free = 0
    for piece in pieces:
        if piece.end <= max(free, piece.start):
            continue
        late = max(0, free - piece.start)
        yield replace(piece, start=piece.start + late, into=piece.into + late / rate * piece.speed)
        free = piece.end
