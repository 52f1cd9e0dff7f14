"""Changes to a project that are not to stay: each on disk before it is made.

This module must not know what they are for, nor how they are undone.
"""

from typing import Any, Dict, Optional

from soundmatte_resolve.connect import Session, method
from soundmatte_resolve.keep import Change, Record
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.timeline_view import Item, Track, held

_DIALOG = "Close every dialog of Resolve's, and try again."
#: So many clips of a track are noted, to find it by should its number change.
_HELD = 3


class Changes:
    """Makes changes to a project and its current timeline, and notes them.

    The order matters: they are undone from the last to the first, and opening the Deliver page or
    setting up a render may move the marks. So the playhead is noted first, then the marks, then
    the page.
    """

    def __init__(self, session: Session, timeline: Any, record: Record) -> None:
        self.session = session
        self.timeline = timeline
        self.record = record

    def here(self) -> None:
        """Make sure that the timeline is still the current one: what is appended or rendered is
        that one's, and of no other are the tracks told to be on.

        Raises:
            Refusal: another one, or another project, was opened meanwhile.
        """
        for what, was, now in (
            ("project", self.record.project, self.session.manager.GetCurrentProject()),
            ("timeline", self.record.timeline, self.session.project.GetCurrentTimeline()),
        ):
            if identity(now)["id"] != was["id"]:
                raise Refusal(
                    "The {} {} is not open any more.".format(what, was["name"]),
                    "Open it, close every dialog of Resolve's, and try again.",
                )

    def playhead(self) -> None:
        """Note where the playhead is; whatever moves it comes later."""
        told = self.timeline.GetCurrentTimecode()
        if told:
            self.record.add("playhead", was=str(told))

    def marks(self) -> bool:
        """Note the timeline's marks; whether this Resolve tells them (19.1 and later)."""
        ask = method(self.timeline, "GetMarkInOut")
        if ask is None:
            return False
        told = ask()
        was = told if isinstance(told, dict) else {}
        self.record.add("marks", was={kind: dict(both) for kind, both in was.items() if both})
        return True

    def page(self, name: str) -> None:
        """Open a page.

        Raises:
            Refusal: it does not open.
        """
        was = self.session.resolve.GetCurrentPage()
        if was == name:
            return
        self.record.add("page", was=str(was or "edit"), now=name)
        self.session.resolve.OpenPage(name)
        if self.session.resolve.GetCurrentPage() != name:
            raise Refusal(f"Resolve does not open its {name.title()} page.", _DIALOG)

    def folder(self) -> None:
        """Note which bin is current: imports go to that, and a new bin becomes it."""
        was = self.session.pool.GetCurrentFolder()
        self.record.add("folder", was=str(was.GetUniqueId() or "") if was is not None else "")

    def track(self, track: Track, on: bool) -> None:
        """Switch a track on or off.

        Raises:
            Refusal: it stays as it is.
        """
        where = (track.kind, track.number)
        was = bool(self.timeline.GetIsTrackEnabled(*where))
        if was == on:
            return
        self.here()
        known = self._noted(track)
        if known is None:
            known = self.record.add(
                "track",
                track=track.kind,
                index=track.number,
                name=track.name,
                holds=held(self.timeline, track, _HELD),
                was=was,
            )
        self.timeline.SetTrackEnable(track.kind, track.number, on)
        if bool(self.timeline.GetIsTrackEnabled(*where)) != on:
            self.here()
            raise Refusal(f"Track {track.label} cannot be switched.", _DIALOG)
        if known["was"] == on:
            self.record.drop(known)

    def _noted(self, track: Track) -> Optional[Change]:
        for change in self.record.of_kind("track"):
            if (change["track"], change["index"]) == (track.kind, track.number):
                return change
        return None

    def enable(self, item: Item, on: bool) -> None:
        """Switch an item on or off.

        Raises:
            Refusal: it stays as it is.
        """
        was = item.handle.GetClipEnabled() is not False
        if was == on:
            return
        self.record.add("item", id=item.id, was=was, name=item.name)
        item.handle.SetClipEnabled(on)
        if (item.handle.GetClipEnabled() is not False) != on:
            raise Refusal(f"The clip {item.name} cannot be switched.", _DIALOG)

    def render_settings(self, name: str) -> None:
        """Keep all of the Deliver page's settings as a preset of that name, and note the format.

        There is no way to read them, so they are kept where Resolve itself can put them back.
        """
        project = self.session.project
        told = project.GetCurrentRenderFormatAndCodec()
        mode = project.GetCurrentRenderMode()
        self.record.add("format", was=told if isinstance(told, dict) else {}, mode=mode)
        self.record.add("preset", name=name)
        project.SaveAsNewRenderPreset(name)

    def render_job(self, name: str, folder: str) -> Change:
        """Note a render job by the name of its file, which is all that is known before it is."""
        return self.record.add("job", name=name, folder=folder, id="")


def identity(handle: Any) -> Dict[str, str]:
    """Id and name of a project or a timeline, as records hold them; empty for none."""
    if handle is None:
        return {"id": "", "name": ""}
    return {"id": str(handle.GetUniqueId() or ""), "name": str(handle.GetName() or "")}
