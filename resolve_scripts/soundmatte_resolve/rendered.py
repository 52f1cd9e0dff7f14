"""Clip and mask as Resolve renders them, kept until their separation is done.

A separation that was stopped, or paid for, is only gone on with if it is given the very same files.
This module must not know why they are rendered.
"""

import contextlib
import hashlib
import json
import os
import uuid
from fractions import Fraction
from typing import Dict, Optional, Tuple

from soundmatte_resolve import render
from soundmatte_resolve.changes import Changes
from soundmatte_resolve.choose import Mask
from soundmatte_resolve.engine import Engine
from soundmatte_resolve.paths import file_name
from soundmatte_resolve.place import is_ours
from soundmatte_resolve.refusal import Refusal
from soundmatte_resolve.render import Limits, Stretch
from soundmatte_resolve.run import Run, changing
from soundmatte_resolve.subject import Subject
from soundmatte_resolve.timeline_view import VIDEO, Track

_WHOLE = "rendered.json"


def rendered(
    run: Run, subject: Subject, mask: Optional[Mask], whole: bool
) -> Tuple[str, Dict[str, str]]:
    """Folder and files of what was rendered: now, or by a run that did not come to its end.

    Args:
        whole: the clip's picture and sound too, not its mask alone.

    Returns:
        The folder, and "picture" and "mask" with their paths, as far as they were wanted.

    Raises:
        Refusal: Resolve does not do it.
    """
    base = run.wishes["render_folder"] or os.path.join(run.folder, "renders")
    folder = os.path.join(base, _key(run, subject, mask, whole))
    known = _known(folder)
    if known and run.wishes["render"] != "anew":
        run.teller.say(
            "What a run that was stopped has rendered is taken. Should the clip look or sound "
            f'otherwise now, say "render": "anew" in {run.wishes.path}.'
        )
        return folder, known
    _swept(folder, known)
    os.makedirs(folder, exist_ok=True)
    try:
        files = _made(run, subject, mask, folder, whole)
        with open(os.path.join(folder, _WHOLE), "w", encoding="utf-8") as file:
            json.dump(files, file)
    except BaseException:
        _swept(folder, known)
        raise
    return folder, files


def _made(
    run: Run, subject: Subject, mask: Optional[Mask], folder: str, whole: bool
) -> Dict[str, str]:
    """The files, rendered into a folder."""
    token = uuid.uuid4().hex[:8]
    parts = (["picture"] if whole else []) + (["mask"] if mask is not None else [])
    files = {}
    with changing(run, subject.timeline.handle) as changes:
        changes.playhead()
        if not changes.marks():
            run.teller.say("This Resolve does not tell In and Out marks; rendering may move them.")
        codec = render.prepare(changes, f"Soundmatte {token}", run.teller)
        for part in parts:
            name = f"{file_name(subject.item.name)}_{token}_{part}"
            sound = part == "picture"
            _switch(run, changes, subject, mask, sound)
            item = subject.item
            stretch = Stretch(item.start, item.duration, folder, name, sound)
            limits = Limits(run.wishes["render_start_s"], run.wishes["render_still_s"])
            run.teller.say(f"Rendering the {part} …")
            files[part] = render.render(
                changes, subject.timeline, stretch, codec, limits, run.teller, run.stop
            )
    return files


def _swept(folder: str, known: Dict[str, str]) -> None:
    """Remove what renders that came to no end left in a folder of ours: it may fill the disk."""
    kept = [os.path.basename(path) for path in known.values()] + [_WHOLE] * bool(known)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name not in kept:
            with contextlib.suppress(OSError):
                os.remove(os.path.join(folder, name))
    with contextlib.suppress(OSError):
        if not known:
            os.rmdir(folder)


def _switch(
    run: Run, changes: Changes, subject: Subject, mask: Optional[Mask], sound: bool
) -> None:
    """Switch on what is to be rendered: the picture without the mask, or the mask alone."""
    mask_track = mask.track if mask is not None else None
    audible = render.heard([each.item for each in subject.sounds])
    if sound and not audible:
        run.teller.say("No sound is linked to the clip: what all audio tracks play is separated.")

    def wanted(track: Track) -> Optional[bool]:
        if track.kind == VIDEO:
            if not sound:
                return track == mask_track
            return True if track == subject.item.track else (False if track == mask_track else None)
        if not sound:
            return None
        if is_ours(track.name):
            return False
        return track.number in audible if audible else None

    render.show_only(changes, wanted)
    shown = [subject.item] + [each.item for each in subject.sounds]
    for item in shown if sound else (mask.items if mask is not None else []):
        changes.enable(item, True)


def check(engine: Engine, subject: Subject, files: Dict[str, str]) -> None:
    """Look whether the files hold what was asked for: Resolve says so of files without a picture.

    Raises:
        Refusal: they do not; they are rendered anew the next time.
    """
    timeline = subject.timeline
    wanted = subject.item.duration / timeline.rate
    for part, path in sorted(files.items()):
        told = engine.ask("describe", media=path)["clip"]
        wrong = ""
        if not told["width"]:
            wrong = "it has no picture"
        elif part == "picture" and not told["tracks"]:
            wrong = "it has no sound"
        elif abs(Fraction(told["duration"]) - wanted) > 1 / timeline.rate:
            wrong = "it lasts {:.3f} s, not {:.3f} s".format(
                float(Fraction(told["duration"])), float(wanted)
            )
        if wrong:
            _forget(os.path.dirname(path))
            raise Refusal(
                f"What Resolve rendered is not what was asked for: {wrong}.",
                "Look at the settings of its Deliver page, and try again.",
            )


def _key(run: Run, subject: Subject, mask: Optional[Mask], whole: bool) -> str:
    """Names what is rendered: the same clip and mask at the same place is the same."""
    shot, masks = subject.shot, mask.items if mask is not None else []
    values = [
        run.session.project.GetUniqueId(),
        subject.timeline.id,
        [(i.id, i.start, i.duration) for i in [shot.item, *masks]],
        [shot.left, shot.right, whole],
    ]
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()[:16]


def _known(folder: str) -> Dict[str, str]:
    try:
        with open(os.path.join(folder, _WHOLE), encoding="utf-8") as file:
            files = json.load(file)
    except (OSError, ValueError):
        return {}
    there = isinstance(files, dict) and all(os.path.isfile(str(p)) for p in files.values())
    return files if there else {}


def _forget(folder: str) -> None:
    path = os.path.join(folder, _WHOLE)
    if os.path.exists(path):
        os.remove(path)
