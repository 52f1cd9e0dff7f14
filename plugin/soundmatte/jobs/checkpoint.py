"""How far the work in a folder is, so that a process that was killed computes nothing twice.

After each step one small document is written beside the files that the step made: what is known so
far, and every file there is, by size and time. Only if all of them are as they were does the work
go on from there; anything else in the folder is what the killed step had begun, and is removed.
This module must not know what the steps do.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from soundmatte import __version__
from soundmatte.documents import Evidence, Placement, Separation
from soundmatte.engines.engine import Estimate, Generated, Silence
from soundmatte.jobs.claim import CLAIM_FILE
from soundmatte.jobs.work import Work
from stemmux.conform import Conformed, Piece
from stemmux.files import flush, flush_folder
from stemmux.grid import Mix, Split
from stemmux.mux import Muxed

_FILE, _NEW = "checkpoint.json", "checkpoint.new"
#: What belongs to the folder itself.
_OWN = (_FILE, CLAIM_FILE)

#: Size in bytes, and when it was changed (ns).
_Mark = tuple[int, int]


class _Saved(BaseModel):
    """The work so far. `pieces` and `silences` stand for stems of an engine's own making."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: str = __version__
    key: str
    steps: int
    files: dict[str, _Mark]
    mix: Mix | None = None
    estimate: Estimate | None = None
    pieces: tuple[Piece, ...] | None = None
    silences: tuple[Silence, ...] = ()
    conformed: Conformed | None = None
    split: Split | None = None
    null_db: float | None = None
    evidence: Evidence | None = None
    placement: Placement | None = None
    muxed: Muxed | None = None
    separation: Separation | None = None
    notes: tuple[str, ...] = ()


#: What is handed on as it is.
_FIELDS = (
    "mix",
    "conformed",
    "split",
    "null_db",
    "evidence",
    "placement",
    "muxed",
    "separation",
    "notes",
)


def save(work: Work, key: str, steps: int) -> None:
    """Put down that so many steps are done; on the disk when this returns."""
    folder, made = work.folder, work.made
    if isinstance(made, Generated) and work.conformed is None:
        # Its stems are kept by the engine, which gives them again for nothing, and with them the
        # way to draw one anew.
        return
    files = [path for path in _files(folder) if path not in work.waste]
    for path in files:
        flush(path)
    saved = _Saved(
        key=key,
        steps=steps,
        files={str(path.relative_to(folder)): _mark(path) for path in files},
        estimate=made if isinstance(made, Estimate) else None,
        pieces=made.pieces if isinstance(made, Generated) else None,
        silences=made.silences if isinstance(made, Generated) else (),
        **{name: getattr(work, name) for name in _FIELDS},
    )
    text = json.dumps(saved.model_dump(mode="json"))
    (folder / _NEW).write_text(text, encoding="utf-8")
    flush(folder / _NEW)
    os.replace(folder / _NEW, folder / _FILE)
    flush_folder(folder)


def restore(work: Work, key: str) -> tuple[Work, int]:
    """The work as it was left, and how many steps are done; files of no use are removed."""
    saved = _read(work.folder, key)
    known = {} if saved is None else saved.files
    for path in sorted(work.folder.rglob("*"), reverse=True):
        name = str(path.relative_to(work.folder))
        if path.is_dir() and not path.is_symlink():
            if not any(other.startswith(f"{name}{os.sep}") for other in known):
                shutil.rmtree(path, ignore_errors=True)
        elif name not in known and name not in _OWN:
            path.unlink(missing_ok=True)
    if saved is None:
        (work.folder / _FILE).unlink(missing_ok=True)
        # Finished files of this job go with those they belong to.
        for kind in work.delivered:
            work.finished(kind).unlink(missing_ok=True)
        return work.having(delivered=frozenset()), 0
    made: Estimate | Generated | None = saved.estimate
    if saved.pieces is not None:
        made = Generated(saved.pieces, silences=saved.silences)
    values: dict[str, Any] = {name: getattr(saved, name) for name in _FIELDS}
    notes = values.pop("notes")
    return work.having(made=made, **values).noting(*notes), saved.steps


def delivered(folder: Path, output: Path, name: str) -> frozenset[str]:
    """Finished files that were given their names already, when the process was killed.

    Args:
        name: how the names of finished files begin.
    """
    try:
        files = _Saved.model_validate(json.loads((folder / _FILE).read_text("utf-8"))).files
    except (OSError, ValueError, ValidationError):
        return frozenset()
    return frozenset(
        kind
        for kind, mark in files.items()
        if not (folder / kind).exists() and _marked(output / f"{name}_{kind}", mark)
    )


def _read(folder: Path, key: str) -> _Saved | None:
    try:
        saved = _Saved.model_validate(json.loads((folder / _FILE).read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
    if saved.key != key or saved.program != __version__:
        return None
    whole = all(_marked(folder / name, mark) for name, mark in saved.files.items())
    return saved if whole or saved.separation is not None else None


def _files(folder: Path) -> list[Path]:
    own = {folder / name for name in _OWN}
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path not in own]


def _marked(path: Path, mark: _Mark) -> bool:
    return path.is_file() and _mark(path) == mark


def _mark(path: Path) -> _Mark:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
