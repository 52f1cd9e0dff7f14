"""How the tests start engines, talk to them and listen."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soundmatte.hosts.bridge_client import BridgeClient

ENGINE = [sys.executable, str(Path(__file__).with_name("engine.py")), "bridge"]


def environment() -> dict[str, str]:
    """The test's own, and this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@dataclass(frozen=True)
class Starter:
    """Starts engines, whose log is in `folder`, and ends them."""

    folder: Path
    started: list[BridgeClient] = field(default_factory=list)

    @property
    def log(self) -> bytes:
        """What they wrote there."""
        return (self.folder / "log.txt").read_bytes()

    def __call__(self, argv: list[str] = ENGINE, **variables: str) -> BridgeClient:
        """Start one; `variables` are the environment's."""
        client = BridgeClient(argv, self.folder / "log.txt", {**environment(), **variables})
        self.started.append(client)
        return client

    def close(self) -> None:
        """End all of them."""
        for client in self.started:
            client.close()


def say(client: BridgeClient, line: bytes) -> None:
    """Send a line as it is."""
    client._outbox.put(line + b"\n")


def heard(
    client: BridgeClient, wanted: Callable[[dict[str, Any]], bool], limit: float = 30.0
) -> dict[str, Any]:
    """The first event that is wanted; the ones before it are left out."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        events = client.poll()
        for number, event in enumerate(events):
            if wanted(event):
                client._kept = events[number + 1 :]
                return event
        time.sleep(0.005)
    raise AssertionError(f"not heard; {client.failure}")


def at_work(client: BridgeClient, name: str) -> None:
    """Wait until the separator of a request has begun."""
    heard(client, lambda event: event.get("id") == name and event.get("stage") == "separate")
