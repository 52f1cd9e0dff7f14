"""The API key: where it comes from, and that it shows nowhere.

It is looked for in this order: given in code; the environment's `FAL_KEY`; its `FAL_KEY_ID` and
`FAL_KEY_SECRET`; the system's keyring (service "soundmatte", entry "fal"). The two variables and
their order are those of fal's own Python client (`fal_client/auth.py` 1.0.3), which also joins id
and secret by a colon and sends `Authorization: Key <key>`. We write it to the keyring only, never
to a file. This module must not know what the key is used for.
"""

from __future__ import annotations

import hmac
import os
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Final, NoReturn

from soundmatte.errors import ExtraMissing
from soundmatte.separation.errors import SeparationError

SERVICE: Final = "soundmatte"
ENTRY: Final = "fal"
KEYRING: Final = "the system's keyring"
#: Longer texts are no keys (characters).
_LONGEST = 512
_ELSEWHERE = "Set the environment variable FAL_KEY instead."
_COPY = "Copy the key once more, alone, from the service's dashboard."
#: What documentation writes where the key belongs.
_EXAMPLES = {"your_api_key", "your_fal_key", "fal_key", "$fal_key", "${fal_key}", "%fal_key%"}


class KeyRefused(SeparationError):
    """What was given as a key cannot be one."""

    exit_code = 2


class KeyringUnusable(SeparationError):
    """This system has no keyring, or it is locked or broken."""


class Key:
    """An API key that never shows itself: only `header` gives it away.

    Attributes:
        origin: where it came from, in words.
    """

    __slots__ = ("__credential", "origin")

    def __init__(self, text: str, origin: str = "code") -> None:
        """Clean a pasted key: white space and quotes around it, and the word Key before it.

        Raises:
            KeyRefused: by what is wrong with it.
        """
        self.__credential = _cleaned(text, origin)
        self.origin = origin

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Key {self.__credential}"

    @property
    def form(self) -> str:
        """What can be said of its form without showing it."""
        identity, colon, secret = self.__credential.partition(":")
        if identity and secret and ":" not in secret:
            return "an id and a secret, as fal's keys are"
        return "one text with colons" if colon else "one text without an id, as fal's keys are not"

    def __repr__(self) -> str:
        return f"Key(…, from {self.origin})"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return format(repr(self), specification)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return hmac.compare_digest(self.header(), other.header())

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A key is not written anywhere, so it cannot be pickled.")

    def __copy__(self) -> Key:
        return self

    def __deepcopy__(self, memo: object) -> Key:
        return self


def find(given: str | None = None, environ: Mapping[str, str] = os.environ) -> Key | None:
    """The key to use, from the first place that has one; None where none has.

    An empty variable counts as not set. A missing keyring counts as an empty one; one that is
    there and cannot be read does not, since the key may be in it.

    Raises:
        KeyRefused: what the first place holds cannot be a key.
        KeyringUnusable: the keyring is locked or broken.
    """
    if given is not None:
        return Key(given)
    if environ.get("FAL_KEY"):
        return Key(environ["FAL_KEY"], "FAL_KEY")
    identity, secret = environ.get("FAL_KEY_ID", ""), environ.get("FAL_KEY_SECRET", "")
    if identity and secret:
        if ":" in identity:
            raise KeyRefused(
                "FAL_KEY_ID holds a colon, so it is more than an id.",
                hint="A whole key, id and secret, belongs into FAL_KEY.",
            )
        halves = _cleaned(identity, "FAL_KEY_ID"), _cleaned(secret, "FAL_KEY_SECRET")
        return Key(":".join(halves), "FAL_KEY_ID and FAL_KEY_SECRET")
    kept = _kept()
    if kept is None and (identity or secret):
        there, missing = ("_ID", "_SECRET") if identity else ("_SECRET", "_ID")
        raise KeyRefused(
            f"FAL_KEY{there} is set, and FAL_KEY{missing} is not.",
            hint="Set both, or the whole key as FAL_KEY.",
        )
    return None if kept is None else Key(kept, KEYRING)


