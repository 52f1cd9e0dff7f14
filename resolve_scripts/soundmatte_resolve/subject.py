"""The clip that is meant, with what is heard with it and the mask over it.

This module must not know what is done with them.
"""

import os
import re
from typing import List, NamedTuple, Optional

from soundmatte_resolve import choose, media_view, place, timeline_view
from soundmatte_resolve.choose import Mask
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run
from soundmatte_resolve.timeline_view import AUDIO, VIDEO, Item, Shot, Timeline
from soundmatte_resolve.undo import id_of

#: Wishes for a mask that name no track.
_NO_TRACK = ("auto", "none", "file")
#: As in shot.[0001-0100].exr.
_SERIES = re.compile(r"\[\d+-\d+\]")


class Subject(NamedTuple):
    """A clip.

    Attributes:
        sounds: the items linked to it on audio tracks, but none of our stems.
    """

    timeline: Timeline
    shot: Shot
    sounds: List[Shot]

    @property
    def item(self) -> Item:
        """The clip on its track."""
        return self.shot.item


def find(run: Run) -> Subject:
    """The clip that is selected, or under the playhead.

    Raises:
        Refusal: none or several may be meant, or its media is offline.
    """
    timeline = timeline_view.current(run.session.project)
    pictures = timeline_view.everything(timeline.handle, VIDEO)
    selected = timeline_view.selected(timeline.handle)
    item = choose.clip(
        pictures,
        selected,
        _partners(timeline, selected or []),
        "" if selected else timeline_view.under_playhead(timeline.handle),
        _named(run),
        timeline_view.playhead(timeline),
    )
    return seen(timeline, item)


def again(run: Run, known: Subject) -> Subject:
    """The same clip, as it is now: it may have been moved or trimmed meanwhile.

    Raises:
        Refusal: it, or its timeline, is not there any more.
    """
    way_out = "Open its timeline, select it, and run Place Stems Again."
    if id_of(run.session.manager.GetCurrentProject()) != id_of(run.session.project):
        raise Refusal("Another project is open now.", way_out)
    timeline = timeline_view.current(run.session.project)
    if timeline.id != known.timeline.id:
        raise Refusal(f"Another timeline is open now: not {known.timeline.name}.", way_out)
    for item in timeline_view.everything(timeline.handle, VIDEO):
        if item.id == known.item.id:
            return seen(timeline, item)
    raise Refusal(f"The clip {known.item.name} is not on the timeline any more.", way_out)


def seen(timeline: Timeline, item: Item) -> Subject:
    """A clip in full.

    Raises:
        Refusal: its media is offline.
    """
    shot = timeline_view.shot(item)
    if shot.media is not None and _offline(shot.media.path):
        raise Refusal(f"The media of {item.name} is offline: {shot.media.path}.", "Relink it.")
    return Subject(timeline, shot, [timeline_view.shot(each) for each in _sounds(timeline, shot)])


def mask(run: Run, subject: Subject) -> Optional[Mask]:
    """The mask that is wished for; None for none.

    Raises:
        Refusal: there is no such one.
    """
    wish = str(run.wishes["mask"])
    if wish == "none":
        return None
    if wish != "file":
        pictures = timeline_view.everything(subject.timeline.handle, VIDEO)
        found = choose.mask(wish, run.wishes["mask_tracks"], subject.item, pictures)
        if found is not None:
            return found
    files = _mattes(run, subject)
    if files:
        return Mask(None, [], files[0])
    if wish == "file":
        raise Refusal(
            "The clip has no matte in the media pool.", 'Add one, or say "auto" in the wishes.'
        )
    return None


def _mattes(run: Run, subject: Subject) -> List[str]:
    """Files that were added to the clip in the media pool as mattes, and are there."""
    media = subject.shot.media
    told = run.session.pool.GetClipMatteList(media.handle) if media is not None else None
    files = [str(path) for path in told or [] if os.path.isfile(str(path))]
    if len(files) > 1:
        run.teller.say(f"The clip has {len(files)} mattes; the first one is taken.")
    return files


def _named(run: Run) -> List[str]:
    wish = str(run.wishes["mask"])
    named = list(run.wishes["mask_tracks"])
    return named if wish in _NO_TRACK else [*named, wish]


def _partners(timeline: Timeline, selected: List[str]) -> List[str]:
    """Ids of what is linked to the sounds that are selected."""
    if not selected:
        return []
    sounds = timeline_view.everything(timeline.handle, AUDIO)
    return [
        partner
        for item in sounds
        if item.id in selected
        for partner in timeline_view.linked(item) or []
    ]


def _sounds(timeline: Timeline, shot: Shot) -> List[Item]:
    """What is heard with a clip: what is linked to it.

    Before 19 nobody says that: there it is what begins and ends with it, and is of its media.
    """
    partners = timeline_view.linked(shot.item)
    near = [
        item
        for item in timeline_view.everything(timeline.handle, AUDIO)
        if item.overlaps(shot.item) and not place.is_ours(item.track.name)
    ]
    if partners is not None:
        return [item for item in near if item.id in partners]
    lasts = (shot.item.start, shot.item.duration)
    both = [item for item in near if (item.start, item.duration) == lasts]
    return [item for item in both if _of_media(item, shot)]


def _of_media(item: Item, shot: Shot) -> bool:
    media = media_view.media(item.handle.GetMediaPoolItem())
    return media is not None and shot.media is not None and media.id == shot.media.id


def _offline(path: str) -> bool:
    """Whether a file is missing; a series of pictures has a name that is no file's."""
    return bool(path) and not _SERIES.search(path) and not os.path.exists(path)
