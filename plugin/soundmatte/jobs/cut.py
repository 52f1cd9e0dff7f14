"""What is cut out of the clip: the mix once, and of each stretch what the engine wants to see.

Stretches are cut when they are asked for, one at a time into the same files, so that a long range
needs no more room than a short one; and each from the clip itself by its own sample numbers, so
that nothing adds up. This module must not know what a stretch is separated for.
"""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from typing import TYPE_CHECKING

from soundmatte.engines.engine import Cuts
from soundmatte.jobs.work import Work
from stemmux.timebase import Span

if TYPE_CHECKING:
    from stemmux.bwf import Encoding
    from stemmux.ffmpeg import Progress
    from stemmux.matte import Cutout, Mask

_ENCODINGS: dict[str, Encoding] = {"16": "s16", "24": "s24", "32f": "f32"}


def extract(work: Work, progress: Progress) -> Work:
    """Cut the range's sound out of the clip and put it on its grid: from here on, the mix."""
    from stemmux.extract import Cut
    from stemmux.extract import extract as cut
    from stemmux.grid import settle

    media, span = work.known
    raw = work.unfinished("raw.wav")
    track = work.selection.track
    cut(media, span, Cut(mix=raw, track=track), progress=lambda share: progress(share * 0.7))
    mix = settle(
        raw,
        work.unfinished("mix.wav"),
        speakers=media.track(track).speakers,
        encoding=_ENCODINGS.get(work.selection.bits, "auto"),
        progress=lambda share: progress(0.7 + share * 0.3),
    )
    work.unneeded(raw)
    progress(1.0)
    return work.having(mix=mix).noting(*mix.notes)


class Cutting:
    """Cuts stretches for the engine; see `soundmatte.engines.engine.Cutter`.

    Attributes:
        notes: sentences about the matte that a person should read.
    """

    def __init__(self, work: Work) -> None:
        """Nothing is cut yet."""
        self._work = work
        self.notes: list[str] = []

    def __call__(self, first: int, frames: int, progress: Progress) -> Cuts:
        """Cut `frames` samples of the mix from `first` on."""
        lanes = self._work.lanes
        with lanes.processor(lambda: progress(0.0)) if lanes else nullcontext():
            return self._cut(first, frames, progress)

    def _cut(self, first: int, frames: int, progress: Progress) -> Cuts:
        from stemmux.extract import Cut, extract
        from stemmux.matte import Cutout

        work, (media, span) = self._work, self._work.known
        assert work.answer is not None
        needs, rate = work.answer.needs, work.settled.form.rate
        # Whole samples from the range's own first one: they are cut where they lie in the mix.
        begin, end = Fraction(first, rate), Fraction(first + frames, rate)
        mono = work.unfinished("mono.wav") if "mono" in needs else None
        proxy = work.unfinished("proxy.mov") if "proxy" in needs else None
        cut = Cut(mono=mono, proxy=proxy, track=work.selection.track) if mono or proxy else None
        where = Span(span.start + begin, span.start + end)
        shown = work.shown(where)
        if "mask" in needs:
            also = Cutout(media, where, cut, shown) if cut is not None else None
            mask = self._masked(begin, end, also, progress)
            if not mask.coverage:
                return Cuts(covered=0.0)
            return Cuts(mono, proxy, mask.path, mask.coverage)
        if cut is not None:
            extract(media, where, cut, shown=shown, progress=progress)
        return Cuts(mono, proxy)

    def clear(self) -> None:
        """Remove what was cut last."""
        self._work.unneeded(*map(self._work.unfinished, ("mono.wav", "proxy.mov", "mask.mp4")))

    def _masked(
        self, begin: Fraction, end: Fraction, also: Cutout | None, progress: Progress
    ) -> Mask:
        """The mask video of a stretch of the range, and in the same run what else is cut of it."""
        from stemmux.matte import taken, write_mask
        from stemmux.probe import probe

        work, (_, span) = self._work, self._work.known
        picture = work.shown(span).media
        choice = work.selection.matte
        assert choice is not None
        matte = probe(choice.path, picture=True)
        # Where the range begins in the matte is settled for the whole range, for all its parts.
        into = taken(matte, picture, span, choice.start).start - matte.origin - span.start
        mask = write_mask(
            matte,
            picture,
            Span(span.start + begin, span.start + min(end, span.duration)),
            work.unfinished("mask.mp4"),
            into=into,
            plane=choice.plane,
            invert=choice.invert,
            also=also,
            progress=progress,
        )
        if mask.coverage:
            # Before anything is sent: a matte that is the wrong way round costs as much.
            for note in mask.notes:
                work.say(note)
            self.notes += mask.notes
        return mask
