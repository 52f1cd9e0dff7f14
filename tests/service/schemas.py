"""What each endpoint takes: fields, ranges, defaults, and the errors as pydantic words them.

Must not know where an input comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from answers import Problem

Errors = list[dict[str, Any]]
MISSING: Any = object()


@dataclass(frozen=True)
class Field:
    """One field of an input: how it is read, its default (none: it is required), its range."""

    read: Callable[[Any], Any]
    default: Any = MISSING
    ge: float | None = None
    le: float | None = None
    nullable: bool = False


class Wrong(Exception):
    """A value is not what its field takes."""

    def __init__(self, kind: str, message: str, **ctx: Any) -> None:
        """Say it in pydantic's type and words."""
        super().__init__(message)
        self.kind, self.message, self.ctx = kind, message, ctx


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("string_type", "Input should be a valid string")
    return value


def _integer(value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            text = "Input should be a valid integer, unable to parse string as an integer"
            raise Wrong("int_parsing", text) from None
    if not isinstance(value, int | float):
        raise Wrong("int_type", "Input should be a valid integer")
    if value != int(value):
        text = "Input should be a valid integer, got a number with a fractional part"
        raise Wrong("int_from_float", text)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            text = "Input should be a valid number, unable to parse string as a number"
            raise Wrong("float_parsing", text) from None
    if not isinstance(value, int | float):
        raise Wrong("float_type", "Input should be a valid number")
    return float(value)


def _flag(value: Any) -> bool:
    if value in (True, False):
        return bool(value)
    words = {"true": True, "1": True, "yes": True, "on": True}
    words |= {"false": False, "0": False, "no": False, "off": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if isinstance(value, str):
        text = "Input should be a valid boolean, unable to interpret input"
        raise Wrong("bool_parsing", text)
    raise Wrong("bool_type", "Input should be a valid boolean")


def _one_of(*words: str) -> Callable[[Any], str]:
    quoted = [f"'{word}'" for word in words]
    expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"

    def read(value: Any) -> str:
        if value not in words:
            raise Wrong("literal_error", f"Input should be {expected}", expected=expected)
        return str(value)

    return read


SHARED = {
    "reranking_candidates": Field(_integer, 1, ge=1, le=4),
    "acceleration": Field(_one_of("fast", "balanced", "quality"), "balanced"),
    "max_chunk_duration": Field(_number, 60.0),
    "chunk_overlap": Field(_number, 5.0),
    "output_format": Field(_one_of("wav", "mp3"), "wav"),
}
SPAN = {
    "start": Field(_number, ge=0),
    "end": Field(_number, ge=0),
    "include": Field(_flag, True),
}


def _spans(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise Wrong("list_type", "Input should be a valid list")
    return value


ENDPOINTS: dict[str, dict[str, Field]] = {
    "/visual-separate": {
        "video_url": Field(_text),
        "mask_video_url": Field(_text, None, nullable=True),
        "prompt": Field(_text, ""),
        **SHARED,
    },
    "/separate": {
        "audio_url": Field(_text),
        "prompt": Field(_text),
        "predict_spans": Field(_flag, False),
        **SHARED,
    },
    "/span-separate": {
        "audio_url": Field(_text),
        "prompt": Field(_text, None, nullable=True),
        "spans": Field(_spans),
        "trim_to_span": Field(_flag, False),
        "use_sound_activity_ranking": Field(_flag, False),
        **SHARED,
    },
}


def checked(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """The input with its defaults. Unknown fields are ignored, as pydantic does.

    Raises:
        Problem: 404 for an unknown endpoint, 422 for an input that it does not take.
    """
    fields = ENDPOINTS.get(path)
    if fields is None:
        raise Problem(404, f"Path {path or '/'} not found")
    errors: Errors = []
    read = _read(fields, values, ["body"], errors)
    for number, span in enumerate(read.get("spans") or []):
        loc = ["body", "spans", number]
        if isinstance(span, dict):
            read["spans"][number] = _read(SPAN, span, loc, errors)
        else:
            text = "Input should be a valid dictionary or object to extract fields from"
            errors.append({"type": "model_attributes_type", "loc": loc, "msg": text, "input": span})
    if errors:
        raise Problem(422, errors)
    return read


def _read(
    fields: dict[str, Field], values: dict[str, Any], loc: list[Any], errors: Errors
) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, field in fields.items():
        here = [*loc, name]
        if name not in values:
            if field.default is MISSING:
                error = {"type": "missing", "loc": here, "msg": "Field required"}
                errors.append({**error, "input": values})
            read[name] = field.default
            continue
        try:
            read[name] = _value(field, values[name])
        except Wrong as wrong:
            error = {"type": wrong.kind, "loc": here, "msg": wrong.message}
            ctx = {"ctx": wrong.ctx} if wrong.ctx else {}
            errors.append({**error, "input": values[name], **ctx})
    return read


def _value(field: Field, given: Any) -> Any:
    if given is None and field.nullable:
        return None
    value = field.read(given)
    if field.ge is not None and value < field.ge:
        text = f"Input should be greater than or equal to {field.ge:g}"
        raise Wrong("greater_than_equal", text, ge=field.ge)
    if field.le is not None and value > field.le:
        text = f"Input should be less than or equal to {field.le:g}"
        raise Wrong("less_than_equal", text, le=field.le)
    return value
