"""What each container can hold: the one table of it, with a sentence for everything it cannot.

The table was measured with the ffmpeg that is shipped, by writing and reading back, and
`docs/containers.md` is made from it. This module must not know how anything is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.errors import ContainerRefused

if TYPE_CHECKING:
    from stemmux.bwf import WaveFormat
    from stemmux.probe import AudioStream, Media, VideoStream

Container = Literal["mov", "mp4", "mkv", "mxf", "wav"]
CONTAINERS: tuple[Container, ...] = ("mov", "mp4", "mkv", "mxf", "wav")

#: What lies beside the samples of a clip, in the words of the document.
Fact = Literal[
    "tags",
    "creation time",
    "track titles",
    "languages",
    "default track",
    "track roles",
    "channel layouts",
    "timecode",
    "chapters",
    "colour tags",
    "mastering display",
    "light levels",
    "rotation",
    "further pictures",
    "text subtitles",
    "picture subtitles",
    "caption tracks",
    "timed data",
    "attachments",
    "cover",
]


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


_NOT_IN_MOV = _listed("av1 vp8 vp9")
_NOT_IN_MP4 = _listed(
    "cfhd dnxhd dvvideo flv1 hap huffyuv msmpeg4v2 msmpeg4v3 prores qtrle rawvideo theora utvideo "
    "v210 vp8 wmv1 wmv2"
)
_NOT_IN_MKV = _listed("qtrle")
_IN_MXF = _listed("dnxhd dvvideo ffv1 h264 jpeg2000 mpeg2video prores")
_NOT_SOUND_IN_MOV = _listed(
    "adpcm_ima_wav adpcm_ms flac opus pcm_bluray pcm_dvd truehd tta wavpack wmav1 wmav2"
)
_NOT_SOUND_IN_MP4 = _listed(
    "adpcm_ima_qt adpcm_ima_wav adpcm_ms pcm_alaw pcm_bluray pcm_dvd pcm_mulaw pcm_s8 pcm_u8 "
    "truehd tta wavpack wmav1 wmav2"
)
_NOT_SOUND_IN_MKV = _listed("adpcm_ima_qt pcm_bluray pcm_dvd pcm_f32be pcm_f64be pcm_s8")
#: PCM that MXF takes as it is, or with its bytes turned round.
_SOUND_IN_MXF = _listed("pcm_s16le pcm_s16be pcm_s24le pcm_s24be")
#: Frames per second that MXF has a code for.
_FRAMES_IN_MXF = frozenset(
    [Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 100, 120)]
    + [Fraction(rate * 1000, 1001) for rate in (24, 30, 60, 120)]
)
#: Hz that AAC has a code for.
_RATES_IN_AAC = frozenset(
    [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000]
)
_MOST_CHANNELS_IN_AAC = 8
#: Places of three channels and more that come back from AAC as they went in; in others the encoder
#: mixes channels up, or loses them.
_LAYOUTS_IN_AAC = frozenset(
    {
        *("FL FR FC", "FL FR BC", "FL FR FC LFE", "FL FR FC BC", "FL FR BL BR", "FL FR SL SR"),
        *("FL FR FC BL BR", "FL FR FC SL SR", "FL FR FC LFE BC"),
        *("FL FR FC LFE BL BR", "FL FR FC LFE SL SR", "FL FR FC BL BR BC"),
        *("FL FR FC BL BR SL SR", "FL FR FC LFE BL BR BC"),
        *("FL FR FC LFE BL BR SL SR", "FL FR FC LFE BL BR FLC FRC", "FL FR FC BL BR BC SL SR"),
    }
)
#: Channels that mean left and right (or the middle) without being named.
_UNNAMED = 2
RATE_IN_MXF = 48_000
_KINDS = {"mov": "a MOV file", "mp4": "an MP4 file", "mkv": "an MKV file", "mxf": "an MXF file"}


@dataclass(frozen=True)
class Rules:
    """What a container is written with, and what it keeps of a clip.

    Attributes:
        muxer: what ffmpeg calls it.
        stems: how stems are stored, in words.
        keeps: what is still there after writing and reading back.
        subtitles: subtitle codecs that are copied, and the one that text becomes ("" for none).
        enables: its default flag means that a track is switched on at all.
    """

    muxer: str
    stems: str
    keeps: frozenset[Fact]
    subtitles: frozenset[str] = frozenset()
    text: str = ""
    enables: bool = False


#: What every movie container but MXF keeps.
_USUAL: frozenset[Fact] = frozenset(
    {
        *("tags", "creation time", "track titles", "languages", "default track", "timecode"),
        *("chapters", "colour tags", "mastering display", "light levels", "rotation"),
        *("further pictures", "text subtitles"),
    }
)

RULES: dict[Container, Rules] = {
    "mov": Rules(
        muxer="mov",
        stems="PCM, as they are",
        keeps=_USUAL | {"channel layouts", "caption tracks", "timed data"},
        subtitles=frozenset({"mov_text", "eia_608"}),
        text="mov_text",
        enables=True,
    ),
    "mp4": Rules(
        muxer="mp4",
        stems="AAC, 192 kbit/s for each channel: other programs read no PCM there",
        keeps=_USUAL | {"channel layouts", "track roles", "timed data", "cover"},
        subtitles=frozenset({"mov_text"}),
        text="mov_text",
        enables=True,
    ),
    "mkv": Rules(
        muxer="matroska",
        stems="PCM, as they are",
        keeps=_USUAL | {"track roles", "picture subtitles", "attachments", "cover"},
        subtitles=frozenset(
            {"subrip", "ass", "webvtt", "text", "hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"}
        ),
        text="subrip",
    ),
    "mxf": Rules(
        muxer="mxf",
        stems="PCM of 16 or 24 bits at 48 kHz, up to the last whole picture",
        keeps=frozenset({"timecode", "colour tags", "mastering display"}),
    ),
    "wav": Rules(
        muxer="",
        stems="further channels of one Broadcast WAV, behind those of the clip's own sound",
        keeps=frozenset({"timecode", "track titles"}),
    ),
}


@dataclass(frozen=True)
class Wish:
    """What is to go into a container: a clip, the formats of the stems, the clip's sound or not."""

    media: Media
    stems: Sequence[WaveFormat]
    own_sound: bool

    @property
    def sounds(self) -> tuple[AudioStream, ...]:
        """The clip's sound tracks that are to go in."""
        return self.media.audio if self.own_sound else ()


