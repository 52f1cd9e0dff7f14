"""Where the files are that a document names: on this machine, now.

Documents come from other machines and other systems: as URLs, with drive letters, with escapes, or
with a name alone. This module must not know any format, nor open a file.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from soundmatte.errors import UsageError
from soundmatte.timelines.errors import MediaAmbiguous, MediaMissing
from soundmatte.timelines.timeline import Source

_MOVIES = ("mov", "mp4", "m4v", "mkv", "mxf", "avi", "webm", "mts", "m2ts")
_SOUNDS = ("wav", "bwf", "w64", "aif", "aiff", "flac", "m4a", "mp3")
#: What a name without an ending, such as a reel, may stand for.
_ENDINGS = frozenset((*_MOVIES, *_SOUNDS))
#: Files below the roots that are looked at; more is somebody's whole disk.
_MOST_FILES = 500_000
#: Candidates that are named to a person.
_NAMED = 4
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_DRIVE = re.compile(r"([A-Za-z])[:|]")
_HINT = "Name the folder that holds the media: --media-root DIR."


@dataclass(frozen=True)
class Address:
    """A file's address, taken apart.

    Attributes:
        root: "/" of an absolute path; a drive ("C:") or a share ("//host") of other systems;
            empty where the path is relative.
        parts: names of folders, and of the file.
    """

    root: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the file."""
        return self.parts[-1] if self.parts else ""

    def __str__(self) -> str:
        """The path as a person would write it."""
        between = "/" if self.root and self.root != "/" else ""
        return self.root + between + "/".join(self.parts)


def address(target: str) -> Address:
    """What a document's `target` means: a path, or a `file:` URL in any of the usual spellings.

    Raises:
        MediaMissing: it names no file at all.
    """
    text = target.strip()
    scheme = _SCHEME.match(text)
    escaped = scheme is not None and scheme[1].lower() == "file"
    if escaped:
        text = text[5:]
        if text.startswith("//"):
            host, slash, rest = text[2:].partition("/")
            # Some writers leave out the host's slash before a drive: file://C:/…
            if host.lower() in ("", "localhost", "127.0.0.1"):
                text = slash + rest
            elif _DRIVE.fullmatch(unquote(host)):
                text = host + slash + rest
        text = unquote(text, errors="surrogateescape")
    elif scheme is not None and text[len(scheme[0]) :].startswith("//"):
        raise MediaMissing(f"{_short(target)} is no file on a disk.", hint=_HINT)
    if not text or "\0" in text:
        raise MediaMissing(
            f"{_short(target)!r} names no file." if target else "The document names no file.",
            hint="Connect the media in the editor and export again.",
        )
    return _parted(text)


def _parted(text: str) -> Address:
    drive = _DRIVE.match(text.lstrip("/"))
    if drive and (len(text.lstrip("/")) == 2 or text.lstrip("/")[2] in "/\\"):
        return Address(f"{drive[1].upper()}:", _names(text.lstrip("/")[2:].replace("\\", "/")))
    if text.startswith("\\") or ("\\" in text and "/" not in text):
        text = text.replace("\\", "/")
    if text.startswith("//"):
        host, *names = _names(text) or ("",)
        return Address(f"//{host}", tuple(names))
    return Address("/" if text.startswith("/") else "", _names(text))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split("/") if name not in ("", "."))


