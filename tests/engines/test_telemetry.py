"""Running a net leaves nothing outside: no file, no report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_onnx_runtime_leaves_nothing_behind(tmp_path: Path) -> None:
    code = """
import numpy as np
from soundmatte.engines.offline.speech import SpeechSeparator
SpeechSeparator.load().estimate(np.random.default_rng(0).normal(0, 0.1, 48_000), 48_000)
"""
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    for place in places:
        (tmp_path / place).mkdir()
        environment[place] = str(tmp_path / place)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
