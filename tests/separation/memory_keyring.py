"""Keyrings that end with the test: one that works, and those that do not."""

from __future__ import annotations

import keyring.backend
import keyring.errors

SECRET = "0123456789abcdef0123456789abcdef"
ID = "a1b2c3d4-0000-4000-8000-123456789abc"
KEY = f"{ID}:{SECRET}"


class Memory(keyring.backend.KeyringBackend):
    """A keyring that works, and ends with the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("not there")
        del self.kept[service, username]


class Broken(Memory):
    """A keyring that is there and cannot be used."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


class Forgetful(Memory):
    """A keyring that takes and does not keep."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass
