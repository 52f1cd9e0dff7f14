"""Read back a file that stems were added to, before anybody trusts it.

The clip and the new file are each read once: pictures and copied sound by the hash of their
packets, pictures also by their number and times, every stem sample by sample. Where a container
repackages, what is decoded is compared. This module must not know how the file was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.arrival import Arrival, Given, Parts, Sum
from stemmux.cargo import Cargo
from stemmux.containers import another
from stemmux.contents import Contents, contents
from stemmux.errors import ContainerRefused, MediaError, VerificationFailed
from stemmux.extract import Cut, extract
from stemmux.files import scratch
from stemmux.measure import offset, picture_hash
from stemmux.passing import Copied, Listener, listen
from stemmux.probe import AudioStream, Media, probe
from stemmux.timebase import Span

if TYPE_CHECKING:
    from stemmux.ffmpeg import Progress
    from stemmux.mux import Stem

Picture = Literal["copied", "repackaged"]

#: Clocks of whole milliseconds, on either side, and the rounding of a float (s).
_SAME_TIME = 0.0015
#: Sound of the clip that is decoded to be compared, where its packets were changed (s).
_COMPARED = Fraction(2)
#: The end of a sound may miss this much without a word (s).
_UNHEARD = 0.01
#: A clock with fewer ticks than this does not place samples (s).
_COARSE = 0.0005
#: The clip's own sound may be this far from its place without a word (samples).
_UNNOTICED = 1


@dataclass(frozen=True)
class Task:
    """What was to be written.

    Attributes:
        cargo: the clip's streams, in the order of the new file.
        exact: stems were stored without loss, so they must come back bit for bit.
        cuts: the container ends all sound with the last whole picture.
        untouched: the clip's bytes were compared already and are all there.
    """

    media: Media
    stems: Sequence[Stem]
    cargo: Cargo
    exact: bool
    cuts: bool = False
    untouched: bool = False

    @property
    def tracks(self) -> list[AudioStream]:
        """The clip's sound that went in."""
        own = {one.index for one in self.cargo.of("audio")}
        return [track for track in self.media.audio if track.index in own]


@dataclass(frozen=True)
class Proof:
    """What was measured on a written file; see `stemmux.mux.Muxed`."""

    found: Media
    contents: Contents
    picture: Picture | None
    offsets: tuple[float | None, ...]
    null_db: float
    parts_null_db: float | None
    notes: tuple[str, ...]


def verify(task: Task, written: Path, progress: Progress | None = None) -> Proof:
    """Compare a written file with the clip and the stems that went in.

    Args:
        progress: may raise to end it; is told no share.

    Raises:
        VerificationFailed: anything is not as it was meant to be.
        ContainerRefused: the container shows what the clip hides.
    """

    def tick(share: float = 1.0) -> None:
        if progress is not None:
            progress(1.0)

    media, found = task.media, probe(written)
    own = len(task.tracks)
    if len(found.audio) != own + len(task.stems):
        raise VerificationFailed(
            f"Of {own + len(task.stems)} audio tracks, {len(found.audio)} can be read "
            f"in a {written.suffix} file.",
            hint=another(written.suffix),
        )
    with ExitStack() as stack:
        given = [Given(stem.path, stem.title, stem.start) for stem in task.stems]
        for stem in given:
            stack.callback(stem.close)
        sums, arrivals = _arrivals(given, found, task)
        parts = _parts(given, media)
        held = contents(found)
        before, after = _copied(task, found, held)
        listen(media.path, _together(before, parts), tick)
        listen(
            found.path,
            _together(after, {found.audio[own + n].index: one for n, one in enumerate(arrivals)}),
            tick,
        )
        nulls = [level for one in parts.values() if (level := one.null_db()) is not None]
    notes = [] if task.untouched else list(_own_sound(task, found, before, after))
    picture: Picture | None = None if media.video is None else "copied"
    if media.video is not None and not task.untouched:
        picture = _compare_pictures(task, found, before, after, tick)
    offsets = tuple(arrival.offset() for arrival in arrivals)
    notes += _cut_short(task, found, arrivals)
    return Proof(
        found,
        held,
        picture,
        offsets,
        max((one.level_db() for one in sums), default=float("-inf")),
        min(nulls, default=None),
        tuple(notes),
    )


def _arrivals(given: Sequence[Given], found: Media, task: Task) -> tuple[list[Sum], list[Arrival]]:
    """A listener for each stem; stems of one rate and number of channels are added up."""
    groups: dict[tuple[int, int], list[Given]] = {}
    for stem in given:
        groups.setdefault((stem.form.rate, stem.form.channels), []).append(stem)
    sums = {
        shape: Sum([(stem.start, stem.end) for stem in stems], shape[1])
        for shape, stems in groups.items()
    }
    arrivals = []
    for stem in given:
        shape = (stem.form.rate, stem.form.channels)
        number = groups[shape].index(stem)
        arrivals.append(Arrival(stem, found.origin, sums[shape], number, exact=task.exact))
    return list(sums.values()), arrivals


def _parts(given: Sequence[Given], media: Media) -> dict[int, Parts]:
    """Listeners for the clip's tracks that the stems may be the parts of."""
    shapes = {(stem.form.rate, stem.form.channels) for stem in given}
    return {
        track.index: Parts(given, media.origin)
        for track in media.audio
        if shapes == {(track.rate, track.channels)}
    }


def _copied(
    task: Task, found: Media, held: Contents
) -> tuple[dict[int, Copied], dict[int, Copied]]:
    """Listeners for the pictures and the clip's sound, there and here, in the same order."""
    if task.untouched:
        return {}, {}
    pictures = task.cargo.of("video")
    old = [one.index for one in pictures] + [track.index for track in task.tracks]
    new = [one.index for one in held.of("video")[: len(pictures)]]
    new += [track.index for track in found.audio[: len(task.tracks)]]
    if len(new) != len(old):
        raise VerificationFailed("A picture of the clip cannot be read in the new file.")
    return (
        {index: Copied(task.media.origin) for index in old},
        {index: Copied(found.origin) for index in new},
    )


