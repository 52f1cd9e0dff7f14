"""Stems onto the timeline: into our bin, on new tracks, read back and compared.

What Resolve answers is no evidence: it says yes and places nothing, or elsewhere, or it is gone
after the next save. Everything is in the record until all of it was found where it belongs; what is
not is undone by whoever made the changes. This module must not know where stems come from.
"""

import os
from fractions import Fraction
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from soundmatte_resolve import arithmetic, lift, media_view, ours, stamp, timeline_view
from soundmatte_resolve.changes import Changes
from soundmatte_resolve.connect import method
from soundmatte_resolve.paths import same
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.timeline_view import AUDIO, Item, Timeline, Track

_TITLES = {"target": "Soundmatte Target", "residual": "Soundmatte Residual"}
_NEVER_SAVED = "Untitled Project"
_KEPT = "Nothing was left on the timeline. The stems are in {}."


class Stem(NamedTuple):
    """A stem's file. `words` is what is written on it in the media pool."""

    role: str
    path: str
    channels: int
    words: Dict[str, str]


class Spot(NamedTuple):
    """Where stems belong: absolute frames of the timeline."""

    start: int
    frames: int


class Laid(NamedTuple):
    """A stem on the timeline."""

    stem: Stem
    track: Track
    item: Item


def place(changes: Changes, timeline: Timeline, stems: Sequence[Stem], spot: Spot) -> List[Laid]:
    """Put stems on new tracks.

    Raises:
        Refusal: something is not as it should be; what was changed is in the record.
    """
    # Record frames are absolute: smaller ones lie before the timeline, and nobody sees them again.
    if spot.start < timeline.start:
        raise Refusal("The clip begins before the timeline does.", "Move it.")
    # Nothing can be deleted again while another page is open.
    changes.page("edit")
    folder = _bin(changes)
    pooled = [_imported(changes, folder, stem) for stem in stems]
    laid = [_laid(changes, timeline, stem, media, spot) for stem, media in zip(stems, pooled)]
    for each in laid:
        _look_again(changes, each, spot)
    return laid


def keep(changes: Changes, laid: Sequence[Laid], spot: Spot, save: bool) -> str:
    """Let stems stay, and save the project where that is wanted.

    Returns:
        A sentence on what was not done; empty if all was.

    Raises:
        Refusal: after saving they are not there any more.
    """
    said = ""
    if save:
        said = _saved(changes)
        for each in laid:
            _look_again(changes, each, spot)
    changes.record.drop(*changes.record.of_kind("stem", "import", "bin"))
    return said


def _saved(changes: Changes) -> str:
    # Saving a project that never was opens a window, and never returns where there are none.
    if (changes.session.project.GetName() or _NEVER_SAVED) == _NEVER_SAVED:
        return "The project has no name yet, and was not saved."
    if not changes.session.manager.SaveProject():
        return "Resolve did not save the project."
    return ""


def title(role: str, taken: Sequence[str]) -> str:
    """The name of a new track for a stem."""
    wanted = _TITLES[role]
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name


def is_ours(name: str) -> bool:
    """Whether a track has one of our names."""
    for wanted in _TITLES.values():
        if name == wanted or (name.startswith(wanted + " ") and name[len(wanted) + 1 :].isdigit()):
            return True
    return False


def _bin(changes: Changes) -> Any:
    """Our bin, as the current one: there is no other way to say where an import goes."""
    pool = changes.session.pool
    folder = lift.bin_of(pool)
    if folder is None:
        changes.record.add("bin")
    changes.folder()
    if folder is None:
        folder = pool.AddSubFolder(pool.GetRootFolder(), lift.BIN) or lift.bin_of(pool)
    if folder is None:
        raise Refusal("Resolve makes no bin.", "Close every dialog of Resolve's, and try again.")
    pool.SetCurrentFolder(folder)
    return folder


def _imported(changes: Changes, folder: Any, stem: Stem) -> Any:
    """The stem in the media pool."""
    pool = changes.session.pool
    media = lift.in_bin(folder, stem.path)
    if media is None:
        changes.record.add("import", path=stem.path)
        # What this returns depends on what is there already; Windows takes its own slashes alone.
        pool.ImportMedia([os.path.normpath(stem.path)])
        media = lift.in_bin(folder, stem.path) or _elsewhere(pool.GetRootFolder(), stem.path)
    if media is None:
        raise Refusal(
            f"Resolve does not import {os.path.basename(stem.path)}.",
            _KEPT.format(os.path.dirname(stem.path)),
        )
    # The same file may lie on another timeline, for which other sounds were switched off.
    off = ours.known(media).get("muted", "[]")
    stamp.put(media, dict(stem.words, muted=off))
    return media


