# SPDX-License-Identifier: GPL-3.0-or-later
"""All tasks of this Blender: each tick takes every one of them a little further.

Export, estimate, agree to a price, separate, place: a task goes from one to the next as soon as it
can, and several go side by side. Nothing here waits. This module must not know bpy: what touches
the timeline is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from . import task as tasks
from .refusal import Refusal
from .task import Task

Event = dict[str, Any]

#: The engine's stages, for people.
_STAGES = {
    "extract": "Cutting the clip",
    "separate": "Separating",
    "conform": "Fitting the stems",
    "gate": "Checking the stems",
    "place": "Checking the stems",
    "remux": "Writing the stems",
    "report": "Measuring the stems",
    "preview": "Drawing the matte",
}
#: Share of a separation at which each stage begins; the longest is the service's.
_BEGINS = {"extract": 0.0, "separate": 0.1, "conform": 0.75, "gate": 0.9, "place": 0.9}
_BEGINS.update(remux=0.9, report=0.95, stamp=0.98)
_ENDS = {
    name: min((b for b in _BEGINS.values() if b > begin), default=1.0)
    for name, begin in _BEGINS.items()
}
#: Hints of the engine that name options of its command line, in the words of the panel.
_HINTS = {
    "EngineRefused": "Choose the style Original, or another engine.",
    "DoubtfulStems": "Look at the matte and the words, or take the stems all the same.",
    "KeyMissing": "Put the key into the keyring with `soundmatte key set`, or choose Offline.",
    "OutputExists": "Choose another folder for the stems.",
}


class Exporting(Protocol):
    """An export under way; see `export`."""

    def begin(self) -> None: ...
    def poll(self) -> Any: ...
    def cancel(self) -> None: ...


class Engine(Protocol):
    """The engine's process; see `engine`."""

    def send(self, request: str, **fields: Any) -> str: ...
    def cancel(self, name: str) -> None: ...
    def poll(self) -> list[Event]: ...
    def close(self) -> None: ...


