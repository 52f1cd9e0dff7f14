"""Fetch a stem: to a temporary name, resumed after a drop, checked, and renamed.

The server's name for the file is never used, its address gets no key. This module must not know
what is done with the sound.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from soundmatte.separation.call import PASSING, Ask, Call, Pause, Reply, wait_before
from soundmatte.separation.errors import (
    BadAnswer,
    ConnectionFailed,
    ConnectionLost,
    DownloadFailed,
    SeparationError,
    from_answer,
)
from soundmatte.separation.places import Places
from soundmatte.separation.schema import File
from stemmux.files import flush, refused_output

#: A stem larger than this is no stem (bytes): ten hours of 48 kHz mono float are 7 GB.
LARGEST = 8 * 1024**3
#: Attempts that brought nothing new before it is given up; one that did starts the count again.
_ATTEMPTS = 8


@dataclass(frozen=True)
class Fetched:
    """A file that has arrived whole."""

    path: Path
    size: int
    sha256: str


def download(
    places: Places, file: File, path: Path, *, told: Callable[[float], None] | None = None
) -> Call[Fetched]:
    """Fetch a file to `path`, which is replaced; a part that an earlier try left is gone on with.

    Raises:
        DownloadFailed: it does not arrive, or is no sound.
        OutputRefused: the disk is full, or may not be written to.
    """
    url = str(file.url)
    places.check_file(url)
    part = path.with_name(f".{path.name}.part")
    failure: SeparationError = ConnectionFailed("nothing was asked")
    failures = 0
    while failures < _ATTEMPTS:
        if failures:
            yield Pause(wait_before(failures, failure))
        have = _have(part)
        try:
            with refused_output(path):
                reply: Reply = yield _ask(url, part, have)
        except (ConnectionFailed, ConnectionLost, BadAnswer) as lost:
            failure, failures = lost, (1 if _have(part) > have else failures + 1)
            continue
        if reply.good:
            total = _whole_size(reply, part)
            if told is not None:
                told(min(1.0, _have(part) / max(1, total)))
            if _have(part) == total:
                return _arrived(part, path, file)
            failures += 1
            continue
        failure, failures = from_answer(reply.status, reply.headers, reply.body), failures + 1
        # What was there does not fit what the server has now: begin again.
        if reply.status == 416:
            part.unlink(missing_ok=True)
        elif reply.status not in PASSING:
            break
    raise DownloadFailed(
        f"A stem could not be downloaded: {failure}",
        hint="It is kept by the service for a while: run the same command again.",
    ) from failure


def _have(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _ask(url: str, part: Path, have: int) -> Ask:
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    return Ask("GET", url, headers, authorised=False, into=part, most=LARGEST, timeout=60.0)


def _whole_size(reply: Reply, part: Path) -> int:
    """How long the file is, by the answer that has just been stored."""
    if reply.status == 206:
        match = re.fullmatch(r"bytes \d+-\d+/(\d+)", reply.headers.get("content-range", ""))
        if match:
            return int(match[1])
    return _have(part)


def _arrived(part: Path, path: Path, file: File) -> Fetched:
    """Check the file, and give it its name.

    Raises:
        DownloadFailed: it is not what was announced, or no sound.
    """
    size = _have(part)
    digest = hashlib.sha256()
    with part.open("rb") as source:
        head = source.read(16)
        source.seek(0)
        while block := source.read(1 << 20):
            digest.update(block)
    if (file.file_size is not None and file.file_size != size) or not _is_sound(head):
        part.unlink()
        raise DownloadFailed(
            "What the server sent as a stem is no sound file, or not the one it announced.",
            hint="Run the same command again; the job itself is not repeated.",
        )
    flush(part)
    os.replace(part, path)
    return Fetched(path, size, digest.hexdigest())


def _is_sound(head: bytes) -> bool:
    """WAV (also RF64), MP3, FLAC or Ogg by the first bytes; the server's word is not asked."""
    wave = head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"
    mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
    return wave or mp3 or head[:4] in (b"fLaC", b"OggS")
