"""The service's public keys: a JSON Web Key Set, fetched when needed and kept for a while.

Wire facts, from fal's webhook page: the set lies at `/.well-known/jwks.json` of the REST host; a
key is `kty` OKP, `crv` Ed25519, and `x`, its 32 bytes in base64url without padding (RFC 8037); any
key may have signed; the set may be kept for 24 h at most. This module must not know what is signed.

Ed25519 comes from `cryptography`: the standard library has none, and a signature check written by
hand is no place to save 16 MB. It is imported when the first key is read.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soundmatte.errors import ExtraMissing
from soundmatte.separation.refusals import KeysUnreachable, MalformedKeySet, WebhookRefused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: The longest that keys may be kept (s).
LONGEST = 86_400.0
#: A larger answer is no key set (bytes).
_LARGEST = 256 * 1024
#: More keys than this are not tried: each costs about 0.1 ms for every forged request.
_MOST_KEYS = 32
_X = re.compile(r"[A-Za-z0-9_-]{43}=?", re.ASCII)
_LATER = "Answer 503: the sender delivers again. Can this machine reach the address of the keys?"


@dataclass(frozen=True)
class _Fetched:
    keys: tuple[Ed25519PublicKey, ...]
    at: float


class KeySet:
    """The keys behind one address. Safe to use from several threads.

    A signature that no kept key made may come from a key that is newer than the set, so it is
    fetched again, but not more often than every `apart` seconds: forged requests cannot use us to
    hammer the service. Requests that arrive meanwhile wait for the one fetch.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        url: str,
        clock: Callable[[], float],
        *,
        keep: float = LONGEST,
        apart: float = 30.0,
    ) -> None:
        """Nothing is fetched yet.

        Args:
            fetch: gives the bytes at a URL, or raises.
            url: of the key set.
            clock: Unix time (s).
            keep: how long keys are used (s), 24 h at most.
            apart: shortest time between two fetches (s).
        """
        if not 0 < keep <= LONGEST or apart <= 0:
            raise ValueError("keep lies above 0 and at 86400 s at most, apart above 0")
        self._fetch, self._url, self._clock = fetch, url, clock
        self._keep, self._apart = keep, apart
        self._lock = threading.Lock()
        self._kept: _Fetched | None = None
        self._tried: float | None = None
        self._failure: WebhookRefused | None = None

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether one of the keys made this signature.

        Raises:
            KeysUnreachable, MalformedKeySet: there are no keys to say it by.
            ExtraMissing: `cryptography` cannot be loaded.
        """
        kept = self._kept
        if kept is None or not self._fresh(kept):
            kept = self._newer(kept)
            return _any(kept.keys, signature, message)
        if _any(kept.keys, signature, message):
            return True
        newer = self._newer(kept)
        return newer is not kept and _any(newer.keys, signature, message)

    def _fresh(self, fetched: _Fetched) -> bool:
        return 0 <= self._clock() - fetched.at <= self._keep

    def _newer(self, seen: _Fetched | None) -> _Fetched:
        """A newer set than the one seen; the same one where it is too early to ask again."""
        with self._lock:
            kept, now = self._kept, self._clock()
            if kept is not None and kept is not seen and self._fresh(kept):
                return kept
            early = self._tried is not None and abs(now - self._tried) < self._apart
            if early and self._failure is not None:
                raise _again(self._failure)
            if early and kept is not None and self._fresh(kept):
                return kept
            self._tried = now
            try:
                kept = _Fetched(_keys(self._bytes()), now)
            except WebhookRefused as failure:
                self._failure = _again(failure)
                raise
            self._kept, self._failure = kept, None
            return kept

    def _bytes(self) -> bytes:
        try:
            return self._fetch(self._url)
        except Exception as error:  # whatever the caller's own way to fetch may raise
            raise KeysUnreachable(
                f"The service's keys could not be fetched ({type(error).__name__}).", hint=_LATER
            ) from error


def _again(failure: WebhookRefused) -> WebhookRefused:
    """The same once more: one instance raised by several threads would mix their tracebacks."""
    return type(failure)(str(failure), hint=failure.hint)


def _any(keys: tuple[Ed25519PublicKey, ...], signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    for key in keys:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return True
    return False


def _keys(text: bytes) -> tuple[Ed25519PublicKey, ...]:
    """The Ed25519 keys in a set; others in it are other people's business."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ExtraMissing(
            f"Checking webhooks needs the package cryptography, which cannot be loaded: {error}",
            hint="Reinstall soundmatte where `pip install cryptography` works.",
        ) from error
    if len(text) > _LARGEST:
        raise _malformed("it is too large")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed("it is no JSON") from error
    rows = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise _malformed("it has no list of keys")
    found = [raw for raw in map(_raw, rows) if raw is not None][:_MOST_KEYS]
    if not found:
        raise _malformed("no key in it is one for Ed25519")
    return tuple(Ed25519PublicKey.from_public_bytes(raw) for raw in found)


def _raw(row: Any) -> bytes | None:
    """The 32 bytes of an Ed25519 key for signatures; None for anything else."""
    if not isinstance(row, dict) or row.get("kty") != "OKP" or row.get("crv") != "Ed25519":
        return None
    if row.get("use", "sig") != "sig" or row.get("alg", "EdDSA") not in ("EdDSA", "Ed25519"):
        return None
    x = row.get("x")
    if not isinstance(x, str) or not _X.fullmatch(x):
        return None
    return base64.urlsafe_b64decode(x[:43] + "=")


def _malformed(why: str) -> MalformedKeySet:
    return MalformedKeySet(
        f"What was fetched is no key set: {why}.",
        hint="Check the address of the keys; a proxy or a login page may have answered.",
    )
