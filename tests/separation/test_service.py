"""The loopback service behaves as the API's documents and recordings say: queue, sync, jobs.

Asked with httpx and http.client, so that a client of ours and this service cannot agree on
something that the API does not say.
"""

from __future__ import annotations

import base64
import http.client
import io
import itertools
import json
import time
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import soundfile
from tests.service import caller as calling
from tests.service import fixtures
from tests.service.caller import APP, Caller
from tests.service.fixtures import SeparationService

STEP = 1920  # samples of the model's hop
caller, own, noise_clip = calling.caller, calling.own, fixtures.noise_clip


@pytest.fixture
def clip(caller: Caller, noise_clip: Path) -> str:
    return caller.upload(noise_clip.read_bytes())


def data_uri(path: Path) -> str:
    return "data:video/quicktime;base64," + base64.b64encode(path.read_bytes()).decode()


def test_a_submit_is_answered_at_once_with_the_status_object(caller: Caller, clip: str) -> None:
    address = f"{caller.service.queue}/{APP}/visual-separate"
    answer = caller.http.post(address, json={"video_url": clip})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    ticket = answer.json()
    url = f"{caller.service.queue}/{APP}/requests/{ticket['request_id']}"
    assert answer.headers["x-fal-request-id"] == ticket["request_id"]
    assert ticket["queue_position"] >= 0
    del ticket["queue_position"]
    assert ticket == {
        "status": "IN_QUEUE",
        "request_id": answer.headers["x-fal-request-id"],
        "response_url": url,
        "status_url": f"{url}/status",
        "cancel_url": f"{url}/cancel",
        "logs": None,
        "metrics": {},
    }


@pytest.mark.parametrize("asked", ["1", "true"])
def test_the_states_follow_one_another_and_logs_grow(own: Caller, clip: str, asked: str) -> None:
    own.service.settings(queue_seconds=0.15, job_seconds=0.4)
    ticket = own.submit({"video_url": clip})
    seen: list[dict[str, Any]] = []
    codes = {"IN_QUEUE": 202, "IN_PROGRESS": 202, "COMPLETED": 200}
    while not seen or seen[-1]["status"] != "COMPLETED":
        answer = own.status(ticket, asked)
        assert answer.status_code == codes[answer.json()["status"]]
        assert answer.headers["x-fal-request-id"] == ticket["request_id"]
        seen.append(answer.json())
        time.sleep(0.02)
    assert list(dict.fromkeys(status["status"] for status in seen)) == list(codes)
    assert all(("queue_position" in s) == (s["status"] == "IN_QUEUE") for s in seen)
    for earlier, later in itertools.pairwise(seen):
        assert later["logs"][: len(earlier["logs"])] == earlier["logs"]
    assert len(seen[-1]["logs"]) > 3
    assert {"message", "timestamp", "level", "source"} <= set(seen[-1]["logs"][0])
    assert seen[-1]["metrics"]["inference_time"] >= 0.4
    assert "error" not in seen[-1]
    assert own.status(ticket, "0").json()["logs"] is None


def test_positions_count_down_and_low_priority_waits(own: Caller, clip: str) -> None:
    own.service.settings(paused=True, job_seconds=0.05, queue_seconds=0)
    low = own.submit({"video_url": clip}, headers={"X-Fal-Queue-Priority": "low"})
    normal = [own.submit({"video_url": clip}) for _ in range(3)]
    assert [own.status(t).json()["queue_position"] for t in [*normal, low]] == [0, 1, 2, 3]
    refused = own.http.post(f"{own.service.queue}/{APP}/separate?fal_max_queue_length=4", json={})
    assert refused.status_code == 429
    own.service.settings(paused=False)
    own.wait(low)
    jobs = own.service.jobs()
    order = sorted(jobs, key=lambda job: job["started"])
    assert [job["request_id"] for job in order] == [t["request_id"] for t in [*normal, low]]
    assert all(a["completed"] <= b["started"] for a, b in itertools.pairwise(order))