def _elsewhere(folder: Any, path: str) -> Optional[Any]:
    """A file that was imported before, and moved into another bin by the person."""
    if folder is None:
        return None
    wanted = os.path.basename(path)
    for media in folder.GetClipList() or []:
        if media is not None and media.GetName() == wanted and same(_path(media), path):
            return media
    for below in folder.GetSubFolderList() or []:
        found = _elsewhere(below, path)
        if found is not None:
            return found
    return None


def _path(media: Any) -> str:
    told = media_view.media(media)
    return told.path if told is not None else ""


def _laid(changes: Changes, timeline: Timeline, stem: Stem, media: Any, spot: Spot) -> Laid:
    """A stem on a track of its own; its length is corrected once.

    Up to 18.6 the last frame was counted in, from 19 on it is not; and frames of another rate than
    the timeline's are cut off to whole ones.
    """
    track = _new_track(changes, stem)
    told = media_view.media(media)
    rate = (told.rate if told is not None else None) or timeline.rate
    end = arithmetic.end_frame(spot.frames, timeline.rate, rate)
    found = _appended(changes, media, track, end, spot)
    if len(found) == 1 and found[0].start == spot.start and found[0].duration != spot.frames:
        end += _correction(spot.frames - found[0].duration, rate, timeline.rate)
        lift.items_off(changes.session.resolve, changes.timeline, track, [found[0].id])
        found = _appended(changes, media, track, end, spot)
    _compared(track, found, spot, stem)
    return Laid(stem, track, found[0])


def _correction(short: int, stem: Fraction, timeline: Fraction) -> int:
    """Frames of the stem's rate by which a piece that is so much too short is to be longer."""
    frames = arithmetic.ceil(abs(short) * stem / timeline)
    return frames if short > 0 else -frames


def _new_track(changes: Changes, stem: Stem) -> Track:
    """A new audio track, the last one: never one that is there, on which pieces slide or vanish."""
    handle = changes.timeline
    before = timeline_view.tracks(handle, AUDIO)
    name = title(stem.role, [track.name for track in before])
    index = len(before) + 1
    changes.record.add("stem", index=index, name=name, path=stem.path, before=len(before))
    kind = arithmetic.sub_type(stem.channels)
    handle.AddTrack(AUDIO, kind)
    failed = f"Resolve makes no {kind} track."
    if (handle.GetTrackCount(AUDIO) or 0) != index or handle.GetItemListInTrack(AUDIO, index):
        raise Refusal(failed, _KEPT.format(os.path.dirname(stem.path)))
    # A track with fewer channels than its sound says nothing, and mutes the rest.
    ask = method(handle, "GetTrackSubType")
    if ask is not None and ask(AUDIO, index) != kind:
        raise Refusal(failed, _KEPT.format(os.path.dirname(stem.path)))
    handle.SetTrackName(AUDIO, index, name)
    # On a locked track nothing is placed, whatever is answered.
    if handle.GetIsTrackLocked(AUDIO, index):
        handle.SetTrackLock(AUDIO, index, False)
    return Track(AUDIO, index, name)


def _appended(changes: Changes, media: Any, track: Track, end: int, spot: Spot) -> List[Item]:
    """What lies on a track after a piece was appended; the answer itself is empty now and then."""
    changes.here()  # it goes to the timeline that is current, where that track may be the person's
    changes.session.pool.AppendToTimeline(
        [
            {
                "mediaPoolItem": media,
                "startFrame": 0,
                "endFrame": int(end),
                # A track's number without a media type can drop the piece, and without a number
                # all sound goes to the first track.
                "mediaType": 2,
                "trackIndex": track.number,
                "recordFrame": int(spot.start),
            }
        ]
    )
    return timeline_view.items(changes.timeline, track)


def _look_again(changes: Changes, laid: Laid, spot: Spot) -> None:
    found = timeline_view.items(changes.timeline, laid.track)
    _compared(laid.track, found, spot, laid.stem)


def _compared(track: Track, found: Sequence[Item], spot: Spot, stem: Stem) -> None:
    kept = _KEPT.format(os.path.dirname(stem.path))
    if len(found) != 1 or not same(lift.path_of(found[0]), stem.path):
        raise Refusal(f"Resolve did not place the stem for {track.name}.", kept)
    there = (found[0].start, found[0].duration)
    if there != (spot.start, spot.frames):
        raise Refusal(
            f"Resolve placed the stem for {track.name} at frame {there[0]} for {there[1]} frames, "
            f"not at {spot.start} for {spot.frames}.",
            kept,
        )
