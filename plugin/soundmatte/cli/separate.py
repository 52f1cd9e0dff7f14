"""`soundmatte separate`: a clip goes in, two stems and a file with them come out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from soundmatte.cli import cloud, options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.documents import Selection
    from soundmatte.engines.engine import Engine


def separate(
    clip: options.Clip,
    matte: options.Matte = None,
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
    paid_retries: cloud.PaidRetries = None,
    style: options.Style = None,
    bits: options.Bits = None,
    accept_doubtful: options.AcceptDoubtful = False,
    container: options.Container = None,
    replace_audio: options.ReplaceAudio = None,
    default: options.Default = None,
    output: options.Folder = Path(),
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
    verbose: options.Verbose = False,
) -> None:
    """Separate a clip's sound into target and residual, which add up to it exactly.

    Writes NAME_target.wav, NAME_residual.wav and NAME_stems.mov (the picture untouched, the stems
    as named tracks) into the output folder. The clip itself is only read.

    \b
    soundmatte separate interview.mov                      the voices, and the rest
    soundmatte separate interview.mov --prompt background  the other way round
    soundmatte separate shot.mov --matte dog.mov --engine cloud --max-cost 0.10
    soundmatte separate a.mp4 --in 01:00:12:00 --out 01:00:20:12 --handles 1 -o stems
    """
    said = locals()
    words = cloud.Words(**{name: said[name] for name in cloud.Words.__dataclass_fields__})
    console = Console(progress, verbose=verbose)
    chosen, why = cloud.engine(words)
    selection = _selection(said)
    how = _How(output, overwrite, accept_doubtful, dry_run, json)
    _carry_out(selection, chosen, why, how, console)


def _selection(said: dict[str, Any]) -> Selection:
    from soundmatte.jobs import words
    from soundmatte.settings import load

    asked = {name: said[name] for name in words.Asked.model_fields}
    return words.selection(words.Asked.model_validate(asked), load().settings.output)


@dataclass(frozen=True)
class _How:
    """What is done with what comes out."""

    output: Path
    overwrite: bool
    accept_doubtful: bool
    dry_run: bool
    json: bool


def _carry_out(selection: Selection, engine: Engine, why: str, how: _How, console: Console) -> None:
    from soundmatte.cli import say
    from soundmatte.jobs import run

    if how.dry_run:
        work = run.plan(selection, engine, how.output, overwrite=how.overwrite)
        if how.json:
            print_json(say.plan_values(work))
        else:
            typer.echo("\n".join([why, *say.plan_in_words(work)]))
        return
    console.note(why)
    done = run.separate(
        selection,
        engine,
        how.output,
        console,
        overwrite=how.overwrite,
        accept_doubtful=how.accept_doubtful,
    )
    if how.json:
        print_json(done.model_dump(mode="json"))
    else:
        typer.echo("\n".join(say.in_words(done)))
