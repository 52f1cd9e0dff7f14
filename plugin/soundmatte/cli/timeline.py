"""`soundmatte timeline`: clips of a timeline document, listed and separated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soundmatte.cli import cloud, many, options
from stemmux.console import Console, ProgressStyle, print_json

if TYPE_CHECKING:
    from soundmatte.engines.engine import Engine
    from soundmatte.jobs.edit import Edit, Goal
    from soundmatte.jobs.edit_orders import Wanted, Wish
    from soundmatte.jobs.item import Item
    from soundmatte.timelines.timeline import Timeline

app = typer.Typer(
    help="Clips of a timeline that an editor exported: OTIO, FCP7 XML, FCPXML, EDL.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class FormatWord(StrEnum):
    """The format of the new document."""

    OTIO = "otio"
    FCP7 = "fcp7"
    FCPXML = "fcpxml"
    KDENLIVE = "kdenlive"


EditFile = Annotated[Path, typer.Argument(help="The timeline document.", show_default=False)]
Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--media-root",
        metavar="DIR",
        help="Search this folder, and all below, for media that is not where the document says; "
        "may be given again.",
    ),
]
Rate = Annotated[
    str,
    typer.Option(
        "--rate",
        metavar="FPS",
        help="Of an EDL, which does not say: 25, 29.97.",
        show_default=False,
    ),
]
Clips = Annotated[
    list[int] | None,
    typer.Option(
        "--clip", metavar="N", help="Number of a clip, as `list` shows it; may be given again."
    ),
]
WholeTrack = Annotated[
    str, typer.Option("--track", metavar="V1", help="Every clip of this track, or of its name.")
]
MaskTrack = Annotated[
    str,
    typer.Option(
        "--mask-track", metavar="V2", help="Its clips are the mattes (white = object); or its name."
    ),
]
SoundTrack = Annotated[
    int | None,
    typer.Option(
        "--sound",
        min=1,
        metavar="N",
        help="Number of the sound in a clip's file.",
        show_default="that which the clip plays",
    ),
]
EditHandles = Annotated[
    str,
    typer.Option(
        "--handles",
        metavar="TIME",
        help="Stems reach so far beyond the clip, to be trimmed: 1 (seconds), 12f (frames).",
        show_default="none",
    ),
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FILE", help="The new document.", show_default="EDIT_soundmatte beside it"
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="For the stems, and the document.",
        show_default="EDIT_stems beside it",
    ),
]
FormatOption = Annotated[
    FormatWord | None,
    typer.Option("--format", help="Of the new document.", show_default="as the original"),
]
Alone = Annotated[
    bool, typer.Option("--stems-only", help="The stems' tracks without those of the original.")
]
Mute = Annotated[
    bool, typer.Option("--mute-original", help="Disable the sound clips that the stems replace.")
]


@app.command("list")
def list_clips(
    edit: EditFile,
    media_root: Roots = None,
    rate: Rate = "",
    json: options.Json = False,
) -> None:
    """Show the clips: number, track, timecode, name, and whether the media is there.

    \b
    soundmatte timeline list cut.otio
    soundmatte timeline list cut.edl --rate 25 --media-root /media/rushes
    """
    from soundmatte.cli import timeline_say

    opened = _opened(edit, media_root, rate)
    if json:
        print_json(timeline_say.listed(opened))
    else:
        typer.echo("\n".join(timeline_say.table(opened)))


@app.command()
def separate(
    edit: EditFile,
    clip: Clips = None,
    track: WholeTrack = "",
    mask_track: MaskTrack = "",
    invert: options.Invert = False,
    plane: options.Plane = options.MattePlane.LUMA,
    prompt: options.Prompt = "",
    sound: SoundTrack = None,
    handles: EditHandles = "",
    media_root: Roots = None,
    rate: Rate = "",
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
    to: To = None,
    output: Folder = None,
    format: FormatOption = None,
    stems_only: Alone = False,
    mute_original: Mute = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    json: options.Json = False,
    progress: options.Progress = ProgressStyle.AUTO,
    verbose: options.Verbose = False,
) -> None:
    """Separate clips; write a new document with the stems on tracks of their own.

    The original document is left as it is. What is done is not done again the next time.

    \b
    soundmatte timeline separate cut.otio --clip 12
    soundmatte timeline separate cut.otio --clip 12 --mask-track Mask --engine cloud
    soundmatte timeline separate cut.xml --track V1 --mute-original --to cut_stems.xml
    soundmatte timeline separate cut.edl --rate 25 --clip 3 --format otio --stems-only
    """
    _separate(locals())


def _separate(said: dict[str, Any]) -> None:
    from soundmatte.cli import timeline_say
    from soundmatte.jobs import batch, edit, edit_written

    voice = Console(said["progress"], verbose=said["verbose"])
    opened = _opened(said["edit"], said["media_root"], said["rate"])
    into = edit.goal(
        opened,
        to=said["to"],
        output=said["output"],
        format=said["format"].value if said["format"] else "",
        alone=said["stems_only"],
        mute=said["mute_original"],
        overwrite=said["overwrite"],
    )
    chosen, why = _engine(said)
    if not said["dry_run"]:
        voice.note(why)
    with voice.stage("check") as told:
        wanted, items, left_out = _prepared(opened, into, chosen, said, voice, told)
    most = many.amount(said["max_total"])
    each = list({id(item): item for item in items}.values())
    if said["dry_run"]:
        timeline_say.tell_plan(wanted, items, into, as_json=said["json"])
        batch.check_total(each, most)
        return
    batch.check_total(each, most)
    began = time.monotonic()
    _work(each, said, voice)
    with voice.stage("lay") as told:
        stems = edit.lay_all(wanted, items, into, told)
    if len(each) == 1 and each[0].error is not None:
        raise each[0].error
    if stems:
        made = edit_written.write(opened, stems, into)
        for note in made.notes:
            voice.note(note)
        timeline_say.tell(opened.timeline, made, stems, as_json=said["json"])
    many.finish(each, time.monotonic() - began, as_json=said["json"])
    if left_out:
        raise typer.Exit(many.SOME_FAILED)


def _opened(path: Path, roots: list[Path] | None, rate: str) -> Edit:
    from soundmatte.jobs import edit
    from stemmux.timebase import frame_rate

    return edit.opened(path, roots or [], frame_rate(rate) if rate else None)


def _engine(said: dict[str, Any]) -> tuple[Engine, str]:
    names = cloud.Words.__dataclass_fields__
    return cloud.engine(cloud.Words(**{name: said[name] for name in names}))


def _prepared(
    opened: Edit,
    into: Goal,
    engine: Engine,
    said: dict[str, Any],
    voice: Console,
    told: Any,
) -> tuple[list[Wanted], list[Item], int]:
    """What is to be done, checked and priced, and how many clips of a track are left out.

    Clips that show the same range of a file have one item in common.
    Of a clip that was named and will not do, the error is raised.
    """
    from soundmatte.errors import SoundmatteError, UsageError
    from soundmatte.jobs import batch, edit, edit_choice, edit_orders
    from stemmux.errors import StemmuxError

    timeline, wish = opened.timeline, _wish(opened.timeline, said)
    clips, notes = edit_choice.chosen(timeline, said["clip"] or [], said["track"])
    for note in (*timeline.notes, *notes):
        voice.note(note)
    wanted: list[Wanted] = []
    items: list[Item] = []
    by_folder: dict[Path, Item] = {}
    left_out = 0
    checked = batch.Checked()
    for number, clip in enumerate(clips):
        told(number / len(clips))
        try:
            one = edit_orders.wanted(timeline, clip, wish, opened.finder)
        except (SoundmatteError, StemmuxError) as error:
            if said["clip"]:
                raise
            left_out += 1
            voice.note(f"{edit_choice.named(clip)} is left out: {error} {error.hint}")
            continue
        there = next((other for other in wanted if edit_orders.same(one, other)), None)
        if there is not None:
            voice.note(
                f"{edit_choice.named(clip)} is the same sound as clip {there.clip.number}, in the "
                "same place; one of the two is separated."
            )
            continue
        made = edit.item_of(one, engine, into, accept_doubtful=said["accept_doubtful"])
        # A range of a file may lie in several places; it is separated once.
        item = by_folder.setdefault(made.order.output, made)
        if item is made:
            checked.check(item)
        if item.error is not None and said["clip"]:
            raise item.error
        for note in one.notes:
            voice.note(note)
        wanted.append(one)
        items.append(item)
    told(1.0)
    if not items:
        raise UsageError(f"No clip of {said['track']} will do.", hint="See the notes on each.")
    return wanted, items, left_out


def _wish(timeline: Timeline, said: dict[str, Any]) -> Wish:
    from math import ceil

    from soundmatte.jobs import edit_choice
    from soundmatte.jobs.edit_orders import Wish
    from soundmatte.settings import load
    from stemmux.timebase import parse_time

    chosen = load().settings.output
    words = {name: said[name].value for name in ("style", "bits") if said[name]}
    mask, handles = said["mask_track"], said["handles"]
    beyond = parse_time(handles, rate=timeline.rate, start=None) if handles else 0
    return Wish(
        prompt=said["prompt"],
        mask=edit_choice.track_of(timeline, mask, "video") if mask else None,
        invert=said["invert"],
        plane=said["plane"].value,
        sound=said["sound"],
        handles=ceil(beyond * timeline.rate),
        output=chosen.model_copy(update=words),
    )


def _work(items: Sequence[Item], said: dict[str, Any], voice: Console) -> None:
    """Separate what waits, shown on a board."""
    from soundmatte.cli.board import board
    from soundmatte.jobs.item import OVER

    waiting = [item for item in items if item.state == "waiting"]
    how = many.How(said["jobs"], said["processors"], said["json"], many.style_of(voice, said))
    remote = any(item.work and item.work.answer and item.work.answer.remote for item in waiting)
    began = time.monotonic()
    try:
        with board(how.style, items) as shown:
            for item in items:
                if item.state in OVER:
                    how.tell(shown, item)
            with how.crew(shown, remote=remote, most=len(waiting) or None) as crew:
                for item in waiting:
                    crew.give(item)
    except KeyboardInterrupt:
        many.tell_end(items, time.monotonic() - began, as_json=said["json"])
        raise
