"""What came of conforming, in plain values for programs and in words for people.

This module must not measure anything itself.
"""

from __future__ import annotations

import math
from typing import Any

from stemmux.fit import Fitted


def fitted_values(made: Fitted) -> dict[str, Any]:
    """As JSON values; infinities, which JSON has not, are None."""
    found = made.conformed
    evidence, [place] = found.evidence, found.alignments
    return {
        "target": str(made.target),
        "residual": str(made.residual),
        "style": found.style,
        "start": made.start,
        "frames": made.frames,
        "rate": made.rate,
        "channels": made.channels,
        "encoding": made.encoding,
        "null_db": _finite(made.null_db),
        "exact": made.null_db == -math.inf,
        "delay_samples": place.delay if place.trusted else None,
        "inverted": place.trusted and place.inverted,
        "drift_ppm": place.drift_ppm if place.trusted else None,
        "confidence": _finite(place.confidence),
        "why_not_placed": place.reason,
        "target_dbfs": _finite(evidence.target_dbfs),
        "target_share_db": _finite(evidence.target_share_db),
        "explained": evidence.explained,
        "correlation": evidence.correlation,
        "doubts": list(evidence.doubts),
        "clean_may_be_better": evidence.clean_may_be_better,
        "moved": made.moved,
        "clipped": made.clipped,
        "loudness": {
            name: loud.as_values()
            for name, loud in zip(("mix", "target", "residual"), made.loudness, strict=True)
        },
        "notes": list(made.notes),
    }


def fitted_words(made: Fitted) -> list[str]:
    """As lines for a person."""
    found = made.conformed
    [place] = found.alignments
    if place.trusted:
        turned = ", upside down" if place.inverted else ""
        where = f"{place.delay:+.2f} samples{turned}, undone"
    else:
        where = f"left where they were: {place.reason}"
    null = "exact" if made.null_db == -math.inf else f"{made.null_db:.1f} dB"
    levels = ", ".join(
        f"{name} {loud.integrated_lufs:.1f}"
        for name, loud in zip(("mix", "target", "residual"), made.loudness, strict=True)
        if math.isfinite(loud.integrated_lufs)
    )
    return [
        f"target    {made.target}",
        f"residual  {made.residual}",
        f"sound     {made.frames} samples, {made.channels} × {made.rate} Hz, {made.encoding}",
        f"null      {null}",
        f"stems     {where}",
        f"target    {found.evidence.target_share_db:.1f} dB of the mix; "
        f"the stems account for {100 * found.evidence.explained:.0f} % of it",
        f"loudness  {levels} LUFS",
    ]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
