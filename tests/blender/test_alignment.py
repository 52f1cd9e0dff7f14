"""Where stems come to lie, by a sample of the cases of `benchmarks/blender_alignment.py`."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.blender.headless import HERE, Module
from tests.media.making import Studio

pytestmark = pytest.mark.blender

RATES = {"23.976": (24, 1.001), "25": (25, 1.0), "29.97": (30, 1.001), "59.94": (60, 1.001)}
KINDS = ("mov", "mp4", "mkv")
LAST = 300


def cases(seed: int, studio: Studio) -> list[dict[str, Any]]:
    """One of every frame rate and kind of file, at odd places, of any rate and layout."""
    dice = random.Random(seed)
    made = []
    for rate, (fps, fps_base) in RATES.items():
        for kind in dice.sample(KINDS, 2):
            # Noise substitution sounds otherwise after every seek.
            options = () if kind == "mov" else ("-aac_pns", "0")
            source = studio.clip(
                kind,
                rate,
                sample_rate=dice.choice([44100, 48000]),
                channels=dice.choice([2, 6]),
                frames=LAST,
                options=options,
            )
            frames = dice.randrange(31, 99, 2)
            case = {"source": str(source.path), "fps": fps, "fps_base": fps_base, "handles": 0}
            case |= {"at": dice.randrange(1, 300, 2), "frames": frames, "process": False}
            made.append(case | {"trim": dice.randrange(1, LAST - 8 - frames, 2)})
    made[0]["process"] = True
    return made


@pytest.mark.parametrize("version", ["4.5", "5.2"])
def test_stems_lie_where_their_clip_was_heard(version: str, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    wanted = cases(seed, Studio(tmp_path))
    orders = tmp_path / "cases.json"
    orders.write_text(json.dumps(wanted), encoding="utf-8")
    command = [Module(version, tmp_path).python, HERE / "aligning.py", orders, tmp_path / "work"]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=100
    )

    found = [json.loads(row[7:]) for row in done.stdout.splitlines() if row.startswith("RESULT ")]
    assert len(found) == len(wanted), f"{done.returncode}\n{done.stderr[-4000:]}"
    for case, lies in zip(wanted, found, strict=True):
        print(case, lies)  # noqa: T201
        assert lies["samples_right"]
        assert lies["stem_to_file"] == 0
        assert lies["stem_to_file_db"] < -90
        assert lies["sum_db"] < -90
        assert abs(lies["stem_to_original"]) <= 1
        assert abs(lies["in_timeline"]) <= 1