def test_the_result_is_the_bare_output(caller: Caller, clip: str) -> None:
    ticket = caller.submit({"video_url": clip, "unknown": 1, "reranking_candidates": 3})
    early = caller.http.get(ticket["response_url"])
    assert (early.status_code, early.json()) == (400, {"detail": "Request is still in progress"})
    answer = caller.result(ticket)
    assert answer.status_code == 200
    assert answer.headers["x-fal-request-id"] == ticket["request_id"]
    assert answer.headers["x-fal-billable-units"] == "2"  # one for 30 s begun, + 2 × 0.5
    value = answer.json()
    assert set(value) == {"target", "residual", "duration", "sample_rate"}
    assert set(value["target"]) == {"content_type", "url"}
    assert value["target"]["content_type"] == "audio/wav"
    assert value["target"]["url"].startswith(f"{caller.service.cdn}/files/b/")
    assert (value["duration"], value["sample_rate"]) == (49920 / 48000, 48000)
    assert caller.http.get(ticket["response_url"]).content == answer.content


def test_addresses_with_a_sub_path_or_a_slash_are_the_same(caller: Caller, clip: str) -> None:
    ticket = caller.submit({"video_url": clip})
    done = caller.result(ticket)
    for sub, end in itertools.product(["", "/visual-separate", "/some/sub"], ["", "/"]):
        url = f"{caller.service.queue}/{APP}{sub}/requests/{ticket['request_id']}"
        assert caller.http.get(f"{url}/status{end}").json()["request_id"] == ticket["request_id"]
        assert caller.http.get(f"{url}{end}").content == done.content
        assert caller.http.get(f"{url}/response{end}").content == done.content
        assert caller.http.put(f"{url}/cancel{end}").json() == {"status": "ALREADY_COMPLETED"}
        assert '"COMPLETED"' in caller.http.get(f"{url}/status/stream{end}").text


@pytest.mark.parametrize("what", ["", "/status", "/status/stream", "/cancel"])
def test_an_unknown_request_is_not_found(caller: Caller, what: str) -> None:
    url = f"{caller.service.queue}/{APP}/requests/764cabcf-b745-4b3e-ae38-1200304cf45b{what}"
    answer = caller.http.request("PUT" if what == "/cancel" else "GET", url)
    assert (answer.status_code, answer.json()) == (404, {"status": "NOT_FOUND"})


