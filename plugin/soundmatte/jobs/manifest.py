"""Orders out of words: a line for each clip, from a CSV or JSONL manifest or from files by name.

The columns of a manifest have the names of the options of `soundmatte separate`; what a line does
not say is said for all of them beside it. This module must not know what becomes of the orders.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from soundmatte.documents import Order
from soundmatte.engines.engine import Engine
from soundmatte.errors import SoundmatteError, UsageError
from soundmatte.jobs.engines import Use
from soundmatte.jobs.found import Clip, matte_for
from soundmatte.jobs.words import Asked, selection
from soundmatte.settings import Cloud, Output
from stemmux.errors import StemmuxError

#: Columns that say what is wanted of the clip.
_ASKED = tuple(field.alias or name for name, field in Asked.model_fields.items())
#: Columns that say how the cloud engine is to work.
_CLOUD = (
    *("server", "candidates", "acceleration", "output-format", "max-chunk-duration"),
    *("chunk-overlap", "predict-spans", "sound-activity-ranking", "max-cost", "paid-retries"),
)
COLUMNS = (*_ASKED, "engine", *_CLOUD, "output", "accept-doubtful")
#: Other names under which columns are known.
_SYNONYMS = {"mask": "matte", "invert": "invert-matte", "use-sound-activity-ranking": _CLOUD[7]}
_FIELDS = {"sound-activity-ranking": "use_sound_activity_ranking"}
_PATHS = ("clip", "matte", "output")

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Line:
    """One clip that is wanted.

    Attributes:
        where: names the line for a person; empty for a clip that was named by itself.
        words: what is said, by column.
        below: the folder below the output folder that its stems go to.
    """

    where: str
    words: Mapping[str, Any]
    below: Path = Path()

    @contextmanager
    def blame(self, column: str) -> Iterator[None]:
        """Say of an error in the words of this line where they stand."""
        try:
            yield
        except (SoundmatteError, StemmuxError) as error:
            if not self.where or column not in self.words:
                raise
            raise UsageError(f"{self.where}, column {column}: {error}", hint=error.hint) from error


@dataclass(frozen=True)
class ForAll:
    """What holds for every line that does not say otherwise.

    Attributes:
        words: as in a line.
        use: the engine: auto, cloud or offline.
        output: folder for what is written.
        engine: the engine for a choice of the two.
    """

    words: Mapping[str, Any]
    use: str
    cloud: Cloud
    output: Path
    engine: Callable[[str, Cloud], Engine]
    chosen: Output = field(default_factory=Output)
    overwrite: bool = False
    accept_doubtful: bool = False


def by_name(found: Iterable[Clip], matte: str = "") -> list[Line]:
    """A line for each clip that was found; `matte` as in `found.matte_for`."""
    return [
        Line(
            "",
            {"clip": clip.path, **({"matte": matte_for(clip.path, matte)} if matte else {})},
            clip.below,
        )
        for clip in found
    ]


def with_mattes(lines: Iterable[Line], pattern: str) -> list[Line]:
    """The lines, with the matte that the pattern says where they name none."""
    if not pattern:
        return list(lines)
    return [
        replace(line, words={"matte": matte_for(Path(line.words["clip"]), pattern), **line.words})
        for line in lines
    ]


def read(path: Path) -> list[Line]:
    """The lines of a manifest; relative paths count from its folder.

    Raises:
        UsageError: it cannot be read, or a column or a line of it cannot be understood.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"The manifest {path} cannot be read: {error.strerror}.", hint="Name another file."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The manifest {path} is no UTF-8 text.", hint="Save it as CSV or JSON lines in UTF-8."
        ) from error
    rows = _json_rows if path.suffix.lower() in (".jsonl", ".ndjson", ".json") else _csv_rows
    lines = [
        Line(f"{path.name}, line {number}", _placed(words, path.parent))
        for number, words in rows(text, path.name)
    ]
    if not lines:
        raise UsageError(f"The manifest {path} names no clip.", hint="Write a line for each clip.")
    return lines


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and words of each line; commas, semicolons or tabs stand between cells."""
    head = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        first = next((cells for cells in reader if any(map(str.strip, cells))), [])
        columns = _columns(first, f"{name}, line {reader.line_num}")
        for cells in reader:
            where = f"{name}, line {reader.line_num}"
            while len(cells) > len(columns) and not cells[-1].strip():
                cells.pop()
            if len(cells) > len(columns):
                raise UsageError(
                    f"{where} has {len(cells)} cells, and there are {len(columns)} columns.",
                    hint='A cell with a comma in it is written in "…".',
                )
            words = {c: cell.strip() for c, cell in zip(columns, cells, strict=False)}
            if said := {column: cell for column, cell in words.items() if cell}:
                yield reader.line_num, _with_clip(said, where)
    except csv.Error as error:
        raise UsageError(
            f"{name}, line {reader.line_num} is no CSV: {error}.", hint="Save it as CSV again."
        ) from error


def _json_rows(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and words of each line, which is a JSON object."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            words = json.loads(line)
        except (ValueError, RecursionError):
            words = None
        if not isinstance(words, dict):
            raise UsageError(
                f"{where} is no JSON object.", hint='Write one a line: {"clip": "a.mov"}.'
            )
        said = {_column(key, where): value for key, value in words.items() if value is not None}
        if len(said) < sum(value is not None for value in words.values()):
            raise _twice(where)
        yield number, _with_clip(said, where)


def _columns(cells: list[str], where: str) -> list[str]:
    """The columns in order; spreadsheets leave some without a name at the end, which are empty."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    columns = [_column(cell, where) for cell in cells]
    if len(set(columns)) < len(columns):
        raise _twice(where)
    return columns


