"""A line from the editor, and the request that it means.

This module must not know what becomes of a request.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from soundmatte.documents import VERSION
from soundmatte.errors import SoundmatteError
from soundmatte.jobs.bridge_documents import REQUESTS, Cancel, Request
from soundmatte.jobs.bridge_pipe import LONGEST

_any_request: TypeAdapter[Request | Cancel] = TypeAdapter(
    Annotated[Request | Cancel, Field(discriminator="request")]
)


class RequestRefused(SoundmatteError):
    """A line is no request."""

    exit_code = 2


class VersionRefused(SoundmatteError):
    """The other side speaks another version of the documents."""

    exit_code = 2


def value(line: bytes) -> Any:
    """The JSON value that a line holds.

    Raises:
        RequestRefused: it holds none.
    """
    if len(line) > LONGEST:
        raise RequestRefused("A line is too long.", hint=f"It may have {LONGEST} bytes.")
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise RequestRefused("A line is no JSON.", hint="See docs/bridge.md.") from None


def understood(line: Any) -> Request | Cancel:
    """The request that a line means.

    Args:
        line: the line's JSON value.

    Raises:
        VersionRefused: it is written in another version of the documents.
        RequestRefused: it is none.
    """
    if not isinstance(line, dict):
        raise RequestRefused("A line is no JSON object.", hint="See docs/bridge.md.")
    _check_version(line.get("version"), "The line")
    try:
        return _any_request.validate_python(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"][1:]  # behind the request's name
        name = ".".join(map(str, place))
        if place[-1:] == ("version",):
            _check_version(first["input"], name.removesuffix(".version"))
        raise _refused(name, first["type"], first["msg"], line) from None


def _refused(name: str, kind: str, message: str, line: dict[str, Any]) -> RequestRefused:
    if kind.startswith("union_tag"):
        asked = line.get("request")
        said = f"There is no request {asked!r:.60}." if asked else "A line names no request."
        return RequestRefused(said, hint=f"Requests are {_listed(REQUESTS)}.")
    what = {"missing": "is missing", "extra_forbidden": "is not known"}.get(
        kind, f"cannot be used: {message[:200].lower()}"
    )
    return RequestRefused(f"In {line['request']}, {name} {what}.", hint="See docs/bridge.md.")


def _listed(names: Collection[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} and {last}"


def _check_version(said: Any, what: str) -> None:
    if isinstance(said, bool) or not isinstance(said, int):
        raise RequestRefused(
            f"{what} does not say which version of the documents it is in.",
            hint=f'Write "version": {VERSION}.',
        )
    if said != VERSION:
        side = "Soundmatte's engine" if said > VERSION else "the Soundmatte plugin of the editor"
        raise VersionRefused(
            f"{what} is in version {said} of the documents; this engine speaks {VERSION}.",
            hint=f"Update {side}.",
        )
