"""How each kind of change is undone; each answers whether it is.

Calls do nothing while a dialog is open, so everything is looked at again. This module must not know
what the changes were for.
"""

import os
from typing import Any, Callable, Dict, List, Optional, Tuple

from soundmatte_resolve import lift, timeline_view
from soundmatte_resolve.connect import Session, method
from soundmatte_resolve.keep import Change
from soundmatte_resolve.paths import same
from soundmatte_resolve.timeline_view import AUDIO, VIDEO, Track


def undo(session: Session, timeline: Any, change: Change) -> bool:
    """Undo a change, on its timeline, which must be current; whether it is undone."""
    return _TABLE[change["kind"]][0](session, timeline, change)


def words(change: Change) -> str:
    """What a change is of, as a person calls it."""
    return _TABLE[change["kind"]][1].format(**change)


def timeline_by(project: Any, name: str, value: str) -> Optional[Any]:
    """The timeline whose `GetUniqueId` or `GetName` says this; None where there is none."""
    for index in range(1, int(project.GetTimelineCount() or 0) + 1):
        found = project.GetTimelineByIndex(index)
        if found is None:
            continue
        told = found.GetUniqueId() if name == "GetUniqueId" else found.GetName()
        if value and told == value:
            return found
    return None


def id_of(handle: Any) -> str:
    """The id of anything that has one; empty for nothing."""
    return str(handle.GetUniqueId() or "") if handle is not None else ""


def _playhead(session: Session, timeline: Any, change: Change) -> bool:
    # It is noted before another timeline is opened, so by now that of the person's is back.
    timeline = session.project.GetCurrentTimeline()
    if timeline is None or timeline.GetCurrentTimecode() == change["was"]:
        return True
    timeline.SetCurrentTimecode(change["was"])
    return bool(timeline.GetCurrentTimecode() == change["was"])


def _marks(session: Session, timeline: Any, change: Change) -> bool:
    ask = method(timeline, "GetMarkInOut")
    put, clear = method(timeline, "SetMarkInOut"), method(timeline, "ClearMarkInOut")
    if ask is None or put is None or clear is None:
        return True
    if ask() == change["was"]:
        return True
    clear("all")
    for kind, both in change["was"].items():
        # One mark alone stands for the timeline's end on the other side.
        last = int(timeline.GetEndFrame() or 0) - int(timeline.GetStartFrame() or 0) - 1
        put(int(both.get("in", 0)), int(both.get("out", max(0, last))), kind)
    return set(ask() or {}) == set(change["was"])


def _page(session: Session, timeline: Any, change: Change) -> bool:
    if session.resolve.GetCurrentPage() != change["was"]:
        session.resolve.OpenPage(change["was"])
    return bool(session.resolve.GetCurrentPage() == change["was"])


def _folder(session: Session, timeline: Any, change: Change) -> bool:
    found, ours = _folder_by(session.pool.GetRootFolder(), change["was"]), lift.bin_of(session.pool)
    if found is None or id_of(session.pool.GetCurrentFolder()) != id_of(ours):
        return True  # the person has deleted it since, or gone to another
    session.pool.SetCurrentFolder(found)
    return bool(id_of(session.pool.GetCurrentFolder()) == change["was"])


def _folder_by(folder: Any, wanted: str) -> Optional[Any]:
    if folder is None or not wanted or id_of(folder) == wanted:
        return folder if wanted else None
    for below in folder.GetSubFolderList() or []:
        found = _folder_by(below, wanted)
        if found is not None:
            return found
    return None


def _track(session: Session, timeline: Any, change: Change) -> bool:
    where = (change["track"], _number(timeline, change) if timeline is not None else 0)
    if not where[1]:
        return True  # the person has deleted it since
    if bool(timeline.GetIsTrackEnabled(*where)) != change["was"]:
        timeline.SetTrackEnable(where[0], where[1], change["was"])
    return bool(bool(timeline.GetIsTrackEnabled(*where)) == change["was"])


def _number(timeline: Any, change: Change) -> int:
    """The number that a track has now: the person may have made others, or moved it; 0 for none."""
    there = timeline_view.tracks(timeline, change["track"])
    known = set(change.get("holds") or [])
    for track in there if known else ():
        if known.intersection(timeline_view.held(timeline, track)):
            return track.number
    named = [track.number for track in there if track.name == change["name"]]
    if change["index"] in named or len(named) != 1:
        return int(change["index"]) if change["index"] <= len(there) else 0
    return named[0]


def _item(session: Session, timeline: Any, change: Change) -> bool:
    for kind in (VIDEO, AUDIO) if timeline is not None else ():
        for item in timeline_view.everything(timeline, kind):
            if item.id == change["id"]:
                item.handle.SetClipEnabled(change["was"])
                return bool((item.handle.GetClipEnabled() is not False) == change["was"])
    return True


