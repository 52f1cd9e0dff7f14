"""What an item of the media pool is, as plain values, and what Resolve's answers mean.

This module must not know timelines.
"""

import json
import os
from fractions import Fraction
from typing import Any, Dict, NamedTuple, Optional, Tuple

from soundmatte_resolve.arithmetic import rate_of, whole
from soundmatte_resolve.connect import method


class Media(NamedTuple):
    """What an item is made of.

    Attributes:
        path: empty where there is no file behind it: compound, multicam, generator, timeline.
        kind: as Resolve calls it, in the person's language.
        rate: frames per second that Resolve counts it in; None where it does not say.
        frames: of the whole media; None where Resolve does not say.
        size: width and height; None where Resolve does not say.
        other_sound: sound of another file is linked to it.
    """

    handle: Any
    id: str
    path: str
    kind: str
    rate: Optional[Fraction]
    frames: Optional[int]
    size: Optional[Tuple[int, int]]
    other_sound: bool


def media(handle: Any) -> Optional[Media]:
    """What an item of the media pool is; None for none."""
    if handle is None:
        return None
    said = dictionary(handle.GetClipProperty())
    mapping = method(handle, "GetAudioMapping")
    return Media(
        handle=handle,
        id=str(handle.GetUniqueId() or ""),
        path=_path(said),
        kind=str(said.get("Type") or ""),
        rate=rate_of(said.get("FPS")),
        frames=number(said.get("Frames")) or None,
        size=_size(said.get("Resolution")),
        other_sound=bool(mapping is not None and _json(mapping()).get("linked_audio")),
    )


def _path(said: Dict[str, Any]) -> str:
    """The file; in other languages the properties' names are other words, but a path is a path."""
    told = str(said.get("File Path") or "")
    if told or "File Path" in said:
        return told
    texts = [value for value in said.values() if isinstance(value, str) and os.path.isabs(value)]
    return next((text for text in texts if os.path.isfile(text)), "")


def _size(value: Any) -> Optional[Tuple[int, int]]:
    parts = str(value or "").lower().split("x")
    try:
        width, height = (int(part) for part in parts)
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def number(value: Any) -> Optional[int]:
    """A whole number; None where that is none."""
    try:
        return whole(value)
    except (TypeError, ValueError):
        return None


def dictionary(value: Any) -> Dict[str, Any]:
    """A dictionary; an empty one where that is none."""
    return value if isinstance(value, dict) else {}


def _json(text: Any) -> Dict[str, Any]:
    try:
        return dictionary(json.loads(text))
    except (TypeError, ValueError):
        return {}
