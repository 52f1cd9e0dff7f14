"""A separation that a person looks at, changes and agrees to on a page in their own browser.

The page is told what `estimate`, `preview` and `separate` over the bridge would answer. What the
person agrees to is the order that was estimated for exactly what they chose, with the price that
was shown as its limit. This module must not know how the page is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from soundmatte.documents import Order, Selection, Separation
from soundmatte.errors import SoundmatteError, UsageError
from soundmatte.jobs import bridge_documents as documents
from soundmatte.jobs.bridge_events import failed
from soundmatte.jobs.bridge_requests import answer, seen, terms_refused
from soundmatte.page.visit import PageCancelled, visit
from soundmatte.page.work import (
    HEARD,
    LONGEST_PROMPT,
    Choice,
    EngineChoice,
    Heard,
    Listener,
    Matte,
    Offer,
    Outcome,
    Proposal,
    Shown,
    Sound,
    Trouble,
)
from soundmatte.settings import Cloud, load
from stemmux.errors import Cancelled, StemmuxError
from stemmux.timebase import Span

if TYPE_CHECKING:
    from soundmatte.jobs.lanes import Lanes
    from soundmatte.report.side_by_side import Copy
    from stemmux.ffmpeg import Progress

_OFFLINE: Final = EngineChoice("offline", "On this computer")
#: Way out by situation, where the engine's own names options of its command line.
_HINTS: Final = {
    "EngineRefused": "Change the prompt (offline: speech, or background), the matte or the engine.",
    "DoubtfulStems": "Look at the matte and the prompt, or tick “Deliver doubtful stems too”.",
    "OutputExists": "End this, and choose another folder in the editor.",
}


def separated(order: Order, listener: Listener, lanes: Lanes) -> Separation:
    """Show the page for an order, which is what it proposes, and do what the person makes of it.

    Raises:
        UsageError: the order's prompt or engine is none that a page can show.
        SettingsRefused: its terms are none of the cloud engine's.
        stemmux.errors.Cancelled: the person, or the editor, ended it.
        StemmuxError, SoundmatteError: by what stopped it, where the person left it at that.
    """
    return cast("Separation", visit(_Work(order, lanes), listener))


@dataclass(frozen=True)
class _Work:
    """See `soundmatte.page.work.Work`."""

    order: Order
    lanes: Lanes

    def proposal(self) -> Proposal:
        """The order, in people's words."""
        from soundmatte.report.preview import clock
        from stemmux.probe import probe

        selection, cloud = self.order.selection, _cloud(self.order)
        engines = _engines(self.order)
        if self.order.engine not in {one.name for one in engines}:
            raise UsageError(f"There is no engine {self.order.engine!r}.", hint="Estimate anew.")
        if len(selection.prompt) > LONGEST_PROMPT:
            raise UsageError("The prompt is too long for a page.", hint="Shorten it.")
        span = probe(selection.media).span(selection.start, selection.end)
        return Proposal(
            clip=selection.media.name,
            range=f"{clock(span.start)} to {clock(span.end)} · {float(span.duration):.2f} s",
            matte=selection.matte is not None,
            engines=engines,
            choice=Choice(
                prompt=selection.prompt,
                invert=selection.matte is not None and selection.matte.invert,
                engine=self.order.engine,
                style=selection.style,
                acceleration=cloud.acceleration,
                candidates=cloud.candidates,
                accept_doubtful=self.order.accept_doubtful,
            ),
        )

    def estimate(self, choice: Choice) -> Offer:
        """What `estimate` answers; its order is what can be agreed to."""
        remote = choice.engine == "cloud"
        selection = self._selection(choice.prompt, choice.invert)
        selection = selection.model_copy(update={"style": choice.style if remote else "original"})
        terms = self.order.terms if remote else {}
        # The limit of the proposal is its own price; that of this choice is not known yet.
        terms = {name: value for name, value in terms.items() if name != "max_cost"}
        if remote:
            terms |= {"acceleration": choice.acceleration, "candidates": choice.candidates}
        request = documents.Estimate(
            version=1,
            id="page",
            request="estimate",
            selection=selection,
            output=self.order.output,
            use=choice.engine,
            terms=terms,
            overwrite=self.order.overwrite,
            accept_doubtful=choice.accept_doubtful,
        )
        found = cast("documents.Estimated", answer(request, _Quiet(), self.lanes))
        return Offer(choice, _price(found), found.notes, found.order)

    def show(
        self, invert: bool, folder: Path, show: Callable[[Shown, Path], None], progress: Progress
    ) -> Matte:
        """One picture at once; then what `preview` answers."""
        from soundmatte.report.glance import glance

        request = documents.Preview(
            version=1,
            id="page",
            request="preview",
            selection=self._selection("", invert),
            output=folder,
            overwrite=True,
        )
        matte = request.selection.matte
        assert matte is not None
        clip, start, end, into = seen(request.selection, matte)
        still = folder / "still.png"
        glance(
            clip,
            matte.path,
            still,
            invert=invert,
            matte_from=matte.plane,
            start=start,
            end=end,
            matte_start=into,
        )
        show("still", still)
        found = cast("documents.Previewed", answer(request, _Quiet(progress), self.lanes))
        show("sheet", found.sheet)
        show("movie", found.movie)
        return Matte(found.coverage, found.warnings)

    def separate(self, offer: Offer, listener: Listener, folder: Path) -> Outcome:
        """What `separate` answers, and copies of it to listen to."""
        order = cast("Order", offer.order)
        request = documents.Separate(version=1, id="page", request="separate", order=order)
        done = cast("Separation", answer(request, listener, self.lanes))
        notes = done.notes
        copies: Mapping[str, Copy] = {}
        try:
            with listener.stage("listen") as progress:
                copies, gain = _copies(order.selection, done, folder, progress)
        except PageCancelled:
            pass  # too late: the stems are there
        except Cancelled:
            raise
        except (StemmuxError, SoundmatteError) as error:
            notes = (*notes, f"The stems cannot be listened to here: {error}")
        else:
            if gain < 0:
                notes = (*notes, f"What you hear here is {-gain:.1f} dB softer than the stems.")
        return _outcome(done, notes, copies)

    def trouble(self, error: BaseException) -> Trouble:
        """As an event of the bridge says it."""
        told = failed(error, None)
        hint = _HINTS.get(told["kind"], told["hint"])
        return Trouble(told["kind"], told["message"], hint)

    def _selection(self, prompt: str, invert: bool) -> Selection:
        matte = self.order.selection.matte
        if matte is not None:
            matte = matte.model_copy(update={"invert": invert})
        return self.order.selection.model_copy(update={"prompt": prompt, "matte": matte})


