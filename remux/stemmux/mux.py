"""Stems into a file: everything that is in the clip copied, the stems added as audio tracks.

A QuickTime movie is added to at its end. Otherwise the file's clock is moved so that the first
picture lies at zero, and the stems are counted from there. Whatever was written is read back before
it gets its name. This module must not know where the stems came from.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.bwf import wave_format
from stemmux.cargo import Default, cargo, everything
from stemmux.containers import CONTAINERS as CONTAINERS
from stemmux.containers import RATE_IN_MXF, RULES, Container, Wish, another, refuse
from stemmux.containers import container_of as container_of
from stemmux.contents import speakers
from stemmux.errors import (
    ContainerRefused,
    FfmpegFailed,
    MediaError,
    NotAppendable,
    UnreadableMedia,
)
from stemmux.ffmpeg import Progress, address, guard_words, run
from stemmux.files import replacing
from stemmux.probe import Media
from stemmux.steady import TICKS, steady_clock

if TYPE_CHECKING:
    from stemmux.bwf import WaveFormat
    from stemmux.carry import Carrying

#: For each channel of a stem in MP4.
_AAC_BITRATE = 192_000
#: Integers and floats that are kept as they are, though they are none of ours.
_WIDE = {"PCM_32": "s32", "DOUBLE": "f64"}
#: From the first picture on, with holes filled, as in `stemmux.extract`.
_FROM_ZERO = "aresample=48000:async=1:min_hard_comp=0.004:first_pts=0"
#: Channels that mean left and right (or the middle) without being named.
_PLAIN = 2
#: Layouts in place of those that ffmpeg takes so many channels for (2.1, 6.1).
_UNSPOILT = {3: "3.0", 7: "7.0"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stem:
    """A stem to add.

    Attributes:
        path: a WAV file.
        title: the name of its track.
        start: samples from the clip's first picture to the stem's first sample.
    """

    path: Path
    title: str
    start: int = 0


@dataclass(frozen=True)
class Muxed:
    """A file that was written and read back.

    Attributes:
        picture: "copied" if every packet is the clip's own, "repackaged" if the container wanted
            another framing and every decoded picture is the clip's own, None without a picture.
        tracks: numbers of the added audio tracks, from 1; of their channels in a WAV file.
        offsets: where each stem was found against where it belongs, in samples; None for a stem
            without a sound to find.
        way: "appended" if the clip's bytes lie in the file as they lay, and the stems behind them.
        null_db: level of the sum of the stems as read back minus their sum as given, against full
            scale; -inf when every sample is the same. The highest, where rates or channels differ.
        parts_null_db: level of the clip's own sound minus the sum of the stems as given; -inf when
            every sample is the same, None where they are not its parts.
        lost: sentences about what is in the clip and not in the file.
    """

    path: Path
    container: Container
    picture: Literal["copied", "repackaged"] | None
    tracks: tuple[int, ...]
    offsets: tuple[float | None, ...]
    way: Literal["appended", "remuxed"]
    null_db: float
    parts_null_db: float | None
    lost: tuple[str, ...]


def add(
    media: Media,
    stems: Sequence[Stem],
    out: Path,
    *,
    replace_audio: bool = False,
    default: Default = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Muxed:
    """Write `out`: the clip with the stems as further audio tracks.

    Args:
        replace_audio: leave the clip's own sound out.
        default: which sound players use unasked: the clip's own, or the stem with that index. By
            default all tracks are on in MOV and MP4, and the clip's own are preferred elsewhere.

    Raises:
        ContainerRefused: the container cannot carry the clip's streams, or the stems.
        MediaError: a stem is empty, or starts before the clip; there is no such default.
        OutputExists, OutputRefused: see `stemmux.files.replacing`.
        VerificationFailed: what was written is not what was meant; it is removed.
    """
    container = container_of(out)
    own_sound = bool(media.audio) and not replace_audio
    _check_default(default, stems, own_sound=own_sound)
    refuse(Wish(media, [_format(stem) for stem in stems], own_sound=own_sound), container)
    sources = [media.path, *(stem.path for stem in stems)]
    with replacing(out, overwrite=overwrite, sources=sources) as temporary:
        if container == "wav":
            from stemmux.polyphonic import write

            made = write(media, stems, temporary, own_sound=own_sound, progress=progress)
        else:
            made = _movie(media, stems, temporary, container, own_sound, default, progress)
    return dataclasses.replace(made, path=out)


def chosen(stems: Sequence[Stem], word: str) -> Default:
    """Which sound a person means by a word: "clip", or one that is in the title of a stem.

    Raises:
        MediaError: it is in no title.
    """
    if word.lower() == "clip":
        return "clip"
    for index, stem in enumerate(stems):
        if word.lower() in stem.title.lower():
            return index
    titles = ", ".join(stem.title for stem in stems)
    raise MediaError(f"No stem is called {word!r}.", hint=f"There are: clip, {titles}.")


def _format(stem: Stem) -> WaveFormat:
    form, frames = wave_format(stem.path)
    if frames == 0 or stem.start < 0:
        raise MediaError(
            f"The stem {stem.path.name} is empty, or starts before the clip.",
            hint="Choose a WAV file with sound.",
        )
    return dataclasses.replace(form, speakers=speakers(stem.path))


def _check_default(default: Default, stems: Sequence[Stem], *, own_sound: bool) -> None:
    if default == "clip" and not own_sound:
        raise MediaError("The clip's own sound is not in the file.", hint="Choose a stem.")
    if isinstance(default, int) and not 0 <= default < len(stems):
        raise MediaError(f"There is no stem {default}.", hint=f"There are {len(stems)}, from 0 on.")


def _movie(
    media: Media,
    stems: Sequence[Stem],
    temporary: Path,
    container: Container,
    own_sound: bool,
    default: Default,
    progress: Progress | None,
) -> Muxed:
    from stemmux.carry import Carrying
    from stemmux.contents import contents
    from stemmux.losses import losses
    from stemmux.readback import Task, verify

    held = contents(media)
    carrying = Carrying(media, held, everything(held), stems, container, default)
    untouched = container == "mov" and (own_sound or not media.audio)
    untouched = untouched and _appended(carrying, temporary, progress)
    if not untouched:
        chosen = cargo(media, held, container, own_sound=own_sound)
        carrying = dataclasses.replace(carrying, cargo=chosen)
        _remux(carrying, temporary, progress)
    task = Task(
        media,
        stems,
        carrying.cargo,
        exact=container != "mp4",
        cuts=container == "mxf",
        untouched=untouched,
    )
    proof = verify(task, temporary, progress)
    before = len(proof.found.audio) - len(stems)
    lost = [loss.sentence for loss in losses(carrying, proof.found, proof.contents)]
    if container == "mp4" and any(track.codec.startswith("pcm") for track in carrying.tracks):
        lost.append("Few programs read the clip's own sound in the new file: it is PCM.")
    return Muxed(
        temporary,
        container,
        proof.picture,
        tuple(range(before + 1, before + 1 + len(stems))),
        proof.offsets,
        "appended" if untouched else "remuxed",
        proof.null_db,
        proof.parts_null_db,
        (*lost, *proof.notes),
    )


def _appended(carrying: Carrying, temporary: Path, progress: Progress | None) -> bool:
    """Add to the clip at its end, where it is a movie of a kind that this can be done with."""
    from stemmux.append import append
    from stemmux.kept import check_kept

    media = carrying.media
    try:
        append(media, carrying.stems, temporary, default=carrying.default, progress=progress)
    except NotAppendable as reason:
        _log.debug("remuxed, not appended: %s", reason)
        return False
    check_kept(media.path, temporary)
    return True


def _remux(carrying: Carrying, temporary: Path, progress: Progress | None) -> None:
    from stemmux.carry import attached_covers
    from stemmux.finishing import finish

    media, container = carrying.media, carrying.container
    with attached_covers(carrying) as covers:
        words = [*_inputs(carrying), *carrying.maps(), "-c", "copy", *_sound(carrying)]
        words += [*carrying.names(), *covers, *_clock(carrying), "-f", RULES[container].muxer]
        try:
            run(
                [*words, address(temporary)],
                limit=600 + 10 * float(media.duration),
                duration=media.duration,
                progress=progress,
            )
        except (ContainerRefused, UnreadableMedia, FfmpegFailed) as error:
            # What comes out of a readable clip is, or is not, what the container can hold.
            raise ContainerRefused(str(error), hint=another(container)) from error
    if RULES[container].enables:
        created = "" if carrying.own_tags else carrying.held.created
        finish(temporary, languages=carrying.languages, created=created)


def _inputs(carrying: Carrying) -> list[str]:
    from stemmux.carry import head_room

    media, room = carrying.media, head_room(carrying)
    # Program streams give a time to some pictures only: the others get theirs.
    words = ["-copyts", "-fflags", "+genpts", "-itsoffset", f"{float(room - media.origin):.6f}"]
    words += _input(media.path)
    for stem in carrying.stems:
        words += ["-itsoffset", f"{float(room):.6f}"]
        # Channels whose places are not said get none made up, but for AAC, which needs some.
        words += [] if carrying.container == "mp4" else ["-guess_layout_max", str(_PLAIN)]
        words += _input(stem.path)
    return words


def _input(path: Path) -> list[str]:
    return [*guard_words(), "-i", address(path)]


def _sound(carrying: Carrying) -> list[str]:
    """Codecs of the stems; in MXF of the clip's own sound too, whose bytes it wants in order."""
    words: list[str] = []
    tracks, container = carrying.tracks, carrying.container
    # There the picture ends with the sound that ends first.
    end = ["apad=whole_len=" + str(_samples_to_end(carrying.media))] if container == "mxf" else []
    for number, track in enumerate(tracks if container == "mxf" else ()):
        words += [f"-c:a:{number}", f"pcm_{track.codec[4:7]}le"]
        # There is no place for a time of its own: what is late begins with silence.
        words += [f"-filter:a:{number}", ",".join([_FROM_ZERO, *end])]
    for number, stem in enumerate(carrying.stems, start=len(tracks)):
        words += [f"-c:a:{number}", *_codec(stem, container, number)]
        # Silence in samples is exact in every container; a delay in its clock is not.
        filters = [f"adelay={stem.start}S:all=1"] if stem.start else []
        filters += [*(_places(stem) if container == "mp4" else []), *end]
        words += [f"-filter:a:{number}", ",".join(filters)] if filters else []
    return words


