"""A fake Resolve for every worker, emptied for every test, and faults of scripts that fail it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.media.making import Source, Studio
from tests.resolve.driving import FakeResolve


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made."""
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def shot(studio: Studio) -> Source:
    """Two seconds of pictures and stereo sound at 25."""
    return studio.clip("mov", frames=50)


@pytest.fixture(scope="session")
def running() -> Iterator[FakeResolve]:
    """The process."""
    fake = FakeResolve()
    yield fake
    fake.close()


@pytest.fixture
def fake(running: FakeResolve) -> Iterator[FakeResolve]:
    """It, empty; what a script must never do fails the test that saw it."""
    running.load({})
    running.environment = {}
    yield running
    violations = running.dump()["violations"]
    assert not violations, violations
