"""How long the tracks of an opened file really are: the first picture, the last packets.

Headers may lie, so the first picture is decoded and the last packets are read. On a large file
only its head and its tail are touched. This module must not know file names, nor judge.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stemmux.timebase import frame_rate, nearest

if TYPE_CHECKING:
    import av.container
    import av.stream

#: Packets looked at before giving up on a first picture that can be decoded.
_HEAD = 2000
#: Pictures whose times decide whether the rate is constant.
_REGULAR = 300
#: Packets lie at most this many places from where they are shown (H.264 and HEVC: 16).
_REORDERED = 16
#: How far before the end the tail is read (s).
_TAIL = 12
#: How far before the start a jump to it aims (µs).
_BEFORE = 1_000_000
#: A packet that claims to last longer does not (s): ends of Ogg streams wrap round.
_LONGEST_PACKET = 600


@dataclass
class Track:
    """One stream: times in seconds on the file's clock."""

    stream: Any
    first: Fraction
    end: Fraction
    rate: Fraction = Fraction(0)
    variable: bool = False
    frames: int = 0
    rotation: int = 0
    hidden: int = 0
    reordered: bool = False


@dataclass
class Found:
    """What the scan saw."""

    video: Track | None = None
    audio: list[Track] = field(default_factory=list)
    timecode: str = ""
    warnings: list[str] = field(default_factory=list)


def scan(container: av.container.InputContainer) -> Found:
    """Measure the tracks of a file that was just opened."""
    found = Found(timecode=_written_timecode(container))
    video = next((s for s in container.streams.video if not _is_cover(s)), None)
    sounds = [s for s in container.streams.audio if s.codec_context is not None]
    heads = _Heads(sounds)
    if video is not None and video.codec_context is not None:
        found.video = _first_picture(container, video, heads, found.warnings)
    elif video is not None:
        found.warnings.append("The picture is of an unknown kind; the sound alone is used.")
    if not heads.complete:
        # After pictures on from where they ended: a jump back may end behind the first sound.
        heads.listen(container)
    tail = _tail(container, ([video] if found.video else []) + sounds)
    for stream in sounds:
        if stream.index not in heads.times:
            found.warnings.append(f"Track {len(found.audio) + 1} holds no sound that can be read.")
            continue
        first = heads.times[stream.index]
        found.audio.append(Track(stream, first, max(first, tail.ends.get(stream.index, first))))
    if found.video is not None:
        _finish_picture(found.video, tail, found.warnings)
    return found


