"""Edit decision lists in the CMX 3600 form (.edl), which every editor writes; they are only read.

An event names a reel, tracks and four timecodes: source in and out, record in and out. Comments
below it name the clip and, from some editors, its file. A list does not say how many frames make a
second, nor where a file's own timecode begins: a clip's `into` counts from midnight by that, and
its source has no duration. This module must not know other formats.

The form: SMPTE 258M, and what editors write beside it (M2, FROM CLIP NAME, SOURCE FILE).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

from soundmatte.timelines.errors import HostileTimeline, RateMissing, UnreadableTimeline
from soundmatte.timelines.timeline import Clip, Source, Timeline, Track, TrackKind
from stemmux.errors import TimeError
from stemmux.timebase import Timecode, drops

_LARGEST: Final = 32 * 1024 * 1024
_TIMECODE = r"(\d{2}:\d{2}:\d{2}[:;.,]\d{2,3})"
_EVENT = re.compile(
    r"\s*(?P<number>\d+)\s+(?P<reel>.*?)\s+(?P<tracks>\S+)\s+"
    r"(?P<kind>C|D|W\d+|K(?:\s*[BO])?)\s+(?:(?P<length>\d+)\s+)?"
    + r"\s+".join([_TIMECODE] * 4)
    + r"\s*"
)
_SPEED = re.compile(r"M2\s+(?P<reel>.*?)\s+(?P<speed>[-+]?\d+(?:\.\d+)?)\s+" + _TIMECODE + r"\s*")
_COMMENT = re.compile(r"\*\s*(?P<what>[A-Z ]+?)\s*:\s*(?P<said>.*)")
_MORE_SOUND = re.compile(r"AUD\s+(?P<numbers>\d+(?:\s+\d+)*)\s*")
_CHANNEL = re.compile(r"AA|[VA](\d*)|B|NONE")
_FILES: Final = ("SOURCE FILE", "SOURCE FILE PATH", "FROM FILE", "MEDIA FILE", "FROM CLIP")
#: Reels that stand for no picture and no sound.
_NOTHING: Final = ("BL", "BLACK")
#: A speed this close to 1 is a frame rate that was rounded when it was written.
_NEAR: Final = Fraction(1, 200)
_HINT: Final = "Export it from the editor again, as CMX 3600."


@dataclass
class _Event:
    """A line of the list, and what the lines below it add."""

    reel: str
    channels: list[tuple[TrackKind, int]]
    kind: str
    source: tuple[int, int]
    record: tuple[int, int]
    comments: dict[str, str] = field(default_factory=dict)
    speed: Fraction | None = None


def read(path: Path, rate: Fraction | None) -> Timeline:
    """The timeline in a list.

    Its start is its earliest record timecode, since a list does not say where it begins.

    Args:
        rate: frames per second.

    Raises:
        UnreadableTimeline: no such list, or a line is none that there can be at this rate.
        RateMissing: no rate was given.
    """
    lines = _text(path).splitlines()
    if rate is None:
        raise RateMissing(
            f"{path.name} counts frames and does not say how many make a second.",
            hint=f"Give --rate, such as --rate {_likely(lines)}.",
        )
    reader = _Reader(path.name, rate)
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    return reader.timeline(path.stem)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise HostileTimeline(f"{path.name} is larger than 32 MB.", hint="Is it an EDL?")
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableTimeline(
            f"{path} cannot be read: {error.strerror}.", hint="Check the name."
        ) from error
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Old editors write what their system does.
        return raw.decode("cp1252", errors="replace")


def _likely(lines: list[str]) -> str:
    """A rate for the hint, by the largest number of frames and the way they are counted."""
    codes = [code for line in lines if (event := _EVENT.fullmatch(line)) for code in event.groups()]
    written = [str(code) for code in codes if code and re.fullmatch(_TIMECODE, code)]
    most = max((int(code[9:]) for code in written if code[8:9] in ":;.,"), default=0)
    dropping = any(re.match(r"\s*FCM:\s*DROP", line, re.IGNORECASE) for line in lines)
    if most >= 30:
        return "59.94" if dropping else "50"
    if dropping:
        return "29.97"
    return "29.97" if most >= 25 else "25" if most == 24 else "23.976 or --rate 24"


class _Reader:
    """Takes up a list line by line."""

    def __init__(self, name: str, rate: Fraction) -> None:
        self._name, self._rate = name, rate
        self._title = ""
        #: Drop-frame numbers where a colon is written: of the sources, and of the record.
        self._drop = False
        self._record_drop: bool | None = None
        self._events: list[_Event] = []
        self._notes: list[str] = []
        self._strange = 0

    def line(self, number: int, line: str) -> None:
        text = line.strip()
        upper = text.upper()
        if (event := _EVENT.fullmatch(line)) is not None:
            self._event(number, event)
        elif upper.startswith("TITLE:"):
            self._title = text[6:].strip()
        elif upper.startswith("FCM:"):
            # The first line is on the whole list; one that follows is on the next source.
            self._drop = upper[4:].strip().startswith("DROP") and drops(self._rate)
            if self._record_drop is None:
                self._record_drop = self._drop
        elif text and self._events:
            self._below(self._events[-1], text, upper)
        elif text and text[0].isdigit():
            self._strange += 1

    def _below(self, event: _Event, text: str, upper: str) -> None:
        """A line that says more of the event above it."""
        if (speed := _SPEED.fullmatch(upper)) is not None:
            self._speed(event, speed)
        elif (comment := _COMMENT.fullmatch(text)) is not None:
            event.comments.setdefault(comment["what"].strip().upper(), comment["said"].strip())
        elif (sound := _MORE_SOUND.fullmatch(upper)) is not None:
            more: list[tuple[TrackKind, int]] = [("audio", int(n)) for n in sound[1].split()]
            event.channels += [channel for channel in more if channel not in event.channels]
        elif text[0].isdigit():
            self._strange += 1

    def _event(self, line: int, found: re.Match[str]) -> None:
        channels = _channels(found["tracks"].upper())
        if channels is None:
            self._strange += 1
            return
        written = found.groups()[-4:]
        # Where one of them has a semicolon, a colon means what it says.
        plain = not any(code[8] in ";.," for code in written)
        source = self._span(written[:2], plain and self._drop, line)
        record = self._span(written[2:], plain and bool(self._record_drop), line)
        reel = found["reel"].strip()
        self._events.append(_Event(reel, channels, found["kind"], source, record))
        if self._record_drop is None:
            self._record_drop = drops(self._rate) and written[2][8] in ";.,"

    def _span(self, codes: Sequence[str], drop: bool, line: int) -> tuple[int, int]:
        """The frames between two timecodes; an end on the next day is counted on."""
        try:
            first, last = (self._code(code, drop) for code in codes)
        except TimeError as error:
            raise UnreadableTimeline(
                f"{self._name}, line {line}: {error}",
                hint=f"Is the rate {float(self._rate):.6g}? Give another with --rate.",
            ) from error
        if last.frame < first.frame:
            return first.frame, last.frame + last.day
        return first.frame, last.frame

    def _code(self, text: str, drop: bool) -> Timecode:
        drop = drops(self._rate) and (drop or text[8] in ";.,")
        return Timecode.parse(f"{text[:8]}{';' if drop else ':'}{text[9:]}", self._rate)

    def _speed(self, event: _Event, found: re.Match[str]) -> None:
        """M2 gives the frames of the source that pass in a second; of dissolves, for each reel."""
        reels = [event]
        if len(self._events) > 1 and self._events[-2].record[1] == event.record[0]:
            reels.append(self._events[-2])
        named = next((e for e in reels if e.reel.upper() == found["reel"].strip()), event)
        speed = Fraction(found["speed"]) / self._rate
        named.speed = Fraction(1) if abs(speed - 1) <= _NEAR else speed

    def timeline(self, name: str) -> Timeline:
        if not self._events:
            raise UnreadableTimeline(f"{self._name} holds no event of an EDL.", hint=_HINT)
        if self._strange:
            self._notes.append(f"{self._strange} of its lines could not be understood.")
        self._over_midnight()
        first = min(event.record[0] for event in self._events)
        tracks: dict[tuple[TrackKind, int], list[Clip]] = {}
        before: _Event | None = None
        for event in self._events:
            if event.record[1] > event.record[0] and event.reel.upper() not in _NOTHING:
                clip = self._clip(event, before, first)
                for channel in event.channels:
                    tracks.setdefault(channel, []).append(clip)
            before = event
        return Timeline(
            name=self._title or name,
            rate=self._rate,
            start=Timecode(first, self._rate, bool(self._record_drop)),
            tracks=_numbered(tracks),
            notes=tuple(self._notes),
        )

    def _over_midnight(self) -> None:
        """Count on what is recorded on the next day: where nothing is for most of this one."""
        day = Timecode(0, self._rate, bool(self._record_drop)).day
        starts = sorted(event.record[0] for event in self._events)
        for before, after in pairwise(starts):
            if after - before > day * 3 // 4:
                for event in self._events:
                    if event.record[0] <= before:
                        event.record = (event.record[0] + day, event.record[1] + day)

    def _clip(self, event: _Event, before: _Event | None, first: int) -> Clip:
        said = event.comments
        effects: tuple[str, ...] = ()
        name = said.get("FROM CLIP NAME", "")
        if event.kind != "C":
            effects = ("key" if event.kind.startswith("K") else "transition",)
            # Of two reels the comments name both, below the second.
            name = said.get("TO CLIP NAME", "") or ("" if before is None else name)
        target = next((said[what] for what in _FILES if said.get(what)), "")
        frames = (event.source[1] - event.source[0], event.record[1] - event.record[0])
        speed = event.speed
        if speed is None and abs(frames[0] - frames[1]) <= 1:
            speed = Fraction(1)
        return Clip(
            number=0,
            name=name or event.reel,
            kind="file",
            source=Source(name or event.reel, target or name or event.reel),
            record=(event.record[0] - first) / self._rate,
            duration=frames[1] / self._rate,
            into=event.source[0] / self._rate,
            speed=speed,
            effects=effects,
        )


def _channels(text: str) -> list[tuple[TrackKind, int]] | None:
    """The tracks that an event is on: V, A2, AA/V, V2, B …; None where nobody could say."""
    found: list[tuple[TrackKind, int]] = []
    at = 0
    for part in _CHANNEL.finditer(text.replace("/", "")):
        if part.start() != at:
            return None
        at = part.end()
        word, number = part[0], int(part[1] or 1)
        if word in ("AA", "B"):
            found += [("audio", 1), ("audio", 2)] if word == "AA" else [("video", 1), ("audio", 1)]
        elif word != "NONE":
            found.append(("video" if word[0] == "V" else "audio", number))
    return found if at == len(text.replace("/", "")) else None


def _numbered(tracks: dict[tuple[TrackKind, int], list[Clip]]) -> tuple[Track, ...]:
    """The tracks, with none left out in between, and their clips counted."""
    made: list[Track] = []
    number = 0
    kinds: tuple[TrackKind, ...] = ("video", "audio")
    for kind in kinds:
        last = max((n for k, n in tracks if k == kind), default=0)
        for index in range(1, last + 1):
            clips = []
            for clip in sorted(tracks.get((kind, index), []), key=lambda clip: clip.record):
                number += 1
                clips.append(replace(clip, number=number))
            made.append(Track(kind, index, "", tuple(clips)))
    return tuple(made)
