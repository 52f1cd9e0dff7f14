"""One pass over a file, with someone listening to each stream: hashes, times, decoded sound.

A file of many gigabytes is read once, whatever is asked of it. What is heard is given out in large
blocks, each with its place on the sample grid that begins at the first picture. This module must
not know what is made of it.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_HOLE = 0.004
#: Packets between two looks at whether it is to go on.
_TICK = 512
#: First bits of the frame header that AAC has in transport streams, and nowhere else.
_ADTS = (0xFF, 0xF0)
#: Samples of decoded frames whose channels lie one behind the other, in numpy's words.
_PLANAR = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}


class Listener(Protocol):
    """Gets every packet of one stream, in order, the last one empty."""

    #: Nothing more has to come.
    done: bool

    def packet(self, packet: Any) -> None:
        """Take one packet."""

    def finish(self) -> None:
        """There are no more."""


def _patient() -> None:
    """Whoever waits has nothing to say."""


def listen(
    path: Path,
    listeners: Mapping[int, Sequence[Listener]],
    tick: Callable[[], object] = _patient,
) -> None:
    """Read a file once, up to its end, to the first damage, or until nobody listens any more.

    Args:
        listeners: for each stream, by its index, who listens.
        tick: called again and again meanwhile; raises to end it.
    """
    wanted = {index: listening for index, listening in listeners.items() if listening}
    if not wanted:
        return
    everybody = [one for listening in wanted.values() for one in listening]
    with open_media(path) as container:
        streams: list[Any] = [container.streams[index] for index in sorted(wanted)]
        for number, packet in enumerate(_packets(container, streams)):
            if number % _TICK == 0:
                tick()
            for listener in wanted[packet.stream.index]:
                listener.packet(packet)
                if listener.done and all(one.done for one in everybody):
                    return
    for one in everybody:
        one.finish()


def _packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Packets up to the first damage: as far as that, two files can be compared."""
    import av.error

    try:
        yield from container.demux(streams)
    except (av.error.FFmpegError, ValueError):
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
        self.done = False

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

    def finish(self) -> None:
        """See `Listener`."""


class Heard:
    """Decodes a track, and hands on blocks of its samples with their places."""

    def __init__(self, rate: int, origin: Fraction) -> None:
        self.rate = rate
        self.done = False
        #: How far the first sample lies behind the whole number that its place was rounded to.
        self.between = Fraction(0)
        self._origin = origin
        self._tick = 0.0
        self._frames: list[Any] = []
        self._waiting = 0
        self._next: int | None = None

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

    def finish(self) -> None:
        """See `Listener`."""
        if self._frames and self._next is not None:
            samples = _samples(self._frames)
            self._frames, self._waiting = [], 0
            self.block(self._next - len(samples), samples)

    def _frame(self, frame: Any) -> None:
        if self._next is None:
            if frame.pts is None:
                return
            place = (frame.pts * frame.time_base - self._origin) * self.rate
            self._next = nearest(place)
            self.between = place - self._next
            self._tick = float(frame.time_base)
        elif frame.pts is not None:
            # In floats: this is asked a hundred times for each second of sound.
            gap = (frame.pts * self._tick - float(self._origin)) * self.rate - self._next
            if gap > _HOLE * self.rate:
                self.finish()
                self._next += round(gap)
        if self._frames and frame.layout.nb_channels != self._frames[0].layout.nb_channels:
            self.finish()
        self._frames.append(frame)
        self._waiting += frame.samples
        self._next += frame.samples
        if self._waiting >= BLOCK:
            self.finish()


def _samples(frames: Sequence[Any]) -> NDArray[np.float64]:
    """Decoded frames, one behind the other, as `[frames, channels]`, full scale ±1."""
    import numpy as np

    planar, channels = frames[0].format.is_planar, frames[0].layout.nb_channels
    data = np.concatenate([_planes(f) if planar else f.to_ndarray() for f in frames], axis=1)
    data = data.T if planar else data.reshape(-1, channels)
    if data.dtype == np.uint8:
        return np.asarray((data - 128.0) / 128.0)
    if np.issubdtype(data.dtype, np.integer):
        return np.asarray(data / float(1 << (8 * data.itemsize - 1)))
    return np.asarray(data, np.float64)


def _planes(frame: Any) -> NDArray[Any]:
    """`[channels, samples]` of a frame whose channels lie one behind the other.

    Plane by plane: PyAV asks for one after the other until there is none, and from eight channels
    on their list has no end mark, so that it would read on in foreign memory.
    """
    import numpy as np
    from av.audio.plane import AudioPlane

    width = np.dtype(_PLANAR[frame.format.name])
    return np.stack(
        [
            np.frombuffer(memoryview(AudioPlane(frame, channel)), width)[: frame.samples]
            for channel in range(frame.layout.nb_channels)
        ]
    )
