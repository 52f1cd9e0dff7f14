"""Make the sentence that the demo's head speaks, with espeak-ng.

Run by a developer, seldom: the result is committed, so that the demo needs no speech program.

    apt-get install espeak-ng
    python docs/make_demo_speech.py plugin/soundmatte/demo/speech.flac

The words are our own, and the voice is synthesised by rule (no recording of a person).
"""

from __future__ import annotations

import argparse
import io
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

#: "mat" is how "matte" is said; the spelling helps the synthesiser only.
SENTENCE = "Hello! Draw a mat around me, and my voice gets a track of its own, clean and in sync."
RATE = 48000
PEAK = 0.7


def spoken(sentence: str) -> tuple[npt.NDArray[np.float64], int]:
    """Speak the sentence: mono samples in -1..1 and their rate in Hz."""
    command = ["espeak-ng", "-v", "en-gb-x-rp", "-s", "172", "-p", "42", "--stdout", sentence]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    # espeak-ng writes its header before it knows the length; libsndfile copes with that.
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float64")
    return samples, int(rate)


def trimmed(samples: npt.NDArray[np.float64], margin: int) -> npt.NDArray[np.float64]:
    """Cut the silence at both ends down to `margin` samples, faded."""
    heard = np.flatnonzero(np.abs(samples) > 0.01)
    first, last = max(0, heard[0] - margin), min(len(samples), heard[-1] + margin)
    cut = samples[first:last].copy()
    ramp = np.linspace(0.0, 1.0, margin // 2)
    cut[: len(ramp)] *= ramp
    cut[-len(ramp) :] *= ramp[::-1]
    return cut


def main() -> None:
    """Write the file named on the command line."""
    parser = argparse.ArgumentParser(description="Make the demo's sentence with espeak-ng.")
    parser.add_argument("output", type=Path)
    output: Path = parser.parse_args().output
    samples, rate = spoken(SENTENCE)
    speech = soxr.resample(trimmed(samples, rate // 25), rate, RATE, quality="VHQ")
    speech *= PEAK / np.abs(speech).max()
    soundfile.write(output, speech, RATE, format="FLAC", subtype="PCM_16")
    print(f"{output}: {len(speech) / RATE:.2f} s, {output.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
