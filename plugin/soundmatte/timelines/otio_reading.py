"""What an OpenTimelineIO document says, read by the OpenTimelineIO library (an extra).

A source range counts from where the media's available range begins: its own start timecode. The
library's numbers are floating; here they are taken for the exact ones that they are closest to.
This module must not write anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from soundmatte.errors import ExtraMissing
from soundmatte.timelines.errors import HostileTimeline, UnreadableTimeline
from soundmatte.timelines.timeline import Channel, Clip, Source, Timeline, Track
from stemmux.errors import TimeError
from stemmux.timebase import Timecode, drops, frame_at, frame_rate, nearest

#: In the order in which clips are counted.
KINDS: Final = {"Video": "video", "Audio": "audio"}
#: What Resolve calls audio tracks of so many channels.
AUDIO_TYPES: Final = {1: "Mono", 2: "Stereo", 6: "5.1", 8: "7.1"}
DAMAGED: Final = "Export it from the editor again."
_LARGEST: Final = 256 * 1024 * 1024
#: What others have reckoned with is taken for a fraction with so small a denominator, if one is so
#: close to it.
_COARSE: Final = 1_000
_CLOSE: Final = Fraction(1, 10**8)
#: Samples in frames of an NTSC rate have large ones: such a fraction must be the number itself, but
#: for the last places of a double.
_FINE: Final = (10_000, 100_000, 1_000_000)
_LAST_PLACES: Final = 4


def read(path: Path) -> Timeline:
    """The timeline in a document.

    Raises:
        UnreadableTimeline: damaged, or not one timeline.
        HostileTimeline: too large, or nested without end.
        ExtraMissing: the OpenTimelineIO library is not installed.
    """
    text, _ = loaded(path)
    library = _library()
    try:
        found = library.core.deserialize_json_from_string(text)
        timelines = list(_timelines(found, library.schema))
        if len(timelines) != 1:
            raise UnreadableTimeline(
                f"{path.name} holds {len(timelines) or 'no'} timelines.",
                hint="Export one timeline at a time.",
            )
        return _Reader(library, path.stem).timeline(timelines[0])
    except (
        *(TimeError, ValueError, KeyError, TypeError, AttributeError, RuntimeError),
        library.exceptions.OTIOError,
    ) as error:
        raise UnreadableTimeline(
            f"{path.name} is no OTIO document that can be read: {error}", hint=DAMAGED
        ) from error


def loaded(path: Path) -> tuple[str, dict[str, Any]]:
    """A document's text and JSON; it nests no deeper than the library's own reader can bear.

    Raises:
        UnreadableTimeline, HostileTimeline: as `read`.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise HostileTimeline(f"{path.name} is larger than 256 MB.", hint="Is it a timeline?")
        text = path.read_text(encoding="utf-8-sig")
        document = json.loads(text)
    except OSError as error:
        raise UnreadableTimeline(
            f"{path} cannot be read: {error.strerror}.", hint="Check the name."
        ) from error
    except RecursionError as error:
        # The library would take the whole process with it.
        raise HostileTimeline(f"{path.name} is nested without end.", hint=DAMAGED) from error
    except ValueError as error:
        raise UnreadableTimeline(f"{path.name} is no JSON: {error}.", hint=DAMAGED) from error
    if not isinstance(document, dict):
        raise UnreadableTimeline(f"{path.name} is no OTIO document.", hint=DAMAGED)
    return text, document


def _library() -> Any:
    try:
        import opentimelineio
    except ImportError as error:
        raise ExtraMissing(
            "The OpenTimelineIO library, which reads .otio documents, is not installed.",
            hint="Install it: pip install 'soundmatte[timeline]'.",
        ) from error
    return opentimelineio


def _timelines(found: Any, schema: Any) -> Iterator[Any]:
    """The timelines of what was read: itself, or what it is a collection of."""
    if isinstance(found, schema.Timeline):
        yield found
    elif isinstance(found, schema.SerializableCollection):
        for child in found:
            yield from _timelines(child, schema)


