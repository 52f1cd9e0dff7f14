"""Remove Stems: what was placed is taken off the timeline; the files and the bin stay.

This module must not know how stems came there.
"""

import json
from typing import List, Sequence, Set

from soundmatte_resolve import ledger, lift, ours, place, stamp, subject, timeline_view
from soundmatte_resolve.ours import Ours
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run, changing
from soundmatte_resolve.timeline_view import AUDIO, VIDEO, Item, Timeline


def remove(run: Run) -> None:
    """Remove the stems of the clip that is meant, of the job that is wished for, or all there are
    where they are of one job.

    Raises:
        Refusal: there are none, or Resolve does not delete them.
    """
    timeline = timeline_view.current(run.session.project)
    there = ours.on(timeline.handle)
    if not there:
        raise Refusal("There are no stems of Soundmatte's on this timeline.")
    meant = _meant(run, there)
    pooled = [stem.item.handle.GetMediaPoolItem() for stem in meant]
    with changing(run, timeline.handle) as changes:
        changes.playhead()
        # Nothing is deleted while another page is open.
        changes.page("edit")
        for track in sorted({stem.item.track for stem in meant}, reverse=True):
            names = [stem.item.id for stem in meant if stem.item.track == track]
            if not lift.items_off(run.session.resolve, timeline.handle, track, names):
                raise Refusal(
                    f"Resolve does not delete the stems on {track.label}.",
                    "Unlock the track, close every dialog, and try again.",
                )
            # From the last one on, so that the numbers of the others stay.
            gone = place.is_ours(track.name) and lift.track_off(timeline.handle, track)
            run.teller.say(
                "{}: {}.".format(track.label, "track removed" if gone else "stems removed")
            )
    heard = _unmute(run, timeline, meant, ours.on(timeline.handle))
    for media in pooled:
        said = ours.known(media)
        left = [name for name in ours.muted(said) if name not in heard]
        stamp.put(media, dict(said, muted=json.dumps(left)))
    run.teller.say(
        "The stems' files stay, and so does the bin: Place Stems Again brings them back."
    )


def _meant(run: Run, there: Sequence[Ours]) -> List[Ours]:
    wished = str(run.wishes["job"])
    jobs = {stem.job for stem in there}
    if wished or len(jobs) == 1:
        meant = [stem for stem in there if stem.job == (wished or min(jobs))]
        hint = f'Correct "job" in {run.wishes.path}, or leave it empty.'
    else:
        clip = subject.find(run).item
        others = _others(run, clip)
        meant = [s for s in there if s.item.overlaps(clip) and s.job not in others]
        hint = "There are others on this timeline: select their clip."
    if not meant:
        raise Refusal("There are no such stems on this timeline.", hint)
    return meant


def _others(run: Run, clip: Item) -> Set[str]:
    """The jobs of clips that lie above or below one."""
    project = str(run.session.project.GetUniqueId())
    timeline = timeline_view.current(run.session.project)
    near = timeline_view.everything(timeline.handle, VIDEO)
    ids = [item.id for item in near if item.id != clip.id and item.overlaps(clip)]
    own = {entry["job"] for entry in ledger.of_item(run.folder, project, clip.id)}
    found = {e["job"] for name in ids for e in ledger.of_item(run.folder, project, name)}
    return found - own


def _unmute(run: Run, timeline: Timeline, gone: Sequence[Ours], left: Sequence[Ours]) -> Set[str]:
    """Switch on again what was switched off for the stems that are gone, and for no others.

    Returns:
        The ids of what is on now.
    """
    still = {name for stem in left for name in stem.muted}
    wanted = {name for stem in gone for name in stem.muted} - still
    heard = set()
    for item in timeline_view.everything(timeline.handle, AUDIO) if wanted else ():
        if item.id not in wanted:
            continue
        heard.add(item.id)
        if item.handle.GetClipEnabled() is False:
            item.handle.SetClipEnabled(True)
            run.teller.say(f"{item.name} is switched on again.")
    return heard
