"""`soundmatte demo`: the whole way on a clip that the program makes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundmatte.cli import options
from stemmux.console import Console, ProgressStyle, print_json


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for everything.")] = Path(
        "soundmatte-demo"
    ),
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
) -> None:
    """Make a small clip, separate it offline, and show what came of it. Needs nothing else.

    Writes the clip and its matte, the stems, listening copies, a file with the stems in it and a
    picture of the matte. Running it again replaces them.
    """
    from soundmatte.demo.show import show
    from soundmatte.jobs import engines

    console = Console(progress)
    shown = show(output, engines.offline_engine(), console)
    if json:
        print_json(shown.values())
    else:
        typer.echo("\n".join(shown.lines()))
