"""The first pass over a mix: how loud it is, which channels can hold speech, which agree.

What it finds decides how the nets are used; the nets themselves it must not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

#: The RMS that the nets are given. At -20 dBFS DeepFilterNet3 improved the test mixes by 10.0 dB,
#: at -30 by 9.6 dB, at -40 by only 7.9 dB.
LEVEL_DBFS = -20.0

#: Channels share one run of the nets while what differs between them carries less than this
#: part of the power of what they have in common (-13 dB): a voice 6 dB louder on one side, over
#: as much sound in the middle, already makes more. With the voice in the middle, one run on the
#: mean of two channels was 0.1 dB below a run for each; with the voice to one side, 0.9 dB.
MOST_DIFFERENCE = 0.05

PIECE_SECONDS = 0.4
SILENCE = 1e-10  # mean square, -100 dBFS: below the dither of 16 bits
#: Pieces this far below the mean (-10 dB) are pauses and do not count for the level; both steps
#: are the gates of ITU-R BS.1770, here without its weighting by frequency.
PAUSE = 0.1

#: Where speech has its power, in Hz. A channel with next to nothing in there (a low-frequency
#: effects channel ends at 120 Hz) cannot hold any.
SPEECH_BAND = (250.0, 8000.0)
LEAST_SHARE = 1e-4
CERTAIN = 1e-5  # mean square, -50 dBFS: as much as this in the band is never mere leakage

LARGEST = 1e6  # full scale is 1; beyond this the file is broken, and float32 squares overflow
_WINDOW_FRAMES = 4096


@dataclass(frozen=True)
class Group:
    """Channels that one run of the nets serves.

    Attributes:
        channels: their indices.
        gain: what brings them to `LEVEL_DBFS`.
        shares: for each channel, its part in what is common to all (1 is the mean).
    """

    channels: tuple[int, ...]
    gain: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """How a mix is to be worked through.

    Attributes:
        frames: its length.
        offsets: the mean of each channel (direct current), which is no sound.
        groups: what to run the nets on; channels in none of them have an empty target.
    """

    frames: int
    offsets: tuple[float, ...]
    groups: tuple[Group, ...]


def finite(block: Samples) -> Samples:
    """The block with what is no number, or beyond any sensible scale, made harmless."""
    if np.isfinite(block).all() and (not block.size or np.abs(block).max() <= LARGEST):
        return block
    return np.clip(np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0), -LARGEST, LARGEST)


class Survey:
    """Takes a mix block by block and keeps a few numbers for every 0.4 s of it."""

    def __init__(self, rate: int, channels: int) -> None:
        """Begin a survey of a mix with this many samples per second and channels."""
        self._piece = max(1, round(rate * PIECE_SECONDS))
        self._window = np.hanning(_WINDOW_FRAMES).astype(np.float32)
        self._scale = np.float32(2 / (_WINDOW_FRAMES * np.square(self._window).sum()))
        hertz = np.fft.rfftfreq(_WINDOW_FRAMES, 1 / rate)
        self._band = (hertz >= SPEECH_BAND[0]) & (hertz <= SPEECH_BAND[1])
        self._waiting = np.zeros((0, channels), np.float32)
        self._frames = 0
        self._sums = np.zeros(channels)
        self._products = np.zeros((channels, channels))
        self._lengths: list[int] = []
        self._powers: list[NDArray[np.float64]] = []  # of each piece, for each channel
        self._band_peak = np.zeros(channels)
        self._band_power = np.zeros(channels)
        self._all_power = np.zeros(channels)

    def add(self, block: Samples) -> None:
        """Take the next frames [frames, channels]."""
        waiting = np.concatenate([self._waiting, finite(block)])
        whole = len(waiting) // self._piece * self._piece
        for first in range(0, whole, self._piece):
            self._measure(waiting[first : first + self._piece])
        self._waiting = waiting[whole:].copy()

    def _measure(self, piece: Samples) -> None:
        self._frames += len(piece)
        self._sums += piece.sum(axis=0, dtype=np.float64)
        moving = piece - piece.mean(axis=0, dtype=np.float64).astype(np.float32)
        products = (moving.T @ moving).astype(np.float64)
        self._products += products
        self._lengths.append(len(piece))
        self._powers.append(np.diagonal(products) / len(piece))
        self._measure_band(moving)

    def _measure_band(self, piece: Samples) -> None:
        windows = -(-len(piece) // _WINDOW_FRAMES)
        padded = np.pad(piece, ((0, windows * _WINDOW_FRAMES - len(piece)), (0, 0)))
        cut = padded.reshape(windows, _WINDOW_FRAMES, -1)
        spectrum = np.fft.rfft(cut * self._window[:, None], axis=1)
        power = self._scale * (spectrum.real**2 + spectrum.imag**2)
        band = power[:, self._band].sum(axis=1, dtype=np.float64)
        self._band_peak = np.maximum(self._band_peak, band.max(axis=0))
        self._band_power += band.sum(axis=0)
        self._all_power += power.sum(axis=(0, 1), dtype=np.float64)

    def plan(self) -> Plan:
        """Say how to work; no frames can be added afterwards."""
        if len(self._waiting):
            self._measure(self._waiting)
            self._waiting = self._waiting[:0]
        offsets = self._sums / max(1, self._frames)
        groups: list[tuple[int, ...]] = []
        for channel in self._with_speech_band():
            for index, members in enumerate(groups):
                if self._agree((*members, channel)):
                    groups[index] = (*members, channel)
                    break
            else:
                groups.append((channel,))
        return Plan(
            frames=self._frames,
            offsets=tuple(float(offset) for offset in offsets),
            groups=tuple(self._group(members) for members in groups),
        )

    def _with_speech_band(self) -> list[int]:
        """The channels that can hold speech at all."""
        present = self._band_peak > SILENCE
        broad = self._band_power >= LEAST_SHARE * self._all_power
        return [int(i) for i in np.flatnonzero(present & (broad | (self._band_peak > CERTAIN)))]

    def _agree(self, members: tuple[int, ...]) -> bool:
        products = self._products[np.ix_(members, members)]
        common = products.sum() / len(members)  # n times the power of the mean
        return bool(np.trace(products) - common <= MOST_DIFFERENCE * common)

    def _group(self, members: tuple[int, ...]) -> Group:
        products = self._products[np.ix_(members, members)]
        shares = products.sum(axis=0) * len(members) / products.sum()
        power = np.array(self._powers)[:, members].mean(axis=1)
        lengths = np.array(self._lengths)
        heard = power >= min(SILENCE, power.max())
        level = np.average(power[heard], weights=lengths[heard])
        heard &= power >= PAUSE * level
        level = np.average(power[heard], weights=lengths[heard])
        gain = 10 ** (LEVEL_DBFS / 20) / np.sqrt(level)
        return Group(members, float(gain), tuple(float(share) for share in shares))
