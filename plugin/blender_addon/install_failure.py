# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means for a person that the engine could not be installed, from what Python and pip said.

This module must not know how it was tried.
"""

from __future__ import annotations

import re

from .refusal import Refusal

#: The way that needs nothing of Blender's Python.
BY_PIP = (
    "Install Soundmatte with another Python, `pip install soundmatte`, "
    "and run `soundmatte install blender`."
)

#: What is looked for in the log, the sentence that it means, and the way out.
_REASONS = (
    (
        r"SOUNDMATTE no (\w+)",
        "Blender's Python cannot make environments: it comes without {}.",
        "Install it (on Debian and Ubuntu the package python3-venv), or: " + BY_PIP,
    ),
    (r"SOUNDMATTE old (\S+)", "Blender's Python is {}; the engine needs 3.11.", BY_PIP),
    (
        r"No space left on device|not enough space on the disk",
        "The disk is full.",
        "Make room for 1.5 GB, and try again.",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "What was fetched is not what this extension was made with, and was not installed.",
        "Try again; if it happens again, somebody between you and the package index changes files.",
    ),
    (
        r"(?:ConnectTimeoutError|NewConnectionError|NameResolutionError|ReadTimeoutError|"
        r"ProxyError|SSLError|Connection (?:refused|reset)|Temporary failure in name)",
        "The package index cannot be reached.",
        "Check the network, or the proxy that is set for pip, and try again.",
    ),
    (
        r"No matching distribution found for (\S+?)==",
        "There is no {} for this system with Blender's Python.",
        BY_PIP,
    ),
)


def failure(said: str, log: str) -> Refusal:
    """The refusal for a step that said this; `log` is the file that has it all."""
    for pattern, message, hint in _REASONS:
        match = re.search(pattern, said)
        if match:
            return Refusal(message.format(*match.groups()), hint)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["nothing"]
    last = errors[-1].removeprefix("ERROR:").strip()[:200]
    return Refusal(f"The engine could not be installed: {last}", f"All is in {log}.")
