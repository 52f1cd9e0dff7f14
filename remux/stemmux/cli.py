"""The `stemmux` command: probe, cut, matte, add stems, measure.

It only reads words, calls one function of the package and prints what it returned. Nothing may
import it, and it imports nothing heavy before a command runs.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemmux import __version__, threads
from stemmux.console import Console, answer, print_json

if TYPE_CHECKING:
    from stemmux.grid import Wanted
    from stemmux.probe import Media
    from stemmux.timebase import Span

app = typer.Typer(
    name="stemmux",
    help="Media in, media out: probe a clip, cut an exact range, make a mask, conform stems, add "
    "them, measure.",
    epilog="Times are seconds (12.5), frames (300f) or timecode (01:00:12:00), from the first "
    "picture. Exit status: 0 done, 1 failed, 2 wrong usage, 3 doubtful stems, 130 cancelled.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_Clip = Annotated[Path, typer.Argument(help="The clip: a movie or a sound file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
_In = Annotated[str, typer.Option("--in", help="Start of the range. Default: the first picture.")]
_Out = Annotated[str, typer.Option("--out", help="End of the range. Default: the end.")]
_Folder = Annotated[Path, typer.Option("-o", "--output", help="Folder for what is written.")]
_Track = Annotated[int, typer.Option("--track", min=1, help="Number of the audio track.")]
_Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


def main() -> None:
    """Entry point of the console script."""
    as_json = "--json" in sys.argv
    threads.one_each()
    sys.exit(answer(lambda: app(prog_name="stemmux"), "stemmux", as_json=as_json))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stemmux {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and end.")
    ] = False,
) -> None:
    """See `app`."""


def span_of(media: Media, start: str, end: str) -> Span:
    """The range that two options mean; empty text is the clip's own start or end."""
    from stemmux.timebase import parse_time

    first, last = (
        parse_time(text, rate=media.constant_rate, start=media.timecode) if text else None
        for text in (start, end)
    )
    return media.span(first, last)


@app.command()
def probe(clip: _Clip, json: _Json = False) -> None:
    """Say what a clip holds, how long it really is, and what is wrong with it."""
    from stemmux.describe import as_values, in_words
    from stemmux.probe import probe as measure

    media = measure(clip)
    if json:
        print_json(as_values(media))
    else:
        typer.echo("\n".join(in_words(media)))


@app.command()
def extract(
    clip: _Clip,
    output: _Folder = Path(),
    start: _In = "",
    end: _Out = "",
    track: _Track = 1,
    overwrite: _Overwrite = False,
    json: _Json = False,
) -> None:
    """Cut an exact range: NAME_mix.wav (every channel), NAME_mono.wav, NAME_proxy.mov (25 fps)."""
    from contextlib import ExitStack

    from stemmux.extract import Cut
    from stemmux.extract import extract as cut
    from stemmux.files import replacing
    from stemmux.probe import probe as measure

    media = measure(clip)
    span = span_of(media, start, end)
    kinds = ["mix.wav", "mono.wav"] + (["proxy.mov"] if media.video else [])
    paths = [output / f"{clip.stem}_{kind}" for kind in kinds]
    with ExitStack() as stack, Console().stage("extract") as progress:
        files = [
            stack.enter_context(replacing(path, overwrite=overwrite, sources=[clip]))
            for path in paths
        ]
        proxy = files[2] if len(files) > 2 else None
        cut(media, span, Cut(files[0], files[1], proxy, track), progress=progress)
    first, last = span.samples(media.track(track).rate)
    _tell(
        json,
        {
            **{Path(kind).stem: str(path) for kind, path in zip(kinds, paths, strict=True)},
            "start": span.start,
            "duration": span.duration,
            "samples": last - first,
            "rate": media.track(track).rate,
        },
    )


@app.command()
def matte(
    clip: _Clip,
    matte: Annotated[Path, typer.Argument(help="White = object. A movie or a still picture.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The mask video, .mp4.")],
    plane: Annotated[str, typer.Option("--from", help="luma or alpha.")] = "luma",
    invert: Annotated[bool, typer.Option("--invert", help="The matte is black = object.")] = False,
    start: _In = "",
    end: _Out = "",
    overwrite: _Overwrite = False,
    json: _Json = False,
) -> None:
    """Turn a matte (white = object) into the API's mask video (black = target), without loss."""
    from stemmux.files import replacing
    from stemmux.matte import Plane, write_mask
    from stemmux.probe import probe as measure

    planes: dict[str, Plane] = {"luma": "luma", "alpha": "alpha"}
    if plane not in planes:
        raise typer.BadParameter("luma or alpha", param_hint="--from")
    media, shape = measure(clip), measure(matte, picture=True)
    span = span_of(media, start, end)
    console = Console()
    with (
        replacing(output, overwrite=overwrite, sources=[clip, matte]) as file,
        console.stage("matte") as progress,
    ):
        mask = write_mask(
            shape, media, span, file, plane=planes[plane], invert=invert, progress=progress
        )
    for note in mask.notes:
        console.note(note)
    _tell(
        json,
        {
            "mask": str(output),
            "frames": mask.frames,
            "width": mask.width,
            "height": mask.height,
            "coverage": mask.coverage,
        },
    )


class StyleWord(StrEnum):
    """How the stems are made."""

    ORIGINAL = "original"
    CLEAN = "clean"


class BitsWord(StrEnum):
    """How samples are stored."""

    AUTO = "auto"
    B16 = "16"
    B24 = "24"
    B32 = "32f"


