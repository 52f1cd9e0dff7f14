"""Where a sound comes from: the `bext` and `iXML` chunks of a Broadcast WAV.

`bext` (EBU Tech 3285) holds the place on the clock and, once it was measured, the loudness; `iXML`
(Gallery, version 1.61) holds the names of the channels and the frame rate of the timecode. The two
are made from one record, since editors that find them at odds believe one or the other. Nothing in
them comes from this machine's clock. This module must not know samples.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from stemmux.errors import UnreadableMedia

if TYPE_CHECKING:
    from stemmux.loudness import Loudness

#: Where the loudness begins in `bext`, behind the version (2 bytes) and the UMID (64).
_VERSION_AT, _LOUDNESS_AT = 346, 412
#: What stands in `bext` for a loudness that is not known.
_UNKNOWN = 0x7FFF
#: Chunks of a file that are looked through for one.
_MOST_CHUNKS = 100
#: What XML 1.0 cannot hold, and line breaks, which no name should.
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029]")
#: Channels as mixing desks call them.
_NAMES = {"FL": "L", "FR": "R", "FC": "C", "LFE": "LFE", "BC": "Cs"}
#: Surrounds are the only pair of 5.1, and one of two pairs of 7.1.
_ONE_PAIR = {"SL": "Ls", "SR": "Rs", "BL": "Ls", "BR": "Rs"}
_TWO_PAIRS = {"SL": "Lss", "SR": "Rss", "BL": "Lsr", "BR": "Rsr"}


@dataclass(frozen=True)
class Origination:
    """What a file says of its origin.

    Attributes:
        description: free text, up to 256 ASCII characters.
        time_reference: samples from midnight to the first sample.
        date, time: `YYYY-MM-DD` and `HH:MM:SS` of the recording. Taken from the clip, never from
            the clock, so that the same work gives the same bytes.
        title: the name of the track, from which the channels get theirs.
        tracks: the name of each channel, where they are not of one track.
        project: the name of the production.
        timecode_rate: frames per second of the clip's timecode, None where it has none. Without a
            rate nothing is said of speed: Final Cut plays a file slower or faster if its rate is
            not that of the project.
        drop_frame: whether that timecode is drop-frame.
    """

    description: str = ""
    time_reference: int = 0
    date: str = ""
    time: str = ""
    title: str = ""
    tracks: tuple[str, ...] = ()
    project: str = ""
    timecode_rate: Fraction | None = None
    drop_frame: bool = False

    def bext(self) -> bytes:
        """The body of version 1 of the chunk, without coding history."""
        return (
            _text(self.description, 256)
            + _text("Soundmatte", 32)
            + _text("", 32)
            + _text(self.date, 10)
            + _text(self.time, 8)
            + struct.pack("<QH", self._since_midnight, 1)
            + bytes(64 + 190)
        )

    def ixml(self, rate: int, bits: int, speakers: Sequence[str]) -> bytes:
        """The body of the chunk: a small XML document.

        Args:
            rate: Hz.
            bits: of a sample.
            speakers: of each channel; one that has no usual short name is numbered.
        """
        names = list(self.tracks) or channel_names(self.title, speakers)
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            "<BWFXML>",
            _tag("IXML_VERSION", "1.61"),
            *([_tag("PROJECT", self.project)] if self.project else []),
            "<SPEED>",
            *self._speed(),
            _tag("FILE_SAMPLE_RATE", rate),
            _tag("AUDIO_BIT_DEPTH", bits),
            _tag("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI", self._since_midnight >> 32),
            _tag("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO", self._since_midnight & 0xFFFFFFFF),
            _tag("TIMESTAMP_SAMPLE_RATE", rate),
            "</SPEED>",
            "<TRACK_LIST>",
            _tag("TRACK_COUNT", len(names)),
        ]
        for number, name in enumerate(names, start=1):
            parts = [_tag("CHANNEL_INDEX", number), _tag("INTERLEAVE_INDEX", number)]
            parts += [_tag("NAME", name)] if name else []
            lines.append(f"<TRACK>{''.join(parts)}</TRACK>")
        body = "\n".join([*lines, "</TRACK_LIST>", "</BWFXML>", ""]).encode()
        # libsndfile overlooks the padding of odd chunks in RF64 files.
        return body + b"\n" * (len(body) % 2)

    @property
    def _since_midnight(self) -> int:
        return max(0, self.time_reference)

    def _speed(self) -> Iterator[str]:
        if self.timecode_rate is None:
            return
        rate = f"{self.timecode_rate.numerator}/{self.timecode_rate.denominator}"
        yield _tag("MASTER_SPEED", rate)
        yield _tag("CURRENT_SPEED", rate)
        yield _tag("TIMECODE_RATE", rate)
        yield _tag("TIMECODE_FLAG", "DF" if self.drop_frame else "NDF")


def channel_names(title: str, speakers: Sequence[str]) -> list[str]:
    """A name for each channel of a track: "Target: dog Ls"; of one channel it is the title."""
    if len(speakers) == 1:
        return [title]
    pairs = _TWO_PAIRS if {"SL", "BL"} <= set(speakers) else _ONE_PAIR
    names = _NAMES | pairs
    return [
        f"{title} {names.get(speaker, number)}".strip()
        for number, speaker in enumerate(speakers, start=1)
    ]


def _tag(name: str, value: object) -> str:
    return f"<{name}>{escape(_NO_TEXT.sub(' ', str(value)))}</{name}>"


def _text(value: str, size: int) -> bytes:
    return value.encode("ascii", "replace")[:size].ljust(size, b"\0")


def stamp_loudness(path: Path, loudness: Loudness) -> None:
    """Write the loudness of a finished file into its `bext` chunk, which becomes version 2.

    Values are hundredths (EBU Tech 3285, version 2). Not one sample is touched.

    Raises:
        UnreadableMedia: the file has no `bext` chunk.
    """
    values = (
        loudness.integrated_lufs,
        loudness.range_lu,
        loudness.true_peak_dbtp,
        loudness.max_momentary_lufs,
        loudness.max_short_term_lufs,
    )
    place = _bext_place(path)
    with path.open("r+b") as file:
        file.seek(place + _VERSION_AT)
        file.write(struct.pack("<H", 2))
        file.seek(place + _LOUDNESS_AT)
        file.write(struct.pack("<5h", *map(_hundredths, values)))


def _hundredths(value: float) -> int:
    known = math.isfinite(value) and abs(value) < 100
    return round(value * 100) if known else _UNKNOWN


def _bext_place(path: Path) -> int:
    """Where the body of the `bext` chunk begins, in bytes."""
    with path.open("rb") as file:
        position = 12
        for _ in range(_MOST_CHUNKS):
            file.seek(position)
            name, size = struct.unpack("<4sI", file.read(8).ljust(8, b"\0"))
            if name == b"bext" and size >= 602:
                return position + 8
            position += 8 + size + size % 2
    raise UnreadableMedia(
        f"{path.name} has no bext chunk.", hint="Name a Broadcast WAV file that was written here."
    )
