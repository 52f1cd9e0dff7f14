"""Which stems of ours lie on a timeline, by what is written on them in the media pool.

This module must not know how they came there.
"""

import json
from typing import Any, Dict, List, NamedTuple

from soundmatte_resolve import stamp, timeline_view
from soundmatte_resolve.timeline_view import AUDIO, Item

_ROLES = ("target", "residual")


class Ours(NamedTuple):
    """A stem on a track.

    Attributes:
        job: that it is of.
        muted: ids of the sounds that were switched off for it.
    """

    item: Item
    job: str
    muted: List[str]


def on(timeline: Any) -> List[Ours]:
    """Every stem of ours on a timeline."""
    found = []
    for item in timeline_view.everything(timeline, AUDIO):
        said = known(item.handle.GetMediaPoolItem())
        if said:
            found.append(Ours(item, said["job"], muted(said)))
    return found


def known(media: Any) -> Dict[str, str]:
    """What is written on a stem in the media pool; empty for what is none of ours."""
    said = stamp.read(media)
    return said if said.get("job") and said.get("role") in _ROLES else {}


def muted(said: Dict[str, str]) -> List[str]:
    """The ids that are written on a stem."""
    try:
        names = json.loads(said.get("muted") or "[]")
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []
