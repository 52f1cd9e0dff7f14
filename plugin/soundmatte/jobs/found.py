"""The clips that files, patterns and folders name, and the matte that belongs to each.

This module must not look into a file.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundmatte.errors import UsageError

_MOVIES = ("mov", "mp4", "m4v", "mkv", "webm", "mxf", "avi", "ts", "mts", "m2ts", "mpg", "3gp")
_SOUNDS = ("wav", "bwf", "w64", "aif", "aiff", "flac", "mp3", "m4a", "aac", "ogg", "opus")
#: What is taken for a clip in a folder; a file that is named may have any ending.
ENDINGS = frozenset(f".{ending}" for ending in (*_MOVIES, *_SOUNDS))


@dataclass(frozen=True)
class Clip:
    """A clip that was found.

    Attributes:
        below: the folder that it lies in, counted from the one that was searched; what is made
            of it goes into the same one below the output folder.
    """

    path: Path
    below: Path = Path()


def clips(what: Sequence[str], *, recursive: bool = False, apart: Path | None = None) -> list[Clip]:
    """The clips that words name, each once, in the order of the words; in a folder by name.

    Args:
        what: files, patterns with `*`, `?`, `[…]` or `**`, and folders.
        recursive: look into the folders below those that are named, too.
        apart: a folder that is not searched, since it is for what is made.

    Raises:
        UsageError: a word names nothing.
    """
    found: dict[Path, Clip] = {}
    for word in what:
        for clip in _named(word, recursive, apart):
            found.setdefault(clip.path.absolute(), clip)
    return list(found.values())


def _named(word: str, recursive: bool, apart: Path | None) -> list[Clip]:
    path = Path(word)
    if path.is_dir():
        inside = list(_inside(path, recursive, apart))
        if not inside:
            raise UsageError(
                f"There is no clip in {path}.",
                hint="Name the files, or a pattern such as '*.mov'."
                if recursive
                else "With --recursive the folders in it are searched too.",
            )
        return inside
    if path.exists():
        return [Clip(path)]
    matching = [Path(name) for name in sorted(glob.glob(word, recursive=True))]
    files = [Clip(found) for found in matching if found.is_file()]
    if not files:
        what = "Nothing matches" if glob.has_magic(word) else "There is no"
        raise UsageError(f"{what} {word!r}.", hint="Name files, folders or patterns.")
    return files


def _inside(folder: Path, recursive: bool, apart: Path | None) -> Iterator[Clip]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(
            name
            for name in folders
            if recursive and not name.startswith(".") and not _same(here / name, apart)
        )
        for name in sorted(names):
            if is_clip(name):
                yield Clip(here / name, here.relative_to(folder))


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and os.path.abspath(one) == os.path.abspath(other)


def is_clip(name: str) -> bool:
    """Whether a file in a folder is taken for a clip."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in ENDINGS


def matte_for(clip: Path, pattern: str) -> Path:
    """The matte that belongs to a clip.

    Args:
        pattern: with `{stem}` (the clip's name without its ending) or `{name}` it is counted from
            the clip's folder; without, it is one file for all.
    """
    if "{stem}" not in pattern and "{name}" not in pattern:
        return Path(pattern)
    return clip.parent / pattern.replace("{stem}", clip.stem).replace("{name}", clip.name)


def without_mattes(found: Iterable[Clip], pattern: str) -> list[Clip]:
    """The clips among the files: those that are no clip's matte."""
    found = list(found)
    mattes = {os.path.abspath(matte_for(clip.path, pattern)) for clip in found}
    return [clip for clip in found if os.path.abspath(clip.path) not in mattes]
