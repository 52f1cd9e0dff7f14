"""Place one file's sound against another's, from their first pictures on.

This module must not know what the two files are to one another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.bwf import float_blocks
from stemmux.extract import MONO_RATE, Cut, extract
from stemmux.files import scratch
from stemmux.measure import Offset, offset
from stemmux.probe import Media, probe
from stemmux.timebase import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(reference: Path, other: Path, choose: Callable[[Media], Span]) -> tuple[Offset, int]:
    """The offset of `other` against `reference`, and the rate in Hz that it is counted at.

    Args:
        choose: the range of the reference to compare; the same range of the other is taken, as
            far as it reaches.

    Raises:
        UnreadableMedia, NoAudio: one of the two has no sound to compare.
    """
    first, second = probe(reference), probe(other)
    span = choose(first)
    rate = first.track().rate
    end = min(span.end, second.duration)
    shared = Span(span.start, end) if end > span.start else Span(span.start, span.end)
    same = second.track().rate == rate
    sounds = [_mono(media, part, same) for media, part in ((first, span), (second, shared))]
    return offset(*sounds), rate if same else MONO_RATE


def _mono(media: Media, span: Span, native: bool) -> NDArray[np.float32]:
    """The range as one channel: at the track's own rate, or at 48 kHz."""
    import numpy as np

    with scratch(".wav") as file:
        extract(media, span, Cut(mix=file) if native else Cut(mono=file))
        return np.concatenate([block.mean(axis=1) for block in float_blocks(file)])
