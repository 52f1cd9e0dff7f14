"""The index of a QuickTime movie: judged, and made again with more tracks in it.

Only files whose index can grow without anything else being touched pass; all others are
`NotAppendable`, each with its reason. This module must not know what the new tracks hold.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from stemmux.atoms import Atom, atom, child, children, top_level
from stemmux.errors import NotAppendable, UnreadableMedia

#: The index of a day of film is smaller (bytes).
_LARGEST_INDEX = 1 << 29
_LARGEST = 0xFFFFFFFF
_FRAGMENTS = {b"moof", b"mfra", b"sidx", b"ssix", b"styp"}
#: Sample descriptions of what only a key opens.
_LOCKED = {b"encv", b"enca", b"enct", b"encs", b"drms", b"drmi", b"drmt"}
#: QuickTime's own brand. MP4 has others, under which readers take plain samples for something else.
_BRAND = b"qt  "
#: More of a list of brands is not looked at (bytes).
_MOST_BRANDS = 1024
#: A track's sound or picture is used, in its header's flags.
_ENABLED = 1


@dataclass(frozen=True)
class Track:
    """A track that is there: its number, and where in the index its flags lie.

    `group` is shared by tracks of which a player plays one; 0 for none.
    """

    number: int
    sound: bool
    group: int
    flags_at: int


@dataclass(frozen=True)
class Movie:
    """A file whose index can be made again at its end.

    Attributes:
        size: of the file, in bytes.
        atoms: its outermost atoms.
        index: the whole `moov` atom.
        timescale: units of the movie's clock in a second.
        brand: what must change for the file to be a QuickTime movie by its own word.
        stamps: when it was made and last changed (s since 1904).
    """

    size: int
    atoms: tuple[Atom, ...]
    brand: tuple[tuple[int, bytes], ...]
    index: bytes
    timescale: int
    stamps: tuple[int, int]
    tracks: tuple[Track, ...]

    def changes(self) -> list[tuple[int, bytes]]:
        """What must change among the bytes that are there: positions, and bytes of equal length.

        The old index becomes free space; where the last atom gives no size, it gets one; an MP4
        file is given QuickTime's brand, which is what it has become.
        """
        found = list(self.brand)
        for one in self.atoms:
            kind = b"free" if one.kind == b"moov" else one.kind
            size = one.end - one.start if one.open_ended else None
            if size is not None:
                found.append((one.start, struct.pack(">I", size)))
            if kind != one.kind:
                found.append((one.start + 4, kind))
        return found

    def free_numbers(self, count: int) -> range:
        """Numbers for `count` new tracks, behind all that are taken.

        Raises:
            NotAppendable: there are none left.
        """
        first = max((track.number for track in self.tracks), default=0) + 1
        if first + count > _LARGEST:
            raise NotAppendable("The file has no number left for another track.")
        return range(first, first + count)

    def extended(
        self, traks: Sequence[bytes], *, length: Fraction, enabled: bool | None = None
    ) -> bytes:
        """The index with more `trak` atoms behind those that are there.

        Args:
            length: how long the new tracks last (s); the movie lasts as long at least.
            enabled: switch the movie's own sound on or off; None leaves it as it is.

        Raises:
            NotAppendable: the index cannot hold that.
        """
        index = bytearray(self.index)
        if enabled is not None:
            self._switch(index, enabled)
        parts = list(children(self.index, *_inside(self.index)))
        header = next(part for part in parts if part.kind == b"mvhd")
        self._head(index, header, len(traks), math.ceil(length * self.timescale))
        behind = max(part.end for part in parts if part.kind == b"trak")
        begin, end = _inside(self.index)
        if end - begin + sum(map(len, traks)) > _LARGEST_INDEX:
            raise NotAppendable("The index of the file would grow too large.")
        return atom(b"moov", bytes(index[begin:behind]), *traks, bytes(index[behind:end]))

    def _switch(self, index: bytearray, enabled: bool) -> None:
        for track in self.tracks:
            if track.sound:
                kept = index[track.flags_at] & ~_ENABLED
                index[track.flags_at] = kept | (_ENABLED if enabled else 0)

    def _head(self, index: bytearray, header: Atom, count: int, units: int) -> None:
        clock = _Clock.read(self.index, header)
        if clock.duration != clock.unknown and units > clock.duration:
            if units >= clock.unknown:
                raise NotAppendable("The stems are longer than the clock of the file goes.")
            struct.pack_into(clock.form, index, clock.duration_at, units)
        behind = self.free_numbers(count).stop
        # Where it stands at its largest, the number is searched for and not counted (14496-12).
        if clock.next_track < behind:
            struct.pack_into(">I", index, header.end - 4, behind)


@dataclass(frozen=True)
class _Clock:
    """What a movie header says; the next track's number is its last four bytes."""

    stamps: tuple[int, int]
    timescale: int
    duration: int
    duration_at: int
    form: str
    next_track: int

    @property
    def unknown(self) -> int:
        """The duration that means that there is none."""
        return (1 << 8 * struct.calcsize(self.form)) - 1

    @staticmethod
    def read(index: bytes, header: Atom) -> _Clock:
        long = index[header.body : header.body + 1] == b"\1"
        form, size = (">QQIQ", 112) if long else (">IIII", 100)
        if header.end - header.body != size or index[header.body] > 1:
            raise NotAppendable("The head of the file's index has a form that is not known.")
        created, modified, timescale, duration = struct.unpack_from(form, index, header.body + 4)
        if timescale == 0:
            raise NotAppendable("The file has no clock.")
        return _Clock(
            (created, modified),
            timescale,
            duration,
            header.body + (24 if long else 16),
            ">Q" if long else ">I",
            struct.unpack_from(">I", index, header.end - 4)[0],
        )


