"""From a question to the API's input: which endpoint, which files, which fields.

With a matte it is `visual-separate`, with times `span-separate`, with a text alone `separate`. Of
a window only the times that lie in it are asked. This module must not know how anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from soundmatte.engines.cloud.windows import Window
from soundmatte.engines.engine import Need, Question, Sounding
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
    prompt = question.prompt.strip()
    if question.has_matte and question.soundings:
        raise EngineRefused(
            "The service takes a matte or times, not both.", hint="Leave out --span or --matte."
        )
    if question.has_matte:
        return "visual-separate"
    if question.soundings:
        if not prompt and not any(part.include for part in question.soundings):
            raise EngineRefused(
                "--exclude-span says when the target does not sound, not which sound it is.",
                hint="Give --prompt or --span too.",
            )
        return "span-separate"
    if prompt:
        return "separate"
    raise EngineRefused(
        "The service must be told which sound.", hint="Give --matte, --prompt or --span."
    )


def within(question: Question, window: Window) -> Question | None:
    """What is asked of a window; None where the target must be taken to be silent there.

    That is so where the times at which it does not sound cover the window, and, without a text,
    where none of the times at which it does lies in it: nothing else says which sound it is.
    """
    start, length = float(window.start), float(window.duration)
    inside = [
        Sounding(max(0.0, part.start - start), min(length, part.end - start), part.include)
        for part in question.soundings
    ]
    kept = tuple(part for part in inside if part.end > part.start)
    told = question.has_matte or question.prompt.strip() or any(part.include for part in kept)
    if not told:
        return None
    silent_until = 0.0
    for part in sorted(kept, key=lambda part: part.start):
        if not part.include and part.start <= silent_until:
            silent_until = max(silent_until, part.end)
    if silent_until >= length:
        return None
    return replace(question, soundings=kept, duration=window.duration)


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
