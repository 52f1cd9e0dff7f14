"""Cut an exact range out of a clip: the mix, a mono of it, and the proxy picture, in one decode.

The range is counted from the first picture and cut on the file's own clock, to the sample and to
the frame; the recipe and its measurements are in `docs/how-it-works.md`. This module must not know
what the cuts are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemmux.errors import VerificationFailed
from stemmux.ffmpeg import Progress, address, guarded, run_graph
from stemmux.probe import AudioStream, Media, VideoStream, open_media
from stemmux.timebase import Span, nearest, sample_at

if TYPE_CHECKING:
    import ffmpeg as graph

#: Frames per second of the proxy and the mask: all that the separation model looks at.
PROXY_RATE = 25
#: Largest width and height of the proxy, in pixels.
PROXY_SIZE = 640
#: Rate of the mono sound, in Hz: the model's own.
MONO_RATE = 48_000
#: A jump ahead in a long clip lands this long before the range, so that a picture to build on
#: is among what is decoded (s).
_RUN_UP = 10
#: The size and likeness of x264's "superfast" at a CRF of 20, for two thirds of its time.
_FAST = {
    "preset": "ultrafast",
    "crf": 22,
    "threads": 2,
    "x264-params": "cabac=1:bframes=3:b-adapt=0:mbtree=1:rc-lookahead=5:deblock=1",
}
#: A clock on which a frame of every usual rate is a whole number.
_FINE_CLOCK = "1/720000"
#: Share of each speaker in the mono (ITU-R BS.775), before they are brought to a sum of 1.
_FRONT, _CENTRE, _OTHER, _LFE = 0.7071, 1.0, 0.5, 0.0
#: A hole in a track is at least this long; less is the rounding of a coarse clock (s).
_HOLE = 0.004
#: Vorbis changes its block size, and around every change times are wrong by up to 41 ms.
_HOLES = {"vorbis": 0.1}


@dataclass(frozen=True)
class Cut:
    """What is wanted of a range; at least one file.

    Attributes:
        mix: all channels at the track's rate, 32-bit float WAV.
        mono: one channel at 48 kHz, 24-bit WAV: a service was seen to mishear 32-bit float.
        proxy: H.264 at a constant 25 fps, at most 640 pixels, with the mono as 16-bit PCM (MOV).
        track: number of the audio track, from 1.
    """

    mix: Path | None = None
    mono: Path | None = None
    proxy: Path | None = None
    track: int = 1


@dataclass(frozen=True)
class Shown:
    """The picture that belongs to a range: of that file, over that range of it, equally long."""

    media: Media
    span: Span


def proxy_frames(span: Span) -> int:
    """How many pictures the proxy and the mask of a range have."""
    return max(1, nearest(span.duration * PROXY_RATE))


def proxy_size(video: VideoStream) -> tuple[int, int]:
    """Width and height of the proxy: upright, square pixels, even, never enlarged."""
    width, height = video.display_size
    scale = min(Fraction(1), Fraction(PROXY_SIZE, max(width, height)))
    return _even(width, scale), _even(height, scale)


def _even(size: int, scale: Fraction) -> int:
    return max(2, 2 * min(nearest(size * scale / 2), size // 2))


def extract(
    media: Media,
    span: Span,
    cut: Cut,
    *,
    shown: Shown | None = None,
    also: Sequence[graph.nodes.OutputStream] = (),
    progress: Progress | None = None,
) -> None:
    """Write the files of `cut`, which are replaced if they exist.

    Args:
        shown: what the proxy shows; None is the clip's own picture.
        also: other files that ffmpeg writes in the same run.

    Raises:
        NoAudio, NoPicture: the clip does not have what is asked for.
        UnreadableMedia: the media breaks off or is damaged.
        VerificationFailed: a file has not the length that it should have.
    """
    outputs = []
    if cut.mix or cut.mono or cut.proxy:
        outputs = _outputs(media, span, cut, shown or Shown(media, span))
    limit = 300 + 60 * float(media.duration)
    run_graph(*outputs, *also, limit=limit, duration=span.duration, progress=progress)
    track = media.track(cut.track)
    if cut.mix is not None:
        _check_frames(cut.mix, _length(span, track.rate))
    if cut.mono is not None:
        _check_frames(cut.mono, _length(span, MONO_RATE))


def _outputs(media: Media, span: Span, cut: Cut, shown: Shown) -> list[graph.nodes.OutputStream]:
    track = media.track(cut.track)
    sound = guarded(media.path, copyts=None)[str(track.index)]
    exact = _exact_sound(sound, track, media.origin, span)
    wants_mono = cut.mono is not None or cut.proxy is not None
    outputs = []
    if cut.mix is not None and wants_mono:
        exact, copy = _twice(exact)
        outputs.append(_wave(copy, cut.mix, "pcm_f32le"))
    elif cut.mix is not None:
        outputs.append(_wave(exact, cut.mix, "pcm_f32le"))
    if wants_mono:
        mono = _mono(exact, track, span)
        if cut.mono is not None and cut.proxy is not None:
            # Split as floats, or both would get the bits of the one that has fewer.
            mono, copy = _twice(mono.filter("aformat", sample_fmts="flt"))
            mono = mono.filter("aformat", sample_fmts="s16")
            outputs.append(_wave(copy.filter("aformat", sample_fmts="s32"), cut.mono, "pcm_s24le"))
        elif cut.mono is not None:
            outputs.append(_wave(mono, cut.mono, "pcm_s24le"))
        if cut.proxy is not None:
            outputs.append(_proxy(proxy_picture(shown.media, shown.span), mono, cut.proxy))
    return outputs


def _twice(
    sound: graph.nodes.FilterableStream,
) -> tuple[graph.nodes.FilterableStream, graph.nodes.FilterableStream]:
    both = sound.filter_multi_output("asplit", 2)
    return both[0], both[1]


def _proxy(
    picture: graph.nodes.FilterableStream, mono: graph.nodes.FilterableStream, path: Path
) -> graph.nodes.OutputStream:
    import ffmpeg as graph

    return graph.output(
        picture,
        mono,
        address(path),
        vcodec="libx264",
        pix_fmt="yuv420p",
        acodec="pcm_s16le",
        movflags="+faststart",
        **_FAST,
    )


def _exact_sound(
    sound: graph.nodes.FilterableStream, track: AudioStream, origin: Fraction, span: Span
) -> graph.nodes.FilterableStream:
    """The samples of the range, silence where the track has none, cut by sample numbers.

    Gaps from `_HOLE` on are filled; smaller ones are the rounding of coarse clocks (Matroska
    counts whole milliseconds) and are ignored, so that samples stay next to one another.
    """
    begin = sample_at(origin + span.start, track.rate)
    length = _length(span, track.rate)
    zero = min(begin, sample_at(origin, track.rate))
    hole = _HOLES.get(track.codec, _HOLE)
    return (
        sound.filter("aresample", **{"async": 1, "min_hard_comp": hole, "first_pts": zero})
        .filter("atrim", start_pts=begin, end_pts=begin + length)
        .filter("asetpts", f"PTS-{begin}")
        .filter("apad", whole_len=length)
    )


def _mono(
    sound: graph.nodes.FilterableStream, track: AudioStream, span: Span
) -> graph.nodes.FilterableStream:
    """One channel at 48 kHz of exactly the range's length."""
    length = _length(span, MONO_RATE)
    gains = mono_gains(track.channels, track.speakers)
    mixed = "+".join(f"{gain:.6f}*c{channel}" for channel, gain in enumerate(gains))
    return (
        # In floats, or ffmpeg would round each sample to the bits of the source.
        sound.filter("aformat", sample_fmts="fltp")
        .filter("pan", args=f"mono|c0={mixed}")
        .filter("aresample", MONO_RATE)
        .filter("apad", whole_len=length)
        .filter("atrim", end_sample=length)
    )


