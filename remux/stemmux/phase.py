"""Where two sounds that nearly lie on one another lie to a fraction of a sample: by their phases.

A delay turns every frequency's phase in proportion to it. Cross-spectra of many short cells are
added up, weighted by how coherent the two sounds are at each frequency (Knapp & Carter 1976), and
turned back until they point forward. This module must not know what the sounds are to one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stemmux.shift import ReadMono

#: Longest cell, in samples; cells overlap by half, and a place holds four or more.
_CELL = 4096
#: Neighbouring frequencies over which coherence is averaged.
_SMOOTH = 33
#: Frequencies that count, in Hz and as a share of the rate.
_LOWEST_HZ, _HIGHEST = 40.0, 0.45
#: A frequency fainter than this against the strongest, or against its neighbours, is heard only
#: through the window's side lobes, and has no phase of its own.
_FAINT, _VALLEY = 1e-9, 1e-3
_ROUNDS = 4
_TINY = 1e-30


@dataclass(frozen=True)
class Spectra:
    """What two sounds have in common at several places, by frequency.

    Attributes:
        cross: cross-spectra, `[places, frequencies]`.
        power: geometric means of the two power spectra, `[places, frequencies]`.
        turns: radians by which one sample of delay turns each frequency; 0 where it does not count.
        cells: how many cells, independent of one another, all places hold together.
    """

    cross: NDArray[np.complexfloating]
    power: NDArray[np.float64]
    turns: NDArray[np.float64]
    cells: float

    def late(self, reach: int, sign: float) -> NDArray[np.float64]:
        """Whole samples that the second sound is late at each place, at most `reach`."""
        import numpy as np

        size = 2 * (len(self.turns) - 1)
        even = self.cross / self.power * (self.turns > 0)
        curves = sign * np.fft.irfft(even, size, axis=1)
        around = np.concatenate([curves[:, -reach:], curves[:, : reach + 1]], axis=1)
        return np.asarray(around.argmax(axis=1) - reach, np.float64)


@dataclass(frozen=True)
class Phases:
    """The answer of the phases.

    Attributes:
        delays: samples that the second sound is late, `[places]`.
        doubts: their standard errors, out of how far the phases scatter, `[places]`.
        agreement: share of what is coherent that agrees with these delays, −1 to 1. Low where the
            sounds are alike in level but not in phase.
        shared: share of the power that both have in common, 0 to 1, over the frequencies heard.
    """

    delays: NDArray[np.float64]
    doubts: NDArray[np.float64]
    agreement: float
    shared: float


def spectra(
    reference: ReadMono, other: ReadMono, starts: Sequence[int], length: int, rate: int
) -> Spectra:
    """Spectra of two sounds over the places of `length` samples that begin at `starts`.

    Args:
        rate: of both, in Hz.
    """
    import numpy as np

    size = min(_CELL, 1 << ((length // 4).bit_length() - 1))
    window = np.hanning(size + 1)[:-1]

    def cells(read: ReadMono, start: int) -> NDArray[np.complexfloating]:
        sound = read(start, length)
        return np.fft.rfft(
            np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2] * window
        )

    cross, power = [], []
    for start in starts:
        first, second = cells(reference, start), cells(other, start)
        cross.append(np.einsum("cf,cf->f", second, first.conj()))
        power.append(np.sqrt(_energy(first) * _energy(second)) + _TINY)
    places = np.arange(size // 2 + 1) / size
    counts = (places * rate >= _LOWEST_HZ) & (places <= _HIGHEST)
    # Hann cells that overlap by half are worth 0.6 of as many that do not.
    independent = 0.6 * len(first) * len(cross)
    return Spectra(np.array(cross), np.array(power), 2 * np.pi * places * counts, independent)


def _energy(cells: NDArray[np.complexfloating]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(np.einsum("cf,cf->f", cells, cells.conj()).real)


def phases(given: Spectra, sign: float, delays: NDArray[np.float64]) -> Phases:
    """Find the delays at which the phases point forward, going out from whole samples `delays`.

    Newton's method on the weighted sum of the turned cross-spectra's real parts.

    Args:
        sign: −1 where the second sound has the opposite polarity.
    """
    import numpy as np

    turns = given.turns
    even = sign * given.cross / given.power
    power = given.power.sum(axis=0)
    around = _smooth(power)
    heard = (turns > 0) & (power > np.maximum(_FAINT * power.max(), _VALLEY * around))
    for _ in range(_ROUNDS):
        back = np.exp(1j * turns * delays[:, None])
        common = _smooth((sign * given.cross * back).sum(axis=0)) / around
        weights = _weights(common, given.cells) * heard
        pointed = even * back * weights
        across = -(turns * pointed.imag).sum(axis=1)
        bend = (turns**2 * pointed.real).sum(axis=1)
        steps = np.where(bend > 0, across / np.maximum(bend, _TINY), 0.0)
        delays = delays + np.clip(steps, -0.5, 0.5)
    # Under a Hann window neighbouring frequencies share their error: hence the 1.5.
    scatter = np.sqrt(1.5 * ((turns * pointed.imag) ** 2).sum(axis=1))
    doubts = scatter / np.maximum(bend, _TINY)
    alike = float((np.abs(common) * weights).sum())
    agreement = float((common.real * weights).sum()) / alike if alike else 0.0
    loud = power * heard
    shared = float((np.abs(common) ** 2 * loud).sum() / max(float(loud.sum()), _TINY))
    return Phases(delays, doubts, agreement, shared)


def _weights(common: NDArray[np.complexfloating], cells: float) -> NDArray[np.float64]:
    """How much a frequency says, out of its coherence; nothing where chance would do as much."""
    import numpy as np

    squared = np.minimum(np.abs(common) ** 2, 0.9999)
    chance = 1.5 / (cells * _SMOOTH)
    return np.where(squared > 4 * chance, np.sqrt(squared) / (1 - squared), 0.0)


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    return np.convolve(values, np.full(_SMOOTH, 1 / _SMOOTH), "same")