def _is_cover(stream: Any) -> bool:
    """A picture that belongs to a song is no movie."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _written_timecode(container: av.container.InputContainer) -> str:
    places: list[Any] = [*container.streams, container]
    # Matroska keeps the names of tags in capitals.
    tags = (tag for place in places for tag in place.metadata.items())
    return next((value for name, value in tags if name.lower() == "timecode"), "")


def _packets(container: Any, streams: list[Any]) -> Iterable[Any]:
    """Packets until the end or the first error: what lies behind damage is not reached."""
    import av.error

    try:
        yield from container.demux(streams)
    except (av.error.FFmpegError, ValueError):
        return


def _first_picture(container: Any, stream: Any, heads: _Heads, warnings: list[str]) -> Track | None:
    """Decode until the first picture; its time is V0. Then the times of the next ones.

    Args:
        heads: is given the packets of sound that come on the way.
    """
    import av.error

    stream.thread_type = "AUTO"
    first: Any = None
    times: list[int] = []
    count = 0
    for packet in _packets(container, [stream, *heads.sounds]):
        if packet.stream.index != stream.index:
            heads.take(packet)
            continue
        count += 1
        if packet.pts is not None:
            times.append(packet.pts)
        if first is None:
            try:
                first = next(iter(packet.decode()), None)
            except (av.error.FFmpegError, ValueError):
                warnings.append("The picture is damaged at its start.")
        if first is None and count > _HEAD:
            break
        if first is not None and len(times) >= _REGULAR + _REORDERED:
            break
    if first is None or first.pts is None:
        raise ValueError("no picture can be decoded")
    base = stream.time_base
    start = first.pts * base
    # Pictures that are shown before the last ones may lie ahead, or behind where the file ends.
    whole = sorted(times)[: -_REORDERED if len(times) > 2 * _REORDERED else None]
    shown = [time * base for time in whole if time * base >= start]
    rate, variable = _rate(stream, shown, base)
    return Track(
        stream,
        start,
        start + 1 / rate,
        rate,
        variable,
        rotation=-int(first.rotation) % 360,
        hidden=sum(time < first.pts for time in times),
        reordered=times != sorted(times),
    )


def _rate(stream: Any, times: list[Fraction], base: Fraction) -> tuple[Fraction, bool]:
    """Frames per second, and whether pictures come at irregular times."""
    guess = stream.guessed_rate or stream.average_rate or stream.base_rate
    slack = _slack(base)
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    if not steps:
        return frame_rate(guess) if guess and 1 <= guess <= 1000 else Fraction(25), False
    middle = statistics.median_low(steps)
    mean = (times[-1] - times[0]) / len(steps)
    if mean <= 0 or middle <= 0:
        return Fraction(25), True
    rate = min(max(1 / mean, Fraction(1)), Fraction(1000))
    if guess and 1 <= guess <= 1000 and abs(1 / Fraction(guess) - mean) <= slack / len(steps) * 2:
        rate = Fraction(guess)
    rate = frame_rate(rate)
    drift = max(abs(time - times[0] - index / rate) for index, time in enumerate(times))
    return rate, drift > slack


def _slack(base: Fraction) -> Fraction:
    """Coarse clocks (1 ms in Matroska) jitter by up to one tick on either side (s)."""
    return 2 * base + Fraction(1, 2000)


class _Heads:
    """When each audio track begins: its first packet that can be decoded."""

    def __init__(self, sounds: list[Any]) -> None:
        self.sounds = sounds
        #: Seconds on the file's clock, by the index of the stream.
        self.times: dict[int, Fraction] = {}

    @property
    def complete(self) -> bool:
        """Whether nothing more has to come."""
        return len(self.times) == len(self.sounds)

    def take(self, packet: Any) -> None:
        """Take one packet, in the order of the file."""
        import av.error

        index = packet.stream.index
        if index in self.times:
            return
        try:
            frame = next(iter(packet.decode()), None)
        except (av.error.FFmpegError, ValueError):
            return
        time = None if frame is None else frame.pts if frame.pts is not None else packet.pts
        if time is not None and frame is not None:
            self.times[index] = time * (frame.time_base or packet.stream.time_base)

    def listen(self, container: Any) -> None:
        """Take the packets from here on, until each has begun or none does."""
        for count, packet in enumerate(_packets(container, self.sounds)):
            self.take(packet)
            if self.complete or count > _HEAD:
                break


def _rewind(container: Any) -> None:
    """Back to the start, or where nothing can be sought, on from where it is."""
    import av.error

    # A jump to the start itself would end behind what an encoder put in front of it. An FLV file
    # without an index knows no place at or before its start.
    start = min(0, container.start_time or 0)
    for target, backward in ((start - _BEFORE, True), (start, True), (start, False)):
        try:
            container.seek(target, backward=backward, any_frame=False)
            return
        except (av.error.FFmpegError, OverflowError):
            continue


@dataclass
class _Tail:
    """What the last packets of a file show: when each stream ends, and its last times (ticks)."""

    ends: dict[int, Fraction] = field(default_factory=dict)
    times: dict[int, list[int]] = field(default_factory=dict)


def _tail(container: Any, streams: list[Any]) -> _Tail:
    """Read the tail, or everything if that does not show the end of every stream."""
    import av.error

    if not streams:
        return _Tail()
    length = container.duration
    if length and length > 3 * _TAIL * 1_000_000:
        target = (container.start_time or 0) + length - _TAIL * 1_000_000
        try:
            container.seek(int(target), backward=True)
            tail = _last(container, streams)
            if len(tail.ends) == len(streams):
                return tail
        except (av.error.FFmpegError, OverflowError):
            pass
    _rewind(container)
    return _last(container, streams)


def _last(container: Any, streams: list[Any]) -> _Tail:
    tail = _Tail()
    # Whole ticks as long as it can be: a file has many packets.
    bases = {stream.index: stream.time_base for stream in streams}
    longest = {index: int(_LONGEST_PACKET / base) for index, base in bases.items()}
    ends: dict[int, int] = {}
    for packet in _packets(container, streams):
        time = packet.pts
        if time is None or not packet.size:
            continue
        index, length = packet.stream.index, packet.duration or 0
        end = time + (length if length <= longest[index] else 0)
        ends[index] = max(ends.get(index, end), end)
        tail.times.setdefault(index, []).append(time)
    tail.ends = {index: end * bases[index] for index, end in ends.items()}
    return tail


def _finish_picture(track: Track, tail: _Tail, warnings: list[str]) -> None:
    """Count the pictures; say so if the index promises more than the file holds."""
    index, base = track.stream.index, track.stream.time_base
    end = max(track.end, tail.ends.get(index, track.end))
    promised = int(track.stream.frames or 0)
    shown = promised - track.hidden
    if not track.variable and _becomes_variable(track, tail.times.get(index, []), end):
        track.variable = True
        track.rate = frame_rate(shown / (end - track.first)) if shown > 0 else track.rate
    if track.variable:
        track.end = end
        track.frames = shown if shown > 0 else nearest((end - track.first) * track.rate)
        warnings.append("The frame rate varies; frames are kept at their own times.")
        return
    length = track.stream.duration
    if promised and length:
        # An edit list may hide some of the pictures that the index counts.
        promised = min(promised, nearest(length * base * track.rate))
    track.frames = max(1, nearest((end - track.first) * track.rate))
    track.end = track.first + track.frames / track.rate
    if promised > track.frames + 1:
        warnings.append(f"The file breaks off: {track.frames} of {promised} pictures are there.")


def _becomes_variable(track: Track, times: list[int], end: Fraction) -> bool:
    """Whether pictures behind the looked-at stretch leave the rate that it has, or are left out."""
    base, rate = track.stream.time_base, track.rate
    # What the first were waiting for may lie before the jump, and what the last were waiting for
    # behind where the file breaks off.
    places = sorted(time * base - track.first for time in times)[_REORDERED:-_REORDERED]
    places = [place for place in places if place >= 0]
    slack = _slack(base)
    if any(abs(place - nearest(place * rate) / rate) > slack for place in places):
        return True
    if any(later - earlier > 1 / rate + slack for earlier, later in itertools.pairwise(places)):
        return True
    # Of a whole file, fewer or more pictures in its index than fit in its length.
    length = track.stream.duration
    whole = length and end - track.first >= length * base - 2 / rate
    shown = int(track.stream.frames or 0) - track.hidden
    return bool(whole and shown > 0 and abs(shown - nearest((end - track.first) * rate)) > 1)