def _together(*groups: Mapping[int, Listener]) -> dict[int, list[Listener]]:
    together: dict[int, list[Listener]] = {}
    for group in groups:
        for index, listener in group.items():
            together.setdefault(index, []).append(listener)
    return together


def _compare_pictures(
    task: Task,
    found: Media,
    before: dict[int, Copied],
    after: dict[int, Copied],
    progress: Progress,
) -> Picture:
    video = task.media.picture()
    pairs = list(zip(before.items(), after.items(), strict=True))[: len(task.cargo.of("video"))]
    (_, first), (_, second) = pairs[0]
    if first.packets != second.packets:
        raise VerificationFailed(
            f"The file has {second.packets} pictures, the clip {first.packets}."
        )
    hidden = found.picture().frames - video.frames
    if hidden > 0 and not video.variable:
        raise ContainerRefused(
            f"The clip was cut without coding it again; {hidden} pictures that it hides "
            f"would be shown in a {found.path.suffix} file.",
            hint="Name a .mov file.",
        )
    whole: Picture = "copied"
    for (here, old), (there, new) in pairs:
        _compare_times(old, new)
        if old.sha256 != new.sha256:
            whole = "repackaged"
            one, other = (
                picture_hash(path, index, progress)
                for path, index in ((task.media.path, here), (found.path, there))
            )
            if one != other:
                raise VerificationFailed("The picture was changed by the container.")
    return whole


def _compare_times(old: Copied, new: Copied) -> None:
    """Every picture is shown when it was, up to the coarser of the two clocks."""
    room = _SAME_TIME + old.tick + new.tick
    for one, other in zip(old.times, new.times, strict=False):
        if one is not None and other is not None and abs(one - other) > room:
            raise VerificationFailed(
                f"A picture is shown {other - one:+.3f} s from where it is in the clip.",
                hint="Name a .mov or .mkv file.",
            )


def _own_sound(
    task: Task, found: Media, before: dict[int, Copied], after: dict[int, Copied]
) -> Iterable[str]:
    """Sentences about the clip's own sound where it is not exactly where it was.

    Raises:
        VerificationFailed: it is not the clip's own any more.
    """
    for number, (track, other) in enumerate(zip(task.tracks, found.audio, strict=False), 1):
        old, new = before[track.index], after[other.index]
        start = other.start - found.origin - track.start + task.media.origin
        moved, apart = float(start * track.rate), old.apart(new)
        if new.tick < _COARSE and apart is not None:
            # What is hidden at the start is given a time by one container, and none by another.
            moved = apart * track.rate
        if old.sha256 != new.sha256 or (abs(moved) > _UNNOTICED and new.tick >= _COARSE):
            moved = _decoded_apart(task.media, track, found, number)
        # A clock of milliseconds does not tell where a sound lay within one; one that counts
        # packets does.
        rounded = old.tick if _COARSE <= old.tick <= 4 * _COARSE else 0.0
        if abs(moved) > max(_UNNOTICED, rounded * track.rate):
            late = "late" if moved > 0 else "early"
            yield (
                f"The clip's own sound {number} lies {abs(moved):.0f} samples "
                f"({abs(moved) / track.rate * 1000:.1f} ms) {late} in the new file."
            )
        missing = float(track.end - task.media.origin - other.end + found.origin)
        if task.cuts and missing > _UNHEARD:
            yield (
                f"The last {missing:.2f} s of the clip's own sound {number} lie behind the last "
                "picture and are not in the new file."
            )


def _decoded_apart(media: Media, track: AudioStream, found: Media, number: int) -> float:
    """How many samples lie between the two sounds, both decoded; their packets differ."""
    old = media.audio.index(track) + 1
    start = max(Fraction(0), track.start - media.origin)
    middle = (start + max(start, track.end - media.origin)) / 2
    begin = max(start, middle - _COMPARED / 2)
    span = Span(begin, min(begin + _COMPARED, max(track.end - media.origin, begin + 1)))
    with scratch(".wav") as one, scratch(".wav") as other:
        extract(media, span, Cut(mix=one, track=old))
        extract(found, span, Cut(mix=other, track=number))
        return _apart(one, other, number)


def _apart(one: Path, other: Path, number: int) -> float:
    import numpy as np
    import soundfile

    wanted, rate = soundfile.read(one, always_2d=True)
    got, other_rate = soundfile.read(other, always_2d=True)
    failed = VerificationFailed(f"The clip's own sound {number} was changed by the container.")
    if rate != other_rate or wanted.shape != got.shape:
        raise failed
    if np.array_equal(wanted, got):
        return 0.0
    channel = int((wanted * wanted).sum(axis=0).argmax())
    try:
        place = offset(wanted[:, channel], got[:, channel])
    except MediaError:
        raise failed from None
    if not place.trusted or place.inverted:
        raise failed
    return place.samples


def _cut_short(task: Task, found: Media, arrivals: Sequence[Arrival]) -> Iterable[str]:
    """Sentences about stems whose end is not in the file.

    Raises:
        VerificationFailed: more is missing than the container had to cut.
    """
    for stem, arrival in zip(task.stems, arrivals, strict=True):
        if not arrival.missing:
            continue
        if not task.cuts:
            raise VerificationFailed(
                f"The last {arrival.missing} samples of the stem {stem.title!r} are missing."
            )
        yield (
            f"The last {arrival.missing} samples of the stem {stem.title!r} lie behind the last "
            "whole picture and are not in the new file."
        )
