"""One pass over a file, with someone listening to each stream: hashes, times, decoded sound.

A file of many gigabytes is read once, whatever is asked of it. What is heard is given out in large
blocks, each with its place on the sample grid that begins at the first picture. This module must
not know what is made of it.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stemmux.bwf import BLOCK
from stemmux.probe import open_media
from stemmux.timebase import nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Holes from this length on are silence; less is the rounding of a coarse clock (s).
_HOLE = Fraction(4, 1000)
#: First bits of the frame header that AAC has in transport streams, and nowhere else.
_ADTS = (0xFF, 0xF0)


class Listener(Protocol):
    """Gets every packet of one stream, in order, the last one empty."""

    def packet(self, packet: Any) -> None:
        """Take one packet."""


def listen(path: Path, listeners: Mapping[int, Sequence[Listener]]) -> None:
    """Read a file once, up to its end or to the first damage.

    Args:
        listeners: for each stream, by its index, who listens.
    """
    import av.error

    wanted = {index for index, listening in listeners.items() if listening}
    if not wanted:
        return
    with open_media(path) as container:
        streams: list[Any] = [container.streams[index] for index in sorted(wanted)]
        try:
            for packet in container.demux(streams):
                for listener in listeners[packet.stream.index]:
                    listener.packet(packet)
        except (av.error.FFmpegError, ValueError):
            # Behind damage, the two files are compared as far as both are read.
            return


class Copied:
    """Whether a stream was copied: its bytes as a hash, how many packets, and their times."""

    def __init__(self, origin: Fraction) -> None:
        self._digest = hashlib.sha256()
        self._origin = float(origin)
        self.packets = 0
        #: Seconds from the first picture, in the order of the file; None where there is no time.
        self.times: list[float | None] = []
        #: A unit of the stream's clock (s).
        self.tick = 0.0

    @property
    def sha256(self) -> str:
        """Of the bytes of all packets, one behind the other, without what AAC has in front."""
        return self._digest.hexdigest()

    def apart(self, other: Copied) -> float | None:
        """How much later the packets of the other are than these: the median (s).

        None where they have no times, or are not the same packets.
        """
        if self.packets != other.packets:
            return None
        pairs = zip(self.times, other.times, strict=False)
        apart = [there - here for here, there in pairs if here is not None and there is not None]
        return statistics.median(apart) if apart else None

    def packet(self, packet: Any) -> None:
        """See `Listener`."""
        if not packet.size:
            return
        data = memoryview(packet)
        if len(data) > 7 and data[0] == _ADTS[0] and data[1] & 0xF6 == _ADTS[1]:
            data = data[7 if data[1] & 1 else 9 :]
        self._digest.update(data)
        self.packets += 1
        self.tick = self.tick or float(packet.time_base)
        time = packet.pts
        self.times.append(None if time is None else time * self.tick - self._origin)


class Heard:
    """Decodes a track, and hands on blocks of its samples with their places."""

    def __init__(self, rate: int, origin: Fraction) -> None:
        self.rate = rate
        self._origin = origin
        self._blocks: list[NDArray[np.float64]] = []
        self._waiting = 0
        self._next: int | None = None
        #: How far the first sample lies behind the whole number that its place was rounded to.
        self.between = Fraction(0)
        self.done = False

    def block(self, place: int, samples: NDArray[np.float64]) -> None:
        """Take `[frames, channels]`, of which the first lies `place` samples from the picture."""
        raise NotImplementedError

    def packet(self, packet: Any) -> None:
        """See `Listener`."""
        import av.error

        if self.done:
            return
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            return
        for frame in frames:
            self._frame(frame)
        if not packet.size:
            self.finish()

    def finish(self) -> None:
        """Hand on what is still held back."""
        import numpy as np

        if self._blocks and self._next is not None:
            samples = np.concatenate(self._blocks)
            self._blocks, self._waiting = [], 0
            self.block(self._next - len(samples), samples)

    def _frame(self, frame: Any) -> None:
        samples = _samples(frame)
        if frame.pts is not None:
            place = (frame.pts * frame.time_base - self._origin) * self.rate
            whole = nearest(place)
            if self._next is None:
                self._next, self.between = whole, place - whole
            elif whole - self._next > _HOLE * self.rate:
                self.finish()
                self._next = whole
        if self._next is None:
            return
        self._blocks.append(samples)
        self._waiting += len(samples)
        self._next += len(samples)
        if self._waiting >= BLOCK:
            self.finish()


def _samples(frame: Any) -> NDArray[np.float64]:
    """A decoded frame as `[frames, channels]`, full scale ±1."""
    import numpy as np

    data = frame.to_ndarray()
    if data.dtype == np.uint8:
        data = (data - 128.0) / 128.0
    elif np.issubdtype(data.dtype, np.integer):
        data = data / float(1 << (8 * data.itemsize - 1))
    if frame.format.is_planar:
        return np.asarray(data.T, np.float64)
    return np.asarray(data.reshape(-1, frame.layout.nb_channels), np.float64)