@dataclass(frozen=True)
class Refusal:
    """A cell of the table that cannot work.

    Attributes:
        what: it, for the document.
        sentence: what is wrong with a wish, or None.
    """

    containers: tuple[Container, ...]
    what: str
    sentence: Callable[[Wish], str | None]


def container_of(path: Path) -> Container:
    """The container that a file name asks for.

    Raises:
        ContainerRefused: none that stems can be added to.
    """
    for container in CONTAINERS:
        if path.suffix.lower() == f".{container}":
            return container
    raise ContainerRefused(
        f"Stems cannot be added to a {path.suffix or 'nameless'} file.",
        hint="Name a .mov, .mp4, .mkv, .mxf or .wav file.",
    )


def refuse(wish: Wish, container: Container) -> None:
    """Check a wish against the table, before any work.

    Raises:
        ContainerRefused: with the sentence of the cell, and a container that can.
    """
    sentence = _sentence(wish, container)
    if sentence is None:
        return
    able = [f".{other}" for other in CONTAINERS[:3] if _sentence(wish, other) is None]
    hint = "Name a .wav file for the stems alone."
    if able:
        hint = f"Name a {' or '.join([', '.join(able[:-1]), able[-1]] if able[1:] else able)} file."
    silent = dataclasses.replace(wish, own_sound=False)
    if wish.own_sound and _sentence(silent, container) is None:
        hint += " Or leave the clip's own sound out with --replace-audio."
    raise ContainerRefused(sentence, hint=hint)


def _sentence(wish: Wish, container: Container) -> str | None:
    for refusal in REFUSALS:
        if container in refusal.containers:
            sentence = refusal.sentence(wish)
            if sentence is not None:
                return sentence
    return None


def another(container: str) -> str:
    """The hint for who asked for a container that turned out not to do."""
    return "Name a .mov file." if container.endswith("mkv") else "Name an .mkv file."


def holds_picture(codec: str, container: Container) -> bool:
    """Whether a picture of that codec can be copied into the container."""
    if container == "mxf":
        return codec in _IN_MXF
    refused = {"mov": _NOT_IN_MOV, "mp4": _NOT_IN_MP4, "mkv": _NOT_IN_MKV}
    return container != "wav" and codec not in refused[container]


def _holds_sound(codec: str, container: Container) -> bool:
    if container == "mxf":
        return codec in _SOUND_IN_MXF
    refused = {"mov": _NOT_SOUND_IN_MOV, "mp4": _NOT_SOUND_IN_MP4, "mkv": _NOT_SOUND_IN_MKV}
    return codec not in refused[container]


def _picture_codec(container: Container) -> Callable[[Wish], str | None]:
    def sentence(wish: Wish) -> str | None:
        video = wish.media.video
        if video is None or holds_picture(video.codec, container):
            return None
        return f"The picture is {video.codec}, which {_KINDS[container]} cannot hold."

    return sentence


def _sound_codec(container: Container) -> Callable[[Wish], str | None]:
    def sentence(wish: Wish) -> str | None:
        for number, track in enumerate(wish.sounds, 1):
            if not _holds_sound(track.codec, container):
                kind = _KINDS[container]
                return f"The clip's sound {number} is {track.codec}, which {kind} cannot hold."
        return None

    return sentence


