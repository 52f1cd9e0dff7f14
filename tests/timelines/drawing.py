"""Timelines drawn at random: at every rate, mixed, with start timecodes, on whole frames."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from lxml import etree

from soundmatte.timelines.media import address
from soundmatte.timelines.timeline import (
    Channel,
    Clip,
    Source,
    StemClip,
    StemTrack,
    Timeline,
    Track,
    TrackKind,
)
from stemmux.timebase import Timecode, drops

_NTSC = Fraction(1000, 1001)
RATES = (24 * _NTSC, Fraction(24), Fraction(25), 30 * _NTSC, Fraction(30), Fraction(50), 60 * _NTSC)
#: What names are made of: what XML, URLs and other systems take for something else.
_LETTERS = "ab Z09-_'\"&<>%#?;é日🎬"
AS_IT_IS = st.just(Fraction(1))
names = st.text(_LETTERS, min_size=1, max_size=9).map(str.strip).filter(bool)


@st.composite
def sources(
    draw: st.DrawFn, number: int, channels: int, rates: st.SearchStrategy[Fraction]
) -> Source:
    """A file of whole frames, its timecode counted at its own rate."""
    rate = draw(rates)
    name = f"{number} {draw(names)}.mov"
    return Source(
        name=name,
        target=f"/media/{draw(names)}/{name}",
        start=draw(st.integers(0, 23 * 3600 * round(rate))) / rate,
        duration=draw(st.integers(5000, 90000)) / rate,
        rate=rate,
        channels=channels,
    )


@st.composite
def tracks(
    draw: st.DrawFn,
    kind: TrackKind,
    number: int,
    rate: Fraction,
    rates: st.SearchStrategy[Fraction],
    speeds: st.SearchStrategy[Fraction],
) -> Track:
    """A track with one clip at least."""
    channels = draw(st.sampled_from((1, 2, 6)))
    place = number + (10 if kind == "audio" else 0)
    files = [draw(sources(10 * place + each, channels, rates)) for each in range(2)]
    clips, at = [], 0
    for _ in range(draw(st.integers(1, 3))):
        at += draw(st.sampled_from((0, 1, 17, 1799)))
        length = draw(st.sampled_from((1, 2, 101, 997)))
        source = draw(st.sampled_from(files))
        grid = (
            draw(st.sampled_from((source.rate, Fraction(48000))))
            if kind == "audio"
            else source.rate
        )
        assert grid is not None
        clip = Clip(
            number=0,
            name=draw(names),
            kind="file",
            source=source,
            record=at / rate,
            duration=length / rate,
            into=draw(st.integers(0, int(40 * grid))) / grid,
            speed=draw(speeds),
            enabled=draw(st.booleans()),
        )
        clips.append(clip)
        at += length
    name = draw(st.just("") | names)
    heard = channels if kind == "audio" else None
    return Track(kind, number, name, tuple(clips), heard)


@st.composite
def timelines(
    draw: st.DrawFn,
    mixed: bool = True,
    speeds: st.SearchStrategy[Fraction] = AS_IT_IS,
) -> Timeline:
    """A timeline with one clip at least, its clips counted."""
    rate = draw(st.sampled_from(RATES))
    rates = st.sampled_from(RATES) if mixed else st.just(rate)
    videos = draw(st.integers(0, 2))
    audios = draw(st.integers(0 if videos else 1, 2))
    made = [draw(tracks("video", n, rate, rates, speeds)) for n in range(1, videos + 1)]
    made += [draw(tracks("audio", n, rate, rates, speeds)) for n in range(1, audios + 1)]
    frame = draw(st.sampled_from((0, 1, round(rate) * 3600)) | st.integers(0, 2_000_000))
    return Timeline(
        name=draw(names),
        rate=rate,
        start=Timecode(frame, rate, drops(rate) and draw(st.booleans())),
        tracks=counted(made),
        size=(1280, 720),
        sample_rate=48000,
    )


def counted(made: list[Track]) -> tuple[Track, ...]:
    """The tracks, their clips counted through all of them."""
    number, result = 0, []
    for track in made:
        clips = []
        for clip in track.clips:
            number += 1
            clips.append(replace(clip, number=number))
        result.append(replace(track, clips=tuple(clips)))
    return tuple(result)


@st.composite
def stems(draw: st.DrawFn, timeline: Timeline) -> list[StemTrack]:
    """A target and a residual for a range of whole frames, with handles."""
    rate = timeline.rate
    start, length = draw(st.sampled_from((0, 17, 1799, 50_000))), draw(st.integers(1, 500))
    handle, tail = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    clock = (timeline.start.frame + start - handle) / rate
    channels = draw(st.sampled_from((1, 2)))
    made = []
    for word in ("Target", "Residual"):
        clip = StemClip(
            name=f"{draw(names)} {word}",
            path=f"/stems/{draw(names)}_{word}.wav",
            record=start / rate,
            duration=length / rate,
            into=handle / rate,
            length=(length + handle + tail) / rate,
            start=max(clock, Fraction(0)),
            rate=48000,
            channels=channels,
        )
        made.append(StemTrack(f"Soundmatte {word}", (clip,)))
    return made


def two_stems(timeline: Timeline, start: int = 12, frames: int = 88) -> list[StemTrack]:
    """A stereo target and residual, with two frames of handle."""
    rate, made = timeline.rate, []
    for word in ("Target", "Residual"):
        clip = StemClip(
            name=f"Stem {word}",
            path=f"/stems/a b_{word}.wav",
            record=start / rate,
            duration=frames / rate,
            into=2 / rate,
            length=(frames + 5) / rate,
            start=(timeline.start.frame + start - 2) / rate,
            rate=48000,
            channels=2,
        )
        made.append(StemTrack(f"Soundmatte {word}", (clip,)))
    return made


_VALUE = re.compile(r'>([^<>\s][^<>]*)<|="([^"]*)"')
_ATTRIBUTE = re.compile(r' [\w.:-]+="[^"]*"')
_ELEMENT = re.compile(r"<(\w[\w-]*)[^<>]*>[^<>]*</\1>|<\w[^<>]*/>")
_WRONG = ("", "-1", "0", "1/0s", "9" * 20, "9" * 18, "1e9", "NaN", "-3600s", "TRUE", "é", "0.001")


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """A document with a few values, attributes or elements wrong, missing or there twice."""
    for _ in range(draw(st.integers(1, 4))):
        what = draw(st.sampled_from((_VALUE, _ATTRIBUTE, _ELEMENT, _ELEMENT)))
        hits = list(what.finditer(text))
        hit = hits[draw(st.integers(0, len(hits) - 1))]
        (start, end), new = hit.span(), ""
        if what is _VALUE:
            start, end = hit.span(1) if hit[1] is not None else hit.span(2)
            new = draw(st.sampled_from(_WRONG))
        elif what is _ELEMENT:
            new = draw(st.sampled_from(("", 2 * hit[0])))
        text = text[:start] + new + text[end:]
    return text


def told(clip: Clip) -> dict[str, Any]:
    """What of a clip every exact format keeps."""
    assert clip.source is not None
    source = clip.source
    return {
        "number": clip.number,
        "name": clip.name,
        "file": (source.name, str(address(source.target)), source.start, source.duration),
        "record": clip.record,
        "duration": clip.duration,
        "into": clip.into,
        "speed": clip.speed,
        "enabled": clip.enabled,
    }


def stem_told(clip: StemClip) -> dict[str, Any]:
    """What of a stem is found again by a reader."""
    return {
        "name": clip.name,
        "file": (Path(clip.path).name, clip.path, clip.start, clip.length),
        "record": clip.record,
        "duration": clip.duration,
        "into": clip.into,
        "speed": 1,
        "enabled": True,
    }


def without_number(clip: Clip) -> dict[str, Any]:
    """What of a clip every exact format keeps, wherever it is counted."""
    return {key: value for key, value in told(clip).items() if key != "number"}


def validated(document: bytes, definition: str) -> None:
    """Fail where a document does not keep to a DTD beside this file."""
    dtd = etree.DTD(str(Path(__file__).with_name(definition)))
    valid = dtd.validate(etree.fromstring(document))
    assert valid, [str(error) for error in dtd.error_log.filter_from_errors()]


#: A file that a document describes in full.
FILE = Source("a.mov", "/media/a.mov", Fraction(0), Fraction(100), Fraction(25), 2)


def a_timeline(*clips: Clip, rate: Fraction = Fraction(25)) -> Timeline:
    """A timeline with one picture track."""
    track = Track("video", 1, "", clips)
    return Timeline("T", rate, Timecode(0, rate, False), counted([track]), (1280, 720), 48000)


def a_clip(kind: str = "file", **changes: object) -> Clip:
    """Four seconds of that file, from the timeline's first frame."""
    source = FILE if kind == "file" else None
    fields = {"number": 1, "name": "a", "kind": kind, "source": source}
    fields |= {"record": Fraction(0), "duration": Fraction(4)}
    return Clip(**(fields | changes))  # type: ignore[arg-type]


#: By what a format of files alone loses: a clip that shows it.
LOST = {
    "changing speed": a_clip(speed=None),
    "nested timelines": a_clip("nested"),
    "generators": a_clip("generator"),
    "effects": a_clip(effects=("Blur",)),
    "chosen channels": a_clip(channels=(Channel(3),)),
    "positions between frames": a_clip(record=Fraction(1, 50), duration=Fraction(3)),
}
