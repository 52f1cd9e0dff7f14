"""The versioned documents that hosts, engine and programs exchange.

A `Selection` says what is to be separated, an `Order` also by which engine and where to, a
`Placement` what is to be put on the timeline and where, a `Separation` what came of it all. Times
are exact fractions of a second from the clip's first picture, written "num/den". This module must
not know how anything is done.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from stemmux.conform import Style

#: Raised when a document changes so that an older reader would misread it.
VERSION: Final = 1

StemRole = Literal["target", "residual"]
SoundName = Literal["mix", "target", "residual"]
#: Of the file with the stems; none leaves it at the stems themselves.
ContainerChoice = Literal["auto", "mov", "mp4", "mkv", "mxf", "wav", "none"]
#: Which sound of the file players use unasked.
DefaultChoice = Literal["auto", "clip", "target", "residual"]
#: How a sample of a stem is stored; auto is 24 bits, or 32-bit float beyond full scale.
BitsChoice = Literal["auto", "16", "24", "32f"]


#: Stands for silence, and its opposite for everything: JSON has no infinity (dB).
_FLOOR = -300.0


def finite(value: float) -> float:
    """A level or a confidence as documents can hold it."""
    return min(-_FLOOR, max(_FLOOR, value))


class _Document(BaseModel):
    """Unknown fields are refused: a newer document must not be half understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MatteChoice(_Document):
    """The matte that says which object: white = object, in its luma or its alpha plane.

    Attributes:
        start: seconds of the matte, from its first picture, that lie at the clip's first picture;
            below 0 the matte begins so much later, and must cover the range all the same; None
            tells it from the matte's length.
    """

    path: Path
    plane: Literal["luma", "alpha"] = "luma"
    invert: bool = False
    start: Fraction | None = None


class PictureChoice(_Document):
    """What is seen while the clip is heard, where a host hands over both in files of their own.

    Attributes:
        start: seconds of this file, from its first picture, that lie at the clip's first sample;
            below 0 it begins so much after that, and must cover what is separated.
    """

    path: Path
    start: Fraction = Fraction(0)


class TimeSpan(_Document):
    """A stretch of the clip in which the target sounds, or (`include` false) does not; seconds."""

    start: Fraction = Field(ge=0)
    end: Fraction
    include: bool = True


class Selection(_Document):
    """What is to be separated: a range of a file, a matte, a prompt.

    Attributes:
        start, end: of the range, in seconds from the first picture; None is the clip's own.
        handles: seconds before and behind the range that are separated too, as far as there are.
        track: number of the audio track, from 1.
        spans: when the target sounds, in seconds from the clip's first picture.
        style: "original" stems are the clip's own sound and null; "clean" ones are as the model
            made them.
        picture: what is seen; None is the clip's own picture.
        container: of the file with the stems; auto is MOV where it can be, none makes no such file.
        replace_audio: leave the clip's own sound out of that file.
        default: auto is every track in MOV and MP4, and elsewhere the clip's own.
    """

    version: Literal[1] = VERSION
    media: Path
    start: Fraction | None = None
    end: Fraction | None = None
    handles: Fraction = Field(default=Fraction(0), ge=0)
    track: int = Field(default=1, ge=1)
    matte: MatteChoice | None = None
    picture: PictureChoice | None = None
    prompt: str = ""
    spans: tuple[TimeSpan, ...] = ()
    style: Style = "original"
    bits: BitsChoice = "auto"
    container: ContainerChoice = "auto"
    replace_audio: bool = False
    default: DefaultChoice = "auto"


class Order(_Document):
    """All that it takes to do a separation, now or after a crash, here or in another process.

    Attributes:
        engine: the engine's name.
        terms: the engine's own settings and limits, as it names them.
        output: folder for what is written.
        overwrite: replace files that are there.
        accept_doubtful: deliver stems that look empty or wrong.
    """

    version: Literal[1] = VERSION
    selection: Selection
    engine: str
    terms: dict[str, Any] = {}
    output: Path
    overwrite: bool = False
    accept_doubtful: bool = False


