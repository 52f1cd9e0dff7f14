"""Give the service a file: by upload, in one piece or in parts, or as a data URI.

Uploads go the way of the JavaScript client: an address is asked for with the key, the bytes go to
that presigned address without it. A file is never held in memory, parts travel side by side, and a
part that failed is sent again alone. This module must not know what is in the files.
"""

from __future__ import annotations

import base64
import json
import mimetypes
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, HttpUrl

from soundmatte.separation.call import Ask, Call, FilePart, Reply, Together, persistently
from soundmatte.separation.errors import BadAnswer, SeparationError, UploadFailed
from soundmatte.separation.places import Places
from soundmatte.separation.queue import parsed
from stemmux.errors import UnreadableMedia

#: From this size on a file is sent in parts; the JavaScript client's own limit (bytes).
MULTIPART_FROM = 90 * 1024 * 1024
PART = 10 * 1024 * 1024
#: Parts on their way at the same time, as many as the Python client has: where a single connection
#: is slow, their number decides.
AT_ONCE = 10
#: A file of up to this size may travel inside the request as a data URI (bytes): base64 makes it
#: a third longer, and the service's typed inputs stop at 10 MiB of text.
LARGEST_DATA_URI = 7 * 1024 * 1024

Told = Callable[[float], None]


class _Address(BaseModel):
    upload_url: HttpUrl
    file_url: HttpUrl


def content_type(path: Path) -> str:
    """The media type by the name's ending."""
    known = {".mp4": "video/mp4", ".mov": "video/quicktime", ".wav": "audio/wav"}
    guessed = known.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    return guessed or "application/octet-stream"


def sent_name(path: Path) -> str:
    """A name that says nothing of the person's own and that every server takes."""
    ending = path.suffix.lower()
    return f"file{ending if ending[1:].isascii() and ending[1:].isalnum() else ''}"


def data_uri(path: Path) -> str:
    """A small file as a data URI.

    Raises:
        UploadFailed: it is larger than `LARGEST_DATA_URI`.
    """
    size = _size(path)
    if size > LARGEST_DATA_URI:
        raise UploadFailed(
            f"{path.name} has {size / 1e6:.1f} MB; up to {LARGEST_DATA_URI / 1e6:.1f} MB can "
            "travel inside a request.",
            hint="Upload it instead.",
        )
    text = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{content_type(path)};base64,{text}"


def upload(
    places: Places, path: Path, *, told: Told | None = None, retention: float | None = None
) -> Call[str]:
    """Upload a file of any size; the address that the service then knows it by.

    Args:
        told: the share that has been sent, 0 to 1.
        retention: seconds that the service may keep it.

    Raises:
        UploadFailed: it could not be sent, or changed meanwhile.
        SeparationError: the service refuses.
    """
    size = _size(path)
    multipart = size > MULTIPART_FROM
    headers = {}
    if retention is not None:
        preference = {"expiration_duration_seconds": int(retention)}
        headers["X-Fal-Object-Lifecycle"] = json.dumps(preference)
    about = {"content_type": content_type(path), "file_name": sent_name(path)}
    start = Ask("POST", places.upload_start(multipart=multipart), headers, about)
    address = parsed(_Address, (yield from persistently(start)))
    upload_url, file_url = str(address.upload_url), str(address.file_url)
    places.check_file(upload_url)
    places.check_file(file_url)
    share = _Share(size, told)
    if multipart:
        yield from _in_parts(path, size, upload_url, share)
    else:
        yield from _in_one(path, size, upload_url, share)
    if _size(path) != size:
        raise UploadFailed(f"{path.name} changed while it was uploaded.", hint="Start again.")
    return file_url


def _in_one(path: Path, size: int, url: str, share: _Share) -> Call[Reply]:
    ask = Ask(
        "PUT",
        url,
        {"Content-Type": content_type(path)},
        body=FilePart(path, 0, size),
        authorised=False,
        timeout=120.0,
        sent=lambda count: share.tell(0, count),
    )
    return (yield from _sent(path, ask))


def _in_parts(path: Path, size: int, url: str, share: _Share) -> Call[Reply]:
    starts = range(0, size, PART)
    calls = tuple(
        _part(path, _beside(url, str(number)), start, min(PART, size - start), number, share)
        for number, start in enumerate(starts, 1)
    )
    etags: list[str] = yield Together(calls, AT_ONCE)
    parts = [{"partNumber": number, "etag": etag} for number, etag in enumerate(etags, 1)]
    done = Ask("POST", _beside(url, "complete"), json={"parts": parts}, authorised=False)
    return (yield from _sent(path, done))


def _part(path: Path, url: str, start: int, length: int, number: int, share: _Share) -> Call[str]:
    ask = Ask(
        "PUT",
        url,
        body=FilePart(path, start, length),
        authorised=False,
        timeout=120.0,
        sent=lambda count: share.tell(number, count),
    )
    reply = yield from _sent(path, ask)
    etag = reply.headers.get("etag")
    if etag is None:
        try:
            etag = json.loads(reply.body)["etag"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadAnswer("The server did not acknowledge a part of the upload.") from error
    return str(etag)


def _sent(path: Path, ask: Ask) -> Call[Reply]:
    try:
        return (yield from persistently(ask))
    except SeparationError as error:
        raise UploadFailed(
            f"{path.name} could not be uploaded: {error}", hint="Check the connection; try again."
        ) from error


class _Share:
    """How much has been sent, over all parts; parts report from several threads."""

    def __init__(self, size: int, told: Told | None) -> None:
        self._size, self._told = max(1, size), told
        self._sent: dict[int, int] = {}
        self._total = 0
        self._lock = threading.Lock()

    def tell(self, part: int, count: int) -> None:
        """So many bytes of a part have been sent."""
        if self._told is None:
            return
        with self._lock:
            self._total += count - self._sent.get(part, 0)
            self._sent[part] = count
            share = min(1.0, self._total / self._size)
        self._told(share)


def _beside(url: str, part: str) -> str:
    """The address of a part: behind the path, before the query that holds the signature."""
    pieces = urlsplit(url)
    return urlunsplit(pieces._replace(path=f"{pieces.path.rstrip('/')}/{part}"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise UnreadableMedia(f"{path} cannot be read.", hint="Check the name.") from error
