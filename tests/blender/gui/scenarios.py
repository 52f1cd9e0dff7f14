"""What a person does with the extension in front of Blender's window; plays inside Blender.

The project: a talking person's sound on channel 1, the matte on 2, the picture on 3, all from
frame 1; sound and picture are selected.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys

import bpy

RUNNING = ("exporting", "estimating", "separating", "drawing")


def _module(name):
    return sys.modules[f"bl_ext.user_default.soundmatte.{name}"]


def session():
    return _module("running").session()


def tasks():
    return session().tasks


def _state():
    return tasks()[-1].state if tasks() else ""


def _engine():
    return _module("running")._engine


def _said():
    """What the newest task's box says."""
    task = tasks()[-1]
    return [task.kind, f"{task.message} {task.hint}".strip(), *task.notes]


def _timeline(person):
    """Of each strip: name, channel, range, whether it is muted, whether it is selected."""
    return [
        [s.name, s.channel, s.frame_final_start, s.frame_final_end, bool(s.mute), bool(s.select)]
        for s in person.strips()
    ]


def _stems(person):
    """The files of the stems on the timeline, by what they are."""
    return {
        s["soundmatte_role"]: bpy.path.abspath(s.sound.filepath)
        for s in person.strips()
        if "soundmatte_job" in s
    }


def _sequencer(person):
    yield from person.sequencer("Soundmatte", view="SEQUENCER_PREVIEW", whole=True)


def ready(person, words="voice"):
    yield from _sequencer(person)
    yield from person.type("soundmatte.prompt", words)


def _until_state(person, *states, seconds=60):
    yield from person.until(lambda: _state() in states, " or ".join(states), seconds=seconds)


def _ended(person, seconds=120):
    yield from person.until(
        lambda: tasks() and not session().running, "the end of the task", seconds=seconds
    )


def _keep_mixdown(person):
    """A copy of the sound that the stems are made of: it is gone once they are there."""
    shutil.copy(tasks()[-1].exported["sound"], person.folder / "mixdown.wav")


def whole(person):
    """From the empty panel to stems, one undo, one redo."""
    yield from _sequencer(person)
    yield from person.press("HOME")
    yield from person.wait(1)
    yield from person.shot("1-panel")
    yield from person.type("soundmatte.prompt", "voice")
    yield from person.choose("soundmatte.mask_source", "C")
    person.saw(mask=person.scene.soundmatte.mask_source, prompt=person.scene.soundmatte.prompt)
    yield from person.click("soundmatte.preview")
    yield from _ended(person)
    person.saw(preview=_state(), coverage=tasks()[-1].coverage, said=_said())
    # Blender 5 reads the picture in the background.
    yield from person.wait(1)
    yield from person.shot("2-preview")
    before = _timeline(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "exporting", seconds=5)
    export = session()._exports[tasks()[-1].id]
    nice = [os.getpriority(os.PRIO_PROCESS, export._process.pid)]
    yield from _until_state(person, "separating")
    _keep_mixdown(person)
    nice.append(os.getpriority(os.PRIO_PROCESS, _engine().pid))
    yield from person.until(lambda: tasks()[-1].share > 0.0, "progress", seconds=60)
    # Held for as long as the picture takes.
    os.kill(_engine().pid, signal.SIGSTOP)
    yield from person.shot("3-progress")
    os.kill(_engine().pid, signal.SIGCONT)
    yield from _ended(person)
    person.saw(state=_state(), why=_said(), niceness=nice)
    person.saw(before=before, after=_timeline(person), stems=_stems(person))
    yield from person.shot("4-stems")
    yield from person.undo()
    person.saw(undone=_timeline(person))
    yield from person.shot("5-undone")
    yield from person.redo()
    person.saw(redone=_timeline(person), again=_stems(person))


