"""Separate Selected Clip: from the clip to its stems on the timeline.

This module must not know how any of it is done.
"""

import glob
import hashlib
import json
import os
import shutil
from fractions import Fraction
from typing import Any, Dict

from soundmatte_resolve import ledger, material, paths, subject
from soundmatte_resolve.choose import Mask
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.material import Material
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run
from soundmatte_resolve.stems import put_on
from soundmatte_resolve.subject import Subject
from soundmatte_resolve.wishes import Wishes


def separate(run: Run) -> None:
    """Separate the clip that is meant, and place its stems.

    Raises:
        Refusal: it stops somewhere; the project is as it was.
    """
    clip = subject.find(run)
    mask = subject.mask(run, clip)
    _tell(run, clip, mask)
    with Engine(run.folder, run.teller, run.stop) as engine:
        given = material.material(run, engine, clip, mask)
        asked = selection(run.wishes, given)
        output = _output(run, clip, asked)
        order = _order(run, engine, asked, output)
        fields: Dict[str, Any] = {"order": order}
        if run.wishes["page"]:
            fields["page"] = True
            run.teller.say("The page in your browser asks for the rest.")
        made = engine.ask("separate", **fields)
        entry = {
            "project": run.session.project.GetUniqueId(),
            "item": clip.item.id,
            "clip": clip.item.name,
            "left": clip.shot.left,
            "rendered": bool(given.rendered and not asked.get("start")),
            "prompt": _prompt(run, engine, made["job"]),
        }
        ledger.put(run.folder, made["job"], entry)
        run.teller.say("Separated, job {}. The stems are in {}.".format(made["job"], output))
        for note in made["notes"]:
            run.teller.remark(note)
        if given.rendered:
            shutil.rmtree(given.rendered, ignore_errors=True)
        put_on(run, engine, subject.again(run, clip), made["job"], entry, output)


def selection(wishes: Wishes, given: Material) -> Dict[str, Any]:
    """The engine's document of what is to be separated; what is not said is for its settings."""
    asked = dict(given.selection, prompt=wishes["prompt"], track=wishes["audio_track"])
    # What Resolve rendered has one sound track, and the clip's own file is not remuxed.
    asked["container"] = "none"
    if "start" not in asked:
        asked["track"] = 1
    for name in ("style", "bits"):
        if wishes[name]:
            asked[name] = wishes[name]
    return asked


def _estimate(wishes: Wishes, asked: Dict[str, Any], output: str) -> Dict[str, Any]:
    fields = {"selection": asked, "output": output, "terms": wishes["terms"]}
    fields["accept_doubtful"] = wishes["accept_doubtful"]
    if wishes["engine"]:
        fields["use"] = wishes["engine"]
    return fields


def _order(run: Run, engine: Engine, asked: Dict[str, Any], output: str) -> Dict[str, Any]:
    """What the engine is to do, at a price that was agreed to.

    Raises:
        Refusal: it cannot be done, or nobody has agreed to the price. Where there is a page, both
            are settled there.
    """
    fields = _estimate(run.wishes, asked, output)
    try:
        estimated = engine.ask("estimate", **fields)
    except Refusal as refusal:
        if not run.wishes["page"]:
            raise
        run.teller.say(refusal)
        name = run.wishes["engine"]
        if name not in ("cloud", "offline"):
            name = engine.ask("describe")["engine"]
        order = {"selection": asked, "engine": name, "terms": run.wishes["terms"]}
        return dict(order, output=output, accept_doubtful=run.wishes["accept_doubtful"])
    for note in estimated["notes"]:
        run.teller.remark(note)
    _agreed(run, estimated)
    order: Dict[str, Any] = estimated["order"]
    return order


def _prompt(run: Run, engine: Engine, job: str) -> str:
    """The prompt of a job: that of the wishes, unless another was chosen on the page."""
    if not run.wishes["page"]:
        return str(run.wishes["prompt"])
    row = engine.ask("jobs", job=job)["jobs"][0]
    return str(row["order"]["selection"].get("prompt") or "")


def _agreed(run: Run, estimated: Dict[str, Any]) -> None:
    """Tell the price, and go on only where it was agreed to, or the page will ask."""
    usd, engine = estimated["usd"], estimated["order"]["engine"]
    run.teller.say(
        "{:.2f} s by the {} engine: {}, {}.".format(
            estimated["duration"],
            engine,
            estimated["route"],
            f"at most {usd:.2f} USD" if usd else "free",
        )
    )
    if usd > run.wishes["most_usd"] and not run.wishes["page"]:
        raise Refusal(
            "This costs up to {:.2f} USD, and {:.2f} is agreed to.".format(
                usd, run.wishes["most_usd"]
            ),
            f'In {run.wishes.path}, set "most_usd" to {usd:.2f} to agree, "page" to true to be '
            'asked each time, or "engine" to "offline", which is free.',
        )


def _output(run: Run, clip: Subject, asked: Dict[str, Any]) -> str:
    """A folder for the stems: the same for the same work, so that it is gone on with there."""
    base = run.wishes["output"] or paths.stems(os.environ, str(run.session.project.GetName()))
    words = json.dumps([asked, run.wishes["engine"], run.wishes["terms"]], sort_keys=True)
    name = "{}-{}".format(
        paths.file_name(clip.item.name), hashlib.sha256(words.encode("ascii")).hexdigest()[:6]
    )
    folder, number = os.path.join(base, name), 1
    while glob.glob(os.path.join(glob.escape(folder), "*_target.wav")):
        number += 1
        folder = os.path.join(base, f"{name}-{number}")
    return folder


def _tell(run: Run, clip: Subject, mask: Any) -> None:
    shown = "no mask"
    if isinstance(mask, Mask):
        shown = "mask {}".format(mask.path or (mask.track.label if mask.track else ""))
    prompt = run.wishes["prompt"]
    run.teller.say(
        "{} on {}, {} frames at {:.5g} per second, {}, {}.".format(
            clip.item.name,
            clip.item.track.label,
            clip.item.duration,
            float(Fraction(clip.timeline.rate)),
            shown,
            f'prompt "{prompt}"' if prompt else "no prompt",
        )
    )