@dataclass(frozen=True)
class Finder:
    """Finds the files of one document.

    Attributes:
        document: relative addresses count from its folder, and what has moved together with it is
            found there.
        roots: folders that are searched, with all below, for what is nowhere else.
    """

    document: Path
    roots: tuple[Path, ...] = ()
    _known: dict[tuple[str, str], Path] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for root in self.roots:
            if not root.is_dir():
                raise UsageError(f"{root} is no folder.", hint="Name one with --media-root.")

    def find(self, source: Source) -> Path:
        """The file behind a source, absolute.

        Raises:
            MediaMissing: it is nowhere; the message says where it was looked for.
            MediaAmbiguous: several files below the roots may be it.
        """
        key = (source.target, source.name)
        if key not in self._known:
            self._known[key] = self._found(source)
        return self._known[key]

    def is_there(self, source: Source) -> bool:
        """Whether the file of a source is where the document says."""
        written = source.target or source.name
        return any(
            os.path.isfile(path)
            for target in (written, unquote(written))
            for path in _spelled(self._folder / str(address(target)))
        )

    def _found(self, source: Source) -> Path:
        where = address(source.target or source.name)
        for path in self._written(source.target or source.name, where):
            if os.path.isfile(path):
                return Path(os.path.abspath(path))
        candidates = self._candidates(where)
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            named = ", ".join(map(str, candidates[:_NAMED]))
            more = f" and {len(candidates) - _NAMED} more" if len(candidates) > _NAMED else ""
            raise MediaAmbiguous(
                f"{where.name} may be any of {named}{more}.",
                hint="Name a --media-root that holds only one of them.",
            )
        looked = [str(self._folder), *map(str, self.roots)]
        raise MediaMissing(
            f"{where} is not there, nor is {where.name} in {' or '.join(looked)}.",
            hint="Check the folder named with --media-root." if self.roots else _HINT,
        )

    @property
    def _folder(self) -> Path:
        return self.document.absolute().parent

    def _written(self, target: str, where: Address) -> Iterator[Path]:
        """Where the document says that it is, then where it would be had it moved with it."""
        if where.root in ("", "/") or os.name == "nt":
            yield from _spelled(self._folder / str(where))
            # A bare path may have been escaped by mistake.
            if "%" in target and (plain := address(unquote(target))) != where:
                yield from _spelled(self._folder / str(plain))
        names = [name for name in where.parts if name != ".."]
        for first in range(len(names)):
            yield from _spelled(self._folder.joinpath(*names[first:]))

    def _candidates(self, where: Address) -> list[Path]:
        """The files below the roots that agree with the longest end of the address, each once."""
        by_name, by_stem = self._index
        wanted = [_folded(name) for name in where.parts]
        name = wanted[-1] if wanted else ""
        found = [path for path in by_name.get(name, []) if os.path.isfile(path)]
        if not found and os.path.splitext(name)[1].lstrip(".") not in _ENDINGS:
            found = by_stem.get(name, [])
        common = {path: _common(wanted, path) for path in found}
        longest = max(common.values(), default=0)
        each = {os.path.realpath(path): path for path in found if common[path] == longest}
        return sorted(each.values())

    @cached_property
    def _index(self) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
        by_name: dict[str, list[Path]] = {}
        by_stem: dict[str, list[Path]] = {}
        for number, path in enumerate(_below(self.roots)):
            if number == _MOST_FILES:
                raise UsageError(
                    f"There are more than {_MOST_FILES} files in the folders to be searched.",
                    hint="Name a --media-root closer to the media.",
                )
            name = _folded(path.name)
            by_name.setdefault(name, []).append(path)
            stem, ending = os.path.splitext(name)
            if ending.lstrip(".") in _ENDINGS:
                by_stem.setdefault(stem, []).append(path)
        return by_name, by_stem


def _below(roots: Sequence[Path]) -> Iterator[Path]:
    """Every file below the roots; a folder that links lead to twice is gone into once."""
    entered: set[str] = set()
    for root in roots:
        for parent, folders, names in os.walk(root.absolute(), followlinks=True):
            real = os.path.realpath(parent)
            if real in entered:
                folders.clear()
                continue
            entered.add(real)
            folders.sort()
            for name in sorted(names):
                yield Path(parent, name)


def _common(wanted: Sequence[str], path: Path) -> int:
    """How many names at the end of the two agree."""
    count = 0
    for one, other in zip(reversed(wanted), reversed(path.parts), strict=False):
        if one != _folded(other):
            break
        count += 1
    return count


def _spelled(path: Path) -> Iterator[Path]:
    """The path, and as systems write it that take letters and their accents apart, or together."""
    yield path
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, str(path))
        if other != str(path):
            yield Path(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:120]
