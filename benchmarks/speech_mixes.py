"""The speech mix set: recorded voices over recorded beds, with both parts known exactly.

Everything that decides what the set sounds like is a constant at the top of this module. The
recordings come out of three Debian packages, which `apt-get download` fetches into a cache folder;
nothing is installed. As a script, this prints the set's digests and its clips:

    python benchmarks/speech_mixes.py [--data DIR] [--write DIR]
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
import soxr
from numpy.typing import NDArray

from debian_sounds import SoundsMissing, default_folder, fetch

Samples = NDArray[np.float32]  # [frames] or [frames, channels]
Exact = NDArray[np.float64]

# The frozen parameters. Changing one makes another set: its figures compare with no others.
SEED = "soundmatte speech mixes 1"
SECONDS = 8
RATE_HZ = 48_000
SNRS_DB = (-5, 0, 5)  # voice over bed, both as RMS over the whole clip
MIX_DBFS = -23.0  # RMS of the mix, a programme's usual level
PEAK_LIMIT = 0.98  # a mix that would peak higher is turned down as a whole
VOICE_HIGH_PASS_HZ = 60.0  # some voices carry rumble; zero phase, 24 dB per octave
PAUSE_SECONDS = 0.25  # between the utterances of a voice
SEAM_SECONDS = 0.02  # cross-fade where a bed is looped

PACKAGES = ("alsa-utils", "pocketsphinx-testdata", "sonic-pi-samples")
VOICES: dict[str, tuple[str, ...]] = {
    "names": (  # spoken channel names, 48 kHz
        *("Front_Center.wav", "Rear_Left.wav", "Side_Right.wav", "Front_Left.wav"),
        *("Rear_Center.wav", "Front_Right.wav", "Side_Left.wav", "Rear_Right.wav"),
    ),
    "reading": tuple(  # LibriVox sentences, 16 kHz
        f"sense_and_sensibility_01_austen_64kb-{number}.wav"
        for number in ("0870", "0880", "0890", "0920", "0930")
    ),
}
BEDS: dict[str, tuple[str, ...]] = {
    "music": ("loop_garzul", "loop_mika", "loop_safari", "loop_compus"),
    "instrument": ("guit_em9", "guit_e_fifths", "ambi_glass_hum"),
    "drums": ("loop_amen_full", "loop_tabla", "loop_perc1"),
    "noise": ("vinyl_hiss", "ambi_sauna", "vinyl_rewind"),
    "machine": ("loop_3d_printer", "mehackit_robot6", "loop_electric"),
}
# A group of their own: two channels, the voice in the middle at 48 kHz or left of it at 44.1 kHz.
STEREO_BEDS = ("loop_compus", "loop_safari", "guit_em9", "loop_perc1", "vinyl_hiss", "ambi_sauna")
STEREO_SNR_DB = 0
STEREO_VARIANTS = (("centre", RATE_HZ, (1.0, 1.0)), ("left", 44_100, (1.0, 0.5)))


@dataclass(frozen=True)
class Recipe:
    """One clip before it is made.

    Attributes:
        name, group: as in `Mix`.
        voice: key of `VOICES`.
        bed: file name in `BEDS`, without its ending.
        snr_db: voice over bed in dB.
        rate: samples per second.
        pan: the voice's gain on each channel; one value makes a mono clip.
    """

    name: str
    group: str
    voice: str
    bed: str
    snr_db: int
    rate: int = RATE_HZ
    pan: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Mix:
    """One clip: `mix` is `speech` + `bed`, added in 32-bit float.

    Attributes:
        name: unique in the set.
        group: the bed's kind, or "stereo".
        snr_db: RMS of the speech over RMS of the bed, in dB.
        rate: samples per second.
        speech: the target, [frames] or [frames, channels], full scale is 1; the others alike.
        bed: the true residual.
        mix: what an engine is given.
    """

    name: str
    group: str
    snr_db: int
    rate: int
    speech: Samples
    bed: Samples
    mix: Samples


def recipes() -> tuple[Recipe, ...]:
    """Return the whole set in its fixed order: 96 mono clips, then 12 stereo clips."""
    mono = [
        Recipe(f"{voice}+{bed}{snr:+d}", group, voice, bed, snr)
        for group, beds in BEDS.items()
        for bed in beds
        for voice in VOICES
        for snr in SNRS_DB
    ]
    voices = tuple(VOICES)
    stereo = [
        Recipe(f"{voice}+{bed}-{where}", "stereo", voice, bed, STEREO_SNR_DB, rate, pan)
        for index, bed in enumerate(STEREO_BEDS)
        for variant, (where, rate, pan) in enumerate(STEREO_VARIANTS)
        for voice in (voices[(index + variant) % len(voices)],)
    ]
    return (*mono, *stereo)


def file_names() -> tuple[str, ...]:
    """Return the names of the recordings, voices first."""
    voices = (name for names in VOICES.values() for name in names)
    beds = (f"{name}.flac" for names in BEDS.values() for name in names)
    return (*voices, *beds)


class MixSet:
    """The recordings, and the clips made of them one at a time."""

    def __init__(self, folder: Path) -> None:
        """Find or fetch the recordings in `folder`; raises `SoundsMissing`."""
        self._files = fetch(folder, PACKAGES, file_names())
        self._loops: dict[tuple[str, int, bool], Exact] = {}

    def __iter__(self) -> Iterator[Mix]:
        """Make the clips of the whole set, in its order."""
        return (self.make(recipe) for recipe in recipes())

    def make(self, recipe: Recipe) -> Mix:
        """Make one clip; the same recipe gives the same samples every time."""
        frames = SECONDS * recipe.rate
        voice = _read(self._voice(recipe.voice, recipe.rate), f"{recipe.name} voice", frames)
        bed = _read(self._bed(recipe), f"{recipe.name} bed", frames)
        if len(recipe.pan) > 1:
            voice = voice * np.asarray(recipe.pan)
        else:
            voice = voice[:, 0]
            bed = bed[:, 0]
        bed = bed * (_rms(voice) / _rms(bed) / 10 ** (recipe.snr_db / 20))
        level = 10 ** (MIX_DBFS / 20) / _rms(voice + bed)
        level = min(level, PEAK_LIMIT / float(np.abs(voice + bed).max()))
        speech, rest = (voice * level).astype(np.float32), (bed * level).astype(np.float32)
        about = (recipe.name, recipe.group, recipe.snr_db, recipe.rate)
        return Mix(*about, speech, rest, speech + rest)

    def digest_of_recordings(self) -> str:
        """Return the SHA-256 over the recordings' bytes and the recipes: the same everywhere."""
        frozen = (SEED, SECONDS, MIX_DBFS, PEAK_LIMIT, VOICE_HIGH_PASS_HZ, PAUSE_SECONDS)
        total = hashlib.sha256(repr((frozen, SEAM_SECONDS, VOICES, recipes())).encode())
        for name in file_names():
            total.update(self._files[name].read_bytes())
        return total.hexdigest()

    def _voice(self, voice: str, rate: int) -> Exact:
        key = (voice, rate, False)
        if key not in self._loops:
            pause = np.zeros((round(PAUSE_SECONDS * rate), 1))
            spoken = [self._sound(name, rate).mean(1, keepdims=True) for name in VOICES[voice]]
            joined = np.concatenate([part for one in spoken for part in (one, pause)])
            self._loops[key] = _high_pass(joined, VOICE_HIGH_PASS_HZ, rate)
        return self._loops[key]

    def _bed(self, recipe: Recipe) -> Exact:
        stereo = len(recipe.pan) > 1
        key = (recipe.bed, recipe.rate, stereo)
        if key not in self._loops:
            sound = self._sound(f"{recipe.bed}.flac", recipe.rate)
            sound = sound if stereo else sound.mean(1, keepdims=True)
            self._loops[key] = _loop(sound, round(SEAM_SECONDS * recipe.rate))
        return self._loops[key]

    def _sound(self, name: str, rate: int) -> Exact:
        samples, own_rate = soundfile.read(self._files[name], dtype="float64", always_2d=True)
        resampled: Exact = soxr.resample(samples, own_rate, rate, quality="VHQ")
        return resampled


