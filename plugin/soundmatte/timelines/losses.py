"""What formats cannot carry of a timeline: what they have in common, and how it is told.

A loss is a name and a sentence. This module must not know any format.
"""

from __future__ import annotations

from typing import Final

from soundmatte.timelines.laying import overlapping
from soundmatte.timelines.timeline import Clip, Timeline

Losses = tuple[tuple[str, str], ...]

#: Of every new document.
CHOSEN_CHANNELS: Final = (
    "chosen channels",
    "Which sound or channels of its file a clip plays is left to the editor.",
)
#: Of every format in which a track holds files alone, one at a time.
FILES_ALONE: Final[Losses] = (
    CHOSEN_CHANNELS,
    ("nested timelines", "A nested timeline is left out, with a gap of its length in its place."),
    ("generators", "A title or another thing without a file is left out, with a gap in its place."),
    ("effects", "Effects and transitions are left out; the clips are as in their files."),
    ("overlapping clips", "Of two clips that overlap on one track, the later begins later."),
    (
        "picture size",
        "A timeline that does not say how large its picture is becomes one of 1920 × 1080.",
    ),
    ("anything else", "Markers, levels, colours and notes are left out."),
)
#: What the last but one says.
PRESUMED_SIZE: Final = (1920, 1080)


def told(losses: Losses, timeline: Timeline, **own: bool) -> tuple[str, ...]:
    """A sentence for each of a format's losses that this timeline suffers.

    Args:
        own: whether it does, for losses that are the format's own; `_` stands for a space.
    """
    clips = [clip for track in timeline.tracks for clip in track.clips]
    times = [time * timeline.rate for clip in clips for time in (clip.record, clip.end)]
    suffered = {
        "positions between frames": any(time.denominator != 1 for time in times),
        "nested timelines": any(clip.kind == "nested" for clip in clips),
        "generators": any(clip.kind == "generator" for clip in clips),
        "effects": any(clip.effects for clip in clips),
        "overlapping clips": any(overlapping(track) for track in timeline.tracks),
        "chosen channels": any(map(_chooses, clips)),
        "picture size": timeline.size is None,
        **{name.replace("_", " "): there for name, there in own.items()},
    }
    return tuple(sentence for what, sentence in losses if suffered.get(what))


def _chooses(clip: Clip) -> bool:
    """Whether a clip is known to play other channels of its file than the first, or not all."""
    numbers = {channel.number for channel in clip.channels}
    known = clip.source.channels if clip.source else None
    return bool(numbers) and (
        any((channel.sound or 1) > 1 for channel in clip.channels)
        or numbers != set(range(1, len(numbers) + 1))
        or len(numbers) < (known or 0)
    )
