"""Broadcast WAV: stems as editors want them, written block by block and read back the same way.

16- or 24-bit integers or 32-bit floats, with `bext` and `iXML` chunks where an origin is given
(`stemmux.origination`), RF64 above 4 GB (EBU Tech 3306). Samples are whole steps of a grid; see
`stemmux.grid`. This module must not know what a stem is.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from stemmux.errors import OutputRefused, UnreadableMedia
from stemmux.origination import Origination

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How samples are stored: integers of 16 or 24 bits, or floats of 32.
Encoding = Literal["s16", "s24", "f32"]

#: Bits of one sample.
BITS: dict[Encoding, int] = {"s16": 16, "s24": 24, "f32": 32}
#: How the samples of other files are best kept: without loss, but for 32 and 64 bits, which become
#: floats and so lose nothing that can be heard.
_KEPT_AS: dict[str, Encoding] = {
    **dict.fromkeys(("PCM_U8", "PCM_S8", "PCM_16", "ULAW", "ALAW"), "s16"),
    "PCM_24": "s24",
}
#: Frames read or written at a time.
BLOCK = 1 << 16
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
#: The part of a WAVE_FORMAT_EXTENSIBLE identifier behind its format tag.
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
#: Speaker bits of WAVE_FORMAT_EXTENSIBLE, in the order in which channels must come.
_ORDER = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
    *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
)
_SPEAKERS = {name: 1 << bit for bit, name in enumerate(_ORDER)}
_SIZE_LIMIT = 0xFFFFFFFF
#: Formats that soundfile opens too, whose first samples are the encoder's own.
_LOSSY = ("MP3", "MPEG", "OGG")


@dataclass(frozen=True)
class WaveFormat:
    """Rate in Hz, channels, how a sample is stored, and the speakers' names if known."""

    rate: int
    channels: int
    encoding: Encoding
    speakers: tuple[str, ...] = ()

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * BITS[self.encoding] // 8

    def chunk(self) -> bytes:
        """The `fmt ` chunk: plain for mono and stereo, which every reader takes."""
        bits = BITS[self.encoding]
        tag = _FLOAT if self.encoding == "f32" else _PCM
        plain = self.channels <= 2
        body = struct.pack(
            "<HHIIHH",
            tag if plain else _EXTENSIBLE,
            self.channels,
            self.rate,
            self.rate * self.frame_bytes,
            self.frame_bytes,
            bits,
        )
        if not plain:
            body += struct.pack("<HHIH", 22, bits, self._speaker_mask(), tag) + _SUBFORMAT
        elif tag == _FLOAT:
            body += struct.pack("<H", 0)
        return _chunk(b"fmt ", body)

    def _speaker_mask(self) -> int:
        bits = [_SPEAKERS.get(name, 0) for name in self.speakers]
        in_order = all(bits) and bits == sorted(set(bits)) and len(bits) == self.channels
        return sum(bits) if in_order else 0


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + (b"\0" if len(body) % 2 else b"")