def digest_of_samples(mixes: Iterator[Mix]) -> str:
    """Return the SHA-256 over every sample; depends on the builds of numpy and soxr."""
    total = hashlib.sha256()
    for mix in mixes:
        for part in (mix.speech, mix.bed, mix.mix):
            total.update(part.astype("<f4").tobytes())
    return total.hexdigest()


def _rms(samples: Exact) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def _read(loop: Exact, draw: str, frames: int) -> Exact:
    """Read on in an endless loop, from the offset that SEED and `draw` pick."""
    picked = int.from_bytes(hashlib.sha256(f"{SEED}: {draw}".encode()).digest()[:8], "big")
    return np.take(loop, np.arange(frames) + picked % len(loop), axis=0, mode="wrap")


def _loop(sound: Exact, seam: int) -> Exact:
    """Fade the last `seam` frames into the first, so that the sound repeats without a click."""
    rise = ((np.arange(seam) + 0.5) / seam)[:, np.newaxis]
    head = sound[:seam] * rise + sound[-seam:] * (1 - rise)
    return np.concatenate([head, sound[seam:-seam]])


def _high_pass(loop: Exact, corner_hz: float, rate: int) -> Exact:
    """Filter a loop round its seam with the squared response of a second-order Butterworth."""
    hz = np.fft.rfftfreq(len(loop), 1 / rate)[:, np.newaxis]
    gain = hz**4 / (hz**4 + corner_hz**4)
    return np.fft.irfft(np.fft.rfft(loop, axis=0) * gain, n=len(loop), axis=0)


def main() -> None:
    """Print the set's digests and its clips; with --write, write them as 32-bit float WAVs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the clips here")
    options = parser.parse_args()
    try:
        mixes = MixSet(options.data)
    except SoundsMissing as error:
        sys.exit(str(error))
    print(f"recordings and recipes  sha256 {mixes.digest_of_recordings()}")
    print(f"samples of {len(recipes())} clips    sha256 {digest_of_samples(iter(mixes))}")
    for mix in mixes:
        print(f"{mix.name:29} {mix.group:10} {mix.snr_db:+d} dB  {mix.rate} Hz")
        for part in ("speech", "bed", "mix") if options.write else ():
            options.write.mkdir(parents=True, exist_ok=True)
            path = options.write / f"{mix.name}.{part}.wav"
            soundfile.write(path, getattr(mix, part), mix.rate, subtype="FLOAT")


if __name__ == "__main__":
    main()
