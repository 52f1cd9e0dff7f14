"""`soundmatte estimate`: what the cloud engine would charge, without asking anybody."""

from __future__ import annotations

import typer

from soundmatte.cli import cloud, options
from stemmux.console import print_json


def estimate(
    clip: options.Clip,
    start: options.Start = "",
    end: options.End = "",
    candidates: cloud.Candidates = None,
    json: options.Json = False,
) -> None:
    """Name the price of separating a clip, or a range of it, in the cloud. Nothing is sent."""
    from soundmatte.separation.price import estimate as price_of
    from soundmatte.settings import load
    from stemmux.probe import probe

    media = probe(clip)
    span = media.span(*options.times(media, start, end))
    count = candidates or load().settings.cloud.candidates
    price = price_of(span.duration, count)
    if json:
        print_json({"usd": float(price.usd), "duration": span.duration, "candidates": count})
    else:
        typer.echo(f"{float(span.duration):.3f} s: at most {price.usd} USD. {price.note}")
