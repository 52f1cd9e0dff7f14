"""`soundmatte estimate`: what the cloud engine would charge, without asking anybody."""

from __future__ import annotations

import typer

from soundmatte.cli import cloud, options
from stemmux.console import print_json


def estimate(
    clip: options.Clip,
    start: options.Start = "",
    end: options.End = "",
    handles: options.Handles = "",
    candidates: cloud.Candidates = None,
    json: options.Json = False,
) -> None:
    """Name the price of separating a clip, or a range of it, in the cloud. Nothing is sent.

    A long range is separated in windows, each a job of its own; the price is that of all of them.
    """
    from soundmatte.engines.cloud.windows import windows
    from soundmatte.jobs.plan import with_handles
    from soundmatte.jobs.words import length_of, time_of
    from soundmatte.separation.price import total
    from soundmatte.settings import load
    from stemmux.probe import probe

    media = probe(clip)
    wanted = media.span(time_of(media, start), time_of(media, end))
    span = with_handles(media, wanted, length_of(media, handles))
    count = candidates or load().settings.cloud.candidates
    stretches = windows(span.duration)
    price = total([window.duration for window in stretches], count)
    if json:
        print_json(
            {
                "usd": float(price.usd),
                "duration": span.duration,
                "windows": len(stretches),
                "candidates": count,
            }
        )
    else:
        typer.echo(f"{float(span.duration):.3f} s: at most {price.usd} USD. {price.note}")
