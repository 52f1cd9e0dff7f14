"""Who is let in: every request to the page is looked at here before anything is done.

The page lies on this computer's own address, where every program of every user, and by way of a
browser every web site, can knock. Let in is one browser that was given the address with its
one-time word, and of that browser only the page itself. This module must not know what the page is
about.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Final

#: Bytes of what may be said in one request; the longest prompt with every option has some hundreds.
LARGEST_BODY: Final = 64 * 1024

#: Sent with every answer. Nothing from elsewhere is loaded, run, framed, kept or told about.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    words: str


class Guard:
    """Knows the one-time word, and the browser that gave it."""

    def __init__(self, port: int) -> None:
        self._names = {f"127.0.0.1:{port}", f"localhost:{port}"}
        # Cookies of all ports of an address lie together.
        self._cookie = f"soundmatte-{port}"
        self._word: str | None = secrets.token_urlsafe(32)
        self._key = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    @property
    def word(self) -> str:
        """What lets a browser in, once; empty when one has come."""
        return self._word or ""

    def refusal(self, method: str, headers: Message, *, entrance: bool) -> Refusal | None:
        """Why a request is refused; None where it is not.

        Args:
            entrance: what is asked for is the page itself, which is the same for everybody.
        """
        host = headers.get_all("Host") or []
        if len(host) != 1 or host[0].strip().lower() not in self._names:
            return Refusal(HTTPStatus.FORBIDDEN, "This page has another name.")
        if method == "POST":
            return self._said_elsewhere(host[0].strip(), headers) or _too_much(headers)
        if "Transfer-Encoding" in headers or (headers.get("Content-Length") or "0") != "0":
            return Refusal(HTTPStatus.BAD_REQUEST, "Nothing can be said here.")
        # A person may come from anywhere; a page or a picture of elsewhere may not.
        from_page = headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
        walked_in = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"))
        if not from_page and not (entrance and walked_in == ("navigate", "document")):
            return Refusal(HTTPStatus.FORBIDDEN, "This is asked from another page.")
        return None

    def _said_elsewhere(self, host: str, headers: Message) -> Refusal | None:
        origin = headers.get_all("Origin") or []
        if origin != [f"http://{host}"]:
            return Refusal(HTTPStatus.FORBIDDEN, "This was said on another page.")
        if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return Refusal(HTTPStatus.FORBIDDEN, "This was said on another page.")
        if headers.get_content_type() != "application/json":
            return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "What is said here is JSON.")
        return None

    def known(self, headers: Message) -> bool:
        """Whether the request comes from the browser that was let in."""
        # By hand: a parser gives up at the odd cookie of some other program of this address.
        said = "; ".join(headers.get_all("Cookie") or [])
        pairs = [part.strip().partition("=") for part in said.split(";")]
        given = next((value for name, _, value in pairs if name == self._cookie), "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._key.encode())

    def let_in(self, word: object) -> str | None:
        """The cookie for whoever gives the one-time word; None for everybody else, and after."""
        with self._lock:
            if not isinstance(word, str) or self._word is None:
                return None
            if not hmac.compare_digest(word.encode("utf-8", "replace"), self._word.encode()):
                return None
            self._word = None
            return f"{self._cookie}={self._key}; HttpOnly; SameSite=Strict; Path=/"


def _too_much(headers: Message) -> Refusal | None:
    length = headers.get_all("Content-Length") or []
    if "Transfer-Encoding" in headers or len(length) != 1:
        return Refusal(HTTPStatus.LENGTH_REQUIRED, "The length must be said.")
    if not (length[0].isascii() and length[0].isdigit()):
        return Refusal(HTTPStatus.BAD_REQUEST, "The length is no number.")
    if len(length[0]) > 9 or int(length[0]) > LARGEST_BODY:
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is too long.")
    return None
