"""How near conformed stems come to the true ones, beside every single way of conforming.

    python benchmarks/conforming.py [--set main|check] [--cases N] [--only WORD]
                                    [--methods NAME ...] [--json FILE] [--data DIR]

Prints Markdown tables. README.md beside this says what is in them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from conform_figures import Figure, by_class, figure, summary, verdict
from conform_methods import METHODS, ORACLE, aligned
from debian_sounds import SoundsMissing, default_folder
from stem_cases import Case, CaseSet, Recipe, recipes
from stem_scenes import RATE_HZ, SCENES
from stemmux import grid
from stemmux.conform import Piece, conform
from stemmux.errors import StemmuxError
from stemmux.measure import null_db

OURS = "Soundmatte"
FAR_OFF = 1.0  # samples that a delay may be off without being named


def ours(case: Case, folder: Path) -> tuple[NDArray[np.float64], float, list[str]]:
    """Conform through files, as the product does.

    Returns:
        The target as it would be delivered, the processor seconds that conforming took, and what is
        to be said: doubts, wrong delays, and a null that is none.
    """
    raw = _written(folder / "raw.wav", case.mix)
    mix = grid.settle(raw, folder / "mix.wav", speakers=case.speakers)
    pieces = [
        Piece(
            _written(folder / f"target {number}.wav", stems.target),
            _written(folder / f"residual {number}.wav", stems.residual),
            stems.start,
            stems.frames,
        )
        for number, stems in enumerate(case.stems)
    ]
    started = time.process_time()
    conformed = conform(mix, pieces, folder)
    seconds = time.process_time() - started
    stems = (folder / "target.wav", folder / "rest.wav")
    grid.split(mix, conformed.target, "target", *stems)
    said = [f"doubt: {doubt}" for doubt in conformed.evidence.doubts]
    for found, true in zip(conformed.alignments, case.stems, strict=True):
        if abs(found.delay - true.delay) > FAR_OFF:
            said.append(f"delay {found.delay:.2f} instead of {true.delay:.2f} {found.reason}")
    if (null := null_db(mix.path, stems)) > -math.inf:
        said.append(f"NO NULL: {null:.1f} dB")
    target, _ = soundfile.read(stems[0], dtype="float64", always_2d=True)
    return target, seconds, said


def _written(path: Path, samples: NDArray[np.float32]) -> Path:
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    return path


def judge(case: Case, methods: Sequence[str]) -> tuple[list[Figure], list[str]]:
    """Run the methods on one case; return what was measured, and sentences."""
    figures: list[Figure] = []
    said: list[str] = []
    stems = aligned(case)
    for name in methods:
        if name == OURS:
            with tempfile.TemporaryDirectory(prefix="conforming.") as folder:
                try:
                    target, seconds, notes = ours(case, Path(folder))
                    said += [f"{case.name}: {note}" for note in notes]
                except StemmuxError as error:
                    # Refused stems leave the person with the mix.
                    target, seconds = case.mix.astype(np.float64), 0.0
                    said.append(f"{case.name}: REFUSED ({type(error).__name__}: {error})")
        else:
            started = time.process_time()
            target = METHODS[name](case, *stems)
            seconds = time.process_time() - started
        figures.append(figure(name, case, target, seconds))
    return figures, said


def sample(whole: Sequence[Recipe], count: int) -> list[Recipe]:
    """Take `count` recipes, the same ones each time, in their order."""
    drawn = sorted(whole, key=lambda one: hashlib.sha256(one.name.encode()).digest())[:count]
    return [one for one in whole if one in drawn]


def main() -> None:
    """Run the benchmark and print it."""
    every = [*METHODS, OURS]
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", choices=sorted(SCENES), default="main", dest="which")
    parser.add_argument("--cases", type=int, metavar="N", help="a sample")
    parser.add_argument("--only", default="", metavar="WORD", help="in the name of the case")
    parser.add_argument("--methods", nargs="+", choices=every, default=every, metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure here")
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args()
    try:
        cases = CaseSet(options.data, options.which)
    except SoundsMissing as error:
        sys.exit(str(error))
    whole = [one for one in recipes(options.which) if options.only in one.name]
    chosen = sample(whole, options.cases or len(whole))
    if not chosen:
        sys.exit(f"No case has {options.only!r} in its name.")
    digest = cases.digest_of_recordings()
    figures: list[Figure] = []
    said: list[str] = []
    for number, recipe in enumerate(chosen):
        measured, sentences = judge(cases.make(recipe), options.methods)
        figures += measured
        said += sentences
        print(f"\r{number + 1} of {len(chosen)} cases", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if options.json:
        kept = {"recordings": digest, "said": said, "figures": [asdict(one) for one in figures]}
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(f"{len(chosen)} cases of {options.which}, recordings and recipes sha256 {digest}\n")
    print(summary(figures) + "\n")
    print("SI-SDR of the target, dB:\n\n" + by_class(figures, lambda one: one.target_db) + "\n")
    print("Image error, dB:\n\n" + by_class(figures, lambda one: one.image_db) + "\n")
    print("\n".join(f"- {line}" for line in verdict(figures, OURS, (ORACLE,))))
    print("\n".join(f"- {line}" for line in said))


if __name__ == "__main__":
    main()
