"""The command killed at every step of a paid job, then run again.

The tests take a sample; `benchmarks/paid_jobs.py` prints all of it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import matrix

#: Killed while the request is on its way, and while its answer is.
MOMENTS = {"before": "delay_before", "after": "delay"}
_COMMAND = "import sys; from soundmatte.cli import main; main()"


def command(service: Any, clip: Path, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of one paid separation, and its environment."""
    words = [sys.executable, "-c", _COMMAND, "separate", str(clip), "--prompt", "dog"]
    words += ["--server", service.base, "--json", "--overwrite", "-o", str(folder / "out")]
    mine = {"FAL_KEY": service.key, "SOUNDMATTE_STATE": str(folder / "state")}
    return words, {**os.environ, **mine}


def separate(service: Any, clip: Path, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run the command to its end: exit status and JSON."""
    words, environment = command(service, clip, folder)
    ended = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=120)
    return ended.returncode, json.loads(ended.stdout or b"{}")


def kill_at(
    service: Any, clip: Path, folder: Path, request: str, moment: str, nth: int = 1
) -> bool:
    """Start the command, and kill it while the `nth` request of that kind is under way.

    Returns:
        Whether it got there.
    """
    matrix.order(service, request, {MOMENTS[moment]: 5.0}, times=1, nth=nth)
    words, environment = command(service, clip, folder)
    child = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while child.poll() is None:
            if service.faults()[0]["hits"]:
                # Let the moment begin: the work is done at once when the delay comes after it.
                time.sleep(0.15)
                os.kill(child.pid, signal.SIGKILL)
                return True
            time.sleep(0.01)
        return False
    finally:
        child.kill()
        child.wait()
        service.forget_faults()


def run(service: Any, clip: Path, folder: Path, request: str, moment: str) -> str:
    """Kill, run again, and say how it ended.

    Raises:
        AssertionError: a second job was sent, or a result was lost.
    """
    assert kill_at(service, clip, folder, request, moment), "the command ended before that"
    status, told = separate(service, clip, folder)
    made = len(service.jobs())
    assert made <= 1, f"{made} jobs"
    assert matrix.sent(service) <= 1
    if status == 0:
        assert Path(told["target"]).exists()
        assert told["null_db"] == -300.0
        assert not [path for path in (folder / "out").iterdir() if path.name.startswith(".")]
        return "done"
    assert told["error"]["kind"] == "SubmitUncertain", told
    assert "--accept-cost" in told["error"]["hint"]
    return "uncertain"
