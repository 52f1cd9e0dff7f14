"""Decoded pictures, for people to look at: upright, scaled, and at the times that are asked for.

One pass forwards through the file, with a jump where the next time is far off; sound is never
touched, and what is damaged is passed over. Files are opened with the whitelists of
`stemmux.probe`. This module must not know what the pictures are used for, and nothing that goes
back into a film may come from here: pictures for the API are cut by ffmpeg (`stemmux.extract`,
`stemmux.matte`).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from stemmux.errors import MediaError, UnreadableMedia
from stemmux.ffmpeg import MEDIA_FORMATS, PICTURE_FORMATS
from stemmux.probe import Media, VideoStream, open_media
from stemmux.timebase import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

#: What is wanted of a picture: its colours [h, w, 3], its brightness or its opacity [h, w].
Take = Literal["rgb", "luma", "alpha"]

#: Neither side of a wanted picture may be longer, in pixels, and no more pictures may be wanted.
LARGEST = 4096
MOST = 10_000

#: The next time is reached by a seek if it is further off than this, s.
_JUMP = Fraction(5)
#: A seek aims this far before the time, s; the next is tried if it came out too late.
_RUN_UPS = (Fraction(1), Fraction(4), Fraction(15))
_FORMATS = {"rgb": "rgb24", "luma": "gray", "alpha": "rgba"}


def frames(
    media: Media,
    *,
    width: int,
    height: int,
    span: Span | None = None,
    take: Take = "rgb",
    most: int = MOST,
) -> Iterator[tuple[Fraction, Picture]]:
    """Give every picture of a range, at its own time.

    Args:
        media: the file, as probed.
        width: of the pictures wanted, in pixels, as seen (turned upright).
        height: likewise.
        span: from the picture shown at its start to the last one before its end; all by default.
        take: see `Take`. Grey runs from 0 (black) to 255 (white), whatever the file's own range.
        most: the number of pictures after which it ends.

    Yields:
        Seconds since the file's first picture, and the picture.

    Raises:
        NoPicture: the file has none.
        MediaError: a size or number beyond what is allowed, or alpha that the file does not have.
        UnreadableMedia: nothing in the range can be decoded.
    """
    video = _checked(media, width, height, most, take)
    start = span.start if span else Fraction(0)
    with open_media(media.path, f"{MEDIA_FORMATS},{PICTURE_FORMATS}") as container:
        reel = _Reel(container, video, media.origin)
        shown = reel.at(start)
        for _ in range(most):
            if shown is None or (span and shown[0] >= span.end - reel.slack and shown[0] > start):
                return
            yield shown[0], _converted(shown[1], video, width, height, take)
            shown = reel.step()


def frames_at(
    media: Media,
    times: Sequence[Fraction],
    *,
    width: int,
    height: int,
    take: Take = "rgb",
) -> Iterator[Picture]:
    """Give the picture that is shown at each time, in one pass.

    Args:
        media: the file, as probed; a still picture (`probe(path, picture=True)`) is shown always.
        times: seconds since the file's first picture, ascending. After the last picture, that
            stays; before the first, it is shown already.
        width: of the pictures wanted, in pixels, as seen (turned upright).
        height: likewise.
        take: see `Take` and `frames`.

    Yields:
        One picture for each time. Times at which the same picture is shown give the same array.

    Raises:
        ValueError: the times are not in order.
        NoPicture, MediaError, UnreadableMedia: as in `frames`.
    """
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise ValueError("times must ascend")
    video = _checked(media, width, height, len(times), take)
    with open_media(media.path, f"{MEDIA_FORMATS},{PICTURE_FORMATS}") as container:
        reel = _Reel(container, video, media.origin)
        last: tuple[Any, Picture] | None = None
        for time in times:
            shown = reel.at(time)
            if shown is None:
                raise UnreadableMedia(
                    f"No picture of {media.path.name} can be decoded.",
                    hint="Does it play elsewhere?",
                )
            if last is None or last[0] is not shown[1]:
                last = (shown[1], _converted(shown[1], video, width, height, take))
            yield last[1]


def _checked(media: Media, width: int, height: int, count: int, take: Take) -> VideoStream:
    """Refuse what would fill the memory, and planes that are not there."""
    import av

    video = media.picture()
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise MediaError(f"Pictures of {width} × {height} are not made here (up to {LARGEST}).")
    if count > MOST:
        raise MediaError(f"{count} pictures are more than are made at once ({MOST}).")
    planes = av.VideoFormat(video.pixel_format).components
    if take == "alpha" and not any(plane.is_alpha for plane in planes):
        raise MediaError(
            f"{media.path.name} has no alpha channel.",
            hint="Take the matte from its brightness instead (luma).",
        )
    return video


class _Reel:
    """An opened file's pictures, forwards, each with its time in seconds since the first."""

    def __init__(self, container: Any, video: VideoStream, origin: Fraction) -> None:
        self._container = container
        self._stream = container.streams[video.index]
        self._stream.thread_type = "AUTO"
        self._origin = origin
        self._step = 1 / video.rate
        # Clocks of milliseconds put a picture up to half of one beside its time.
        self.slack = min(self._step / 4, Fraction(1, 100))
        self._coming = self._decoded()
        self._now: tuple[Fraction, Any] | None = None
        self._next = next(self._coming, None)

    def at(self, time: Fraction) -> tuple[Fraction, Any] | None:
        """Go on to the picture that is shown at `time`; None if there is no picture at all."""
        if self._next is not None and time - self._next[0] > _JUMP:
            self._jump(time)
        while self._next is not None and self._next[0] <= time + self.slack:
            self.step()
        return self._now or self._next

    def step(self) -> tuple[Fraction, Any] | None:
        """Go on by one picture; None after the last."""
        if self._now is None and self._next is None:
            return None
        self._now, self._next = self._next, next(self._coming, None)
        return self._now

    def _jump(self, time: Fraction) -> None:
        """Seek to before `time`; where the file cannot, it is read up to there instead."""
        import av.error

        for run_up in (*_RUN_UPS, time):
            aim = max(Fraction(0), time - run_up) + self._origin
            try:
                self._container.seek(int(aim / self._stream.time_base), stream=self._stream)
            except (av.error.FFmpegError, OverflowError):
                return
            self._coming = self._decoded()
            landed = next(self._coming, None)
            if landed is not None and landed[0] <= time + self.slack:
                self._now, self._next = None, landed
                return
        self._next = landed if landed is not None else self._next

    def _decoded(self) -> Iterator[tuple[Fraction, Any]]:
        """Decode to the end of what can be read; a damaged packet costs only its picture."""
        import av.error

        last = -self._step
        with contextlib.suppress(av.error.FFmpegError, ValueError):
            for packet in self._container.demux(self._stream):
                try:
                    pictures = packet.decode()
                except (av.error.FFmpegError, ValueError):
                    continue
                for picture in pictures:
                    # Some files time no picture; then each lasts as long as the rate says.
                    time = last + self._step
                    if picture.pts is not None:
                        time = picture.pts * picture.time_base - self._origin
                    last = time
                    yield time, picture


def _converted(frame: Any, video: VideoStream, width: int, height: int, take: Take) -> Picture:
    """Scale first, in the stored orientation, then turn."""
    import numpy as np

    quarters = round(video.rotation / 90) % 4
    across, down = (height, width) if quarters % 2 else (width, height)
    pixels = frame.reformat(
        width=across, height=down, format=_FORMATS[take], interpolation="AREA"
    ).to_ndarray()
    if take == "alpha":
        pixels = pixels[..., 3]
    return np.ascontiguousarray(np.rot90(pixels, -quarters))
