"""Changes undone, at a run's end or at the next start of any script.

What cannot be undone stays in the record, and is tried again at the next start. This module must
not know how a change is undone, nor what it was for.
"""

import time
from typing import Any, List, Optional, Tuple

from soundmatte_resolve import keep
from soundmatte_resolve.connect import Session
from soundmatte_resolve.keep import Change, Record
from soundmatte_resolve.say import Teller
from soundmatte_resolve.undo import id_of, timeline_by, undo, words

_TRIES, _PAUSE = 4, 0.3


def restore(session: Session, record: Record, late: bool = False) -> List[str]:
    """Undo the changes of a record, from the last to the first.

    Args:
        late: the run is long over: the playhead may have been moved by the person since.

    Returns:
        What could not be undone, as a person calls it.
    """
    if not record.changes:
        return []
    found = _timelines(session, record)
    if found is None:
        return [words(change) for change in record.changes]
    now, own = found
    elsewhere, playhead = own is not None and id_of(own) != id_of(now), ""
    if elsewhere:
        # What tracks are switched to is only told, and set, of the current timeline; and each time
        # that one becomes current, its playhead moves.
        playhead = str(now.GetCurrentTimecode() or "") if now is not None else ""
        session.project.SetCurrentTimeline(own)
    left: List[str] = []
    for change in reversed(list(record.changes)):
        # Nothing is waited for twice: what is in the way of one is in the way of all.
        tries = 1 if left else _TRIES
        moved = late and not elsewhere and change["kind"] == "playhead"
        if moved or _undone(session, own, change, tries):
            record.drop(change)
        else:
            left.append(words(change))
    if elsewhere and now is not None and not record.of_kind("timeline"):
        session.project.SetCurrentTimeline(now)
        if playhead:
            now.SetCurrentTimecode(playhead)
    return left


def recover(session: Session, folder: str, teller: Teller) -> None:
    """Undo what runs changed that did not come to their end, in the project that is open."""
    for record in keep.found(folder):
        if record.project["id"] != id_of(session.project):
            teller.say(
                "An earlier run was ended in the middle of project {}. Open that and start any of "
                "Soundmatte's scripts to put it back as it was; or, should it be gone, remove "
                "{}.".format(record.project["name"], record.path)
            )
            continue
        teller.say("An earlier run was ended in the middle: putting things back as they were.")
        page = session.resolve.GetCurrentPage()
        ours = [change["now"] for change in record.of_kind("page")]
        left = restore(session, record, late=True)
        if page and page not in ours and session.resolve.GetCurrentPage() != page:
            session.resolve.OpenPage(page)  # the person has gone there since
        for what in left:
            teller.say(f"Not put back yet: {what}.")
        if not left:
            teller.say("Everything is as it was.")


def _timelines(session: Session, record: Record) -> Optional[Tuple[Any, Any]]:
    """The timeline that is current, and the record's, None if it is gone; None: no answer."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        if id_of(session.manager.GetCurrentProject()) != record.project["id"]:
            continue
        now = session.project.GetCurrentTimeline()
        own = now
        if id_of(now) != record.timeline["id"]:
            own = timeline_by(session.project, "GetUniqueId", record.timeline["id"])
        # A dialog that opened meanwhile would make a timeline look deleted.
        if session.project.GetName():
            return now, own
    return None


def _undone(session: Session, timeline: Any, change: Change, tries: int) -> bool:
    for attempt in range(tries):
        if attempt:
            time.sleep(_PAUSE)
        # While a dialog is open every answer is empty, and would be taken for a fact.
        undone = session.project.GetName() and undo(session, timeline, change)
        if undone and session.project.GetName():
            return True
    return False
