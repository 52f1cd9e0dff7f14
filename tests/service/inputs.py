"""Fetches a job's inputs: addresses on the loopback, and data URIs.

Must not know what is in the files.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from answers import Problem
from state import Service
from web import OWN_HEADER

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FIELDS = ("video_url", "audio_url", "mask_video_url")
REDIRECTS = 5


class Folder:
    """A temporary folder, gone after use."""

    def __enter__(self) -> Path:
        """Make it."""
        self.path = Path(tempfile.mkdtemp(prefix="separation-"))
        return self.path

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)


def fetch_all(service: Service, values: dict[str, Any], folder: Path) -> dict[str, Path]:
    """All files that the input names, by field.

    Raises:
        Problem: one cannot be had (422, `file_download_error`).
    """
    found: dict[str, Path] = {}
    for name in FIELDS:
        if values.get(name):
            found[name] = folder / name
            found[name].write_bytes(fetch(service, name, values[name]))
    return found


def fetch(service: Service, name: str, address: str) -> bytes:
    """The bytes of one input.

    Raises:
        Problem: they cannot be had.
    """
    try:
        if address.startswith("data:"):
            return decoded(address)
        return _download(service, address)
    except (ValueError, OSError, http.client.HTTPException) as error:
        text = f"Failed to download the file: {error}"
        raise refused(name, address, "file_download_error", text) from None


def refused(name: str, value: Any, kind: str, message: str, **ctx: Any) -> Problem:
    """The problem with one input, in the API's words."""
    detail: dict[str, Any] = {"loc": ["body", name], "msg": message, "type": kind}
    detail["input"] = value if not isinstance(value, str) else value[:200]
    if ctx:
        detail["ctx"] = ctx
    return Problem(422, [detail])


def decoded(address: str) -> bytes:
    """The bytes in a data URI.

    Raises:
        ValueError: it holds none.
    """
    head, comma, data = address.removeprefix("data:").partition(",")
    if not comma:
        raise ValueError("no data in the data URI")
    if not head.endswith(";base64"):
        return unquote_to_bytes(data)
    try:
        return base64.b64decode(unquote_to_bytes(data), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _download(service: Service, address: str) -> bytes:
    for _ in range(REDIRECTS + 1):
        target = urlsplit(address)
        if target.scheme != "http" or target.hostname not in LOOPBACK:
            raise ValueError("not a public address that can be reached")
        caller = http.client.HTTPConnection(target.hostname, target.port or 80, timeout=30)
        try:
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            caller.request("GET", path, headers={OWN_HEADER: service.own})
            answer = caller.getresponse()
            data = answer.read()
        finally:
            caller.close()
        if answer.status in (301, 302, 303, 307, 308):
            address = urljoin(address, answer.headers.get("location", ""))
            continue
        if answer.status != 200:
            raise ValueError(f"HTTP {answer.status}")
        return data
    raise ValueError("too many redirects")
