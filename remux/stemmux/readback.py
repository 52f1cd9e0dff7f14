"""Read back a file that stems were added to, before anybody trusts it.

Picture by packet hash, or by decoded pictures where the container repackages; frames counted;
each stem cut out of the new file with the same recipe as from a clip, and compared with what was
added. This module must not know how the file was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stemmux.bwf import BLOCK, float_blocks, wave_format
from stemmux.errors import ContainerRefused, MediaError, VerificationFailed
from stemmux.extract import Cut, extract
from stemmux.files import scratch
from stemmux.measure import count_frames, offset, packet_hash, picture_hash
from stemmux.probe import Media, probe
from stemmux.timebase import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.mux import Stem

#: Length of sound that is compared, around the loudest part of a stem (s).
_WINDOW = 10
#: A stem must be found where it belongs to within this (samples).
_TOLERANCE = 0.5
#: Beyond this level (full scale = 1) there is something to find.
_AUDIBLE = 1e-4


def verify(
    media: Media, stems: Sequence[Stem], written: Path, *, exact: bool
) -> tuple[Literal["copied", "repackaged"] | None, tuple[float | None, ...]]:
    """Compare a written file with the clip and the stems that went in.

    Args:
        exact: the stems were stored without loss, so they must come back bit for bit.

    Returns:
        What happened to the picture, and the offset of each stem in samples.

    Raises:
        VerificationFailed: anything is not as it was meant to be.
    """
    found = probe(written)
    if len(found.audio) != len(media.audio) + len(stems):
        raise VerificationFailed(
            f"Of {len(media.audio) + len(stems)} audio tracks, {len(found.audio)} can be read "
            f"in a {written.suffix} file.",
            hint="Name an .mkv file.",
        )
    picture = _compare_picture(media, found)
    first = len(media.audio) + 1
    offsets = [_place(found, first + index, stem, exact) for index, stem in enumerate(stems)]
    for stem, distance in zip(stems, offsets, strict=True):
        # Turned round, so that what is no number fails as well.
        if distance is not None and not abs(distance) <= _TOLERANCE:
            raise VerificationFailed(
                f"The stem {stem.title!r} lies {distance:+.2f} samples off.",
                hint="Please report this with the kind of clip that it happened with.",
            )
    return picture, tuple(offsets)


def _compare_picture(media: Media, found: Media) -> Literal["copied", "repackaged"] | None:
    if media.video is None:
        return None
    before, after = count_frames(media), count_frames(found)
    if before != after:
        raise VerificationFailed(f"The file has {after} pictures, the clip {before}.")
    hidden = found.picture().frames - media.video.frames
    if hidden > 0 and not media.video.variable:
        raise ContainerRefused(
            f"The clip was cut without coding it again; {hidden} pictures that it hides "
            f"would be shown in a {found.path.suffix} file.",
            hint="Name a .mov file.",
        )
    here, there = media.video.index, found.picture().index
    if packet_hash(media.path, here) == packet_hash(found.path, there):
        return "copied"
    if picture_hash(media.path, here) == picture_hash(found.path, there):
        return "repackaged"
    raise VerificationFailed("The picture was changed by the container.")


def _place(found: Media, track: int, stem: Stem, exact: bool) -> float | None:
    form, frames = wave_format(stem.path)
    window = _loudest(stem.path, min(frames, _WINDOW * form.rate))
    if window is None:
        return None
    start, wanted = window
    begin = Fraction(stem.start + start, form.rate)
    span = Span(begin, begin + Fraction(len(wanted), form.rate))
    with scratch(".wav") as cut:
        extract(found, span, Cut(mix=cut, track=track))
        got = _read(cut, 0, len(wanted))
    if exact:
        import numpy as np

        if got.shape == wanted.shape and np.array_equal(got, wanted, equal_nan=True):
            return 0.0
    channel = int((wanted * wanted).sum(axis=0).argmax())
    try:
        place = offset(wanted[:, channel], got[:, channel])
    except MediaError as error:
        raise VerificationFailed(f"The stem {stem.title!r} is silent in the file.") from error
    if exact and place.samples == 0:
        raise VerificationFailed(f"The stem {stem.title!r} was changed on its way.")
    return place.samples


def _loudest(path: Path, length: int) -> tuple[int, NDArray[np.float32]] | None:
    """Where the loudest stretch of about `length` samples starts, and its samples."""
    import numpy as np

    levels = [float(np.abs(block).max()) for block in float_blocks(path)]
    if not levels or max(levels) < _AUDIBLE:
        return None
    _, frames = wave_format(path)
    start = max(0, min(int(np.argmax(levels)) * BLOCK, frames - length))
    return start, _read(path, start, start + length)


def _read(path: Path, start: int, stop: int) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate(list(float_blocks(path, start=start, stop=stop)))
