"""The loopback service stores files as the API does: every shape of upload, and public files."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.service import caller as calling
from tests.service.caller import Caller

caller, own = calling.caller, calling.own
DATA = secrets.token_bytes(700_000)
PART = 300_000  # bytes
V3 = "?storage_type=fal-cdn-v3"
NAME = {"file_name": "a clip.mov", "content_type": "video/quicktime"}


def initiate(caller: Caller, what: str = f"initiate{V3}", **headers: str) -> dict[str, Any]:
    url = f"{caller.service.rest}/storage/upload/{what}"
    answer = caller.http.post(url, json=NAME, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def token(caller: Caller) -> dict[str, Any]:
    answer = caller.http.post(f"{caller.service.rest}/storage/auth/token{V3}", json={})
    assert answer.status_code == 200
    return dict(answer.json())


def bearer(caller: Caller, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(caller)['token']}", **more}


def stored(caller: Caller, url: str) -> dict[str, Any]:
    """The service's record of the upload with this address, whose file is DATA."""
    answer = caller.plain.get(url)
    assert answer.content == DATA
    assert answer.headers["content-type"] == "video/quicktime"
    public = url.removeprefix(caller.service.cdn)
    return next(row for row in caller.service.uploads() if row["public"] == public)


def test_the_javascript_shape(caller: Caller) -> None:
    lifecycle = '{"expiration_duration_seconds": 3600}'
    addresses = initiate(caller, **{"X-Fal-Object-Lifecycle": lifecycle})
    assert set(addresses) == {"upload_url", "file_url"}
    assert re.search(r"/files/b/[0-9a-f]{8}/[\w-]{21}_a%20clip\.mov$", addresses["file_url"])
    assert "Signature=" in urlsplit(addresses["upload_url"]).query
    assert caller.plain.get(addresses["file_url"]).status_code == 404
    kind = {"Content-Type": "video/quicktime"}
    put = caller.plain.put(addresses["upload_url"], content=DATA, headers=kind)
    assert put.is_success
    row = stored(caller, addresses["file_url"])
    assert (row["shape"], row["lifecycle"]) == ("single", lifecycle)


def test_an_upload_address_is_worth_nothing_without_its_signature(caller: Caller) -> None:
    address = initiate(caller)["upload_url"]
    bare, _, query = address.partition("?")
    wrong = re.sub(r"Signature=\w{4}", "Signature=0000", query)
    for url in (bare, f"{bare}?{wrong}"):
        assert caller.http.put(url, content=DATA).status_code == 403
    signature = query.rpartition("=")[2]
    assert signature in caller.service.secrets()


@pytest.mark.parametrize("style", ["quoted", "bare", "weak"])
def test_the_javascript_multipart_shape(own: Caller, style: str) -> None:
    own.service.settings(etag_style=style)
    addresses = initiate(own, f"initiate-multipart{V3}")
    path, _, search = addresses["upload_url"].partition("?")
    parts = []
    for number, start in enumerate(range(0, len(DATA), PART), 1):
        url = f"{path}/{number}?{search}"
        answer = own.plain.put(url, content=DATA[start : start + PART])
        assert answer.json() == {"partNumber": number, "etag": answer.headers["etag"]}
        parts.append(answer.json())
    marks = {"quoted": '"', "bare": "", "weak": 'W/"'}
    assert parts[0]["etag"].startswith(marks[style])
    assert own.plain.get(addresses["file_url"]).status_code == 404
    done = own.plain.post(f"{path}/complete?{search}", json={"parts": parts})
    assert done.is_success
    row = stored(own, addresses["file_url"])
    assert [part["size"] for part in row["parts"]] == [PART, PART, 100_000]


def test_the_python_token(caller: Caller) -> None:
    value = token(caller)
    assert value["token_type"] == "Bearer"
    assert value["base_url"] == caller.service.cdn
    until = datetime.fromisoformat(value["expires_at"])
    assert timedelta(days=29) < until - datetime.now(UTC) < timedelta(days=31)
    assert value["expires_at"].endswith("+00:00")


def test_the_python_shape(caller: Caller) -> None:
    url = f"{caller.service.cdn}/files/upload"
    lifecycle = '{"expiration_duration_seconds": 60}'
    headers = {"Content-Type": "video/quicktime", "X-Fal-File-Name": "clip.mov"}
    headers["X-Fal-Object-Lifecycle-Preference"] = lifecycle
    answer = caller.plain.post(url, content=DATA, headers=bearer(caller, **headers))
    assert answer.json()["uploaded"] is True
    row = stored(caller, answer.json()["access_url"])
    assert (row["shape"], row["file_name"], row["lifecycle"]) == ("python", "clip.mov", lifecycle)
    assert caller.plain.post(url, content=DATA).status_code == 401
    key = {"Authorization": f"Key {caller.service.key}"}
    assert caller.plain.post(url, content=DATA, headers=key).status_code == 401


