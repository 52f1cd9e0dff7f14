"""Self Test: whether stems can be placed with this Resolve, tried on a timeline of its own.

Everything that it makes it removes. What it finds is printed, and kept as a document that can be
sent with a report. This module must not know how a stem is placed.
"""

import json
import os
import platform
import uuid
import wave
from typing import Any, Dict, List

from soundmatte_resolve import connect, place, timeline_view
from soundmatte_resolve.changes import identity
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.place import Spot, Stem
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.run import Run, changing
from soundmatte_resolve.timeline_view import AUDIO
from soundmatte_resolve.undo import id_of

_REPORT = "self_test.json"
_SECONDS, _RATE = 3, 48000
#: Frames from the timeline's start to where the stems go: no round number in any rate.
_ODD = 17


def self_test(run: Run) -> None:
    """Place two sounds on a timeline of its own, look where they are, and remove everything.

    Raises:
        Refusal: they do not come to lie where they should.
    """
    session = run.session
    report: Dict[str, Any] = {
        "resolve": session.title,
        "studio": session.studio,
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    outcome = "not done"
    try:
        report["placed"] = _placed(run, report)
        outcome = "passed"
    except Refusal as refusal:
        outcome = str(refusal)
        raise
    finally:
        report["placing"] = outcome
        report["engine"] = _engine(run)
        path = os.path.join(run.folder, _REPORT)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=2)
        for name, value in sorted(report.items()):
            run.teller.say(f"{name}: {_words(value)}")
        run.teller.say(f"This report is in {path}.")
    run.teller.say("Stems can be placed with this Resolve.")


def _placed(run: Run, report: Dict[str, Any]) -> List[str]:
    session = run.session
    before = session.project.GetCurrentTimeline()
    token = uuid.uuid4().hex[:8]
    name = f"Soundmatte Self Test {token}"
    with changing(run, before) as changes:
        if before is not None:
            changes.playhead()
        changes.page("edit")
        # A new timeline becomes the current one. It can only be deleted once it is not any more.
        changes.record.add("scratch", name=name)
        changes.record.add("timeline", was=id_of(before))
        made = session.pool.CreateEmptyTimeline(name)
        if made is None:
            raise Refusal("Resolve makes no timeline.", "Close every dialog, and try again.")
        changes.timeline, changes.record.timeline = made, identity(made)
        report["features"] = connect.features(made)
        timeline = timeline_view.current(session.project)
        frames = int(timeline.rate * 5 / 2) | 1
        stems = []
        for role, channels in (("target", 2), ("residual", 1)):
            path = os.path.join(run.folder, f"self_test_{token}_{role}.wav")
            changes.record.add("file", path=path)
            _wave(path, channels)
            words = {"job": "self test", "role": role, "prompt": ""}
            stems.append(Stem(role, path, channels, words))
        laid = place.place(changes, timeline, stems, Spot(timeline.start + _ODD, frames))
        return [
            f"{each.track.label} at {each.item.start} for {each.item.duration}" for each in laid
        ] + [f"{len(timeline_view.tracks(made, AUDIO))} audio tracks"]


def _wave(path: str, channels: int) -> None:
    """Three seconds that are never silent, so that they are seen on the timeline."""
    sample = bytes([0, 0, 16, 0, 0, 240])
    with wave.open(path, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(3)
        file.setframerate(_RATE)
        frame = b"".join(sample[3 * side : 3 * side + 3] * channels for side in (0, 1))
        file.writeframes(frame * (_SECONDS * _RATE // 2))


def _words(value: Any) -> str:
    """A part of the report as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(each)}" for name, each in sorted(value.items()))
    if isinstance(value, list):
        return "; ".join(map(_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _engine(run: Run) -> str:
    """What there is of an engine, in words."""
    try:
        with Engine(run.folder, run.teller, run.stop) as engine:
            told = engine.ask("describe")
            return "Soundmatte {}, ffmpeg {}, {}".format(
                told["program"], told["ffmpeg"], told["why"]
            )
    except Refusal as refusal:
        return str(refusal)
