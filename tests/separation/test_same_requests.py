"""Our client and the official Python client ask a service for the same things.

Same methods, paths, queries, bodies and headers that matter; what differs on purpose is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fal_client
import pytest
from fal_client import client as constants

from soundmatte.separation.client import Client
from soundmatte.separation.places import Places
from soundmatte.separation.schema import SeparateInput, VisualSeparateInput

#: Headers that say something to the service.
MATTERING = ("authorization", "content-type")
APPLICATION = "fal-ai/sam-audio/visual-separate"
WEBHOOK = "http://127.0.0.1:9/hook?a=b&c=%C3%A4"


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


def asked(service: Any) -> list[dict[str, Any]]:
    """What was asked of the queue: ids left out, since each job has its own."""
    rows = []
    for row in service.requests(role="queue"):
        headers = {name.lower(): value for name, value in dict(row["headers"]).items()}
        path = "/".join("ID" if len(part) == 36 else part for part in row["path"].split("/"))
        rows.append(
            {
                "method": row["method"],
                "path": path,
                "query": row["query"],
                "json": row["json"],
                **{name: headers.get(name) for name in MATTERING},
            }
        )
    service.forget_requests()
    return rows


def test_submit_status_result_and_cancel(
    fresh_service: Any, official: fal_client.SyncClient, tmp_path: Path, noise_clip: Path
) -> None:
    fresh_service.settings(job_seconds=0.05)
    with Client(key=fresh_service.key, places=Places.server(fresh_service.base)) as client:
        url = client.upload(noise_clip)
        given = VisualSeparateInput(video_url=url, prompt="dög", reranking_candidates=2)
        fresh_service.forget_requests()

        ticket = client.submit(given, webhook=WEBHOOK)
        client.follow(ticket)
        client.status(ticket, logs=True)
        client.result(ticket)
        client.cancel(ticket)
        ours = asked(fresh_service)

        handle = official.submit(APPLICATION, given.wire(), webhook_url=WEBHOOK)
        for _ in handle.iter_events(with_logs=False):
            pass
        handle.status(with_logs=True)
        handle.get()
        with pytest.raises(Exception, match=r"400|ALREADY"):
            handle.cancel()
        theirs = asked(fresh_service)

    def kinds(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["method"], row["path"]): row for row in rows}

    mine, official_rows = kinds(ours), kinds(theirs)
    assert mine.keys() == official_rows.keys()
    for kind, row in mine.items():
        other = official_rows[kind]
        for name in ("json", "authorization"):
            assert row[name] == other[name], (kind, name)
        if row["json"] is not None:
            assert row["content-type"] == other["content-type"]
            assert row["query"] == other["query"]


def test_no_more_requests_for_a_job_than_the_official_client(
    fresh_service: Any, official: fal_client.SyncClient, noise_clip: Path
) -> None:
    fresh_service.settings(job_seconds=0.5)
    with Client(key=fresh_service.key, places=Places.server(fresh_service.base)) as client:
        url = client.upload(noise_clip)
        fresh_service.forget_requests()
        output = client.subscribe(SeparateInput(audio_url=url, prompt="dog"))
        ours = len(asked(fresh_service))
        theirs_output = official.subscribe(
            "fal-ai/sam-audio/separate", {"audio_url": url, "prompt": "dog"}
        )
        theirs = len(asked(fresh_service))
    assert output.duration == theirs_output["duration"]
    assert ours == 3
    assert ours < theirs