def mono_gains(channels: int, speakers: Sequence[str]) -> list[float]:
    """Each channel's share in the mono that a model hears; the shares add up to 1."""
    named = {"FL": _FRONT, "FR": _FRONT, "FC": _CENTRE, "LFE": _LFE}
    shares = [named.get(name, _OTHER) for name in speakers]
    if len(shares) != channels or not sum(shares):
        shares = [1.0] * channels
    return [share / sum(shares) for share in shares]


def proxy_picture(media: Media, span: Span) -> graph.nodes.FilterableStream:
    """The range's picture at the proxy's size and rate, of exactly the proxy's length.

    Raises:
        NoPicture: the clip has none.
    """
    video = media.picture()
    width, height = proxy_size(video)
    options: dict[str, Any] = {"copyts": None, **landing(media, span.start)}
    options |= no_smoothing(video, (width, height))
    stream = guarded(media.path, **options).video
    stream = at_proxy_rate(stream, media.origin + span.start, video)
    return for_proxy_time(stream.filter("scale", width, height, flags="area"), span)


def no_smoothing(video: VideoStream, size: tuple[int, int]) -> dict[str, str]:
    """Options for ffmpeg to decode pictures faster that are shown at `size` only.

    Where four pixels or more become one, the edges of a codec's blocks are smoothed only in those
    pictures that others build on.
    """
    return {"skip_loop_filter": "noref"} if 2 * max(size) <= max(video.display_size) else {}


