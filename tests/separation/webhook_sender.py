"""A service that signs webhooks, the place of its keys, and a clock, all in the test's hand."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from soundmatte.separation.webhooks import signed_message

NOW = 1_800_000_000
ID = "764cabcf-b745-4b3e-ae38-1200304cf45b"
BODY = json.dumps({"request_id": ID, "status": "OK", "payload": {"duration": 15}}).encode()


class Sender:
    """A service with one key."""

    def __init__(self, seed: int = 1) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)

    @property
    def jwk(self) -> dict[str, Any]:
        raw = self.key.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x}

    def headers(
        self, body: bytes = BODY, *, request: str = ID, user: str = "user-1", at: int | str = NOW
    ) -> dict[str, str]:
        signature = self.key.sign(signed_message(request, user, str(at), body))
        return {
            "X-Fal-Webhook-Request-Id": request,
            "X-Fal-Webhook-User-Id": user,
            "X-Fal-Webhook-Timestamp": str(at),
            "X-Fal-Webhook-Signature": signature.hex(),
        }


class Place:
    """Where keys are published: what it answers, and how often it was asked."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.answer: bytes | Exception = jwks(*keys)
        self.asked: list[str] = []
        self.wait = threading.Event()
        self.wait.set()
        self.meanwhile: Callable[[], None] = lambda: None

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        assert self.wait.wait(5)
        self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()
