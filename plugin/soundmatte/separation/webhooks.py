"""Webhooks: is this request from the service, fresh, and new? Usable by any program.

```python
import httpx
from soundmatte.separation.refusals import WebhookRefused
from soundmatte.separation.webhooks import Verifier

def fetch(url: str) -> bytes:
    return httpx.get(url, timeout=10).raise_for_status().content

verifier = Verifier(fetch, account="your user id")    # one for the whole program

def receive(headers, body: bytes) -> int:             # the body as it came, before any parsing
    try:
        webhook = verifier.verify(headers, body)
    except WebhookRefused as refusal:
        return refusal.http_status                    # 200 for a delivery accepted before
    try:
        keep(webhook.request_id, webhook.payload)     # yours; quick, and safe to do twice
    except OSError:
        verifier.forget(headers)                      # let the next delivery in
        return 503
    return 200
```

Wire facts, from fal's webhook page: the headers `X-Fal-Webhook-Request-Id`, `-User-Id`,
`-Timestamp` (Unix seconds) and `-Signature` (64 bytes in hex); Ed25519 over the first three and the
SHA-256 of the raw body in hex, joined by newlines; to be refused when the timestamp is more than
300 s from now; the keys as in `keyset`. A server of one's own signs the same way with its own
keys: give its `Places.key_set()`. Deliveries repeat, also later than the 10 min that they are
remembered here, so a receiver keys what it does on `request_id`.

The service signs for every customer, and any of them may name your address: `account` refuses the
others. Nothing in a check is secret (public keys, a public message), so nothing leaks by its time.
`cryptography` does the arithmetic; see `keyset`. This module must not know how requests come in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from soundmatte.separation.keyset import LONGEST, KeySet
from soundmatte.separation.refusals import (
    BadSignature,
    BadTimestamp,
    BodyTooLarge,
    FromTheFuture,
    HeaderMissing,
    MalformedBody,
    Replayed,
    TooOld,
    WrongAccount,
)
from soundmatte.separation.replays import Replays

#: Where fal publishes its keys.
KEYS_URL: Final = "https://rest.fal.ai/.well-known/jwks.json"
_NAMES: Final = tuple(
    f"x-fal-webhook-{part}" for part in ("request-id", "user-id", "timestamp", "signature")
)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)


class Webhook(BaseModel):
    """The body of a webhook. Fields that are not known yet are left out.

    Attributes:
        request_id: of the queue: what submit answered.
        gateway_request_id: of the last attempt, where the service tried more than once.
        status: whether the job ended well.
        payload: the output, or for an error its details.
        error: what went wrong.
        payload_error: why there is no payload although the job ended well.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    request_id: str = Field(min_length=1, max_length=512)
    gateway_request_id: str | None = None
    status: Literal["OK", "ERROR"]
    payload: JsonValue = None
    error: str | None = None
    payload_error: str | None = None


def signed_message(request_id: str, user_id: str, timestamp: str, body: bytes) -> bytes:
    """What the signature is made over; also for a server that signs."""
    parts = (request_id, user_id, timestamp, hashlib.sha256(body).hexdigest())
    # Lone surrogates come from servers that decode headers leniently: no two become the same.
    return "\n".join(parts).encode("utf-8", errors="surrogatepass")


