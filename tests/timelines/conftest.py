"""Media for the tests of timelines, made once."""

from __future__ import annotations

import pytest
from tests.cli.shell import shell
from tests.media.making import Studio

__all__ = ["shell"]


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made."""
    return Studio(tmp_path_factory.mktemp("studio"))
