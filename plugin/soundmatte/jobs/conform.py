"""From what the engine made to two stems on the mix's grid, and whether anybody should use them.

Where two windows do not agree, the later one is drawn again, if that was agreed to be paid for.
This module must not know how stems are aligned, nor what a draw costs.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from soundmatte.documents import Evidence, finite
from soundmatte.engines.engine import Estimate, Generated
from soundmatte.errors import DoubtfulStems, SoundmatteError
from soundmatte.jobs.work import Work, clock, origination

if TYPE_CHECKING:
    from pathlib import Path

    from stemmux.conform import Conformed, Piece, Seam
    from stemmux.ffmpeg import Progress
    from stemmux.grid import Split

#: An engine's own stem that is further below the mix than this holds nothing (dB).
_NOTHING_DB = -60.0
#: Share of the progress at which what the engine made fits the mix.
_FITTED = 0.7


def conform(work: Work, progress: Progress) -> Work:
    """Make the two stems, on the mix's grid, and measure how far they are from adding up to it."""
    from stemmux.measure import null_db

    made = work.made
    assert made is not None
    if isinstance(made, Generated):
        work = _fitted(work, made, lambda share: progress(share * _FITTED))
    elif work.cache is not None:
        # Only now: until the estimate was put down, it must not be waited for.
        work.cache.put(work.key, made, work.job)
    stems = _settled(work, lambda share: progress(_FITTED + share * (1 - _FITTED)))
    mix = work.settled
    level = finite(null_db(mix.path, [stems.target, stems.residual]))
    evidence = _measured(work, stems) if work.conformed is None else _gathered(work.conformed)
    waste = (made.path,) if isinstance(made, Estimate) else ()
    return work.having(split=stems, null_db=level, evidence=evidence, waste=waste)


def gate(work: Work, progress: Progress) -> Work:
    """Let through what speaks for itself, or what a person has accepted.

    Raises:
        DoubtfulStems: it does neither.
    """
    found = work.evidence
    assert found is not None
    cleaner = found.clean_may_be_better and work.selection.style == "original"
    if found.doubts and not work.accept_doubtful:
        paid = work.answer is not None and work.answer.usd > 0
        free = ", without another charge" if paid else ""
        hint = f"The same command with --accept-doubtful delivers them{free}"
        hint += "; with --style clean they may be better." if cleaner else "."
        raise DoubtfulStems(
            "The stems are doubtful, and were not put in place. " + " ".join(found.doubts),
            hint=hint,
        )
    if cleaner:
        work = work.noting(
            "The clip's own sound holds only a part of what the model heard: the same command "
            "with --style clean may sound better."
        )
    return work.noting(*found.doubts)


def _fitted(work: Work, made: Generated, progress: Progress) -> Work:
    """What the engine made, made to fit the mix; rough seams drawn again as far as agreed."""
    pieces, tried = list(made.pieces), set[int]()
    found = _conformed(work, pieces, 0, lambda share: progress(share * 0.5))
    while (later := _behind_rough_seam(found, pieces, tried)) is not None:
        tried.add(later)
        try:
            other = made.again(later, lambda share: progress(0.5))
        except SoundmatteError as error:
            work = work.noting(f"Another draw of a window failed: {error} {error.hint}")
            continue
        if other is None:
            continue
        drawn = [*pieces[:later], other, *pieces[later + 1 :]]
        again = _conformed(work, drawn, len(tried), lambda share: progress(0.5 + share * 0.5))
        if _agreement(again, other) > _agreement(found, pieces[later]):
            pieces, found, again = drawn, again, found
        work.unneeded(again.target, again.residual)
    progress(1.0)
    return work.having(conformed=found).noting(*found.notes, *_seam_notes(work, found))


def _behind_rough_seam(found: Conformed, pieces: list[Piece], tried: set[int]) -> int | None:
    """The first window that does not agree with the one before it, of those not tried yet."""
    for seam in found.seams:
        later = max(i for i, piece in enumerate(pieces) if piece.start < seam.end)
        if not seam.smooth and later not in tried:
            return later
    return None


def _conformed(work: Work, pieces: list[Piece], number: int, progress: Progress) -> Conformed:
    from stemmux.conform import conform

    folder = work.unfinished(f"conformed-{number}")
    folder.mkdir()
    return conform(work.settled, pieces, folder, style=work.selection.style, progress=progress)


def _agreement(found: Conformed, piece: Piece) -> float:
    """How well a piece agrees with its neighbours: with the worse of them."""
    end = piece.start + piece.frames
    seams = [s for s in found.seams if s.start < end and s.end > piece.start]
    return min((_likeness(seam) for seam in seams), default=1.0)


def _likeness(seam: Seam) -> float:
    return 1.0 if seam.agreement is None else seam.agreement


def _seam_notes(work: Work, found: Conformed) -> list[str]:
    media, span = work.known
    rate = work.settled.form.rate
    return [
        f"Two windows meet roughly at {clock(media, span.start + Fraction(seam.start, rate))}: "
        f"the target's level changes by {seam.jump_db:+.1f} dB"
        + ("." if seam.agreement is None else f", likeness {seam.agreement:.2f}.")
        for seam in found.seams
        if not seam.smooth
    ]


def _settled(work: Work, progress: Progress) -> Split:
    from stemmux.grid import pair, split

    mix, made = work.settled, work.made
    paths = work.unfinished("target.wav"), work.unfinished("residual.wav")
    origins = origination(work, "target"), origination(work, "residual")
    if isinstance(made, Estimate):
        return split(mix, made.path, made.of, *paths, originations=origins, progress=progress)
    found = work.conformed
    assert found is not None
    if found.residual is None:
        stems = split(mix, found.target, "target", *paths, originations=origins, progress=progress)
    else:
        estimates = found.target, found.residual
        stems = pair(mix, *estimates, *paths, originations=origins, progress=progress)
    work.unneeded(found.target, found.residual)
    return stems


def _gathered(found: Conformed) -> Evidence:
    """The evidence as a document, without infinities."""
    evidence = found.evidence
    return Evidence(
        target_dbfs=finite(evidence.target_dbfs),
        target_share_db=finite(evidence.target_share_db),
        explained=evidence.explained,
        correlation=evidence.correlation,
        confidence=finite(evidence.confidence),
        doubts=evidence.doubts,
        clean_may_be_better=evidence.clean_may_be_better,
    )


def _measured(work: Work, stems: Split) -> Evidence:
    """The evidence where the engine took its stem out of the mix: is there anything in it?"""
    mix, target = _level_db(work.settled.path), _level_db(stems.target)
    doubts = []
    if mix == -math.inf:
        doubts.append("The range is silent.")
    elif target - mix < _NOTHING_DB:
        below = f"{mix - target:.0f} dB below the clip's sound"
        level = "silent" if target == -math.inf else below
        doubts.append(f"Nothing was found: the target is {level}.")
    return Evidence(
        target_dbfs=finite(target),
        target_share_db=finite(target - mix if target > -math.inf else target),
        doubts=tuple(doubts),
    )


def _level_db(path: Path) -> float:
    """RMS of all channels against full scale; -inf is silence."""
    import numpy as np

    from stemmux.bwf import float_blocks

    energy, count = 0.0, 0
    for block in float_blocks(path):
        energy += float(np.sum(block.astype(np.float64) ** 2))
        count += block.size
    return 10 * math.log10(energy / count) if energy else -math.inf
