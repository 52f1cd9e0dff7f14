"""`soundmatte bridge`: the engine as an editor's own child process."""

from __future__ import annotations

import logging
import sys

import typer

from soundmatte.cli import options


def bridge(verbose: options.Verbose = False) -> None:
    """Serve an editor: requests on standard input, events on standard output, in JSON lines.

    The end of standard input ends everything that is under way. docs/bridge.md has the lines.
    """
    from soundmatte.jobs.bridge import serve

    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(name)s: %(message)s")
    raise typer.Exit(serve())
