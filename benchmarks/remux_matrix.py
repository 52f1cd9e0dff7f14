"""Stems into every kind of clip and container: what moves, by PyAV and numpy alone.

    python benchmarks/remux_matrix.py [--only WORD ...]

Prints one row for each clip, container and picture rate. The clips are made on the spot; the same
functions check a sample of the rows in `tests/media/test_mux.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.media.making import Studio
from tests.media.remuxing import MATRIX, Case, make

from stemmux.errors import StemmuxError

HEAD = (
    "| clip | into | fps | picture | stems, samples | own sound moved | stems against own sound |"
)


def row(studio: Studio, case: Case, folder: Path) -> str:
    """Return one line of the table."""
    start = f"| {case.kind} | {case.container} | {case.rate} |"
    try:
        _, _, found = make(studio, case, folder)
    except StemmuxError as error:
        return f"{start} refused: {error} | | | |"
    numbers = (found.stems, (found.original,), found.between)
    texts = (" ".join(f"{float(value):+.2f}" for value in values) for values in numbers)
    return f"{start} {found.picture} | {' | '.join(texts)} |"


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="words that a row's name must have")
    words = parser.parse_args().only
    print(HEAD)
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="remux-matrix-") as scratch:
        studio = Studio(Path(scratch))
        for number, case in enumerate(MATRIX):
            if all(word in str(case) for word in words):
                folder = Path(scratch) / f"case{number}"
                folder.mkdir()
                print(row(studio, case, folder), flush=True)


if __name__ == "__main__":
    main()
