"""The loopback service fails as the API's documents and recordings say it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError
from tests.service import caller as calling
from tests.service import fixtures
from tests.service.caller import APP, Caller

from soundmatte.separation.errors import from_answer

caller, own, noise_clip = calling.caller, calling.own, fixtures.noise_clip


class Shared(BaseModel):
    """What the three endpoints share, as the API's schemas say."""

    reranking_candidates: int = Field(1, ge=1, le=4)
    acceleration: Literal["fast", "balanced", "quality"] = "balanced"
    max_chunk_duration: float = 60
    chunk_overlap: float = 5
    output_format: Literal["wav", "mp3"] = "wav"


class Visual(Shared):
    video_url: str
    mask_video_url: str | None = None
    prompt: str = ""


class Text(Shared):
    audio_url: str
    prompt: str
    predict_spans: bool = False


class AudioTimeSpan(BaseModel):
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    include: bool = True


class Span(Shared):
    audio_url: str
    prompt: str | None = None
    spans: list[AudioTimeSpan]
    trim_to_span: bool = False
    use_sound_activity_ranking: bool = False


MODELS = {"visual-separate": Visual, "separate": Text, "span-separate": Span}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("visual-separate", {}),
    ("visual-separate", {"video_url": 3, "prompt": None, "mask_video_url": 1}),
    ("visual-separate", {"video_url": "x", "reranking_candidates": 0}),
    ("visual-separate", {"video_url": "x", "reranking_candidates": 5, "acceleration": "slow"}),
    ("visual-separate", {"video_url": "x", "reranking_candidates": "many"}),
    ("visual-separate", {"video_url": "x", "reranking_candidates": 1.5, "output_format": "ogg"}),
    ("visual-separate", {"video_url": "x", "reranking_candidates": [], "chunk_overlap": "long"}),
    ("visual-separate", {"video_url": "x", "max_chunk_duration": {}}),
    ("separate", {"prompt": "speech"}),
    ("separate", {"audio_url": "x", "prompt": "x", "predict_spans": "perhaps"}),
    ("separate", {"audio_url": "x", "prompt": "x", "predict_spans": {}}),
    ("span-separate", {"audio_url": "x", "spans": 3}),
    ("span-separate", {"audio_url": "x", "spans": [{"start": -1, "end": 2}, {"start": 0}]}),
]


@pytest.mark.parametrize(("endpoint", "value"), WRONG)
def test_an_input_is_refused_in_the_words_of_pydantic(
    caller: Caller, endpoint: str, value: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError) as wanted:
        MODELS[endpoint].model_validate(value)
    errors = wanted.value.errors(include_url=False)
    answer = caller.result(caller.submit(value, endpoint))
    assert answer.status_code == 422
    assert answer.headers["x-fal-billable-units"] == "0"
    detail = {tuple(error.pop("loc")): error for error in answer.json()["detail"]}
    assert detail == {
        ("body", *error["loc"]): {k: v for k, v in error.items() if k != "loc"} for error in errors
    }


def test_what_pydantic_takes_is_taken(own: Caller, noise_clip: Path) -> None:
    clip = own.upload(noise_clip.read_bytes())
    value = {"audio_url": clip, "prompt": "x", "reranking_candidates": "2", "predict_spans": "yes"}
    Text.model_validate(value)
    answer = own.result(own.submit(value, "separate"))
    assert answer.status_code == 200
    assert answer.headers["x-fal-billable-units"] == "1.5"


