"""Run a separation: the steps in order, progress, and the finished files all at once.

This module must not know what a step does.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soundmatte.documents import Selection, Separation
from soundmatte.engines.engine import Engine
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.plan import exists
from soundmatte.jobs.plan import plan as planned
from soundmatte.jobs.steps import STEPS
from soundmatte.jobs.work import Work
from stemmux.files import flush, refused_output

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress


#: Folders of work under way, and the file in each that says whose they are.
_PREFIX, _CLAIM = ".soundmatte-", "claim"


class Listener(Protocol):
    """Whoever is told how it goes."""

    def stage(self, name: str) -> AbstractContextManager[Progress]:
        """A stage begins; it ends with the context."""

    def note(self, text: str) -> None:
        """Something that the person should read."""


class _Teller:
    """Tells a listener every note once."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._told: set[str] = set()

    def say(self, text: str) -> None:
        self._told.add(text)
        self._listener.note(text)

    def tell(self, work: Work) -> None:
        for note in work.notes:
            if note not in self._told:
                self.say(note)


def plan(selection: Selection, engine: Engine, output: Path, *, overwrite: bool = False) -> Work:
    """What would be done, without doing it; raises as `separate` would."""
    return planned(Work(selection, engine, output, output, overwrite), lambda share: None)


def separate(
    selection: Selection,
    engine: Engine,
    output: Path,
    listener: Listener,
    *,
    overwrite: bool = False,
    accept_doubtful: bool = False,
) -> Separation:
    """Separate a selection; the stems and the file with them are in `output` afterwards.

    Either all of it is there under its final names, or nothing is.

    Raises:
        DoubtfulStems: the stems are empty or implausible, and that was not accepted.
        StemmuxError, SoundmatteError: by what stopped it.
    """
    # The plan comes first, so that a refusal makes no folder.
    work = plan(selection, engine, output, overwrite=overwrite)
    teller = _Teller(listener)
    with _folder_in(output) as folder:
        work = work.having(folder=folder, accept_doubtful=accept_doubtful, say=teller.say)
        for step in STEPS[1:]:
            teller.tell(work)
            with listener.stage(step.__name__) as progress:
                work = step(work, progress)
        teller.tell(work)
        _deliver(work)
    assert work.separation is not None
    return work.separation


@contextmanager
def _folder_in(output: Path) -> Iterator[Path]:
    """A hidden folder beside the finished files, so that a rename is all that finishing takes."""
    new = [path for path in (output, *output.parents) if not path.exists()]
    with refused_output(output):
        try:
            output.mkdir(parents=True, exist_ok=True)
            _clear_up(output)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=output))
            (folder / _CLAIM).write_text(str(Claim.mine()), encoding="utf-8")
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            for path in new:
                with suppress(OSError):  # it holds something, and stays
                    path.rmdir()


def _clear_up(output: Path) -> None:
    """Remove what a killed process left; the folders of living ones stay."""
    for folder in output.glob(f"{_PREFIX}*"):
        try:
            claim = Claim.parse((folder / _CLAIM).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if not claim.alive():
            shutil.rmtree(folder, ignore_errors=True)


def _deliver(work: Work) -> None:
    assert work.separation is not None
    kinds = ["target.wav", "residual.wav"]
    if work.muxed is not None:
        kinds.append(f"stems.{work.muxed.container}")
    for kind in kinds:
        flush(work.unfinished(kind))
    for kind in kinds:
        # Another program may have written there since the plan was made.
        if work.finished(kind).exists() and not work.overwrite:
            raise exists(work.finished(kind))
    for kind in kinds:
        os.replace(work.unfinished(kind), work.finished(kind))
