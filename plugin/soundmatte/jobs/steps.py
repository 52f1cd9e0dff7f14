"""A separation, from selection to stems: this ordered list of steps, and nothing beside it.

Each step takes the work so far and gives it back with one thing more. All files are made in a
hidden folder beside their destination and get their names together, at the very end. This module
must not know which engine separates, nor who asked.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from soundmatte.documents import DefaultChoice, Placed, Placement, StemRole
from soundmatte.engines.engine import Generated, Material, Silence, at_once
from soundmatte.jobs.conform import conform, gate
from soundmatte.jobs.cut import Cutting, extract
from soundmatte.jobs.plan import plan
from soundmatte.jobs.report import report, stamp
from soundmatte.jobs.work import Work, clock, handles, stem_start, time_reference, title
from stemmux.errors import ContainerRefused, FfmpegFailed, MediaError, VerificationFailed

if TYPE_CHECKING:
    from soundmatte.jobs.journal import JobState
    from stemmux.cargo import Default
    from stemmux.ffmpeg import Progress
    from stemmux.mux import Stem

Step = Callable[[Work, "Progress"], Work]

#: As the stems lie in the file: the target, then the residual.
_DEFAULTS: dict[DefaultChoice, Default] = {"auto": None, "clip": "clip", "target": 0, "residual": 1}


def separate(work: Work, progress: Progress) -> Work:
    """Let the engine estimate one of the stems, or make both."""
    if work.cache is not None:
        kept = work.cache.find(work.key, work.unfinished("kept.wav"))
        if kept is not None:
            return work.having(made=kept)
    cutting = Cutting(work)
    again = {"selection": work.selection.model_dump(mode="json")}
    turn = at_once if work.lanes is None else work.lanes.network
    material = Material(work.key, work.settled.path, cutting, work.say, again, work.job, turn)
    try:
        made = work.engine.separate(work.question, material, work.folder, progress)
    finally:
        cutting.clear()
    work = work.noting(*cutting.notes)
    if isinstance(made, Generated):
        if not made.pieces:
            raise MediaError(
                "The matte covers nothing in this range.",
                hint="Look at it with soundmatte preview; --invert-matte turns it round.",
            )
        work = work.noting(*_silence_notes(work, made.silences))
    return work.having(made=made)


def _silence_notes(work: Work, silences: tuple[Silence, ...]) -> list[str]:
    """One sentence for each stretch, whatever number of windows it has."""
    media, span = work.known
    rate, joined = work.settled.form.rate, list[Silence]()
    for part in silences:
        if joined and joined[-1].why == part.why and joined[-1].last >= part.first:
            joined[-1] = Silence(joined[-1].first, part.last, part.why)
        else:
            joined.append(part)
    reasons = {"matte": "The matte is empty", "times": "By the times given there is no target"}
    return [
        f"{reasons[part.why]} from {clock(media, span.start + Fraction(part.first, rate))} to "
        f"{clock(media, span.start + Fraction(part.last, rate))}: the target is silent there, "
        "and nothing was sent."
        for part in joined
    ]


def place(work: Work, progress: Progress) -> Work:
    """Say where each stem goes, on a timeline or in the clip's own file."""
    media, span = work.known
    mix = work.settled
    rate = mix.form.rate
    assert work.wanted is not None
    before, behind = handles(media, work.wanted, span, rate)
    roles: tuple[StemRole, StemRole] = ("target", "residual")
    return work.having(
        placement=Placement(
            stems=tuple(
                Placed(
                    role=role,
                    track=title(work, role),
                    path=work.finished(f"{role}.wav").absolute(),
                    start=span.start,
                    offset_samples=stem_start(media, span, rate),
                    frames=mix.frames,
                    rate=rate,
                    channels=mix.form.channels,
                    time_reference=time_reference(media.timecode, span, rate),
                    handle_in=before,
                    handle_out=behind,
                )
                for role in roles
            )
        )
    )


def remux(work: Work, progress: Progress) -> Work:
    """Add the stems to the clip as audio tracks, in the first container that can carry it all."""
    from stemmux.mux import add

    media, _ = work.known
    stems, chosen = _stems(work), work.selection
    if chosen.container == "none":
        return work
    refused: Exception | None = None
    for container in work.containers:
        try:
            made = add(
                media,
                stems,
                work.unfinished(f"stems.{container}"),
                replace_audio=chosen.replace_audio,
                default=_DEFAULTS[chosen.default],
                progress=progress,
            )
            return work.having(muxed=made).noting(*made.lost)
        except (ContainerRefused, FfmpegFailed, VerificationFailed) as error:
            refused = error
    if work.selection.container != "auto":
        assert refused is not None
        raise refused
    return work.noting(
        "No file with the stems in it was made: no container here can carry the clip's streams. "
        "The stems themselves are complete."
    )


def _stems(work: Work) -> list[Stem]:
    from stemmux.mux import Stem

    assert work.placement is not None
    return [
        Stem(work.unfinished(f"{stem.role}.wav"), stem.track, stem.offset_samples)
        for stem in work.placement.stems
    ]


#: Steps that make no file, and take no time: after a kill they are simply taken again.
QUICK: tuple[Step, ...] = (gate, place)
#: The one way through, and what the journal calls a job when a step is done.
STEPS: tuple[tuple[Step, JobState], ...] = (
    (plan, "planned"),
    (extract, "extracted"),
    (separate, "fetched"),
    (conform, "conformed"),
    (gate, "conformed"),
    (place, "conformed"),
    (remux, "conformed"),
    (report, "placed"),
    (stamp, "placed"),
)
