"""What the browser sees, and what the person wants: the two sides of the page, and their lock.

The browser asks for everything anew whenever its number has changed, and says what the person did,
which is a wish until somebody takes it. This module must not know HTTP, nor how anything is done.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from soundmatte.page.work import Choice, Offer

#: Where the page is: a person chooses, the work is done, it failed, it is done, it is over.
Phase = Literal["choosing", "running", "failed", "finished", "over"]
Act = Literal["choose", "separate", "cancel", "again", "done"]

#: In which phase what can be done.
ALLOWED: Final[dict[Act, tuple[Phase, ...]]] = {
    "choose": ("choosing",),
    "separate": ("choosing",),
    "cancel": ("choosing", "running", "failed"),
    "again": ("failed",),
    "done": ("finished",),
}
#: Seconds without a word after which nobody looks any more: said by the page when it was closed
#: (it may only be loading again), or not said at all (a browser may put a page to sleep), or it
#: was never opened.
CLOSED, SILENT, NEVER = 4.0, 180.0, 900.0


@dataclass(frozen=True)
class Wish:
    """What the person did. `offer`: the one that was agreed to."""

    act: Act
    choice: Choice | None = None
    offer: Offer | None = None


class Seen:
    """What the browser sees; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._number = 0
        self._told = -1
        self._view: dict[str, Any] = {}
        self._files: dict[str, Path] = {}
        self._offer: tuple[int, Offer] | None = None
        self._wishes: deque[Wish] = deque()
        self._heard = time.monotonic()
        self._entered = False
        #: The tab that looked last, and the one that was closed last.
        self._tab, self._closed = "", ""
        self._asking = 0
        #: The person wants what is under way to end.
        self.cancelled = threading.Event()

    @property
    def phase(self) -> Phase:
        """Where the page is."""
        with self._lock:
            phase: Phase = self._view.get("phase", "choosing")
            return phase

    @property
    def entered(self) -> bool:
        """Whether a browser has come."""
        return self._entered

    @property
    def gone(self) -> bool:
        """Whether nobody looks at the page any more, or ever did."""
        with self._lock:
            if self._asking:
                return False
            limit = SILENT if self._entered else NEVER
            return time.monotonic() - self._heard > (CLOSED if self._left else limit)

    def put(self, **parts: Any) -> None:
        """Change what is seen; values are JSON's."""
        with self._lock:
            if any(self._view.get(name, self) != value for name, value in parts.items()):
                self._view.update(parts)
                self._changed()

    def offer(self, offer: Offer | None) -> None:
        """Show what the choice costs; None while that is not known. It can be agreed to."""
        with self._lock:
            self._offer = None if offer is None else (self._number + 1, offer)
            self._view["offer"] = offer and {
                "number": self._number + 1,
                "choice": offer.choice.model_dump(),
                "price": offer.price,
                "notes": list(offer.notes),
            }
            self._changed()

    def lay_out(self, role: str, path: Path) -> None:
        """Let a file be fetched under the name of its role."""
        with self._lock:
            self._files[role] = path
            self._view["files"] = {**self._view.get("files", {}), role: self._number + 1}
            self._changed()

    def take_away(self, *roles: str) -> None:
        """Let these files not be fetched any more."""
        with self._lock:
            for role in roles:
                self._files.pop(role, None)
            self._view["files"] = {
                role: number
                for role, number in self._view.get("files", {}).items()
                if role in self._files
            }
            self._changed()

    def _changed(self) -> None:
        self._number += 1
        self._lock.notify_all()

    # What the browser asks.

    def look(self, after: int, limit: float, tab: str) -> dict[str, Any]:
        """All that is seen, once its number is another than `after`, or after `limit` seconds.

        Args:
            tab: who looks, in a name of the page's own that is another one whenever it is loaded.
        """
        with self._lock:
            self._here()
            # What a closed tab had asked before may come after the word that it was closed.
            if tab != self._closed:
                self._tab = tab
            self._asking += 1
            try:
                self._lock.wait_for(lambda: self._number != after, limit)
            finally:
                self._asking -= 1
                self._heard = time.monotonic()
            self._told = self._number
            return {**self._view, "number": self._number}

    def told(self, limit: float) -> None:
        """Wait until a browser has what was last put, if one is there: `limit` seconds at most."""
        end = time.monotonic() + limit
        while self._entered and not self._left and self._told != self._number:
            if time.monotonic() > end:
                return
            time.sleep(0.02)

    def file(self, role: str) -> Path | None:
        """The file of a role, where there is one."""
        with self._lock:
            self._here()
            return self._files.get(role)

    def enter(self) -> None:
        """A browser has come."""
        with self._lock:
            self._entered = True
            self._here()

    def leave(self, tab: str) -> None:
        """A tab was closed, or is being loaded again."""
        with self._lock:
            self._here()
            self._closed = tab

    @property
    def _left(self) -> bool:
        """Whether the tab that looked last was closed, or the only one before it looked."""
        return bool(self._closed) and self._tab in ("", self._closed)

    def _here(self) -> None:
        self._heard = time.monotonic()

    def wish(self, act: Act, choice: Choice | None = None, number: int = 0) -> bool:
        """The person did something; false where that cannot be done (any more).

        Args:
            number: of the offer that was agreed to, as it was shown.
        """
        with self._lock:
            self._here()
            if self._view.get("phase", "choosing") not in ALLOWED[act]:
                return False
            agreed = None
            if act == "separate":
                # What was shown is what is agreed to, or there is no agreement.
                shown, offer = self._offer or (0, None)
                if offer is None or shown != number or offer.choice != choice:
                    return False
                agreed = offer
            if act == "cancel":
                self.cancelled.set()
            if act == "choose":
                # What is on the page is of another choice.
                self._offer = None
                self._view.update(offer=None, problem=None)
                self._changed()
            self._wishes.append(Wish(act, choice, agreed))
            self._lock.notify_all()
            return True

    # What the work takes.

    def next(self, limit: float) -> Wish | None:
        """What the person did next; None where that is nothing, for `limit` seconds.

        Of several choices only the last counts, unless something else was done between.
        """
        with self._lock:
            self._lock.wait_for(lambda: bool(self._wishes), limit)
            wish = self._wishes.popleft() if self._wishes else None
            while wish and wish.act == "choose" and self._wishes:
                wish = self._wishes.popleft()
            return wish

    def begin(self, phase: Phase, **parts: Any) -> None:
        """Go to a phase: wishes of the one before, and its offer, count no more."""
        with self._lock:
            # Who cancels right after agreeing means what is about to begin.
            meant = phase == "running" and any(wish.act == "cancel" for wish in self._wishes)
            self._wishes.clear()
            if not meant:
                self.cancelled.clear()
            self._offer = None
            self._view.update(parts, phase=phase, offer=None)
            self._changed()
