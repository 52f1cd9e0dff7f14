"""The loopback service goes wrong as ordered, exactly when ordered, and keeps count."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.service import caller as calling
from tests.service import fixtures
from tests.service.caller import APP, Caller
from tests.service.fixtures import SeparationService

own, noise_clip = calling.own, fixtures.noise_clip
SUBMIT = {"role": "queue", "method": "POST", "path_regex": "/visual-separate$"}


def post(own: Caller, **options: Any) -> httpx.Response:
    return own.http.post(f"{own.service.queue}/{APP}/visual-separate", json={}, **options)


def test_an_answer_that_is_lost_leaves_a_job(own: Caller) -> None:
    own.service.faults({"match": {**SUBMIT, "times": 2}, "do": "drop_after"})
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            post(own)
    assert post(own).status_code == 200
    assert len(own.service.jobs()) == 3
    assert (own.service.faults()[0]["seen"], own.service.faults()[0]["hits"]) == (3, 2)


def test_a_request_that_is_lost_leaves_none(own: Caller) -> None:
    own.service.faults({"match": SUBMIT, "do": {"drop_before": True}})
    with pytest.raises(httpx.RemoteProtocolError):
        post(own)
    assert own.service.jobs() == []
    rows = own.service.requests(role="queue")
    assert [(row["fault"] is not None, row["status"]) for row in rows] == [(True, None)]


@pytest.mark.parametrize("processed", [True, False])
def test_a_status_may_hide_what_was_done(own: Caller, processed: bool) -> None:
    do = {"status": 503, "headers": {"Server": "nginx"}, "body": "<h1>nginx</h1>"}
    own.service.faults({"match": SUBMIT, "do": {**do, "processed": processed}})
    answer = post(own)
    assert (answer.status_code, answer.text) == (503, "<h1>nginx</h1>")
    assert answer.headers["server"] == "nginx"
    assert "x-fal-request-id" not in answer.headers
    assert len(own.service.jobs()) == int(processed)


def test_a_request_may_be_processed_twice(own: Caller) -> None:
    own.service.faults({"match": SUBMIT, "do": {"repeat": True}})
    answer = post(own)
    assert [job["request_id"] for job in own.service.jobs()][1:] == [answer.json()["request_id"]]


def test_an_answer_may_come_late(own: Caller) -> None:
    own.service.faults({"match": SUBMIT, "do": {"delay": 0.8}})
    own.service.faults({"match": {**SUBMIT, "nth": 2}, "do": {"delay_before": 0.8}})
    with pytest.raises(httpx.ReadTimeout):
        post(own, timeout=0.5)
    assert len(own.service.jobs()) == 1
    with pytest.raises(httpx.ReadTimeout):
        post(own, timeout=0.2)
    assert len(own.service.jobs()) == 1


def test_a_download_may_be_cut_short(own: Caller) -> None:
    url = own.upload(bytes(range(250)) * 4)
    cut = {"match": {"role": "cdn", "method": "GET"}, "do": {"truncate": 300}}
    own.service.faults(cut)
    connection = http.client.HTTPConnection(own.service.base.removeprefix("http://"), timeout=10)
    connection.request("GET", url.removeprefix(own.service.base))
    answer = connection.getresponse()
    assert answer.headers["content-length"] == "1000"
    with pytest.raises(http.client.IncompleteRead) as short:
        answer.read()
    connection.close()
    assert len(short.value.partial) == 300
    rest = own.plain.get(url, headers={"Range": "bytes=300-"}).content
    assert short.value.partial + rest == bytes(range(250)) * 4


def test_a_download_and_an_upload_may_be_slow(own: Caller) -> None:
    url = own.upload(bytes(1000))
    own.service.faults({"match": {"role": "cdn", "method": "GET"}, "do": {"slow": 2000}})
    began = time.monotonic()
    assert own.plain.get(url).content == bytes(1000)
    assert time.monotonic() - began > 0.4
    own.service.faults({"match": {"role": "cdn", "method": "PUT"}, "do": {"slow_read": 400_000}})
    began = time.monotonic()
    assert own.plain.get(own.upload(bytes(130_000))).content == bytes(130_000)
    assert time.monotonic() - began > 0.3


def test_an_upload_may_break_off(own: Caller) -> None:
    own.service.faults({"match": {"role": "cdn"}, "do": {"drop_reading": 100_000}})
    with pytest.raises(httpx.TransportError):
        own.upload(bytes(3_000_000))
    assert [row["done"] for row in own.service.uploads()] == [0]


def test_a_stream_may_break_off(own: Caller) -> None:
    ticket = own.submit({})
    own.wait(ticket)
    own.service.faults({"match": {"path_regex": "/stream$"}, "do": {"truncate": 20}})
    with pytest.raises(httpx.RemoteProtocolError):
        own.http.get(ticket["status_url"] + "/stream?logs=1")
    assert '"COMPLETED"' in own.http.get(ticket["status_url"] + "/stream?logs=1").text


def test_the_nth_match_is_hit_and_so_many_after_it(own: Caller) -> None:
    own.service.faults(
        {"match": {**SUBMIT, "nth": 2, "times": 2}, "do": {"status": 429}},
        {"match": {**SUBMIT, "nth": 5, "times": None}, "do": {"status": 500}},
    )
    assert [post(own).status_code for _ in range(7)] == [200, 429, 429, 200, 500, 500, 500]
    own.service.forget_faults()
    assert post(own).status_code == 200


def test_a_fault_hits_only_what_it_matches(own: Caller) -> None:
    own.service.faults({"match": {**SUBMIT, "times": None}, "do": {"status": 500}})
    assert own.http.get(f"{own.service.queue}/{APP}/visual-separate").status_code == 405
    assert own.http.post(f"{own.service.run}/{APP}/visual-separate", json={}).status_code == 422
    assert own.http.post(f"{own.service.queue}/{APP}/separate", json={}).status_code == 200
    assert post(own).status_code == 500


def test_the_services_own_downloads_are_not_hit_nor_listed(own: Caller, noise_clip: Path) -> None:
    clip = own.upload(noise_clip.read_bytes())
    own.service.forget_requests()
    own.service.faults({"match": {"role": "cdn", "times": None}, "do": {"status": 500}})
    assert own.result(own.submit({"video_url": clip})).status_code == 200
    assert own.service.requests(role="cdn") == []
    every = own.service.control("GET", "/requests?own=1")
    assert [row["own"] for row in every if row["role"] == "cdn"] == [1]


def test_requests_are_kept_as_they_came(own: Caller) -> None:
    own.http.post(
        f"{own.service.queue}/{APP}/separate?fal_webhook=http%3A%2F%2F127.0.0.1%3A9%2Fx",
        json={"prompt": "ü"},
        headers={"X-Fal-Queue-Priority": "low"},
    )
    row = own.service.requests(method="POST")[-1]
    assert (row["role"], row["path"]) == ("queue", f"/{APP}/separate")
    assert row["query"] == "fal_webhook=http%3A%2F%2F127.0.0.1%3A9%2Fx"
    assert row["json"] == {"prompt": "ü"}
    assert row["headers"]["x-fal-queue-priority"] == "low"
    assert (row["status"], row["own"], row["fault"]) == (200, 0, None)
    own.service.forget_requests()
    assert own.service.requests() == []


@pytest.mark.parametrize(
    "fault",
    [{}, {"do": {}}, {"do": {"explode": 1}}, {"match": {"host": "x"}, "do": "drop_before"}],
)
def test_an_order_that_means_nothing_is_refused(
    service: SeparationService, fault: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match="not a fault"):
        service.faults(fault)


def test_nothing_outlives_a_reset(own: Caller) -> None:
    own.service.faults({"match": SUBMIT, "do": {"delay_before": 0.3}})
    with pytest.raises(httpx.ReadTimeout):
        post(own, timeout=0.1)
    own.service.reset()
    time.sleep(0.4)
    assert own.service.jobs() == own.service.requests() == own.service.faults() == []
    assert own.service.settings()["job_seconds"] == 0.2
