"""Media for the tests of separations, made once."""

from __future__ import annotations

import pytest
from tests.media.making import Studio


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    """Where clips are made."""
    return Studio(tmp_path_factory.mktemp("studio"))
