"""Where stems come to lie, by a sample of the cases of `benchmarks/blender_alignment.py`."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.blender.headless import HERE, Module
from tests.media.making import Source, Studio

pytestmark = [pytest.mark.blender, pytest.mark.timeout(300)]

RATES = {
    "23.976": (24, 1.001),
    "24": (24, 1.0),
    "25": (25, 1.0),
    "29.97": (30, 1.001),
    "59.94": (60, 1.001),
}
#: Kinds of clips, and what is asked of ffmpeg. Noise substitution sounds otherwise after each seek.
SOUNDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "PCM": ("mov", ()),
    "FLAC": ("mp4", ("-c:a", "flac", "-strict", "-2")),
    "AAC": ("mp4", ("-aac_pns", "0")),
}
LAST = 300


def case(source: Source, rate: str, dice: random.Random, handles: int = 0) -> dict[str, Any]:
    """A clip, trimmed by an odd number of frames at an odd place."""
    fps, fps_base = RATES[rate]
    frames = dice.randrange(31, 99, 2)
    made = {"source": str(source.path), "fps": fps, "fps_base": fps_base, "handles": handles}
    made |= {"at": dice.randrange(1, 300, 2), "frames": frames, "process": False}
    return made | {"trim": dice.randrange(handles + 1, LAST - 8 - frames - handles, 2)}


def measured(version: str, folder: Path, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a Blender's mixdowns say of every case."""
    orders = folder / "cases.json"
    orders.write_text(json.dumps(wanted), encoding="utf-8")
    command = [Module(version, folder).python, HERE / "aligning.py", orders, folder / "work"]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=280
    )
    found = [json.loads(row[7:]) for row in done.stdout.splitlines() if row.startswith("RESULT ")]
    assert len(found) == len(wanted), f"{done.returncode}\n{done.stderr[-4000:]}"
    for one, lies in zip(wanted, found, strict=True):
        print(one, lies)  # noqa: T201
        assert lies["samples_right"]
    return found


@pytest.mark.parametrize("version", ["4.5", "5.2"])
def test_stems_lie_where_their_clip_was_heard(
    version: str, tmp_path: Path, dice: random.Random
) -> None:
    studio = Studio(tmp_path)
    wanted = []
    for rate in RATES:
        for sound in dice.sample(sorted(SOUNDS), 2):
            kind, options = SOUNDS[sound]
            hertz, channels = dice.choice([44100, 48000]), dice.choice([2, 6])
            source = studio.clip(
                kind, rate, sample_rate=hertz, channels=channels, frames=LAST, options=options
            )
            wanted.append(case(source, rate, dice))
    wanted[0]["process"] = True

    for lies in measured(version, tmp_path, wanted):
        assert lies["stem_to_file"] == 0
        assert lies["stem_to_file_db"] < -90
        assert lies["sum_db"] < -90
        assert abs(lies["stem_to_original"]) <= 1
        assert abs(lies["in_timeline"]) <= 1


@pytest.mark.parametrize("version", ["4.5", "5.2"])
def test_handles_change_nothing_of_where_stems_lie(
    version: str, tmp_path: Path, dice: random.Random
) -> None:
    """Out of Matroska Blender plays a strip from the next packet on, wherever it begins."""
    studio = Studio(tmp_path)
    wanted = []
    for kind, options in (("mov", ()), ("mkv", ("-aac_pns", "0")), ("mkv", ("-c:a", "flac"))):
        hertz = dice.choice([44100, 48000])
        source = studio.clip(kind, sample_rate=hertz, frames=LAST, options=options)
        wanted += [case(source, "25", dice, handles) for handles in (0, 5)]

    for lies in measured(version, tmp_path, wanted):
        assert abs(lies["stem_to_file"]) <= 1
        assert abs(lies["stem_to_original"]) <= 1
        assert abs(lies["in_timeline"]) <= 1
