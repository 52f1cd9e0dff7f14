"""Files that appear whole or not at all.

Everything that is written goes to a temporary name in the same folder, is flushed to the disk and
then renamed; on any failure the temporary file is removed and what was there stays as it was.
This module must not know what the files hold.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path

from stemmux.errors import OutputExists, OutputRefused

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "it may not be written to",
    errno.EPERM: "it may not be written to",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOENT: "the folder is not there",
    errno.ENOTDIR: "the folder is not there",
    errno.EFBIG: "the file would be larger than the disk allows",
    errno.EEXIST: "a file is where a folder should be",
    errno.EISDIR: "a folder has that name",
}


@contextlib.contextmanager
def refused_output(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into `OutputRefused`."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0)
        if reason is None:
            raise
        raise OutputRefused(
            f"Cannot write {path.name} in {path.parent}: {reason}.",
            hint="Name another folder with -o, or make room.",
        ) from error


@contextlib.contextmanager
def replacing(
    path: Path, *, overwrite: bool = False, sources: Iterable[Path] = ()
) -> Iterator[Path]:
    """Give a temporary name beside `path`, with its suffix; on success it becomes `path`.

    Args:
        sources: what it is made from, and never takes the place of.

    Raises:
        OutputExists: `path` is there and `overwrite` is false (checked before and after).
        OutputRefused: the folder cannot be written to, the disk is full, or `path` is a source.
    """
    with refused_output(path):
        spare(path, sources)
        if path.exists() and not overwrite:
            raise _exists(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Short and without the original name: 255 bytes is all that a name may have.
        temporary = path.parent / f".{secrets.token_hex(8)}.part{path.suffix}"
        try:
            yield temporary
            flush(temporary)
            if path.exists() and not overwrite:
                raise _exists(path)
            os.replace(temporary, path)
            flush_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def spare(path: Path, sources: Iterable[Path]) -> None:
    """Refuse to write over what is read.

    Raises:
        OutputRefused: `path` is one of the sources, by whatever name.
    """
    if path.exists() and any(source.exists() and path.samefile(source) for source in sources):
        raise OutputRefused(
            f"{path} is read here, and is not replaced.", hint="Name another file or folder."
        )


def flush(path: Path) -> None:
    """Wait until the file's bytes are on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Put renames in a folder on the disk, where the system can (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exists(path: Path) -> OutputExists:
    return OutputExists(
        f"{path} is there already.", hint="Name another folder with -o, or give --overwrite."
    )


#: Where temporary folders are made; None is the system's own place for them.
_scratch_place: ContextVar[Path | None] = ContextVar("scratch", default=None)


@contextlib.contextmanager
def scratch(suffix: str) -> Iterator[Path]:
    """A name in a temporary folder of its own, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="stemmux-", dir=_scratch_place.get()) as folder:
        yield Path(folder) / f"scratch{suffix}"


@contextlib.contextmanager
def scratch_in(folder: Path) -> Iterator[None]:
    """Let this thread's `scratch` folders be made in `folder`, to be found if it is killed."""
    token = _scratch_place.set(folder)
    try:
        yield
    finally:
        _scratch_place.reset(token)
