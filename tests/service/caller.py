"""Calls the service as a stranger would, with httpx and nothing of ours; for tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.service.fixtures import SeparationService

APP = "fal-ai/sam-audio"


class Caller:
    """Someone with the key."""

    def __init__(self, service: SeparationService) -> None:
        """Call this service."""
        self.service = service
        headers = {"Authorization": f"Key {service.key}"}
        self.http = httpx.Client(headers=headers, timeout=30, trust_env=False, verify=False)
        self.plain = httpx.Client(timeout=30, trust_env=False, verify=False)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self.plain.close()

    def submit(
        self, value: Any, endpoint: str = "visual-separate", **options: Any
    ) -> dict[str, Any]:
        """Submit; the answer, which must be a success."""
        answer = self.http.post(f"{self.service.queue}/{APP}/{endpoint}", json=value, **options)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def status(self, ticket: dict[str, Any], logs: str = "1") -> httpx.Response:
        """Ask for the status."""
        return self.http.get(ticket["status_url"], params={"logs": logs})

    def wait(self, ticket: dict[str, Any], word: str = "COMPLETED") -> dict[str, Any]:
        """Poll until the status is this one; the status."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            status = self.status(ticket).json()
            if status["status"] == word:
                return dict(status)
            time.sleep(0.02)
        raise AssertionError(f"not {word} within 20 s: {status}")

    def result(self, ticket: dict[str, Any]) -> httpx.Response:
        """Wait, and ask for the result."""
        self.wait(ticket)
        return self.http.get(ticket["response_url"])

    def upload(self, data: bytes, name: str = "clip.mov", kind: str = "video/quicktime") -> str:
        """Upload in the simplest shape; the file's public address."""
        wanted = {"file_name": name, "content_type": kind}
        answer = self.http.post(
            f"{self.service.rest}/storage/upload/initiate?storage_type=fal-cdn-v3", json=wanted
        )
        assert answer.status_code == 200, answer.text
        put = self.plain.put(
            answer.json()["upload_url"], content=data, headers={"Content-Type": kind}
        )
        assert put.is_success, put.text
        return str(answer.json()["file_url"])


@pytest.fixture
def caller(service: SeparationService) -> Iterator[Caller]:
    """A caller of the service that all tests share."""
    caller = Caller(service)
    yield caller
    caller.close()


@pytest.fixture
def own(fresh_service: SeparationService) -> Iterator[Caller]:
    """A caller of a service of the test's own; nothing takes time there."""
    fresh_service.settings(queue_seconds=0, job_seconds=0)
    caller = Caller(fresh_service)
    yield caller
    caller.close()
