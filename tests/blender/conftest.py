"""Blenders for tests: as a Python module, and with its windows. See README.md here."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tests.blender import environments
from tests.blender.gui.desktop import Desktop
from tests.blender.headless import Module


@pytest.fixture(params=environments.tested(environments.MODULES))
def module(request: pytest.FixtureRequest, tmp_path: Path) -> Module:
    """Every Blender that there is as a Python module, without the extension."""
    return Module(request.param, tmp_path)


@pytest.fixture(params=environments.tested(environments.DESKTOPS))
def desktop(request: pytest.FixtureRequest, tmp_path: Path) -> Desktop:
    """Every Blender that there is with its windows, without the extension."""
    root = environments.place(request.param)
    if os.getuid():
        pytest.fail("Blender's windows need a root directory, and that needs root")
    return Desktop(root, tmp_path)


@pytest.fixture
def dice() -> random.Random:
    """Another seed each time, which a test that fails has printed."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
    print(f"SEED={seed}")  # noqa: T201
    return random.Random(seed)