@pytest.mark.parametrize("body", [b"no JSON", b"[1]", b""])
def test_a_body_that_is_no_object_is_refused_at_once(caller: Caller, body: bytes) -> None:
    before = len(caller.service.jobs())
    answer = caller.http.post(f"{caller.service.queue}/{APP}/separate", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"
    assert len(caller.service.jobs()) == before


@pytest.mark.parametrize(
    ("field", "address", "kind"),
    [
        ("video_url", "https://example.com/clip.mp4", "file_download_error"),
        ("video_url", "file:///etc/hostname", "file_download_error"),
        ("video_url", "http://127.0.0.1:9/clip.mp4", "file_download_error"),
        ("video_url", "{cdn}/files/b/00000000/none.mp4", "file_download_error"),
        ("video_url", "data:video/mp4;base64,####", "file_download_error"),
        ("video_url", "data:video/mp4;base64,AAAA", "unsupported_video_format"),
        ("mask_video_url", "data:text/plain,none", "unsupported_video_format"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    own: Caller, noise_clip: Path, field: str, address: str, kind: str
) -> None:
    value = {"video_url": own.upload(noise_clip.read_bytes())}
    value[field] = address.format(cdn=own.service.cdn)
    ticket = own.submit(value)
    answer = own.result(ticket)
    assert answer.status_code == 422
    detail = answer.json()["detail"][0]
    assert (detail["loc"], detail["type"]) == (["body", field], kind)
    status = own.wait(ticket)
    assert status["error"] == "Invalid status code: 422"
    assert own.http.get(ticket["response_url"]).content == answer.content


def test_a_failed_job_is_completed_with_an_error(own: Caller, noise_clip: Path) -> None:
    clip = own.upload(noise_clip.read_bytes())
    fail = {"status": 504, "detail": "It took too long", "error_type": "request_timeout"}
    own.service.settings(fail={**fail, "times": 1, "headers": {"X-Fal-Retryable": "1"}})
    ticket = own.submit({"video_url": clip})
    status = own.wait(ticket)
    assert (status["error"], status["error_type"]) == ("It took too long", "request_timeout")
    answer = own.result(ticket)
    assert answer.status_code == 504
    assert answer.json() == {"detail": "It took too long", "error_type": "request_timeout"}
    assert answer.headers["x-fal-error-type"] == "request_timeout"
    assert answer.headers["x-fal-retryable"] == "1"
    assert answer.headers["x-fal-request-id"] == ticket["request_id"]
    assert own.result(own.submit({"video_url": clip})).status_code == 200


def test_a_crash_has_the_text_of_the_framework(own: Caller, noise_clip: Path) -> None:
    clip = own.upload(noise_clip.read_bytes())
    own.service.settings(fail={"status": 500, "endpoint": "visual-separate"})
    answer = own.result(own.submit({"video_url": clip}))
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    value = {"audio_url": clip, "prompt": "x"}
    assert own.result(own.submit(value, "separate")).status_code == 200


@pytest.mark.parametrize("name", ["X-Fal-Request-Timeout", "X-Fal-Request-Start-Timeout"])
def test_a_job_that_does_not_start_in_time_ends(own: Caller, name: str) -> None:
    own.service.settings(queue_seconds=60)
    answer = own.result(own.submit({"video_url": "x"}, headers={name: "0.2"}))
    assert answer.status_code == 504
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    assert answer.headers["x-fal-error-type"] == "startup_timeout"
    assert own.service.jobs()[0]["executions"] == 0


def test_unknown_paths_and_methods(caller: Caller) -> None:
    queue = caller.service.queue
    answer = caller.result(caller.submit({}, "no-such-path"))
    assert (answer.status_code, answer.json()) == (404, {"detail": "Path /no-such-path not found"})
    assert caller.http.post(f"{queue}/other/app/x", json={}).status_code == 404
    assert caller.http.get(f"{queue}/{APP}/separate").status_code == 405
    assert caller.http.delete(f"{queue}/{APP}/requests/1/cancel").status_code == 405
    assert caller.http.get(f"{caller.service.base}/elsewhere").status_code == 404


def test_a_forgotten_job_is_not_found(own: Caller) -> None:
    ticket = own.submit({})
    own.result(ticket)
    own.service.control("POST", "/forget", {"request_id": ticket["request_id"]})
    assert own.http.get(ticket["response_url"]).json() == {"status": "NOT_FOUND"}


@pytest.mark.parametrize("status", [302, 307, 405, 418])
def test_an_answer_that_the_api_does_not_give_has_a_way_out(status: int) -> None:
    error = from_answer(status, {"location": "http://elsewhere/"}, b"")
    assert "address" in error.hint
