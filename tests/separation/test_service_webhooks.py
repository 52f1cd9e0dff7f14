"""The loopback service delivers webhooks as the API does: signed, and until acknowledged."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.service import caller as calling
from tests.service import fixtures
from tests.service import receiver as receiving
from tests.service.caller import APP, Caller
from tests.service.receiver import Receiver

own, noise_clip, receiver = calling.own, fixtures.noise_clip, receiving.receiver


def delivered(own: Caller, state: str = "delivered") -> dict[str, Any]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        rows = own.service.webhooks()
        if rows and rows[0]["state"] == state:
            return dict(rows[0])
        time.sleep(0.02)
    raise AssertionError(own.service.webhooks())


def submit(own: Caller, receiver: Receiver, value: Any) -> dict[str, Any]:
    return own.submit(value, f"visual-separate?fal_webhook={quote(receiver.url, safe='')}")


def check(own: Caller, headers: dict[str, str], body: bytes) -> None:
    """Verify by the recipe of the API's documents; raises InvalidSignature."""
    keys = own.plain.get(f"{own.service.rest}/.well-known/jwks.json").json()["keys"]
    assert [(key["kty"], key["crv"]) for key in keys] == [("OKP", "Ed25519")]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(keys[0]["x"] + "=="))
    names = ("Request-Id", "User-Id", "Timestamp")
    lines = [headers[f"X-Fal-Webhook-{name}"] for name in names]
    assert abs(int(lines[2]) - time.time()) < 60
    message = "\n".join([*lines, hashlib.sha256(body).hexdigest()])
    signature = bytes.fromhex(headers["X-Fal-Webhook-Signature"])
    public.verify(signature, message.encode())


def test_a_result_is_delivered_and_signed(
    own: Caller, receiver: Receiver, noise_clip: Path
) -> None:
    ticket = submit(own, receiver, {"video_url": own.upload(noise_clip.read_bytes())})
    delivered(own)
    path, headers, body = receiver.got[0]
    assert path == "/hook?for=a%20b&c=d"
    value = json.loads(body)
    assert value.pop("gateway_request_id")
    payload = own.http.get(ticket["response_url"]).json()
    assert value == {"request_id": ticket["request_id"], "status": "OK", "payload": payload}
    assert headers["X-Fal-Webhook-Request-Id"] == ticket["request_id"]
    assert headers["Content-Type"] == "application/json"
    check(own, headers, body)
    with pytest.raises(InvalidSignature):
        check(own, headers, body + b" ")


def test_a_failure_is_delivered_too(own: Caller, receiver: Receiver) -> None:
    ticket = submit(own, receiver, {})
    delivered(own)
    value = json.loads(receiver.got[0][2])
    assert (value["status"], value["error"]) == ("ERROR", "Invalid status code: 422")
    assert value["payload"] == own.http.get(ticket["response_url"]).json()


def test_a_delivery_is_tried_until_it_is_acknowledged(own: Caller, receiver: Receiver) -> None:
    own.service.settings(webhook_retry_seconds=0.02)
    receiver.answers = [500, 404, 204]
    submit(own, receiver, {})
    assert delivered(own)["attempts"] == [500, 404, 204]
    assert len({body for _, _, body in receiver.got}) == 1
    for _, headers, body in receiver.got:
        check(own, headers, body)


def test_deliveries_go_on_after_a_restart(own: Caller, receiver: Receiver) -> None:
    own.service.settings(webhook_retry_seconds=0.5)
    receiver.answers = [500]
    submit(own, receiver, {})
    until = time.monotonic() + 10
    while not own.service.webhooks() or not own.service.webhooks()[0]["attempts"]:
        assert time.monotonic() < until
    own.service.restart()
    assert delivered(own)["attempts"] == [500, 200]
    check(own, *receiver.got[1][1:])


def test_a_redirect_ends_the_attempts(own: Caller, receiver: Receiver) -> None:
    receiver.answers = [302]
    submit(own, receiver, {})
    assert delivered(own, "given up")["attempts"] == [302]


def test_nothing_beyond_the_loopback_is_called(own: Caller) -> None:
    own.service.settings(webhook_attempts=1)
    own.submit({}, "visual-separate?fal_webhook=https%3A%2F%2Fexample.com%2Fhook")
    assert delivered(own, "given up")["attempts"] == [0]
    assert f"{APP}/visual-separate" == own.service.jobs()[0]["endpoint"]