class Session:
    """Every task, running or ended, the oldest first.

    Attributes:
        tasks: to be read, not changed.
    """

    def __init__(
        self,
        folder: str,
        engine: Callable[[], Engine],
        export: Callable[[dict[str, Any], str], Exporting],
        place: Callable[[Task], bool],
    ) -> None:
        """Find the tasks of earlier runs.

        Args:
            folder: of the tasks.
            engine: starts the engine, or gives the one that runs; raises Refusal.
            export: makes the export of a clip into a folder.
            place: puts a task's stems on the timeline, and says whether its file is open; raises
                Refusal.
        """
        self._folder, self._start, self._export, self._place = folder, engine, export, place
        self._engine: Engine | None = None
        self._exports: dict[str, Exporting] = {}
        self._asked: dict[str, Task] = {}
        self.tasks = tasks.found(folder) if os.path.isdir(folder) else []

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return any(task.running for task in self.tasks)

    def begin(
        self,
        clip: dict[str, Any],
        wishes: dict[str, Any],
        output: str,
        blend: str,
        *,
        preview: bool = False,
    ) -> Task:
        """Begin with a clip; raises Refusal."""
        try:
            os.makedirs(self._folder, exist_ok=True)
            task = tasks.begun(self._folder, clip, wishes, output, blend, preview=preview)
        except OSError as error:
            raise Refusal(
                f"Nothing can be written to {self._folder}: {error.strerror}.",
                "Make room, or choose another disk for Blender's own files.",
            ) from None
        task.note(*clip.get("notes", ()))
        self.tasks.append(task)
        self._try(task, self._begin_export)
        return task

    def named(self, name: str) -> Task | None:
        """The task with that id."""
        return next((task for task in self.tasks if task.id == name), None)

    def agree(self, task: Task) -> None:
        """The person agrees to the price that is shown."""
        if task.state == tasks.AGREEING:
            self._try(task, self._separate)

    def cancel(self, task: Task) -> None:
        """End what is done for a task; what the engine has begun can be gone on with."""
        export = self._exports.pop(task.id, None)
        if export is not None:
            export.cancel()
        for name in [name for name, asked in self._asked.items() if asked is task]:
            if self._engine is not None:
                self._engine.cancel(name)
            del self._asked[name]
        if task.state not in tasks.ENDED:
            task.state, task.share, task.text = tasks.CANCELLED, 0.0, ""
            self._saved(task)

    def retry(self, task: Task, *, accept_doubtful: bool = False) -> None:
        """Go on with a task that ended without stems, where it stopped."""
        task.message = task.hint = task.kind = ""
        if task.order is not None:
            if accept_doubtful:
                task.order["accept_doubtful"] = True
            self._try(task, self._separate)
        elif task.exported is not None:
            self._try(task, self._estimate)
        else:
            self._try(task, self._begin_export)

    def forget(self, task: Task) -> None:
        """Take a task off the list; its stems stay where they are."""
        self.cancel(task)
        self.tasks.remove(task)
        task.forget()

    def placed(self, task: Task) -> None:
        """Its stems are on a timeline."""
        task.state = tasks.PLACED
        self._saved(task)

    def tick(self) -> bool:
        """Take everything a little further; whether there is anything new to show."""
        before = [(task.state, round(task.share, 2), task.text) for task in self.tasks]
        for task in [task for task in self.tasks if task.id in self._exports]:
            self._try(task, self._follow_export)
        if self._engine is not None and (self._asked or self.running):
            for event in self._engine.poll():
                asked = self._asked.get(event.get("id") or "")
                if asked is not None:
                    self._take(asked, event)
        return before != [(task.state, round(task.share, 2), task.text) for task in self.tasks]

    def leave_timeline(self) -> None:
        """Another file is about to be opened: exports end, everything else goes on."""
        for task in self.tasks:
            if task.id in self._exports:
                self._exports.pop(task.id).cancel()
                hint = "Open the file again, and separate the clip once more."
                task.fail("Another file was opened before the clip was read.", hint, "Closed")
                self._saved(task)

    def close(self) -> None:
        """Blender ends, or the extension is switched off: nothing is left running."""
        for export in self._exports.values():
            export.cancel()
        self._exports.clear()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _begin_export(self, task: Task) -> None:
        task.state, task.share, task.text = tasks.EXPORTING, 0.0, "Reading the timeline"
        export = self._export(task.clip, task.folder)
        export.begin()
        self._exports[task.id] = export

    def _follow_export(self, task: Task) -> None:
        made = self._exports[task.id].poll()
        if not hasattr(made, "sound"):
            task.share, task.text = made.share, made.text
            return
        del self._exports[task.id]
        task.note(*made.notes)
        sound = Path(made.sound)
        own = sound.with_name(f"{tasks.file_name(task)}{sound.suffix}")
        os.replace(sound, own)
        task.exported = {
            "sound": str(own),
            "picture": made.picture,
            "matte": made.matte,
            "handle_in": made.handle_in,
            "handle_out": made.handle_out,
        }
        self._draw(task) if task.preview else self._estimate(task)

    def _estimate(self, task: Task) -> None:
        task.state, task.share, task.text = tasks.ESTIMATING, 0.0, "Asking the engine"
        self._ask(
            task,
            "estimate",
            selection=selection(task),
            output=task.output,
            use=task.wishes["engine"],
            terms=task.wishes["terms"],
        )

    def _draw(self, task: Task) -> None:
        task.state, task.share, task.text = tasks.DRAWING, 0.0, _STAGES["preview"]
        self._ask(task, "preview", selection=selection(task), output=task.folder, overwrite=True)

    def _separate(self, task: Task) -> None:
        task.state, task.share, task.text = tasks.SEPARATING, 0.0, "Separating"
        self._saved(task)
        self._ask(task, "separate", order=task.order)

    def _ask(self, task: Task, request: str, **fields: Any) -> None:
        self._engine = self._start()
        self._asked[self._engine.send(request, **fields)] = task

    def _take(self, task: Task, event: Event) -> None:
        what = event["event"]
        if what == "progress":
            stage, share = event["stage"], float(event["share"])
            task.text = _STAGES.get(stage, task.text)
            begin, end = _BEGINS.get(stage, 0.0), _ENDS.get(stage, 1.0)
            task.share = share if task.preview else begin + share * (end - begin)
        elif what == "log":
            task.note(event["text"])
        elif what in ("done", "error"):
            del self._asked[event["id"]]
            if what == "error":
                kind = event["kind"]
                task.fail(event["message"], _HINTS.get(kind, event["hint"]), kind)
                self._saved(task)
            else:
                self._try(task, lambda task: self._go_on(task, event["result"]))

    def _go_on(self, task: Task, result: dict[str, Any]) -> None:
        """A request has ended well."""
        if task.state == tasks.DRAWING:
            task.still, task.sheet, task.movie = result["still"], result["sheet"], result["movie"]
            task.coverage = result["coverage"]
            task.note(*result["warnings"])
            task.state = tasks.SHOWN
            task.discard_media()
        elif task.state == tasks.ESTIMATING:
            task.order, task.usd = result["order"], result["usd"]
            task.seconds = result["duration"]
            task.note(*result["notes"])
            if task.usd:
                task.state, task.share, task.text = tasks.AGREEING, 0.0, ""
            else:
                self._separate(task)
                return
        elif task.state == tasks.SEPARATING:
            task.separation = result
            task.note(*result["notes"])
            task.state, task.share, task.text = tasks.READY, 1.0, ""
            task.discard_media()
            task.save()
            if self._place(task):
                task.state = tasks.PLACED
        self._saved(task)

    def _try(self, task: Task, step: Callable[[Task], None]) -> None:
        """Do something that may be refused, or fail, for one task: the others go on."""
        try:
            step(task)
        except (Refusal, OSError) as error:
            self._exports.pop(task.id, None)
            if task.separation is not None:
                # The stems are there and stay: only the timeline refused them.
                task.state = tasks.READY
                task.message, task.hint = str(error), getattr(error, "hint", "")
            else:
                task.fail(str(error), getattr(error, "hint", ""), type(error).__name__)
            self._saved(task)

    def _saved(self, task: Task) -> None:
        try:
            task.save()
        except OSError:
            # The disk is full: the task goes on, and is only not remembered.
            task.note("This task could not be written down; it will be gone with Blender.")


def selection(task: Task) -> dict[str, Any]:
    """The engine's Selection document of a task whose clip is exported."""
    assert task.exported is not None
    files, clip = task.exported, task.clip
    made: dict[str, Any] = {
        "media": files["sound"],
        "prompt": clip["prompt"],
        "style": task.wishes["style"],
        "container": "none",
    }
    for name in ("picture", "matte"):
        if files[name] is not None:
            path, start = files[name]
            made[name] = {"path": path, "start": start}
    if "matte" in made:
        made["matte"]["invert"] = clip["matte"]["invert"]
    before, behind = files["handle_in"], files["handle_out"]
    if before or behind:
        top, bottom = clip["frame_rate"]
        frame = Fraction(bottom, top)
        length = clip["end"] - clip["first"]
        # The sound holds no more than there is, so the larger of the two will do for both.
        made["handles"] = str(frame * max(before, behind))
        made["start"] = str(frame * before) if before else None
        made["end"] = str(frame * (before + length)) if behind else None
    return made