class Placed(_Document):
    """One stem, and where it goes.

    Attributes:
        start: seconds from the clip's first picture to the stem's first sample.
        offset_samples: the same in samples of the stem's rate; what a track added to the clip
            itself is counted by.
        handle_in, handle_out: samples at its two ends that lie outside the range; a host trims
            them, and the editor may take them back.
        time_reference: samples since midnight by the clip's timecode, or by that of the timeline
            for which it was laid, to the stem's first sample, as in the file's `bext`; 0 where it
            has none.
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
    handle_in: int = 0
    handle_out: int = 0


class Placement(_Document):
    """What is to be put on the timeline, and where."""

    version: Literal[1] = VERSION
    stems: tuple[Placed, ...]


class Lay(_Document):
    """How a timeline takes stems: cut so that they begin and end with its own frames.

    The separation must reach that far. Its range was snapped to frames of the media, so it should
    have had handles of one of those at least, and of what `handles` and `tail` are to show.

    Attributes:
        start: seconds from the clip's first picture to what lies at the record start.
        frames: how long it is there, in frames of the timeline.
        rate: frames of the timeline per second.
        handles: frames before and behind, as far as there are whole ones.
        tail: further frames behind: what is heard there, silence where the stems end.
        timecode: seconds since midnight to the record start, for the file's `bext` and `iXML`;
            None leaves both out.
        drop: the timeline's timecode is drop-frame.
    """

    start: Fraction
    frames: int = Field(ge=1)
    rate: Fraction = Field(ge=1, le=1000)
    handles: int = Field(default=0, ge=0, le=100_000)
    tail: int = Field(default=0, ge=0, le=100_000)
    timecode: Fraction | None = Field(default=None, ge=0)
    drop: bool = False


class Evidence(_Document):
    """What speaks for the stems, and what against.

    Levels are in dB, and -300 stands for silence, since JSON has no infinity. What is None was
    not measured: an engine that takes its stem out of the mix has nothing to align or explain.

    Attributes:
        target_dbfs: level of the target, RMS of all channels against full scale.
        target_share_db: the same against the clip's sound.
        explained: share of the clip's energy that the model's stems account for, 0 to 1.
        correlation: of the model's target with the clip, 0 to 1.
        confidence: of the worst alignment.
        doubts: reasons why nobody should use the stems unasked.
        clean_may_be_better: the clip's own sound holds too little of what the model heard.
    """

    target_dbfs: float
    target_share_db: float
    explained: float | None = None
    correlation: float | None = None
    confidence: float | None = None
    doubts: tuple[str, ...] = ()
    clean_may_be_better: bool = False


class Seam(_Document):
    """Where two windows meet, in seconds from the clip's first picture.

    Attributes:
        jump_db: level of the target in the later window over that in the earlier.
        agreement: correlation of the two windows' targets; None where both are silent.
        smooth: nobody should hear it.
    """

    start: float
    end: float
    jump_db: float
    agreement: float | None
    smooth: bool


class Window(_Document):
    """A stretch that was separated by itself, and how the model's stems lay in it.

    Attributes:
        start, duration: seconds from the clip's first picture, and of the window.
        silent: why the target was taken to be silent there, unasked; None where it was asked for.
        delay: samples by which the model's stems were late; None where nothing was aligned.
        inverted: they came upside down.
        drift_ppm: by which they ran slow.
        confidence: of the alignment.
    """

    start: float
    duration: float
    silent: Literal["matte", "times"] | None = None
    delay: float | None = None
    inverted: bool = False
    drift_ppm: float = 0.0
    confidence: float | None = None


class Loudness(_Document):
    """Loudness by EBU R 128, measured and never changed; None is silence.

    Attributes:
        integrated_lufs: of the whole, gated. `range_lu`: loudness range.
        true_peak_dbtp: dB of full scale, between the samples too.
        max_momentary_lufs, max_short_term_lufs: loudest 400 ms and 3 s.
    """

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    max_momentary_lufs: float | None
    max_short_term_lufs: float | None


class Separation(_Document):
    """What came of a selection.

    Attributes:
        job: its id in the journal.
        file: the clip with the stems as audio tracks; None where no container could carry it.
        engine, route: who separated, and what was taken for the target.
        usd: the most that it may have cost.
        null_db: level of mix minus target minus residual against full scale, measured on the
            written files; -300 stands for exact zero, since JSON has no infinity.
        offset_samples: the largest distance of a stem in `file` from where it belongs, read back.
        start, duration: of the stems in seconds, handles included.
        handle_in, handle_out: seconds of them that lie outside the range.
        rate: Hz. `encoding`: "s16", "s24" or "f32".
        mix_sha256: identifies the sound that the stems add up to.
        windows: the stretches that were separated one by one; empty where it was done in one go.
        loudness: of the clip's sound ("mix") and of each stem; measured, never changed.
        notes: sentences that a person should read.
    """

    version: Literal[1] = VERSION
    job: str = ""
    clip: Path
    target: Path
    residual: Path
    file: Path | None
    engine: str
    route: str
    style: Style
    usd: float
    null_db: float
    offset_samples: float
    start: float
    duration: float
    handle_in: float = 0.0
    handle_out: float = 0.0
    rate: int
    channels: int
    frames: int
    encoding: str
    mix_sha256: str
    picture: Literal["copied", "repackaged"] | None
    evidence: Evidence
    windows: tuple[Window, ...] = ()
    seams: tuple[Seam, ...] = ()
    loudness: dict[SoundName, Loudness] = {}
    notes: tuple[str, ...]
    placement: Placement
