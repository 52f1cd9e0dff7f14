"""Clips that are written again, renamed or deleted while they are worked on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.jobs.bench import Notebook, Part, files, steps
from tests.media.making import Studio

from soundmatte.documents import MatteChoice, Selection
from soundmatte.errors import SourceChanged
from soundmatte.jobs import run


@pytest.fixture
def clip(studio: Studio, tmp_path: Path) -> Path:
    """A clip of this test's own."""
    (tmp_path / "in").mkdir()
    return Path(shutil.copy(studio.clip("mov", frames=25).path, tmp_path / "in" / "clip.mov"))


@pytest.mark.parametrize("stage", ["extract", "separate", "conform", "remux", "report"])
@pytest.mark.parametrize("how", ["written", "renamed"])
def test_a_clip_that_changes_meanwhile_is_not_delivered(
    clip: Path, studio: Studio, tmp_path: Path, stage: str, how: str
) -> None:
    other = studio.clip("mov", frames=30).path

    def change(at: str, share: float) -> None:
        if at != stage or not clip.exists():
            return
        if how == "written":
            shutil.copy(other, clip)
        else:
            clip.rename(clip.with_name("other.mov"))

    with pytest.raises(SourceChanged, match=r"clip\.mov") as caught:
        run.separate(Selection(media=clip), Part(), tmp_path / "out", Notebook(change))
    assert caught.value.hint
    assert files(tmp_path) == {"in", "in/clip.mov" if how == "written" else "in/other.mov"}


def test_a_matte_that_changes_meanwhile_is_told(clip: Path, studio: Studio, tmp_path: Path) -> None:
    matte = Path(shutil.copy(studio.picture("25", 25), tmp_path / "matte.mp4"))

    def change(at: str, share: float) -> None:
        if at == "separate":
            matte.unlink(missing_ok=True)

    selection = Selection(media=clip, matte=MatteChoice(path=matte))
    with pytest.raises(SourceChanged, match=r"matte\.mp4"):
        run.separate(selection, Part(), tmp_path / "out", Notebook(change))


def test_what_was_heard_before_is_not_taken_for_the_sound_of_what_came_after(
    clip: Path, studio: Studio, tmp_path: Path
) -> None:
    """A clip of the same length comes in its place once the first one's sound was cut."""
    other = studio.clip("mov", frames=25, options=("-af", "volume=0.25")).path
    changed = []

    def change(at: str, share: float) -> None:
        if at == "separate" and not changed:
            changed.append(shutil.copy(other, clip))

    with pytest.raises(SourceChanged):
        run.separate(Selection(media=clip), Part(), tmp_path / "out", Notebook(change))
    again = run.separate(Selection(media=clip), Part(), tmp_path / "again", Notebook())
    fresh = run.separate(Selection(media=other), Part(), tmp_path / "fresh", Notebook())
    assert np.array_equal(steps(again.target), steps(fresh.target))
