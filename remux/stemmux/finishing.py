"""What ffmpeg leaves out of the index of a MOV or MP4 file, put in: languages, and when it is from.

QuickTime's own codes know 80 languages, and ffmpeg writes no other; the packed codes of ISO 639-2
that stand in their place (Apple, QuickTime File Format, "Language code values") know all. Bytes are
changed where they lie. This module must not know streams.
"""

from __future__ import annotations

import datetime
import os
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from stemmux.atoms import Atom, child, children, top_level
from stemmux.errors import VerificationFailed

_LANGUAGE = re.compile("[a-z]{3}")
#: Codes for "not said": QuickTime's, and `und` with five bits for a letter.
_UNSAID = (0x7FFF, 0x55C4)
#: Where QuickTime's clock begins.
_EPOCH = datetime.datetime(1904, 1, 1)


def finish(path: Path, *, languages: Sequence[str], created: str) -> None:
    """Change a file that was just written.

    Args:
        languages: of each track in order, "" to leave it.
        created: the time that the file is from, `YYYY-MM-DDTHH:MM:SS` in UTC; "" to leave it.

    Raises:
        VerificationFailed: the file has no index.
    """
    with path.open("rb+") as file:
        places = top_level(file, os.path.getsize(path))
        place = next((one for one in places if one.kind == b"moov"), None)
        if place is None:
            raise VerificationFailed("The file that was written has no index.")
        file.seek(place.body)
        index = file.read(place.end - place.body)
        for at, data in _changes(index, languages, created):
            file.seek(place.body + at)
            file.write(data)


def _changes(index: bytes, languages: Sequence[str], created: str) -> Iterator[tuple[int, bytes]]:
    parts = list(children(index, 0, len(index)))
    for part in parts:
        if part.kind == b"mvhd" and created:
            yield _stamp(index, part, created)
    tracks = [part for part in parts if part.kind == b"trak"]
    for track, language in zip(tracks, languages, strict=False):
        head = child(index, track, b"mdia", b"mdhd")
        if head is not None and _LANGUAGE.fullmatch(language):
            at = head.body + (32 if index[head.body] == 1 else 20)
            if struct.unpack_from(">H", index, at)[0] in _UNSAID:
                yield at, struct.pack(">H", _packed(language))


def _packed(language: str) -> int:
    first, second, third = (ord(letter) - 0x60 for letter in language)
    return first << 10 | second << 5 | third


def _stamp(index: bytes, head: Atom, created: str) -> tuple[int, bytes]:
    seconds = int((datetime.datetime.fromisoformat(created) - _EPOCH).total_seconds())
    form = ">Q" if index[head.body] == 1 else ">I"
    return head.body + 4, struct.pack(form, max(0, seconds))
