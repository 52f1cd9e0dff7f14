"""What two clients asked of the service, compared request by request; for tests.

Ids, signatures and times are left out of a request; everything else that reaches the service is in
it, every header too, but for what HTTP libraries settle among themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: The connection's own business: how it is kept, how long a body is, what may be compressed.
CONNECTION = {
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "host",
    "sec-fetch-mode",
    "transfer-encoding",
}
#: A request's name by its method and path; the first that fits.
KINDS = {
    "stream": r"GET .*/requests/ID/status/stream",
    "status": r"GET .*/requests/ID/status",
    "cancel": r"PUT .*/requests/ID/cancel",
    "result": r"GET .*/requests/ID",
    "submit": r"POST /fal-ai/sam-audio/[a-z-]+",
    "initiate": r"POST /storage/upload/initiate(-multipart)?",
    "part": r"PUT /upload/b/ID/\d+",
    "complete": r"POST /upload/b/ID/complete",
    "put": r"PUT /upload/b/ID",
}
#: What is another in each run.
CHANGING = (
    (r"/b/[0-9a-f]{8}/[\w-]{21}_[^/]*", "/b/ID"),
    (r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "/ID"),
    (r"(X-Amz-Signature)=[0-9a-f]+", r"\1=S"),
)


@dataclass(frozen=True)
class Differs:
    """A difference that is meant: in requests of these kinds, in this field, and why.

    `ours` and `theirs` are patterns of the whole value; None: the field is not there.
    """

    kinds: str
    field: str
    ours: str | None
    theirs: str | None
    why: str


def asked(service: Any, *, again: bool = False) -> list[dict[str, Any]]:
    """What was asked, in order, parts by their number; the service forgets it.

    Args:
        again: keep every look at the same status; how often one looks is not what is asked.
    """
    rows = [_row(row) for row in service.requests()]
    service.forget_requests()
    parts = iter(sorted((row for row in rows if row["kind"] == "part"), key=_number))
    rows = [next(parts) if row["kind"] == "part" else row for row in rows]
    if again:
        return rows
    before = [None, *rows]
    return [row for row, last in zip(rows, before, strict=False) if not _looks_again(row, last)]


def _looks_again(row: dict[str, Any], last: dict[str, Any] | None) -> bool:
    return row["kind"] == "status" and row == last


def _number(row: dict[str, Any]) -> int:
    return int(row["path"].rpartition("/")[2])


def _row(row: dict[str, Any]) -> dict[str, Any]:
    headers = {
        f"header {name}": _plain(value)
        for name, value in row["headers"].items()
        if name not in CONNECTION
    }
    said = row["json"]
    body = {"body": (row["body_size"], row["body_sha256"])}
    if said is not None:
        body = {f"json {name}": value for name, value in said.items()} or {"json": {}}
    path, query = _same(row["path"]), _same(row["query"])
    found = f"{row['method']} {path}"
    kind = next((name for name, shape in KINDS.items() if re.fullmatch(shape, found)), found)
    return {
        "kind": kind,
        "method": row["method"],
        "role": row["role"],
        "path": path,
        "query": query,
        **body,
        **headers,
    }


def _same(text: str) -> str:
    for shape, name in CHANGING:
        text = re.sub(shape, name, text)
    return text


def _plain(value: str) -> str:
    """A header's value; of one that holds JSON its meaning, however it is spaced."""
    try:
        return json.dumps(json.loads(value), sort_keys=True)
    except ValueError:
        return value


def check_same(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], table: Iterable[Differs]
) -> None:
    """See that both asked the same in the same order, but for what the table says.

    A difference that the table does not know is one too many; so is one that it does know and that
    is not there.
    """
    mine, other = ([row["kind"] for row in rows] for rows in (ours, theirs))
    assert mine == other, f"{mine} here and {other} there"
    allowed = list(table)
    for left, right in zip(ours, theirs, strict=True):
        kind = left["kind"]
        fields = {**left, **right}
        both = {name: (left.get(name), right.get(name)) for name in fields}
        found = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
        meant = {one.field: one for one in allowed if kind in one.kinds.split()}
        assert found.keys() == meant.keys(), f"{kind}: {found} but {sorted(meant)} is meant"
        for name, pair in found.items():
            fits = _fits(meant[name].ours, pair[0]) and _fits(meant[name].theirs, pair[1])
            assert fits, f"{kind}: {name} is {pair}"


def _fits(shape: str | None, value: Any) -> bool:
    if shape is None or value is None:
        return shape is None and value is None
    return re.fullmatch(shape, str(value)) is not None
