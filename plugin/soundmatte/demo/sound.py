"""The demo's sound: one voice, and everything that is in its way, as separate arrays.

The voice is a file of the package (`docs/make_demo_speech.py` made it); the rest is synthesised
here, the same at every run. It must not know what is seen while it sounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float64]

RATE = 48000
SECONDS = 8
SPEECH_STARTS = 1.2
#: When the bell is struck, s, and its note, Hz.
STRIKES = ((0.4, 783.99), (2.4, 659.26), (4.4, 698.46), (6.4, 783.99))
#: One chord for each two seconds (C, a minor, F, G), as MIDI notes.
CHORDS = ((48, 55, 60, 64, 67), (45, 52, 57, 60, 64), (41, 53, 57, 60, 65), (43, 55, 59, 62, 67))
ARPEGGIO = (0, 2, 3, 4, 1, 3, 4, 2)
PEAK = 0.8


@dataclass(frozen=True)
class Soundtrack:
    """What is heard, apart; their sum is the mix.

    Attributes:
        speech: the voice, [samples, 2], full scale 1, as it sits in the mix.
        bed: music, bell and rain, likewise.
        voice: the voice alone before it was placed left, [samples].
    """

    speech: Samples
    bed: Samples
    voice: Samples


def soundtrack() -> Soundtrack:
    """Make the sound: the voice as strong as the rest while it speaks (0 dB)."""
    count = SECONDS * RATE
    voice = np.zeros(count)
    words = _words()
    first = round(SPEECH_STARTS * RATE)
    spoken = slice(first, first + len(words))
    voice[spoken] = words
    speech = _placed(voice, -0.25)
    bed = 1.0 * _music(count) + 0.8 * _bell(count) + 0.35 * _rain(count)
    bed *= np.sqrt(np.mean(speech[spoken] ** 2) / np.mean(bed[spoken] ** 2))
    fade = np.minimum(1.0, np.arange(count) / (0.02 * RATE))
    bed *= (fade * fade[::-1])[:, None]
    scale = PEAK / np.abs(speech + bed).max()
    return Soundtrack(speech * scale, bed * scale, voice * scale)


def _words() -> Samples:
    with resources.files("soundmatte.demo").joinpath("speech.flac").open("rb") as stream:
        samples, rate = soundfile.read(stream, dtype="float64")
    if rate != RATE:
        raise ValueError(f"speech.flac has {rate} Hz, not {RATE}")
    return np.asarray(samples, np.float64)


def _placed(mono: Samples, side: float) -> Samples:
    """Place a sound between left (-1) and right (1), equally loud anywhere."""
    angle = (side + 1) * np.pi / 4
    return np.stack([mono * np.cos(angle), mono * np.sin(angle)], axis=1)


def _struck(hertz: float, partials: tuple[tuple[float, float, float], ...], count: int) -> Samples:
    """Sum partials (times the note, strength, s to fall to 37 %), each a falling sine."""
    time = np.arange(count) / RATE
    tone = np.zeros(count)
    for ratio, strength, fall in partials:
        tone += strength * np.exp(-time / fall) * np.sin(2 * np.pi * hertz * ratio * time)
    return np.asarray(tone * np.minimum(1.0, time / 0.002))


def _add(track: Samples, tone: Samples, second: float) -> None:
    first = round(second * RATE)
    room = min(len(tone), len(track) - first)
    track[first : first + room] += tone[:room]


def _music(count: int) -> Samples:
    """Pluck the chords, over a soft sustained one."""
    string = tuple((k, 1.0 / k**1.3, 0.9 / k**0.7) for k in range(1, 9))
    pluck, sustained = np.zeros(count), np.zeros(count)
    for bar, chord in enumerate(CHORDS):
        for step, voice in enumerate(ARPEGGIO):
            hertz = 440 * 2 ** ((chord[voice] + 12 - 69) / 12)
            _add(pluck, 0.25 * _struck(hertz, string, RATE * 3 // 2), 2 * bar + step / 4)
        time = np.arange(2 * RATE) / RATE
        swell = np.sin(np.pi * time / 2) ** 0.7
        for note in chord[1:4]:
            hertz = 440 * 2 ** ((note - 69) / 12)
            _add(sustained, 0.07 * swell * np.sin(2 * np.pi * hertz * time), 2 * bar)
    return _placed(pluck, 0.35) + _placed(sustained, 0.0)


def _bell(count: int) -> Samples:
    partials = (
        (0.5, 0.5, 1.6),
        (1.0, 0.8, 1.1),
        (1.19, 0.5, 0.9),
        (1.5, 0.3, 0.7),
        (2.0, 0.7, 0.6),
        (2.74, 0.3, 0.35),
        (3.0, 0.2, 0.3),
        (4.07, 0.2, 0.15),
    )
    track = np.zeros(count)
    for second, hertz in STRIKES:
        _add(track, 0.3 * _struck(hertz, partials, 3 * RATE), second)
    return _placed(track, 0.4)


def _rain(count: int) -> Samples:
    """Make a steady hiss that falls towards the treble, and single drops on the pane."""
    chance = np.random.default_rng(20)
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    tilt = np.where(hertz > 0, 1 / np.sqrt(1 + (hertz / 2500) ** 2), 0) * hertz / (hertz + 300)
    hiss = np.fft.irfft(
        np.fft.rfft(chance.standard_normal((count, 2)), axis=0) * tilt[:, None], axis=0
    )
    track = 0.25 * hiss
    for second in chance.uniform(0, SECONDS - 0.1, 90):
        drop = _struck(chance.uniform(1800, 5200), ((1.0, 1.0, 0.006),), RATE // 20)
        place = _placed(drop * chance.uniform(0.1, 0.5), chance.uniform(-0.6, 0.9))
        first = round(second * RATE)
        track[first : first + len(place)] += place
    return np.asarray(track)
