"""What a generative model and its service do to two mono sounds, for the stem cases.

The model returns for each stem a sound made anew: coloured, with some of the other stem in it, with
other phases and levels in every region of the spectrum, and as long as its steps make it. Phase
and level errors are smooth fields over time and frequency, drawn at the knots of a grid and
interpolated between them, multiplied onto the short-time spectrum. This module must not know what
the sounds are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from numpy.typing import NDArray

from stem_scenes import RATE_HZ, Exact, Samples, draw, late, noise, rms
from stemmux.ffmpeg import address, guard_words, run

# The frozen parameters, see stem_cases.
STEP = 1920  # samples: the model's stems are as long as whole steps
SIZE, HOP = 2048, 512  # of the spectra in which the errors are made
KNOT_SECONDS = 0.06  # between the knots of an error field
KNOTS_HZ = (0.0, 100.0, 1.22)  # the first two, then each that many times the last
RISING = (0.25, 0.75, 3000.0, 1.5)  # share at 0 Hz, more at this frequency, and the most there is
FLOOR_DB = -65.0  # noise in every stem, against the stem
BURST_SECONDS = (0.6, 1.4)  # of a wrong source, or of nothing, one in every BURST_EVERY seconds
BURST_EVERY = 3.3
BURST_EDGE_SECONDS = 0.02
THIRD_DB = (-3.0, 3.0)  # a wrong source against the target
BURIED = (0.6, 0.9)  # share of the power beside a stem from which, and at which, it is made anew
ANEW = (5.0, 4.0, 3.0)  # phase in rad, level in dB (standard deviations), gain in dB there
MP3_RATE = "128k"
FROZEN = (
    *(STEP, SIZE, HOP, KNOT_SECONDS, KNOTS_HZ, RISING, FLOOR_DB, BURST_SECONDS, BURST_EVERY),
    *(BURST_EDGE_SECONDS, THIRD_DB, BURIED, ANEW, MP3_RATE),
)

Spectra = NDArray[np.complex128]  # [frames of HOP, bins]


@dataclass(frozen=True)
class Errors:
    """What is wrong with one stem.

    Attributes:
        gain_db: its level.
        leak_db: level of the other sound in it, against that sound.
        phase: standard deviation of the phase at the knots, in rad; 0 keeps the waveform.
        rising: the phase is nearly right at low frequencies and worse with height.
        level_db: standard deviation of the level at the knots.
        eq_db: standard deviation of its colour over frequency, and of the leak's.
        polarity: 1 or −1.
    """

    gain_db: float
    leak_db: float
    phase: float
    rising: bool
    level_db: float
    eq_db: float
    polarity: float


@dataclass(frozen=True)
class Damage:
    """What is done to a pair of stems.

    Attributes:
        key: what all draws start from.
        target, residual: what each has alone.
        delay: samples by which both are late; where negative, their beginning is missing.
        band_hz: nothing is heard above it.
        mp3: they went through an MP3 of `MP3_RATE`.
        junk: what lies behind the clip's end is a noise.
        in_bursts: what the target does in the bursts: a "third" sound comes in, it is "gone", or it
            has "moved" to the residual; "" where there are none.
        bursts: start and length in s.
        rebuilt: where the other sound buries it, each stem is made anew instead of kept.
    """

    key: str
    target: Errors
    residual: Errors
    delay: float
    band_hz: float
    mp3: bool
    junk: bool
    in_bursts: str
    bursts: tuple[tuple[float, float], ...]
    rebuilt: bool


def bursts(key: str, seconds: float, share: float) -> tuple[tuple[float, float], ...]:
    """Draw the bursts of a clip: start and length in s, the length times `share`."""
    count = round(seconds / BURST_EVERY)
    lengths = [share * draw(f"{key}: burst {n}", *BURST_SECONDS) for n in range(count)]
    spare = [seconds / count - length for length in lengths]
    starts = [
        n * seconds / count + draw(f"{key}: burst {n} at", 0.0, free)
        for n, free in enumerate(spare)
    ]
    return tuple(zip(starts, lengths, strict=True))


def stems(target: Exact, residual: Exact, third: Exact, damage: Damage) -> tuple[Samples, Samples]:
    """Damage two true monos of one length as `damage` says; the stems may have another length."""
    frames = len(target)
    whole = -(-frames // STEP) * STEP
    # The model hears the end mirrored up to its next step, and returns that as well.
    heard = [np.pad(sound, (0, whole - frames), mode="reflect") for sound in (target, residual)]
    true = [_spectra(sound) for sound in heard]
    made = []
    for which, errors in enumerate((damage.target, damage.residual)):
        key = f"{damage.key} {which}"
        buried = _buried(true[which], true[1 - which]) if damage.rebuilt else 0.0
        own = true[which] * _field(key, true[which].shape, errors, buried)
        gain = 10 ** (errors.leak_db / 20) * (1.0 - buried)
        leak = true[1 - which] * gain * _field(f"{key} leak", own.shape, errors, 0.0)
        sounds = [_sound(part, whole) for part in (own, leak)]
        made.append(sounds)
    _burst(made, third, damage)
    finished = [
        _finished(own + leak, f"{damage.key} {which}", errors, damage, frames)
        for which, ((own, leak), errors) in enumerate(
            zip(made, (damage.target, damage.residual), strict=True)
        )
    ]
    return finished[0], finished[1]


def _buried(own: Spectra, other: Spectra) -> Exact:
    """0 where a sound is kept, 1 where it lies so deep that it is made anew."""
    powers = []
    for spectra in (own, other):
        power = np.abs(spectra) ** 2
        for axis, reach in ((0, 3), (1, 4)):
            moved = [np.roll(power, step, axis) for step in range(-reach, reach + 1)]
            power = sum(moved[1:], moved[0]) / len(moved)
        powers.append(power)
    share = powers[1] / (powers[0] + powers[1] + 1e-20)
    rise: Exact = np.clip((share - BURIED[0]) / (BURIED[1] - BURIED[0]), 0.0, 1.0)
    return rise


def _field(key: str, shape: tuple[int, ...], errors: Errors, buried: Exact | float) -> Spectra:
    """Draw what the spectra are multiplied with: colour, level and phase errors."""
    random = noise(key)
    hz = np.arange(shape[1]) * RATE_HZ / SIZE
    colour = _over_frequency(random.standard_normal((1, len(_knots()))), hz) * errors.eq_db
    rows = math.ceil(shape[0] * HOP / RATE_HZ / KNOT_SECONDS) + 2
    level, phase = (
        _over_time(_over_frequency(random.standard_normal((rows, len(_knots()))), hz), shape[0])
        for _ in range(2)
    )
    low, more, at_hz, most = RISING
    height = np.minimum(most, low + more * hz / at_hz) if errors.rising else 1.0
    anew_phase, anew_db, anew_gain_db = ANEW
    gain_db = colour + level * (errors.level_db + anew_db * buried) + anew_gain_db * buried
    turn = phase * (errors.phase * height + anew_phase * buried)
    field: Spectra = 10 ** (gain_db / 20) * np.exp(1j * turn)
    return field


def _knots() -> Exact:
    first, second, ratio = KNOTS_HZ
    knots = [first, second]
    while knots[-1] < RATE_HZ / 2:
        knots.append(max(knots[-1] * ratio, knots[-1] + second))
    return np.asarray(knots)


def _over_frequency(values: Exact, hz: Exact) -> Exact:
    """Interpolate [rows, knots] to [rows, bins]."""
    knots = _knots()
    below = np.clip(np.searchsorted(knots, hz, "right") - 1, 0, len(knots) - 2)
    share = (hz - knots[below]) / (knots[below + 1] - knots[below])
    between: Exact = values[:, below] * (1 - share) + values[:, below + 1] * share
    return between


def _over_time(values: Exact, count: int) -> Exact:
    """Interpolate [knots, bins] to [count, bins]."""
    at = np.arange(count) * HOP / RATE_HZ / KNOT_SECONDS
    below = at.astype(int)
    share = (at - below)[:, np.newaxis]
    return values[below] * (1 - share) + values[below + 1] * share


def _spectra(sound: Exact) -> Spectra:
    padded = np.pad(sound, (SIZE, SIZE + HOP))
    window = np.sqrt(np.hanning(SIZE + 1)[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP]
    return np.fft.rfft(frames * window, axis=1)


def _sound(spectra: Spectra, frames: int) -> Exact:
    window = np.sqrt(np.hanning(SIZE + 1)[:-1]) * (2 * HOP / SIZE)
    parts = np.fft.irfft(spectra, SIZE, axis=1) * window
    total = np.zeros(HOP * (len(parts) - 1) + SIZE)
    for number, part in enumerate(parts):
        total[number * HOP : number * HOP + SIZE] += part
    return total[SIZE : SIZE + frames]


def _burst(made: list[list[Exact]], third: Exact, damage: Damage) -> None:
    """Change the target in the bursts, in place."""
    if not damage.in_bursts:
        return
    own = made[0][0]
    inside = _gate(damage.bursts, len(own))
    if damage.in_bursts == "third":
        level = 10 ** (draw(f"{damage.key}: third", *THIRD_DB) / 20) * rms(own) / rms(third)
        made[0][0] = own + np.pad(third, (0, len(own) - len(third))) * level * inside
        return
    if damage.in_bursts == "moved":
        made[1][0] = made[1][0] + own * inside
    made[0][0] = own * (1 - inside)


def _gate(spans: tuple[tuple[float, float], ...], frames: int) -> Exact:
    seconds = np.arange(frames) / RATE_HZ
    inside = np.zeros(frames)
    for start, length in spans:
        edge = np.minimum(seconds - start, start + length - seconds) / BURST_EDGE_SECONDS
        inside = np.maximum(inside, 0.5 - 0.5 * np.cos(np.pi * np.clip(edge, 0.0, 1.0)))
    return inside


def _finished(sound: Exact, key: str, errors: Errors, damage: Damage, frames: int) -> Samples:
    """The service's part: tail, band, floor, level, delay, length, codec."""
    random = noise(f"{key} floor")
    level = rms(sound)
    if damage.junk:
        tail = len(sound) - frames
        sound = np.concatenate([sound[:frames], level * random.standard_normal(tail)])
    if damage.band_hz < RATE_HZ / 2:
        hz = np.fft.rfftfreq(2 * len(sound), 1 / RATE_HZ)
        gain = 1 / (1 + (hz / damage.band_hz) ** 48)
        sound = np.fft.irfft(np.fft.rfft(sound, 2 * len(sound)) * gain)[: len(sound)]
    length = -(-math.ceil(frames + damage.delay) // STEP) * STEP
    sound = np.pad(sound, (0, max(0, length - len(sound))))
    if damage.delay:
        sound = late(sound, damage.delay)
    sound = sound[:length] + level * 10 ** (FLOOR_DB / 20) * random.standard_normal(length)
    stem = (sound * errors.polarity * 10 ** (errors.gain_db / 20)).astype(np.float32)
    return _through_mp3(stem) if damage.mp3 else stem


def _through_mp3(stem: Samples) -> Samples:
    with TemporaryDirectory(prefix="stem_damage.") as name:
        first, coded, back = (Path(name) / file for file in ("in.wav", "stem.mp3", "out.wav"))
        # A codec's input ends at full scale; the level is given back afterwards.
        scale = np.float32(max(1.0, float(np.abs(stem).max())))
        soundfile.write(first, stem / scale, RATE_HZ, subtype="FLOAT")
        for source, result, options in (
            (first, coded, ["-c:a", "libmp3lame", "-b:a", MP3_RATE]),
            (coded, back, ["-c:a", "pcm_f32le"]),
        ):
            head = [*guard_words(), "-i", address(source)]
            run([*head, *options, address(result)], limit=60.0)
        decoded, _ = soundfile.read(back, dtype="float32")
    return np.asarray(decoded * scale, dtype=np.float32)
