"""The last steps: what was done and what was measured, in one document and in the stems' headers.

This module must not change a sample, or decide anything.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from soundmatte.documents import Loudness, Seam, Separation, SoundName, Window, finite
from soundmatte.engines.engine import Generated
from soundmatte.jobs.work import Work

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress

_SOUNDS: tuple[SoundName, ...] = ("mix", "target", "residual")


def report(work: Work, progress: Progress) -> Work:
    """Put down what was done and what was measured."""
    media, span = work.known
    mix, muxed, placement = work.settled, work.muxed, work.placement
    assert work.answer is not None
    assert work.null_db is not None
    assert work.evidence is not None
    assert placement is not None
    offsets = [abs(found) for found in (muxed.offsets if muxed else ()) if found is not None]
    rate = mix.form.rate
    return work.having(
        separation=Separation(
            job=work.job,
            clip=media.path,
            target=work.finished("target.wav").absolute(),
            residual=work.finished("residual.wav").absolute(),
            file=work.finished(f"stems.{muxed.container}").absolute() if muxed else None,
            engine=work.engine.name,
            route=work.answer.route,
            style=work.selection.style,
            usd=float(work.answer.usd),
            null_db=work.null_db,
            offset_samples=max(offsets, default=0.0),
            start=float(span.start),
            duration=mix.frames / rate,
            handle_in=placement.stems[0].handle_in / rate,
            handle_out=placement.stems[0].handle_out / rate,
            rate=rate,
            channels=mix.form.channels,
            frames=mix.frames,
            encoding=mix.grid.encoding,
            mix_sha256=mix.sha256,
            picture=muxed.picture if muxed else None,
            evidence=work.evidence,
            windows=_windows(work),
            seams=_seams(work),
            loudness=_loudness(work, progress),
            notes=work.notes,
            placement=placement,
        )
    )


def stamp(work: Work, progress: Progress) -> Work:
    """Let the stems' own headers say how loud they are.

    A step of its own, since it writes into finished files; doing it twice is the same as once.
    """
    from stemmux.loudness import Loudness as Measured
    from stemmux.origination import stamp_loudness

    assert work.separation is not None
    for name, found in work.separation.loudness.items():
        if name != "mix":
            values = {key: -math.inf if value is None else value for key, value in found}
            stamp_loudness(work.unfinished(f"{name}.wav"), Measured(**values))
    progress(1.0)
    return work


def _windows(work: Work) -> tuple[Window, ...]:
    made, found = work.made, work.conformed
    if not isinstance(made, Generated) or found is None:
        return ()
    rate = work.settled.form.rate
    asked = [
        Window(
            start=_time(work, piece.start),
            duration=piece.frames / rate,
            delay=place.delay if place.trusted else None,
            inverted=place.trusted and place.inverted,
            drift_ppm=place.drift_ppm if place.trusted else 0.0,
            confidence=finite(place.confidence),
        )
        for piece, place in zip(made.pieces, found.alignments, strict=True)
    ]
    unasked = [
        Window(
            start=_time(work, part.first), duration=(part.last - part.first) / rate, silent=part.why
        )
        for part in made.silences
    ]
    return tuple(sorted([*asked, *unasked], key=lambda window: window.start))


def _seams(work: Work) -> tuple[Seam, ...]:
    return tuple(
        Seam(
            start=_time(work, seam.start),
            end=_time(work, seam.end),
            jump_db=finite(seam.jump_db),
            agreement=seam.agreement,
            smooth=seam.smooth,
        )
        for seam in (work.conformed.seams if work.conformed else ())
    )


def _time(work: Work, sample: int) -> float:
    """Seconds from the clip's first picture to a sample of the mix."""
    _, span = work.known
    return float(span.start + Fraction(sample, work.settled.form.rate))


def _loudness(work: Work, progress: Progress) -> dict[SoundName, Loudness]:
    """Of the mix and of both stems."""
    from stemmux.loudness import measure_waves

    measured = measure_waves([work.unfinished(f"{name}.wav") for name in _SOUNDS], progress)
    return {
        name: Loudness.model_validate(found.as_values())
        for name, found in zip(_SOUNDS, measured, strict=True)
    }
