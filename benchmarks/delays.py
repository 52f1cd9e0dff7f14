"""How well the delay of stems is found, how often it is found where there is none, and the cost.

    python benchmarks/delays.py [--delays N] [--strangers N] [--hours H] [--data DIR]

Prints Markdown tables. README.md beside this says what is in them.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

import stem_damage
from debian_sounds import SoundsMissing, default_folder
from stem_damage import Damage, Errors
from stem_scenes import RATE_HZ, SCENES, Sounds, draw, late, noise, rms
from stemmux.align import Alignment, find, shifted
from stemmux.shift import ReadMono

Sound = NDArray[np.float64]

SECONDS = 10.0
FURTHEST = 24_000  # samples, either way
LEVEL = 0.07  # RMS of every mix, full scale 1
EXACT = Errors(0.0, -math.inf, 0.0, False, 0.0, 0.0, 1.0)
WHOLE = Damage("", EXACT, EXACT, 0.0, RATE_HZ / 2, False, False, "", (), False)


def _with(errors: Errors = EXACT, *, mp3: bool = False, band_hz: float = RATE_HZ / 2) -> Damage:
    return replace(WHOLE, target=errors, residual=errors, mp3=mp3, band_hz=band_hz)


def _model(leak_db: float, phase: float, level_db: float, *, rising: bool = False) -> Errors:
    return Errors(0.0, leak_db, phase, rising, level_db, 1.5, 1.0)


#: Rows of the table, in the words of `stem_damage`; every stem has its noise at -65 dB as well.
DAMAGES: dict[str, Damage] = {
    "none": WHOLE,
    "128k MP3": _with(mp3=True),
    "leak −10 dB, 128k MP3": _with(_model(-10.0, 0.0, 0.0), mp3=True),
    "−60 dB": _with(replace(EXACT, gain_db=-60.0)),
    "upside down": _with(replace(EXACT, polarity=-1.0)),
    "8 kHz band": _with(band_hz=8000.0),
    "leak, phase mild": _with(_model(-16.0, 0.4, 1.0, rising=True)),
    "leak, phase strong": _with(_model(-14.0, 1.2, 2.0)),
    "leak, phase lost": _with(_model(-14.0, 5.5, 2.5)),
}
DRIFTS_PPM = (5, -20, 60, -200)
DRIFT_SECONDS = 40.0
FRACTIONS = (0.05, 0.25, 0.5)
STRANGER_SECONDS = (0.5, 2.0, 10.0, 30.0)


@dataclass(frozen=True)
class Scene:
    """A mix and its two parts, mono at 48 kHz."""

    names: frozenset[str]
    target: Sound
    residual: Sound

    @property
    def mix(self) -> Sound:
        """The sum."""
        return self.target + self.residual


class Scenes:
    """The recordings of both sets of stem cases, put together anew: 24 scenes of any length."""

    def __init__(self, folder: Path) -> None:
        """Find or fetch the recordings in `folder`; raises `SoundsMissing`."""
        self._sounds = {which: Sounds(folder, which) for which in SCENES}

    def all(self, key: str, seconds: float) -> Iterator[Scene]:
        """Every scene at 0 dB, its recordings entered where `key` says."""
        frames = round(seconds * RATE_HZ)
        for which, sounds in self._sounds.items():
            for target, residual in SCENES[which]:
                about = f"delays {key} {target}"
                own = sounds.mono(target, about, frames)
                rest = [sounds.mono(name, about, frames) for name in residual]
                other = np.sum([part / (rms(part) + 1e-9) for part in rest], axis=0)
                own, other = own / (rms(own) + 1e-9), other / (rms(other) + 1e-9)
                gain = LEVEL / rms(own + other)
                yield Scene(frozenset((target, *residual)), own * gain, other * gain)


def reader(sound: Sound) -> ReadMono:
    """Read an array as a sound that is silent around it."""

    def read(start: int, count: int) -> Sound:
        out = np.zeros(count)
        low, high = max(0, start), min(len(sound), start + count)
        if high > low:
            out[low - start : high - start] = sound[low:high]
        return out

    return read


@dataclass(frozen=True)
class Try:
    """One alignment beside the truth: delay in samples, drift in ppm."""

    found: Alignment
    delay: float
    flipped: bool = False
    drift: float = 0.0


def tries(scenes: Scenes, damage: Damage, count: int) -> Iterator[tuple[Try, Try]]:
    """Align the sum of both stems, and the target's alone: `count` delays for every scene."""
    for number in range(count):
        for place, scene in enumerate(scenes.all(str(number), SECONDS)):
            key = f"delays {number} {place}"
            delay = draw(key, -FURTHEST, FURTHEST)
            delay = float(round(delay)) if (number + place) % 3 == 0 else delay
            made = stem_damage.stems(
                scene.target, scene.residual, scene.residual, replace(damage, key=key, delay=delay)
            )
            target, residual = (stem.astype(np.float64) for stem in made)
            flipped = damage.target.polarity < 0
            mix = reader(scene.mix)
            first, second = (
                Try(find(mix, reader(stem), len(scene.mix), RATE_HZ), delay, flipped)
                for stem in (target + residual, target)
            )
            yield first, second


