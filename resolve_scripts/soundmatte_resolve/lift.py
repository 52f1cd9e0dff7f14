"""Stems off the timeline and out of the bin, looked at again each time.

This module must not know why.
"""

import time
from typing import Any, Optional, Sequence

from soundmatte_resolve import media_view, timeline_view
from soundmatte_resolve.paths import same
from soundmatte_resolve.timeline_view import AUDIO, Item, Track

#: The bin of all that is ours, in the media pool's root.
BIN = "Soundmatte"
#: The first call does nothing now and then.
_TRIES, _PAUSE = 3, 0.2


def path_of(item: Item) -> str:
    """The file behind an item; empty for none."""
    media = media_view.media(item.handle.GetMediaPoolItem())
    return media.path if media is not None else ""


def items_off(resolve: Any, timeline: Any, track: Track, ids: Sequence[str]) -> bool:
    """Delete items of a track; whether they are gone.

    Nothing is deleted while another page than Edit is open, and the answer says little. Never with
    ripple: that moves, and for some has emptied, what lies behind.
    """
    for attempt in range(_TRIES):
        left = [item for item in timeline_view.items(timeline, track) if item.id in ids]
        if not left:
            return True
        if attempt:
            time.sleep(_PAUSE)
        if resolve.GetCurrentPage() != "edit":
            resolve.OpenPage("edit")
        timeline.DeleteClips([item.handle for item in left], False)
    return not [item for item in timeline_view.items(timeline, track) if item.id in ids]


def track_off(timeline: Any, track: Track) -> bool:
    """Delete an audio track with nothing on it; whether it is gone. Tracks behind it move up."""
    count = timeline.GetTrackCount(AUDIO) or 0
    if timeline.GetItemListInTrack(AUDIO, track.number):
        return False
    timeline.DeleteTrack(AUDIO, track.number)
    return bool(timeline.GetTrackCount(AUDIO) == count - 1)


def bin_of(pool: Any) -> Optional[Any]:
    """Our bin; None where there is none."""
    root = pool.GetRootFolder()
    for folder in (root.GetSubFolderList() if root is not None else None) or []:
        if folder is not None and folder.GetName() == BIN:
            return folder
    return None


def in_bin(folder: Any, path: str) -> Optional[Any]:
    """What was imported of a file into a bin; None for nothing."""
    for handle in folder.GetClipList() or []:
        media = media_view.media(handle)
        if media is not None and same(media.path, path):
            return handle
    return None


def out_of_bin(pool: Any, path: str) -> bool:
    """Take a file out of our bin; whether it is out."""
    folder = bin_of(pool)
    handle = in_bin(folder, path) if folder is not None else None
    if handle is None:
        return True
    pool.DeleteClips([handle])
    return in_bin(folder, path) is None


def bin_off(pool: Any) -> bool:
    """Delete our bin if it is empty; a bin with something in it stays, and that is well."""
    folder = bin_of(pool)
    if folder is None or folder.GetClipList() or folder.GetSubFolderList():
        return True
    pool.DeleteFolders([folder])
    return bin_of(pool) is None