def landing(media: Media, into: Fraction) -> dict[str, str]:
    """Options for ffmpeg to begin shortly before `into` (s from the first picture).

    None where that is not worth it, or where no picture to begin with comes in time.
    """
    if into > 3 * _RUN_UP and _may_jump(media, into):
        return {"ss": f"{float(into - _RUN_UP):.3f}"}
    return {}


def _may_jump(media: Media, into: Fraction) -> bool:
    """Whether a picture that stands alone comes between the landing point and the range."""
    import av.error

    with open_media(media.path) as container:
        stream: Any = container.streams[media.picture().index]
        aim = media.origin + into - _RUN_UP
        try:
            container.seek(int(aim / stream.time_base), stream=stream)
            for packet in container.demux([stream]):
                if packet.pts is None:
                    continue
                if packet.pts * stream.time_base > media.origin + into:
                    return False
                if packet.is_keyframe:
                    return True
        except (av.error.FFmpegError, OverflowError, ValueError):
            pass
    return False


def at_proxy_rate(
    stream: graph.nodes.FilterableStream, start: Fraction, video: VideoStream
) -> graph.nodes.FilterableStream:
    """Pictures from `start` (s on the file's clock) on, as constant frames; before any scaling.

    A source frame shows from half a frame before its time at the earliest, so that clocks that
    round do not lose the first one.
    """
    early = start - 1 / (2 * video.rate)
    stream = stream.filter("trim", start=f"{float(early):.6f}")
    if not video.variable:
        # Counted in frames, clip and matte agree where the clock of one of them is coarse.
        stream = (
            stream.filter("setpts", f"PTS-({video.start})/TB")
            .filter("settb", str(1 / video.rate))
            .filter("settb", _FINE_CLOCK)
            .filter("setpts", f"PTS-({start - video.start})/TB")
        )
    else:
        stream = stream.filter("setpts", f"PTS-({start})/TB")
    return stream.filter("fps", PROXY_RATE, start_time=0)


def for_proxy_time(
    stream: graph.nodes.FilterableStream, span: Span
) -> graph.nodes.FilterableStream:
    """As many square-pixelled frames as the range has; the last one stands until it ends."""
    return (
        stream.filter("setsar", 1)
        .filter("tpad", stop_mode="clone", stop=-1)
        .filter("trim", end_frame=proxy_frames(span))
        .filter("setpts", "PTS-STARTPTS")
    )


def _wave(sound: graph.nodes.FilterableStream, path: Path, codec: str) -> graph.nodes.OutputStream:
    import ffmpeg as graph

    return graph.output(sound, address(path), acodec=codec, format="wav", rf64="auto")


def _length(span: Span, rate: int) -> int:
    first, last = span.samples(rate)
    return last - first


def _check_frames(path: Path, wanted: int) -> None:
    from stemmux.bwf import wave_format

    _, frames = wave_format(path)
    if frames != wanted:
        raise VerificationFailed(
            f"{frames} samples were read where {wanted} were expected.",
            hint="The file may be damaged; try a shorter range.",
        )
