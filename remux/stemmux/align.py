"""Where a mono stem lies against the mix that it was separated from.

What a model returns may be late, early, upside down or slow. A handful of places, spread over the
sound where both are loud, are compared whole: first to the sample, with the line that most places
agree on; then between samples, by their phases. Where the phases prove nothing, the contours of
loudness may. Where these prove nothing either, nothing is to be shifted, and the reason is said.
This module must not know which stem it is, nor what the answer is used for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stemmux import contour
from stemmux.correlation import cross_spectrum, highest, quick_size
from stemmux.lines import Line, Peaks, fitted
from stemmux.phase import Phases, phases, spectra
from stemmux.shift import ReadMono, moved

#: The best line must stand this far above the next for a delay to mean anything.
CONFIDENT = 2.2
#: What chance may reach at one place, and at how many it may do so on one line.
_CHANCE, _CHANCE_PLACES = 5.0, 4
#: Share of the places that may clearly have another delay.
_OTHERS = 0.2
#: Share of what is coherent that must agree with the delay.
_AGREEMENT = 0.7
#: A line that stands less far above the next needs more to speak for it: share that agrees, share
#: of the power that both have in common, and standard error in samples at most.
_CLEAR, _CLEAR_AGREEMENT, _CLEAR_SHARED, _CLEAR_DOUBT = 5.0, 0.85, 0.2, 0.25
#: What contours must reach: best fit over the next, and the share of so many places or more that
#: must agree.
_CONTOUR_CONFIDENT, _CONTOUR_SHARE, _CONTOUR_PLACES = 1.2, 0.8, 5
#: Nearer than this, contours cannot tell a delay from none (s).
_CONTOUR_DOUBT = 0.01

#: Places that are compared at most, and samples of each.
_PLACES, _LENGTH = 12, 1 << 16
#: Samples of a stretch under which nothing is tried.
_SHORTEST = 2048
#: Spots that are listened to for each place, sparse and then close, and samples of a spot.
_SPOTS, _SPOT = (12, 192), 2048
#: Power under which there is no sound: −130 dB against full scale.
_FAINT = 1e-13
_LOWEST_HZ = 40.0
#: Peaks kept of each place; two nearer than this are one (s).
_PEAKS, _PEAK_WIDTH = 8, 0.001
#: Fastest drift that is looked for, as a share.
_STEEPEST = 300e-6
#: A delay this close to a whole sample is one: the samples can then stay as they are.
_WHOLE = 0.005


@dataclass(frozen=True)
class Alignment:
    """Where a stem lies against its mix.

    Sample n of the mix is heard at n · (1 + drift) + delay in the stem.

    Attributes:
        delay: samples of the mix's rate that the stem is late; 0 unless trusted. With a drift, at
            sample 0 of the stretch.
        confidence: how much speaks for it, over what speaks for the next best, and over chance.
        inverted: the stem has the opposite polarity.
        drift_ppm: how much too long the stem is, in millionths.
        spread: the largest distance of a place's own delay from the line, in samples.
        windows: places that had something to say.
        reason: empty if trusted, else the sentence why nothing should be shifted.
        exact: by the waveform. If not, by the contours of loudness: good to about 10 ms, and the
            polarity is not known.
    """

    delay: float
    confidence: float
    inverted: bool
    drift_ppm: float
    spread: float
    windows: int
    reason: str
    exact: bool = True

    @property
    def trusted(self) -> bool:
        """Whether the stem may be shifted by it."""
        return not self.reason


@dataclass(frozen=True)
class _Pair:
    """What is compared: two sounds, and the places of `length` samples that begin at `starts`."""

    mix: ReadMono
    stem: ReadMono
    rate: int
    starts: Sequence[int]
    length: int
    reach: int


def find(
    mix: ReadMono, stem: ReadMono, frames: int, rate: int, *, furthest: float = 0.6
) -> Alignment:
    """Find how a stem lies against its mix; neither time nor memory grow with the length.

    Args:
        mix, stem: of one rate; sample 0 of the one is meant to be sample 0 of the other. Read in
            some hundred short pieces, in any order. The sum of all stems is surer than one alone.
        frames: of the mix's stretch; the stem may be longer or shorter.
        rate: of both, in Hz.
        furthest: the largest delay, early or late, that is looked for (s).
    """
    if frames < _SHORTEST:
        return _refused(f"{frames} samples are too few to align.")
    count = min(_PLACES, max(1, frames // _LENGTH))
    length = _LENGTH if count > 1 else frames
    starts = _loud(mix, stem, frames, length, count)
    if not starts:
        return _refused("The mix or the stem is silent.")
    pair = _Pair(mix, stem, rate, starts, length, round(furthest * rate))
    found = _by_waveform(pair)
    return found if found.trusted else _by_contours(pair, frames) or found


def shifted(stem: ReadMono, alignment: Alignment) -> ReadMono:
    """The stem as it would be read if it lay on the mix; the stem itself unless it is trusted.

    A whole delay leaves its samples as they are. Any other is interpolated (`stemmux.shift`): what
    that gets wrong, below −105 dB, is less than a delay of a thousandth of a sample does at 1 kHz.
    """
    if not alignment.trusted:
        return stem
    read = moved(stem, alignment.delay, alignment.drift_ppm * 1e-6)
    if not alignment.inverted:
        return read
    return lambda start, count: -read(start, count)


def _refused(reason: str, confidence: float = 0.0, windows: int = 0) -> Alignment:
    return Alignment(0.0, confidence, False, 0.0, 0.0, windows, reason)


def _loud(mix: ReadMono, stem: ReadMono, frames: int, length: int, count: int) -> list[int]:
    """Where to compare: `count` places or fewer, evenly spread, each where both sounds are loud.

    A spot in the middle of a place speaks for it. Where all are silent, many more are tried.
    """
    import numpy as np

    def power(read: ReadMono, start: int, samples: int) -> float:
        return float(np.var(read(start, samples)))

    if count == 1:
        return [0] if min(power(read, 0, length) for read in (mix, stem)) > _FAINT else []
    for spots in _SPOTS:
        found = []
        for part in np.array_split(np.linspace(0, frames - length, count * spots), count):
            best, where = _FAINT**2, None
            for start in map(int, part):
                spot = start + (length - _SPOT) // 2
                quiet, loud = sorted(power(read, spot, _SPOT) for read in (mix, stem))
                if quiet > _FAINT and quiet * loud > best:
                    best, where = quiet * loud, start
            if where is not None:
                found.append(where)
        if found:
            return found
    return []


def _by_waveform(pair: _Pair) -> Alignment:
    """The line that most places agree on, then the delay between samples by the phases."""
    import numpy as np

    width = round(_PEAK_WIDTH * pair.rate)
    peaks = _peaks(pair, width)
    line, score = peaks.best_line(width / 2, _STEEPEST)
    _, next_score = peaks.without(line, width).best_line(width / 2, _STEEPEST)
    chance = _CHANCE * min(len(pair.starts), _CHANCE_PLACES)
    confidence = abs(score) / max(abs(next_score), chance)
    if confidence < CONFIDENT or _others(peaks, line, width) > _OTHERS:
        return _refused(_doubt(peaks, line, width, abs(next_score) / chance), confidence)

    sign = float(np.sign(score))
    said = np.flatnonzero((peaks.near(line, width / 2) & (sign * peaks.heights > 0)).any(axis=1))
    starts = [pair.starts[int(place)] for place in said]
    times = peaks.times[said]
    line = Line(float(round(line.delay)), line.slope)
    for reach in (width, 0):
        on_line = moved(pair.stem, line.delay, line.slope)
        given = spectra(pair.mix, on_line, starts, pair.length, pair.rate)
        found = phases(given, sign, given.late(reach, sign) if reach else np.zeros(len(times)))
        fit = fitted(times, line.at(times) + found.delays, found.doubts)
        line = fit.line
    if found.agreement < _AGREEMENT or not _proven(confidence, found, fit.doubt):
        return _refused("The stem's phases do not follow the mix.", confidence, len(times))
    delay = line.delay if line.slope else _settled(line.delay, fit.doubt)
    drift = line.slope * 1e6
    return Alignment(delay, confidence, sign < 0, drift, fit.spread, len(times), "")


def _proven(confidence: float, found: Phases, doubt: float) -> bool:
    """Whether the phases speak for a line that hardly stands out: chance finds such lines too."""
    return confidence >= _CLEAR or (
        found.agreement >= _CLEAR_AGREEMENT
        and found.shared >= _CLEAR_SHARED
        and doubt <= _CLEAR_DOUBT
    )


def _settled(delay: float, doubt: float) -> float:
    """The delay, or none, or a whole sample, where the measurement cannot tell it from that."""
    if abs(delay) <= 3 * doubt:
        return 0.0
    whole = float(round(delay))
    return whole if abs(delay - whole) <= max(3 * doubt, _WHOLE) else delay


def _peaks(pair: _Pair, width: int) -> Peaks:
    """The highest points of the correlation of every place, over all delays in reach."""
    import numpy as np

    edge = pair.length // 16
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    fade = np.concatenate([rise, np.ones(pair.length - 2 * edge), rise[::-1]])
    size = quick_size(pair.length + 2 * pair.reach)
    found = []
    for start in pair.starts:
        part = pair.mix(start, pair.length)
        around = pair.stem(start - pair.reach, pair.length + 2 * pair.reach)
        cross = cross_spectrum((part - part.mean()) * fade, around - around.mean(), size)
        cross[: int(_LOWEST_HZ * size / pair.rate)] = 0
        curve = np.fft.irfft(cross, size)[: 2 * pair.reach + 1]
        found.append(highest(curve, -pair.reach, _PEAKS, width))
    times = np.array(pair.starts) + pair.length / 2
    lags, heights = (np.array(values) for values in zip(*found, strict=True))
    return Peaks(times, lags, heights)


def _others(peaks: Peaks, line: Line, width: int) -> float:
    """Share of the places where a single other delay than the line's stands out."""
    import numpy as np

    tall = np.abs(peaks.heights)
    clear = tall[:, 0] > CONFIDENT * np.maximum(tall[:, 1], _CHANCE)
    return float(np.mean(clear & ~peaks.near(line, width)[:, 0]))


