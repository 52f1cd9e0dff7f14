"""Does memory stay flat, and how fast is it, on a file of hours? Linux only: it reads /proc.

    python benchmarks/long_file.py [--hours H] [--scratch DIR] [--data DIR] [-- ARGUMENT ...]

Makes a stereo file of that length out of the speech mixes, separates it in a child process, and
follows the resident memory of the child's whole process tree. What follows `--` goes to the
command line as it stands.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import soundfile

from debian_sounds import SoundsMissing, default_folder
from speech_mixes import RATE_HZ, SECONDS, MixSet, recipes

SAMPLE_SECONDS = 0.5
EARLY = 0.1  # the share of the work whose peak is compared with that of the whole
CLIPS = 24  # different ones, one after the other, over and over
WAV_LIMIT_BYTES = 4_000_000_000  # beyond it, RF64
BYTES_PER_FRAME = 6  # two channels of 24 bits
MIB = 1 << 20
COMMAND = "from soundmatte.cli import main; main()"


@dataclass
class Child:
    """What the separating child said, and how much memory its tree held.

    Attributes:
        stage, fraction: its latest progress.
        said: its latest lines on stderr that were no progress.
        track: seconds since the start, resident bytes, stage and fraction, over time.
    """

    stage: str = ""
    fraction: float = 0.0
    said: list[str] = field(default_factory=list)
    track: list[tuple[float, int, str, float]] = field(default_factory=list)

    def listen(self, lines: IO[str]) -> None:
        """Read progress lines until there are no more."""
        for line in lines:
            try:
                event = json.loads(line)
                self.stage = str(event["stage"])
                self.fraction = float(event["fraction"])
            except (ValueError, KeyError, TypeError):
                self.said = [*self.said[-20:], line.rstrip()]


def write_long(path: Path, hours: float, mixes: MixSet) -> None:
    """Write the file: 48 kHz, 24 bit, two channels that differ."""
    whole = recipes()
    mono = [one for one in whole if one.group != "stereo"]
    chosen = [mono[index * len(mono) // CLIPS] for index in range(CLIPS)]
    clips = [mixes.make(replace(one, pan=(1.0, 1.0))).mix for one in chosen]
    frames = round(hours * 3600 * RATE_HZ)
    form = "RF64" if frames * BYTES_PER_FRAME > WAV_LIMIT_BYTES else "WAV"
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, subtype="PCM_24", format=form) as file:
        for start in range(0, frames, SECONDS * RATE_HZ):
            file.write(clips[start // (SECONDS * RATE_HZ) % CLIPS][: frames - start])


def resident_bytes(root: int) -> int:
    """Return the resident memory of a process and all its descendants."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:  # the fields after the name, which may hold spaces and brackets
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            parents[int(entry.name)] = int(fields[1])
            pages[int(entry.name)] = int(fields[21])
    tree = {root}
    while grown := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return sum(pages.get(pid, 0) for pid in tree) * os.sysconf("SC_PAGE_SIZE")


def separate(source: Path, folder: Path, extra: Sequence[str]) -> tuple[Child, float, int]:
    """Separate the file in a child; return what was seen, wall seconds and the exit status."""
    command = [sys.executable, "-c", COMMAND, "separate", str(source), "-o", str(folder)]
    command += ["--json", "--progress", "json", *extra]
    child = Child()
    started = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        listener = threading.Thread(target=child.listen, args=(process.stderr,))
        listener.start()
        while process.poll() is None:
            held = resident_bytes(process.pid)
            seen = (time.monotonic() - started, held, child.stage, child.fraction)
            child.track.append(seen)
            time.sleep(SAMPLE_SECONDS)
        wall_s = time.monotonic() - started
        listener.join()
    return child, wall_s, process.returncode


def report(child: Child, wall_s: float, hours: float) -> str:
    """Return the figures as Markdown: the whole, then each stage up to 10 % of it and to its end.

    "10 % of the work" is reached when the stage that takes longest has done that share of itself.
    """
    stages = list(dict.fromkeys(stage for _, _, stage, _ in child.track))
    taken = {stage: sum(1 for seen in child.track if seen[2] == stage) for stage in stages}
    longest = max(taken, key=lambda stage: taken[stage])
    reached = max(
        (at for at, _, stage, done in child.track if stage == longest and done <= EARLY),
        default=0.0,
    )
    early = max((held for at, held, _, _ in child.track if at <= reached), default=0)
    peak = max(held for _, held, _, _ in child.track)
    lines = [
        f"{hours:g} h of stereo at 48 kHz in {wall_s:.0f} s: {hours * 3600 / wall_s:.1f} "
        "times realtime",
        f"peak resident memory up to {EARLY:.0%} of the work: {early / MIB:.0f} MiB",
        f"peak resident memory up to the end: {peak / MIB:.0f} MiB "
        f"({peak / max(early, 1) - 1:+.1%})",
        "",
        f"| stage | seconds | peak MiB up to {EARLY:.0%} of it | peak MiB |",
        "|---|---|---|---|",
    ]
    for stage in stages:
        seen = [(held, done) for _, held, at, done in child.track if at == stage]
        first = max((held for held, done in seen if done <= EARLY), default=0)
        seconds = taken[stage] * wall_s / len(child.track)
        whole = max(held for held, _ in seen)
        lines.append(
            f"| {stage or 'start'} | {seconds:.0f} | {first / MIB:.0f} | {whole / MIB:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the file, separate it, print the figures, remove everything."""
    own = sys.argv[1:]
    extra = own[own.index("--") + 1 :] if "--" in own else []
    parser = argparse.ArgumentParser()
    parser.add_argument("--hours", type=float, default=2.0, metavar="H")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="room for three such files")
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    options = parser.parse_args(own[: own.index("--")] if "--" in own else own)
    try:
        mixes = MixSet(options.data)
    except SoundsMissing as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory(prefix="soundmatte-long-", dir=options.scratch) as scratch:
        source = Path(scratch, "long.wav")
        write_long(source, options.hours, mixes)
        child, wall_s, status = separate(source, Path(scratch, "stems"), extra)
        written = sum(path.stat().st_size for path in Path(scratch, "stems").rglob("*.*"))
    print(report(child, wall_s, options.hours))
    print(f"\n{written / MIB:.0f} MiB written, exit status {status}")
    if status:
        sys.exit("\n".join(child.said) or "the child failed without a word")


if __name__ == "__main__":
    main()
