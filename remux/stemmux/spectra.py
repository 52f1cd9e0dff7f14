"""Short-time spectra and their bands: sound into cells of time and frequency, and back.

Square-root Hann windows, half overlapping: what is not changed comes back as it was. This module
must not know what the cells are used for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Length of a spectrum at up to 48 kHz, in samples (85 ms), doubled with the rate.
_SIZE = 4096
#: Groups of neighbouring frequencies that share statistics; the lowest have one frequency each.
_BANDS, _SINGLE = 48, 12
_WIDEST = 8
#: Spectra that share statistics in time (0.34 s).
GROUP = 8


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
        return Frame(size, size // 2, edges[edges < bins])

    @property
    def bins(self) -> int:
        """Frequencies in a spectrum."""
        return self.size // 2 + 1

    @property
    def widths(self) -> NDArray[np.intp]:
        """Frequencies in each band."""
        import numpy as np

        return np.diff(np.append(self.edges, self.bins))

    @property
    def band_of(self) -> NDArray[np.intp]:
        """The band of each frequency."""
        import numpy as np

        return np.repeat(np.arange(len(self.edges)), self.widths)

    @property
    def window(self) -> NDArray[np.float32]:
        """Laid over the samples before the transform, and again behind it."""
        import numpy as np

        return np.asarray(np.sqrt(np.hanning(self.size + 1)[:-1]), np.float32)

    def analyse(self, sound: NDArray[np.float32]) -> NDArray[Any]:
        """Spectra `[channels, groups, GROUP, frequencies]` of samples `[channels, samples]`.

        The samples must make whole groups: `step · (GROUP · groups + 1)` of them.
        """
        import numpy as np

        cells = np.lib.stride_tricks.sliding_window_view(sound, self.size, axis=1)
        spectra = np.fft.rfft(cells[:, :: self.step] * self.window, axis=2)
        return spectra.reshape(len(sound), -1, GROUP, self.bins)

    def synthesise(self, spectra: NDArray[Any]) -> NDArray[np.float32]:
        """Samples of spectra added up where they overlap; half a spectrum at either end is part."""
        import numpy as np

        channels = len(spectra)
        parts = np.fft.irfft(spectra.reshape(channels, -1, self.bins), self.size, axis=2)
        parts *= self.window
        sound = np.zeros((channels, parts.shape[1] + 1, self.step), np.float32)
        sound[:, :-1] += parts[:, :, : self.step]
        sound[:, 1:] += parts[:, :, self.step :]
        return sound.reshape(channels, -1)

    def summed(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Sums over each group and band of cells `[…, groups, GROUP, frequencies]`."""
        import numpy as np

        return np.add.reduceat(cells.sum(axis=-2), self.edges, axis=-1)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values `[…, groups, bands]` for every frequency, to be multiplied with cells."""
        import numpy as np

        return np.take(values, self.band_of, axis=-1)[..., None, :]