def _codec(stem: Stem, container: Container, number: int) -> list[str]:
    import soundfile

    info = soundfile.info(str(stem.path))
    if container == "mp4":
        return ["aac", f"-b:a:{number}", str(_AAC_BITRATE * info.channels)]
    form, _ = wave_format(stem.path)
    return [f"pcm_{_WIDE.get(info.subtype, form.encoding)}le"]


def _places(stem: Stem) -> list[str]:
    """A filter that says where unnamed channels are heard, if AAC would spoil what is guessed."""
    named = speakers(stem.path)
    layout = _UNSPOILT.get(len(named)) if "NONE" in named else None
    channels = "|".join(map(str, range(len(named))))
    return [f"channelmap={channels}:channel_layout={layout}"] if layout else []


def _samples_to_end(media: Media) -> int:
    picture = media.picture()
    return math.ceil((picture.end - picture.start) * RATE_IN_MXF)


def _clock(carrying: Carrying) -> list[str]:
    """Words for times: those of packets, and the clock of the file itself."""
    container, media = carrying.container, carrying.media
    words = [] if container == "mkv" else steady_clock(media, carrying.tracks)
    if not RULES[container].enables:
        # Only QuickTime and MP4 files have a clock for pictures that can be chosen.
        return words[: words.index(TICKS)] if TICKS in words else words
    tags = "" if carrying.own_tags else "+use_metadata_tags"
    # A clock of 48 000 keeps the edit list of a late track on the sample.
    return [*words, "-movie_timescale", "48000", "-movflags", f"+faststart{tags}"]
