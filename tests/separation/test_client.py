"""The client against a real service on the loopback: every call, blocking and asynchronous."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from receiver import Receiver
from typer.testing import CliRunner

from soundmatte.cli import app
from soundmatte.separation import storage
from soundmatte.separation.client import AsyncClient, Client
from soundmatte.separation.errors import (
    BadKey,
    ConnectionFailed,
    DownloadFailed,
    InputRefused,
    MediaTooLong,
    NoKey,
    SeparationError,
    ServiceFailed,
    TookTooLong,
    UploadFailed,
)
from soundmatte.separation.places import Places
from soundmatte.separation.schema import (
    AudioTimeSpan,
    File,
    SeparateInput,
    SpanSeparateInput,
    VisualSeparateInput,
)
from soundmatte.separation.webhooks import Verifier


@pytest.fixture(params=["blocking", "asynchronous"])
def does(request: pytest.FixtureRequest, fresh_service: Any) -> Iterator[Callable[..., Any]]:
    """`does("upload", path)` on either client."""
    places = Places.server(fresh_service.base)
    fresh_service.settings(job_seconds=0.05)
    if request.param == "blocking":
        with Client(key=fresh_service.key, places=places) as client:
            yield lambda name, *given, **named: getattr(client, name)(*given, **named)
        return
    with asyncio.Runner() as runner:
        awaited = AsyncClient(key=fresh_service.key, places=places)

        async def call(name: str, *given: Any, **named: Any) -> Any:
            return await getattr(awaited, name)(*given, **named)

        yield lambda name, *given, **named: runner.run(call(name, *given, **named))
        runner.run(awaited.close())


def test_every_call_of_a_job(
    does: Callable[..., Any], fresh_service: Any, noise_clip: Path, tmp_path: Path
) -> None:
    video, told = does("upload", noise_clip, told=(shares := []).append), []
    assert shares[-1] == 1
    ticket = does("submit", VisualSeparateInput(video_url=video, prompt="dog"), retention=60)
    assert does("status", ticket).status in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    assert does("stream", ticket, update=told.append, logs=True).status == "COMPLETED"
    lines = [line.message for status in told for line in status.logs or ()]
    assert lines
    assert len(lines) == len(set(lines))
    assert does("follow", ticket).status == "COMPLETED"
    output = does("result", ticket)
    assert output == does("result", ticket)
    assert does("cancel", ticket) is False
    fetched = does("download", output.target, tmp_path / "target.wav")
    assert fetched.path.read_bytes()[:4] == b"RIFF"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    assert len(fresh_service.jobs()) == 1
    headers = {
        k.lower(): v for k, v in fresh_service.requests(method="POST")[-1]["headers"].items()
    }
    assert json.loads(headers["x-fal-object-lifecycle-preference"]) == {
        "expiration_duration_seconds": 60
    }


def test_the_siblings(does: Callable[..., Any], noise_clip: Path) -> None:
    url = does("upload", noise_clip)
    assert does("subscribe", SeparateInput(audio_url=url, prompt="dog")).sample_rate == 48_000
    span = AudioTimeSpan(start=0.1, end=0.4, include=False)
    assert does("subscribe", SpanSeparateInput(audio_url=url, spans=(span,))).duration > 0
    inside = VisualSeparateInput(video_url=storage.data_uri(noise_clip))
    assert does("subscribe", inside).duration > 0


def test_parts_travel_side_by_side_and_a_lost_one_again(
    does: Callable[..., Any], fresh_service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MULTIPART_FROM", 50_000)
    monkeypatch.setattr(storage, "PART", 20_000)
    path = tmp_path / "söme ‘file’.mp4"
    path.write_bytes(bytes(range(256)) * 400)
    match = {"role": "cdn", "method": "PUT", "nth": 3}
    fresh_service.faults({"match": match, "do": {"drop_reading": 5000}})
    url = does("upload", path)
    assert httpx.get(url).content == path.read_bytes()
    assert fresh_service.faults()[0]["hits"] == 1
    assert "söme" not in json.dumps(fresh_service.requests(), ensure_ascii=False)


def test_a_file_that_changes_meanwhile_is_not_used(
    does: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(600_000))
    with pytest.raises(UploadFailed, match="changed"):
        does("upload", path, told=lambda share: path.write_bytes(bytes(700_000)))


@pytest.mark.parametrize(
    ("failure", "kind", "retryable"),
    [
        (
            {"status": 422, "detail": [{"loc": ["body", "video_url"], "msg": "too long",
             "type": "video_duration_too_long", "ctx": {"max_duration": 60}}]},
            MediaTooLong,
            False,
        ),
        ({"status": 422, "detail": [{"loc": ["body", "x"], "msg": "no", "type": "missing"}]},
         InputRefused, False),
        ({"status": 500, "detail": "Internal Server Error"}, ServiceFailed, True),
        ({"status": 504, "detail": "slow", "error_type": "request_timeout"}, TookTooLong, True),
    ],
)  # fmt: skip
def test_a_job_that_fails_says_what_of(
    does: Callable[..., Any],
    fresh_service: Any,
    noise_clip: Path,
    failure: dict[str, Any],
    kind: type[SeparationError],
    retryable: bool,
) -> None:
    url = does("upload", noise_clip)
    fresh_service.settings(fail=failure)
    with pytest.raises(kind) as caught:
        does("subscribe", VisualSeparateInput(video_url=url))
    assert caught.value.ended
    assert caught.value.retryable is retryable
    assert caught.value.hint


def test_a_queued_job_is_cancelled(
    does: Callable[..., Any], fresh_service: Any, noise_clip: Path
) -> None:
    url = does("upload", noise_clip)
    fresh_service.settings(paused=True)
    ticket = does("submit", VisualSeparateInput(video_url=url))
    assert does("cancel", ticket) is True


def test_a_wrong_key_and_none_and_no_server(fresh_service: Any, noise_clip: Path) -> None:
    places = Places.server(fresh_service.base)
    with Client(key="wrong:key-that-is-long-enough", places=places) as client:
        with pytest.raises(BadKey):
            client.submit(VisualSeparateInput(video_url="https://a.example/v.mp4"))
        with pytest.raises(BadKey):
            client.upload(noise_clip)
    with pytest.raises(NoKey) as caught:
        Client()
    assert "FAL_KEY" in caught.value.hint
    with (
        Client(key="a:b", places=Places.server("http://127.0.0.1:9")) as client,
        pytest.raises(ConnectionFailed),
    ):
        client.run(_once(client))
    assert fresh_service.jobs() == []


def _once(client: Client) -> Any:
    from soundmatte.separation.call import Ask, once

    return once(Ask("GET", client.places.request("x")))


def test_a_download_goes_on_where_it_broke_off(
    does: Callable[..., Any], fresh_service: Any, noise_clip: Path, tmp_path: Path
) -> None:
    url = does("upload", noise_clip)
    output = does("subscribe", VisualSeparateInput(video_url=url))
    whole = httpx.get(str(output.target.url)).content
    fresh_service.forget_requests()
    cut = {"match": {"role": "cdn", "method": "GET"}, "do": {"truncate": len(whole) // 2}}
    fresh_service.faults(cut)
    fetched = does("download", output.target, tmp_path / "a.wav")
    assert fetched.path.read_bytes() == whole
    asked = fresh_service.requests(role="cdn", method="GET")
    ranges = [{k.lower(): v for k, v in row["headers"].items()}.get("range") for row in asked]
    assert ranges == [None, f"bytes={len(whole) // 2}-"]


def test_what_is_no_sound_does_not_land(
    does: Callable[..., Any], fresh_service: Any, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html>not a stem")
    url = does("upload", path)
    hostile = File(url=url, file_name="../../../etc/passwd", content_type="audio/wav")
    with pytest.raises(DownloadFailed):
        does("download", hostile, tmp_path / "stem.wav")
    assert [left.name for left in tmp_path.iterdir() if "stem" in left.name] == []


def test_a_webhook_is_delivered_and_verified(fresh_service: Any, noise_clip: Path) -> None:
    receiver = Receiver()
    places = Places.server(fresh_service.base)
    try:
        with Client(key=fresh_service.key, places=places) as client:
            given = VisualSeparateInput(video_url=client.upload(noise_clip))
            ticket = client.submit(given, webhook=receiver.url)
            end = time.monotonic() + 20
            while not receiver.got and time.monotonic() < end:
                time.sleep(0.05)
    finally:
        receiver.close()
    _, headers, body = receiver.got[0]
    verifier = Verifier(lambda url: httpx.get(url).content, keys_url=places.key_set())
    hook = verifier.verify(headers, body)
    assert (hook.request_id, hook.status) == (ticket.request_id, "OK")


def test_the_bare_api_on_the_command_line(fresh_service: Any, noise_clip: Path) -> None:
    def say(*words: str) -> Any:
        environment = {"FAL_KEY": fresh_service.key}
        command = ["api", *words, "--server", fresh_service.base]
        done = CliRunner().invoke(app, command, env=environment, catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
        text = done.stdout.strip()
        return json.loads(text) if text.startswith("{") else text

    url = say("upload", str(noise_clip), "--progress", "none")
    ticket = say("submit", "visual-separate", "-i", f"video_url={url}", "-i", "prompt=dog")
    while say("status", ticket["request_id"], "--logs")["status"] != "COMPLETED":
        time.sleep(0.1)
    assert say("result", ticket["request_id"])["sample_rate"] == 48_000
    assert say("cancel", ticket["request_id"]) == {"cancelled": False}
    spans = '[{"start": 0.1, "end": 0.3}]'
    made = say("subscribe", "span-separate", "-i", f"audio_url={url}", "-i", f"spans={spans}")
    assert set(made) >= {"target", "residual", "duration"}
