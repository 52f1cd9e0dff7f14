"""The browser is opened; where none can be, the person is told the address.

The address lets one browser in, once: it is told to nobody unless it is needed. This module must
not know what the page is about.
"""

from __future__ import annotations

import threading
import time
import webbrowser
from collections.abc import Callable
from typing import Final

#: Seconds after which a browser that was opened should have come.
_PATIENCE: Final = 15.0


class Opening:
    """Opens a browser, and looks whether it came."""

    def __init__(self, address: str, say: Callable[[str], None]) -> None:
        """`say` is told the address if it is needed."""
        self._address, self._say = address, say
        self._began = time.monotonic()
        self._failed = threading.Event()
        self._said = False
        # Some browsers return only when they are closed.
        threading.Thread(target=self._open, daemon=True).start()

    def look(self, came: bool) -> None:
        """To be called again and again: whether a browser came says who is waited for."""
        if came or self._said:
            return
        if self._failed.is_set() or time.monotonic() - self._began > _PATIENCE:
            self._said = True
            self._say(f"No browser has opened. The page is at {self._address}")

    def _open(self) -> None:
        try:
            opened = webbrowser.open(self._address)
        except Exception:  # whatever is called a browser here
            opened = False
        if not opened:
            self._failed.set()
