"""Relinking: what a document calls a file, and where it is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmatte.errors import UsageError
from soundmatte.timelines.errors import MediaAmbiguous, MediaMissing
from soundmatte.timelines.media import Finder, address
from soundmatte.timelines.timeline import Source
from soundmatte.timelines.urls import file_url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/a/b c.mov", "/a/b c.mov"),
        ("/a/100%.mov", "/a/100%.mov"),
        ("/a/b%20c.mov", "/a/b%20c.mov"),  # a bare path is not escaped
        ("file:///a/b%20c.mov", "/a/b c.mov"),
        ("file:/a/b.mov", "/a/b.mov"),
        ("FILE://localhost/a/b%C3%A9.mov", "/a/bé.mov"),
        ("file://127.0.0.1/a/b.mov", "/a/b.mov"),
        ("file:///a/what#1?.mov", "/a/what#1?.mov"),  # many writers escape neither
        ("file:///a/100%25.mov", "/a/100%.mov"),
        ("file:///a/100%.mov", "/a/100%.mov"),
        ("file://server/share/b.mov", "//server/share/b.mov"),
        ("C:\\Rushes\\b c.mov", "C:/Rushes/b c.mov"),
        ("c:/Rushes/b.mov", "C:/Rushes/b.mov"),
        ("file:///C:/Rushes/b%20c.mov", "C:/Rushes/b c.mov"),
        ("file://localhost/C%3a/Rushes/b.mov", "C:/Rushes/b.mov"),
        ("file:///C|/Rushes/b.mov", "C:/Rushes/b.mov"),
        ("file://C:/Rushes/b.mov", "C:/Rushes/b.mov"),
        ("\\\\server\\share\\b.mov", "//server/share/b.mov"),
        ("b.mov", "b.mov"),
        ("./rushes/b.mov", "rushes/b.mov"),
        ("../b.mov", "../b.mov"),
        ("rushes\\b.mov", "rushes/b.mov"),
        ("file:rushes/b.mov", "rushes/b.mov"),
        ("/a//b.mov", "/a/b.mov"),
    ],
)
def test_what_an_address_means(written: str, meant: str) -> None:
    assert str(address(written)) == meant


@pytest.mark.parametrize("written", ["", "  ", "file://", "http://host/a.mov", "file:///a%00b.mov"])
def test_what_names_no_file_is_missing(written: str) -> None:
    with pytest.raises(MediaMissing) as caught:
        address(written)
    assert caught.value.hint


@given(st.lists(st.text(min_size=1).filter(lambda n: not {*n} & {*"/\\\0"}), min_size=1))
def test_a_path_survives_its_url(names: list[str]) -> None:
    names = [name for name in map(str.strip, names) if name not in ("", ".")] or ["a"]
    path = address("/x/" + "/".join(names) + "/z.mov")
    try:
        written = file_url(str(path))
    except UnicodeEncodeError:
        return  # half of a letter is no name on any system
    assert address(written) == path


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(document: Path, target: str, *roots: Path, name: str = "") -> Path:
    return Finder(document, roots).find(Source(name, target))


@pytest.mark.parametrize(
    "target",
    [
        "{here}/rushes/b c.mov",
        "file://{here}/rushes/b%20c.mov",
        "file://localhost{here}/rushes/b%20c.mov",
        "{here}/rushes/b%20c.mov",  # escaped where it should not be
        "rushes/b c.mov",
        "rushes\\b c.mov",
        "./rushes/../rushes/b c.mov",
        "/Volumes/Disk/rushes/b c.mov",  # it moved together with the document
        "D:\\Jobs\\rushes\\b c.mov",
    ],
)
def test_what_is_where_it_is_said_or_beside_the_document(tmp_path: Path, target: str) -> None:
    touched(tmp_path / "rushes" / "b c.mov")
    path = found(tmp_path / "cut.otio", target.format(here=tmp_path))
    assert path == tmp_path / "rushes" / "b c.mov"


def test_the_place_that_is_written_wins_over_every_root(tmp_path: Path) -> None:
    touched(tmp_path / "a" / "b.mov", tmp_path / "root" / "a" / "b.mov")
    target = str(tmp_path / "a" / "b.mov")
    assert str(found(tmp_path / "doc" / "cut.otio", target, tmp_path / "root")) == target


def test_the_longest_common_end_wins(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touched(root / "day1" / "cam" / "b.mov", root / "day2" / "cam" / "b.mov", root / "b.mov")
    document = tmp_path / "doc" / "cut.otio"
    assert found(document, "D:\\film\\Day2\\CAM\\B.MOV", root) == root / "day2" / "cam" / "b.mov"
    assert found(document, "/elsewhere/day1/cam/b.mov", root) == root / "day1" / "cam" / "b.mov"


def test_several_candidates_are_named_and_none_is_taken(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touched(root / "day1" / "b.mov", root / "day2" / "b.mov")
    with pytest.raises(MediaAmbiguous) as caught:
        found(tmp_path / "doc" / "cut.otio", "/x/b.mov", root)
    assert str(root / "day1" / "b.mov") in str(caught.value)
    assert str(root / "day2" / "b.mov") in str(caught.value)
    assert found(tmp_path / "doc" / "cut.otio", "/x/b.mov", root / "day2").parent.name == "day2"


def test_links_to_one_file_are_one_candidate_and_loops_end(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touched(root / "day1" / "b.mov")
    (root / "again").symlink_to(root / "day1", target_is_directory=True)
    (root / "day1" / "loop").symlink_to(root, target_is_directory=True)
    (root / "copy").mkdir()
    (root / "copy" / "b.mov").symlink_to(root / "day1" / "b.mov")
    (root / "broken.mov").symlink_to(root / "nowhere.mov")
    path = found(tmp_path / "doc" / "cut.otio", "/x/b.mov", root)
    assert path.samefile(root / "day1" / "b.mov")
    outside = tmp_path / "outside"
    touched(outside / "c.mov")
    (root / "linked").symlink_to(outside, target_is_directory=True)
    assert found(tmp_path / "doc" / "cut.otio", "/x/c.mov", root).samefile(outside / "c.mov")
    with pytest.raises(MediaMissing):
        found(tmp_path / "doc" / "cut.otio", "/x/broken.mov", root)


def test_a_reel_stands_for_a_file_with_an_ending(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touched(root / "A001C003.mxf", root / "A001C003.txt", root / "A001.C004.mov")
    document = tmp_path / "doc" / "cut.edl"
    assert found(document, "a001c003", root).name == "A001C003.mxf"
    assert found(document, "A001.C004", root).name == "A001.C004.mov"
    assert found(document, "", root, name="A001C003").name == "A001C003.mxf"
    with pytest.raises(MediaMissing):
        found(document, "A001C003.mov", root)  # what has an ending is meant as it is


def test_accents_may_be_composed_or_not(tmp_path: Path) -> None:
    touched(tmp_path / "e\u0301te\u0301.mov")
    assert found(tmp_path / "cut.otio", "\u00e9t\u00e9.mov").exists()
    touched(tmp_path / "root" / "no\u00ebl.mov")
    assert found(tmp_path / "d" / "cut.otio", "/x/noe\u0308l.mov", tmp_path / "root").exists()


def test_what_is_missing_is_said_with_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "a.mov").mkdir()
    with pytest.raises(MediaMissing) as caught:
        found(tmp_path / "cut.otio", "file:///x/a.mov", tmp_path / "root")
    assert str(caught.value) == (
        f"/x/a.mov is not there, nor is a.mov in {tmp_path} or {tmp_path / 'root'}."
    )
    with pytest.raises(MediaMissing) as caught:
        found(tmp_path / "cut.otio", "file:///x/a.mov")
    assert "--media-root" in caught.value.hint


def test_a_root_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Finder(tmp_path / "cut.otio", (tmp_path / "nowhere",))


def test_the_roots_are_gone_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    touched(*(root / f"{n}.mov" for n in range(3)))
    finder = Finder(tmp_path / "doc" / "cut.otio", (root,))
    assert [finder.find(Source("", f"/x/{n}.mov")).name for n in range(2)] == ["0.mov", "1.mov"]
    monkeypatch.setattr(os, "walk", None)
    assert finder.find(Source("", "/x/2.mov")).name == "2.mov"
