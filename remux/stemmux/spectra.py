"""Short-time spectra and their bands: sound into cells of time and frequency, and back.

Square-root Hann windows, each a quarter of its length after the last: what is not changed comes
back as it was. Cells are worked on by groups, a third of a second each, so that they stay in the
processor's cache. This module must not know what the cells are used for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Length of a spectrum at up to 48 kHz, in samples (85 ms), doubled with the rate.
_SIZE = 4096
#: Groups of neighbouring frequencies that share statistics; the lowest have one frequency each.
_BANDS, _SINGLE = 48, 12
_WIDEST = 8
#: Spectra that share statistics in time (0.34 s), and how many of them overlap everywhere.
GROUP, OVERLAP = 16, 4


def power_of(cells: NDArray[Any]) -> Any:
    """The power in each cell."""
    import numpy as np

    return np.square(cells.real) + np.square(cells.imag)


@dataclass(frozen=True)
class Frame:
    """The shape of the spectra of one rate.

    Attributes:
        size, step: samples in a spectrum, and from one to the next.
        edges: first frequency of each band.
    """

    size: int
    step: int
    edges: NDArray[np.intp]

    @staticmethod
    def of(rate: int) -> Frame:
        """The shape for sound of `rate` Hz."""
        import numpy as np

        size = _SIZE
        while size < rate * _SIZE / 49_000:
            size *= 2
        bins = size // 2 + 1
        wide = np.geomspace(_SINGLE, bins, _BANDS - _SINGLE)
        edges = np.round(np.concatenate([np.arange(_SINGLE), wide, np.arange(0, bins, _WIDEST)]))
        edges = np.unique(edges.astype(np.intp))
        return Frame(size, size // OVERLAP, edges[edges < bins])

    @property
    def bins(self) -> int:
        """Frequencies in a spectrum."""
        return self.size // 2 + 1

    @property
    def widths(self) -> NDArray[np.intp]:
        """Frequencies in each band."""
        import numpy as np

        return np.diff(np.append(self.edges, self.bins))

    @cached_property
    def _band_of(self) -> NDArray[np.intp]:
        """The band of each frequency."""
        import numpy as np

        return np.repeat(np.arange(len(self.edges)), self.widths)

    @cached_property
    def _window(self) -> NDArray[np.float32]:
        """Laid over the samples before the transform, and again behind it."""
        import numpy as np

        return np.asarray(np.sqrt(np.hanning(self.size + 1)[:-1]), np.float32)

    @property
    def lap(self) -> int:
        """Samples that a spectrum shares with those before it."""
        return self.size - self.step

    def analyse(self, sound: NDArray[np.float32], group: int, every: int = 1) -> NDArray[Any]:
        """Spectra `[channels, spectra, frequencies]` of one group of `sound[channels, samples]`.

        Args:
            group: counted from the first sample, where the first spectrum begins.
            every: take only every second, third, … spectrum of the group.
        """
        import numpy as np

        length = GROUP * self.step
        part = sound[:, group * length : (group + 1) * length + self.lap]
        cells = np.lib.stride_tricks.sliding_window_view(part, self.size, axis=1)
        windowed = cells[:, :: self.step * every] * (self._window * np.float32(self.size))
        # Divided by the size in the transform: numpy's way without is several times slower.
        return np.fft.rfft(windowed, axis=2, norm="forward")

    def synthesise(self, groups: Iterable[NDArray[Any]], count: int) -> NDArray[np.float32]:
        """Samples of so many groups of spectra, added up where they overlap.

        At either end, `lap` samples are only part of what they will be.
        """
        import numpy as np

        window = self._window * np.float32(2 / OVERLAP)
        sound: Any = None
        for number, spectra in enumerate(groups):
            parts = np.fft.irfft(spectra, self.size, axis=2)
            parts *= window
            if sound is None:
                steps = count * GROUP + OVERLAP - 1
                sound = np.zeros((len(spectra), steps, self.step), np.float32)
            first = number * GROUP
            for place in range(OVERLAP):
                piece = parts[:, :, place * self.step : (place + 1) * self.step]
                sound[:, first + place : first + place + GROUP] += piece
        return np.asarray(sound.reshape(len(sound), -1))

    def summed(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Sums over the spectra and each band of cells `[…, spectra, frequencies]`."""
        import numpy as np

        return np.add.reduceat(cells.sum(axis=-2), self.edges, axis=-1)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values `[…, bands]` for every frequency."""
        import numpy as np

        return np.take(values, self._band_of, axis=-1)
