"""No key and no signature in logs and error texts."""

from __future__ import annotations

import io
import logging
import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmatte.separation.keys import Key
from soundmatte.separation.redact import GONE, HTTP_LOGGERS, Redactor

SECRET = "0123456789abcdef0123456789abcdef"
KEY = f"a1b2c3d4-0000-4000-8000-123456789abc:{SECRET}"
SIGNED = f"https://v3.fal.media/up/1_a.mp4?X-Goog-Signature={SECRET}&X-Goog-Expires=60"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(Key(KEY))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key is {KEY}!", f"key is {GONE}!"),
        (f"half of it: {SECRET}", f"half of it: {GONE}"),
        (f"key={KEY.replace(':', '%3A')};", f"key={GONE};"),
        (f"Authorization: Key {KEY}", f"Authorization: {GONE}"),
        (f"PUT {SIGNED} 200", f"PUT https://v3.fal.media/up/1_a.mp4?{GONE} 200"),
        ("nothing of that here: 12 s, a=b?", "nothing of that here: 12 s, a=b?"),
        ("https://queue.fal.run/fal-ai/x", "https://queue.fal.run/fal-ai/x"),
    ],
)
def test_with_a_key(redactor: Redactor, text: str, expected: str) -> None:
    assert redactor.scrub(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("authorization: Bearer eyJhbGciOi.J9.x-_", f"authorization: {GONE}"),
        (
            "{'Authorization': 'Key a:b', 'Accept': '*'}",
            f"{{'Authorization': '{GONE}', 'Accept': '*'}}",
        ),
        ('{"authorization": "Key a:b"}', f'{{"authorization": "{GONE}"}}'),
        ('{\\"authorization\\": \\"Key a:b\\"}', f'{{\\"authorization\\": \\"{GONE}\\"}}'),
        (
            "[(b'Authorization', b'Key a:b'), (b'x', b'y')]",
            f"[(b'Authorization', b'{GONE}'), (b'x', b'y')]",
        ),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz", f"Proxy-Authorization: {GONE}"),
        ("authorization=abc", f"authorization={GONE}"),
        (f"sent Key {KEY} to it", f"sent Key {GONE} to it"),
        ("Authorization header is required", "Authorization header is required"),
        ("https://me:word@host/p?q=1#frag", f"https://host/p?{GONE}#{GONE}"),
        ("wss://fal.run/x?fal_jwt_token=abc", f"wss://fal.run/x?{GONE}"),
        (f"Location: /up?sig={SECRET}\n", f"Location: /up?{GONE}\n"),
        (f"('{SIGNED}')", f"('https://v3.fal.media/up/1_a.mp4?{GONE}')"),
        (f"<{SIGNED}>", f"<https://v3.fal.media/up/1_a.mp4?{GONE}>"),
    ],
)
def test_without_a_key(text: str, expected: str) -> None:
    assert Redactor().scrub(text) == expected


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from([KEY, SIGNED, SECRET]))
@settings(deadline=None)
def test_a_secret_is_gone_from_any_text_and_twice_is_once(a: str, b: str, secret: str) -> None:
    redactor = Redactor(Key(KEY), None)
    once = redactor.scrub(f"{a} {secret} {b}")
    assert SECRET not in once
    assert redactor.scrub(once) == once


TOKENS = [
    "Authorization",
    "Key ",
    "https://",
    "?",
    "a=",
    ":",
    "'",
    '"',
    "b'",
    " ",
    ", ",
    GONE,
    "/@#&",
    KEY,
]


@given(st.lists(st.sampled_from([*TOKENS, "=", "x" * 20]), max_size=12).map("".join))
@settings(deadline=None)
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    redactor = Redactor(Key(KEY))
    once = redactor.scrub(text)
    assert redactor.scrub(once) == once
    assert SECRET not in once


@pytest.mark.parametrize(
    "text", ["?" * 200_000, "https://" + "a" * 200_000, "Key " + "a" * 200_000]
)
def test_long_texts_take_no_long(redactor: Redactor, text: str) -> None:
    redactor.scrub(text)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """All that is logged, as a handler at the root writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        logging.Formatter("%(name)s %(message)s %(where)s", defaults={"where": ""})
    )
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_the_loggers_of_the_http_client(redactor: Redactor, written: io.StringIO) -> None:
    redactor.guard()
    redactor.guard()
    try:
        for name in HTTP_LOGGERS:
            logging.getLogger(name).info("%s %s", f"Key {KEY}", SIGNED, extra={"where": SIGNED})
        assert logging.getLogger("httpx").filters.count(redactor) == 1
    finally:
        redactor.release()
    assert written.getvalue().count("v3.fal.media") == 2 * len(HTTP_LOGGERS)
    assert SECRET not in written.getvalue()
    assert redactor not in logging.getLogger("httpx").filters


def test_exceptions_and_their_causes_in_a_log(redactor: Redactor, written: io.StringIO) -> None:
    redactor.guard("soundmatte.test")
    try:
        try:
            try:
                raise OSError(SIGNED)
            except OSError as error:
                raise ValueError(KEY) from error
        except ValueError:
            logging.getLogger("soundmatte.test").exception("failed", stack_info=True)
    finally:
        redactor.release("soundmatte.test")
    assert SECRET not in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert "OSError: https://v3.fal.media" in written.getvalue()


def test_handlers_that_format_exceptions_themselves_get_none(redactor: Redactor) -> None:
    record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "failed", None, None)
    try:
        raise OSError(SIGNED)
    except OSError as error:
        record.exc_info = (OSError, error, error.__traceback__)
    assert redactor.filter(record)
    assert record.exc_info is None
    assert f"a.mp4?{GONE}" in str(record.exc_text)


def test_keys_that_are_learned_later(redactor: Redactor) -> None:
    redactor.know(None, Key("another:key-0123"))
    assert redactor.scrub(f"{KEY} and another:key-0123") == f"{GONE} and {GONE}"


def test_arguments_that_do_not_fit_are_not_shown(redactor: Redactor, written: io.StringIO) -> None:
    redactor.guard("soundmatte.test")
    try:
        logging.getLogger("soundmatte.test").warning("%d of them", KEY)
    finally:
        redactor.release("soundmatte.test")
    assert "%d of them (with arguments" in written.getvalue()
    assert SECRET not in written.getvalue()


def test_a_redactor_does_not_show_the_keys_that_it_knows(redactor: Redactor) -> None:
    assert SECRET not in repr(redactor)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(redactor)
