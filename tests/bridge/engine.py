"""The engine's process of these tests: the bridge as it is, and a separator that does as told.

    python engine.py bridge

The prompt says what the separator does: "wait" until it is cancelled, "signal" the same on a thread
that takes a signal, "deaf" to it, "ffmpeg" and "silent ffmpeg" in a program that takes ten minutes,
"print" to wherever one can print, "break".
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.jobs.bench import Part

from soundmatte import cli
from soundmatte.engines.engine import Estimate, Material, Progress, Question
from soundmatte.jobs import engines
from stemmux.ffmpeg import run

#: Set, it lets the separator do its work whatever the prompt says.
RELEASED = "RELEASED"
_LONG = ["-re", "-f", "lavfi", "-i", "anullsrc", "-t", "600", "-f", "null", "-"]


class Told(Part):
    """An engine that says it is the offline one."""

    name = "offline"

    def separate(
        self, question: Question, material: Material, folder: Path, progress: Progress
    ) -> Estimate:
        """Do what the prompt says, then take half of everything."""
        what = "" if RELEASED in os.environ else question.prompt
        progress(0.25)
        if what == "signal":
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        while what in ("wait", "signal"):
            progress(0.25)
            time.sleep(0.02)
        if what == "deaf":
            time.sleep(60)
        if what.endswith("ffmpeg"):
            run(_LONG, limit=600, progress=None if "silent" in what else progress)
        if what == "print":
            sys.stdout.write('{"event": "done", "id": "1", "result": {}}\n')
            sys.stdout.flush()
            os.write(1, b'{"event": "no"\n\xff\n')
            subprocess.run(["echo", "a child prints"], check=True)
            assert sys.stdin.read() == ""
        if what == "break":
            raise RuntimeError("at https://host/path?signature=secret")
        return super().separate(question, material, folder, progress)


if __name__ == "__main__":
    engines.offline_engine = Told  # type: ignore[assignment]
    cli.main()
