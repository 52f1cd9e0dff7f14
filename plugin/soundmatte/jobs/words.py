"""What the words mean that say what is wanted of a clip, on a command line or in a manifest.

A word has the name of its option of `soundmatte separate`. This module must not know who said it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from soundmatte.documents import (
    BitsChoice,
    ContainerChoice,
    DefaultChoice,
    MatteChoice,
    Selection,
    TimeSpan,
)
from soundmatte.errors import UsageError
from soundmatte.settings import Output
from stemmux.conform import Style
from stemmux.timebase import parse_time

if TYPE_CHECKING:
    from stemmux.probe import Media

#: Says, of an error that comes in it, which word is to blame.
Blame = Callable[[str], AbstractContextManager[object]]


class Asked(BaseModel):
    """What is wanted of one clip, in words; what is None is for the settings to say.

    Attributes:
        start, end: `--in` and `--out`. `plane`: `--matte-from`. `invert`: `--invert-matte`.
        span, exclude_span: each written `A-B`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, coerce_numbers_to_str=True
    )

    clip: Path
    matte: Path | None = None
    invert: bool = Field(default=False, alias="invert-matte")
    plane: Literal["luma", "alpha"] = Field(default="luma", alias="matte-from")
    prompt: str = ""
    span: tuple[str, ...] = ()
    exclude_span: tuple[str, ...] = Field(default=(), alias="exclude-span")
    start: str = Field(default="", alias="in")
    end: str = Field(default="", alias="out")
    handles: str = ""
    track: int = Field(default=1, ge=1)
    style: Style | None = None
    bits: BitsChoice | None = None
    container: ContainerChoice | None = None
    replace_audio: bool | None = Field(default=None, alias="replace-audio")
    default: DefaultChoice | None = None

    def timeless(self) -> Asked:
        """The same of the whole clip: all that can be understood without looking at it."""
        whole = {"start": "", "end": "", "handles": "", "span": (), "exclude_span": ()}
        return self.model_copy(update=whole)

    @field_validator("span", "exclude_span", mode="before")
    @classmethod
    def _each(cls, value: Any) -> Any:
        return value.split() if isinstance(value, str) else value or ()

    @field_validator("bits", mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


def selection(asked: Asked, chosen: Output, blame: Blame = nullcontext) -> Selection:
    """The selection that the words make.

    Args:
        chosen: the settings for what was not said.
        blame: entered with the name of each word while that is understood.

    Raises:
        TimeError, UsageError: a time that means nothing, or nothing in this clip.
        StemmuxError: the clip had to be looked at for that, and cannot be read.
    """
    first = last = None
    handles = Fraction(0)
    spans: list[TimeSpan] = []
    if asked.start or asked.end or asked.handles or asked.span or asked.exclude_span:
        from stemmux.probe import probe

        media = probe(asked.clip)
        with blame("in"):
            first = time_of(media, asked.start)
        with blame("out"):
            last = time_of(media, asked.end)
        with blame("handles"):
            handles = length_of(media, asked.handles)
        for name, texts in (("span", asked.span), ("exclude-span", asked.exclude_span)):
            with blame(name):
                spans += [_span(media, text, name == "span") for text in texts]
    matte = None
    if asked.matte is not None:
        matte = MatteChoice(path=asked.matte.absolute(), plane=asked.plane, invert=asked.invert)
    return Selection(
        media=asked.clip.absolute(),
        start=first,
        end=last,
        handles=handles,
        track=asked.track,
        matte=matte,
        prompt=asked.prompt,
        spans=tuple(spans),
        style=asked.style or chosen.style,
        bits=asked.bits or chosen.bits,
        container=asked.container or chosen.container,
        replace_audio=bool(asked.replace_audio or chosen.replace_audio),
        default=asked.default or chosen.default,
    )


def time_of(media: Media, text: str) -> Fraction | None:
    """Seconds from the first picture that a time means; None where there is none.

    Raises:
        TimeError: it means nothing in this clip.
    """
    return parse_time(text, rate=media.constant_rate, start=media.timecode) if text else None


def length_of(media: Media, text: str) -> Fraction:
    """Seconds that a length means; a timecode is one too, counted from zero.

    Raises:
        TimeError: it means nothing in this clip.
    """
    return parse_time(text, rate=media.constant_rate, start=None) if text else Fraction(0)


def _span(media: Media, text: str, include: bool) -> TimeSpan:
    first, dash, last = text.partition("-")
    if not dash:
        raise UsageError(f"{text!r} is no stretch of time.", hint="Write it like 3.2-4.5.")
    begin, end = (
        parse_time(part, rate=media.constant_rate, start=media.timecode) for part in (first, last)
    )
    if end <= begin:
        raise UsageError(f"{text!r} ends before it starts.", hint="Write it like 3.2-4.5.")
    return TimeSpan(start=begin, end=end, include=include)
