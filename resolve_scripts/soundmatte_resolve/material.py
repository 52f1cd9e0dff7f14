"""What the engine is given of a clip: its file and its mask's, or what Resolve rendered of them.

The file is read directly wherever it says what is seen and heard on the timeline: that is quicker,
changes nothing in the project, and leaves every sample as it was. This module must not know what
becomes of it.
"""

from fractions import Fraction
from typing import Any, Dict, NamedTuple, Optional, Tuple

from soundmatte_resolve import choose
from soundmatte_resolve.arithmetic import ceil, written
from soundmatte_resolve.choose import Mask
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.rendered import check, rendered
from soundmatte_resolve.routes import Routes, routes
from soundmatte_resolve.run import Run
from soundmatte_resolve.subject import Subject


class Material(NamedTuple):
    """What is separated.

    Attributes:
        selection: media, start, end and matte, as the engine's document has them.
        into: seconds of the media that lie at the clip's start on the timeline.
        rendered: folder with what Resolve rendered; empty where the files are read directly.
    """

    selection: Dict[str, Any]
    into: Fraction
    rendered: str


def material(run: Run, engine: Engine, subject: Subject, mask: Optional[Mask]) -> Material:
    """The files for the engine; renders what has to be.

    Raises:
        Refusal: they cannot be had.
    """
    ways = routes(run.wishes["render"], engine, subject, mask)
    whole = bool(ways.clip)
    for what, reasons in (("clip", ways.clip), ("mask", ways.mask)):
        if reasons:
            run.teller.say("The {} is rendered: {}.".format(what, "; ".join(reasons)))
    if whole and mask is not None and mask.path:
        raise Refusal(
            "A matte of the media pool does not fit a clip that has to be rendered.",
            "Put the matte on a video track called Mask, over the clip.",
        )
    folder = ""
    files: Dict[str, str] = {}
    if ways.clip or ways.mask:
        folder, files = rendered(run, ways.subject, mask, whole)
        check(engine, ways.subject, files)
    into = Fraction(0)
    selection: Dict[str, Any] = {"media": files.get("picture", "")}
    if not whole:
        selection, into = _direct(ways.subject, ways.described)
    matte = _matte(run, ways, mask, files, into)
    if matte is not None:
        selection["matte"] = matte
    return Material(selection, into, folder)


def _direct(subject: Subject, described: Dict[str, Any]) -> Tuple[Dict[str, Any], Fraction]:
    """The range of the file, in whole frames of it, with one of the timeline's behind it."""
    timeline, shot = subject.timeline, subject.shot
    assert shot.media is not None
    into = choose.into(shot, timeline)
    assert into is not None
    rate, duration = Fraction(described["frame_rate"]), Fraction(described["duration"])
    first = Fraction(into * rate).numerator // Fraction(into * rate).denominator
    last = ceil((into + (subject.item.duration + 1) / timeline.rate) * rate)
    selection = {
        "media": shot.media.path,
        "start": written(first / rate),
        "end": written(min(last / rate, duration)),
    }
    return selection, into


def _matte(
    run: Run, ways: Routes, mask: Optional[Mask], files: Dict[str, str], into: Fraction
) -> Optional[Dict[str, Any]]:
    if mask is None:
        return None
    matte: Dict[str, Any] = {"plane": run.wishes["plane"], "invert": run.wishes["invert"]}
    if "mask" in files:
        # Both rendered files begin with the clip; a file of the clip's own began earlier.
        return dict(matte, path=files["mask"], start=written(-into))
    if mask.track is None:
        return dict(matte, path=mask.path)
    shot, timeline = ways.mask_shot, ways.subject.timeline
    assert shot is not None
    assert shot.media is not None
    begins = choose.into(shot, timeline)
    assert begins is not None
    begins += (ways.subject.item.start - shot.item.start) / timeline.rate
    return dict(matte, path=shot.media.path, start=written(begins - into))
