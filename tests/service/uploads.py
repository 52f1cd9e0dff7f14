"""Bytes of uploads: whole files and parts, checked and written so that a kill leaves no half.

Must not know who may upload.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from answers import Body, Problem
from state import Service

PART_NUMBERS = range(1, 10001)


def etag(service: Service, sha256: str) -> str:
    """The tag of what has this hash, in the ordered style ("none": empty)."""
    tag = sha256[:32]
    styles = {"quoted": f'"{tag}"', "bare": tag, "weak": f'W/"{tag}"', "none": ""}
    return styles[service.settings["etag_style"]]


def _write(path: Path, pieces: Iterable[bytes]) -> tuple[int, str]:
    """Write a file of some pieces; its size and its hash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}.draft")
    digest = hashlib.sha256()
    with draft.open("wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        size = file.tell()
    draft.replace(path)
    return size, digest.hexdigest()


def put(service: Service, row: dict[str, Any], pieces: Iterable[bytes], kind: str | None) -> str:
    """Take a whole file; its tag. A second time replaces the first."""
    size, sha256 = _write(service.folder / "files" / row["file"], pieces)
    tag = etag(service, sha256)
    service.store.write(
        "UPDATE uploads SET size = ?, sha256 = ?, etag = ?,"
        " content_type = coalesce(?, content_type),"
        " done = 1, writes = writes + 1 WHERE n = ?",
        size,
        sha256,
        tag,
        kind,
        row["n"],
    )
    return tag


def _part_path(service: Service, row: dict[str, Any], number: int) -> Path:
    return service.folder / "parts" / str(row["file"]) / str(number)


def part(service: Service, row: dict[str, Any], number: int, body: Body) -> str:
    """Take one part; its tag.

    Raises:
        Problem: 400 for a part that no upload has.
    """
    if number not in PART_NUMBERS or not body.size or "multipart" not in row["shape"]:
        raise Problem(400, "Invalid part")
    _write(_part_path(service, row, number), [body.data])
    tag = etag(service, body.sha256)
    service.store.write(
        "INSERT INTO parts (upload, number, size, etag) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET size = excluded.size, etag = excluded.etag, writes = writes + 1",
        row["n"],
        number,
        body.size,
        tag,
    )
    return tag


def complete(service: Service, row: dict[str, Any], said: Any) -> None:
    """Join the parts in order of their numbers, whatever order they were listed in.

    Raises:
        Problem: 400: a part is missing, was not listed, has another tag or a size of its own.
    """
    kept = {
        p["number"]: p
        for p in service.store.rows(
            "SELECT * FROM parts WHERE upload = ? ORDER BY number", row["n"]
        )
    }
    listed = said.get("parts") if isinstance(said, dict) else None
    try:
        tags = {int(p["partNumber"]): str(p["etag"]) for p in listed or []}
    except (KeyError, TypeError, ValueError):
        raise Problem(400, "Invalid parts") from None
    if not tags or set(tags) != set(kept) or sorted(kept) != list(range(1, len(kept) + 1)):
        raise Problem(400, "The list of parts does not match what was uploaded")
    if any(tags[number].strip('"') != kept[number]["etag"].strip('"') for number in kept):
        raise Problem(400, "The etag of a part does not match")
    sizes = [p["size"] for p in kept.values()]
    if len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0]:
        raise Problem(400, "All parts but the last must have one size")
    pieces = (_part_path(service, row, number).read_bytes() for number in sorted(kept))
    put(service, row, pieces, None)
