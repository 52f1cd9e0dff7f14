"""A fake Resolve for every worker, emptied for every test, and faults of scripts that fail it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.media.making import Source, Studio
from tests.resolve.driving import FakeResolve
from tests.resolve.pitfalls import Bench, facts
from tests.resolve.stage import Stage, installed


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made."""
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def shot(studio: Studio) -> Source:
    """Two seconds of pictures and stereo sound at 25."""
    return studio.clip("mov", frames=50)


@pytest.fixture(scope="session")
def menu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts, installed: the folder that the menu lists."""
    return installed(tmp_path_factory.mktemp("scripts"))


@pytest.fixture(scope="session")
def running() -> Iterator[FakeResolve]:
    """The process."""
    fake = FakeResolve()
    yield fake
    fake.close()


@pytest.fixture
def bench(fake: FakeResolve, studio: Studio, menu: Path) -> Bench:
    """Resolve, clips, and the scripts."""
    return Bench(fake, studio, menu)


@pytest.fixture
def fake(running: FakeResolve) -> Iterator[FakeResolve]:
    """It, empty; what a script must never do fails the test that saw it."""
    running.load({})
    running.environment = {}
    yield running
    violations = running.dump()["violations"]
    assert not violations, violations


@pytest.fixture
def stage(fake: FakeResolve, menu: Path, shot: Source, tmp_path: Path) -> Stage:
    """The scripts, an engine that plays what was recorded and knows the shot, and Resolve."""
    return Stage(fake, tmp_path, menu, clips={str(shot.path): facts(shot)})
