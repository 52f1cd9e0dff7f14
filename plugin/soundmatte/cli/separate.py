"""`soundmatte separate`: a clip goes in, two stems and a file with them come out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

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
    selection = _selection(_Asked(**{name: said[name] for name in _Asked.__dataclass_fields__}))
    how = _How(output, overwrite, accept_doubtful, dry_run, json)
    _carry_out(selection, chosen, why, how, console)


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


@dataclass(frozen=True)
class _Asked:
    """The words that make a selection."""

    clip: Path
    matte: Path | None
    invert: bool
    plane: options.MattePlane
    prompt: str
    span: list[str] | None
    exclude_span: list[str] | None
    start: str
    end: str
    handles: str
    track: int
    style: options.StyleWord | None
    bits: options.BitsWord | None
    container: options.ContainerWord | None
    replace_audio: bool | None
    default: options.DefaultWord | None


def _selection(asked: _Asked) -> Selection:
    from soundmatte.documents import MatteChoice, Selection, TimeSpan
    from soundmatte.settings import load
    from stemmux.probe import probe

    first = last = None
    handles = Fraction(0)
    spans: list[TimeSpan] = []
    if asked.start or asked.end or asked.handles or asked.span or asked.exclude_span:
        media = probe(asked.clip)
        first, last = options.times(media, asked.start, asked.end)
        handles = options.handles(media, asked.handles)
        for texts, include in ((asked.span, True), (asked.exclude_span, False)):
            for text in texts or ():
                begin, finish = options.time_span(media, text)
                spans.append(TimeSpan(start=begin, end=finish, include=include))
    matte = None
    if asked.matte is not None:
        matte = MatteChoice(
            path=asked.matte.absolute(), plane=asked.plane.value, invert=asked.invert
        )
    chosen = load().settings.output
    return Selection(
        media=asked.clip.absolute(),
        start=first,
        end=last,
        handles=handles,
        track=asked.track,
        matte=matte,
        prompt=asked.prompt,
        spans=tuple(spans),
        style=asked.style.value if asked.style else chosen.style,
        bits=asked.bits.value if asked.bits else chosen.bits,
        container=asked.container.value if asked.container else chosen.container,
        replace_audio=bool(asked.replace_audio or chosen.replace_audio),
        default=asked.default.value if asked.default else chosen.default,
    )
