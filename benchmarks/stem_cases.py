"""The stem cases: clips whose parts are known, and the two mono stems that a model might return.

A generative model hears a mono of the clip and returns two mono sounds that were made anew. Here
the clip is put together from recordings in a channel layout (`stem_scenes`), and its two true
monos are damaged as such a model and its service damage them (`stem_damage`). Two sets by the same
recipe: "main", on which a method may be tuned, and "check", of other recordings and other draws, on
which it may not. Everything that decides what a set sounds like is a constant at the top of these
three modules. As a script, this prints a set's digests and its cases:

    python benchmarks/stem_cases.py [--set main|check] [--data DIR] [--write DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

import stem_damage
import stem_scenes
from debian_sounds import SoundsMissing, default_folder
from stem_damage import Damage, Errors
from stem_scenes import RATE_HZ, SCENES, Samples, Scene, Sounds, draw, mono_gains

# The frozen parameters. Changing one makes another set: its figures compare with no others.
SECONDS = (8.0, 12.0)  # length of a clip, drawn to the sample
SNRS_DB = (-5, 0, 5)  # target over residual, both as RMS over the whole clip and all channels
OVERLAP_SECONDS = {1: 0.0, 2: 5.0, 3: 2.0}  # between the windows of a clip, by their number
LAYOUTS = (
    *("mono", "centre", "panned", "left", "moving", "spaced", "room"),
    *("5.1 centre", "5.1 left"),
)
DAMAGES = (
    *("leak low", "leak high", "phase mild", "phase strong", "phase lost", "gain"),
    *("wrong source", "dropout", "mp3", "tail", "offset", "polarity", "seams", "band"),
    *("rebuilt", "together"),
)
# What every stem of a class has, each drawn for each stem: leak in dB, phase error in rad, level
# error in dB (standard deviations, see stem_damage). The classes that are not named here alternate
# between the two last rows over the layouts, and have their own damage on top.
ERRORS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "leak low": ((-20.0, -13.0), (0.0, 0.0), (0.0, 0.0)),
    "leak high": ((-13.0, -6.0), (0.0, 0.0), (0.0, 0.0)),
    "phase mild": ((-20.0, -14.0), (0.3, 0.5), (0.8, 1.2)),
    "phase strong": ((-18.0, -10.0), (1.0, 1.4), (1.5, 2.5)),
    "phase lost": ((-18.0, -10.0), (5.0, 6.0), (2.0, 3.0)),
    "rebuilt": ((-18.0, -12.0), (0.1, 0.3), (0.5, 1.0)),
    "together": ((-12.0, -6.0), (0.3, 1.2), (1.0, 2.0)),
    "near": ((-18.0, -12.0), (0.1, 0.4), (0.5, 1.0)),
    "far": ((-18.0, -12.0), (0.8, 1.4), (1.5, 2.5)),
}
GAIN_DB = 6.0  # either way, classes "gain", "seams" and "together"; elsewhere none
EQ_DB = 1.5  # standard deviation of the colour that every stem and every leak has
OFFSET_SECONDS = 0.5  # either way, classes "offset" and "together"
MP3_DELAY = 1105  # samples that an encoder is late where a service leaves its delay in
BAND_HZ = (16_000.0, 12_000.0, 8_000.0)  # where the stems of "band" end, over the layouts


@dataclass(frozen=True)
class Window:
    """A stretch of the clip that was sent on its own: first sample, samples, what was done to it.

    Attributes:
        third: the recording that is heard where the model heard what was not there.
    """

    start: int
    frames: int
    damage: Damage
    third: str


@dataclass(frozen=True)
class Recipe:
    """One case before it is made.

    Attributes:
        name: unique in its set.
        damage, layout: of `DAMAGES` and `LAYOUTS`.
        scene: whose sound over whose, and where they stand.
        frames: samples of the clip.
        windows: one, or for "seams" two or three.
    """

    name: str
    damage: str
    layout: str
    scene: Scene
    frames: int
    windows: tuple[Window, ...]


@dataclass(frozen=True)
class Stems:
    """What came back for one stretch: two mono sounds at 48 kHz, longer or shorter than it.

    Attributes:
        target, residual: [frames], full scale is 1.
        start, frames: the stretch, in samples of the mix.
        delay: samples by which both are late, which a method must find out by itself.
        polarity: of target and of residual, 1 or −1; the same.
    """

    target: Samples
    residual: Samples
    start: int
    frames: int
    delay: float
    polarity: tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One clip, [frames, channels] at 48 kHz, its true parts, and the stems that came back.

    Attributes:
        name, damage, layout: as in `Recipe`.
        mix: `target` + `residual`, added in 32-bit float.
        target, residual: the true images.
        speakers: names of the channels; empty for mono and stereo.
        stems: one for each window, in order.
    """

    name: str
    damage: str
    layout: str
    mix: Samples
    target: Samples
    residual: Samples
    speakers: tuple[str, ...]
    stems: tuple[Stems, ...]


