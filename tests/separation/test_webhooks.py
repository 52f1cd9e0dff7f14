"""The verifier of webhooks: what it takes, and everything that it must not take."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from webhook_sender import BODY, ID, NOW, Clock, Place, Sender

from soundmatte.separation import refusals
from soundmatte.separation.refusals import (
    BadSignature,
    BadTimestamp,
    BodyTooLarge,
    FromTheFuture,
    HeaderMissing,
    MalformedBody,
    Replayed,
    TooOld,
    WebhookRefused,
    WrongAccount,
)
from soundmatte.separation.replays import Replays
from soundmatte.separation.webhooks import KEYS_URL, Verifier

#: Made by another program: OpenSSL 3.0 with the secret key of RFC 8032's first test.
FOREIGN_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
FOREIGN_BODY = (
    b'{"request_id":"764cabcf-b745-4b3e-ae38-1200304cf45b",'
    b'"gateway_request_id":"764cabcf-b745-4b3e-ae38-1200304cf45b",'
    b'"status":"OK","payload":{"duration":15,"sample_rate":48000}}'
)
FOREIGN_SIGNATURE = (
    "053749b96116c2b3f2a188307d75d1927fb4f33212717a91834b332deea4a559"
    "1b86c594244ebb85634ad4bc2be63d8980c66d4358c0e3c418cc9d7675bd1503"
)


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


def test_a_webhook_signed_by_another_program(clock: Clock) -> None:
    place = Place({"kty": "OKP", "crv": "Ed25519", "x": FOREIGN_X})
    headers = {
        "x-fal-webhook-request-id": ID,
        "X-FAL-WEBHOOK-USER-ID": "user-1",
        "X-Fal-Webhook-Timestamp": str(NOW),
        "X-Fal-Webhook-Signature": FOREIGN_SIGNATURE,
        "Content-Type": "application/json",
    }
    webhook = Verifier(place, clock=clock).verify(headers, FOREIGN_BODY)
    assert (webhook.request_id, webhook.gateway_request_id, webhook.status) == (ID, ID, "OK")
    assert webhook.payload == {"duration": 15, "sample_rate": 48000}
    assert place.asked == [KEYS_URL]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "OK", "payload": {"a": [1, None]}}, ("OK", {"a": [1, None]}, None, None)),
        (
            {"status": "ERROR", "error": "Invalid status code: 422", "payload": {"detail": []}},
            ("ERROR", {"detail": []}, "Invalid status code: 422", None),
        ),
        (
            {"status": "OK", "payload": None, "payload_error": "not JSON"},
            ("OK", None, None, "not JSON"),
        ),
        ({"status": "OK", "new_field": 1}, ("OK", None, None, None)),
    ],
    ids=["ok", "error", "payload error", "unknown field"],
)
def test_the_documented_bodies(
    sender: Sender, verifier: Verifier, body: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    raw = json.dumps({"request_id": ID, **body}).encode()
    found = verifier.verify(sender.headers(raw), raw)
    assert (found.status, found.payload, found.error, found.payload_error) == expected


NAMES = ["Request-Id", "User-Id", "Timestamp", "Signature"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", ["gone", "empty", "twice", "long", "no text"])
def test_a_header_that_is_not_there_once(
    sender: Sender, verifier: Verifier, place: Place, name: str, change: str
) -> None:
    name = f"X-Fal-Webhook-{name}"
    headers: dict[str, Any] = dict(sender.headers())
    value = headers.pop(name)
    new: dict[str, dict[str, Any]] = {
        "gone": {},
        "empty": {name: ""},
        "twice": {name: value, name.lower(): value},
        "long": {name: value * 500},
        "no text": {name: [value]},
    }
    with pytest.raises(HeaderMissing, match=name.lower()):
        verifier.verify(headers | new[change], BODY)
    assert place.asked == []


def altered(text: str, place: int) -> str:
    """The text with another digit or letter at that place."""
    return text[:place] + ("1" if text[place] != "1" else "2") + text[place + 1 :]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", [0, -1])
def test_one_altered_character_in_any_header(
    sender: Sender, verifier: Verifier, name: str, where: int
) -> None:
    headers = sender.headers(at=NOW - 5)
    name = f"X-Fal-Webhook-{name}"
    where %= len(headers[name])
    headers[name] = altered(headers[name], where)
    expected = FromTheFuture if (name.endswith("Timestamp") and where == 0) else BadSignature
    with pytest.raises(expected):
        verifier.verify(headers, BODY)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_one_altered_bit_in_the_body_or_the_signature(data: st.DataObject) -> None:
    sender, clock = Sender(), Clock()
    headers = sender.headers()
    signature = bytearray.fromhex(headers["X-Fal-Webhook-Signature"])
    body = bytearray(BODY)
    text = data.draw(st.sampled_from([signature, body]))
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    headers["X-Fal-Webhook-Signature"] = signature.hex()
    with pytest.raises(BadSignature):
        Verifier(Place(sender.jwk), clock=clock).verify(headers, bytes(body))


@pytest.mark.parametrize(
    "body", [BODY + b"\n", BODY[:-1], b"", json.dumps(json.loads(BODY), indent=1).encode()]
)
def test_another_body(sender: Sender, verifier: Verifier, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers(), body)


def test_the_parts_of_the_message_cannot_be_moved(sender: Sender, verifier: Verifier) -> None:
    headers = sender.headers(request="a", user="b")
    headers["X-Fal-Webhook-Request-Id"], headers["X-Fal-Webhook-User-Id"] = "a\nb", "b"
    with pytest.raises(BadSignature):
        verifier.verify(headers, BODY)
    swapped = sender.headers(request="b", user="a")
    headers = sender.headers(request="a", user="b")
    headers["X-Fal-Webhook-Signature"] = swapped["X-Fal-Webhook-Signature"]
    with pytest.raises(BadSignature):
        verifier.verify(headers, BODY)


@pytest.mark.parametrize(
    "signature",
    ["00" * 64, "zz" * 64, "00" * 63, "00" * 65, "0" * 127, "00 " * 42 + "00", "٠" * 128],
)
def test_a_signature_that_is_none(sender: Sender, verifier: Verifier, signature: str) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers() | {"X-Fal-Webhook-Signature": signature}, BODY)


def test_hex_may_be_in_capitals_and_is_still_the_same_request(
    sender: Sender, verifier: Verifier
) -> None:
    headers = sender.headers()
    verifier.verify(headers, BODY)
    headers["X-Fal-Webhook-Signature"] = headers["X-Fal-Webhook-Signature"].upper()
    with pytest.raises(Replayed):
        verifier.verify(headers, BODY)


def test_what_a_lenient_server_makes_of_a_header_is_no_crash(
    sender: Sender, verifier: Verifier
) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers() | {"X-Fal-Webhook-User-Id": "\udcff"}, BODY)


@pytest.mark.parametrize(
    "at", ["", "x", "1.8e9", "-1", "1_800_000_000", "١٨", " 1800000000", "9" * 13]
)
def test_a_timestamp_that_is_none(sender: Sender, verifier: Verifier, at: str) -> None:
    expected = BadTimestamp if at else HeaderMissing
    with pytest.raises(expected):
        verifier.verify(sender.headers(at=at), BODY)


@pytest.mark.parametrize(
    ("age", "refusal"),
    [(300, None), (301, TooOld), (10**6, TooOld), (-300, None), (-301, FromTheFuture)],
)
def test_the_tolerance_of_the_clock(
    sender: Sender, verifier: Verifier, age: int, refusal: type[WebhookRefused] | None
) -> None:
    headers = sender.headers(at=NOW - age)
    if refusal is None:
        assert verifier.verify(headers, BODY).request_id == ID
    else:
        with pytest.raises(refusal):
            verifier.verify(headers, BODY)


def test_a_replay_within_the_window_and_after_it(
    sender: Sender, verifier: Verifier, clock: Clock
) -> None:
    headers = sender.headers(at=NOW + 300)
    verifier.verify(headers, BODY)
    for later in (0, 1, 300, 600):
        clock.now = NOW + later
        with pytest.raises(Replayed):
            verifier.verify(headers, BODY)
    clock.now = NOW + 600.5
    with pytest.raises(TooOld):
        verifier.verify(headers, BODY)


def test_a_delivery_signed_anew_is_the_same_request(
    sender: Sender, verifier: Verifier, clock: Clock
) -> None:
    verifier.verify(sender.headers(), BODY)
    clock.now += 60
    with pytest.raises(Replayed) as refusal:
        verifier.verify(sender.headers(at=NOW + 60), BODY)
    assert refusal.value.http_status == 200
    assert verifier.verify(sender.headers(request="another", at=NOW + 60), BODY)


def test_what_could_not_be_dealt_with_is_let_in_again(sender: Sender, verifier: Verifier) -> None:
    headers = sender.headers()
    verifier.verify(headers, BODY)
    verifier.forget(headers)
    assert verifier.verify(headers, BODY).request_id == ID


def test_what_was_refused_is_not_remembered(sender: Sender, verifier: Verifier) -> None:
    with pytest.raises(BadSignature):
        verifier.verify(sender.headers() | {"X-Fal-Webhook-Signature": "00" * 64}, BODY)
    assert verifier.verify(sender.headers(), BODY).request_id == ID


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    memory = Replays(3, 100)
    assert all(memory.add(bytes([n]), 0) for n in range(5))
    assert len(memory) == 3
    assert [memory.add(bytes([n]), 0) for n in (4, 3, 2)] == [False] * 3
    assert memory.add(bytes([0]), 0)
    assert not memory.add(bytes([4]), 100)
    assert memory.add(bytes([4]), 100.5)
    assert len(memory) == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 30)), max_size=60))
def test_the_memory_agrees_with_a_plain_table(steps: list[tuple[int, float]]) -> None:
    memory, table, now = Replays(100, 20), dict[int, float](), 0.0
    for number, wait in steps:
        now += wait
        new = now > table.get(number, -1)
        assert memory.add(bytes([number]), now) == new
        if new:
            table[number] = now + 20


def test_of_many_at_once_one_is_accepted(sender: Sender, verifier: Verifier, place: Place) -> None:
    headers = sender.headers()
    place.wait.clear()

    def one(_: int) -> bool:
        try:
            verifier.verify(headers, BODY)
        except Replayed:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        answers = [pool.submit(one, n) for n in range(60)]
        place.wait.set()
        assert sum(answer.result(10) for answer in answers) == 1
    assert len(place.asked) == 1


def test_only_for_my_account(sender: Sender, place: Place, clock: Clock) -> None:
    verifier = Verifier(place, clock=clock, account="user-1")
    assert verifier.verify(sender.headers(), BODY)
    with pytest.raises(WrongAccount):
        verifier.verify(sender.headers(user="user-2"), BODY)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b'{"status": "OK"}',
        b'{"request_id": "", "status": "OK"}',
        b'{"request_id": 5, "status": "OK"}',
        b'{"request_id": "a", "status": "FAILED"}',
        b'{"request_id": "a", "status": "OK", "error": {}}',
        b'{"request_id": "a", "status": "OK", "payload": ' + b"[" * 9999 + b"]" * 9999 + b"}",
    ],
    ids=lambda text: text[:45].decode("latin-1"),
)
def test_a_genuine_request_with_a_body_that_is_none(
    sender: Sender, verifier: Verifier, body: bytes
) -> None:
    with pytest.raises(MalformedBody) as refusal:
        verifier.verify(sender.headers(body), body)
    assert len(str(refusal.value)) < 300


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_body_without_a_signature_is_refused(body: bytes) -> None:
    sender = Sender()
    with pytest.raises(BadSignature):
        Verifier(Place(sender.jwk), clock=Clock()).verify(sender.headers(), body)


def test_a_huge_body_is_not_looked_at(sender: Sender, place: Place, clock: Clock) -> None:
    verifier = Verifier(place, clock=clock, largest=len(BODY))
    with pytest.raises(BodyTooLarge):
        verifier.verify(sender.headers(), BODY + b" ")
    assert place.asked == []
    assert verifier.verify(sender.headers(), BODY)


def test_every_refusal_is_under_one_root_and_says_what_to_answer() -> None:
    leaves = [
        kind
        for kind in vars(refusals).values()
        if isinstance(kind, type)
        and issubclass(kind, WebhookRefused)
        and kind is not WebhookRefused
    ]
    assert len(leaves) == 11
    assert all(kind.__bases__ == (WebhookRefused,) and kind.__doc__ for kind in leaves)
    assert [kind for kind in leaves if kind.http_status < 400] == [Replayed]


@pytest.mark.parametrize(
    "wrong",
    [
        {"tolerance": 0},
        {"tolerance": 4000},
        {"largest": 0},
        {"remembered": 0},
        {"keep_keys": 86_401},
        {"keep_keys": 0},
        {"fetches_apart": 0},
    ],
)
def test_limits_that_are_none(place: Place, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Verifier(place, **wrong)
