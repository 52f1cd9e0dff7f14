"""Whether the files of a clip and its mask are read directly, or have to be rendered, and why.

This module must not change anything.
"""

import os
from fractions import Fraction
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from soundmatte_resolve import choose, timeline_view
from soundmatte_resolve.choose import Mask
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.refusal import EngineGone, Refusal
from soundmatte_resolve.subject import Subject
from soundmatte_resolve.timeline_view import Shot


class Routes(NamedTuple):
    """Why the clip, and the mask, have to be rendered; where both are empty, neither has to.

    Attributes:
        described: what the engine reads of the clip's file; empty where it cannot.
        mask_shot: the mask's item where there is one for all of the clip.
    """

    clip: List[str]
    mask: List[str]
    subject: Subject
    described: Dict[str, Any]
    mask_shot: Optional[Shot]


def routes(wish: str, engine: Engine, subject: Subject, mask: Optional[Mask]) -> Routes:
    """How clip and mask are had; `wish` is "always" where the clip is to be rendered anyway."""
    subject, described, reasons = with_rate(engine, subject)
    timeline = subject.timeline
    if wish == "always":
        reasons = ["it is wished for"]
    reasons = reasons or choose.why_render(subject.shot, timeline)
    reasons = reasons or choose.why_render_sound(subject.shot, subject.sounds, timeline)
    if not reasons and not described.get("tracks"):
        reasons = ["there is no sound in its file"]
    if mask is None or mask.track is None:
        return Routes(reasons, [], subject, described, None)
    if not reasons and choose.is_transformed(subject.shot):
        reasons = ["its picture is moved, zoomed, turned, cropped or faded under the mask"]
    shot, why = _mask_shot(engine, subject, mask)
    media = subject.shot.media
    if not reasons and why and media is not None and not choose.fills(media, timeline):
        reasons = ["its picture does not have the timeline's proportions, as the mask has"]
    return Routes(reasons, why or ["the clip is"] * bool(reasons), subject, described, shot)


def with_rate(engine: Engine, subject: Subject) -> Tuple[Subject, Dict[str, Any], List[str]]:
    """The clip with its file's own rate where Resolve does not name it, what the engine reads of
    that file, and why that is not to be used."""
    media = subject.shot.media
    if media is None or not os.path.isfile(media.path):
        return subject, {}, []
    try:
        told = engine.ask("describe", media=media.path)["clip"]
    except EngineGone:
        raise
    except Refusal as refusal:
        return subject, {}, [f"the engine cannot read its file ({refusal})"]
    if not told["frame_rate"]:
        return subject, told, ["its file has no constant frame rate"]
    rate = Fraction(told["frame_rate"])
    if media.rate is None:
        shot = subject.shot._replace(media=media._replace(rate=rate))
        return subject._replace(shot=shot), told, []
    other = abs(media.rate - rate) > Fraction(1, 100)
    return subject, told, ["Resolve counts its frames in another rate than its file"] * other


def _mask_shot(engine: Engine, subject: Subject, mask: Mask) -> Tuple[Optional[Shot], List[str]]:
    """The mask's item, and why it has to be rendered."""
    timeline = subject.timeline
    only = choose.only(mask.items, subject.item)
    if only is None:
        return None, ["it is in pieces, or does not last as long as the clip"]
    shot = timeline_view.shot(only)
    known, described, why = with_rate(engine, Subject(timeline, shot, []))
    why = why or choose.why_render(known.shot, timeline)
    if not why and choose.is_transformed(known.shot):
        why = ["its picture is moved, zoomed, turned, cropped or faded"]
    media = subject.shot.media
    if not why and media is not None and media.size and described.get("width"):
        ratio = Fraction(media.size[0] * described["height"], media.size[1] * described["width"])
        if abs(ratio - 1) > Fraction(1, 100):
            why = ["its picture does not have the clip's proportions"]
    return known.shot, why
