"""Our client and the official Python client ask the same of the service, request by request.

Uploads are not compared here: they go the way of the JavaScript client, and are compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import pytest
from asked import Differs, asked, check_same
from fal_client import client as constants

from soundmatte.separation.client import Client
from soundmatte.separation.places import Places
from soundmatte.separation.schema import SeparateInput, VisualSeparateInput

APPLICATION = "fal-ai/sam-audio/visual-separate"
WEBHOOK = "http://127.0.0.1:9/hook?a=b&c=%C3%A4 d"
DIFFERENCES = [
    Differs(
        "submit status result cancel",
        "header user-agent",
        r"soundmatte/\S+",
        r"fal-client/\S+ \(python\)",
        "each says who it is",
    ),
    Differs(
        "submit",
        "header x-fal-store-io",
        "0",
        None,
        "documented; asks the service to keep neither input nor output of a job",
    ),
    Differs("status", "query", "logs=[01]", "logs=(false|true)", "ours as the JavaScript client"),
]


@pytest.fixture
def official(
    fresh_service: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[fal_client.SyncClient]:
    monkeypatch.setattr(constants, "QUEUE_URL_FORMAT", fresh_service.queue + "/")
    monkeypatch.setattr(constants, "REST_URL", fresh_service.rest)
    monkeypatch.setattr(constants, "CDN_URL", fresh_service.cdn)
    client = fal_client.SyncClient(key=fresh_service.key)
    yield client
    client._client.close()  # it leaves its connections open


def test_submit_status_result_and_cancel(
    fresh_service: Any, official: fal_client.SyncClient, noise_clip: Path
) -> None:
    fresh_service.settings(job_seconds=0.05)
    with Client(key=fresh_service.key, places=Places.server(fresh_service.base)) as client:
        url = client.upload(noise_clip)
        given = VisualSeparateInput(video_url=url, prompt="dög", reranking_candidates=2)
        fresh_service.forget_requests()

        ticket = client.submit(given, webhook=WEBHOOK, start_timeout=60.5)
        client.follow(ticket)
        client.status(ticket, logs=True)
        client.status(ticket)  # which the other one's result asks by itself
        client.result(ticket)
        client.cancel(ticket)
        ours = asked(fresh_service)

    handle = official.submit(APPLICATION, given.wire(), webhook_url=WEBHOOK, start_timeout=60.5)
    for _ in handle.iter_events(with_logs=False):
        pass
    handle.status(with_logs=True)
    handle.get()
    with pytest.raises(Exception, match=r"400|ALREADY"):
        handle.cancel()
    check_same(ours, asked(fresh_service), DIFFERENCES)
    assert [row["kind"] for row in ours] == ["submit", *["status"] * 3, "result", "cancel"]


def test_no_more_requests_for_a_job_than_the_official_client(
    fresh_service: Any, official: fal_client.SyncClient, noise_clip: Path
) -> None:
    fresh_service.settings(job_seconds=0.5)
    with Client(key=fresh_service.key, places=Places.server(fresh_service.base)) as client:
        url = client.upload(noise_clip)
        fresh_service.forget_requests()
        output = client.subscribe(SeparateInput(audio_url=url, prompt="dog"))
        ours = len(asked(fresh_service, again=True))
        theirs_output = official.subscribe(
            "fal-ai/sam-audio/separate", {"audio_url": url, "prompt": "dog"}
        )
        theirs = len(asked(fresh_service, again=True))
    assert output.duration == theirs_output["duration"]
    assert ours == 3
    assert ours < theirs