def _format(session: Session, timeline: Any, change: Change) -> bool:
    # None of this has an effect unless the Deliver page is open.
    project, was = session.project, change["was"]
    _deliver(session)
    if change["mode"] is not None:
        project.SetCurrentRenderMode(change["mode"])
    if not was.get("format") or not was.get("codec"):
        return True
    project.SetCurrentRenderFormatAndCodec(was["format"], was["codec"])
    return bool(project.GetCurrentRenderFormatAndCodec() == was)


def _preset(session: Session, timeline: Any, change: Change) -> bool:
    project = session.project
    if change["name"] not in _presets(project):
        return True
    _deliver(session)
    project.LoadRenderPreset(change["name"])
    project.DeleteRenderPreset(change["name"])
    return change["name"] not in _presets(project)


def _presets(project: Any) -> List[str]:
    told = project.GetRenderPresetList() or []
    return [str(one.get("PresetName") if isinstance(one, dict) else one) for one in told]


def _job(session: Session, timeline: Any, change: Change) -> bool:
    """Delete a render job; it is stopped where it is under way."""
    ours = [one for one in session.project.GetRenderJobList() or [] if _ours(one, change)]
    for one in ours:
        status = session.project.GetRenderJobStatus(one["JobId"])
        if isinstance(status, dict) and status.get("JobStatus") == "Rendering":
            session.project.StopRendering()
        session.project.DeleteRenderJob(one["JobId"])
    return not [one for one in session.project.GetRenderJobList() or [] if _ours(one, change)]


def _ours(job: Any, change: Change) -> bool:
    """Whether a job of the queue is that one: its file's name is unique."""
    if not isinstance(job, dict) or not job.get("JobId"):
        return False
    return job["JobId"] == change["id"] or change["name"] in str(job.get("OutputFilename") or "")


def _stem(session: Session, timeline: Any, change: Change) -> bool:
    """Take a stem off the track that was made for it, and the track, if nothing else is on it."""
    there = timeline_view.tracks(timeline, AUDIO) if timeline is not None else []
    # The person may have made tracks before it since, and so its number is another.
    named = [track for track in there if track.name == change["name"]]
    last = there[-1] if there else None
    if not named and last is not None and last.number == change["index"] > change["before"]:
        # It has no name of ours yet where the run was ended before it got one: "Audio 5".
        named = [last] if last.name.endswith(str(last.number)) else []
    # From the last one on, so that the numbers of the others stay.
    gone = [_cleared(session, timeline, track, change["path"]) for track in reversed(named)]
    return all(gone)


def _cleared(session: Session, timeline: Any, track: Track, path: str) -> bool:
    """Take a file off a track, and the track, if nothing else is on it; whether both are gone."""
    there = timeline_view.items(timeline, track)
    ours = [item.id for item in there if same(lift.path_of(item), path)]
    if not lift.items_off(session.resolve, timeline, track, ours):
        return False
    return len(there) > len(ours) or lift.track_off(timeline, track)


def _scratch(session: Session, timeline: Any, change: Change) -> bool:
    found = timeline_by(session.project, "GetName", change["name"])
    if found is not None:
        session.pool.DeleteTimelines([found])
    return timeline_by(session.project, "GetName", change["name"]) is None


def _timeline(session: Session, timeline: Any, change: Change) -> bool:
    found = timeline_by(session.project, "GetUniqueId", change["was"])
    if found is not None:
        session.project.SetCurrentTimeline(found)
    return found is None or id_of(session.project.GetCurrentTimeline()) == change["was"]


def _file(session: Session, timeline: Any, change: Change) -> bool:
    if os.path.isfile(change["path"]):
        os.remove(change["path"])
    return True


def _deliver(session: Session) -> None:
    if session.resolve.GetCurrentPage() != "deliver":
        session.resolve.OpenPage("deliver")


_Undo = Callable[[Session, Any, Change], bool]
_TABLE: Dict[str, Tuple[_Undo, str]] = {
    "playhead": (_playhead, "the playhead"),
    "marks": (_marks, "the timeline's marks"),
    "page": (_page, "the {was} page"),
    "folder": (_folder, "the current bin"),
    "track": (_track, "track {name}"),
    "item": (_item, "the clip {name}"),
    "format": (_format, "the render format"),
    "preset": (_preset, "the render settings, kept as preset {name}"),
    "job": (_job, "the render job {name}"),
    "stem": (_stem, "the stem on track {name}"),
    "import": (
        lambda session, timeline, change: lift.out_of_bin(session.pool, change["path"]),
        "the file {path} in the media pool",
    ),
    "bin": (lambda session, timeline, change: lift.bin_off(session.pool), "the bin"),
    "scratch": (_scratch, "the timeline {name}"),
    "timeline": (_timeline, "the timeline that was open"),
    "file": (_file, "the file {path}"),
}