@app.command()
def conform(
    clip: _Clip,
    target: Annotated[Path, typer.Argument(help="The target stem, any rate and length.")],
    residual: Annotated[
        Path | None, typer.Argument(help="The residual stem. Default: what the target leaves.")
    ] = None,
    output: _Folder = Path(),
    start: _In = "",
    end: _Out = "",
    track: _Track = 1,
    style: Annotated[
        StyleWord,
        typer.Option(help="original: the clip's own sound, which nulls; clean: the stem itself."),
    ] = StyleWord.ORIGINAL,
    bits: Annotated[BitsWord, typer.Option(help="Of the stems; auto is 24.")] = BitsWord.AUTO,
    accept_doubtful: Annotated[
        bool, typer.Option("--accept-doubtful", help="Write stems that are empty or implausible.")
    ] = False,
    overwrite: _Overwrite = False,
    json: _Json = False,
) -> None:
    """Make stems from any model fit their clip: in place, as long, in its channels, and nulling.

    Writes NAME_target.wav and NAME_residual.wav. Late, early, upside-down, too long, quiet, mono,
    resampled or MP3 stems are put right first; what cannot be trusted is said and left alone.

    \b
    stemmux conform scene.mov voice.wav rest.wav -o stems
    stemmux conform scene.mov voice.mp3 --in 01:00:10:00 --out 01:00:20:00
    """
    from stemmux.fit import fit
    from stemmux.probe import probe as measure
    from stemmux.report import fitted_values, fitted_words

    media = measure(clip)
    encodings: dict[str, Wanted] = {"auto": "auto", "16": "s16", "24": "s24", "32f": "f32"}
    output.mkdir(parents=True, exist_ok=True)
    console = Console()
    with console.stage("conform") as progress:
        made = fit(
            media,
            span_of(media, start, end),
            target,
            residual,
            output,
            track=track,
            style=style.value,
            encoding=encodings[bits.value],
            accept_doubtful=accept_doubtful,
            overwrite=overwrite,
            progress=progress,
        )
    for note in made.notes:
        console.note(note)
    if json:
        print_json(fitted_values(made))
    else:
        typer.echo("\n".join(fitted_words(made)))


@app.command()
def loudness(clip: _Clip, track: _Track = 1, json: _Json = False) -> None:
    """Loudness of a clip or stem by EBU R 128: measured, never changed."""
    from stemmux.loudness import measure

    _tell(json, measure(clip, track=track).as_values())


@app.command()
def add(
    clip: _Clip,
    stems: Annotated[list[Path], typer.Argument(help="WAV files, from the first picture on.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .mov, .mp4, .mkv, .mxf or .wav file.")
    ],
    replace_audio: Annotated[
        bool, typer.Option("--replace-audio", help="Leave the clip's own sound out.")
    ] = False,
    default: Annotated[
        str,
        typer.Option(help="The sound that players use: clip, or a word of a stem's file name."),
    ] = "",
    overwrite: _Overwrite = False,
    json: _Json = False,
) -> None:
    """Add stems to a clip as audio tracks; everything else is copied, and read back to prove it."""
    import math

    from stemmux.mux import Stem, chosen
    from stemmux.mux import add as mux
    from stemmux.probe import probe as measure

    media, parts = measure(clip), [Stem(path, path.stem) for path in stems]
    console = Console()
    with console.stage("add") as progress:
        made = mux(
            media,
            parts,
            output,
            replace_audio=replace_audio,
            default=chosen(parts, default) if default else None,
            overwrite=overwrite,
            progress=progress,
        )
    for note in made.lost:
        console.note(note)
    _tell(
        json,
        {
            "file": str(made.path),
            "way": made.way,
            "picture": made.picture,
            "tracks": list(made.tracks),
            "offset_samples": list(made.offsets),
            "null_db": made.null_db if math.isfinite(made.null_db) else None,
            "exact": made.null_db == -math.inf,
            "parts": made.parts_null_db is not None,
            "parts_null_db": made.parts_null_db
            if math.isfinite(made.parts_null_db or math.inf)
            else None,
            "lost": list(made.lost),
        },
    )


@app.command()
def null(
    mix: Annotated[Path, typer.Argument(help="The mix, a WAV file.")],
    stems: Annotated[list[Path], typer.Argument(help="The stems, WAV files.")],
    json: _Json = False,
) -> None:
    """The null test: the level of mix minus the sum of the stems, in dB of full scale."""
    import math

    from stemmux.measure import null_db

    level = null_db(mix, stems)
    silent = level == -math.inf
    _tell(json, {"null_db": None if silent else level, "exact": silent})


@app.command()
def offset(
    reference: Annotated[Path, typer.Argument(help="A clip or sound file.")],
    other: Annotated[Path, typer.Argument(help="The one to place against it.")],
    start: _In = "",
    end: _Out = "",
    json: _Json = False,
) -> None:
    """How many samples the second file is late against the first, by cross-correlation."""
    from stemmux.compare import place

    found, rate = place(reference, other, lambda media: span_of(media, start, end))
    _tell(
        json,
        {
            "offset_samples": found.samples,
            "rate": rate,
            "confidence": found.confidence,
            "trusted": found.trusted,
            "inverted": found.inverted,
        },
    )


def _tell(as_json: bool, values: dict[str, Any]) -> None:
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        shown = f"{float(value):.6g}" if hasattr(value, "numerator") else value
        typer.echo(f"{name.replace('_', ' ')}: {shown}")
