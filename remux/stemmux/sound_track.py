"""A sound track of plain samples, as a QuickTime `trak` atom.

Described by version 2 of the sound description, which gives any rate, width and number of channels
as they are, little-endian as in a WAV file (Apple, QuickTime File Format). The track starts at the
movie's own zero and has no edit list: what comes later starts with silence, which is exact to the
sample whatever the movie's clock. This module must not know files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stemmux.atoms import atom, full_atom

#: Samples of a track are counted in 32 bits, of which the highest count means "not known".
MOST_FRAMES = 0xFFFFFFFE
#: Enabled, in the movie, in its preview.
_IN_USE, _UNUSED = 0b111, 0b110
#: No turning: the unit matrix in 16.16 and 2.30 fixed point.
_UPRIGHT = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_FULL_VOLUME = 0x100
#: `und`, five bits a letter: what is heard need not be language.
_NO_LANGUAGE = 0x55C4
#: Sample format flags of Core Audio; big-endian and planar are other bits, and not set.
_FLOATS, _INTEGERS, _NO_GAPS = 1, 4, 8
#: Channel layouts of Core Audio: its tag in the upper half, the number of channels in the lower.
_MONO, _STEREO, _BITMAP, _NO_PLACES = 100 << 16, 101 << 16, 1 << 16, 147 << 16
#: What mono and stereo mean in bits of WAVE_FORMAT_EXTENSIBLE; Core Audio's bits are the same.
_CENTRE, _LEFT_RIGHT = 0x4, 0x3
_SPEAKER_BITS = 18


@dataclass(frozen=True)
class SoundTrack:
    """One track to be written.

    Attributes:
        number: the track's own.
        rate: in Hz.
        bits: of a sample of one channel; floats where `floating`.
        speakers: one bit for each, as WAVE_FORMAT_EXTENSIBLE counts; 0 if not known.
        chunks: first byte in the file and number of samples of every stretch of the track.
        enabled: players use it unasked.
        group: shared with tracks of which a player plays one; 0 for none.
        stamps: when it was made and last changed (s since 1904).
    """

    number: int
    title: str
    rate: int
    channels: int
    bits: int
    floating: bool
    speakers: int
    chunks: Sequence[tuple[int, int]]
    enabled: bool
    group: int
    stamps: tuple[int, int]

    @property
    def frames(self) -> int:
        """Samples of every channel."""
        return sum(count for _, count in self.chunks)

    @property
    def length(self) -> Fraction:
        """Seconds."""
        return Fraction(self.frames, self.rate)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8

    def trak(self, timescale: int) -> bytes:
        """The atom, for a movie whose clock has `timescale` units in a second."""
        media = atom(b"mdia", self._media_head(), self._handler(), self._media())
        head = self._head(math.ceil(self.length * timescale))
        return atom(b"trak", head, media)

    def _head(self, units: int) -> bytes:
        long = max(units, *self.stamps) >= 1 << 32
        form = ">QQIIQ" if long else ">IIIII"
        return full_atom(
            b"tkhd",
            int(long),
            _IN_USE if self.enabled else _UNUSED,
            struct.pack(form, *self.stamps, self.number, 0, units),
            bytes(8),
            struct.pack(">hHhh", 0, self.group, _FULL_VOLUME, 0),
            _UPRIGHT,
            bytes(8),
        )

    def _media_head(self) -> bytes:
        long = max(self.stamps) >= 1 << 32
        form = ">QQIQHH" if long else ">IIIIHH"
        fields = (*self.stamps, self.rate, self.frames, _NO_LANGUAGE, 0)
        return full_atom(b"mdhd", int(long), 0, struct.pack(form, *fields))

    def _handler(self) -> bytes:
        """What handles the media, by whose name readers know the track.

        User data would hold the title too, but some readers take it for the whole movie's.
        """
        return full_atom(b"hdlr", 0, 0, b"mhlrsoun", bytes(12), _counted(self.title))

    def _media(self) -> bytes:
        here = full_atom(b"url ", 0, 1)
        return atom(
            b"minf",
            full_atom(b"smhd", 0, 0, bytes(4)),
            full_atom(b"hdlr", 0, 0, b"dhlrurl ", bytes(12), _counted("")),
            atom(b"dinf", full_atom(b"dref", 0, 0, struct.pack(">I", 1), here)),
            atom(b"stbl", self._description(), *self._tables()),
        )

    def _description(self) -> bytes:
        flags = (_FLOATS if self.floating else _INTEGERS) | _NO_GAPS
        fields = struct.pack(
            ">6xHHHIHHHHIIdIIIIII",
            *(1, 2, 0, 0),  # data reference, version, revision, vendor
            *(3, 16, 0xFFFE, 0, 0x10000),  # what version 2 has in the places of version 0
            *(72, float(self.rate), self.channels, 0x7F000000),
            *(self.bits, flags, self.frame_bytes, 1),
        )
        layout = full_atom(b"chan", 0, 0, struct.pack(">III", *self._layout(), 0))
        return full_atom(b"stsd", 0, 0, struct.pack(">I", 1), atom(b"lpcm", fields, layout))

    def _layout(self) -> tuple[int, int]:
        """Core Audio's tag, and the speakers' bits where the tag says that they follow."""
        if self.channels == 1 and self.speakers in (0, _CENTRE):
            return _MONO | 1, 0
        if self.channels == 2 and self.speakers in (0, _LEFT_RIGHT):
            return _STEREO | 2, 0
        if self.speakers.bit_count() == self.channels and not self.speakers >> _SPEAKER_BITS:
            return _BITMAP, self.speakers
        return _NO_PLACES | self.channels, 0

    def _tables(self) -> list[bytes]:
        """Every sample lasts one unit and has one size; where the chunks lie, in 64 bits."""
        runs: list[tuple[int, int, int]] = []
        for number, (_, count) in enumerate(self.chunks, 1):
            if not runs or runs[-1][1] != count:
                runs.append((number, count, 1))
        places = [place for place, _ in self.chunks]
        return [
            full_atom(b"stts", 0, 0, struct.pack(">III", 1, self.frames, 1)),
            full_atom(b"stsc", 0, 0, *_counted_rows(">III", runs)),
            full_atom(b"stsz", 0, 0, struct.pack(">II", self.frame_bytes, self.frames)),
            full_atom(b"co64", 0, 0, *_counted_rows(">Q", [(place,) for place in places])),
        ]


def _counted_rows(form: str, rows: Sequence[tuple[int, ...]]) -> list[bytes]:
    return [struct.pack(">I", len(rows)), *(struct.pack(form, *row) for row in rows)]


def _counted(text: str) -> bytes:
    """At most 255 bytes of text behind a byte that counts them; no letter is cut in two."""
    kept = text.encode("utf-8", "replace")[:255].decode("utf-8", "ignore").encode()
    return bytes([len(kept)]) + kept
