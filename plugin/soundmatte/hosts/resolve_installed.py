"""Our scripts in DaVinci Resolve's folders: put there, replaced, and taken out again.

A list of what was written, with its hashes, lies beside it. Only what is in it is ever replaced or
removed, and only as long as nobody has changed it. This module must not know what the scripts do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from soundmatte import __version__
from soundmatte.errors import HostMissing, HostRefused
from soundmatte.hosts import resolve, resolve_scripts
from soundmatte.hosts.computer import Computer
from stemmux.errors import OutputRefused
from stemmux.files import refused_output, replacing

#: The list of what was written; below a folder of scripts.
_LIST = f"{resolve_scripts.LIBRARY}/installed.json"
_NAME_IT = "Name its folder of scripts, Fusion/Scripts, with --folder DIR."


@dataclass(frozen=True)
class Taken:
    """What came of taking the scripts out of a folder.

    Attributes:
        version: of the scripts that were there; empty for none.
        kept: files of ours that somebody has changed, and that therefore stay.
    """

    version: str
    kept: tuple[Path, ...] = ()


def found(computer: Computer, *, everybody: bool = False) -> list[Path]:
    """The folders of scripts of every Resolve that is in its usual place.

    Args:
        everybody: those that all people on this computer share, in place of this person's own.

    Raises:
        HostMissing: there is no Resolve.
    """
    wanted = {"everybody"} if everybody else {"person", "store"}
    there = [
        Path(place.folder)
        for place in resolve.places(computer)
        if place.whose in wanted and any(Path(sign).is_dir() for sign in place.signs)
    ]
    if not there:
        raise HostMissing("DaVinci Resolve is not found.", hint=_NAME_IT)
    return there


def carrying(computer: Computer) -> list[Path]:
    """The usual folders of scripts that hold ours."""
    folders = (Path(place.folder) for place in resolve.places(computer))
    return [folder for folder in folders if (folder / _LIST).is_file()]


def named(folder: Path) -> Path:
    """A folder of scripts that a person names, which must be there.

    Raises:
        HostMissing: it is not, or is none.
    """
    if not folder.is_dir():
        raise HostMissing(f"{folder} is not a folder that is there.", hint=_NAME_IT)
    if folder.name == resolve_scripts.MENU:
        raise HostMissing(
            f"{folder} is one of Resolve's menus.", hint="Name the folder above it, Fusion/Scripts."
        )
    return folder.absolute()


def install(scripts: Path, words: list[str], *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write the scripts and their library; what an older version left is replaced or removed.

    Broken off, it leaves a list of all that may be there, so that it can be done again or undone.

    Args:
        scripts: the folder of scripts; made where it does not exist.
        words: that start the engine.
        overwrite: also replace files of the same name that were changed, or are not ours.

    Returns:
        Files of an older version that somebody has changed, and that therefore stay.

    Raises:
        HostRefused: there are such files, or the folder cannot be written to.
    """
    new = resolve_scripts.files(scripts, words)
    before = _listed(scripts)
    if not overwrite:
        for name, data in new.items():
            _check(scripts / name, {*before.get(name, ()), _hash(data)}, known=name in before)
    both = {name: [*before.get(name, ()), _hash(data)] for name, data in new.items()}
    with _refused(scripts):
        _list(scripts, {**before, **both})
        for name, data in new.items():
            with replacing(scripts / name, overwrite=True) as temporary:
                temporary.write_bytes(data)
        older = sorted(before.keys() - new.keys())
        kept = tuple(scripts / name for name in older if not _remove(scripts / name, before[name]))
        _list(scripts, {name: [_hash(data)] for name, data in new.items()})
    return kept


def remove(scripts: Path) -> Taken:
    """Remove what is listed, and folders that are empty then.

    Raises:
        HostRefused: the folder cannot be written to.
    """
    before = _listed(scripts)
    version = str(_read(scripts).get("program", ""))
    if not before:
        return Taken("")
    with _refused(scripts):
        kept = tuple(scripts / name for name in before if not _remove(scripts / name, before[name]))
        (scripts / _LIST).unlink()
        library = scripts / resolve_scripts.LIBRARY
        _forget_compiled(library / resolve_scripts.PACKAGE, before)
        for folder in (library / resolve_scripts.PACKAGE, library):
            with suppress(OSError):  # something of somebody else is in it
                folder.rmdir()
    return Taken(version, kept)


def _check(path: Path, known_hashes: set[str], *, known: bool) -> None:
    """Refuse to replace a file that is not as we wrote it."""
    if not path.exists() or _hash_of(path) in known_hashes:
        return
    what = "was changed since it was installed" if known else "was not put there by Soundmatte"
    raise HostRefused(
        f"{path} {what}.", hint="Move it somewhere else, or replace it with --overwrite."
    )


def _remove(path: Path, hashes: list[str]) -> bool:
    """Remove a file if it is as we wrote it; whether it is gone."""
    if path.exists() and _hash_of(path) not in hashes:
        return False
    path.unlink(missing_ok=True)
    return True


def _forget_compiled(package: Path, names: dict[str, list[str]]) -> None:
    """Remove what Resolve's Python made of our modules."""
    ours = {PurePosixPath(name).stem for name in names}
    cache = package / "__pycache__"
    for path in cache.glob("*.pyc"):
        if path.name.split(".")[0] in ours:
            path.unlink()
    with suppress(OSError):
        cache.rmdir()


def _listed(scripts: Path) -> dict[str, list[str]]:
    """Hashes of each file that we wrote, by its name below the folder."""
    files = _read(scripts).get("files")
    if not isinstance(files, dict):
        return {}
    return {
        str(name): [str(each) for each in hashes]
        for name, hashes in files.items()
        if isinstance(hashes, list) and _ours(PurePosixPath(str(name)))
    }


def _ours(name: PurePosixPath) -> bool:
    """Whether a file of that name can be one that we wrote."""
    return name.parts[:1] in (
        (resolve_scripts.MENU,),
        (resolve_scripts.LIBRARY,),
    ) and not {"..", "."} & set(name.parts)


def _read(scripts: Path) -> dict[str, Any]:
    try:
        said = json.loads((scripts / _LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _list(scripts: Path, files: dict[str, list[str]]) -> None:
    with replacing(scripts / _LIST, overwrite=True) as temporary:
        text = json.dumps({"program": __version__, "files": files}, indent=1, sort_keys=True)
        temporary.write_text(f"{text}\n", encoding="utf-8")


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hash_of(path: Path) -> str:
    try:
        return _hash(path.read_bytes())
    except OSError:
        # A folder, or what may not be read: in any case not as we wrote it.
        return ""


@contextmanager
def _refused(scripts: Path) -> Iterator[None]:
    try:
        with refused_output(scripts):
            yield
    except OutputRefused as error:
        raise HostRefused(
            f"{scripts} cannot be changed: {error}",
            hint="Do it as a person who may, or name another folder with --folder DIR.",
        ) from error
