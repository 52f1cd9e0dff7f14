"""Stems at the end of a QuickTime movie: nothing that is in the file moves, nothing is muxed again.

The bytes of the clip are cloned or copied as they lie, the old index becomes free space, and behind
it come the samples of the stems and a new index: the old one, atom for atom, with more tracks. So
pictures, sounds, timecode, colour, captions and everything else that nobody here knows of survive
by construction. What that cannot be done to is `NotAppendable`; `stemmux.mux` goes another way
then. This module must not know where the stems came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from stemmux.atoms import long_head
from stemmux.bwf import wave_format
from stemmux.copying import clone, copy_range
from stemmux.errors import MediaError, NotAppendable
from stemmux.files import refused_output
from stemmux.movie import Movie, read_movie
from stemmux.sound_track import MOST_FRAMES, SoundTrack
from stemmux.wave_bytes import WaveBytes, wave_bytes

if TYPE_CHECKING:
    from io import FileIO

    from stemmux.ffmpeg import Progress
    from stemmux.mux import Stem
    from stemmux.probe import Media

#: Stretches of the tracks lie beside one another this often in a second.
_TURNS = 1
#: Bytes that are gathered before they are written.
_BUFFER = 1 << 20


@dataclass(frozen=True)
class _Part:
    """A stem as a track: so many samples of silence, then those of its file."""

    title: str
    wave: WaveBytes
    lead: int

    @property
    def frames(self) -> int:
        return self.lead + self.wave.frames

    def turns(self) -> Iterator[tuple[int, int]]:
        """First sample and number of samples of each stretch."""
        step = max(1, self.wave.rate // _TURNS)
        for first in range(0, self.frames, step):
            yield first, min(step, self.frames - first)


@dataclass(frozen=True)
class _Stretch:
    """Samples of one part, and where in the file they will lie."""

    part: int
    first: int
    count: int
    to: int


def append(
    media: Media,
    stems: Sequence[Stem],
    out: Path,
    *,
    default: Literal["clip"] | int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write `out`, a MOV file: the clip as it is, with the stems as further audio tracks.

    The stems start on their sample exactly. `out` is replaced if it exists, and removed again if
    anything fails.

    Args:
        default: which sound players use unasked: all (None), the clip's own ("clip"), or the stem
            with that index.

    Raises:
        NotAppendable: the file, a stem or the name is of a kind that this cannot be done with.
        OutputRefused: the folder cannot be written to, or the disk is full.
        MediaError: the clip changed while it was copied.
    """
    if out.suffix.lower() != ".mov":
        raise NotAppendable("Only MOV files can be added to at their end.")
    if not stems:
        raise NotAppendable("There is nothing to add.")
    if media.origin != 0:
        # Right by the clock, but MLT then puts each kind of sound somewhere else.
        raise NotAppendable("The first picture does not lie at the zero of the file's clock.")
    parts = [_part(stem) for stem in stems]
    with _opened(media.path) as source:
        movie = read_movie(source, source.seek(0, os.SEEK_END))
        stretches = list(_interleaved(parts, movie.size + len(long_head(b"mdat", 0))))
        index = _index(movie, parts, stretches, default)
        with refused_output(out), _removed_on_failure(out):
            _write(source, movie, parts, stretches, index, out, progress)
            if source.seek(0, os.SEEK_END) != movie.size:
                raise MediaError(f"{media.path.name} changed while it was read.", hint="Try again.")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise NotAppendable(f"{path.name} cannot be read.") from error


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _part(stem: Stem) -> _Part:
    """The stem as it will lie in the file.

    Raises:
        NotAppendable: its samples cannot be copied as they lie, or no track can hold them.
    """
    form, frames = wave_format(stem.path)
    try:
        wave = wave_bytes(stem.path)
    except MediaError as error:
        raise NotAppendable(str(error)) from error
    if frames == 0 or (wave.rate, wave.channels, wave.frames) != (form.rate, form.channels, frames):
        raise NotAppendable(f"The stem {stem.path.name} is empty, or damaged.")
    if stem.start < 0:
        raise NotAppendable(f"The stem {stem.path.name} would start before the movie does.")
    if stem.start + frames > MOST_FRAMES:
        raise NotAppendable(f"The stem {stem.path.name} is longer than a track can be.")
    return _Part(stem.title, wave, stem.start)