@dataclass
class _Reader:
    """Takes up one timeline of the library's.

    Attributes:
        name: what the timeline is called if it does not say.
    """

    library: Any
    name: str
    notes: list[str] = field(default_factory=list)
    number: int = 0

    def timeline(self, found: Any) -> Timeline:
        rate = self._rate(found)
        start = found.global_start_time
        frame = frame_at(_seconds(start), rate) if start is not None else 0
        tracks: list[Track] = []
        for kind in KINDS:
            of_kind = [track for track in found.tracks if getattr(track, "kind", None) == kind]
            for number, track in enumerate(of_kind, 1):
                tracks.append(self._track(track, number, _window(found.tracks, track)))
        if left := len(found.tracks) - len(tracks):
            self.notes.append(f"{left} of its tracks hold neither pictures nor sound.")
        return Timeline(
            name=found.name or self.name,
            rate=rate,
            start=Timecode(frame, rate, _drops(frame, rate)),
            tracks=tuple(tracks),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def _rate(self, found: Any) -> Fraction:
        """Frames per second: of the start, or of the first length that is counted in frames."""
        rates = [found.global_start_time.rate] if found.global_start_time is not None else []
        for kind in KINDS:
            tracks = [track for track in found.tracks if getattr(track, "kind", None) == kind]
            ranges = [getattr(child, "source_range", None) for track in tracks for child in track]
            rates += [found.duration.rate for found in ranges if found is not None]
        known = next((exact for rate in rates if (exact := _frames_per_second(rate))), None)
        if known is None:
            raise TimeError("it does not say how many frames make a second.")
        return known

    def _track(self, track: Any, number: int, window: tuple[Fraction, Fraction | None]) -> Track:
        first, last = window
        at = Fraction(0)
        clips: list[Clip] = []
        beside: tuple[str, ...] = ()
        for child in track:
            if isinstance(child, self.library.schema.Transition):
                beside = (f"transition {child.name}".rstrip(),)
                if clips and clips[-1].end == at - first:
                    clips[-1] = replace(clips[-1], effects=(*clips[-1].effects, *beside))
                continue
            length = self._length(child)
            if not isinstance(child, self.library.schema.Gap):
                self.number += 1
                clip = self._clip(child, at, length)
                clip = replace(clip, effects=(*clip.effects, *beside))
                if (seen := _seen(clip, first, last)) is not None:
                    clips.append(seen)
            at, beside = at + length, ()
        kind: Any = KINDS[track.kind]
        return Track(kind, number, track.name, tuple(clips), _channels(track), track.enabled)

    def _length(self, item: Any) -> Fraction:
        """Seconds that an item takes up on its track."""
        found = item.source_range
        if found is None:
            try:
                found = item.trimmed_range()
            except (
                ValueError,
                NotImplementedError,
                RuntimeError,
                self.library.exceptions.OTIOError,
            ):
                self.notes.append(f"{item.name or 'A clip'} does not say how long it is.")
                return Fraction(0)
        length = _seconds(found.duration)
        if length < 0:
            raise TimeError(f"{item.name or 'a clip'} is shorter than nothing.")
        return length

    def _clip(self, item: Any, record: Fraction, duration: Fraction) -> Clip:
        speed, effects = self._effects(item)
        made = Clip(
            number=self.number,
            name=item.name,
            kind="nested",
            source=None,
            record=record,
            duration=duration,
            speed=speed,
            enabled=item.enabled,
            effects=effects,
        )
        if not isinstance(item, self.library.schema.Clip):
            return made
        reference = item.media_reference
        if isinstance(reference, self.library.schema.GeneratorReference):
            return replace(made, kind="generator")
        if isinstance(reference, self.library.schema.ImageSequenceReference):
            self.notes.append(f"{item.name} is a sequence of pictures, which is not read.")
        source = _source(reference, item.name)
        into = Fraction(0)
        if item.source_range is not None:
            into = _seconds(item.source_range.start_time) - source.start
        channels = _source_channels(item)
        return replace(made, kind="file", source=source, into=into, channels=channels)

    def _effects(self, item: Any) -> tuple[Fraction | None, tuple[str, ...]]:
        """The speed that time effects come to, and the names of the others."""
        speed: Fraction | None = Fraction(1)
        names: list[str] = []
        for effect in item.effects:
            if isinstance(effect, self.library.schema.LinearTimeWarp):
                speed = None if speed is None else speed * _exact(effect.time_scalar)
            elif isinstance(effect, self.library.schema.TimeEffect):
                speed = None
            else:
                names.append(effect.effect_name or effect.name or "effect")
        return speed, tuple(names)


def _source(reference: Any, name: str) -> Source:
    target = str(getattr(reference, "target_url", "") or "")
    available = getattr(reference, "available_range", None)
    if available is None:
        return Source(getattr(reference, "name", "") or name, target)
    return Source(
        name=reference.name or name,
        target=target,
        start=_seconds(available.start_time),
        duration=_seconds(available.duration),
        rate=_frames_per_second(available.start_time.rate),
    )


def _window(stack: Any, track: Any) -> tuple[Fraction, Fraction | None]:
    """Where on a track the timeline begins and ends, in seconds; None is no end."""
    first, last = Fraction(0), None
    for part in (track.source_range, stack.source_range):
        if part is not None:
            # The stack counts from where the track begins.
            begin, length = first + _seconds(part.start_time), _seconds(part.duration)
            last = begin + length if last is None else min(last, begin + length)
            first = begin
    return first, last


def _seen(clip: Clip, first: Fraction, last: Fraction | None) -> Clip | None:
    """A clip as far as its track is seen, counted from there; None outside."""
    start, end = max(clip.record, first), clip.end if last is None else min(clip.end, last)
    if end < start or (end == start and clip.duration > 0):
        return None
    return replace(
        clip,
        record=start - first,
        duration=end - start,
        into=clip.into + (start - clip.record) * (clip.speed or 0),
    )


def _channels(track: Any) -> int | None:
    said = track.metadata.get("Resolve_OTIO", {})
    word = said.get("Audio Type") if isinstance(said, Mapping) else None
    return {name: count for count, name in AUDIO_TYPES.items()}.get(str(word))


def _source_channels(item: Any) -> tuple[Channel, ...]:
    """The channels of its file that Resolve says of a sound, which it counts from 0."""
    said = item.metadata.get("Resolve_OTIO", {})
    listed = said.get("Channels") if isinstance(said, Mapping) else None
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return ()
    found = []
    for one in listed:
        channel, track = (
            one.get(name) if isinstance(one, Mapping) else None
            for name in ("Source Channel ID", "Source Track ID")
        )
        if not (isinstance(channel, int) and isinstance(track, int) and min(channel, track) >= 0):
            return ()
        found.append(Channel(channel + 1, track + 1))
    return tuple(found)


def _drops(frame: int, rate: Fraction) -> bool:
    """Whether timecode is drop-frame, which no OTIO says: if the start is round only then."""
    if not drops(rate):
        return False
    with_drop, without = (str(Timecode(frame, rate, drop)) for drop in (True, False))
    return with_drop.endswith("0:00;00") and not without.endswith("0:00:00")


def seconds(value: float, rate: float) -> Fraction:
    """A time that is counted in frames, or in samples.

    Raises:
        TimeError: it is none.
    """
    exact = _frames_per_second(rate)
    if exact is None:
        exact = Fraction(nearest(_exact(rate)))
    if exact <= 0:
        raise TimeError(f"{rate} is no rate.")
    return _exact(value) / exact


def _seconds(time: Any) -> Fraction:
    return seconds(time.value, time.rate)


def _frames_per_second(rate: float) -> Fraction | None:
    """The exact frame rate; None if it is none."""
    return frame_rate(rate) if 1 <= rate <= 1000 else None


def _exact(value: float) -> Fraction:
    try:
        found = Fraction(value)
    except (ValueError, OverflowError) as error:
        raise TimeError(f"{value} is no time.") from error
    near = found.limit_denominator(_COARSE)
    if abs(near - found) <= _CLOSE:
        return near
    close = Fraction(_LAST_PLACES * math.ulp(value))
    fine = (found.limit_denominator(finest) for finest in _FINE)
    return next((near for near in fine if abs(near - found) <= close), found)
