"""A scripted person in front of Blender's window. Runs inside Blender, on one of its timers.

A scenario is a generator function that is given a `Person`. Whatever takes a person time is a
generator too, asked with `yield from`; between two ticks Blender is free, so that everything
happens as it does under a hand:

    def scenario(person):
        yield from person.sequencer("Soundmatte")
        yield from person.click("soundmatte.separate")
        yield from person.until(lambda: len(person.strips()) == 3, "the stems", seconds=60)
        yield from person.shot("stems")
        yield from person.undo()
        person.saw(strips=len(person.strips()))

Buttons are found by what they do, not by where they are: the mouse is led over the sidebar, and
Blender is asked what lies under it (its own commands *Copy Python Command* and *Copy Full Data
Path*, through the clipboard). Works in 4.3 and 5.2 alike; scrolls where the sidebar is longer than
the window. References into Blender's data die at every undo and every loaded file, so nothing here
keeps one. What is known at the end is in FOLDER/report.json, rewritten after every step.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

# Blender runs this file alone: its neighbour is not beside it on the path yet.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from notes import Notes

#: Between two ticks (s).
TICK = 0.02
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
#: Fractions of the sidebar's width that are looked at, wide buttons first, and the step downwards
#: (px; a button is 20 px high).
COLUMNS = ((0.3, 0.72), (0.88, 0.5))
STEP = 10
Steps = Iterator[float]


class Missed(AssertionError):
    """What the person waited or looked for did not come."""


class Person(Notes):
    """Hands and eyes, and what they note."""

    def __init__(self, folder: Path, given: dict[str, Any]) -> None:
        super().__init__(folder, given)
        self._mouse = (0, 0)
        self._known: dict[str, tuple[int, int]] = {}

    # What a scenario reads. Looked up every time.

    @property
    def window(self) -> Any:
        return bpy.context.window_manager.windows[0]

    @property
    def scene(self) -> Any:
        """The scene that the sequencer shows."""
        shown = getattr(self.window.workspace, "sequencer_scene", None)
        return shown or self.window.scene

    @property
    def area(self) -> Any:
        """The largest sequencer with a timeline; the largest area where there is none."""
        areas = list(self.window.screen.areas)
        found = [
            area
            for area in areas
            if area.type == "SEQUENCE_EDITOR" and area.spaces.active.view_type != "PREVIEW"
        ]
        return max(found or areas, key=lambda area: area.width * area.height)

    def region(self, kind: str = "UI") -> Any:
        """That region of the sequencer: UI is the sidebar, WINDOW the timeline."""
        return next(region for region in self.area.regions if region.type == kind)

    def strips(self) -> list[Any]:
        """The top-level strips of the scene that the sequencer shows, by channel and start."""
        editor = self.scene.sequence_editor
        if editor is None:
            return []
        found = editor.strips if hasattr(editor, "strips") else editor.sequences
        return sorted(found, key=lambda strip: (strip.channel, strip.frame_final_start))

    # What takes time.

    def wait(self, seconds: float) -> Steps:
        """Do nothing for that long, at least one tick."""
        end = time.monotonic() + seconds
        yield TICK
        while time.monotonic() < end:
            yield TICK

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float = 20) -> Steps:
        """Wait until the condition holds. Raises Missed, which names `what`."""
        self.step(f"until {what}")
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise Missed(f"{what}: not within {seconds} s")
            yield TICK

    def redraw(self) -> Steps:
        """Have everything drawn again, and wait for it."""
        for area in self.window.screen.areas:
            area.tag_redraw()
        yield from self.wait(4 * TICK)

    def shot(self, name: str) -> Steps:
        """The whole screen as FOLDER/NAME.png, as the X server has it, while Blender goes on."""
        self.step(f"shot {name}")
        yield from self.redraw()
        path = self.folder / f"{name}.png"
        taking = subprocess.Popen(["import", "-window", "root", str(path)])
        while taking.poll() is None:
            yield TICK
        if taking.returncode:
            raise Missed(f"no screenshot {name}")
        self.report["shots"].append(path.name)

    def sequencer(
        self, category: str | None = None, *, view: str = "SEQUENCER", whole: bool = False
    ) -> Steps:
        """Show a sequencer, with the sidebar's tab of that name; `whole` for the whole window.

        `view` SEQUENCER_PREVIEW shows the picture too. Uses the one that is there, or turns the
        largest area into one.
        """
        self.step(f"sequencer {category or ''}".strip())
        area = self.area
        area.type = "SEQUENCE_EDITOR"
        area.spaces.active.view_type = view
        area.spaces.active.show_region_ui = category is not None
        if hasattr(self.window.workspace, "sequencer_scene"):
            self.window.workspace.sequencer_scene = self.scene
        if not self.scene.sequence_editor:
            self.scene.sequence_editor_create()
        yield from self.redraw()
        if whole:
            with bpy.context.temp_override(window=self.window, area=self.area):
                bpy.ops.screen.screen_full_area()
            yield from self.redraw()
        if category is not None:
            yield from self._tab(category)

    def _tab(self, category: str) -> Steps:
        # Only drawn sidebars have tabs, and 4.3 draws late: a tab set too early is forgotten.
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(TypeError):
                self.region().active_panel_category = category
            yield from self.redraw()
            yield from self.wait(0.1)
            if self.region().active_panel_category == category and self.region().width > 1:
                return
        raise Missed(f"no tab {category} in the sidebar")

    def move(self, x: float, y: float) -> Steps:
        """The mouse to a place of the window (px from the lower left corner)."""
        self._mouse = (int(x), int(y))
        self.window.event_simulate(
            type="MOUSEMOVE", value="NOTHING", x=self._mouse[0], y=self._mouse[1]
        )
        yield TICK / 2

    def key(self, key: str, *, text: str | None = None, **modifiers: bool) -> Steps:
        """A key or mouse button (bpy's names; ctrl, shift, alt) where the mouse is, down and up."""
        # Without a place of their own, keys arrive in the lower left corner.
        x, y = self._mouse
        more = {"unicode": text} if text else {}
        self.window.event_simulate(type=key, value="PRESS", x=x, y=y, **modifiers, **more)
        yield TICK
        self.window.event_simulate(type=key, value="RELEASE", x=x, y=y, **modifiers)
        yield TICK

    def press(self, key: str, *, at: tuple[int, int] | None = None, **modifiers: bool) -> Steps:
        """The mouse over the timeline, or to a place, then a key."""
        if at is None:
            over = self.region("WINDOW")
            at = (over.x + over.width // 2, over.y + over.height // 2)
        self.step("press " + "+".join([*modifiers, key]))
        yield from self.move(*at)
        yield from self.move(at[0] + 1, at[1])
        yield from self.key(key, **modifiers)
        yield from self.wait(3 * TICK)

    def undo(self) -> Steps:
        """Ctrl+Z over the timeline."""
        yield from self.press("Z", ctrl=True)
        yield from self.redraw()

    def redo(self) -> Steps:
        """Ctrl+Shift+Z over the timeline."""
        yield from self.press("Z", ctrl=True, shift=True)
        yield from self.redraw()

    def escape(self) -> Steps:
        """Esc over the timeline."""
        yield from self.press("ESC")

    def under(self) -> str:
        """What the sidebar's button under the mouse does: a command, a data path, or nothing."""
        manager = bpy.context.window_manager
        before = manager.clipboard
        found = ""
        with bpy.context.temp_override(
            window=self.window, area=self.area, region=self.region("UI")
        ):
            for ask, words in (
                (bpy.ops.ui.copy_python_command_button, {}),
                (bpy.ops.ui.copy_data_path_button, {"full_path": True}),
            ):
                if ask.poll():
                    manager.clipboard = ""
                    ask(**words)
                    found = found or manager.clipboard
        manager.clipboard = before
        return found

    def find(self, target: str, *, holding: str = "") -> Iterator[float]:
        """Lead the mouse onto a button of the sidebar; where it is, then.

        `target`: an operator's name ("soundmatte.separate"), or how a data path ends
        ("soundmatte.prompt"). `holding`: what the command or path must contain besides, to tell
        the rows of a list apart. Raises Missed with all that was found instead.
        """

        def right(seen: str) -> bool:
            named = seen.startswith(f"bpy.ops.{target}(") or seen.endswith(f".{target}")
            return named and holding in seen

        known = self._known.get(target + holding)
        if known:
            yield from self._over(known)
            if right(self.under()):
                return known
        seen: list[str] = []
        for columns in COLUMNS:
            yield from self._scroll(-40)
            while True:
                for at in self._places(columns):
                    yield from self._over(at)
                    now = self.under()
                    if right(now):
                        self._known[target + holding] = at
                        return at
                    if now and now not in seen:
                        seen.append(now)
                if not (yield from self._scroll(6)):
                    break
        raise Missed(f"no button {target} {holding} in the sidebar; there are: {seen}")

    def _places(self, columns: tuple[float, ...]) -> Iterator[tuple[int, int]]:
        """Where a button may lie, from the top of the sidebar, in those columns."""
        for down in range(STEP, self.region().height, STEP):
            region = self.region()
            for column in columns:
                yield int(region.x + region.width * column), region.y + region.height - down

    def _over(self, at: tuple[int, int]) -> Steps:
        yield from self.move(*at)
        yield TICK / 2

    def _scroll(self, notches: int) -> Iterator[float]:
        """The sidebar down by notches of the wheel, up where negative; whether it moved."""

        def top() -> float:
            return float(self.region().view2d.region_to_view(0, 0)[1])

        before = top()
        region = self.region()
        kind = "WHEELDOWNMOUSE" if notches > 0 else "WHEELUPMOUSE"
        yield from self.move(region.x + region.width // 3, region.y + region.height // 2)
        for _ in range(abs(notches)):
            was = top()
            self.window.event_simulate(type=kind, value="PRESS", x=self._mouse[0], y=self._mouse[1])
            yield from self.wait(2 * TICK)
            if top() == was:
                break
        return top() != before

    def click(self, target: str, *, holding: str = "") -> Iterator[float]:
        """Find a button of the sidebar, and click it."""
        self.step(f"click {target} {holding}".strip())
        at = yield from self.find(target, holding=holding)
        yield from self.click_at(*at)
        return at

    def click_at(self, x: int, y: int) -> Steps:
        """Click at a place of the window."""
        yield from self.press("LEFTMOUSE", at=(x, y))

    def type(self, target: str, text: str) -> Steps:
        """Fill in a text field of the sidebar: ASCII letters, digits and spaces."""
        yield from self.click(target)
        yield from self.key("A", ctrl=True)
        for letter in text:
            key = "SPACE" if letter == " " else letter.upper()
            yield from self.key(DIGITS[int(letter)] if letter.isdigit() else key, text=letter)
        yield from self.key("RET")
        yield from self.redraw()

    def choose(self, target: str, letter: str) -> Steps:
        """Open a drop-down of the sidebar and press the letter that is underlined in an entry."""
        yield from self.click(target)
        yield from self.wait(0.3)
        # Arrow keys that are simulated do not move in a menu; letters do.
        yield from self.key(letter.upper())
        yield from self.redraw()

    def open(self, path: Path | str) -> Steps:
        """Load another file; what was not saved is lost. Unlike a person, without a dialogue."""
        self.step(f"open {Path(path).name}")
        self._known.clear()
        bpy.ops.wm.open_mainfile(filepath=str(path))
        yield from self.wait(0.3)


def _acting(person: Person, steps: Steps) -> Steps:
    """The scenario, and a last look at the screen if it goes wrong."""
    try:
        yield from person.until(lambda: bpy.context.window_manager.windows, "a window")
        yield from person.wait(0.5)
        yield from steps
    except Exception:
        wrong = traceback.format_exc()
        with contextlib.suppress(Exception):
            yield from person.shot("failed")
        person.finish(wrong)
    else:
        person.finish()
    bpy.ops.wm.quit_blender()


def main() -> None:
    """Read FOLDER/asked.json, begin the scenario that it names."""
    folder = Path(sys.argv[sys.argv.index("--") + 1])
    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    bpy.context.preferences.system.use_online_access = asked["online"]
    person = Person(folder, asked["given"])
    source = Path(asked["scenario"])
    sys.path.insert(0, str(source.parent))
    names: dict[str, Any] = {"__name__": source.stem, "__file__": str(source)}
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), names)
    steps = _acting(person, names[asked["act"]](person))
    ended: list[float] = []

    def tick() -> float | None:
        if ended:
            person.gap(time.monotonic() - ended.pop())
        wanted = next(steps, None)
        ended.append(time.monotonic())
        return wanted

    bpy.app.timers.register(tick, first_interval=0.1, persistent=True)


main()
