"""The engine that runs here, as another program starts it, and how an editor learns of it.

This module must not know any editor.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from soundmatte import __version__
from soundmatte.errors import EngineUnreachable
from soundmatte.hosts import programs
from stemmux.files import replacing

RECORD = "engine.json"
#: Seconds for the engine's first word, on a disk that has to wake up.
_SECONDS = 60.0


def command() -> list[str]:
    """Words that start this very `soundmatte`, whatever the folder or the environment is.

    Raises:
        EngineUnreachable: nobody else can start it so.
    """
    # -P: nothing that happens to lie in the folder where an editor runs is taken for ours.
    words = [sys.executable, "-P", "-m", "soundmatte"]
    ended = programs.run([*words, "--version"], _SECONDS)
    if ended.status == 0 and ended.last == f"soundmatte {__version__}":
        return words
    raise EngineUnreachable(
        f"An editor could not start this soundmatte: {ended.last}",
        hint=f"Install it first, so that `{sys.executable} -m soundmatte --version` works.",
    )


def record(folder: Path, words: list[str]) -> None:
    """Write down for an editor's plugin where the engine is.

    Args:
        folder: the plugin's own; made where it does not exist.

    Raises:
        OutputRefused: it cannot be written to.
    """
    with replacing(folder / RECORD, overwrite=True) as temporary:
        text = json.dumps({"command": words, "program": __version__}, indent=1)
        temporary.write_text(f"{text}\n", encoding="utf-8")
