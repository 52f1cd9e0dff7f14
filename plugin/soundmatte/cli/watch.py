"""`soundmatte watch`: every clip that appears in a folder."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from soundmatte.cli import cloud, many, options
from stemmux.console import Console, ProgressStyle

#: Seconds between two looks at the folder.
_EVERY = 1.0

Watched = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Where clips appear.", show_default=False)
]
Settle = Annotated[
    float,
    typer.Option("--settle", min=0.0, metavar="SECONDS", help="A clip unchanged so long is whole."),
]
Stems = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="Folder for what is written.",
        show_default="the folder stems in FOLDER",
    ),
]


def watch(
    folder: Watched,
    settle: Settle = 5.0,
    matte: many.Pattern = "",
    invert: options.Invert = False,
    plane: options.Plane = options.MattePlane.LUMA,
    prompt: options.Prompt = "",
    span: options.Spans = None,
    exclude_span: options.ExcludedSpans = None,
    start: options.Start = "",
    end: options.End = "",
    handles: options.Handles = "",
    track: options.Track = 1,
    engine: cloud.Use = None,
    server: cloud.Server = None,
    candidates: cloud.Candidates = None,
    acceleration: cloud.Acceleration = None,
    output_format: cloud.Format = None,
    max_chunk_duration: cloud.Chunk = None,
    chunk_overlap: cloud.Overlap = None,
    predict_spans: cloud.Predict = None,
    use_sound_activity_ranking: cloud.Ranking = None,
    max_cost: cloud.MaxCost = None,
    max_total: many.MaxTotal = None,
    paid_retries: cloud.PaidRetries = None,
    jobs: many.Jobs = None,
    processors: many.Processors = None,
    style: options.Style = None,
    bits: options.Bits = None,
    accept_doubtful: options.AcceptDoubtful = False,
    container: options.Container = None,
    replace_audio: options.ReplaceAudio = None,
    default: options.Default = None,
    output: Stems = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
    verbose: options.Verbose = False,
) -> None:
    """Separate every clip that appears in a folder, until Ctrl+C. Nothing in it is moved.

    A clip is begun when it, and its matte, have not changed for some seconds. What was done is
    known from the journal: started again, the watch goes on where it was ended.

    \b
    soundmatte watch incoming                        the voices, into incoming/stems
    soundmatte watch incoming --matte 'mattes/{stem}.mov' --max-total 10
    """
    _watch(locals())


def _watch(said: dict[str, Any]) -> None:
    from soundmatte.cli.board import board
    from soundmatte.jobs.watch import Watch

    voice = Console(said["progress"], verbose=said["verbose"])
    folder = said["folder"]
    rest = many.for_all({**said, "output": said["output"] or folder / "stems"}, voice.note)
    most = many.amount(said["max_total"])
    seen = Watch(folder, rest, settle=said["settle"], matte=said["matte"], most=most)
    how = many.How(said["jobs"], said["processors"], said["json"], many.style_of(voice, said))
    remote = rest.engine(rest.use, rest.cloud).name == "cloud"
    voice.note(f"Watching {folder}; the stems go to {rest.output}. Ctrl+C ends it.")
    began = time.monotonic()
    try:
        with (
            board(how.style, seen.items) as shown,
            how.crew(shown, remote=remote) as crew,
        ):
            while True:
                for item in seen.look():
                    if item.state == "waiting":
                        crew.give(item)
                    else:
                        how.tell(shown, item)
                time.sleep(_EVERY)
    except KeyboardInterrupt:
        many.tell_end(seen.items, time.monotonic() - began, as_json=said["json"])
        raise
