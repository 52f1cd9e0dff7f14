"""What a media file holds, and what is wrong with it.

The origin of a clip is the time of its first picture on the file's own clock ("V0"), never the
start of the file and never the first sound: everything is counted from there. Files are opened
with PyAV, read-only, with the same whitelists as ffmpeg. This module must not know what the
answers are used for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemmux.errors import NoAudio, NoPicture, StemmuxError, TimeError, UnreadableMedia
from stemmux.ffmpeg import MEDIA_FORMATS, PICTURE_FORMATS, address, guards
from stemmux.timebase import Span, Timecode, drops, frame_rate, frame_time, nearest

if TYPE_CHECKING:
    import av.container

#: Beyond these a header is lying, or nothing here could hold it.
LARGEST_PICTURE = 16384
MOST_CHANNELS = 64
HIGHEST_SAMPLE_RATE = 768_000
#: What programs write where a handler's name is asked for.
_NO_TITLE = re.compile(r"handler|^\W*core media|^iso media|^gopro", re.IGNORECASE)
#: Sound that outlasts the picture by less than this is a codec's padding (s).
PADDING = Fraction(1, 5)


@dataclass(frozen=True)
class VideoStream:
    """A moving picture.

    Attributes:
        width, height: as stored, in pixels; `rotation` has not been applied.
        pixel_aspect: width of a pixel over its height.
        rotation: degrees clockwise that the picture is turned for display (0, 90, 180, 270).
        rate: frames per second, exact; the average where `variable` is true.
        frames: number of pictures that are shown.
        start, end: seconds on the file's clock; `start` is the file's V0.
        hidden: pictures before the first one, there to be decoded and not to be seen.
        reordered: pictures are stored in another order than they are shown in.
    """

    index: int
    codec: str
    width: int
    height: int
    pixel_aspect: Fraction
    pixel_format: str
    rotation: int
    rate: Fraction
    variable: bool
    frames: int
    start: Fraction
    end: Fraction
    hidden: int = 0
    reordered: bool = False

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as seen: square pixels, turned upright."""
        width = nearest(self.width * self.pixel_aspect)
        return (self.height, width) if self.rotation % 180 else (width, self.height)


@dataclass(frozen=True)
class AudioStream:
    """A sound track: `rate` in Hz, `start` and `end` in seconds on the file's clock.

    `speakers` names each channel ("FL", "LFE", ...) where the file does.
    """

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    speakers: tuple[str, ...]
    bits: int
    start: Fraction
    end: Fraction
    title: str = ""
    language: str = ""


@dataclass(frozen=True)
class Media:
    """A file, as measured.

    Attributes:
        origin: V0 in seconds on the file's clock: the first picture; for sound alone, the first
            sample.
        timecode: of the first picture, if the file carries one.
        warnings: sentences about what is wrong with the file.
    """

    path: Path
    container: str
    origin: Fraction
    video: VideoStream | None
    audio: tuple[AudioStream, ...]
    timecode: Timecode | None
    warnings: tuple[str, ...] = field(default=())

    @property
    def constant_rate(self) -> Fraction | None:
        """Frames per second if frames can be counted by time, else None."""
        return self.video.rate if self.video and not self.video.variable else None

    @property
    def duration(self) -> Fraction:
        """Seconds from the origin to the end of the picture, or of the sound where it goes on."""
        picture = self.video.end if self.video else None
        sound = max((track.end for track in self.audio), default=None)
        if picture is None or (sound is not None and sound > picture + PADDING):
            picture = sound if sound is not None else self.origin
        return max(Fraction(0), picture - self.origin)

    def track(self, number: int = 1) -> AudioStream:
        """The audio track with that number, counted from 1.

        Raises:
            NoAudio: there is none.
        """
        if not self.audio:
            raise NoAudio(f"{self.path.name} has no sound.", hint="Choose a clip with sound.")
        if not 1 <= number <= len(self.audio):
            raise NoAudio(
                f"{self.path.name} has no audio track {number}.",
                hint=f"It has tracks 1 to {len(self.audio)}.",
            )
        return self.audio[number - 1]

    def picture(self) -> VideoStream:
        """The picture.

        Raises:
            NoPicture: there is none.
        """
        if self.video is None:
            raise NoPicture(f"{self.path.name} has no picture.", hint="Choose a movie.")
        return self.video

    def span(self, start: Fraction | None = None, end: Fraction | None = None) -> Span:
        """The range from `start` to `end`, snapped to frames; the whole clip by default.

        Raises:
            TimeError: empty, or not inside the clip.
        """
        duration, rate = self.duration, self.constant_rate
        if duration <= 0:
            raise UnreadableMedia(f"{self.path.name} is empty.", hint="Does it play elsewhere?")
        first, last = start or Fraction(0), duration if end is None else end
        if rate is not None:
            first = frame_time(nearest(first * rate), rate)
            last = last if end is None else frame_time(nearest(last * rate), rate)
        grace = 1 / rate if rate else Fraction(1, 100)
        if first >= duration or last > duration + grace:
            raise TimeError(
                f"The range {float(first):.3f} s to {float(last):.3f} s does not lie in the clip, "
                f"which is {float(duration):.3f} s long.",
                hint="Choose times inside the clip.",
            )
        return Span(first, min(last, duration) if end is None else last)


