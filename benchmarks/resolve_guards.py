"""Every guard against a pitfall of Resolve's API taken out, one after another: does a test see it?

    python benchmarks/resolve_guards.py [WORD …]

For each pitfall of `tests/resolve/pitfalls_*.py` (or those whose names hold a word) the scripts are
run twice against the fake: as they are, and a copy without the guard. Prints what went wrong
without it; the status is 1 if one holds without its guard, or does not hold with it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugin"), str(ROOT / "remux")]

from tests.media.making import Studio  # noqa: E402
from tests.resolve.driving import FakeResolve  # noqa: E402
from tests.resolve.pitfalls import Bench  # noqa: E402
from tests.resolve.pitfalls_placing import PLACING  # noqa: E402
from tests.resolve.pitfalls_reading import READING  # noqa: E402
from tests.resolve.pitfalls_rendering import RENDERING  # noqa: E402
from tests.resolve.stage import installed  # noqa: E402


def main(words: list[str]) -> int:
    """Run them, and count."""
    bad = count = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bench = Bench(FakeResolve(), Studio(folder), installed(folder / "scripts"))
        for number, pitfall in enumerate([*PLACING, *READING, *RENDERING]):
            if words and not any(word in str(pitfall) for word in words):
                continue
            count += 1
            kept = pitfall.holds(bench, folder / f"{number}-kept", guarded=True)
            gone = pitfall.holds(bench, folder / f"{number}-gone", guarded=False)
            bad += bool(kept) or not gone
            said = gone.strip().splitlines()[-1] if gone else "NOTHING WENT WRONG WITHOUT IT"
            print(f"{pitfall}\n    {said[:160]}" + (f"\n    WITH IT: {kept}" if kept else ""))
        bench.fake.close()
    print(f"{count} guards, {bad} of them not proven")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