def recipes(which: str) -> tuple[Recipe, ...]:
    """Return a whole set in its fixed order: every damage in every layout, 144 cases."""
    return tuple(
        _recipe(which, damage, layout)
        for damage in range(len(DAMAGES))
        for layout in range(len(LAYOUTS))
    )


def _recipe(which: str, damage: int, layout: int) -> Recipe:
    # 5 and the number of scenes share no factor: each layout meets every scene, and each damage
    # meets a scene at most once.
    number = (5 * damage + layout) % len(SCENES[which])
    target, residual = SCENES[which][number]
    name = f"{DAMAGES[damage]}, {LAYOUTS[layout]}, {target} over {'+'.join(residual)}"
    key = f"{which}: {name}"
    place = tuple(draw(f"{key}: place {one}", 0.0, 1.0) for one in range(4))
    snr_db = SNRS_DB[(damage + layout) % len(SNRS_DB)]
    scene = Scene(key, target, residual, LAYOUTS[layout], snr_db, place)
    frames = round(draw(f"{key}: seconds", *SECONDS) * RATE_HZ)
    if DAMAGES[damage] == "tail":  # the longest tail there is: one sample into a new step
        frames = frames // stem_damage.STEP * stem_damage.STEP + 1
    if DAMAGES[damage] == "seams":
        frames = round(SECONDS[1] * RATE_HZ)
    windows = tuple(
        Window(
            start, length, _damage(f"{key}: {start}", damage, layout, length), _third(which, number)
        )
        for start, length in _windows(DAMAGES[damage], layout, frames)
    )
    return Recipe(name, DAMAGES[damage], LAYOUTS[layout], scene, frames, windows)