def _doubt(peaks: Peaks, line: Line, width: int, next_best: float) -> str:
    """Why no delay is the best; `next_best` is what speaks for the next, over chance."""
    import numpy as np

    if _others(peaks, line, width) > _OTHERS:
        return "The stem's delay is not the same from place to place."
    # Where the highest points are lower than chance makes them, there are many of them.
    if next_best > CONFIDENT or float(np.median(np.abs(peaks.heights[:, 0]))) < 0.75 * _CHANCE:
        return "Several delays fit equally well: the sound repeats itself, or is a tone."
    return "Stem and mix have too little in common to align them."


def _by_contours(pair: _Pair, frames: int) -> Alignment | None:
    """A coarse delay out of the contours of loudness, or None if they prove nothing."""
    if len(pair.starts) < _CONTOUR_PLACES:
        return None
    length = min(2 * pair.length, frames)
    starts = [
        max(0, min(start - (length - pair.length) // 2, frames - length)) for start in pair.starts
    ]
    fit = contour.compare(pair.mix, pair.stem, starts, length, pair.reach, pair.rate)
    if fit.confidence < _CONTOUR_CONFIDENT or fit.agreeing < _CONTOUR_SHARE:
        return None
    doubt = max(3 * fit.doubt, _CONTOUR_DOUBT * pair.rate)
    delay = 0.0 if abs(fit.delay) <= doubt else fit.delay
    return Alignment(delay, fit.confidence, False, 0.0, fit.spread, len(starts), "", exact=False)
