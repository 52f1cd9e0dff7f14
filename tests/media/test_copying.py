"""Bytes arrive the same by whichever way the system allows."""

from __future__ import annotations

import errno
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stemmux import copying
from stemmux.copying import clone, copy_range
from stemmux.errors import UnreadableMedia

SIZE = 3_000_000
DATA = np.random.default_rng(1).bytes(SIZE)


def copied(folder: Path, start: int, to: int, length: int) -> bytes:
    (folder / "one").write_bytes(DATA)
    (folder / "two").write_bytes(b"?" * SIZE)
    told: list[int] = []
    with (
        (folder / "one").open("rb", buffering=0) as source,
        (folder / "two").open("rb+", buffering=0) as target,
    ):
        copy_range(source, start, target, to, length, told.append)
    assert told == sorted(told)
    assert told[-1] == length
    return (folder / "two").read_bytes()


def refusing(error: int) -> Callable[..., int]:
    def way(*_: object) -> int:
        raise OSError(error, "no")

    return way


#: As they lie in the module, then each refused: by an error, or by copying nothing.
WAYS = [
    copying._WAYS,
    (copying._blocks,),
    (refusing(errno.EXDEV), *copying._WAYS[-2:]),
    (refusing(errno.EOPNOTSUPP), refusing(errno.EINVAL), copying._blocks),
    (lambda *_: 0, copying._blocks),
]


@pytest.mark.parametrize("way", range(len(WAYS)))
@pytest.mark.parametrize("piece", [1000, 1 << 26])
def test_every_way_copies_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: int, piece: int
) -> None:
    monkeypatch.setattr(copying, "_WAYS", WAYS[way])
    monkeypatch.setattr(copying, "PIECE", piece)
    length = 10_001 if piece == 1000 else 2_500_001
    got = copied(tmp_path, 333, 77, length)
    assert got == b"?" * 77 + DATA[333 : 333 + length] + b"?" * (SIZE - 77 - length)


def test_a_short_source_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match="cut short"):
        copied(tmp_path, SIZE - 10, 0, 11)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_what_is_no_matter_of_the_way_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    monkeypatch.setattr(copying, "_WAYS", (refusing(error), copying._blocks))
    with pytest.raises(OSError, match="no") as caught:
        copied(tmp_path, 0, 0, 100)
    assert caught.value.errno == error


@pytest.mark.parametrize(("able", "platform"), [(True, "linux"), (False, "linux"), (True, "win32")])
def test_a_clone_is_asked_for_where_there_may_be_one(
    monkeypatch: pytest.MonkeyPatch, able: bool, platform: str
) -> None:
    """The kernel's answer is played: which file systems clone is no matter of the tests."""
    asked: list[int] = []

    def ioctl(target: int, request: int, source: int) -> int:
        asked.append(request)
        if not able:
            raise OSError(errno.EOPNOTSUPP, "no")
        return 0

    monkeypatch.setitem(sys.modules, "fcntl", types.SimpleNamespace(ioctl=ioctl))
    monkeypatch.setattr(sys, "platform", platform)
    file = types.SimpleNamespace(fileno=lambda: 3)
    assert clone(file, file) is (able and platform == "linux")  # type: ignore[arg-type]
    assert asked == ([0x40049409] if platform == "linux" else [])


def test_a_real_clone_or_none(tmp_path: Path) -> None:
    """Whatever the file system of the tests can do, the target is the whole file or empty."""
    (tmp_path / "one").write_bytes(DATA)
    with (tmp_path / "one").open("rb") as source, (tmp_path / "two").open("wb") as target:
        done = clone(source, target)
    assert (tmp_path / "two").read_bytes() == (DATA if done else b"")