class Verifier:
    """Checks webhooks of one service. Safe to use from several threads."""

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        *,
        keys_url: str = KEYS_URL,
        account: str | None = None,
        clock: Callable[[], float] = time.time,
        tolerance: float = 300.0,
        largest: int = 4 * 1024 * 1024,
        remembered: int = 100_000,
        keep_keys: float = LONGEST,
        fetches_apart: float = 30.0,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            fetch: gives the bytes at a URL, or raises. It should check certificates, end after a
                few seconds, and not follow to other hosts.
            keys_url: where the key set is; https, unless it never leaves the machine.
            account: the user id that webhooks are for; None takes those of all accounts.
            clock: Unix time (s).
            tolerance: how far a timestamp may be from now, either way (s).
            largest: the largest body (bytes).
            remembered: how many accepted requests are remembered; beyond it the oldest go. About
                250 bytes each, and only genuine requests are.
            keep_keys: how long fetched keys are used (s), 24 h at most.
            fetches_apart: shortest time between two fetches of the keys (s).
        """
        if not 0 < tolerance <= 3600 or largest < 1 or remembered < 1:
            raise ValueError("tolerance lies above 0 and at 3600 s at most, the others above 0")
        self._keys = KeySet(fetch, keys_url, clock, keep=keep_keys, apart=fetches_apart)
        self._account, self._clock, self._tolerance = account, clock, tolerance
        self._largest = largest
        self._accepted = Replays(remembered, 2 * tolerance)

    def verify(self, headers: Mapping[str, str], body: bytes) -> Webhook:
        """The webhook that a request is.

        Args:
            headers: of the request, in any case.
            body: the bytes as they came: JSON that was parsed and written again does not verify.

        Raises:
            WebhookRefused: by what is wrong with it; `refusals` lists them.
            ExtraMissing: `cryptography` cannot be loaded.
        """
        if len(body) > self._largest:
            raise BodyTooLarge(
                f"The body has {len(body)} bytes, more than {self._largest}.",
                hint="Raise `largest` if results of this size are expected.",
            )
        request_id, user_id, timestamp, signature = _four(headers)
        self._check_time(timestamp)
        if not _SIGNATURE.fullmatch(signature):
            raise BadSignature(
                "The signature is not 64 bytes in hex.", hint="The request is not the service's."
            )
        message = signed_message(request_id, user_id, timestamp, body)
        if not self._keys.made(bytes.fromhex(signature), message):
            raise BadSignature(
                "The signature does not fit the request.",
                hint="Is the body passed as it came, and are the keys those of this service?",
            )
        self._check_account(user_id)
        webhook = _parsed(body)
        if not self._accepted.add(_digest(request_id, user_id), self._clock()):
            raise Replayed(
                f"The request {webhook.request_id!r} was accepted before.",
                hint="Answer 200 and do nothing.",
            )
        return webhook

    def forget(self, headers: Mapping[str, str]) -> None:
        """Let a request that was accepted, but could not be dealt with, in again."""
        request_id, user_id, *_ = _four(headers)
        self._accepted.drop(_digest(request_id, user_id))

    def _check_time(self, timestamp: str) -> None:
        if not _SECONDS.fullmatch(timestamp):
            raise BadTimestamp(
                "The timestamp is no whole number of seconds.",
                hint="The request is not the service's.",
            )
        age = self._clock() - int(timestamp)
        allowed = f"{self._tolerance:g} s are tolerated"
        if age > self._tolerance:
            raise TooOld(
                f"The webhook was signed {age:.0f} s ago; {allowed}.",
                hint="Old deliveries are refused; if all are, set this machine's clock.",
            )
        if -age > self._tolerance:
            raise FromTheFuture(
                f"The webhook is from {-age:.0f} s in the future; {allowed}.",
                hint="Set this machine's clock.",
            )

    def _check_account(self, user_id: str) -> None:
        if self._account is None:
            return
        given, wanted = (t.encode("utf-8", "surrogatepass") for t in (user_id, self._account))
        if not hmac.compare_digest(given, wanted):
            raise WrongAccount(
                "The webhook is for another account.", hint="Check `account`: it is the user id."
            )


def _four(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The four signature headers: request id, user id, timestamp, signature."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        lower = str(name).lower()
        if lower not in _NAMES:
            continue
        if lower in found or not isinstance(value, str) or not 0 < len(value) <= 512:
            raise HeaderMissing(
                f"The header {lower} is empty, too long, or there twice.",
                hint="Pass the request's headers as they came, one text for each name.",
            )
        found[lower] = value
    for name in _NAMES:
        if name not in found:
            raise HeaderMissing(
                f"The header {name} is missing.",
                hint="The request is not the service's, or a proxy took its headers away.",
            )
    return tuple(found[name] for name in _NAMES)


def _digest(request_id: str, user_id: str) -> bytes:
    return hashlib.sha256(signed_message(request_id, user_id, "", b"")).digest()


def _parsed(body: bytes) -> Webhook:
    try:
        return Webhook.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise MalformedBody(
            f"The webhook is signed, but {place} cannot be used: {first['msg'].lower()}.",
            hint="The service may have changed its webhooks; is there a newer soundmatte?",
        ) from None
