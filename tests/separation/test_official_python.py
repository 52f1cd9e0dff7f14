"""The API's own Python client, as it is published, works with the loopback service.

It is the referee: what it reads and writes is what the API is. Only the constants that hold its
hosts are changed.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import httpx
import pytest
from fal_client import client as constants
from tests.service import caller as calling
from tests.service import fixtures
from tests.service import receiver as receiving
from tests.service.caller import APP, Caller
from tests.service.fixtures import SeparationService
from tests.service.receiver import Receiver

own, noise_clip, receiver = calling.own, fixtures.noise_clip, receiving.receiver
ENDPOINT = f"{APP}/visual-separate"


@pytest.fixture
def at(own: Caller, monkeypatch: pytest.MonkeyPatch) -> SeparationService:
    """The service that the client's hosts lead to."""
    service = own.service
    monkeypatch.setattr(constants, "QUEUE_URL_FORMAT", service.queue + "/")
    monkeypatch.setattr(constants, "RUN_URL_FORMAT", service.run + "/")
    monkeypatch.setattr(constants, "REST_URL", service.rest)
    monkeypatch.setattr(constants, "CDN_URL", service.cdn)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return service


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The connections that the client opens: it leaves them open, and a test must not."""
    found: list[Any] = []
    for kind in (httpx.Client, httpx.AsyncClient):
        first = kind.__init__

        def noted(self: Any, *given: Any, _first: Any = first, **named: Any) -> None:
            _first(self, *given, **named)
            found.append(self)

        monkeypatch.setattr(kind, "__init__", noted)
    yield found
    for connection in found:
        if isinstance(connection, httpx.Client):
            connection.close()


@pytest.fixture
def client(at: SeparationService, opened: list[Any]) -> fal_client.SyncClient:
    return fal_client.SyncClient(key=at.key)


def check(value: Any) -> None:
    assert set(value) == {"target", "residual", "duration", "sample_rate"}
    assert value["sample_rate"] == 48000


def test_subscribe_with_logs(
    at: SeparationService, client: fal_client.SyncClient, noise_clip: Path
) -> None:
    at.settings(queue_seconds=0.3, job_seconds=0.4)
    seen: list[fal_client.Status] = []
    ids: list[str] = []
    clip = client.upload_file(noise_clip)
    value = client.subscribe(
        ENDPOINT,
        {"video_url": clip, "mask_video_url": clip, "prompt": "the man on the left"},
        with_logs=True,
        on_enqueue=ids.append,
        on_queue_update=seen.append,
    )
    check(value)
    kinds = list(dict.fromkeys(type(status) for status in seen))
    assert kinds == [fal_client.Queued, fal_client.InProgress, fal_client.Completed]
    assert isinstance(seen[0], fal_client.Queued)
    assert seen[0].position == 0
    assert isinstance(seen[-1], fal_client.Completed)
    assert seen[-1].error is None
    assert seen[-1].metrics["inference_time"] > 0.3
    assert seen[-1].logs is not None
    assert "Separating: 100 %" in [line["message"] for line in seen[-1].logs]
    assert [job["request_id"] for job in at.jobs()] == ids


def test_submit_status_result(
    at: SeparationService, client: fal_client.SyncClient, noise_clip: Path
) -> None:
    at.settings(paused=True)
    first, second = (
        client.submit(ENDPOINT, {"video_url": client.upload_file(noise_clip)}) for _ in range(2)
    )
    status = second.status()
    assert isinstance(status, fal_client.Queued)
    assert status.position == 1
    at.settings(paused=False)
    check(second.get())
    check(client.result(ENDPOINT, first.request_id))
    assert isinstance(
        client.status(ENDPOINT, first.request_id, with_logs=True), constants.Completed
    )
    assert first.get() == client.result(ENDPOINT, first.request_id)


def test_the_options_arrive(at: SeparationService, client: fal_client.SyncClient) -> None:
    client.submit(ENDPOINT, {"prompt": "x"}, priority="low", hint="here", start_timeout=60)
    row = at.requests(role="queue", method="POST")[-1]
    assert row["headers"]["x-fal-queue-priority"] == "low"
    assert row["headers"]["x-fal-runner-hint"] == "here"
    assert row["headers"]["x-fal-request-timeout"] == "60.0"
    assert row["headers"]["authorization"] == f"Key {at.key}"
    job = at.jobs()[-1]
    assert (job["priority"], job["start_timeout"], job["input"]) == (1, 60, {"prompt": "x"})


def test_run(client: fal_client.SyncClient, noise_clip: Path) -> None:
    check(client.run(ENDPOINT, {"video_url": fal_client.encode_file(str(noise_clip))}))


def test_upload_of_bytes(at: SeparationService, client: fal_client.SyncClient) -> None:
    kept = constants.StorageSettings(expires_in="1h")
    url = client.upload(b"Hello", "text/plain", "hello.txt", lifecycle=kept)
    row = at.uploads()[-1]
    assert url == at.cdn + row["public"]
    assert (row["shape"], row["size"], row["content_type"]) == ("python", 5, "text/plain")
    assert json.loads(row["lifecycle"])["expiration_duration_seconds"] == 3600


@pytest.mark.parametrize("size", [1_000_001, 1_500_000])
def test_upload_in_parts(
    at: SeparationService,
    client: fal_client.SyncClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr(constants, "MULTIPART_THRESHOLD", 1_000_000)
    monkeypatch.setattr(constants, "MULTIPART_CHUNK_SIZE", 300_000)
    path = tmp_path / "long.mov"
    path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    client.upload_file(path)
    row = at.uploads()[-1]
    assert (row["shape"], row["size"]) == ("python multipart", size)
    assert len(row["parts"]) == -(-size // 300_000)
    stored = at.folder / "files" / row["file"]
    assert stored.read_bytes() == path.read_bytes()


def test_a_name_beyond_ascii_takes_the_fallback(
    at: SeparationService, client: fal_client.SyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "Büro.mov"
    path.write_bytes(b"data")
    client.upload_file(path)
    row = at.uploads()[-1]
    assert (row["shape"], row["file_name"], row["done"]) == ("gcs", "Büro.mov", 1)


def test_webhook(client: fal_client.SyncClient, at: SeparationService, receiver: Receiver) -> None:
    handle = client.submit(ENDPOINT, {}, webhook_url=receiver.url)
    until = time.monotonic() + 10
    while not receiver.got and time.monotonic() < until:
        time.sleep(0.02)
    assert receiver.got[0][0] == "/hook?for=a%20b&c=d"
    assert json.loads(receiver.got[0][2])["request_id"] == handle.request_id


def test_cancel(at: SeparationService, client: fal_client.SyncClient, noise_clip: Path) -> None:
    at.settings(job_seconds=60)
    uri = base64.b64encode(noise_clip.read_bytes()).decode()
    running = client.submit(ENDPOINT, {"video_url": f"data:video/quicktime;base64,{uri}"})
    while not isinstance(running.status(), fal_client.InProgress):
        time.sleep(0.02)
    queued = client.submit(ENDPOINT, {})
    queued.cancel()
    client.cancel(ENDPOINT, running.request_id)
    for handle in (running, queued):
        with pytest.raises(fal_client.FalClientHTTPError) as error:
            handle.get()
        assert (error.value.status_code, error.value.error_type) == (499, "client_cancelled")
    with pytest.raises(fal_client.FalClientHTTPError) as error:
        queued.cancel()
    assert error.value.status_code == 400


def test_a_client_that_waits_no_longer_cancels(
    at: SeparationService, client: fal_client.SyncClient, noise_clip: Path
) -> None:
    at.settings(job_seconds=60)
    clip = client.upload_file(noise_clip)
    with pytest.raises(fal_client.FalClientTimeoutError):
        client.subscribe(ENDPOINT, {"video_url": clip}, client_timeout=1.1)
    assert at.jobs()[-1]["cancel"] == 1


def test_an_input_that_is_refused(client: fal_client.SyncClient) -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as error:
        client.subscribe(ENDPOINT, {"prompt": 3})
    assert error.value.status_code == 422
    found = {tuple(e["loc"]): e["type"] for e in json.loads(error.value.response.text)["detail"]}
    assert found == {("body", "video_url"): "missing", ("body", "prompt"): "string_type"}


@pytest.mark.parametrize("status", [500, 504])
def test_a_job_that_fails(
    at: SeparationService, client: fal_client.SyncClient, noise_clip: Path, status: int
) -> None:
    at.settings(fail={"status": status, "detail": "Out of luck", "error_type": "internal_error"})
    handle = client.submit(ENDPOINT, {"video_url": client.upload_file(noise_clip)})
    with pytest.raises(fal_client.FalClientHTTPError) as error:
        handle.get()
    assert (error.value.status_code, error.value.message) == (status, "Out of luck")
    assert error.value.error_type == "internal_error"
    done = handle.status()
    assert isinstance(done, fal_client.Completed)
    assert (done.error, done.error_type) == ("Out of luck", "internal_error")


def test_a_wrong_key(at: SeparationService, opened: list[Any]) -> None:
    with pytest.raises(fal_client.FalClientHTTPError) as error:
        fal_client.SyncClient(key="other:key").submit(ENDPOINT, {})
    assert (error.value.status_code, error.value.message) == (401, "invalid key credentials")


def test_a_lost_answer_makes_a_second_job(
    at: SeparationService, client: fal_client.SyncClient
) -> None:
    match = {"role": "queue", "method": "POST", "times": 2}
    at.faults({"match": match, "do": "drop_after"})
    handle = client.submit(ENDPOINT, {})
    assert [job["request_id"] for job in at.jobs()][2:] == [handle.request_id]


def test_the_asynchronous_client(
    at: SeparationService, opened: list[Any], noise_clip: Path
) -> None:
    async def work() -> Any:
        client = fal_client.AsyncClient(key=at.key)
        try:
            clip = await client.upload_file(noise_clip)
            return await client.subscribe(ENDPOINT, {"video_url": clip}, with_logs=True)
        finally:
            for connection in opened:
                if isinstance(connection, httpx.AsyncClient):
                    await connection.aclose()

    check(asyncio.run(work()))