def _interleaved(parts: Sequence[_Part], start: int) -> Iterator[_Stretch]:
    """A second of each part in turn, so that what is heard together lies together."""
    to = start
    turns = {number: part.turns() for number, part in enumerate(parts)}
    while turns:
        for number in list(turns):
            found = next(turns[number], None)
            if found is None:
                del turns[number]
                continue
            yield _Stretch(number, *found, to)
            to += found[1] * parts[number].wave.frame_bytes


def _index(
    movie: Movie,
    parts: Sequence[_Part],
    stretches: Sequence[_Stretch],
    default: Literal["clip"] | int | None,
) -> bytes:
    group = next((track.group for track in movie.tracks if track.sound), 0)
    tracks = []
    for index, number in enumerate(movie.free_numbers(len(parts))):
        wave = parts[index].wave
        tracks.append(
            SoundTrack(
                number=number,
                title=parts[index].title,
                rate=wave.rate,
                channels=wave.channels,
                bits=wave.bits,
                floating=wave.floating,
                speakers=wave.speakers,
                chunks=[(one.to, one.count) for one in stretches if one.part == index],
                enabled=default is None or default == index,
                group=0 if default is None else group,
                stamps=movie.stamps,
            )
        )
    return movie.extended(
        [track.trak(movie.timescale) for track in tracks],
        length=max(track.length for track in tracks),
        enabled=None if default in (None, "clip") else False,
    )


def _write(
    source: BinaryIO,
    movie: Movie,
    parts: Sequence[_Part],
    stretches: Sequence[_Stretch],
    index: bytes,
    out: Path,
    progress: Progress | None,
) -> None:
    samples = sum(part.frames * part.wave.frame_bytes for part in parts)
    head = long_head(b"mdat", samples)
    whole = movie.size + len(head) + samples + len(index)

    def told(done: int) -> None:
        if progress is not None:
            progress(done / whole)

    told(0)
    with out.open("wb", buffering=0) as target:
        if not clone(source, target):
            copy_range(source, 0, target, 0, movie.size, told)
    with out.open("rb+", buffering=0) as file:
        file.seek(movie.size)
        gathered = _Gathered(file)
        gathered.add(head)
        _write_samples(parts, stretches, gathered, told)
        gathered.add(index)
        gathered.flush()
        # Last: until then the file is the clip, with bytes behind it that belong to nothing.
        for place, data in movie.changes():
            file.seek(place)
            file.write(data)
    told(whole)


class _Gathered:
    """Bytes on their way into a file, read to where they lie beside one another.

    So they are moved twice in all, in and out; a write for each short stretch, or a buffer behind
    another, would take a third longer.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._room = memoryview(bytearray(_BUFFER))
        self._filled = 0

    def add(self, data: bytes) -> None:
        """Bytes that are at hand."""
        for start in range(0, len(data), _BUFFER):
            part = data[start : start + _BUFFER]
            if len(part) > _BUFFER - self._filled:
                self.flush()
            self._room[self._filled : self._filled + len(part)] = part
            self._filled += len(part)

    def take(self, source: FileIO, count: int) -> int:
        """The next `count` bytes of an unbuffered file; fewer, if it ends before."""
        left = count
        while left:
            if self._filled == _BUFFER:
                self.flush()
            room = self._room[self._filled : self._filled + left]
            found = source.readinto(room)
            if not found:
                break
            self._filled += found
            left -= found
        return count - left

    def skip(self, count: int) -> None:
        """Bytes that read as zeros, without being written."""
        self.flush()
        self._target.seek(count, os.SEEK_CUR)

    def flush(self) -> None:
        """Write what is gathered."""
        left = self._room[: self._filled]
        while left:
            left = left[self._target.write(left) :]
        self._filled = 0


def _write_samples(
    parts: Sequence[_Part],
    stretches: Sequence[_Stretch],
    target: _Gathered,
    told: Callable[[int], None],
) -> None:
    """Copy the samples; silence is left out, and reads as zeros."""
    with ExitStack() as stack:
        files = [stack.enter_context(part.wave.path.open("rb", buffering=0)) for part in parts]
        for file, part in zip(files, parts, strict=True):
            file.seek(part.wave.start)
        for stretch in stretches:
            part, file = parts[stretch.part], files[stretch.part]
            size, silent = part.wave.frame_bytes, max(0, part.lead - stretch.first)
            if silent:
                target.skip(min(silent, stretch.count) * size)
            wanted = max(0, stretch.count - silent) * size
            if target.take(file, wanted) != wanted:
                raise MediaError(f"{part.wave.path.name} was cut short.", hint="Try again.")
            told(stretch.to)
