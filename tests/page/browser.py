"""A real browser: Chromium without a window, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: It asks nobody on the network for anything of its own; and has no sandbox within a sandbox.
_WORDS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=user-gesture-required",
]


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; `new_context` gives a person of their own."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "Chromium is not installed; see .ci/setup"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=_WORDS)
        yield browser
        browser.close()