class _Quiet:
    """A listener that tells nobody, or one progress alone."""

    def __init__(self, progress: Progress = lambda share: None) -> None:
        self._progress = progress

    @contextmanager
    def stage(self, name: str) -> Iterator[Progress]:
        """See `Listener`."""
        yield self._progress

    def note(self, text: str) -> None:
        """See `Listener`."""


def _engines(order: Order) -> tuple[EngineChoice, ...]:
    """The engines that can be had here."""
    from soundmatte.separation.keys import find

    server = _cloud(order).server
    if order.engine != "cloud" and not server and find() is None:
        return (_OFFLINE,)
    title = f"Server at {server}" if server else "Cloud service"
    return (_OFFLINE, EngineChoice("cloud", title, ("style", "acceleration", "candidates")))


def _cloud(order: Order) -> Cloud:
    """The cloud engine's settings, with the order's terms in place of them."""
    with terms_refused():
        return Cloud.model_validate({**load().settings.cloud.model_dump(), **order.terms})


def _price(found: documents.Estimated) -> str:
    """What it costs at most; the number is the limit itself, not a rounded one."""
    if found.order.engine == "offline":
        return "Nothing is paid, and nothing leaves this computer."
    usd = Decimal(found.order.terms["max_cost"])
    return f"You pay at most {usd.normalize():f} USD for {found.duration:.2f} s of sound."


def _copies(
    selection: Selection, done: Separation, folder: Path, progress: Progress
) -> tuple[dict[str, Copy], float]:
    """The clip's sound over the range of the stems, and both stems, to listen to."""
    from soundmatte.report.side_by_side import side_by_side
    from stemmux.extract import Cut, extract
    from stemmux.probe import probe

    stem = done.placement.stems[0]
    mix = folder / "cut.wav"
    span = Span(stem.start, stem.start + Fraction(stem.frames, stem.rate))
    cut = Cut(mix=mix, track=selection.track)
    extract(probe(selection.media), span, cut, progress=lambda share: progress(share / 2))
    sounds = {"mix": mix, "target": done.target, "residual": done.residual}
    return side_by_side(sounds, folder, lambda share: progress((1 + share) / 2))


def _outcome(done: Separation, notes: tuple[str, ...], copies: Mapping[str, Copy]) -> Outcome:
    written = (done.target, done.residual, *([done.file] if done.file else []))
    return Outcome(
        figures=_figures(done),
        folder=str(done.target.parent),
        files=tuple(path.name for path in written),
        notes=notes,
        sounds={
            role: Sound(copies[role].path, copies[role].peaks, _loudness(done, role))
            for role in HEARD
            if role in copies
        },
        result=done,
    )


def _figures(done: Separation) -> str:
    if done.style == "clean":
        said = "As the model made them: target and residual do not add up to the clip"
    elif done.null_db <= -300:
        said = "Target + residual = clip, to the last bit"
    else:
        said = f"Target + residual = clip but for {done.null_db:.1f} dBFS"
    if done.file is not None:
        said += f" · {done.offset_samples:g} samples from where they belong"
    return f"{said} · {done.rate} Hz, {done.channels} ch, {done.frames} samples"


def _loudness(done: Separation, role: Heard) -> tuple[str, ...]:
    found = done.loudness.get(role)
    if found is None or found.integrated_lufs is None:
        return ("too soft to measure",)
    loud = [f"{found.integrated_lufs:.1f} LUFS"]
    if found.true_peak_dbtp is not None:
        loud.append(f"peak {found.true_peak_dbtp:.1f} dBTP")
    return tuple(words.replace("-", "−") for words in loud)
