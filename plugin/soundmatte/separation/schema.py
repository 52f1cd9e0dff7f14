"""The documents of the API: inputs and output of its three endpoints, and of its queue.

Field names, defaults and ranges are the service's own (its model page, its JavaScript client 1.10
and its `llms.txt`). What comes in is checked and kept small; unknown fields of answers are ignored,
since the service adds some from time to time. This module must not know how they travel.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator, model_validator

Acceleration = Literal["fast", "balanced", "quality"]
OutputFormat = Literal["wav", "mp3"]
Endpoint = Literal["visual-separate", "separate", "span-separate"]

#: The service's own namespace of the three endpoints.
APPLICATION = "fal-ai/sam-audio"
#: A data URI may have this many characters (the service's own typed inputs stop there).
LONGEST_DATA_URI = 10 * 1024 * 1024
#: A URL may have this many characters, likewise.
LONGEST_URL = 2048

_Media = Annotated[str, Field(min_length=1, max_length=LONGEST_DATA_URI)]


class _Input(BaseModel):
    """Fields that all three endpoints take; fields left at None are not sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reranking_candidates: int = Field(default=1, ge=1, le=4)
    acceleration: Acceleration = "balanced"
    output_format: OutputFormat = "wav"
    max_chunk_duration: float | None = Field(default=None, gt=0)
    chunk_overlap: float | None = Field(default=None, ge=0)

    @field_validator("video_url", "mask_video_url", "audio_url", check_fields=False)
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None or value.startswith("data:"):
            return value
        if not value.startswith(("https://", "http://")) or len(value) > LONGEST_URL:
            raise ValueError("is neither a http(s) URL nor a data URI")
        return value

    @model_validator(mode="after")
    def _overlap_is_shorter(self) -> Self:
        longest = self.max_chunk_duration
        if self.chunk_overlap and longest and self.chunk_overlap >= longest:
            raise ValueError("chunk_overlap must be shorter than max_chunk_duration")
        return self

    def wire(self) -> dict[str, Any]:
        """As it is sent."""
        return self.model_dump(mode="json", exclude_none=True)


class VisualSeparateInput(_Input):
    """`visual-separate`: the sound of what a mask video covers (black = target)."""

    video_url: _Media
    mask_video_url: _Media | None = None
    prompt: str = Field(default="", max_length=2000)


class SeparateInput(_Input):
    """`separate`: the sound that a text names."""

    audio_url: _Media
    prompt: str = Field(min_length=1, max_length=2000)
    predict_spans: bool = False


class AudioTimeSpan(BaseModel):
    """A stretch of time in seconds: the target sounds there, or (`include` false) does not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: float = Field(ge=0)
    end: float = Field(ge=0)
    include: bool = True

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.end <= self.start:
            raise ValueError("a span ends after it starts")
        return self


class SpanSeparateInput(_Input):
    """`span-separate`: the sound that is heard in given times."""

    audio_url: _Media
    spans: tuple[AudioTimeSpan, ...] = Field(min_length=1)
    prompt: str | None = Field(default=None, max_length=2000)
    trim_to_span: bool = False
    use_sound_activity_ranking: bool = False


AnyInput = VisualSeparateInput | SeparateInput | SpanSeparateInput
_ENDPOINTS: dict[type[_Input], Endpoint] = {
    VisualSeparateInput: "visual-separate",
    SeparateInput: "separate",
    SpanSeparateInput: "span-separate",
}


def endpoint_of(given: AnyInput) -> Endpoint:
    """The endpoint that takes this input."""
    return _ENDPOINTS[type(given)]


def input_of(endpoint: str, values: dict[str, Any]) -> AnyInput:
    """The input of an endpoint from plain values.

    Raises:
        KeyError: there is no such endpoint.
        pydantic.ValidationError: a field is wrong.
    """
    kinds = {name: kind for kind, name in _ENDPOINTS.items()}
    found: AnyInput = kinds[endpoint].model_validate(values)  # type: ignore[index, assignment]
    return found


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class File(_Answer):
    """A file that the service made. The name is never used as a path."""

    url: HttpUrl
    content_type: str | None = Field(default=None, max_length=200)
    file_name: str | None = Field(default=None, max_length=1000)
    file_size: int | None = Field(default=None, ge=0)


class SeparationOutput(_Answer):
    """Output of all three endpoints: two mono stems; `duration` in seconds, `sample_rate` in Hz."""

    target: File
    residual: File
    duration: float = Field(ge=0)
    sample_rate: int = Field(default=48_000, gt=0)


class LogLine(_Answer):
    """A line that the running job printed."""

    message: str = Field(default="", max_length=10_000)
    timestamp: datetime | None = None
    level: str | None = None

    @field_validator("timestamp", mode="wrap")
    @classmethod
    def _or_none(cls, value: Any, parse: Any) -> datetime | None:
        try:
            found: datetime | None = parse(value)
        except ValueError:
            return None
        return found


class Ticket(_Answer):
    """What a submit is answered with: the request's id, and where to ask for it."""

    request_id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")
    status_url: HttpUrl
    response_url: HttpUrl
    cancel_url: HttpUrl


class QueueStatus(_Answer):
    """Where a request stands. A failed one is `COMPLETED` and has an `error`."""

    status: Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    queue_position: int | None = None
    logs: tuple[LogLine, ...] | None = None
    error: str | None = None
    error_type: str | None = None
