"""Debian's melt (MLT), asked for the sound of a movie or of a timeline document.

In about two of a hundred runs on a busy machine melt 7.12 never ends, its consumer being gone
already, or ends well without having written anything. It is asked again then.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import soundfile
from tests.media.making import Sound

RATE = 48_000
#: How long melt may take, each time that it is asked (s); a second is what it needs by itself.
_PATIENCE = (8, 15, 30, 30, 30)
_OPTIONS = ("vn=1", "acodec=pcm_s24le", f"ar={RATE}", "channels=2", "real_time=-1")


def played(what: Path, out: Path, *words: str) -> Sound | None:
    """What melt plays: samples by two channels at 48 kHz; None where it cannot, or will not.

    `words` say more about what is played, such as which stream is heard. `out` is written anew.
    """
    command = ["melt", str(what), *words, "-consumer", f"avformat:{out}", *_OPTIONS]
    for patience in _PATIENCE:
        out.unlink(missing_ok=True)
        try:
            done = subprocess.run(
                command,
                timeout=patience,
                check=False,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except subprocess.TimeoutExpired:
            continue
        if done.returncode:
            return None
        if (heard := _written(out)) is not None:
            return heard
    return None


def _written(out: Path) -> Sound | None:
    """The samples of a WAV file; None if it is not there, or has none."""
    try:
        heard, rate = soundfile.read(out, always_2d=True)
    except (OSError, soundfile.LibsndfileError):
        return None
    assert rate == RATE
    return heard if len(heard) else None