def test_the_python_multipart_shape_in_any_order(caller: Caller) -> None:
    headers = bearer(caller, **{"Content-Type": "video/quicktime", "X-Fal-File-Name": "clip.mov"})
    answer = caller.plain.post(f"{caller.service.cdn}/files/upload/multipart", headers=headers)
    assert set(answer.json()) == {"access_url", "uploadId"}
    base = f"{answer.json()['access_url']}/multipart/{answer.json()['uploadId']}"
    parts = []
    for number in (3, 1, 2):
        piece = DATA[(number - 1) * PART : number * PART]
        put = caller.plain.put(f"{base}/{number}", content=piece, headers=headers)
        parts.append({"partNumber": number, "etag": put.headers["ETag"]})
    wrong = answer.json()["access_url"] + "/multipart/wrong/1"
    assert caller.plain.put(wrong, content=DATA, headers=headers).status_code == 404
    assert caller.plain.put(f"{base}/4", content=DATA).status_code == 401
    done = caller.plain.post(f"{base}/complete", json={"parts": parts}, headers=headers)
    assert done.is_success
    assert stored(caller, answer.json()["access_url"])["shape"] == "python multipart"


def test_the_fallback_shape_tolerates_the_key(own: Caller) -> None:
    addresses = initiate(own, "initiate?storage_type=gcs")
    kind = {"Content-Type": "video/quicktime"}
    assert own.http.put(addresses["upload_url"], content=DATA, headers=kind).is_success
    assert stored(own, addresses["file_url"])["shape"] == "gcs"
    own.service.settings(gcs=False)
    url = f"{own.service.rest}/storage/upload/initiate?storage_type=gcs"
    answer = own.http.post(url, json=NAME)
    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid storage type"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda parts: [],
        lambda parts: parts[:2],
        lambda parts: parts[1:],
        lambda parts: [*parts, {"partNumber": 4, "etag": "none"}],
        lambda parts: [{**part, "etag": '"0"'} for part in parts],
        lambda parts: [{"partNumber": part["partNumber"]} for part in parts],
    ],
    ids=["none", "without the last", "without the first", "one too many", "other tags", "no tags"],
)
def test_parts_that_do_not_match_are_not_joined(caller: Caller, spoil: Any) -> None:
    addresses = initiate(caller, f"initiate-multipart{V3}")
    path, _, search = addresses["upload_url"].partition("?")
    parts = []
    for number, size in ((1, 10), (2, 10), (3, 5)):
        answer = caller.plain.put(f"{path}/{number}?{search}", content=bytes(size))
        parts.append(answer.json())
    url = f"{path}/complete?{search}"
    assert caller.plain.post(url, json={"parts": spoil(parts)}).status_code == 400
    assert caller.plain.get(addresses["file_url"]).status_code == 404
    assert caller.plain.post(url, json={"parts": parts[::-1]}).is_success


def test_parts_of_odd_sizes_and_empty_parts_are_refused(caller: Caller) -> None:
    path, _, search = initiate(caller, f"initiate-multipart{V3}")["upload_url"].partition("?")
    assert caller.plain.put(f"{path}/1?{search}", content=b"").status_code == 400
    parts = []
    for number, size in ((1, 10), (2, 9), (3, 10)):
        answer = caller.plain.put(f"{path}/{number}?{search}", content=bytes(size))
        parts.append(answer.json())
    done = caller.plain.post(f"{path}/complete?{search}", json={"parts": parts})
    assert done.status_code == 400


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=5-99", 5, 99), ("bytes=650-", 650, 699), ("bytes=-7", 693, 699)],
)
def test_a_file_is_given_in_ranges(caller: Caller, asked: str, first: int, last: int) -> None:
    url = caller.upload(DATA[:700])
    answer = caller.plain.get(url, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/700"
    tag = answer.headers["etag"]
    other = caller.plain.get(url, headers={"Range": asked, "If-Range": '"other"'})
    assert (other.status_code, other.content) == (200, DATA[:700])
    same = caller.plain.get(url, headers={"Range": asked, "If-Range": tag})
    assert same.status_code == 206


def test_files_are_public_and_have_heads(own: Caller) -> None:
    url = own.upload(DATA[:700])
    head = own.plain.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "700"
    assert head.headers["accept-ranges"] == "bytes"
    beyond = own.plain.get(url, headers={"Range": "bytes=700-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */700")
    own.service.settings(ranges=False)
    whole = own.plain.get(url, headers={"Range": "bytes=1-2"})
    assert (whole.status_code, len(whole.content)) == (200, 700)


@pytest.mark.parametrize("name", ["Ünï — ♪.mov", "../../up.mov", "a/b\\c.mov", "x" * 300 + ".mov"])
def test_any_name_makes_one_address(caller: Caller, name: str) -> None:
    url = caller.upload(DATA, name)
    assert url.isascii()
    assert urlsplit(url).path.count("/") == 5
    assert caller.plain.get(url).content == DATA


def test_a_body_may_come_in_chunks(caller: Caller) -> None:
    addresses = initiate(caller)
    pieces = (DATA[start : start + 70_000] for start in range(0, len(DATA), 70_000))
    with httpx.Client(trust_env=False, verify=False) as client:
        put = client.put(addresses["upload_url"], content=pieces)
    assert "content-length" not in put.request.headers
    assert caller.plain.get(addresses["file_url"]).content == DATA
