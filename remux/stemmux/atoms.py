"""Atoms: the nested boxes that QuickTime and MP4 files are made of, read and built.

Sizes are never believed: an atom lies within what holds it, or the file is unreadable. Layout:
Apple's QuickTime File Format and ISO/IEC 14496-12. This module must not know what an atom means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stemmux.errors import UnreadableMedia

#: More atoms than this beside one another are no movie.
_MOST = 10_000
_SMALL, _LARGE = 8, 16
_HINT = "Was it copied completely?"


@dataclass(frozen=True)
class Atom:
    """One atom, in bytes from the start of the file, or of the data, that holds it.

    Attributes:
        kind: its type, four bytes.
        head: length of its header, 8 or 16.
        end: the byte after its last.
        open_ended: its header gives no size: it goes on to the end of the file.
    """

    kind: bytes
    start: int
    head: int
    end: int
    open_ended: bool = False

    @property
    def body(self) -> int:
        """Where its contents start."""
        return self.start + self.head

    def of(self, data: bytes) -> bytes:
        """The whole atom out of the data that holds it."""
        return data[self.start : self.end]

    def contents(self, data: bytes) -> bytes:
        """What is in it, without its header."""
        return data[self.body : self.end]


def top_level(file: BinaryIO, size: int) -> Iterator[Atom]:
    """The outermost atoms of a file of `size` bytes; together they fill it.

    Raises:
        UnreadableMedia: an atom breaks off, or there is something that is no atom.
    """
    position = 0
    for _ in range(_MOST):
        if position == size:
            return
        file.seek(position)
        atom = _atom(file.read(_LARGE), position, size, whole_file=True)
        yield atom
        position = atom.end
    raise UnreadableMedia("The file is cut into too many pieces.", hint=_HINT)


def children(data: bytes, start: int, end: int) -> Iterator[Atom]:
    """The atoms that lie beside one another in `data[start:end]`.

    A closing zero of four bytes, as QuickTime puts behind user data, ends them.

    Raises:
        UnreadableMedia: as for `top_level`.
    """
    position = start
    for _ in range(_MOST):
        if position == end or data[position:end] == bytes(4):
            return
        atom = _atom(data[position : min(position + _LARGE, end)], position, end, whole_file=False)
        yield atom
        position = atom.end
    raise UnreadableMedia("The file's index is cut into too many pieces.", hint=_HINT)


def child(data: bytes, parent: Atom, *path: bytes) -> Atom | None:
    """The first atom at the end of a path of types inside `parent`, or None.

    Raises:
        UnreadableMedia: what is looked through is damaged.
    """
    found: Atom | None = parent
    for kind in path:
        if found is None:
            return None
        inside = children(data, found.body, found.end)
        found = next((atom for atom in inside if atom.kind == kind), None)
    return found


def _atom(head: bytes, position: int, limit: int, *, whole_file: bool) -> Atom:
    if len(head) < _SMALL:
        raise UnreadableMedia("The file ends in bytes that belong to nothing.", hint=_HINT)
    size, kind = struct.unpack_from(">I4s", head)
    length, open_ended = _SMALL, False
    if size == 1 and len(head) >= _LARGE:
        size, length = struct.unpack_from(">Q", head, _SMALL)[0], _LARGE
    elif size == 0 and whole_file:
        size, open_ended = limit - position, True
    if not _is_kind(kind) or size < length:
        raise UnreadableMedia("There is something in the file that is no movie.", hint=_HINT)
    if position + size > limit:
        raise UnreadableMedia("The file breaks off.", hint=_HINT)
    return Atom(kind, position, length, position + size, open_ended)


def _is_kind(kind: bytes) -> bool:
    """Types are text, in an alphabet of the Macintosh's; what is not comes from damage."""
    return all(32 <= sign != 127 for sign in kind)


def atom(kind: bytes, *parts: bytes) -> bytes:
    """An atom with these contents, shorter than 4 GiB."""
    body = b"".join(parts)
    return struct.pack(">I4s", _SMALL + len(body), kind) + body


def full_atom(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """An atom that starts with a version and 24 bits of flags."""
    return atom(kind, struct.pack(">I", version << 24 | flags), *parts)


def long_head(kind: bytes, contents: int) -> bytes:
    """The header of an atom of any size, for `contents` bytes to follow."""
    return struct.pack(">I4sQ", 1, kind, _LARGE + contents)
