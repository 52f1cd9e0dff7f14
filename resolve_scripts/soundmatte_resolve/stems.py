"""The stems of a job onto the timeline of a clip: laid by the engine, placed, and the original
switched off where that is wished for.

This module must not know how the clip was found, nor how a stem is placed.
"""

import json
from fractions import Fraction
from typing import Any, Dict, List

from soundmatte_resolve import choose, ours, place, stamp
from soundmatte_resolve.arithmetic import written
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.place import Laid, Spot, Stem
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run, changing
from soundmatte_resolve.subject import Subject


def put_on(
    run: Run, engine: Engine, clip: Subject, job: str, entry: Dict[str, Any], output: str
) -> None:
    """Place the stems of a job with a clip, where it is now.

    Args:
        entry: what the job was of, as in the ledger.
        output: folder for the stems as the timeline takes them.

    Raises:
        Refusal: they do not fit the clip any more, or Resolve does not take them; the timeline is
            as it was.
    """
    placement = engine.ask("placement", job=job, lay=lay(clip, entry), output=output)
    words = {"job": job, "prompt": str(entry.get("prompt") or "")}
    stems = [_stem(told, words) for told in placement["stems"]]
    stems.sort(key=lambda stem: stem.role != "target")
    spot = Spot(clip.item.start, clip.item.duration)
    run.stop()
    with changing(run, clip.timeline.handle) as changes:
        changes.playhead()
        laid = place.place(changes, clip.timeline, stems, spot)
        said = place.keep(changes, laid, spot, run.wishes["save"])
    if said:
        run.teller.say(said)
    for each in laid:
        where = f"frame {each.item.start}, {each.item.duration} frames"
        run.teller.say(f"{each.track.label} lies at {where}: read back.")
    if run.wishes["mute_original"]:
        _mute(run, clip, laid)
    elif clip.sounds:
        run.teller.say(
            'The clip\'s own sound plays too; "mute_original" in the wishes switches it off.'
        )


def lay(clip: Subject, entry: Dict[str, Any]) -> Dict[str, Any]:
    """How the timeline takes the stems: whole frames of it, and one more behind.

    A stem that ended with its clip would lose its last frame, since frames are cut off to whole
    ones. It has no timecode: that would become the clip's own start.

    Raises:
        Refusal: Resolve does not say clearly what of the media is used.
    """
    timeline, shot = clip.timeline, clip.shot
    if entry.get("rendered"):
        # What was rendered began where the clip did then.
        rate = (shot.media.rate if shot.media is not None else None) or timeline.rate
        start = (shot.left - int(entry["left"])) / Fraction(rate)
    else:
        found = choose.into(shot, timeline)
        if found is None:
            raise Refusal(
                "Resolve does not say clearly where in its file the clip begins.",
                "Separate it once more.",
            )
        start = found
    return {
        "start": written(start),
        "frames": clip.item.duration,
        "rate": written(timeline.rate),
        "tail": 1,
        "timecode": None,
    }


def _stem(told: Dict[str, Any], words: Dict[str, str]) -> Stem:
    role = str(told["role"])
    return Stem(role, str(told["path"]), int(told["channels"]), dict(words, role=role))


def _mute(run: Run, clip: Subject, laid: List[Laid]) -> None:
    """Switch the clip's own sound off, and write on the stems which it is, before it is off.

    What is off already for other stems of ours counts too: it stays off until the last are gone.
    """
    off = {name for each in ours.on(clip.timeline.handle) for name in each.muted}
    playing = [each.item for each in clip.sounds if each.enabled]
    meant = {item.id for item in playing}
    meant |= {each.item.id for each in clip.sounds if each.item.id in off}
    for each in laid:
        media = each.item.handle.GetMediaPoolItem()
        said = ours.known(media)
        said["muted"] = json.dumps(sorted(meant.union(ours.muted(said))))
        stamp.put(media, said)
    for item in playing:
        item.handle.SetClipEnabled(False)
        if item.handle.GetClipEnabled() is not False:
            run.teller.say(f"The sound {item.name} could not be switched off.")
    if playing:
        run.teller.say("The clip's own sound is switched off.")