def row(name: str, results: Sequence[Try]) -> str:
    """One line: of those found by the waveform, by the contours, not at all."""
    exact = [one for one in results if one.found.trusted and one.found.exact]
    coarse = [one for one in results if one.found.trusted and not one.found.exact]
    off = [abs(one.found.delay - one.delay) for one in exact]
    far = [abs(one.found.delay - one.delay) / RATE_HZ * 1000 for one in coarse]
    wrong = sum(one.found.inverted != one.flipped for one in exact)
    cells = (
        len(results),
        len(exact),
        *((f"{value:.4f}" for value in np.quantile(off, (0.5, 0.9, 1.0))) if off else "–––"),
        wrong,
        len(coarse),
        f"{max(far):.1f}" if far else "–",
        len(results) - len(exact) - len(coarse),
    )
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def delays(scenes: Scenes, count: int) -> None:
    """Print errors by damage."""
    print(
        "| damage | stems | cases | by waveform | error median | 90 % | worst, samples "
        "| wrong polarity | by contours | worst, ms | refused |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, damage in DAMAGES.items():
        sums, targets = zip(*tries(scenes, damage, count), strict=True)
        print(row(f"{name} | sum", sums), flush=True)
        print(row(f"{name} | target", targets), flush=True)


def drifts(scenes: Scenes) -> None:
    """Print how well a drift is found over 40 s, by another resampler's drift."""
    print("| drift, ppm | stems | cases | trusted | error median | worst, ppm |")
    print("|---|---|---|---|---|---|")
    every = list(scenes.all("drift", DRIFT_SECONDS))[::2]
    for ppm in DRIFTS_PPM:
        for what in ("sum", "target"):
            errors = []
            for scene in every:
                stem = scene.mix if what == "sum" else scene.target
                slow = soxr.resample(stem, 1_000_000, 1_000_000 + ppm, quality="VHQ")
                found = find(reader(scene.mix), reader(slow), len(scene.mix), RATE_HZ)
                errors += [abs(found.drift_ppm - ppm)] if found.trusted and found.exact else []
            cells = (len(every), len(errors), f"{np.median(errors):.3f}", f"{max(errors):.3f}")
            print(f"| {ppm} | {what} | " + " | ".join(map(str, cells)) + " |", flush=True)


def fractions(scenes: Scenes) -> None:
    """Print how much of the mix is left when late stems are taken away from it."""
    print("| late by, samples | left where it is, dB | shifted, dB |")
    print("|---|---|---|")
    for delay in FRACTIONS:
        left, moved = [], []
        for scene in scenes.all("fractions", SECONDS):
            stem, mix = late(scene.mix, delay), scene.mix
            read = shifted(reader(stem), find(reader(mix), reader(stem), len(mix), RATE_HZ))
            for errors, sound in ((left, stem), (moved, read(0, len(mix)))):
                errors.append(20 * math.log10(rms(mix - sound) / rms(mix)))
        print(f"| {delay} | {np.median(left):.1f} | {np.median(moved):.1f} |", flush=True)


def strangers(scenes: Scenes, count: int) -> None:
    """Print how often stems of another sound are trusted."""
    print("| length, s | pairs | trusted by waveform | by contours | highest confidence |")
    print("|---|---|---|---|---|")
    for seconds in STRANGER_SECONDS:
        found: list[Alignment] = []
        for number in range(count):
            every = list(scenes.all(f"strangers {number}", seconds))
            for place, scene in enumerate(every):
                step = 1 + int(draw(f"{number} {place}", 0, len(every) - 1))
                other = every[(place + step) % len(every)]
                if not scene.names & other.names:
                    stem = other.mix if number % 2 else other.target
                    found.append(find(reader(scene.mix), reader(stem), len(stem), RATE_HZ))
            length = round(seconds * RATE_HZ)
            one, two = (noise(f"{number} {which}").standard_normal(length) for which in "ab")
            found.append(find(reader(one), reader(two), length, RATE_HZ))
        exact = sum(one.trusted and one.exact for one in found)
        coarse = sum(one.trusted and not one.exact for one in found)
        highest = max(one.confidence for one in found if one.exact)
        print(f"| {seconds} | {len(found)} | {exact} | {coarse} | {highest:.2f} |", flush=True)


def cost(scenes: Scenes, hours: float) -> None:
    """Print seconds and memory for short and long files, read from the disk."""
    print("| length | wall, s | processor, s | peak memory grew by, MB |")
    print("|---|---|---|---|")
    scene = next(scenes.all("cost", SECONDS))
    with tempfile.TemporaryDirectory(prefix="delays-") as folder:
        for seconds in (SECONDS, 3600 * hours):
            paths = [Path(folder) / f"{name} {seconds}.wav" for name in ("mix", "stem")]
            _write(paths, scene.mix, round(seconds * RATE_HZ))
            with soundfile.SoundFile(paths[0]) as mix, soundfile.SoundFile(paths[1]) as stem:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                wall, processor = time.perf_counter(), time.process_time()
                found = find(_file(mix), _file(stem), mix.frames, RATE_HZ)
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert found.delay == 1105.0, found
            print(f"| {seconds:.0f} s | {wall:.2f} | {processor:.2f} | {grown:.0f} |", flush=True)


def _write(paths: Sequence[Path], loop: Sound, frames: int) -> None:
    """The loop under a noise of its own, as two files; the second is 1105 samples late."""
    random = noise("cost")
    files = [soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_24") for path in paths]
    files[1].write(np.zeros(1105))
    for start in range(0, frames, len(loop)):
        block = (loop + 0.01 * random.standard_normal(len(loop)))[: frames - start]
        for file in files:
            file.write(block)
    for file in files:
        file.close()


def _file(file: soundfile.SoundFile) -> ReadMono:
    def read(start: int, count: int) -> Sound:
        out = np.zeros(count)
        low, high = max(0, start), min(file.frames, start + count)
        if high > low:
            file.seek(low)
            file.read(out=out[low - start : high - start])
        return out

    return read


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delays", type=int, default=3, help="for each scene and damage")
    parser.add_argument("--strangers", type=int, default=10, help="for each scene and length")
    parser.add_argument("--hours", type=float, default=2.0, help="length of the long file")
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args()
    try:
        scenes = Scenes(options.data)
    except SoundsMissing as error:
        sys.exit(str(error))
    parts = (
        ("Delays", lambda: delays(scenes, options.delays)),
        ("Drift", lambda: drifts(scenes)),
        ("Fractions", lambda: fractions(scenes)),
        ("Strangers", lambda: strangers(scenes, options.strangers)),
        ("Cost", lambda: cost(scenes, options.hours)),
    )
    for title, part in parts:
        print(f"\n{title}\n", flush=True)
        part()


if __name__ == "__main__":
    main()