def read_movie(file: BinaryIO, size: int) -> Movie:
    """Read the index of an open file of `size` bytes.

    Raises:
        NotAppendable: there is none, it is damaged, or it is of a kind that cannot grow.
    """
    try:
        atoms = tuple(_sound_atoms(file, size))
        brand = tuple(_rebranded(file, atoms))
        place = next(one for one in atoms if one.kind == b"moov")
        file.seek(place.start)
        index = file.read(place.end - place.start)
        if len(index) != place.end - place.start:
            raise NotAppendable("The file breaks off.")
        begin, end = _inside(index)
        parts = list(children(index, begin, end))
        clock = _Clock.read(index, _only(parts, b"mvhd"))
        tracks = tuple(_track(index, part) for part in parts if part.kind == b"trak")
    except UnreadableMedia as error:
        raise NotAppendable(str(error)) from error
    kinds = {part.kind for part in parts}
    if b"mvex" in kinds:
        raise NotAppendable("The file is in fragments.")
    if not tracks:
        raise NotAppendable("The index of the file holds no tracks.")
    return Movie(size, atoms, brand, index, clock.timescale, clock.stamps, tracks)


def _sound_atoms(file: BinaryIO, size: int) -> Iterator[Atom]:
    """The outermost atoms, if they are those of a whole movie with one index."""
    seen: list[bytes] = []
    for one in top_level(file, size):
        if one.kind in _FRAGMENTS:
            raise NotAppendable("The file is in fragments.")
        if one.kind in (b"moov", b"ftyp") and one.kind in seen:
            raise NotAppendable("The file holds more than one movie.")
        if one.kind == b"moov" and one.end - one.start > _LARGEST_INDEX:
            raise NotAppendable("The index of the file is too large.")
        if one.open_ended and one.end - one.start > _LARGEST:
            raise NotAppendable("The last part of the file is too large to be given a size.")
        seen.append(one.kind)
        yield one
    if b"moov" not in seen:
        raise NotAppendable("The file has no index, or is no QuickTime movie.")


def _rebranded(file: BinaryIO, atoms: Sequence[Atom]) -> Iterator[tuple[int, bytes]]:
    """QuickTime's brand in place of the main one, and of the first that the file is said to fit."""
    kind = next((one for one in atoms if one.kind == b"ftyp"), None)
    if kind is None:
        return  # older than brands are: then it is QuickTime's
    file.seek(kind.body)
    brands = file.read(min(kind.end - kind.body, _MOST_BRANDS))
    if len(brands) < 8:
        raise NotAppendable("The file does not say what it is.")
    if brands[:4] == _BRAND:
        return
    yield kind.body, _BRAND
    fits = [brands[place : place + 4] for place in range(8, len(brands) - 3, 4)]
    if fits and _BRAND not in fits:
        yield kind.body + 8, _BRAND


def _inside(index: bytes) -> tuple[int, int]:
    """Where the contents of an atom that fills `index` begin and end."""
    return (16 if index[:4] == b"\0\0\0\1" else 8), len(index)


def _only(parts: Sequence[Atom], kind: bytes) -> Atom:
    found = [part for part in parts if part.kind == kind]
    if len(found) != 1:
        raise NotAppendable("The index of the file is packed, or of an unknown form.")
    return found[0]


def _track(index: bytes, trak: Atom) -> Track:
    head = child(index, trak, b"tkhd")
    handler = child(index, trak, b"mdia", b"hdlr")
    if head is None or handler is None:
        raise NotAppendable("A track of the file has no head.")
    long = index[head.body : head.body + 1] == b"\1"
    number_at, group_at = (20, 46) if long else (12, 34)
    fields = head.contents(index)
    kind = handler.contents(index)[8:12]
    if len(fields) != (96 if long else 84) or len(kind) != 4:
        raise NotAppendable("A track of the file has a head of an unknown form.")
    _refuse_locked(index, trak)
    _refuse_elsewhere(index, trak)
    return Track(
        number=struct.unpack_from(">I", fields, number_at)[0],
        sound=kind == b"soun",
        group=struct.unpack_from(">H", fields, group_at)[0],
        flags_at=head.body + 3,
    )


def _refuse_locked(index: bytes, trak: Atom) -> None:
    found = child(index, trak, b"mdia", b"minf", b"stbl", b"stsd")
    if found is not None and found.end - found.body >= 8:
        kinds = {one.kind for one in children(index, found.body + 8, found.end)}
        if kinds & _LOCKED:
            raise NotAppendable("The file is encrypted.")


def _refuse_elsewhere(index: bytes, trak: Atom) -> None:
    """A track may name other files to find its samples in; beside this one, they would move."""
    found = child(index, trak, b"mdia", b"minf", b"dinf", b"dref")
    if found is not None and found.end - found.body >= 8:
        for one in children(index, found.body + 8, found.end):
            if not int.from_bytes(one.contents(index)[:4], "big") & 1:
                raise NotAppendable("Samples of the file lie in another file.")
