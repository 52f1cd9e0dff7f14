"""The versioned documents that hosts, engine and programs exchange.

A `Selection` says what is to be separated, a `Placement` what is to be put on the timeline and
where, a `Separation` what came of it all. Times are exact fractions
of a second from the clip's first picture, written "num/den". This module must not know how
anything is done.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Raised when a document changes so that an older reader would misread it.
VERSION: Final = 1

StemRole = Literal["target", "residual"]
ContainerChoice = Literal["auto", "mov", "mp4", "mkv"]


class _Document(BaseModel):
    """Unknown fields are refused: a newer document must not be half understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MatteChoice(_Document):
    """The matte that says which object: white = object, in its luma or its alpha plane."""

    path: Path
    plane: Literal["luma", "alpha"] = "luma"
    invert: bool = False


class TimeSpan(_Document):
    """A stretch of the clip in which the target sounds, or (`include` false) does not; seconds."""

    start: Fraction = Field(ge=0)
    end: Fraction
    include: bool = True


class Selection(_Document):
    """What is to be separated: a range of a file, a matte, a prompt.

    Attributes:
        start, end: of the range, in seconds from the first picture; None is the clip's own.
        track: number of the audio track, from 1.
        spans: when the target sounds, in seconds from the clip's first picture.
    """

    version: Literal[1] = VERSION
    media: Path
    start: Fraction | None = None
    end: Fraction | None = None
    track: int = Field(default=1, ge=1)
    matte: MatteChoice | None = None
    prompt: str = ""
    spans: tuple[TimeSpan, ...] = ()
    container: ContainerChoice = "auto"


class Placed(_Document):
    """One stem, and where it goes.

    Attributes:
        start: seconds from the clip's first picture to the stem's first sample.
        offset_samples: the same in samples of the stem's rate; what a track added to the clip
            itself is counted by.
        time_reference: samples since midnight by the clip's timecode, as in the file's `bext`.
    """

    role: StemRole
    track: str
    path: Path
    start: Fraction
    offset_samples: int
    frames: int
    rate: int
    channels: int
    time_reference: int


class Placement(_Document):
    """What is to be put on the timeline, and where."""

    version: Literal[1] = VERSION
    stems: tuple[Placed, ...]


class Separation(_Document):
    """What came of a selection.

    Attributes:
        file: the clip with the stems as audio tracks; None where no container could carry it.
        engine, route: who separated, and what was taken for the target.
        usd: the most that it may have cost.
        null_db: level of mix minus target minus residual against full scale, measured on the
            written files; -300 stands for exact zero, since JSON has no infinity.
        offset_samples: the largest distance of a stem in `file` from where it belongs, read back.
        duration: seconds. `rate`: Hz. `encoding`: "s24" or "f32".
        mix_sha256: identifies the sound that the stems add up to.
            notes: sentences that a person should read.
    """

    version: Literal[1] = VERSION
    clip: Path
    target: Path
    residual: Path
    file: Path | None
    engine: str
    route: str
    usd: float
    null_db: float
    offset_samples: float
    start: float
    duration: float
    rate: int
    channels: int
    frames: int
    encoding: str
    mix_sha256: str
    picture: Literal["copied", "repackaged"] | None
    notes: tuple[str, ...]
    placement: Placement
