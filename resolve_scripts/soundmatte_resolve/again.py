"""Place Stems Again: the stems of a job that is done, with the clip that they are of.

This module must not know how they are placed.
"""

import os
import time
from typing import Any, Dict, List

from soundmatte_resolve import choose, ledger, routes, subject
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.paths import same
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run
from soundmatte_resolve.stems import put_on
from soundmatte_resolve.subject import Subject

#: How many of the engine's newest jobs are looked through.
_MOST = 500
#: Of which so many are shown.
_SHOWN = 10


def again(run: Run) -> None:
    """Place the newest stems of the clip that is meant, or those of the job that is wished for.

    Raises:
        Refusal: there are none, or they do not fit; the timeline is as it was.
    """
    clip = subject.find(run)
    with Engine(run.folder, run.teller, run.stop) as engine:
        clip, _, _ = routes.with_rate(engine, clip)
        row = _wished(run, engine) if run.wishes["job"] else _newest(run, engine, clip)
        entry = ledger.of_job(run.folder, row["id"]) or _entry(row)
        output = os.path.dirname(str(row["separation"]["target"]))
        run.teller.say(f"Placing job {_title(row)}.")
        put_on(run, engine, clip, row["id"], entry, output)


def _wished(run: Run, engine: Engine) -> Dict[str, Any]:
    name = str(run.wishes["job"])
    row: Dict[str, Any] = engine.ask("jobs", job=name)["jobs"][0]
    if row["separation"] is None:
        raise Refusal(
            "Job {} is {}: there are no stems of it.".format(name, row["state"]),
            f'Correct "job" in {run.wishes.path}, or leave it empty.',
        )
    return row


def _newest(run: Run, engine: Engine, clip: Subject) -> Dict[str, Any]:
    """The newest job of this very clip, else of its media and range."""
    rows: List[Dict[str, Any]] = [
        row for row in engine.ask("jobs", most=_MOST)["jobs"] if row["separation"] is not None
    ]
    project = str(run.session.project.GetUniqueId())
    own = [entry["job"] for entry in ledger.of_item(run.folder, project, clip.item.id)]
    found = sorted((row for row in rows if row["id"] in own), key=lambda row: own.index(row["id"]))
    found += [row for row in rows if row not in found and _covers(row, clip)]
    if not found:
        raise Refusal(f"There are no stems of {clip.item.name} yet.", "Separate it first.")
    if len(found) > 1:
        for row in found[:_SHOWN]:
            run.teller.say(f"There is job {_title(row)}.")
        run.teller.say(f'The newest is taken; "job" in {run.wishes.path} names another.')
    return found[0]


def _covers(row: Dict[str, Any], clip: Subject) -> bool:
    """Whether a job's stems are of the clip's file, and reach over what is used of it."""
    made, media = row["separation"], clip.shot.media
    into = choose.into(clip.shot, clip.timeline)
    if media is None or into is None or not same(str(made["clip"]), media.path):
        return False
    frame = float(1 / clip.timeline.rate)
    end = float(into + clip.item.duration / clip.timeline.rate)
    begins = made["start"] < float(into) + frame / 2
    return bool(begins and made["start"] + made["duration"] > end - frame)


def _entry(row: Dict[str, Any]) -> Dict[str, Any]:
    """What a job was of that no script of ours has made."""
    return {"rendered": False, "left": 0, "prompt": row["order"]["selection"].get("prompt", "")}


def _title(row: Dict[str, Any]) -> str:
    prompt = row["order"]["selection"].get("prompt") or ""
    words = [row["id"], time.strftime("of %Y-%m-%d %H:%M", time.localtime(row["made"]))]
    parts: List[str] = words + ([f'"{prompt}"'] if prompt else [])
    return ", ".join(parts)
