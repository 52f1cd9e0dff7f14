"""One run of a script: what every part of it is handed. It must not know what the parts are."""

import contextlib
import os
from typing import Any, Callable, Iterator, NamedTuple

from soundmatte_resolve import keep
from soundmatte_resolve.changes import Changes, identity
from soundmatte_resolve.connect import Session
from soundmatte_resolve.refusal import Refusal, Stopped
from soundmatte_resolve.restore import restore
from soundmatte_resolve.say import Teller
from soundmatte_resolve.wishes import Wishes

#: Made by the person in the state's folder, it ends what is under way.
STOP = "stop"


class Run(NamedTuple):
    """What a script has at hand.

    Attributes:
        folder: of the scripts' state.
        stop: raises `Stopped` where the person wants it to end.
    """

    session: Session
    folder: str
    teller: Teller
    wishes: Wishes
    stop: Callable[[], None]


def stopper(folder: str) -> Callable[[], None]:
    """What raises `Stopped` once the person has made the file `stop` in the state's folder."""
    path = os.path.join(folder, STOP)

    def stop() -> None:
        if os.path.exists(path):
            raise Stopped()

    return stop


@contextlib.contextmanager
def changing(run: Run, timeline: Any) -> Iterator[Changes]:
    """For changes that are undone at the end, whatever happens, but for what was kept.

    Args:
        timeline: Resolve's object of the current one; None for none.

    Raises:
        Refusal: Resolve does not answer; nothing was changed.
    """
    project, own = identity(run.session.project), identity(timeline)
    # A record without them would be nobody's.
    if not project["id"] or (timeline is not None and not own["id"]):
        raise Refusal("Resolve does not answer.", "Close every dialog of its, and try again.")
    record = keep.begun(run.folder, project, own)
    try:
        yield Changes(run.session, timeline, record)
    finally:
        for what in restore(run.session, record):
            run.teller.say(
                f"Not put back yet: {what}. Close every dialog of Resolve's and start any of "
                "Soundmatte's scripts: it tries again."
            )
