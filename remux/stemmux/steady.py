"""Give back to copied packets the times that a coarse clock took from them.

Matroska counts whole milliseconds, so a copied AAC track would land up to 24 samples beside its
picture in a container that counts samples. Where every packet lies where counting puts it, the
counted time is written instead. This module must not know the container that is written.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from stemmux.probe import AudioStream, Media, open_media
from stemmux.timebase import nearest

#: Codecs whose packets all hold the same number of samples, known from the header.
_EVEN_CODECS = ("aac",)
#: A packet may lie this far from its counted place: a tick of the clock on either side (ticks).
_SLACK = Fraction(3, 2)


def steady_clock(media: Media, track: AudioStream, number: int) -> list[str]:
    """Arguments that put the packets of output audio track `number` on their counted times.

    Empty where the clock is fine enough, or where the packets do not follow one another.
    """
    if "matroska" not in media.container or track.codec not in _EVEN_CODECS:
        return []
    counted = _counted(media, track)
    if counted is None:
        return []
    first, size = counted
    begin = nearest((first - media.origin) * track.rate)
    times = f"ts={begin}+N*{size}:duration={size}:time_base=1/{track.rate}:prescale=1"
    return [f"-bsf:a:{number}", f"setts={times}"]


def _counted(media: Media, track: AudioStream) -> tuple[Fraction, int] | None:
    """Time of the first packet (s) and samples a packet, if all the others follow from them."""
    with open_media(media.path) as container:
        stream: Any = container.streams[track.index]
        size = stream.codec_context.frame_size or 0
        base, first = stream.time_base, None
        if not size or base is None:
            return None
        for count, packet in enumerate(p for p in container.demux([stream]) if p.size):
            if packet.pts is None:
                return None
            if first is None:
                first = packet.pts * base
            place = first + Fraction(count * size, track.rate)
            if abs(packet.pts * base - place) > _SLACK * base:
                return None
    if first is None:
        return None
    # A track that began on a whole packet, as nearly all do, began exactly there.
    whole = Fraction(nearest(first * track.rate / size) * size, track.rate)
    return (whole if abs(whole - first) <= base else first), size
