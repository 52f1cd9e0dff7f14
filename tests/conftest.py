"""What every test stands on: an environment of its own, and no network."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something of the machine, not of what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A run that was started in the background ignores Ctrl+C, and its children would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

#: Fixtures and tables that several folders of tests share lie beside what they are about.
sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("service", "separation")]
from fixtures import _second_service, fresh_service, noise_clip, service  # noqa: E402, F401

#: What the sample of clips, containers and rates is drawn with (`tests/media/remuxing.py`).
os.environ.setdefault("REMUX_SEED", "20261122")


def pytest_report_header() -> str:
    """Say with what the samples of this run can be drawn again."""
    return f"REMUX_SEED={os.environ['REMUX_SEED']}"


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting, model or ffmpeg of the person who runs the tests reaches them."""
    # Beside the test's own folder, so that it can say what is in that.
    home = tmp_path.with_name(f"{tmp_path.name}.home")
    for name in list(os.environ):
        if name.startswith(("SOUNDMATTE_", "STEMMUX_", "FAL_")):
            monkeypatch.delenv(name)
    for name, folder in (
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
    ):
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("SOUNDMATTE_CONFIG", str(home / "settings.toml"))
