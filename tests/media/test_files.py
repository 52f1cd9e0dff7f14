"""Files appear whole or not at all, and what was there stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemmux.errors import OutputExists, OutputRefused
from stemmux.files import replacing, scratch

FULL_DISK = """
import resource, sys
from pathlib import Path
from stemmux.errors import OutputRefused
from stemmux.files import replacing

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with replacing(Path(sys.argv[1]), overwrite=True) as name, name.open("wb") as file:
        file.write(bytes(100_000))
except OutputRefused as error:
    print(error, error.hint)
"""


def write(
    out: Path,
    *,
    overwrite: bool = False,
    error: BaseException | None = None,
    meanwhile: bytes = b"",
) -> None:
    """Write a file; half way through, the error comes, or somebody else's file."""
    with replacing(out, overwrite=overwrite) as name:
        name.write_bytes(b"mine")
        if meanwhile:
            out.write_bytes(meanwhile)
        if error is not None:
            raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder" / "stem.wav"
    with replacing(out) as name:
        assert name.parent == out.parent
        assert name.suffix == ".wav"
        name.write_bytes(b"whole")
        assert not out.exists()
    assert names(out.parent) == ["stem.wav"]
    assert out.read_bytes() == b"whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_an_exception(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        write(tmp_path / "stem.wav", error=error())
    assert names(tmp_path) == []


def test_an_exception_keeps_the_file_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    out.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"):
        write(out, overwrite=True, error=ValueError("stop"))
    assert names(tmp_path) == ["stem.wav"]
    assert out.read_bytes() == b"old"


def test_a_file_that_is_there_is_kept_unless_told(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    out.write_bytes(b"old")
    with pytest.raises(OutputExists) as caught, replacing(out):
        pytest.fail("nothing may be written")
    assert "--overwrite" in caught.value.hint
    assert out.read_bytes() == b"old"
    with replacing(out, overwrite=True) as name:
        name.write_bytes(b"new")
    assert out.read_bytes() == b"new"


def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    with pytest.raises(OutputExists):
        write(out, meanwhile=b"somebody else's")
    assert names(tmp_path) == ["stem.wav"]
    assert out.read_bytes() == b"somebody else's"


def test_a_full_disk_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    out.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(out)], capture_output=True, text=True, check=True
    )
    assert "Cannot write stem.wav" in done.stdout
    assert "make room" in done.stdout
    assert names(tmp_path) == ["stem.wav"]
    assert out.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["n" * 300, "n" * 300 + ".wav", "n." + "w" * 250])
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputRefused, match="too long"):
        write(tmp_path / name)
    assert names(tmp_path) == []


def test_the_longest_name_is_taken(tmp_path: Path) -> None:
    out = tmp_path / ("n" * 251 + ".wav")
    with replacing(out) as name:
        name.write_bytes(b"whole")
    assert names(tmp_path) == [out.name]


def test_a_file_where_a_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputRefused):
        write(tmp_path / "file" / "stem.wav")
    assert names(tmp_path) == ["file"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    out.mkdir()
    with pytest.raises(OutputRefused):
        write(out, overwrite=True)
    assert names(tmp_path) == ["stem.wav"]
    assert out.is_dir()


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path: Path) -> None:
    """A superuser may write everywhere, so there the folder is one where nobody may."""
    if os.geteuid() == 0:
        folder = Path("/proc/self")
    else:
        folder = tmp_path / "locked"
        folder.mkdir(mode=0o500)
    with pytest.raises(OutputRefused):
        write(folder / "stem.wav")


def test_a_program_that_wrote_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(OutputRefused), replacing(tmp_path / "stem.wav"):
        pass
    assert names(tmp_path) == []


def test_scratch_is_removed() -> None:
    with scratch(".wav") as name:
        name.write_bytes(b"x")
        assert name.suffix == ".wav"
    assert not name.parent.exists()
