"""The options that several commands share.

What their words mean is the subject of `soundmatte.jobs.words`. This module must not run anything.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stemmux.console import ProgressStyle


class MattePlane(StrEnum):
    """Which plane of a matte says what is object."""

    LUMA = "luma"
    ALPHA = "alpha"


class StyleWord(StrEnum):
    """Whose sound the stems are."""

    ORIGINAL = "original"
    CLEAN = "clean"


class BitsWord(StrEnum):
    """How a sample of a stem is stored."""

    AUTO = "auto"
    SIXTEEN = "16"
    TWENTY_FOUR = "24"
    FLOAT = "32f"


class ContainerWord(StrEnum):
    """The container of the file with the stems."""

    AUTO = "auto"
    MOV = "mov"
    MP4 = "mp4"
    MKV = "mkv"
    MXF = "mxf"
    WAV = "wav"


class DefaultWord(StrEnum):
    """The sound of that file that players use unasked."""

    AUTO = "auto"
    CLIP = "clip"
    TARGET = "target"
    RESIDUAL = "residual"


Clip = Annotated[
    Path, typer.Argument(help="The clip: a movie or a sound file.", show_default=False)
]
Matte = Annotated[
    Path | None,
    typer.Option(
        "--matte", "--mask", metavar="FILE", help="White = object. A movie or a still picture."
    ),
]
Prompt = Annotated[
    str,
    typer.Option(
        "--prompt",
        metavar="WORDS",
        help="What to separate. Offline: speech, background or music; cloud: anything.",
    ),
]
Spans = Annotated[
    list[str] | None,
    typer.Option(
        "--span", metavar="A-B", help="Cloud: when the target sounds; may be given again."
    ),
]
ExcludedSpans = Annotated[
    list[str] | None,
    typer.Option("--exclude-span", metavar="A-B", help="Cloud: when the target does not sound."),
]
Track = Annotated[
    int, typer.Option("--track", min=1, metavar="N", help="Number of the audio track.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything; say what would be done, at what price.")
]
Invert = Annotated[bool, typer.Option("--invert-matte", help="The matte is black = object.")]
Plane = Annotated[
    MattePlane,
    typer.Option(
        "--matte-from",
        help="What shows the object: the brightness (luma) or the alpha of the matte.",
    ),
]
Start = Annotated[
    str,
    typer.Option(
        "--in",
        metavar="TIME",
        help="Start of the range: 12.5 (seconds), 300f (frames) or 01:00:12:00 (timecode).",
        show_default="the first picture",
    ),
]
End = Annotated[
    str, typer.Option("--out", metavar="TIME", help="End of the range.", show_default="the end")
]
Handles = Annotated[
    str,
    typer.Option(
        "--handles",
        metavar="TIME",
        help="Also separate so much before and behind the range (cloud: it is paid for too).",
        show_default="none",
    ),
]
Style = Annotated[
    StyleWord | None,
    typer.Option(
        "--style",
        help="original: the clip's own sound, adds up to it exactly. clean: the sound that the "
        "cloud's model made, put in place; for what is buried.",
        show_default="original",
    ),
]
Bits = Annotated[
    BitsWord | None,
    typer.Option(
        "--bits", help="Of the stems; auto: 24, or 32f beyond full scale.", show_default="auto"
    ),
]
Container = Annotated[
    ContainerWord | None,
    typer.Option(
        "--container",
        help="Kind of file that holds clip and stems; auto: MOV, else MKV; none: stems alone.",
    ),
]
ReplaceAudio = Annotated[
    bool | None,
    typer.Option("--replace-audio", help="Leave the clip's own sound out of that file."),
]
Default = Annotated[
    DefaultWord | None,
    typer.Option(
        "--default", help="The sound that players use in it; auto: all, or the clip's own."
    ),
]
AcceptDoubtful = Annotated[
    bool,
    typer.Option(
        "--accept-doubtful", help="Deliver stems that look empty or wrong; never paid again."
    ),
]
Folder = Annotated[
    Path, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for what is written.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Progress = Annotated[ProgressStyle, typer.Option("--progress", help="How progress is shown.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Also log what is run.")]
