"""Whether stems arrived: what is read back of a track against the file that was given.

Every sample is compared where it belongs; where a container stores with loss, the place is found by
correlation of the loudest part. The differences of all stems are added up, which is the null of
what was written. This module must not know containers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from stemmux.bwf import BLOCK, wave_format
from stemmux.errors import MediaError, VerificationFailed
from stemmux.measure import Offset, offset
from stemmux.passing import Heard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A stem must be found where it belongs to within this (samples).
_TOLERANCE = 0.5
#: Beyond this level (full scale = 1) there is something to find.
AUDIBLE = 1e-4
#: What came back with loss must at least be this much louder than what it differs by (dB).
_LIKENESS = 6.0
#: Stems whose sum differs from the clip's sound by more than this are not its parts (dB).
_PARTS = -40.0
#: Audible sound that must have passed before that is judged (samples).
_JUDGED = 1 << 16


def level_db(energy: float, count: int) -> float:
    """The level of so many samples against full scale in dB; -inf when every one is 0."""
    return 10 * math.log10(energy / count) if energy > 0 and count else -math.inf


class Given:
    """A stem as it was given: a WAV file, read forwards, with silence before and behind it."""

    def __init__(self, path: Path, title: str, start: int) -> None:
        import soundfile

        self.title = title
        self.form, frames = wave_format(path)
        self.start, self.end = start, start + frames
        self._file = soundfile.SoundFile(str(path))

    def at(self, place: int, count: int) -> NDArray[np.float64]:
        """`[count, channels]` from `place` on, counted in samples from the first picture."""
        import numpy as np

        found = np.zeros((count, self.form.channels))
        first, last = max(place, self.start), min(place + count, self.end)
        if first < last:
            self._file.seek(first - self.start)
            part = self._file.read(last - first, dtype="float64", always_2d=True)
            found[first - place : first - place + len(part)] = part
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """One minus the other; 0 where both are the same infinity, or no number."""
    import numpy as np

    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return np.subtract(one, other, out=np.zeros_like(one), where=~same)


class Sum:
    """Adds up tracks sample by sample, however far one of them comes in before another."""

    def __init__(self, spans: Sequence[tuple[int, int]], channels: int) -> None:
        import numpy as np

        self._heard = [start for start, _ in spans]
        self._ends = [end for _, end in spans]
        self._base = min(self._heard)
        self._waiting = np.zeros((0, channels))
        self._count = (max(self._ends) - self._base) * channels
        self._energy = 0.0

    def add(self, track: int, place: int, samples: NDArray[np.float64]) -> None:
        """Add `[frames, channels]` of one of the tracks, each of which comes in order."""
        import numpy as np

        end = place + len(samples)
        missing = end - self._base - len(self._waiting)
        if missing > 0:
            more = np.zeros((missing, self._waiting.shape[1]))
            self._waiting = np.concatenate([self._waiting, more])
        self._waiting[place - self._base : end - self._base] += samples
        self._heard[track] = end
        behind = (
            heard for heard, last in zip(self._heard, self._ends, strict=True) if heard < last
        )
        self._settle(min(behind, default=max(self._ends)))

    def _settle(self, upto: int) -> None:
        whole = self._waiting[: max(0, upto - self._base)]
        self._energy += float((whole * whole).sum())
        self._waiting = self._waiting[len(whole) :]
        self._base += len(whole)

    def level_db(self) -> float:
        """The level of the sum against full scale; -inf when every sample is 0."""
        self._settle(self._base + len(self._waiting))
        return level_db(self._energy, self._count)


class Arrival(Heard):
    """One stem, read back.

    Args:
        exact: it was stored without loss, so every sample must be the one that was given.
    """

    def __init__(
        self, given: Given, origin: Fraction, differences: Sum, number: int, *, exact: bool
    ) -> None:
        super().__init__(given.form.rate, origin)
        self._given, self._exact = given, exact
        self._differences, self._number = differences, number
        self._upto = given.start
        self._peak = self._energy = self._difference = 0.0
        #: The block that is looked at closely: the loudest, or the first that differs.
        self._closely: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._loudest = 0.0

    def block(self, place: int, samples: NDArray[np.float64]) -> None:
        """See `Heard`."""
        import numpy as np

        wanted = self._given.at(place, len(samples))
        if samples.shape != wanted.shape:
            raise VerificationFailed(
                f"The stem {self._given.title!r} has {samples.shape[1]} channels in the file."
            )
        difference = _difference(samples, wanted)
        first = max(0, self._given.start - place)
        last = max(first, min(len(samples), self._given.end - place))
        if self._exact and difference.any():
            self._fail(wanted, samples)
        difference = difference[first:last]
        if len(difference):
            self._hole(place + first)
            self._differences.add(self._number, place + first, difference)
            self._upto = place + last
        energy = float(np.nansum(wanted * wanted))
        self._energy += energy
        self._difference += float((difference * difference).sum())
        self._peak = max(self._peak, float(np.nanmax(np.abs(wanted), initial=0.0)))
        if not self._exact and energy > self._loudest:
            self._loudest, self._closely = energy, (wanted, samples)

    def _hole(self, place: int) -> None:
        """What lies before `place` and was not heard differs by all that should be there."""
        while self._upto < place:
            count = min(BLOCK, place - self._upto)
            missing = self._given.at(self._upto, count)
            if self._exact and missing.any():
                raise VerificationFailed(f"The stem {self._given.title!r} has a hole in the file.")
            self._differences.add(self._number, self._upto, -missing)
            self._difference += float((missing * missing).sum())
            self._upto += count

    def _fail(self, wanted: NDArray[np.float64], got: NDArray[np.float64]) -> None:
        place = self._found(wanted, got)
        if place.trusted and abs(place.samples) > _TOLERANCE:
            raise self._late(place.samples)
        raise VerificationFailed(f"The stem {self._given.title!r} was changed on its way.")

    def _late(self, samples: float) -> VerificationFailed:
        return VerificationFailed(
            f"The stem {self._given.title!r} lies {samples:+.2f} samples off.",
            hint="Please report this with the kind of clip that it happened with.",
        )

    def _found(self, wanted: NDArray[np.float64], got: NDArray[np.float64]) -> Offset:
        import numpy as np

        channel = int(np.nansum(wanted * wanted, axis=0).argmax())
        try:
            return offset(np.nan_to_num(wanted[:, channel]), np.nan_to_num(got[:, channel]))
        except MediaError as error:
            raise VerificationFailed(
                f"The stem {self._given.title!r} is silent in the file."
            ) from error

    @property
    def missing(self) -> int:
        """Samples at the end of the stem that are not in the file."""
        return max(0, self._given.end - self._upto)

    def offset(self) -> float | None:
        """Samples that the stem was found away from its place; None if it has no sound to find.

        Raises:
            VerificationFailed: it is not where it belongs, or not what was given.
        """
        if self._upto == self._given.start:
            raise VerificationFailed(f"The stem {self._given.title!r} is not in the file.")
        if self._peak < AUDIBLE:
            return None
        between = float(self.between)
        if self._exact:
            found: float | None = between
        else:
            found = self._by_correlation()
            found = None if found is None else found + between
        # Turned round, so that what is no number fails as well.
        if found is not None and not abs(found) <= _TOLERANCE:
            raise self._late(found)
        return found

    def _by_correlation(self) -> float | None:
        assert self._closely is not None
        place = self._found(*self._closely)
        if place.trusted:
            return place.samples
        if not self._difference <= self._energy / 10 ** (_LIKENESS / 10):
            raise VerificationFailed(f"The stem {self._given.title!r} was changed on its way.")
        return None


class Parts(Heard):
    """The clip's own sound against the sum of the stems, as far as they are its parts.

    Given up as soon as they plainly are not.
    """

    def __init__(self, stems: Sequence[Given], origin: Fraction) -> None:
        super().__init__(stems[0].form.rate, origin)
        self._stems = stems
        self._begin = max(stem.start for stem in stems)
        self._end = min(stem.end for stem in stems)
        self._mix = self._rest = 0.0
        self._upto = self._begin
        self._audible = self._count = 0

    def block(self, place: int, samples: NDArray[np.float64]) -> None:
        """See `Heard`."""
        if samples.shape[1] != self._stems[0].form.channels:
            self.done = True
            return
        first = max(0, self._begin - place)
        last = min(len(samples), self._end - place)
        if first < last:
            self._silence(place + first)
            self._take(samples[first:last])

    def _silence(self, place: int) -> None:
        """Where the clip has no sound, the stems may have none either."""
        import numpy as np

        while self._upto < place and not self.done:
            count = min(BLOCK, place - self._upto)
            self._take(np.zeros((count, self._stems[0].form.channels)))

    def _take(self, mix: NDArray[np.float64]) -> None:
        import numpy as np

        rest = mix - sum(stem.at(self._upto, len(mix)) for stem in self._stems)
        self._upto += len(mix)
        self._mix += float((mix * mix).sum())
        self._rest += float((rest * rest).sum())
        self._count += mix.size
        self._audible += len(mix) if np.abs(rest).max() > AUDIBLE else 0
        self.done = self._audible >= _JUDGED and not self._are_parts()

    def _are_parts(self) -> bool:
        return self._rest <= self._mix * 10 ** (_PARTS / 10)

    def null_db(self) -> float | None:
        """The level of the clip's sound minus the stems; None where they are not its parts."""
        self._silence(self._end)
        if self.done or not self._mix or not self._are_parts():
            return None
        return level_db(self._rest, self._count)
