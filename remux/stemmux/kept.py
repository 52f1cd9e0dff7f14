"""Whether a file that stems were appended to still is the clip, byte for byte.

Stronger and cheaper than hashes of what is decoded: all of the clip's bytes lie where they lay, and
its index is in the new index, so every reader finds the same packets at the same times. Both files
are read anew from the disk. This module must not know how the file was written.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stemmux.atoms import Atom, children, top_level
from stemmux.errors import UnreadableMedia, VerificationFailed

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

_BLOCK = 4 << 20
#: Where a track's header keeps its flags, in bytes from its start; one bit is "enabled".
_FLAGS_AT = 11
_ENABLED = 1


def check_kept(clip: Path, written: Path, *, progress: Progress | None = None) -> None:
    """Compare a file with the clip that stems were appended to.

    What may differ: the type of the old index, brands, and the size of a last part that had none;
    in the new index, the movie's head, and whether a track is switched on.

    Raises:
        VerificationFailed: anything else does.
    """
    try:
        with clip.open("rb") as before, written.open("rb") as after:
            sizes = [file.seek(0, os.SEEK_END) for file in (before, after)]
            old = list(top_level(before, sizes[0]))
            new = list(top_level(after, sizes[1]))
            _compare_layout(old, new)
            _compare_index(_index(before, old), _index(after, new))
            _compare_bytes(before, after, old, progress)
    except UnreadableMedia as error:
        raise VerificationFailed(f"The file cannot be read back: {error}") from error


def _compare_layout(old: Sequence[Atom], new: Sequence[Atom]) -> None:
    """The clip's atoms come first, and behind them the samples of the stems and the index."""
    places = [(atom.start, atom.head, atom.end) for atom in old]
    kinds = [b"free" if atom.kind == b"moov" else atom.kind for atom in old]
    kept = new[: len(old)]
    same = [(atom.start, atom.head, atom.end) for atom in kept] == places
    if not same or [atom.kind for atom in new] != [*kinds, b"mdat", b"moov"]:
        raise VerificationFailed("The parts of the file do not lie where they lay in the clip.")


def _index(file: BinaryIO, atoms: Sequence[Atom]) -> bytes:
    place = next((atom for atom in atoms if atom.kind == b"moov"), None)
    if place is None:
        raise VerificationFailed("The clip has no index.")
    file.seek(place.start)
    return file.read(place.end - place.start)


def _compare_index(old: bytes, new: bytes) -> None:
    """All that was in the old index is in the new one, in the same order, up to more tracks."""
    begin = 16 if old[:4] == b"\0\0\0\1" else 8
    before, after = list(children(old, begin, len(old))), list(children(new, 8, len(new)))
    added = len(after) - len(before)
    behind = max((at for at, atom in enumerate(before) if atom.kind == b"trak"), default=-1) + 1
    kept = after[:behind] + after[behind + added :]
    if added < 0 or any(atom.kind != b"trak" for atom in after[behind : behind + added]):
        raise VerificationFailed("The new index holds other things than the old one and tracks.")
    for one, other in zip(before, kept, strict=True):
        if one.kind != other.kind or _fixed(old, one) != _fixed(new, other):
            raise VerificationFailed("The new index does not hold what was in the old one.")


def _fixed(index: bytes, atom: Atom) -> bytes:
    """The atom without what may differ."""
    data = bytearray(atom.of(index))
    if atom.kind == b"mvhd":
        return bytes(data[:8])
    if atom.kind == b"trak":
        for inside in children(index, atom.body, atom.end):
            if inside.kind == b"tkhd":
                data[inside.start - atom.start + _FLAGS_AT] &= ~_ENABLED
    return bytes(data)


def _compare_bytes(
    before: BinaryIO, after: BinaryIO, atoms: Sequence[Atom], progress: Progress | None
) -> None:
    size = atoms[-1].end
    for atom in atoms:
        # Headers and brands were compared with the layout; nothing of them leads to a sample.
        start = atom.end if atom.kind == b"ftyp" else atom.body
        before.seek(start)
        after.seek(start)
        while start < atom.end:
            count = min(_BLOCK, atom.end - start)
            one, other = before.read(count), after.read(count)
            if not one or one != other:
                raise VerificationFailed("Bytes of the clip were changed.")
            start += len(one)
            if progress is not None:
                progress(start / size)
