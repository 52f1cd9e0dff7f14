"""Give back to copied packets the times that a coarse clock took from them.

Matroska counts whole milliseconds, so a copied track would land up to 24 samples beside its picture
in a container that counts samples, and pictures of 29.97 fps half a millisecond beside their grid.
Where every packet lies where counting puts it, the counted time is written instead. This module
must not know the container that is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from stemmux.probe import AudioStream, Media, open_media
from stemmux.timebase import nearest

#: Codecs whose packets all hold the same number of samples, and where the first of them begins:
#: None for at a whole number of packets before or behind zero.
_EVEN_CODECS = ("aac", "opus")
#: Samples of an Opus packet, at its only rate, and where its head says how many come too early.
_OPUS_PACKET, _OPUS_EARLY_AT = 960, 10
#: A packet may lie this far from its counted place: a tick of the clock on either side (ticks).
_SLACK = Fraction(3, 2)
#: The option that sets a picture track's clock.
TICKS = "-video_track_timescale"
#: A clock for pictures has at least this many ticks in a second.
_FINE = 10_000


@dataclass
class _Count:
    """Whether the packets of one stream follow from the first one."""

    step: Fraction
    first: Fraction | None = None
    packets: int = 0
    even: bool = True

    def take(self, packet: Any, *, in_order: bool) -> None:
        if packet.pts is None:
            self.even = False
            return
        time, base = packet.pts * packet.time_base, packet.time_base
        if self.first is None:
            self.first = time
        number = self.packets if in_order else nearest((time - self.first) / self.step)
        self.even = self.even and abs(time - self.first - number * self.step) <= _SLACK * base
        self.packets += 1


def steady_clock(media: Media, tracks: Sequence[AudioStream]) -> list[str]:
    """Words that put copied packets on their counted times.

    Empty where the clip's clock is fine enough, or where packets do not follow one another.

    Args:
        tracks: the clip's sound, in the order of the new file.
    """
    if "matroska" not in media.container:
        return []
    with open_media(media.path) as container:
        sizes = {track.index: _packet(container.streams[track.index]) for track in tracks}
        counts = {
            track.index: _Count(Fraction(sizes[track.index], track.rate))
            for track in tracks
            if track.codec in _EVEN_CODECS and sizes[track.index]
        }
        early = {index: _early(container.streams[index]) for index in counts}
        picture = media.video
        if picture is not None and not picture.variable:
            counts[picture.index] = _Count(1 / picture.rate)
        streams: list[Any] = [container.streams[index] for index in counts]
        for packet in container.demux(streams) if streams else ():
            if packet.size:
                index = packet.stream.index
                counts[index].take(packet, in_order=index in early)
        base = streams[0].time_base if streams else Fraction(1, 1000)
    words: list[str] = []
    for number, track in enumerate(tracks):
        count = counts.get(track.index)
        if count is not None and count.even and count.first is not None:
            first = _first(count.first, early[track.index], sizes[track.index], track.rate, base)
            begin = nearest((first - media.origin) * track.rate)
            words += _counted(number, begin, sizes[track.index], track.rate)
    if picture is not None and picture.index in counts and counts[picture.index].even:
        words += _on_grid(picture.rate)
    return words


def _packet(stream: Any) -> int:
    context = stream.codec_context
    if context.codec.canonical_name == "opus":
        return _OPUS_PACKET
    return int(context.frame_size or 0)


def _early(stream: Any) -> int:
    """Samples that an Opus track begins before its first that is heard; else 0."""
    head = bytes(stream.codec_context.extradata or b"")
    if head[:8] != b"OpusHead":
        return 0
    return int.from_bytes(head[_OPUS_EARLY_AT : _OPUS_EARLY_AT + 2], "little")


def _first(seen: Fraction, early: int, size: int, rate: int, base: Fraction) -> Fraction:
    """Where a track began that the clock shows to begin at `seen`.

    Nearly all began with a whole packet before or behind zero, or as early as their head says.
    """
    for samples in (-early, nearest(seen * rate / size) * size):
        if abs(Fraction(samples, rate) - seen) <= base:
            return Fraction(samples, rate)
    return seen


def _counted(number: int, begin: int, size: int, rate: int) -> list[str]:
    times = f"ts={begin}+N*{size}:duration={size}:time_base=1/{rate}:prescale=1"
    return [f"-bsf:a:{number}", f"setts={times}"]


def _on_grid(rate: Fraction) -> list[str]:
    ticks, step = rate.numerator, rate.denominator
    times = -(-_FINE // ticks)
    ticks, step = ticks * times, step * times
    on = f"pts=round(PTS/{step})*{step}:dts=round(DTS/{step})*{step}:duration={step}"
    setts = f"setts={on}:time_base=1/{ticks}:prescale=1"
    return ["-bsf:v:0", setts, TICKS, str(ticks)]