def _twice(where: str) -> UsageError:
    return UsageError(f"{where}: a column is there twice.", hint="Remove one.")


def _column(name: str, where: str) -> str:
    column = name.strip().lower().replace("_", "-").removeprefix("--")
    column = _SYNONYMS.get(column, column)
    if column not in COLUMNS:
        raise UsageError(
            f"{where}: {name!r} is no column.", hint=f"Columns are {', '.join(COLUMNS)}."
        )
    return column


def _with_clip(words: dict[str, Any], where: str) -> dict[str, Any]:
    if not words.get("clip"):
        raise UsageError(f"{where} names no clip.", hint="Name it in the column clip.")
    return words


def _placed(words: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The words, with relative paths counted from the folder."""
    paths = {name: folder / words[name] for name in _PATHS if isinstance(words.get(name), str)}
    return {**words, **paths}


def order(line: Line, rest: ForAll, *, times: bool = True) -> tuple[Order, Engine]:
    """The order that a line makes, and the engine for it.

    Args:
        times: false leaves out what cannot be understood without looking at the clip.

    Raises:
        UsageError: the words of the line make none; it says in which line and column.
        StemmuxError, SoundmatteError: the clip cannot be read, or what holds for all lines will
            not do for it.
    """
    words = {**rest.words, **line.words}
    asked = _model(Asked, {name: words[name] for name in _ASKED if name in words}, line)
    if not times:
        asked = asked.timeless()
    options = {_FIELDS.get(c, c.replace("-", "_")): words[c] for c in _CLOUD if c in words}
    cloud = _model(Cloud, {**rest.cloud.model_dump(), **options}, line)
    how = {"use": words.get("engine", rest.use), "accept": words.get("accept-doubtful")}
    said = _model(_How, {k: v for k, v in how.items() if v is not None}, line)
    engine = rest.engine(said.use, cloud)
    output = Path(words["output"]) if "output" in words else rest.output / line.below
    made = Order(
        selection=selection(asked, rest.chosen, line.blame),
        engine=engine.name,
        terms=engine.terms,
        output=output.absolute(),
        overwrite=rest.overwrite,
        accept_doubtful=rest.accept_doubtful if said.accept is None else said.accept,
    )
    return made, engine


class _How(BaseModel):
    """The words of a line that are neither about the clip nor about the cloud."""

    use: Use
    accept: bool | None = None


def _model(model: type[_Model], values: Mapping[str, Any], line: Line) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        column = {"use": "engine", "accept": "accept-doubtful"}.get(name, name.replace("_", "-"))
        column = _SYNONYMS.get(column, column)
        where = f"{line.where}, column {column}" if column in line.words else f"--{column}"
        said = values.get(name)
        raise UsageError(
            f"{where}: {str(said)[:80]!r} cannot be used: {first['msg'].lower()}.",
            hint="A column takes what the option of that name takes; see "
            "`soundmatte separate --help`.",
        ) from None
