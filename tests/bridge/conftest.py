"""An engine to talk to, and a clip to talk about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.bridge.talking import Starter
from tests.media.making import Source, Studio

from soundmatte.hosts.bridge_client import BridgeClient


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made."""
    return Studio(tmp_path_factory.mktemp("studio"))


@pytest.fixture(scope="session")
def clip(studio: Studio) -> Source:
    """A second of pictures and sound."""
    return studio.clip("mov", frames=25)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """For engines of this test's own."""
    starter = Starter(tmp_path)
    yield starter
    starter.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """One engine, a journal and settings of its own, and its log."""
    starter = Starter(tmp_path_factory.mktemp("engine"))
    settings = {"OUTPUT_CONTAINER": "mkv", "CLOUD_MAX_COST": "0.20"}
    settings["STATE"] = str(starter.folder / "state")
    starter(**{f"SOUNDMATTE_{name}": value for name, value in settings.items()})
    yield starter
    starter.close()


@pytest.fixture
def engine(shared: Starter) -> Iterator[BridgeClient]:
    """The running engine that the tests of a module share; it does as the prompt says."""
    (client,) = shared.started
    yield client
    for name in client._open:
        client.cancel(name)


@pytest.fixture
def order(clip: Source, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Orders, by what the separator is to do."""

    def ordered(prompt: str = "", **selection: Any) -> dict[str, Any]:
        chosen = {"media": str(clip.path), "prompt": prompt, **selection}
        folder = str(tmp_path / "out" / (prompt or "half"))
        return {"selection": chosen, "engine": "offline", "output": folder}

    return ordered
