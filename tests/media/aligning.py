"""Sounds that lie where it is known, without the code under test, and readers of them."""

from __future__ import annotations

import math

import numpy as np
from tests.media.making import Sound

from stemmux.shift import ReadMono


def delayed(sound: Sound, samples: float, tail: int = 0) -> Sound:
    """The sound later by any number of samples, by turning its phases; `tail` samples longer."""
    room = math.ceil(abs(samples)) + 64
    size = len(sound) + 2 * room + tail
    size += -size % 2048  # of few prime factors
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * samples)
    # The highest frequency has no phase of its own.
    turn[-1] = turn[-1].real
    padded = np.pad(sound, (room, size - room - len(sound)))
    turned = np.fft.irfft(np.fft.rfft(padded) * turn, size)
    return np.asarray(turned[room : room + len(sound) + max(tail, math.ceil(samples))])


def reader(sound: Sound) -> ReadMono:
    """Read an array as a sound with silence around it."""

    def read(start: int, count: int) -> Sound:
        out = np.zeros(count)
        low, high = max(0, start), min(len(sound), start + count)
        if high > low:
            out[low - start : high - start] = sound[low:high]
        return out

    return read


def anew(sound: Sound, seed: int, *, cell: int = 2048) -> Sound:
    """The same loudness everywhere and in every band, but none of the phases."""
    random = np.random.default_rng(seed)
    window = np.sqrt(np.hanning(cell + 1)[:-1])
    padded = np.pad(sound, (cell, 2 * cell))
    cells = np.lib.stride_tricks.sliding_window_view(padded, cell)[:: cell // 4]
    spectra = np.fft.rfft(cells * window)
    turn = np.exp(2j * np.pi * random.random(spectra.shape))
    parts = np.fft.irfft(spectra * turn, cell) * window / 2
    out = np.zeros(len(padded) + cell)
    for number, part in enumerate(parts):
        out[number * cell // 4 : number * cell // 4 + cell] += part
    return np.asarray(out[cell : cell + len(sound)])