@contextmanager
def open_media(path: Path, formats: str = MEDIA_FORMATS) -> Iterator[av.container.InputContainer]:
    """Open a file for reading, with whitelists.

    Raises:
        UnreadableMedia: not there, not media, not of an accepted kind.
    """
    import av
    import av.error
    import av.logging

    if not os.path.isfile(path):  # which also answers for names that no file can have
        what = "is no file" if os.path.exists(path) else "is not there"
        what = "is a folder" if os.path.isdir(path) else what
        raise UnreadableMedia(f"{path} {what}.", hint="Check the name.")
    av.logging.set_level(None)
    try:
        container = av.open(
            address(path), "r", options=dict(guards(formats)), **_lenient_text(av.__version__)
        )
    except (av.error.FFmpegError, ValueError, MemoryError, OverflowError, OSError) as error:
        raise _unreadable(path, error) from error
    with container:
        yield container


def _lenient_text(version: str) -> dict[str, Any]:
    """Tags in another encoding must not stop a file from opening; PyAV 19 sees to it itself."""
    return {"metadata_errors": "ignore"} if int(version.split(".")[0]) < 19 else {}


def _unreadable(path: Path, error: Exception) -> UnreadableMedia:
    if path.stat().st_size == 0:
        return UnreadableMedia(f"{path.name} is empty.", hint="Was it copied completely?")
    if not os.access(path, os.R_OK):
        return UnreadableMedia(f"{path.name} may not be read.", hint="Check its permissions.")
    return UnreadableMedia(
        f"{path.name} is damaged, or is not a kind of media file that is opened here.",
        hint="Does it play elsewhere? Playlists are refused; give the movie itself.",
    )


def probe(path: Path, *, picture: bool = False) -> Media:
    """Measure a file.

    Args:
        path: the file.
        picture: accept a still picture too (for mattes).

    Raises:
        UnreadableMedia: it cannot be read, or what it says of itself cannot be true.
    """
    import av.error

    from stemmux.scan import scan

    formats = f"{MEDIA_FORMATS},{PICTURE_FORMATS}" if picture else MEDIA_FORMATS
    with open_media(path, formats) as container:
        try:
            found = scan(container)
            return _media(path.absolute(), container, found)
        except (av.error.FFmpegError, ValueError, MemoryError, OverflowError) as error:
            raise _unreadable(path, error) from error


def _media(path: Path, container: av.container.InputContainer, found: Any) -> Media:
    video = _video(path, found) if found.video is not None else None
    audio = tuple(_audio(path, track) for track in found.audio)
    if video is None and not audio:
        raise UnreadableMedia(
            f"{path.name} holds neither picture nor sound.", hint="Does it play elsewhere?"
        )
    origin = video.start if video else min(track.start for track in audio)
    return Media(
        path=path,
        container=container.format.name,
        origin=origin,
        video=video,
        audio=audio,
        timecode=_timecode(found.timecode, video),
        warnings=tuple(found.warnings),
    )


def _video(path: Path, found: Any) -> VideoStream:
    seen = found.video
    stream = seen.stream
    if not (0 < stream.width <= LARGEST_PICTURE and 0 < stream.height <= LARGEST_PICTURE):
        raise UnreadableMedia(
            f"{path.name} says that its picture is {stream.width} × {stream.height}.",
            hint="The file is damaged.",
        )
    aspect = stream.sample_aspect_ratio
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        width=stream.width,
        height=stream.height,
        pixel_aspect=Fraction(aspect) if aspect and Fraction(1, 8) < aspect < 8 else Fraction(1),
        pixel_format=stream.pix_fmt or "",
        rotation=seen.rotation,
        rate=seen.rate,
        variable=seen.variable,
        frames=seen.frames,
        start=seen.first,
        end=seen.end,
        hidden=seen.hidden,
        reordered=seen.reordered,
    )


def _audio(path: Path, seen: Any) -> AudioStream:
    stream = seen.stream
    rate, channels = stream.codec_context.sample_rate or 0, stream.codec_context.channels
    if not (0 < rate <= HIGHEST_SAMPLE_RATE and 0 < channels <= MOST_CHANNELS):
        raise UnreadableMedia(
            f"{path.name} says that its sound has {channels} channels at {rate} Hz.",
            hint=f"Up to {MOST_CHANNELS} channels and {HIGHEST_SAMPLE_RATE // 1000} kHz are read.",
        )
    return AudioStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        rate=rate,
        channels=channels,
        layout=stream.codec_context.layout.name,
        speakers=tuple(channel.name for channel in stream.codec_context.layout.channels),
        bits=(stream.codec_context.format.bits if stream.codec_context.format else 0),
        start=seen.first,
        end=seen.end,
        title=track_title(stream.metadata),
        language=stream.metadata.get("language", ""),
    )


def track_title(tags: Mapping[str, str]) -> str:
    """What a track is called; "" if it only has the name of what handles it."""
    named = {name.lower(): value for name, value in tags.items()}
    title = named.get("title") or named.get("name")
    handler = named.get("handler_name", "")
    return title or ("" if _NO_TITLE.search(handler) else handler)


def _timecode(text: str, video: VideoStream | None) -> Timecode | None:
    if not text or video is None:
        return None
    rate = frame_rate(video.rate)
    try:
        return Timecode.parse(text if drops(rate) else text.replace(";", ":"), rate)
    except StemmuxError:
        return None