def _windows(damage: str, layout: int, frames: int) -> Iterator[tuple[int, int]]:
    count = 2 + layout % 2 if damage == "seams" else 1
    overlap = round(OVERLAP_SECONDS[count] * RATE_HZ)
    length = -(-(frames + (count - 1) * overlap) // count)
    for number in range(count):
        start = number * (length - overlap)
        yield start, min(length, frames - start)


def _third(which: str, scene: int) -> str:
    """A recording that the scene has not: the residual of the scene three further on."""
    target, residual = SCENES[which][scene]
    for step in range(3, len(SCENES[which])):
        other = SCENES[which][(scene + step) % len(SCENES[which])][1][0]
        if other not in (target, *residual):
            return other
    raise AssertionError("every recording is in one scene")


def _damage(key: str, damage: int, layout: int, frames: int) -> Damage:
    kind = DAMAGES[damage]
    both = {stem: _errors(f"{key}: {stem}", damage, layout) for stem in ("target", "residual")}
    bursts: tuple[tuple[float, float], ...] = ()
    in_bursts = ""
    if kind in ("wrong source", "dropout", "together"):
        bursts = stem_damage.bursts(key, frames / RATE_HZ, 0.5 if kind == "together" else 1.0)
        # What is dropped is nowhere, or has gone over to the other stem.
        in_bursts = "third" if kind != "dropout" else ("gone", "moved")[layout % 2]
    return Damage(
        key,
        both["target"],
        both["residual"],
        delay=_delay(key, kind, layout),
        band_hz=_band_hz(kind, layout),
        mp3=kind == "mp3" or (kind == "together" and layout % 2 == 1),
        junk=kind in ("tail", "together"),
        in_bursts=in_bursts,
        bursts=bursts,
        rebuilt=kind == "rebuilt",
    )


def _errors(key: str, damage: int, layout: int) -> Errors:
    kind = DAMAGES[damage]
    row = kind if kind in ERRORS else ("near", "far")[(damage + layout) % 2]
    flipped = False
    if kind == "polarity":  # without phase there is no polarity; both stems are flipped, or one
        row = "near"
        flipped = layout % 3 == 0 or (layout % 3 == 1) == key.endswith("target")
    leak_db, phase, level_db = (
        draw(f"{key}: {what}", *span)
        for what, span in zip(("leak", "phase", "level"), ERRORS[row], strict=True)
    )
    gain_db = GAIN_DB if kind in ("gain", "seams", "together") else 0.0
    return Errors(
        gain_db=draw(f"{key}: gain", -gain_db, gain_db),
        leak_db=leak_db,
        phase=phase,
        rising=row in ("phase mild", "near", "together"),
        level_db=level_db,
        eq_db=EQ_DB,
        polarity=-1.0 if flipped else 1.0,
    )


def _delay(key: str, kind: str, layout: int) -> float:
    if kind == "mp3":
        return float(MP3_DELAY * (layout % 2))
    if kind not in ("offset", "together"):
        return 0.0
    span = OFFSET_SECONDS * RATE_HZ
    late = draw(f"{key}: delay", 0.0, span) * (1 if layout % 2 == 0 else -1)
    return float(round(late)) if layout % 4 < 2 else late


def _band_hz(kind: str, layout: int) -> float:
    if kind == "band":
        return BAND_HZ[layout % len(BAND_HZ)]
    return BAND_HZ[0] if kind == "together" else RATE_HZ / 2


class CaseSet:
    """The recordings of a set, and its cases made of them one at a time."""

    def __init__(self, folder: Path, which: str) -> None:
        """Find or fetch the recordings in `folder`; raises `SoundsMissing`."""
        self._sounds = Sounds(folder, which)
        self._which = which

    def __iter__(self) -> Iterator[Case]:
        """Make the cases of the whole set, in its order."""
        return (self.make(recipe) for recipe in recipes(self._which))

    def make(self, recipe: Recipe) -> Case:
        """Make one case; the same recipe gives the same samples every time."""
        target, residual, speakers = stem_scenes.images(self._sounds, recipe.scene, recipe.frames)
        gains = np.asarray(mono_gains(speakers, target.shape[1]))
        monos = [np.sum(image.astype(np.float64) * gains, axis=1) for image in (target, residual)]
        stems = []
        for window in recipe.windows:
            part = slice(window.start, window.start + window.frames)
            third = self._sounds.mono(window.third, f"{window.damage.key} third", window.frames)
            pair = stem_damage.stems(monos[0][part], monos[1][part], third, window.damage)
            signs = (window.damage.target.polarity, window.damage.residual.polarity)
            stems.append(Stems(*pair, window.start, window.frames, window.damage.delay, signs))
        about = (recipe.name, recipe.damage, recipe.layout, target + residual, target, residual)
        return Case(*about, speakers, tuple(stems))

    def digest_of_recordings(self) -> str:
        """Return the SHA-256 over the recordings' bytes and the recipes: the same everywhere."""
        frozen = (stem_scenes.FROZEN, stem_damage.FROZEN, recipes(self._which))
        total = hashlib.sha256(repr(frozen).encode())
        for path in self._sounds.paths():
            total.update(path.read_bytes())
        return total.hexdigest()

    def digest_of_samples(self) -> str:
        """Return the SHA-256 over every sample but those that an MP3 encoder had a hand in.

        It depends on the builds of numpy and soxr, and on the processor.
        """
        total = hashlib.sha256()
        for recipe in recipes(self._which):
            case = self.make(recipe)
            parts = [case.mix, case.target, case.residual]
            for window, stems in zip(recipe.windows, case.stems, strict=True):
                parts += [] if window.damage.mp3 else [stems.target, stems.residual]
            for part in parts:
                total.update(part.astype("<f4").tobytes())
        return total.hexdigest()


def main() -> None:
    """Print a set's digests and its cases; with --write, write them as 32-bit float WAVs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", choices=sorted(SCENES), default="main", dest="which")
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the cases here")
    options = parser.parse_args()
    try:
        cases = CaseSet(options.data, options.which)
    except SoundsMissing as error:
        sys.exit(str(error))
    print(f"recordings and recipes  sha256 {cases.digest_of_recordings()}")
    print(f"samples of {len(recipes(options.which))} cases    sha256 {cases.digest_of_samples()}")
    for number, case in enumerate(cases if options.write else ()):
        folder = options.write / f"{number:03d} {case.name}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"mix": case.mix, "target": case.target, "residual": case.residual}
        for stems in case.stems:
            parts[f"stem target {stems.start}"] = stems.target
            parts[f"stem residual {stems.start}"] = stems.residual
        for part, samples in parts.items():
            soundfile.write(folder / f"{part}.wav", samples, RATE_HZ, subtype="FLOAT")
    for recipe in () if options.write else recipes(options.which):
        print(f"{recipe.frames / RATE_HZ:5.2f} s  {recipe.scene.snr_db:+d} dB  {recipe.name}")


if __name__ == "__main__":
    main()