def test_a_queued_job_that_is_cancelled_never_runs(own: Caller, clip: str) -> None:
    own.service.settings(paused=True)
    ticket = own.submit({"video_url": clip})
    answer = own.http.put(ticket["cancel_url"])
    assert (answer.status_code, answer.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    status = own.wait(ticket)
    assert status["error_type"] == "client_cancelled"
    own.service.settings(paused=False, queue_seconds=0, job_seconds=0)
    own.result(own.submit({"video_url": clip}))
    assert [job["executions"] for job in own.service.jobs()] == [0, 1]
    again = own.http.put(ticket["cancel_url"])
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_a_running_job_can_be_cancelled(own: Caller, clip: str) -> None:
    own.service.settings(queue_seconds=0, job_seconds=60)
    ticket = own.submit({"video_url": clip})
    own.wait(ticket, "IN_PROGRESS")
    assert own.http.put(ticket["cancel_url"]).status_code == 202
    answer = own.result(ticket)
    assert answer.status_code == 499
    assert answer.headers["x-fal-error-type"] == answer.json()["error_type"] == "client_cancelled"


def events(own: Caller, ticket: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The events of a status stream, and its comments."""
    found: list[dict[str, Any]] = []
    comments: list[str] = []
    with own.http.stream("GET", ticket["status_url"] + "/stream?logs=1") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        for line in stream.iter_lines():
            assert line.isascii()
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
            elif line:
                comments.append(line)
    return found, comments


def test_the_stream_has_every_line_of_the_log_once(own: Caller, clip: str) -> None:
    own.service.settings(queue_seconds=0.15, job_seconds=0.5, comment_seconds=0.06)
    ticket = own.submit({"video_url": clip})
    found, comments = events(own, ticket)
    words = [event["status"] for event in found]
    assert list(dict.fromkeys(words)) == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert words.count("COMPLETED") == 1
    streamed = [line for event in found for line in event["logs"]]
    assert streamed == own.status(ticket).json()["logs"]
    assert len([event for event in found if event["logs"]]) > 2
    assert comments
    assert all(line.startswith(":") for line in comments)


def test_a_browser_streams_with_a_token_instead_of_the_key(caller: Caller, clip: str) -> None:
    ticket = caller.submit({"video_url": clip})
    wanted = {"allowed_apps": ["sam-audio"], "token_expiration": 60}
    token = caller.http.post(f"{caller.service.rest}/tokens/", json=wanted).json()
    stream = f"{ticket['status_url']}/stream?fal_jwt_token="
    assert '"COMPLETED"' in caller.plain.get(stream + token).text
    assert caller.plain.get(stream + "wrong").status_code == 401


@pytest.mark.parametrize(
    "address", [f"/queue/{APP}/visual-separate", f"/run/{APP}/separate", "/rest/storage/auth/token"]
)
def test_a_key_is_asked_for(caller: Caller, address: str) -> None:
    url = caller.service.base + address
    missing = caller.plain.post(url, json={})
    assert (missing.status_code, missing.json()) == (
        401,
        {"detail": "Authorization header is required"},
    )
    for wrong in ("Key other:secret", f"Bearer {caller.service.key}", caller.service.key):
        answer = caller.plain.post(url, json={}, headers={"Authorization": wrong})
        assert (answer.status_code, answer.json()) == (401, {"detail": "invalid key credentials"})


def stem(caller: Caller, value: dict[str, Any], name: str) -> tuple[Any, int]:
    answer = caller.plain.get(value[name]["url"])
    assert answer.headers["content-type"] == value[name]["content_type"]
    return soundfile.read(io.BytesIO(answer.content), always_2d=True)


def test_the_stems_are_as_the_model_makes_them(caller: Caller, clip: str, noise_clip: Path) -> None:
    value = caller.result(caller.submit({"video_url": clip})).json()
    with av.open(str(noise_clip)) as media:
        frames = [f.to_ndarray().reshape(-1, 2) for f in media.decode(audio=0)]
    mix = np.concatenate(frames).mean(axis=1) / 32768
    total = np.zeros(0)
    for name in ("target", "residual"):
        file = soundfile.info(io.BytesIO(caller.plain.get(value[name]["url"]).content))
        assert (file.samplerate, file.channels, file.subtype) == (48000, 1, "PCM_16")
        samples = stem(caller, value, name)[0][:, 0]
        assert 0 <= len(samples) - len(mix) < STEP
        assert len(samples) % STEP == 0
        assert np.abs(samples).max() > 0.01
        total = samples if not len(total) else total + samples
    assert np.abs(total[: len(mix)] - mix).max() < 4 / 32768


@pytest.mark.parametrize("tail_ms", [0, 25])
def test_the_extra_tail_is_as_ordered(own: Caller, clip: str, tail_ms: int) -> None:
    own.service.settings(tail_ms=tail_ms, job_seconds=0, file_fields="full")
    value = own.result(own.submit({"video_url": clip})).json()
    assert len(stem(own, value, "target")[0]) == 48480 + 48 * tail_ms
    content = own.plain.get(value["target"]["url"]).content
    assert value["target"]["file_size"] == len(content)
    assert value["target"]["file_name"].endswith(".wav")


@pytest.mark.parametrize(
    ("endpoint", "value"),
    [
        ("visual-separate", {"mask_video_url": True, "prompt": "the man"}),
        ("separate", {"prompt": "speech", "predict_spans": True}),
        ("span-separate", {"spans": [{"start": 0, "end": 0.5}], "prompt": None}),
    ],
)
def test_every_endpoint_separates(
    caller: Caller, clip: str, endpoint: str, value: dict[str, Any]
) -> None:
    given = {k: clip if v is True and k.endswith("_url") else v for k, v in value.items()}
    given["video_url" if endpoint == "visual-separate" else "audio_url"] = clip
    answer = caller.result(caller.submit({**given, "output_format": "mp3"}, endpoint))
    assert answer.status_code == 200, answer.text
    assert answer.json()["target"]["content_type"] == "audio/mpeg"
    samples, rate = stem(caller, answer.json(), "target")
    assert (rate, samples.shape[1]) == (48000, 1)
    assert len(samples) >= 48480
    assert caller.service.jobs()[-1]["endpoint"] == f"{APP}/{endpoint}"


def test_an_input_may_be_a_data_uri(caller: Caller, noise_clip: Path) -> None:
    value = {"video_url": data_uri(noise_clip).replace("quicktime", "x-unknown")}
    assert caller.result(caller.submit(value)).status_code == 200


def test_run_answers_with_the_result(caller: Caller, clip: str) -> None:
    url = f"{caller.service.run}/{APP}/visual-separate"
    answer = caller.http.post(url, json={"video_url": clip})
    assert answer.status_code == 200
    assert set(answer.json()) == {"target", "residual", "duration", "sample_rate"}
    assert answer.headers["x-fal-request-id"] == caller.service.jobs()[-1]["request_id"]
    wrong = caller.http.post(url, json={})
    assert wrong.status_code == 422
    assert wrong.json()["detail"][0]["type"] == "missing"
    assert wrong.headers["x-fal-billable-units"] == "0"


def test_who_hangs_up_during_run_cancels(own: Caller, clip: str) -> None:
    own.service.settings(job_seconds=60, queue_seconds=0)
    with pytest.raises(httpx.ReadTimeout):
        own.http.post(
            f"{own.service.run}/{APP}/visual-separate", json={"video_url": clip}, timeout=0.4
        )
    until = time.monotonic() + 10
    while own.service.jobs()[0]["state"] != "completed" and time.monotonic() < until:
        time.sleep(0.05)
    assert own.service.jobs()[0]["status"] == 499


def test_two_requests_may_use_one_connection(service: SeparationService) -> None:
    connection = http.client.HTTPConnection(service.base.removeprefix("http://"), timeout=10)
    for _ in range(2):
        connection.request("GET", f"/queue/{APP}/requests/none/status")
        answer = connection.getresponse()
        assert (answer.status, answer.version) == (401, 11)
        assert int(answer.headers["content-length"]) == len(answer.read())
    connection.close()


def test_a_killed_service_goes_on_where_it_was(own: Caller, noise_clip: Path) -> None:
    clip = own.upload(noise_clip.read_bytes())
    own.service.settings(job_seconds=0.1, queue_seconds=0)
    done = own.submit({"video_url": clip})
    body = own.result(done).content
    own.service.settings(job_seconds=30)
    running, queued = own.submit({"video_url": clip}), own.submit({"video_url": clip})
    own.wait(running, "IN_PROGRESS")
    own.service.settings(job_seconds=0.1)
    own.service.faults({"match": {"role": "run", "nth": 3}, "do": "drop_after"})
    own.service.restart()
    assert own.http.get(done["response_url"]).content == body
    for ticket in (running, queued):
        assert own.result(ticket).status_code == 200
    assert [job["executions"] for job in own.service.jobs()] == [1, 2, 1]
    assert own.plain.get(clip).content == noise_clip.read_bytes()
    assert own.service.faults()[0]["match"]["nth"] == 3
    assert own.service.requests(method="POST", role="rest")


def test_the_offline_engine_can_stand_behind_it(tmp_path: Path, noise_clip: Path) -> None:
    service = fixtures.SeparationService(tmp_path / "offline", "--engine", "offline")
    caller = Caller(service)
    try:
        clip = caller.upload(noise_clip.read_bytes())
        answer = caller.result(caller.submit({"video_url": clip, "prompt": "speech"}))
        assert answer.status_code == 200, answer.text
        refused = caller.result(caller.submit({"video_url": clip, "prompt": "a red car"}))
        assert refused.json()["detail"][0]["type"] == "feature_not_supported"
    finally:
        caller.close()
        service.kill()
    assert service.complaints() == ""