class WaveWriter:
    """Writes one WAV file, block by block; the sizes are filled in on `close`.

    The file is not renamed, nor flushed to the disk: `stemmux.files.replacing` does that.
    """

    def __init__(
        self, path: Path, form: WaveFormat, origination: Origination | None = None
    ) -> None:
        self.form = form
        self.frames = 0
        # The JUNK chunk becomes `ds64` if the file outgrows 4 GB.
        chunks = _chunk(b"JUNK", bytes(28))
        if origination is not None:
            chunks += _chunk(b"bext", origination.bext())
            chunks += _chunk(b"iXML", self._ixml(origination))
        chunks += form.chunk()
        if form.encoding == "f32":
            self._fact = 12 + len(chunks) + 8
            chunks += _chunk(b"fact", bytes(4))
        self._data = 12 + len(chunks)
        self._file = path.open("wb")
        self._file.write(b"RIFF\0\0\0\0WAVE" + chunks + b"data\0\0\0\0")

    def _ixml(self, origination: Origination) -> bytes:
        form = self.form
        known = len(form.speakers) == form.channels
        speakers = form.speakers if known else ("NONE",) * form.channels
        return origination.ixml(form.rate, BITS[form.encoding], speakers)

    def write(self, steps: NDArray[np.int32], step: float = 2.0**-23) -> None:
        """Append samples `[frames, channels]`, given in whole steps.

        Args:
            steps: for 16 and 24 bit the integers themselves; for float the multiples of `step`.
            step: size of a step as a share of full scale (float only).
        """
        import numpy as np

        if self.form.encoding == "f32":
            self.write_floats(steps * np.float64(step))
            return
        if self.form.encoding == "s16":
            data = steps.astype("<i2").tobytes()
        else:
            wide = np.ascontiguousarray(steps, dtype="<i4").view(np.uint8)
            data = wide.reshape(-1, 4)[:, :3].tobytes()
        self._file.write(data)
        self.frames += len(steps)

    def write_floats(self, samples: NDArray[np.floating]) -> None:
        """Append samples `[frames, channels]` to a file of floats, as they are."""
        assert self.form.encoding == "f32"
        self._file.write(samples.astype("<f4").tobytes())
        self.frames += len(samples)

    def write_silence(self, frames: int) -> None:
        """Append zeros; where the file system has sparse files, they take no room."""
        self._file.seek(frames * self.form.frame_bytes, os.SEEK_CUR)
        self.frames += frames

    def append(self, path: Path, *, start: int = 0, stop: int | None = None) -> None:
        """Append another file of the same rate, channels and encoding, sample for sample.

        Args:
            start, stop: of its samples, those from `start` to before `stop`; by default all.
        """
        import soundfile

        if self.form.encoding == "f32":
            for block in float_blocks(path, start=start, stop=stop):
                self.write_floats(block)
            return
        unused = 32 - BITS[self.form.encoding]
        with soundfile.SoundFile(str(path)) as file:
            file.seek(start)
            left = (file.frames if stop is None else stop) - start
            while left > 0 and len(steps := file.read(min(BLOCK, left), "int32", True)):
                # libsndfile left-aligns every integer width in 32 bits.
                self.write(steps >> unused)
                left -= len(steps)

    def close(self) -> None:
        """Fill in the sizes and close the file."""
        size = self.frames * self.form.frame_bytes
        if size % 2:
            self._file.write(b"\0")
        # Silence at the end was only skipped so far.
        total = self._file.truncate() - 8
        if total <= _SIZE_LIMIT:
            self._patch(4, struct.pack("<I", total))
            self._patch(self._data + 4, struct.pack("<I", size))
        else:
            self._patch(0, b"RF64\xff\xff\xff\xff")
            self._patch(12, b"ds64")
            self._patch(20, struct.pack("<QQQI", total, size, self.frames, 0))
            self._patch(self._data + 4, b"\xff\xff\xff\xff")
        if self.form.encoding == "f32":
            self._patch(self._fact, struct.pack("<I", min(self.frames, _SIZE_LIMIT)))
        self._file.close()

    def _patch(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        self._file.write(data)

    def __enter__(self) -> WaveWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


@contextmanager
def refused_samples(path: Path) -> Iterator[None]:
    """Turn a failure of libsndfile to write `path` into `OutputRefused`; it says no more."""
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        raise OutputRefused(
            f"Sound cannot be written in {path.parent}: is the disk full?",
            hint="Make room, or name another folder with -o.",
        ) from error


def wave_format(path: Path) -> tuple[WaveFormat, int]:
    """Rate, channels and number of frames of a WAV file, and how its samples are best kept.

    Whatever the file's own width, the encoding is one of ours; see `_KEPT_AS`.

    Raises:
        UnreadableMedia: it cannot be read as a WAV file.
    """
    import soundfile

    try:
        # A pipe would never end; and what a lossy codec put in front would be heard.
        info = soundfile.info(str(path)) if os.path.isfile(path) else None
    except soundfile.LibsndfileError:
        info = None
    if info is None or info.format in _LOSSY:
        raise UnreadableMedia(
            f"{path.name} cannot be read as WAV.", hint="Is it there, and is it a WAV file?"
        )
    encoding = _KEPT_AS.get(info.subtype, "f32")
    return WaveFormat(info.samplerate, info.channels, encoding), info.frames


def float_blocks(
    path: Path, *, start: int = 0, stop: int | None = None
) -> Iterator[NDArray[np.float32]]:
    """The samples as floats `[frames, channels]`, full scale ±1, a block at a time."""
    import soundfile

    with soundfile.SoundFile(str(path)) as file:
        file.seek(start)
        left = (file.frames if stop is None else stop) - start
        while left > 0:
            block = file.read(min(BLOCK, left), dtype="float32", always_2d=True)
            if not len(block):
                return
            left -= len(block)
            yield block


def step_blocks(path: Path, step: float = 2.0**-23) -> Iterator[NDArray[np.int32]]:
    """The samples as whole steps `[frames, channels]`, exactly as they were written."""
    import numpy as np
    import soundfile

    unused = 32 - BITS[wave_format(path)[0].encoding]
    with soundfile.SoundFile(str(path)) as file:
        while True:
            if unused:
                block = file.read(BLOCK, dtype="int32", always_2d=True) >> unused
            else:
                samples = file.read(BLOCK, dtype="float32", always_2d=True)
                block = np.rint(samples.astype(np.float64) / step).astype(np.int32)
            if not len(block):
                return
            yield block
