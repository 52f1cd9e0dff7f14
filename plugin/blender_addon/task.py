# SPDX-License-Identifier: GPL-3.0-or-later
"""One clip on its way: what is to be done, how far it is, and what came of it.

A task is a document in a folder of its own, written whenever it changes, so that a closed file, a
closed Blender or a crash loses nothing. Holds plain values only. This module must not know bpy, nor
how anything is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import uuid
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

#: Under way, in the order in which a task goes through them.
EXPORTING, ESTIMATING, AGREEING, SEPARATING = "exporting", "estimating", "agreeing", "separating"
#: The matte is being drawn over the picture.
DRAWING = "drawing"
#: Ends: stems that are on no timeline yet, stems that are, a preview that can be looked at …
READY, PLACED, SHOWN, FAILED, CANCELLED = "ready", "placed", "shown", "failed", "cancelled"
#: A task in one of these has something that runs.
RUNNING = (EXPORTING, ESTIMATING, SEPARATING, DRAWING)
ENDED = (READY, PLACED, SHOWN, FAILED, CANCELLED)

_FILE, _NEW = "task.json", "task.new"
#: A list of more than these is of no use to anybody.
_MOST = 40


@dataclass
class Task:
    """One clip on its way.

    Attributes:
        folder: holds the document, and what was exported.
        preview: the matte is only looked at.
        clip: the `Clip`, as plain values.
        wishes: engine, style, quality, candidates, original, meta: as in the panel when it began.
        output: folder for the stems.
        blend: the file that the clip is in; empty where it was never saved.
        state: one of the words above. `share`: of the state's work, 0 to 1. `text`: what is done.
        message, hint, kind: what a person should read where it failed, and the situation's name.
        exported: files for the engine, as plain values.
        order: what the engine was told to do, with which it goes on after a crash.
        usd: the most that it will cost; None before that is known.
        seconds: length of what is separated.
        separation: the engine's document of what came of it.
        still, sheet, movie: of a preview.
        coverage: share of the picture that is object, 0 to 1, of a preview.
        notes: sentences that a person should read.
    """

    id: str
    folder: str
    preview: bool
    clip: dict[str, Any]
    wishes: dict[str, Any]
    output: str
    blend: str
    state: str = EXPORTING
    share: float = 0.0
    text: str = ""
    message: str = ""
    hint: str = ""
    kind: str = ""
    exported: dict[str, Any] | None = None
    order: dict[str, Any] | None = None
    usd: float | None = None
    seconds: float = 0.0
    separation: dict[str, Any] | None = None
    still: str = ""
    sheet: str = ""
    movie: str = ""
    coverage: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What it is called in the list."""
        words = str(self.clip.get("prompt") or "")
        name = str(self.clip.get("partner") or self.clip.get("strip") or "")
        return f"{name}: {words}" if words else name

    @property
    def job(self) -> str:
        """The engine's name for the work; empty until stems are there."""
        return str(self.separation["job"]) if self.separation else ""

    @property
    def running(self) -> bool:
        """Whether something is done for it right now."""
        return self.state in RUNNING

    def note(self, *notes: str) -> None:
        """Keep sentences for the person, each once."""
        self.notes += [note for note in notes if note and note not in self.notes]

    def fail(self, message: str, hint: str, kind: str = "") -> None:
        """It has ended without a result."""
        self.state, self.share, self.text = FAILED, 0.0, ""
        self.message, self.hint, self.kind = message, hint, kind

    def save(self) -> None:
        """Write the document; on the disk when this returns, or the old one is still there."""
        new = os.path.join(self.folder, _NEW)
        with open(new, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, os.path.join(self.folder, _FILE))

    def discard_media(self) -> None:
        """Remove what was exported: the stems stand by themselves."""
        for path in Path(self.folder).iterdir():
            if path.name not in (_FILE, _NEW) and str(path) not in (
                self.still,
                self.sheet,
                self.movie,
            ):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else _unlink(path)

    def forget(self) -> None:
        """Remove the task with its folder; stems lie elsewhere and stay."""
        shutil.rmtree(self.folder, ignore_errors=True)


def begun(
    folder: str,
    clip: dict[str, Any],
    wishes: dict[str, Any],
    output: str,
    blend: str,
    *,
    preview: bool,
) -> Task:
    """A new task in a new folder under `folder`; raises OSError."""
    name = uuid.uuid4().hex[:12]
    own = os.path.join(folder, name)
    os.makedirs(own)
    task = Task(name, own, preview, clip, wishes, output, blend)
    task.save()
    return task


def found(folder: str) -> list[Task]:
    """The tasks of earlier runs, the oldest first; what cannot be read is left where it is.

    What was under way when Blender ended is failed now, and can be gone on with.
    """
    names = {part.name for part in fields(Task)}
    tasks: list[tuple[float, Task]] = []
    for path in Path(folder).glob(f"*/{_FILE}"):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            task = Task(**{name: value for name, value in values.items() if name in names})
            changed = path.stat().st_mtime
        except (OSError, ValueError, TypeError, AttributeError):
            continue
        task.folder = str(path.parent)
        if task.state not in ENDED:
            hint = "Try again: nothing that was paid for is paid again."
            task.fail("Blender was closed before this was done.", hint, "Closed")
        tasks.append((changed, task))
    tasks.sort(key=lambda pair: pair[0])
    for _, task in tasks[:-_MOST]:
        task.forget()
    return [task for _, task in tasks[-_MOST:]]


def file_name(task: Task) -> str:
    """How the files of a task's stems begin: readable, safe everywhere, and its own."""
    words = re.sub(r"[^\w.-]+", "_", task.title, flags=re.UNICODE).strip("._")
    while len(words.encode("utf-8")) > 80:
        words = words[:-1]
    return f"{words or 'clip'}-{task.id[:6]}"


def _unlink(path: Path) -> None:
    # On Windows a file that is still open somewhere stays; the folder goes with the task later.
    with contextlib.suppress(OSError):
        path.unlink()
