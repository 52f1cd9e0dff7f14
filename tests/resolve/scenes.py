"""Scenes that many tests begin with: a clip, its sound, and a mask over it. It must not run any."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: Where the clip of every scene lies: frames from the timeline's first, its length, its source.
AT, FRAMES, SOURCE = 10, 25, 7


def cut(
    path: Path,
    *,
    rate: str = "25",
    start: int | None = None,
    drop: bool = False,
    item: dict[str, Any] | None = None,
    sound: dict[str, Any] | None = None,
    media: dict[str, Any] | None = None,
    mask: Path | None = None,
    more: list[dict[str, Any]] | None = None,
    cut: dict[str, Any] | None = None,
    others: Sequence[str] = (),
    **scene: Any,
) -> dict[str, Any]:
    """A timeline "Cut" with the clip on V1 and A1, and something else on V1, A1 and A2.

    Args:
        item, sound, media: what is otherwise of the clip's picture, its sound, its media.
        mask: of the same length, on V2 "Mask"; None leaves that out.
        more: further tracks.
        cut: what is otherwise of the timeline.
        others: names of further timelines, which are empty.
        scene: what is otherwise of the scene.
    """
    usual = {"media": "shot", "at": AT, "frames": FRAMES, "source": SOURCE, "link": "clip"}
    other = {"media": "shot", "at": 50, "frames": 10, "source": 0}
    tracks: list[dict[str, Any]] = [
        {"kind": "video", "items": [{**usual, "id": "clip", **(item or {})}, other]}
    ]
    shown = {"shot": {"path": str(path), "bin": "Rushes", **(media or {})}}
    if mask is not None:
        shown["mask"] = {"path": str(mask), "bin": "Rushes"}
        over = {"media": "mask", "at": AT, "frames": FRAMES, "source": 0, "id": "mask"}
        tracks.append({"kind": "video", "name": "Mask", "items": [over]})
    tracks += [
        {"kind": "audio", "items": [{**usual, "id": "sound", **(sound or item or {})}]},
        {"kind": "audio", "name": "Music", "items": [{**other, "at": 0, "frames": 45}]},
        {"kind": "audio", "name": "Off", "enabled": False, "items": []},
        *(more or []),
    ]
    timeline: dict[str, Any] = {"name": "Cut", "rate": rate, "drop": drop, "tracks": tracks}
    timeline |= {"playhead": AT + 5, "marks": [2, 40], **(cut or {})}
    if start is not None:
        timeline["start"] = start
    project = {"name": "Film", "rate": rate}
    empty = [{"name": name, "rate": rate, "tracks": []} for name in others]
    usually = {"bins": ["Rushes"], "bin": "Rushes", "page": "color", "project": project}
    return {**usually, "media": shown, "timelines": [timeline, *empty], **scene}


def stems(dump: dict[str, Any], timeline: str = "Cut") -> list[dict[str, Any]]:
    """The audio tracks of ours, in their order."""
    tracks = dump["timelines"][timeline]["tracks"]["audio"]
    return [track for track in tracks if track["name"].startswith("Soundmatte")]


def seen(dump: dict[str, Any], *, stems_too: bool = False) -> dict[str, Any]:
    """What must be as it was: everything, without the stems and our bin unless they are wanted."""
    found = {key: value for key, value in dump.items() if key not in ("rendered", "saved")}
    if stems_too:
        return found
    timelines = {}
    for name, timeline in dump["timelines"].items():
        tracks = dict(timeline["tracks"])
        tracks["audio"] = [t for t in tracks["audio"] if not t["name"].startswith("Soundmatte")]
        timelines[name] = {**timeline, "tracks": tracks, "markers": {}}
    pool = dict(found["pool"])
    pool["folders"] = [each for each in pool["folders"] if each["name"] != "Soundmatte"]
    return {**found, "timelines": timelines, "pool": pool}
