"""Stems into a file: everything that is in the clip copied, the stems added as audio tracks.

The file's clock is moved so that the first picture lies at zero, and the stems are counted from
there; the result is read back before it gets its name. This module must not know where the stems
came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stemmux.bwf import BLOCK, WaveFormat, WaveWriter, wave_format
from stemmux.errors import ContainerRefused, MediaError, UnreadableMedia
from stemmux.ffmpeg import Progress, address, guard_words, run
from stemmux.files import replacing, scratch
from stemmux.probe import Media
from stemmux.steady import steady_clock

Container = Literal["mov", "mp4", "mkv"]
CONTAINERS: tuple[Container, ...] = ("mov", "mp4", "mkv")

#: What ffmpeg calls them.
_MUXERS = {"mov": "mov", "mp4": "mp4", "mkv": "matroska"}
#: MP4 cannot hold PCM that other programs read, so stems become AAC there.
_AAC_BITRATE = "256k"
_AAC_CHANNELS = 8


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
        tracks: numbers of the added audio tracks, from 1.
        offsets: where each stem was found against where it belongs, in samples; None for a stem
            without a sound to find.
    """

    path: Path
    container: Container
    picture: Literal["copied", "repackaged"] | None
    tracks: tuple[int, ...]
    offsets: tuple[float | None, ...]


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
        hint="Name a .mov, .mp4 or .mkv file.",
    )


def add(
    media: Media,
    stems: Sequence[Stem],
    out: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Muxed:
    """Write `out`: the clip with the stems as further audio tracks.

    Raises:
        ContainerRefused: the container cannot carry the clip's streams, or the stems.
        OutputExists, OutputRefused: see `stemmux.files.replacing`.
        VerificationFailed: what was written is not what was meant; it is removed.
    """
    from stemmux.readback import verify

    container = container_of(out)
    with ExitStack() as stack:
        temporary = stack.enter_context(replacing(out, overwrite=overwrite))
        ready = [stack.enter_context(_from_origin(stem)) for stem in stems]
        arguments = _arguments(media, stems, ready, container)
        try:
            run(
                [*arguments, address(temporary)],
                limit=600 + 10 * float(media.duration),
                duration=media.duration,
                progress=progress,
            )
        except UnreadableMedia as error:
            raise ContainerRefused(str(error), hint="Name an .mkv file.") from error
        picture, offsets = verify(media, stems, temporary, exact=container != "mp4")
    before = len(media.audio)
    tracks = tuple(range(before + 1, before + 1 + len(stems)))
    return Muxed(out, container, picture, tracks, offsets)


def _arguments(
    media: Media, stems: Sequence[Stem], files: Sequence[Path], container: Container
) -> list[str]:
    words = ["-copyts", "-itsoffset", f"{-float(media.origin):.6f}", *_input(media.path)]
    for file in files:
        words += _input(file)
    if media.video is not None:
        words += ["-map", f"0:{media.video.index}"]
    for track in media.audio:
        words += ["-map", f"0:{track.index}"]
    for number in range(len(files)):
        words += ["-map", f"{number + 1}:a"]
    words += ["-c", "copy", "-map_metadata", "0", "-map_chapters", "0"]
    for number, (stem, file) in enumerate(zip(stems, files, strict=True), start=len(media.audio)):
        words += _track(number, stem, wave_format(file)[0], container)
    if container != "mkv":
        for number, track in enumerate(media.audio):
            words += steady_clock(media, track, number)
    # Without this, players and editors find the added tracks switched off.
    words += ["-disposition:a", "default"]
    if container != "mkv":
        # A clock of 48 000 keeps the edit list of a late track on the sample.
        words += ["-movie_timescale", "48000", "-movflags", "+faststart"]
    return [*words, "-f", _MUXERS[container]]


def _input(path: Path) -> list[str]:
    return [*guard_words(), "-i", address(path)]


def _track(number: int, stem: Stem, form: WaveFormat, container: Container) -> list[str]:
    if container == "mp4":
        if form.channels > _AAC_CHANNELS:
            raise ContainerRefused(
                f"An MP4 file cannot carry a stem of {form.channels} channels.",
                hint="Name a .mov or .mkv file.",
            )
        codec = [f"-c:a:{number}", "aac", f"-b:a:{number}", _AAC_BITRATE]
    else:
        codec = [f"-c:a:{number}", f"pcm_{form.encoding}le"]
    return [
        *codec,
        f"-metadata:s:a:{number}",
        f"title={stem.title}",
        f"-metadata:s:a:{number}",
        f"handler_name={stem.title}",
        f"-metadata:s:a:{number}",
        "language=zxx",
    ]


@contextmanager
def _from_origin(stem: Stem) -> Iterator[Path]:
    """The stem as a file that starts at the clip's first picture: silence put in front.

    Silence in samples is exact in every container; a delay in the container's own clock is not.
    """
    import numpy as np

    form, frames = wave_format(stem.path)
    if frames == 0 or stem.start < 0:
        raise MediaError(
            f"The stem {stem.path.name} is empty, or starts before the clip.",
            hint="Choose a WAV file with sound.",
        )
    if stem.start == 0:
        yield stem.path
        return
    with scratch(".wav") as padded:
        with WaveWriter(padded, form) as writer:
            for done in range(0, stem.start, BLOCK):
                count = min(BLOCK, stem.start - done)
                writer.write(np.zeros((count, form.channels), np.int32))
            writer.append(stem.path)
        yield padded
