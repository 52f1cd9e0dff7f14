"""How long Blender does not answer while a clip is separated, and while anything else is busy.

Plays inside Blender. Both sides do the same with mouse and keys for the same time, in turns, each
begun with a click into the panel.
"""

from __future__ import annotations

import time

from scenarios import ready, session, tasks


def _edits(person, until):
    """Step through the frames, drag the mouse over the timeline, until it is so."""
    step = 0
    while not until():
        step += 1
        over = person.region("WINDOW")
        across = 0.2 + 0.6 * (step % 20) / 20
        place = (over.x + int(across * over.width), over.y + over.height // 3)
        yield from person.move(*place)
        if step % 5 == 0:
            yield from person.key("LEFT_ARROW" if step % 20 < 10 else "RIGHT_ARROW")
        yield from person.wait(0.05)


def rounds(person):
    """person.given["rounds"] rounds of each side; report["stalls"] has "ours 0", "busy 0", …"""
    niceness = int(person.given["niceness"])
    yield from ready(person, "voice")
    separate = yield from person.find("soundmatte.separate")
    for number in range(int(person.given["rounds"])):
        began = time.monotonic()
        with person.watch(f"ours {number}"):
            yield from person.click_at(*separate)
            yield from person.until(lambda: session().running, "work")
            yield from _edits(person, lambda: not session().running)
            yield from person.wait(1)
        took = time.monotonic() - began
        assert tasks()[-1].state == "placed", tasks()[-1].message
        with person.beside(1, niceness), person.watch(f"busy {number}"):
            # Where nothing is: below the buttons.
            region = person.region("UI")
            yield from person.click_at(region.x + 60, region.y + 30)
            end = time.monotonic() + took - 1
            yield from _edits(person, lambda end=end: time.monotonic() > end)
            yield from person.wait(1)
        person.saw(**{f"seconds {number}": round(took, 2)})
        # The next one finds the timeline as the first one did.
        yield from person.undo()
        session().forget(tasks()[-1])
        yield from person.redraw()
    yield from person.wait(0.5)
