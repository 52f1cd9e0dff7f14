"""The API key: where it comes from, and that it shows nowhere."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import sys
import traceback
from pathlib import Path

import keyring
import keyring.core
import keyring.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backends import fail, null
from memory_keyring import ID, KEY, SECRET, Broken, Forgetful, Memory

from soundmatte.errors import ExtraMissing
from soundmatte.separation import keys
from soundmatte.separation.keys import Key, KeyRefused, KeyringUnusable, find, remove, store


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Memory:
    """No keyring of the person who runs the tests is touched."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    memory = Memory()
    keyring.set_keyring(memory)
    return memory


def headless() -> None:
    keyring.set_keyring(fail.Keyring())


def header(key: Key | None) -> str:
    assert key is not None
    return key.header()


@pytest.mark.parametrize(
    ("given_key", "environ", "kept", "expected", "origin"),
    [
        ("a:code", {"FAL_KEY": "b:env"}, "c:ring", "a:code", "code"),
        (
            None,
            {"FAL_KEY": "b:env", "FAL_KEY_ID": "i", "FAL_KEY_SECRET": "s"},
            "c",
            "b:env",
            "FAL_KEY",
        ),
        (
            None,
            {"FAL_KEY": "", "FAL_KEY_ID": "i", "FAL_KEY_SECRET": "s"},
            "c:ring",
            "i:s",
            "FAL_KEY_ID and FAL_KEY_SECRET",
        ),
        (None, {"FAL_KEY_ID": "", "FAL_KEY_SECRET": ""}, "c:ring", "c:ring", keys.KEYRING),
        (None, {"FAL_KEY_ID": "i"}, "c:ring", "c:ring", keys.KEYRING),
        (None, {}, "c:ring", "c:ring", keys.KEYRING),
    ],
)
def test_the_order_of_the_places(
    ring: Memory,
    given_key: str | None,
    environ: dict[str, str],
    kept: str,
    expected: str,
    origin: str,
) -> None:
    ring.kept["soundmatte", "fal"] = kept
    found = find(given_key, environ)
    assert header(found) == f"Key {expected}"
    assert found is not None
    assert found.origin == origin


def test_the_environment_is_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find() is None
    monkeypatch.setenv("FAL_KEY", KEY)
    assert header(find()) == f"Key {KEY}"


def test_no_place_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(environ={}) is None
    headless()
    assert find(environ={}) is None
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find(environ={}) is None


@pytest.mark.parametrize(("there", "missing"), [("ID", "SECRET"), ("SECRET", "ID")])
def test_half_a_key(there: str, missing: str) -> None:
    with pytest.raises(KeyRefused, match=f"FAL_KEY_{there} is set, and FAL_KEY_{missing} is not"):
        find(environ={f"FAL_KEY_{there}": "x1"})


def test_a_whole_key_in_the_variable_for_the_id() -> None:
    with pytest.raises(KeyRefused, match="colon"):
        find(environ={"FAL_KEY_ID": KEY, "FAL_KEY_SECRET": SECRET})


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f"{KEY}\n",
        f"  {KEY}\r\n",
        f'"{KEY}"',
        f"'{KEY}'\n",
        f"`{KEY}`",
        f"Key {KEY}",
        f"key  {KEY}",
        f'"Key {KEY}"',
        f"\ufeff{KEY}".lstrip("\ufeff"),
    ],
)
def test_what_pasting_adds_is_taken_off(pasted: str) -> None:
    assert Key(pasted).header() == f"Key {KEY}"