def escaped(person):
    """Esc while it works; then *Try Again*."""
    yield from ready(person)
    before = _timeline(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    yield from person.escape()
    yield from _until_state(person, "cancelled", seconds=5)
    yield from person.wait(1)
    yield from person.shot("cancelled")
    person.saw(before=before, after=_timeline(person), running=session().running)
    yield from person.click("soundmatte.retry")
    yield from _ended(person)
    person.saw(state=_state(), why=_said(), tasks=len(tasks()), placed=_timeline(person))


def undone_meanwhile(person):
    """Ctrl+Z while it works takes back the move before; the stems come all the same."""
    yield from ready(person)
    next(s for s in person.strips() if s.type == "SOUND").name = "renamed"
    bpy.ops.ed.undo_push(message="rename")
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    yield from person.undo()
    person.saw(meanwhile=_timeline(person), still=_state())
    yield from _ended(person)
    person.saw(state=_state(), why=_said(), after=_timeline(person))
    yield from person.shot("undone-meanwhile")


def loaded_meanwhile(person):
    """Another file while it works; the stems are placed when the first one is open again."""
    yield from ready(person)
    own = bpy.data.filepath
    before = _timeline(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    yield from person.open(person.given["other"])
    other = _timeline(person)
    yield from _ended(person)
    person.saw(before=before, state=_state(), other=other, other_after=_timeline(person))
    yield from person.open(own)
    yield from _sequencer(person)
    yield from person.click("soundmatte.place")
    yield from _until_state(person, "placed", seconds=10)
    yield from person.shot("placed-later")
    person.saw(placed=_timeline(person))
    yield from person.undo()
    person.saw(undone=_timeline(person))


def reverted(person):
    """The same file once more while it works: the stems come by themselves."""
    yield from ready(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    yield from person.open(bpy.data.filepath)
    still = _state()
    before = _timeline(person)
    yield from _ended(person)
    person.saw(still=still, before=before, state=_state(), why=_said(), after=_timeline(person))
    yield from person.undo()
    person.saw(undone=_timeline(person))


def quits(person):
    """Blender is closed while it works."""
    yield from ready(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    person.saw(stage=_state())


def comes_back(person):
    """Blender again, after that."""
    yield from _sequencer(person)
    person.saw(states=[task.state for task in tasks()], said=_said())
    yield from person.shot("closed")
    yield from person.click("soundmatte.retry")
    yield from _ended(person)
    person.saw(after=_state(), why=_said(), blend=tasks()[-1].blend == bpy.data.filepath)
    person.saw(placed=_timeline(person))


def killed(person):
    """The engine dies midway."""
    yield from ready(person)
    before = _timeline(person)
    yield from person.click("soundmatte.separate")
    yield from _until_state(person, "separating")
    os.kill(_engine().pid, signal.SIGKILL)
    yield from _ended(person, 20)
    person.saw(state=_state(), why=_said(), before=before, after=_timeline(person))
    yield from person.shot("engine-gone")
    yield from person.click("soundmatte.retry")
    yield from _ended(person)
    person.saw(then=_state(), then_said=_said(), placed=_timeline(person))


def several(person):
    """A clip that was cut in two, both halves selected: two at once."""
    yield from ready(person)
    yield from person.choose("soundmatte.mask_source", "C")
    yield from person.press("K")
    yield from person.press("A")
    before = _timeline(person)
    yield from person.shot("two-selected")
    yield from person.click("soundmatte.separate")
    yield from person.until(lambda: len(tasks()) == 2, "two tasks")
    yield from _ended(person)
    person.saw(states=[task.state for task in tasks()], before=before, after=_timeline(person))
    yield from person.shot("two-placed")
    yield from person.undo()
    once = _timeline(person)
    yield from person.undo()
    person.saw(once=once, undone=_timeline(person))


def refused(person):
    """What cannot be separated, and what the panel says then."""
    yield from _sequencer(person)
    before = _timeline(person)
    panel = _module("panel")

    def line():
        with _in_sequencer(person):
            return panel._line(bpy.context, person.scene.soundmatte)

    # Neither words nor a mask.
    yield from person.click("soundmatte.separate")
    yield from _read(person, "nothing-wanted")
    yield from person.type("soundmatte.prompt", "voice")
    person.scene.soundmatte.engine = "CLOUD"
    yield from person.redraw()
    service = line()
    yield from person.click("soundmatte.separate")
    yield from _read(person, "offline")
    person.scene.soundmatte.engine = "AUTO"
    yield from person.press("A", alt=True)
    nothing = line()
    yield from person.click("soundmatte.separate")
    yield from _read(person, "nothing-selected")
    person.saw(before=before, after=_timeline(person), service=service, nothing=nothing)
    reports = yield from _reports(person)
    # A new file, with the same sound, that was never saved.
    bpy.ops.wm.read_homefile(use_empty=True)
    yield from person.wait(0.5)
    clip = person.given["clip"]
    yield from _sequencer(person)
    editor = person.scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strips.new_sound(name="Kitchen.wav", filepath=clip, channel=1, frame_start=1)
    person._known.clear()
    yield from person.type("soundmatte.prompt", "voice")
    yield from person.click("soundmatte.separate")
    yield from person.shot("unsaved")
    reports += yield from _reports(person)
    person.saw(tasks=len(tasks()), unsaved=_timeline(person), reports=reports)


def _in_sequencer(person):
    return bpy.context.temp_override(
        window=person.window, area=person.area, region=person.region("UI")
    )


def _read(person, name):
    """A pop-up that says why not, and Esc to close it."""
    yield from person.shot(name)
    yield from person.key("ESC")
    yield from person.wait(0.3)


def _reports(person):
    """All that Blender has said in its pop-ups, as its Info editor has it."""
    area = person.area
    area.type = "INFO"
    yield from person.redraw()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=person.window, area=area, region=region):
        bpy.ops.info.select_all(action="SELECT")
        bpy.ops.info.report_copy()
    area.type = "SEQUENCE_EDITOR"
    yield from person.redraw()
    return bpy.context.window_manager.clipboard


def missing(person):
    """No engine: the panel has one button, which needs online access."""
    yield from _sequencer(person)
    yield from person.find("soundmatte.install_engine")
    yield from person.shot("no-engine")
    try:
        yield from person.find("soundmatte.separate")
    except AssertionError as error:
        person.saw(buttons=str(error))
    with _in_sequencer(person):
        person.saw(can=bpy.ops.soundmatte.install_engine.poll())
    # What the extension's preferences say of it, drawn where the clip was.
    area = person.area
    area.type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "soundmatte"
    bpy.ops.preferences.addon_expand(module="bl_ext.user_default.soundmatte")
    yield from person.wait(1)
    yield from person.shot("preferences")
