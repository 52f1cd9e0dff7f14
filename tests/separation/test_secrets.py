"""Nothing that a job writes holds the key or a presigned address."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import crash
import matrix
import pytest

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("upload", {"status": 403, "body": "{}"}),
    ("submit", {"status": 503, "body": "{}"}),
]


def everything(folder: Path) -> bytes:
    """All bytes of all files below a folder, and their names."""
    parts = []
    for path in folder.rglob("*"):
        parts.append(str(path).encode())
        if path.is_file():
            parts.append(path.read_bytes())
    return b"\n".join(parts)


@pytest.mark.parametrize("fault", FAULTS, ids=["done", "upload refused", "uncertain"])
def test_no_secret_is_written(
    fresh_service: Any, tmp_path: Path, fault: tuple[str, dict[str, Any]]
) -> None:
    request, what = fault
    if request:
        matrix.order(fresh_service, request, what, 10_000)
    clip = matrix.make_mix(tmp_path)
    words, environment = crash.command(fresh_service, clip, tmp_path)
    # Everything that can be logged is, and what a crash would print too.
    loud = [*words, "--verbose", "--progress", "plain"]
    child = subprocess.Popen(loud, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    shown = Path(f"/proc/{child.pid}/cmdline")
    listed = shown.read_bytes() if shown.exists() else b""
    out, err = child.communicate(timeout=100)
    assert b"httpx" in err or b"httpcore" in err, "the HTTP library was not heard at all"
    written = out + err + listed + everything(tmp_path / "state")
    if (tmp_path / "out").exists():
        written += everything(tmp_path / "out")
    found = [secret for secret in fresh_service.secrets() if secret.encode() in written]
    assert found == []


def test_an_unexpected_error_shows_no_secret(fresh_service: Any, tmp_path: Path) -> None:
    """A traceback, with the objects in it printed."""
    code = f"""
import traceback
from soundmatte.separation.client import Client
from soundmatte.separation.places import Places
from soundmatte.separation.schema import SeparateInput
client = Client(places=Places.server({fresh_service.base!r}))
print(repr(client), vars(client), client.places)
try:
    client.submit(SeparateInput(audio_url="https://nowhere.example/a.wav", prompt="x"), webhook=3)
except Exception as error:
    traceback.print_exception(error)
    print(repr(error), vars(error))
"""
    environment = {**os.environ, "FAL_KEY": fresh_service.key}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    written = ended.stdout + ended.stderr
    assert written
    assert not [secret for secret in fresh_service.secrets() if secret.encode() in written]
