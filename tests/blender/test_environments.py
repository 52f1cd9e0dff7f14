"""A Blender that is not here is never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.blender import environments


@pytest.mark.parametrize("name", environments.REQUIRED)
def test_a_required_blender_that_is_missing_fails(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("", str(tmp_path)):
        monkeypatch.setenv("BLENDERS", folder)
        assert name in environments.tested((*environments.MODULES, *environments.DESKTOPS))
        with pytest.raises(pytest.fail.Exception, match=rf"\.ci/blender-\w+ FOLDER {name}"):
            environments.place(name)


def test_what_else_is_here_is_tested_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLENDERS", str(tmp_path))
    assert environments.tested(environments.DESKTOPS) == ["trixie"]
    (tmp_path / "sid").mkdir()
    assert environments.tested(environments.DESKTOPS) == ["trixie"]
    (tmp_path / "sid" / ".complete").touch()
    assert environments.tested(environments.DESKTOPS) == ["trixie", "sid"]
    assert environments.place("sid") == tmp_path / "sid"
