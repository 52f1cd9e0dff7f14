"""The service's public keys: kept, fetched again in time, and never on a forger's behalf."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from webhook_sender import BODY, NOW, Clock, Place, Sender, jwks

from soundmatte.errors import ExtraMissing
from soundmatte.separation.refusals import (
    BadSignature,
    KeysUnreachable,
    MalformedKeySet,
)
from soundmatte.separation.webhooks import Verifier


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def place(sender: Sender) -> Place:
    return Place(sender.jwk)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(place: Place, clock: Clock) -> Verifier:
    return Verifier(place, clock=clock)


def test_keys_are_fetched_once_and_again_after_a_day(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    for hour in range(0, 25, 3):
        clock.now = NOW + 3600 * hour
        verifier.verify(sender.headers(request=f"r{hour}", at=int(clock.now)), BODY)
    assert len(place.asked) == 1
    clock.now = NOW + 86_401
    verifier.verify(sender.headers(request="last", at=int(clock.now)), BODY)
    assert len(place.asked) == 2


def test_keys_that_are_too_old_are_not_used_when_no_others_come(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now = NOW + 86_401
    place.answer = OSError("no route")
    with pytest.raises(KeysUnreachable):
        verifier.verify(sender.headers(request="r", at=int(clock.now)), BODY)


def test_a_clock_set_back_fetches_anew(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now = NOW - 10_000
    verifier.verify(sender.headers(request="r", at=NOW - 10_000), BODY)
    assert len(place.asked) == 2


def test_two_keys_at_once(place: Place, verifier: Verifier) -> None:
    old, new = Sender(1), Sender(2)
    place.answer = jwks({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, old.jwk, new.jwk)
    assert verifier.verify(old.headers(request="a"), BODY)
    assert verifier.verify(new.headers(request="b"), BODY)
    assert len(place.asked) == 1


def test_a_rotated_key_is_fetched_at_once(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now += 30
    new = Sender(2)
    place.answer = jwks(new.jwk)
    assert verifier.verify(new.headers(request="b"), BODY)
    assert len(place.asked) == 2
    clock.now += 30
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers(request="c"), BODY)


def test_forged_requests_do_not_make_it_hammer(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    forger = Sender(9)
    for half in range(400):
        clock.now = NOW + half / 2
        with pytest.raises(BadSignature):
            verifier.verify(forger.headers(at=NOW), BODY)
    assert len(place.asked) <= 1 + 200 / 30
    assert verifier.verify(sender.headers(request="b"), BODY)


def test_forged_requests_at_once_wait_for_one_fetch(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now += 31
    new = Sender(2)
    place.answer = jwks(new.jwk)
    place.wait.clear()
    place.meanwhile = lambda: setattr(clock, "now", clock.now + 40)

    def genuine(number: int) -> object:
        return verifier.verify(new.headers(request=str(number)), BODY)

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(genuine, n) for n in range(8)]
        place.wait.set()
        assert all(answer.result(10) for answer in answers)
    assert len(place.asked) == 2


def test_unreachable_keys_are_asked_for_again_but_not_at_once(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    good, place.answer = place.answer, OSError("no route")
    for _ in range(50):
        with pytest.raises(KeysUnreachable, match="OSError") as refusal:
            verifier.verify(sender.headers(), BODY)
    assert refusal.value.http_status == 503
    assert len(place.asked) == 1
    place.answer = good
    clock.now += 30
    assert verifier.verify(sender.headers(), BODY)
    with pytest.raises(BadSignature):
        verifier.verify(Sender(9).headers(), BODY)
    assert len(place.asked) == 2


def test_a_new_key_that_cannot_be_fetched_is_not_called_forged(
    sender: Sender, verifier: Verifier, place: Place, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now += 31
    place.answer = OSError("no route")
    for _ in range(2):
        with pytest.raises(KeysUnreachable):
            verifier.verify(Sender(2).headers(request="b"), BODY)
    assert verifier.verify(sender.headers(request="c"), BODY)
    assert len(place.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>log in</html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"null",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [null, 1, "x", []]}',
        b" " * 300_000 + jwks(Sender().jwk),
    ],
    ids=lambda text: text[:16].decode("latin-1"),
)
def test_what_is_no_key_set(
    sender: Sender, verifier: Verifier, place: Place, answer: bytes
) -> None:
    place.answer = answer
    with pytest.raises(MalformedKeySet) as refusal:
        verifier.verify(sender.headers(), BODY)
    assert refusal.value.hint
    with pytest.raises(MalformedKeySet):
        verifier.verify(sender.headers(), BODY)
    assert len(place.asked) == 1


WRONG: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    lambda key: key | {"kty": "EC"},
    lambda key: key | {"crv": "X25519"},
    lambda key: key | {"crv": "Ed448"},
    lambda key: key | {"alg": "RS256"},
    lambda key: key | {"alg": ["EdDSA"]},
    lambda key: key | {"use": "enc"},
    lambda key: key | {"x": key["x"][:-1]},
    lambda key: key | {"x": key["x"] + "A"},
    lambda key: key | {"x": "*" * 43},
    lambda key: key | {"x": None},
    lambda key: {name: value for name, value in key.items() if name != "x"},
    lambda key: {name: value for name, value in key.items() if name != "kty"},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_key_of_another_kind_is_not_used_and_harms_no_other(
    place: Place, clock: Clock, wrong: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    sender, other = Sender(1), Sender(2)
    place.answer = jwks(wrong(sender.jwk))
    with pytest.raises(MalformedKeySet):
        Verifier(place, clock=clock).verify(sender.headers(), BODY)
    place.answer = jwks(wrong(sender.jwk), other.jwk)
    verifier = Verifier(place, clock=clock)
    assert verifier.verify(other.headers(), BODY)
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers(request="b"), BODY)


def test_padding_and_the_other_words_of_a_key_are_taken(place: Place, verifier: Verifier) -> None:
    sender = Sender(3)
    more = {"x": sender.jwk["x"] + "=", "use": "sig", "alg": "EdDSA", "kid": "1"}
    place.answer = jwks(sender.jwk | more)
    assert verifier.verify(sender.headers(), BODY)


def test_without_cryptography_it_says_what_to_install(
    sender: Sender, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(ExtraMissing) as missing:
        verifier.verify(sender.headers(), BODY)
    assert "pip install cryptography" in missing.value.hint
