"""Names that a terminal or a pipe cannot show, or that would move its cursor."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.cli.shell import Shell, shell
from tests.media.making import Studio

__all__ = ["shell"]

ODD = "\N{CLAPPER BOARD} a\x1b[31m\nb.mov"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with a name that must not reach a terminal as it is."""
    folder = tmp_path_factory.mktemp("named")
    return Path(shutil.copy(Studio(folder).clip("mov", frames=6).path, folder / ODD))


def test_a_name_does_not_move_the_cursor(shell: Shell, clip: Path, tmp_path: Path) -> None:
    planned = shell("batch", clip, "-o", tmp_path, "--dry-run")
    assert len(planned.out.splitlines()) == 2
    assert shell("batch", clip, "-o", tmp_path).status == 0
    listed = shell("jobs", "list")
    assert len(listed.out.splitlines()) == 2
    for said in (planned, listed):
        assert "\x1b" not in said.out
        assert "\N{CLAPPER BOARD} a [31m b.mov" in said.out
    [job] = shell("jobs", "list", "--json").result
    assert Path(job["clip"]).name == ODD


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
def test_a_name_that_the_output_has_no_signs_for_is_no_reason_to_end(
    shell: Shell, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    lost = tmp_path / os.fsdecode(b"\xff\xfe.mov")
    shutil.copy(clip, lost)

    def said(*words: object) -> str:
        pipe = io.TextIOWrapper(io.BytesIO(), encoding, errors="strict")
        monkeypatch.setattr(sys, "stdout", pipe)
        status = shell("batch", clip, lost, "-o", tmp_path, "--dry-run", *words).status
        pipe.flush()
        assert status == 5  # a name that is no text is refused
        return pipe.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]

    assert "\\udcff" in said()
    first, second, _ = map(json.loads, said("--json").splitlines())
    assert [Path(first["clip"]), Path(second["clip"])] == [clip, lost]


def test_a_name_that_no_file_can_have_is_not_there(shell: Shell, tmp_path: Path) -> None:
    table = tmp_path / "shots.jsonl"
    table.write_text(r'{"clip": "a\ud800.mov"}' + "\n" + r'{"clip": "b\u0000.mov"}' + "\n")
    said = shell("batch", "--manifest", table, "-o", tmp_path / "out")
    assert said.status == 5, said
    assert said.out.count("is not there") == 2
