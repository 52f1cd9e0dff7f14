"""A clip and two stems from anywhere go in, stems that fit the clip come out.

Cut, settle, conform, split, measure: everything that `stemmux conform` does, for programs too. This
module must not know which model made the stems.
"""

from __future__ import annotations

import datetime
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.conform import Conformed, Piece, Style, conform
from stemmux.errors import DoubtfulStems
from stemmux.extract import Cut, extract
from stemmux.files import replacing
from stemmux.grid import Mix, Split, Wanted, pair, settle, split
from stemmux.loudness import Loudness, measure_waves
from stemmux.measure import null_db
from stemmux.origination import Origination, stamp_loudness
from stemmux.timebase import sample_at

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress
    from stemmux.probe import Media
    from stemmux.timebase import Span

#: Shares of the progress at which the sound is cut, on its grid, and fitted.
_CUT, _SETTLED, _FITTED = 0.1, 0.2, 0.8


@dataclass(frozen=True)
class Fitted:
    """Two stems that fit their clip, as Broadcast WAV.

    Attributes:
        start: samples from the clip's first picture to the stems' first sample.
        null_db: mix minus both stems against full scale; -inf is exact.
        moved, clipped: see `stemmux.grid.Split`.
        loudness: of the mix, the target and the residual.
        notes: sentences that a person should read.
    """

    target: Path
    residual: Path
    start: int
    frames: int
    rate: int
    channels: int
    encoding: str
    null_db: float
    moved: int
    clipped: int
    conformed: Conformed
    loudness: list[Loudness]
    notes: tuple[str, ...]


def fit(
    media: Media,
    span: Span,
    target: Path,
    residual: Path | None,
    folder: Path,
    *,
    track: int = 1,
    style: Style = "original",
    encoding: Wanted = "auto",
    accept_doubtful: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Fitted:
    """Write `NAME_target.wav` and `NAME_residual.wav`: the clip's own sound, divided by the stems.

    Args:
        target, residual: stems of the span, of any kind; the residual may be missing.

    Raises:
        DoubtfulStems: the stems are empty, or not this clip's; nothing is written.
        StemmuxError: clip, stems or folder will not do.
    """
    told = progress or (lambda share: None)
    wanted = [folder / f"{media.path.stem}_{role}.wav" for role in ("target", "residual")]
    sources = [media.path, target, *([residual] if residual else [])]
    with ExitStack() as stack:
        names = (replacing(path, overwrite=overwrite, sources=sources) for path in wanted)
        outs = [stack.enter_context(name) for name in names]
        temporary = tempfile.TemporaryDirectory(prefix=".stemmux-", dir=folder)
        work = Path(stack.enter_context(temporary))
        mix = _mix(media, span, track, encoding, work, told)
        pieces = [Piece(target, residual, 0, mix.frames)]

        def fitting(share: float) -> None:
            told(_SETTLED + share * (_FITTED - _SETTLED))

        found = conform(mix, pieces, work, style=style, progress=fitting)
        _check(found, accept_doubtful)
        made = _divided(media, span, mix, found, outs)
        level = null_db(mix.path, outs)
        loudness = measure_waves([mix.path, *outs])
        for path, loud in zip(outs, loudness[1:], strict=True):
            stamp_loudness(path, loud)
        told(1.0)
    return Fitted(
        wanted[0],
        wanted[1],
        span.samples(mix.form.rate)[0],
        mix.frames,
        mix.form.rate,
        mix.form.channels,
        mix.grid.encoding,
        level,
        made.moved,
        made.clipped,
        found,
        loudness,
        (*media.warnings, *mix.notes, *found.notes, *found.evidence.doubts),
    )


def _mix(media: Media, span: Span, track: int, encoding: Wanted, work: Path, told: Progress) -> Mix:
    raw = work / "raw.wav"
    cut = Cut(mix=raw, track=track)
    extract(media, span, cut, progress=lambda share: told(share * _CUT))
    mix = settle(
        raw,
        work / "mix.wav",
        speakers=media.track(track).speakers,
        encoding=encoding,
        progress=lambda share: told(_CUT + share * (_SETTLED - _CUT)),
    )
    raw.unlink()
    return mix


def _check(found: Conformed, accepted: bool) -> None:
    evidence = found.evidence
    if not evidence.doubts or accepted:
        return
    better = "; --style clean may be better" if evidence.clean_may_be_better else ""
    raise DoubtfulStems(
        "The stems are doubtful, and nothing was written. " + " ".join(evidence.doubts),
        hint=f"--accept-doubtful writes them all the same{better}.",
    )


def _divided(media: Media, span: Span, mix: Mix, found: Conformed, outs: list[Path]) -> Split:
    first, second = (_origination(media, span, mix, role) for role in ("Target", "Residual"))
    origins = first, second
    if found.residual is None:
        return split(mix, found.target, "target", outs[0], outs[1], originations=origins)
    estimates = found.target, found.residual
    return pair(mix, *estimates, outs[0], outs[1], originations=origins)


def _origination(media: Media, span: Span, mix: Mix, role: str) -> Origination:
    clock, made = media.timecode, media.path.stat().st_mtime
    day = datetime.datetime.fromtimestamp(made, datetime.UTC)
    return Origination(
        description=f"{role} of {media.path.name}",
        time_reference=sample_at((clock.time if clock else 0) + span.start, mix.form.rate),
        date=day.strftime("%Y-%m-%d"),
        time=day.strftime("%H:%M:%S"),
        title=role,
        timecode_rate=clock.rate if clock else None,
        drop_frame=clock is not None and clock.drop,
    )