def _with_picture(
    sentence: Callable[[VideoStream], str | None],
) -> Callable[[Wish], str | None]:
    return lambda wish: None if wish.media.video is None else sentence(wish.media.video)


def _without_picture(wish: Wish) -> str | None:
    return "An MXF file needs a picture." if wish.media.video is None else None


def _varying(video: VideoStream) -> str | None:
    if video.variable:
        return "The frame rate varies, and an MXF file has one for all pictures."
    if video.rate not in _FRAMES_IN_MXF:
        return f"An MXF file knows no {float(video.rate):.6g} frames per second."
    return None


def _out_of_order(video: VideoStream) -> str | None:
    if video.codec == "h264" and video.reordered:
        return "In an MXF file the pictures would be shown in the order in which they are stored."
    return None


def _hidden(video: VideoStream) -> str | None:
    if video.hidden:
        return (
            f"The clip was cut without coding it again, and hides {video.hidden} pictures; "
            "they would be shown."
        )
    return None


def _mxf_sound(wish: Wish) -> str | None:
    rates = [form.rate for form in wish.stems] + [track.rate for track in wish.sounds]
    for rate in rates:
        if rate != RATE_IN_MXF:
            return f"The sound is at {rate} Hz, and an MXF file takes 48000 Hz alone."
    if any(form.encoding == "f32" for form in wish.stems):
        return (
            "A stem is wider than 24 bits, and an MXF file takes whole numbers of 16 or 24 alone."
        )
    return None


def _aac_stems(wish: Wish) -> str | None:
    for form in wish.stems:
        if form.channels > _MOST_CHANNELS_IN_AAC:
            return f"An MP4 file cannot carry a stem of {form.channels} channels."
        if form.rate not in _RATES_IN_AAC:
            return f"An MP4 file cannot carry a stem at {form.rate} Hz."
        places = " ".join(form.speakers)
        named = form.channels > _UNNAMED and "NONE" not in form.speakers and places
        if named and places not in _LAYOUTS_IN_AAC:
            return f"An MP4 file cannot carry a stem with the channels {places}."
    return None


def _lone_mp3(wish: Wish) -> str | None:
    if wish.media.video is None and wish.media.container == "mp3" and wish.own_sound:
        return "In an MKV file, what the encoder of an MP3 put in front would be heard."
    return None


def _one_rate(wish: Wish) -> str | None:
    rates = {form.rate for form in wish.stems} | {track.rate for track in wish.sounds}
    if len(rates) > 1:
        listed = ", ".join(f"{rate} Hz" for rate in sorted(rates))
        return f"The channels of a WAV file have one rate; these have {listed}."
    return None


def _words(codecs: frozenset[str]) -> str:
    return ", ".join(sorted(codecs))


REFUSALS: tuple[Refusal, ...] = (
    Refusal(("mov",), f"a picture in {_words(_NOT_IN_MOV)}", _picture_codec("mov")),
    Refusal(("mp4",), f"a picture in {_words(_NOT_IN_MP4)}", _picture_codec("mp4")),
    Refusal(("mkv",), f"a picture in {_words(_NOT_IN_MKV)}", _picture_codec("mkv")),
    Refusal(("mxf",), "a clip without a picture", _without_picture),
    Refusal(("mxf",), f"a picture in anything but {_words(_IN_MXF)}", _picture_codec("mxf")),
    Refusal(("mxf",), "H.264 whose pictures are stored out of order", _with_picture(_out_of_order)),
    Refusal(
        ("mxf",),
        "a frame rate that varies, or is not one of film and television's",
        _with_picture(_varying),
    ),
    Refusal(
        ("mkv", "mxf"), "pictures at the start that an edit list hides", _with_picture(_hidden)
    ),
    Refusal(("mov",), f"the clip's sound in {_words(_NOT_SOUND_IN_MOV)}", _sound_codec("mov")),
    Refusal(("mp4",), f"the clip's sound in {_words(_NOT_SOUND_IN_MP4)}", _sound_codec("mp4")),
    Refusal(("mkv",), f"the clip's sound in {_words(_NOT_SOUND_IN_MKV)}", _sound_codec("mkv")),
    Refusal(("mkv",), "the sound of an MP3 file without a picture", _lone_mp3),
    Refusal(("mxf",), "the clip's sound in anything but PCM of 16 or 24 bits", _sound_codec("mxf")),
    Refusal(
        ("mxf",), "sound at another rate than 48 kHz, and stems in floats or 32 bits", _mxf_sound
    ),
    Refusal(
        ("mp4",),
        "stems of more than 8 channels, with channels in places that AAC does not bring back (2.1, "
        "6.0, 6.1), or at a rate that AAC has no code for",
        _aac_stems,
    ),
    Refusal(("wav",), "sound of several rates", _one_rate),
)
