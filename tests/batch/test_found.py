"""Which clips files, patterns and folders name, and the mattes that belong to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soundmatte.errors import UsageError
from soundmatte.jobs.found import Clip, clips, matte_for, without_mattes


@pytest.fixture
def rushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders with clips, mattes, and what is none of both."""
    for name in (
        *("a.mov", "b.MP4", "notes.txt", ".hidden.mov", "still.png"),
        *("day1/a.mov", "day1/.cache/x.mov", "day2/deep/c.wav", "stems/a_target.wav"),
    ):
        path = tmp_path / "rushes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return Path("rushes")


def found(*what: str, recursive: bool = False, apart: Path | None = None) -> list[tuple[str, str]]:
    return [
        (clip.path.as_posix(), clip.below.as_posix())
        for clip in clips(what, recursive=recursive, apart=apart)
    ]


def test_a_folder_is_its_clips_by_name(rushes: Path) -> None:
    assert found("rushes") == [("rushes/a.mov", "."), ("rushes/b.MP4", ".")]


def test_folders_in_folders_keep_their_places(rushes: Path) -> None:
    assert found("rushes", recursive=True, apart=rushes / "stems") == [
        ("rushes/a.mov", "."),
        ("rushes/b.MP4", "."),
        ("rushes/day1/a.mov", "day1"),
        ("rushes/day2/deep/c.wav", "day2/deep"),
    ]


def test_a_pattern_is_resolved_here_too(rushes: Path) -> None:
    assert found("rushes/*.mov") == [("rushes/a.mov", ".")]
    assert found("rushes/**/[ac].*") == [
        ("rushes/a.mov", "."),
        ("rushes/day1/a.mov", "."),
        ("rushes/day2/deep/c.wav", "."),
    ]


def test_a_file_that_is_named_may_be_called_anything(rushes: Path) -> None:
    odd = rushes / "shot[1]*.txt"
    odd.touch()
    assert found(str(odd), "rushes/.hidden.mov") == [
        (odd.as_posix(), "."),
        ("rushes/.hidden.mov", "."),
    ]


def test_every_clip_is_found_once(rushes: Path) -> None:
    words = ("rushes/b.MP4", "rushes", os.path.abspath("rushes/a.mov"), "rushes/*.mov")
    assert [name for name, _ in found(*words)] == ["rushes/b.MP4", "rushes/a.mov"]


@pytest.mark.parametrize("word", ["rushes/*.mxf", "no.mov", "empty", "rushes/day2", ""])
def test_a_word_that_names_nothing_is_refused(rushes: Path, word: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(UsageError) as caught:
        clips([word] if word else [str(Path("empty"))])
    assert caught.value.hint


def test_a_matte_belongs_to_its_clip() -> None:
    clip = Path("day1/shot.mov")
    assert matte_for(clip, "{stem}_matte.mov") == Path("day1/shot_matte.mov")
    assert matte_for(clip, "mattes/{name}.png") == Path("day1/mattes/shot.mov.png")
    assert matte_for(clip, "/mattes/{stem}.mov") == Path("/mattes/shot.mov")
    assert matte_for(clip, "dog.png") == Path("dog.png")


def test_mattes_are_no_clips() -> None:
    names = ["a.mov", "a_matte.mov", "b.mov", "b_matte.mov", "lost_matte.mov"]
    kept = without_mattes([Clip(Path(name)) for name in names], "{stem}_matte.mov")
    assert [str(clip.path) for clip in kept] == ["a.mov", "b.mov", "lost_matte.mov"]
    all_of_one = without_mattes([Clip(Path(name)) for name in names], "b.mov")
    assert "b.mov" not in [str(clip.path) for clip in all_of_one]
