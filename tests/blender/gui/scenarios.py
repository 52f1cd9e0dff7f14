"""What a person does with the extension in front of Blender's window; plays inside Blender.

The project: a talking person's sound on channel 1, the matte on 2, the picture on 3, all from
frame 1; sound and picture are selected.
"""

from __future__ import annotations

import sys


def _module(name):
    return sys.modules[f"bl_ext.user_default.soundmatte.{name}"]


def _tasks():
    return _module("running").session().tasks


def _state():
    return _tasks()[-1].state if _tasks() else ""


def _stems(person):
    return [s.name for s in person.strips() if "soundmatte_job" in s]


def _heard(person):
    """What the timeline says of each strip: channel, range, muted."""
    return [
        [s.name, s.channel, s.frame_final_start, s.frame_final_end, bool(s.mute)]
        for s in person.strips()
    ]


def _ready(person, words="voice"):
    yield from person.sequencer("Soundmatte", view="SEQUENCER_PREVIEW", whole=True)
    yield from person.until(lambda: person.scene.soundmatte is not None, "the panel")
    if words:
        yield from person.type("soundmatte.prompt", words)


def _ended(person, seconds=120):
    running = ("exporting", "estimating", "separating", "drawing")
    yield from person.until(
        lambda: _tasks() and _state() not in running, "the end of the task", seconds=seconds
    )


def whole(person):
    """From the empty panel to stems, one undo, one redo."""
    yield from person.sequencer("Soundmatte", view="SEQUENCER_PREVIEW", whole=True)
    yield from person.shot("1-panel")
    yield from person.type("soundmatte.prompt", "voice")
    yield from person.choose("soundmatte.mask_source", "C")
    person.saw(mask=person.scene.soundmatte.mask_source, prompt=person.scene.soundmatte.prompt)
    yield from person.click("soundmatte.preview")
    yield from _ended(person)
    person.saw(preview=_state(), coverage=_tasks()[-1].coverage, said=_tasks()[-1].message)
    yield from person.shot("2-preview")
    before = _heard(person)
    with person.watch("working"):
        yield from person.click("soundmatte.separate")
        yield from person.until(lambda: _state() == "separating", "the separation", seconds=60)
        yield from person.until(lambda: _tasks()[-1].share > 0.2, "progress", seconds=60)
        yield from person.shot("3-progress")
        yield from _ended(person)
    said = f"{_tasks()[-1].message} {_tasks()[-1].hint}"
    person.saw(state=_state(), why=said, stems=_stems(person), before=before, after=_heard(person))
    yield from person.shot("4-stems")
    yield from person.undo()
    person.saw(undone=_heard(person))
    yield from person.shot("5-undone")
    yield from person.redo()
    person.saw(redone=_heard(person), share=_tasks()[-1].share)


def stalls(person):
    """The same clicks beside an equally niced busy process, without our work."""
    yield from _ready(person, "")
    with person.beside(1, 10), person.watch("busy"):
        yield from person.find("soundmatte.separate")
        yield from person.wait(8)


def escaped(person):
    """Esc while it works."""
    yield from _ready(person)
    before = _heard(person)
    yield from person.click("soundmatte.separate")
    yield from person.until(lambda: _state() in ("estimating", "separating"), "work", seconds=60)
    yield from person.escape()
    yield from person.until(lambda: _state() == "cancelled", "the cancel", seconds=5)
    yield from person.wait(1)
    yield from person.shot("cancelled")
    person.saw(before=before, after=_heard(person), running=_module("running").session().running)


def undone_meanwhile(person):
    """Ctrl+Z while it works takes back the move before; the stems come all the same."""
    yield from _ready(person)
    sound = next(s for s in person.strips() if s.type == "SOUND")
    sound.name = "renamed"
    import bpy

    bpy.ops.ed.undo_push(message="rename")
    yield from person.click("soundmatte.separate")
    yield from person.until(lambda: _state() in ("estimating", "separating"), "work", seconds=60)
    yield from person.undo()
    yield from _ended(person)
    task = _tasks()[-1]
    person.saw(state=task.state, why=f"{task.message} {task.hint}", notes=task.notes)
    person.saw(stems=_stems(person), after=_heard(person))
    yield from person.shot("undone-meanwhile")


def loaded_meanwhile(person):
    """Another file while it works; the stems are placed when the first one is open again."""
    yield from _ready(person)
    own = person.given["own"]
    yield from person.click("soundmatte.separate")
    yield from person.until(lambda: _state() == "separating", "the separation", seconds=60)
    yield from person.open(person.given["other"])
    person.saw(other=_heard(person))
    yield from _ended(person)
    person.saw(state=_state(), other_after=_heard(person))
    yield from person.open(own)
    yield from person.sequencer("Soundmatte", view="SEQUENCER_PREVIEW", whole=True)
    yield from person.click("soundmatte.place")
    yield from person.until(lambda: _state() == "placed", "the placing", seconds=10)
    yield from person.shot("placed-later")
    person.saw(placed=_heard(person))
    yield from person.undo()
    person.saw(undone=_heard(person))


def quits(person):
    """Blender is closed while it works."""
    yield from _ready(person)
    yield from person.click("soundmatte.separate")
    yield from person.until(lambda: _state() == "separating", "the separation", seconds=60)