def store(text: str) -> Key:
    """Keep a key in the system's keyring, in place of the one there.

    Raises:
        KeyRefused: it cannot be a key.
        KeyringUnusable: there is no keyring that keeps it, or it is locked or broken.
        ExtraMissing: the package `keyring` cannot be loaded.
    """
    key = Key(text, KEYRING)
    credential = key.header().removeprefix("Key ")
    with _keyring() as keyring:
        name = type(keyring.get_keyring()).__module__
        if name.startswith("keyrings.alt"):
            raise KeyringUnusable(
                f"The keyring in use here ({name}) writes to a file; the key was not stored.",
                hint=_ELSEWHERE,
            )
        keyring.set_password(SERVICE, ENTRY, credential)
        if keyring.get_password(SERVICE, ENTRY) != credential:
            raise KeyringUnusable("The keyring took the key and does not have it.", hint=_ELSEWHERE)
    return key


def remove() -> bool:
    """Take the key out of the system's keyring; whether there was one.

    Raises:
        KeyringUnusable: there is no keyring, or it is locked or broken.
        ExtraMissing: the package `keyring` cannot be loaded.
    """
    with _keyring() as keyring:
        if keyring.get_password(SERVICE, ENTRY) is None:
            return False
        keyring.delete_password(SERVICE, ENTRY)
    return True


def _kept() -> str | None:
    """What the keyring holds; None also where there is no keyring at all."""
    try:
        with _keyring() as keyring:
            found: str | None = keyring.get_password(SERVICE, ENTRY)
            return found
    except (ExtraMissing, _NoKeyring):
        return None


class _NoKeyring(KeyringUnusable):
    """This system has none."""


@contextmanager
def _keyring() -> Iterator[ModuleType]:
    """The package, and its errors as ours. Backends raise what they like (D-Bus, Cocoa, Win32)."""
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        raise ExtraMissing(
            f"Keeping a key needs the package keyring, which cannot be loaded: {error}",
            hint=_ELSEWHERE,
        ) from error
    try:
        yield keyring
    except SeparationError:
        raise
    except keyring.errors.NoKeyringError as error:
        raise _NoKeyring(
            "This system has no keyring (usual on a server without a desktop).", hint=_ELSEWHERE
        ) from error
    except keyring.errors.KeyringLocked as error:
        raise KeyringUnusable(
            "The keyring is locked.", hint=f"Unlock it and try again. Or: {_ELSEWHERE}"
        ) from error
    except Exception as error:
        raise KeyringUnusable(
            f"The keyring cannot be used ({type(error).__name__}).", hint=_ELSEWHERE
        ) from error


def _cleaned(text: str, origin: str) -> str:
    """A key without what pasting adds; never with anything of it in a message."""

    def refused(what: str, hint: str) -> KeyRefused:
        return KeyRefused(f"The key from {origin} {what}.", hint=hint)

    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] and key[0] in "\"'`":
        key = key[1:-1].strip()
    word, _, rest = key.partition(" ")
    if word.lower() == "key":
        key = rest.strip()
    lower = key.lower()
    if not key:
        raise refused("is empty", "Set it to the key, or do not set it at all.")
    if lower.startswith(("bearer ", "basic ")):
        raise refused("is a login token, not an API key", "Make a key on the service's dashboard.")
    if lower.startswith(("export ", "set ", "fal_key=", "fal_key =")):
        raise refused("is a whole line of a script", "Give only what is right of the = sign.")
    if lower in _EXAMPLES or not key.strip("*.x-_<>"):
        raise refused("is a placeholder", "Put your own key in its place.")
    for character in key:
        if not character.isascii():
            name = unicodedata.name(character, "a character without a name").lower()
            raise refused(f"holds a character that no key has ({name})", _COPY)
        if character.isspace():
            raise refused("holds white space or a line break inside", _COPY)
        if not character.isprintable():
            raise refused("holds a control character", _COPY)
        if character in "\"'`":
            raise refused("holds a quote sign", "Leave the quotes out, or put them around all.")
    if len(key) > _LONGEST:
        raise refused(f"has {len(key)} characters, too many for a key", _COPY)
    return key
