"""From a question to the API's input: which endpoint, which files, which fields.

With a matte it is `visual-separate`, with times `span-separate`, with a text alone `separate`. This
module must not know how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from soundmatte.engines.engine import Need, Question
from soundmatte.errors import EngineRefused
from soundmatte.separation.schema import (
    Acceleration,
    AnyInput,
    AudioTimeSpan,
    Endpoint,
    OutputFormat,
    SeparateInput,
    SpanSeparateInput,
    VisualSeparateInput,
)


@dataclass(frozen=True)
class Options:
    """The API's own options; see `soundmatte.separation.schema`."""

    candidates: int = 1
    acceleration: Acceleration = "balanced"
    output_format: OutputFormat = "wav"
    max_chunk_duration: float | None = None
    chunk_overlap: float | None = None
    predict_spans: bool = False
    use_sound_activity_ranking: bool = False


def route_of(question: Question) -> Endpoint:
    """The endpoint that answers the question.

    Raises:
        EngineRefused: there is nothing to go by, or a matte and times at once.
    """
    if question.has_matte and question.soundings:
        raise EngineRefused(
            "The service takes a matte or times, not both.", hint="Leave out --span or --matte."
        )
    if question.has_matte:
        return "visual-separate"
    if question.soundings:
        return "span-separate"
    if question.prompt.strip():
        return "separate"
    raise EngineRefused(
        "The service must be told which sound.", hint="Give --matte, --prompt or --span."
    )


def needs_of(question: Question) -> frozenset[Need]:
    """The files that are sent: the range alone, small."""
    return frozenset({"proxy", "mask"} if question.has_matte else {"mono"})


def input_for(
    question: Question,
    options: Options,
    *,
    proxy: str = "",
    mask: str = "",
    mono: str = "",
) -> AnyInput:
    """The input with the addresses of the files that were sent."""
    route, prompt = route_of(question), question.prompt.strip()
    common = {
        "reranking_candidates": options.candidates,
        "acceleration": options.acceleration,
        "output_format": options.output_format,
        "max_chunk_duration": options.max_chunk_duration,
        "chunk_overlap": options.chunk_overlap,
    }
    if route == "visual-separate":
        given = {"video_url": proxy, "mask_video_url": mask, "prompt": prompt, **common}
        return VisualSeparateInput.model_validate(given)
    if route == "separate":
        given = {"audio_url": mono, "prompt": prompt, **common}
        return SeparateInput.model_validate({**given, "predict_spans": options.predict_spans})
    spans = [
        AudioTimeSpan(start=part.start, end=part.end, include=part.include)
        for part in question.soundings
    ]
    return SpanSeparateInput.model_validate(
        {
            "audio_url": mono,
            "spans": spans,
            "prompt": prompt or None,
            "use_sound_activity_ranking": options.use_sound_activity_ranking,
            **common,
        }
    )
