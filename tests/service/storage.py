"""Storage, the rest and cdn roles: uploads in all their shapes, tokens, public files.

Must not know jobs.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import deliveries
from answers import Problem, Request, Response, reply
from queue_api import check_key
from state import Service
from uploads import complete, part, put

TOKEN_DAYS = 30
SHAPES = {
    ("/storage/upload/initiate", "fal-cdn-v3"): "single",
    ("/storage/upload/initiate-multipart", "fal-cdn-v3"): "multipart",
    ("/storage/upload/initiate", "gcs"): "gcs",
}
PUBLIC = re.compile(r"^/files/b/[^/]+/[^/]+$")
PYTHON_PART = re.compile(r"^(?P<public>/files/b/[^/]+/[^/]+)/multipart/(?P<id>[^/]+)/(?P<n>[^/]+)$")
SIGNED = re.compile(r"^/upload(?P<public>/b/[^/]+/[^/]+)(?:/(?P<n>\d+|complete))?$")
RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def rest(service: Service, request: Request) -> Response:
    """Answer a request to the rest role."""
    if request.path == "/.well-known/jwks.json":
        return reply(200, deliveries.jwks(service))
    check_key(service, request)
    if request.method != "POST":
        raise Problem(405, "Method Not Allowed")
    if request.path == "/storage/auth/token":
        return _token(service, request)
    if request.path.rstrip("/") == "/tokens":
        return _browser_token(service, request)
    if not request.path.startswith("/storage/upload/initiate"):
        raise Problem(404, f"Path {request.path} not found")
    shape = SHAPES.get((request.path, request.params.get("storage_type", "fal-cdn-v3")))
    if shape is None or (shape == "gcs" and not service.settings["gcs"]):
        raise Problem(400, "Invalid storage type")
    wanted = request.json()
    name = str(wanted.get("file_name") or "file.bin")
    public = begin(service, shape, name, str(wanted.get("content_type") or ""), _lifecycle(request))
    row = find(service, public)
    seconds = service.settings["upload_seconds"]
    query = f"X-Amz-Expires={seconds:g}&X-Amz-Signature={row['signature']}"
    return reply(
        200,
        {
            "upload_url": f"{request.base}/cdn/upload{public.removeprefix('/files')}?{query}",
            "file_url": f"{request.base}/cdn{public}",
        },
    )


def _token(service: Service, request: Request) -> Response:
    now = datetime.now(UTC)
    until = now + timedelta(days=TOKEN_DAYS)
    token = secrets.token_urlsafe(32)
    service.store.write("INSERT INTO tokens VALUES (?, 'cdn', ?)", token, until.timestamp())
    value = {"token": token, "token_type": "Bearer", "base_url": f"{request.base}/cdn"}
    value |= {"created_at": now.isoformat(), "expires_at": until.isoformat()}
    return reply(200, value)


def _browser_token(service: Service, request: Request) -> Response:
    seconds = float(request.json().get("token_expiration", 120))
    token = secrets.token_urlsafe(32)
    service.store.write("INSERT INTO tokens VALUES (?, 'browser', ?)", token, time.time() + seconds)
    return reply(200, token)


def _lifecycle(request: Request) -> str | None:
    headers = request.headers
    name = "x-fal-object-lifecycle"
    return headers.get(name) or headers.get(f"{name}-preference")


def begin(service: Service, shape: str, name: str, kind: str, lifecycle: str | None) -> str:
    """Reserve a public path for a file that is to come; the path below the cdn role."""
    safe = quote(re.sub(r"[/\\\x00-\x1f]", "_", name)[-120:], safe="")
    identity = secrets.token_urlsafe(15)[:20].replace("-", "x") + "k"
    public = f"/files/b/{secrets.token_hex(4)}/{identity}_{safe}"
    service.store.write(
        "INSERT INTO uploads (public, file, shape, upload_id, signature, file_name, content_type,"
        " lifecycle) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        public,
        identity,
        shape,
        secrets.token_hex(16),
        secrets.token_hex(32),
        name,
        kind or "application/octet-stream",
        lifecycle,
    )
    return public


def find(service: Service, public: str) -> dict[str, Any]:
    """The upload with this public path.

    Raises:
        Problem: 404.
    """
    row = service.store.row("SELECT * FROM uploads WHERE public = ?", public)
    if row is None:
        raise Problem(404, "File not found")
    return row


def publish(service: Service, path: Path, kind: str) -> str:
    """Make a file of our own public; its path below the cdn role."""
    public = begin(service, "result", path.name, kind, None)
    put(service, find(service, public), [path.read_bytes()], None)
    return public


def cdn(service: Service, request: Request) -> Response:
    """Answer a request to the cdn role."""
    if request.method in ("GET", "HEAD") and PUBLIC.match(request.path):
        return _file(service, request)
    if request.method == "POST" and request.path == "/files/upload":
        _check_token(service, request)
        public = _python_file(service, request, "python")
        put(service, find(service, public), [request.body.data], None)
        return reply(200, {"access_url": f"{request.base}/cdn{public}", "uploaded": True})
    if request.method == "POST" and request.path == "/files/upload/multipart":
        _check_token(service, request)
        public = _python_file(service, request, "python multipart")
        value = {"access_url": f"{request.base}/cdn{public}"}
        return reply(200, {**value, "uploadId": find(service, public)["upload_id"]})
    if found := PYTHON_PART.match(request.path):
        _check_token(service, request)
        row = find(service, found["public"])
        if row["upload_id"] != found["id"]:
            raise Problem(404, "Upload not found")
        return _piece(service, request, row, found["n"])
    if found := SIGNED.match(request.path):
        row = find(service, "/files" + found["public"])
        if not secrets.compare_digest(request.params.get("X-Amz-Signature", ""), row["signature"]):
            raise Problem(403, "Signature does not match")
        return _piece(service, request, row, found["n"])
    raise Problem(404, f"Path {request.path} not found")


def _check_token(service: Service, request: Request) -> None:
    given = request.headers.get("authorization", "")
    if not given:
        raise Problem(401, "Authorization header is required")
    if not service.store.row(
        "SELECT 1 FROM tokens WHERE token = ? AND kind = 'cdn' AND expires > ?",
        given.removeprefix("Bearer "),
        time.time(),
    ):
        raise Problem(401, "Invalid token")


def _python_file(service: Service, request: Request, shape: str) -> str:
    headers = request.headers
    name = unquote(headers.get("x-fal-file-name") or "file.bin")
    kind = headers.get("content-type", "")
    return begin(service, shape, name, kind, _lifecycle(request))


def _piece(service: Service, request: Request, row: dict[str, Any], number: str | None) -> Response:
    """A whole file, one part of it, or the word that all parts are there."""
    if number == "complete" and request.method == "POST":
        complete(service, row, request.json())
        return reply(200, {"access_url": f"{request.base}/cdn{row['public']}"})
    if request.method != "PUT":
        raise Problem(405, "Method Not Allowed")
    if number is None:
        if "multipart" in row["shape"]:
            raise Problem(400, "This upload is a multipart upload")
        etag = put(service, row, [request.body.data], request.headers.get("content-type"))
        return Response(200, {"ETag": etag} if etag else {})
    if not number.isdigit():
        raise Problem(404, "Not a part number")
    etag = part(service, row, int(number), request.body)
    headers = {"ETag": etag} if etag else {}
    return reply(200, {"partNumber": int(number), "etag": etag}, headers)


def _file(service: Service, request: Request) -> Response:
    row = find(service, request.path)
    if not row["done"]:
        raise Problem(404, "File not found")
    data = (service.folder / "files" / row["file"]).read_bytes()
    headers = {"Content-Type": row["content_type"]}
    etag = row["etag"]
    if etag:
        headers["ETag"] = etag
    if not service.settings["ranges"]:
        return Response(200, headers, data)
    headers["Accept-Ranges"] = "bytes"
    asked = RANGE.match(request.headers.get("range", ""))
    same = request.headers.get("if-range") in (None, etag)
    if not asked or not same or asked.groups() == ("", ""):
        return Response(200, headers, data)
    first, last = _span(asked[1], asked[2], len(data))
    if first >= len(data) or first > last:
        return Response(416, {**headers, "Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(206, headers, data[first : last + 1])


def _span(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1


def digest(data: bytes) -> str:
    """The hash by which tests compare files."""
    return hashlib.sha256(data).hexdigest()
