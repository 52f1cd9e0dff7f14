"""A .zip that is the same, byte by byte, whenever it holds the same files.

This module must not know what the files are.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from stemmux.files import replacing

#: The earliest that the format knows.
_TIME = (1980, 1, 1, 0, 0, 0)
#: A plain file that everybody may read.
_MODE = 0o100644 << 16
_UNIX = 3


def write(path: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write an archive: names in order, one time and mode for all.

    Args:
        files: content by name, with `/` between folders.

    Raises:
        OutputExists: `path` is there and `overwrite` is false.
        OutputRefused: the folder cannot be written to, or the disk is full.
    """
    with (
        replacing(path, overwrite=overwrite) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    ):
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr, entry.create_system = _MODE, _UNIX
            archive.writestr(entry, files[name])


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name there, but what Python or the system put there."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(_foreign(part) for part in path.relative_to(folder).parts)
    }


def _foreign(name: str) -> bool:
    return name == "__pycache__" or name.startswith(".") or name.endswith((".pyc", ".part"))
