"""Where the samples of a WAV file lie, so that they can be copied without being looked at.

RIFF, and RF64 above 4 GB (EBU Tech 3306), with whole bytes of PCM or 32-bit floats. This module
must not know where they are copied to.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stemmux.errors import UnreadableMedia

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMS = {(_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32)}
#: A size that stands in another chunk.
_ELSEWHERE = 0xFFFFFFFF
#: More chunks than this are no sound file.
_MOST = 1000
_SIZES = struct.Struct("<QQ")


@dataclass(frozen=True)
class WaveBytes:
    """Samples as they lie in a file, little-endian, channel beside channel.

    Attributes:
        bits: of one sample of one channel; floats where `floating`.
        speakers: one bit for each speaker, as WAVE_FORMAT_EXTENSIBLE counts them; 0 if not known.
        start: the first sample, in bytes from the start of the file.
        frames: samples of every channel.
    """

    path: Path
    rate: int
    channels: int
    bits: int
    floating: bool
    speakers: int
    start: int
    frames: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8


def wave_bytes(path: Path) -> WaveBytes:
    """Find the samples of a WAV file.

    Raises:
        UnreadableMedia: there are none that can be copied as they lie.
    """
    try:
        with path.open("rb") as file:
            return _found(path, file, path.stat().st_size)
    except (OSError, struct.error) as error:
        raise _refused(path) from error


def _refused(path: Path) -> UnreadableMedia:
    return UnreadableMedia(
        f"{path.name} is no WAV file of plain samples.", hint="Give 16- or 24-bit PCM, or floats."
    )


def _found(path: Path, file: BinaryIO, size: int) -> WaveBytes:
    form, long_data = b"", None
    for name, start, length in _chunks(file, size):
        if name == b"ds64":
            long_data = _SIZES.unpack_from(file.read(_SIZES.size))[1]
        elif name == b"fmt ":
            form = file.read(min(length, 40))
        elif name == b"data":
            if length == _ELSEWHERE and long_data is not None:
                length = long_data
            return _described(path, form, start, min(length, size - start))
    raise _refused(path)


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and length of each chunk; the file stands at its first byte."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        return
    position = 12
    for _ in range(_MOST):
        if position + 8 > size:
            return
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, position + 8, length
        position += 8 + length + length % 2


def _described(path: Path, form: bytes, start: int, length: int) -> WaveBytes:
    tag, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", form)
    speakers = 0
    if tag == _EXTENSIBLE:
        speakers, tag = struct.unpack_from("<IH", form, 20)
    whole = channels * bits // 8
    if (tag, bits) not in _FORMS or not channels or not rate or frame_bytes != whole:
        raise _refused(path)
    return WaveBytes(
        path, rate, channels, bits, tag == _FLOAT, speakers, start, length // frame_bytes
    )
