"""A timeline as every format can say it: tracks of clips, in exact seconds.

Record positions count from the timeline's first frame, source positions from a file's first picture
or sample; both are fractions of a second, and only a writer whose format counts frames rounds, once
for each boundary. This module must not know any format, nor whether a file is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePath
from typing import Literal

from stemmux.timebase import Timecode

TrackKind = Literal["video", "audio"]
#: What a clip shows: a range of a file, another timeline, or something that the editor makes.
ClipKind = Literal["file", "nested", "generator"]


@dataclass(frozen=True)
class Source:
    """A file as a document names it.

    Attributes:
        name: what the document calls it.
        target: its address as written there, a path or a URL; empty where it names none.
        start: seconds since midnight by the file's own timecode to its first picture.
        duration: seconds; None where the document does not say.
        rate: frames per second that the document counts it in; None where it does not say.
        channels: of its sound; None where the document does not say.
    """

    name: str
    target: str
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    rate: Fraction | None = None
    channels: int | None = None


@dataclass(frozen=True)
class Channel:
    """A channel of a file.

    Attributes:
        number: from 1, in the sound `sound` of the file; through all its sounds where that is None.
        sound: from 1.
    """

    number: int
    sound: int | None = None


@dataclass(frozen=True)
class Clip:
    """A clip on a track.

    Attributes:
        number: that a person names it by: counted through the whole timeline, from 1.
        source: None where no file is behind it.
        record: seconds from the timeline's first frame to its own. `duration`: seconds there.
        into: seconds from the source's first picture to what lies at `record`.
        speed: seconds of the source that pass in a second of the timeline, below 0 backwards; None
            where it changes on the way, or the document does not say it clearly.
        enabled: it is seen or heard.
        effects: names of what the editor does to it that a file alone does not show.
        channels: of its source that a sound plays; empty where the document does not say.
    """

    number: int
    name: str
    kind: ClipKind
    source: Source | None
    record: Fraction
    duration: Fraction
    into: Fraction = Fraction(0)
    speed: Fraction | None = Fraction(1)
    enabled: bool = True
    effects: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = ()

    @property
    def end(self) -> Fraction:
        """Seconds from the timeline's first frame to the clip's end."""
        return self.record + self.duration


@dataclass(frozen=True)
class Track:
    """A track and its clips, in the order of time.

    Attributes:
        number: from 1, among those of its kind; 1 is the lowest picture, the uppermost sound.
        name: empty where the document gives none.
        channels: of an audio track; None where the document does not say.
        enabled: it is seen or heard.
    """

    kind: TrackKind
    number: int
    name: str
    clips: tuple[Clip, ...]
    channels: int | None = None
    enabled: bool = True

    @property
    def label(self) -> str:
        """What a person calls it: V1, A2."""
        return f"{self.kind[0].upper()}{self.number}"


@dataclass(frozen=True)
class Timeline:
    """A timeline.

    Attributes:
        rate: frames per second.
        start: timecode of its first frame.
        tracks: pictures first, each kind from 1.
        size: width and height of its picture in pixels, where the document says so.
        sample_rate: of its sound in Hz, where the document says so.
        notes: sentences on what of the document could not be taken up.
    """

    name: str
    rate: Fraction
    start: Timecode
    tracks: tuple[Track, ...]
    size: tuple[int, int] | None = None
    sample_rate: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> Fraction:
        """Seconds to the end of its last clip."""
        return max((c.end for track in self.tracks for c in track.clips), default=Fraction(0))


@dataclass(frozen=True)
class StemClip:
    """A stem as it is to lie on a timeline.

    Attributes:
        name: of the clip there.
        path: of the file, absolute.
        record: seconds from the timeline's first frame. `duration`: seconds there.
        into: seconds of the file that are its handle before `record`.
        length: seconds of the whole file.
        start: seconds since midnight by the file's own timecode (`bext`) to its first sample.
        rate: Hz.
    """

    name: str
    path: str
    record: Fraction
    duration: Fraction
    into: Fraction
    length: Fraction
    start: Fraction
    rate: int
    channels: int

    @property
    def end(self) -> Fraction:
        """Seconds from the timeline's first frame to its end there."""
        return self.record + self.duration

    @property
    def source(self) -> Source:
        """Its file, as that of another clip."""
        name = PurePath(self.path).name
        return Source(name, self.path, self.start, self.length, None, self.channels)


@dataclass(frozen=True)
class StemTrack:
    """An audio track to be added below the others, with stems in the order of time."""

    name: str
    clips: tuple[StemClip, ...]

    @property
    def channels(self) -> int:
        """As many as the widest of its clips has."""
        return max(clip.channels for clip in self.clips)
