"""One visit of the page, from the proposal to *Done*.

All that is decided is decided on the thread that asked for the page; the browser's requests only
leave wishes. The matte is drawn beside it, and given up as soon as another one is wanted. This
module must not know HTTP, nor how anything is done.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from soundmatte.page.opening import Opening
from soundmatte.page.seen import Seen
from soundmatte.page.server import Server
from soundmatte.page.work import (
    HEARD,
    Choice,
    Listener,
    Matte,
    Offer,
    Outcome,
    Proposal,
    Shown,
    Work,
)
from stemmux.errors import Cancelled
from stemmux.ffmpeg import Progress

_TICK = 0.1
#: Seconds that a browser has to fetch the last word, and that drawing has to notice its end.
_LAST_WORDS, _PENCIL_DOWN = 1.0, 2.0
_PICTURES: Final[tuple[Shown, ...]] = ("still", "movie", "sheet")

#: What people read of the stages of a separation, and the share of the whole at which each ends.
STAGES: Final = {
    "extract": ("Cutting the clip", 0.1),
    "separate": ("Separating", 0.75),
    "conform": ("Fitting the stems to the clip", 0.87),
    "gate": ("Checking the stems", 0.88),
    "place": ("Checking the stems", 0.88),
    "remux": ("Writing the stems", 0.92),
    "report": ("Measuring the stems", 0.96),
    "listen": ("Making copies to listen to", 1.0),
}


class PageClosed(Cancelled):
    """The page was closed, or never opened, before anything was agreed to."""


class PageCancelled(Cancelled):
    """The person pressed Cancel."""


def visit(work: Work, listener: Listener) -> Any:
    """Show the page until the person is done with it.

    Args:
        listener: told how it goes; its progress may raise to end the visit, and the page says so.

    Returns:
        The outcome's result.

    Raises:
        PageClosed, PageCancelled: nothing came of it, by what the person did.
        Exception: what the work failed with last, where the person left it at that.
    """
    seen = Seen()
    # What is wrong from the start needs no browser to say so.
    proposal = work.proposal()
    with (
        tempfile.TemporaryDirectory(prefix="soundmatte-", ignore_cleanup_errors=True) as folder,
        Server(seen) as server,
        _farewell(seen),
    ):
        opening = Opening(server.address, listener.note)
        return _Visit(work, listener, seen, Path(folder)).result(proposal, opening)


@contextmanager
def _farewell(seen: Seen) -> Iterator[None]:
    """However it ends, the page says so."""
    words = "Done. The stems are with the editor; you can close this page."
    try:
        yield
    except PageCancelled:
        words = "Cancelled. You can close this page."
        raise
    except Cancelled:
        words = "This was ended in the editor. You can close this page."
        raise
    except BaseException:
        words = "This has ended, and the editor knows why. You can close this page."
        raise
    finally:
        seen.begin("over", farewell=words)
        seen.told(_LAST_WORDS)


class _Visit:
    """The steps of a visit."""

    def __init__(self, work: Work, listener: Listener, seen: Seen, folder: Path) -> None:
        self._work, self._listener, self._seen, self._folder = work, listener, seen, folder
        self._pencil: _Pencil | None = None
        self._failure: BaseException | None = None
        self._choice, self._matte = Choice(), False

    def result(self, proposal: Proposal, opening: Opening) -> Any:
        """Go on until the person is done."""
        self._choice = proposal.choice
        self._seen.put(
            clip=proposal.clip,
            range=proposal.range,
            matte=proposal.matte,
            engines=[
                {"name": one.name, "title": one.title, "options": list(one.options)}
                for one in proposal.engines
            ],
        )
        self._matte = proposal.matte
        try:
            while True:
                offer = self._chosen(opening)
                self._put_down()
                outcome = self._separated(offer)
                if outcome is not None:
                    return self._heard(outcome)
        finally:
            self._put_down()

    # Choosing.

    def _chosen(self, opening: Opening) -> Offer:
        """What the person agreed to."""
        self._seen.begin("choosing", choice=self._choice.model_dump(), problem=None, log=[])
        self._draw(self._choice.invert)
        self._estimate(self._choice)
        with self._listener.stage("page") as progress:
            while True:
                progress(0.0)
                opening.look(self._seen.entered)
                wish = self._seen.next(_TICK)
                if wish is None:
                    self._still_there()
                elif wish.act == "choose" and wish.choice is not None:
                    self._choice = wish.choice
                    self._draw(wish.choice.invert)
                    self._estimate(wish.choice)
                elif wish.act == "separate" and wish.offer is not None:
                    return wish.offer
                elif wish.act == "cancel":
                    self._give_up(PageCancelled("It was cancelled on the page.", hint=_AGAIN))

    def _still_there(self) -> None:
        if self._seen.gone:
            self._give_up(PageClosed("The page was closed before Separate.", hint=_AGAIN))

    def _give_up(self, error: Cancelled) -> None:
        # Whoever leaves after a failure leaves it at that.
        raise self._failure or error

    def _estimate(self, choice: Choice) -> None:
        self._seen.offer(None)
        try:
            offer = self._work.estimate(choice)
        except Exception as error:
            self._seen.put(problem=self._told(error))
        else:
            self._seen.put(problem=None)
            self._seen.offer(offer)

    def _draw(self, invert: bool) -> None:
        if not self._matte or (self._pencil is not None and self._pencil.invert == invert):
            return
        self._put_down()
        self._seen.take_away(*_PICTURES)
        self._pencil = _Pencil(self._work, self._seen, self._told, self._folder, invert)

    def _put_down(self) -> None:
        if self._pencil is not None:
            self._pencil.end()
            if not self._pencil.drawn:
                self._pencil = None

    def _told(self, error: BaseException) -> dict[str, str]:
        trouble = self._work.trouble(error)
        return {"kind": trouble.kind, "message": trouble.message, "hint": trouble.hint}

    # Separating.

    def _separated(self, offer: Offer) -> Outcome | None:
        """What came of it; None where the person wants to choose again."""
        self._seen.begin("running", progress={"words": "Beginning", "share": 0.0}, log=[])
        try:
            return self._work.separate(offer, _Both(self._listener, self._seen), self._folder)
        except PageCancelled as error:
            self._failure = error
        except Cancelled:
            raise  # from the editor
        except Exception as error:
            self._failure = error
        self._seen.begin("failed", error=self._told(self._failure))
        self._wait("again", "cancel")
        return None

    def _wait(self, go_on: str, end: str) -> None:
        with self._listener.stage("page") as progress:
            while True:
                progress(0.0)
                wish = self._seen.next(_TICK)
                if wish is not None and wish.act == go_on:
                    return
                if self._seen.gone or (wish is not None and wish.act == end):
                    assert self._failure is not None
                    raise self._failure

    # Listening.

    def _heard(self, outcome: Outcome) -> Any:
        """The result, once the person has listened, or is not there to."""
        sounds = []
        for role in HEARD:
            if (sound := outcome.sounds.get(role)) is not None:
                self._seen.lay_out(role, sound.path)
                peaks = [round(peak, 1) for peak in sound.peaks]
                sounds.append({"role": role, "peaks": peaks, "loudness": list(sound.loudness)})
        result = {
            "figures": outcome.figures,
            "folder": outcome.folder,
            "files": list(outcome.files),
            "notes": list(outcome.notes),
            "sounds": sounds,
        }
        self._seen.begin("finished", result=result)
        with self._listener.stage("page") as progress:
            while not self._seen.gone and self._seen.entered:
                progress(1.0)
                if self._seen.next(_TICK) is not None:
                    break
        return outcome.result


_AGAIN = "Start it again in the editor; nothing was separated."


class _Pencil:
    """Draws the matte, on a thread of its own, until it is done or another one is wanted."""

    def __init__(
        self,
        work: Work,
        seen: Seen,
        told: Callable[[BaseException], dict[str, str]],
        folder: Path,
        invert: bool,
    ) -> None:
        self.invert = invert
        self._work, self._seen, self._told = work, seen, told
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        self._ended, self.drawn = threading.Event(), False
        seen.put(drawing={"share": 0.0})
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Give it up; returns when it has ended, or soon."""
        self._ended.set()
        self._thread.join(_PENCIL_DOWN)
        if not self.drawn:
            self._seen.put(drawing={})

    def _draw(self) -> None:
        try:
            matte = self._work.show(self.invert, self._folder, self._show, self._progress)
        except Exception as error:
            self._say(drawing={"problem": self._told(error)})
        else:
            self._say(drawing=_matte_words(matte))
            self.drawn = True

    def _show(self, role: Shown, path: Path) -> None:
        if not self._ended.is_set():
            self._seen.lay_out(role, path)

    def _progress(self, share: float) -> None:
        if self._ended.is_set():
            raise Cancelled("Another matte is wanted.")
        self._say(drawing={"share": round(share, 2)})

    def _say(self, **parts: Any) -> None:
        if not self._ended.is_set():
            self._seen.put(**parts)


def _matte_words(matte: Matte) -> dict[str, Any]:
    return {
        "covered": f"{matte.coverage:.1%} of the picture is object",
        "warnings": list(matte.warnings),
    }


class _Both:
    """Tells the editor and the page how the work goes, and lets either of them end it."""

    def __init__(self, listener: Listener, seen: Seen) -> None:
        self._listener, self._seen = listener, seen
        self._log: list[str] = []
        self._share = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """See `Listener`."""
        begin = self._share
        words, self._share = STAGES.get(name, ("Working", begin))
        way = self._share - begin
        with self._listener.stage(name) as told:

            def progress(share: float) -> None:
                told(share)
                if self._seen.cancelled.is_set():
                    raise PageCancelled(
                        "It was cancelled on the page.",
                        hint="Try again to go on; nothing that was paid for is paid again.",
                    )
                self._seen.put(progress={"words": words, "share": round(begin + way * share, 3)})

            progress(0.0)
            yield progress

    def note(self, text: str) -> None:
        """See `Listener`."""
        self._listener.note(text)
        self._log.append(text)
        self._seen.put(log=list(self._log))