REFUSED = [
    ("", "empty"),
    (" \n", "empty"),
    ('""', "empty"),
    ("Key ", "placeholder|empty"),
    (f'"{KEY}', "quote"),
    (f"{KEY}'", "quote"),
    (f"“{KEY}”", "left double quotation mark"),
    (f"\ufeff{KEY}", "zero width no-break space"),
    (f"{ID}:{SECRET[:8]}…", "horizontal ellipsis"),
    (f"{ID}:••••••••", "bullet"),
    (f"{ID}:{SECRET[:9]}é", "acute"),
    (f"{ID}: {SECRET}", "white space"),
    (f"{ID}\n{SECRET}", "line break"),
    (f"{ID}:\x1b[0m{SECRET}", "control"),
    (f"{ID}:\x00{SECRET}", "control"),
    (f"Bearer {SECRET}", "login token"),
    (f"export FAL_KEY={KEY}", "line of a script"),
    (f"FAL_KEY={KEY}", "line of a script"),
    ("YOUR_API_KEY", "placeholder"),
    ("$FAL_KEY", "placeholder"),
    ("********", "placeholder"),
    ("<...>", "placeholder"),
    ("x" * 600, "placeholder"),
    (SECRET * 20, "640 characters"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_cannot_be_a_key(text: str, reason: str) -> None:
    with pytest.raises(KeyRefused, match=reason) as refusal:
        Key(text, "FAL_KEY")
    assert "FAL_KEY" in str(refusal.value)
    assert refusal.value.hint
    assert refusal.value.exit_code == 2


@given(st.text(max_size=40), st.sampled_from(["", SECRET]))
@settings(deadline=None)
def test_any_text_gives_a_header_that_can_be_sent_or_a_refusal_without_it(
    text: str, more: str
) -> None:
    sent = ""
    with contextlib.suppress(KeyRefused):
        sent = Key(text + more).header()
    if not sent:
        with pytest.raises(KeyRefused) as refusal:
            Key(text + more)
        assert SECRET not in str(refusal.value) + refusal.value.hint
        assert str(refusal.value).isprintable()
        return
    assert sent.isascii()
    assert sent.isprintable()
    assert sent.split() == ["Key", sent[4:]]


def test_a_key_shows_itself_nowhere(tmp_path: Path) -> None:
    key = Key(KEY, "FAL_KEY")
    shown = [repr(key), str(key), f"{key}", f"{key!r:>40}", f"{key:40}", "%s %r" % (key, key)]  # noqa: UP031
    shown += [repr([key]), repr({"key": key}), repr(copy.deepcopy([key])), repr(copy.copy(key))]
    try:
        raise ValueError(key)
    except ValueError:
        shown.append(traceback.format_exc())
    assert not [text for text in shown if SECRET in text or ID in text]
    assert repr(key) == "Key(…, from FAL_KEY)"
    assert not hasattr(key, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(key, protocol)
    with pytest.raises(TypeError):
        json.dumps(key)
    with pytest.raises(TypeError):
        hash(key)


def test_keys_are_equal_by_what_they_are() -> None:
    assert Key(KEY, "a") == Key(f"{KEY}\n", "b")
    assert Key(KEY) != Key(f"{KEY}0")
    assert Key(KEY) != f"Key {KEY}"


@pytest.mark.parametrize(
    ("text", "form"),
    [(KEY, "an id and"), ("abc123", "without"), ("a:b:c", "colons"), (":b", "colons")],
)
def test_the_form_of_a_key(text: str, form: str) -> None:
    assert form in Key(text).form


def test_store_find_and_remove(ring: Memory) -> None:
    assert store(f" {KEY}\n").origin == keys.KEYRING
    assert ring.kept == {("soundmatte", "fal"): KEY}
    assert header(find(environ={})) == f"Key {KEY}"
    store("another:key")
    assert header(find(environ={})) == "Key another:key"
    assert remove()
    assert ring.kept == {}
    assert not remove()
    assert find(environ={}) is None


def test_what_is_no_key_does_not_replace_one(ring: Memory) -> None:
    store(KEY)
    with pytest.raises(KeyRefused):
        store("two words")
    assert ring.kept["soundmatte", "fal"] == KEY


def test_a_damaged_key_in_the_keyring_says_where_it_is(ring: Memory) -> None:
    ring.kept["soundmatte", "fal"] = "two words"
    with pytest.raises(KeyRefused, match="keyring"):
        find(environ={})


@pytest.mark.parametrize("change", [lambda: store(KEY), remove], ids=["store", "remove"])
def test_a_system_without_a_keyring(change: object) -> None:
    headless()
    assert callable(change)
    with pytest.raises(KeyringUnusable, match="no keyring") as refusal:
        change()
    assert "FAL_KEY" in refusal.value.hint


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (keyring.errors.KeyringLocked("locked"), "locked"),
        (keyring.errors.InitError("bus"), "InitError"),
        (keyring.errors.PasswordSetError("denied"), "PasswordSetError"),
        (OSError("-25308"), "OSError"),
        (RuntimeError("D-Bus"), "RuntimeError"),
    ],
)
def test_a_keyring_that_does_not_answer(error: Exception, reason: str) -> None:
    keyring.set_keyring(Broken(error))
    for use in (lambda: find(environ={}), lambda: store(KEY), remove):
        with pytest.raises(KeyringUnusable, match=reason) as refusal:
            use()
        assert "FAL_KEY" in refusal.value.hint
    assert find(environ={"FAL_KEY": KEY})


def test_a_keyring_that_keeps_nothing() -> None:
    for forgetful in (Forgetful(), null.Keyring()):
        keyring.set_keyring(forgetful)
        with pytest.raises(KeyringUnusable, match="does not have it"):
            store(KEY)


def test_a_keyring_that_is_a_file_is_not_written(
    ring: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "__module__", "keyrings.alt.file")
    with pytest.raises(KeyringUnusable, match="file"):
        store(KEY)
    assert ring.kept == {}


def test_a_keyring_named_wrongly_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Keyring")
    with pytest.raises(KeyringUnusable, match="ModuleNotFoundError"):
        find(environ={})


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ExtraMissing) as missing:
        store(KEY)
    assert "FAL_KEY" in missing.value.hint


def test_nothing_is_written_to_a_file(tmp_path: Path) -> None:
    before = sorted(path for path in tmp_path.rglob("*"))
    store(KEY)
    find(environ={})
    remove()
    assert sorted(path for path in tmp_path.rglob("*")) == before
