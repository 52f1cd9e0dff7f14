"""What a timeline's clips and stems become in FCP7 XML: whole frames of files, on rows.

This module must not know elements; `writing` makes them of what is laid out here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from soundmatte.timelines.errors import NotWritable
from soundmatte.timelines.laying import apart
from soundmatte.timelines.timeline import Clip, Source, StemTrack, Timeline, Track, TrackKind
from stemmux.timebase import nearest

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
            tuple(_pieces(track, timeline.rate, muted)),
        )
        for track in timeline.tracks
    ]


def stem_rows(stems: Sequence[StemTrack], rate: Fraction) -> list[Row]:
    """The tracks of stems."""
    return [
        Row("audio", stem.name, True, stem.channels, tuple(_stems(stem, rate))) for stem in stems
    ]


def _channels(track: Track) -> int:
    known = [c.source.channels for c in track.clips if c.source and c.source.channels]
    return track.channels or max(known, default=_PRESUMED_CHANNELS)


def _pieces(track: Track, rate: Fraction, muted: frozenset[int]) -> Iterator[Piece]:
    for place in apart(filter(carried, track.clips), rate):
        clip = place.clip
        assert clip.source is not None
        speed = clip.speed or Fraction(1)
        yield Piece(
            name=clip.name,
            source=clip.source,
            start=place.start,
            end=place.end,
            into=clip.into + place.late / rate * speed,
            speed=speed,
            enabled=clip.enabled and clip.number not in muted,
        )


def _stems(track: StemTrack, rate: Fraction) -> Iterator[Piece]:
    for place in apart(track.clips, rate):
        yield Piece(
            name=place.clip.name,
            source=place.clip.source,
            start=place.start,
            end=place.end,
            into=place.clip.into + place.late / rate,
            sample_rate=place.clip.rate,
        )
