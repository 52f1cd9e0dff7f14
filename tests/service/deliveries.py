"""Webhooks: signed, delivered, and tried again until they are acknowledged.

Must not know how a job came to its end.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from answers import new_request_id
from state import Service

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
USER = "test-user"


def signing_key(service: Service) -> Ed25519PrivateKey:
    """The private key, made once for each state folder."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    with service.store.together():
        kept = service.store.kept("webhook key")
        if kept is None:
            kept = os.urandom(32).hex()
            service.store.keep("webhook key", kept)
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept))


def jwks(service: Service) -> dict[str, Any]:
    """The public key, as receivers of webhooks fetch it."""
    public = signing_key(service).public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "test", "use": "sig", "x": x}]}


def due(service: Service, job: str, url: str, status: int, body: Any) -> None:
    """A job has ended: its webhook is to be delivered."""
    value = {"request_id": job, "gateway_request_id": new_request_id()}
    if status == 200:
        value |= {"status": "OK", "payload": body}
    else:
        error = f"Invalid status code: {status}"
        value |= {"status": "ERROR", "error": error, "payload": body}
    service.store.write(
        "INSERT INTO deliveries (job, url, body, next, state) VALUES (?, ?, ?, ?, 'due')",
        job,
        url,
        json.dumps(value),
        time.time(),
    )


def signature_headers(service: Service, job: str, body: bytes) -> dict[str, str]:
    """The four headers by which a receiver can tell that a delivery is ours."""
    stamp = str(int(time.time()))
    message = "\n".join([job, USER, stamp, hashlib.sha256(body).hexdigest()]).encode()
    return {
        "X-Fal-Webhook-Request-Id": job,
        "X-Fal-Webhook-User-Id": USER,
        "X-Fal-Webhook-Timestamp": stamp,
        "X-Fal-Webhook-Signature": signing_key(service).sign(message).hex(),
    }


def _post(service: Service, row: dict[str, Any]) -> int:
    """The receiver's answer; 0 if there was none. Only the loopback is ever reached."""
    target, body = urlsplit(row["url"]), row["body"].encode()
    if target.hostname not in LOOPBACK or target.scheme != "http":
        return 0
    headers = signature_headers(service, row["job"], body)
    headers |= {"Content-Type": "application/json", "User-Agent": "webhook"}
    path = target.path + (f"?{target.query}" if target.query else "")
    timeout = service.settings["webhook_timeout"]
    caller = http.client.HTTPConnection(target.hostname, target.port or 80, timeout=timeout)
    try:
        caller.request("POST", path or "/", body, headers)
        return caller.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        caller.close()


def _try(service: Service, row: dict[str, Any]) -> None:
    answer = _post(service, row)
    attempts = [*json.loads(row["attempts"]), answer]
    settings = service.settings
    state = "due"
    if 200 <= answer < 300:
        state = "delivered"
    elif 300 <= answer < 400 or len(attempts) >= settings["webhook_attempts"]:
        state = "given up"
    service.store.write(
        "UPDATE deliveries SET attempts = ?, state = ?, next = ? WHERE n = ?",
        json.dumps(attempts),
        state,
        time.time() + settings["webhook_retry_seconds"],
        row["n"],
    )


def work(service: Service) -> None:
    """Deliver what is due, for ever."""
    while True:
        rows = service.store.rows("SELECT * FROM deliveries WHERE state = 'due' ORDER BY next")
        for row in rows:
            if row["next"] <= time.time():
                _try(service, row)
        with service.changed:
            service.changed.wait(0.05 if rows else 1.0)


def start(service: Service) -> None:
    """Deliver in a thread of its own."""
    threading.Thread(target=work, args=(service,), daemon=True).start()


def attempted(service: Service) -> list[dict[str, Any]]:
    """All deliveries: job, url, body, the receiver's answers (0: none), state."""
    rows = service.store.rows("SELECT * FROM deliveries ORDER BY n")
    read = {"attempts", "body"}
    return [{k: json.loads(v) if k in read else v for k, v in row.items()} for row in rows]
