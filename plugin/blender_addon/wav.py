# SPDX-License-Identifier: GPL-3.0-or-later
"""Some samples of a WAV of 32-bit floats, as a file of their own; and where they are in another.

Blender's mixdown repeats its last block, and may still be writing when it says that it is done; so
what it wrote is measured by what lies on the disk, never by what its header says. This module must
not know Blender.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
from array import array
from operator import sub
from typing import BinaryIO

#: Seconds without a byte more after which nothing more is expected.
PATIENCE = 15.0
#: The same where the disk is full.
_FULL = 0.5
_BLOCK = 1 << 20
#: Samples by which the same sound is looked for elsewhere: two packets of the longest kind.
FARTHEST = 10_000
#: Samples that are looked for, and of how many the loudest are taken.
_WINDOW, _LOOKED = 512, 1 << 17
#: Samples after which it may be clear that it is not the same sound.
_PIECE = 128
#: Samples behind a seek that a decoder may give otherwise.
_SETTLING = 5_000
#: Share of the sound that may differ where it is the same sound.
_ALIKE = 0.25

#: A WAV, and a sample in it.
Place = tuple[str, int]
#: Where each channel belongs, by their number (bits of WAVEFORMATEXTENSIBLE).
_SPEAKERS = {1: 0x4, 2: 0x3, 3: 0xB, 4: 0x33, 5: 0x37, 6: 0x3F, 7: 0x70F, 8: 0x63F}
_FLOAT_GUID = bytes.fromhex("0300000000001000800000aa00389b71")
_EXTENSIBLE = 0xFFFE
_MOST = 0xFFFFFFFF


def cut(source: str, path: str, skipped: int, samples: int, rate: int, channels: int) -> None:
    """Write some samples of a mixdown to `path`, once they are all there.

    Args:
        skipped: samples of each channel that are left out at the start; negative: silence comes
            first.
        samples: of each channel.
        rate: Hz.

    Raises:
        OSError: the mixdown holds less, or there is no room; `path` is not there then.
    """
    size, before = samples * channels * 4, max(0, skipped) * channels * 4
    silence = max(0, -skipped) * channels * 4
    begin = _arrived(source, before + size - silence, channels) + before
    try:
        with open(source, "rb") as file, open(path, "wb") as made:
            file.seek(begin)
            made.write(_head(size, rate, channels) + bytes(silence))
            _copy(file, made, size - silence)
    except BaseException:
        if os.path.exists(path):
            os.unlink(path)
        raise


def later(heard: Place, whole: Place, samples: int, channels: int) -> int:
    """How many samples later than expected some sound comes in another mixdown of it.

    Args:
        heard: the sound. `samples`: how long it is.
        whole: the mixdown to look in, and where it is expected.

    Returns:
        From -FARTHEST to FARTHEST; 0 also where it is not found.

    Raises:
        OSError: a mixdown is not whole.
    """
    sound = _read(heard, 0, min(samples, _LOOKED), channels)
    start, channel = _loudest(sound, channels)
    wanted = sound[start * channels + channel : (start + _WINDOW) * channels : channels]
    length = len(wanted)
    around = _read(whole, start - FARTHEST, 2 * FARTHEST + length, channels)[channel::channels]
    best, most = 0, sum(map(abs, wanted)) * _ALIKE
    for late in sorted(range(-FARTHEST, FARTHEST + 1), key=abs):
        differs, begin = 0.0, late + FARTHEST
        for at in range(0, length, _PIECE):
            pieces = wanted[at : at + _PIECE], around[begin + at : begin + at + _PIECE]
            differs += sum(map(abs, map(sub, *pieces)))
            if differs >= most:
                break
        else:
            best, most = late, differs
        if not most:
            break
    return best


def _loudest(sound: array[float], channels: int) -> tuple[int, int]:
    """Where the loudest window of a sound begins, and its loudest channel."""
    length = len(sound) // channels
    # Not behind a seek, if there is anything else.
    first = _SETTLING if length >= _SETTLING + _WINDOW else 0
    starts = range(first, max(first, length - _WINDOW) + 1, _WINDOW)
    best, where = -1.0, (0, 0)
    for start in starts:
        for channel in range(channels):
            stop = (start + _WINDOW) * channels
            level = sum(map(abs, sound[start * channels + channel : stop : channels]))
            if level > best:
                best, where = level, (start, channel)
    return where


def _read(place: Place, ahead: int, samples: int, channels: int) -> array[float]:
    """Samples from a place on, or from a distance to it; silence before a file begins."""
    source, at = place[0], place[1] + ahead
    silence, at = max(0, -at), max(0, at)
    begin = _arrived(source, (at + samples - silence) * channels * 4, channels)
    read = array("f", bytes(silence * channels * 4))
    with open(source, "rb") as file:
        file.seek(begin + at * channels * 4)
        read.frombytes(file.read((samples - silence) * channels * 4))
    return read


def _arrived(source: str, size: int, channels: int) -> int:
    """Where the samples begin, once `size` bytes of them are on the disk."""
    known, since = -1, time.monotonic()
    while True:
        there = os.path.getsize(source) if os.path.isfile(source) else 0
        begin = _data(source, channels) if there > max(known, 0) else 0
        if begin and there >= begin + size:
            return begin
        if there != known:
            known, since = there, time.monotonic()
        elif time.monotonic() - since > (_FULL if _is_full(source) else PATIENCE):
            raise OSError(f"Blender's mixdown ended after {there} of {size} bytes")
        time.sleep(0.02)


def _is_full(path: str) -> bool:
    return shutil.disk_usage(os.path.dirname(path)).free < _BLOCK


def _data(source: str, channels: int) -> int:
    """Offset of the samples; 0 while there are none."""
    with open(source, "rb") as file:
        head = file.read(4096)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return 0
    at = 12
    while at + 8 <= len(head):
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            return at
        if name == b"fmt ":
            found, bits = struct.unpack_from("<2xH10xH", head, at)
            if (found, bits) != (channels, 32):
                raise OSError(f"Blender mixed down {found} channels of {bits} bits")
        at += size + size % 2
    return 0


def _head(size: int, rate: int, channels: int) -> bytes:
    """Everything before the samples; RF64 where a WAV could not name its size."""
    block = channels * 4
    form = struct.pack("<HHIIHH", _EXTENSIBLE, channels, rate, rate * block, block, 32)
    form += struct.pack("<HHI", 22, 32, _SPEAKERS[channels]) + _FLOAT_GUID
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"fact" + struct.pack("<II", 4, min(size // block, _MOST))
    whole = 4 + len(chunks) + 8 + size
    if whole <= _MOST:
        return (
            b"RIFF"
            + struct.pack("<I", whole)
            + b"WAVE"
            + chunks
            + b"data"
            + struct.pack("<I", size)
        )
    sizes = struct.pack("<QQQI", whole + 36, size, size // block, 0)
    chunks = b"ds64" + struct.pack("<I", len(sizes)) + sizes + chunks
    return (
        b"RF64" + struct.pack("<I", _MOST) + b"WAVE" + chunks + b"data" + struct.pack("<I", _MOST)
    )


def _copy(source: BinaryIO, made: BinaryIO, size: int) -> None:
    while size:
        block = source.read(min(size, _BLOCK))
        if not block:
            raise OSError("Blender's mixdown became shorter")
        made.write(block)
        size -= len(block)
