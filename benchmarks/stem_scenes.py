"""Scenes for the stem cases: recordings as target and residual, placed in a channel layout.

This module must not know what becomes of the sound afterwards.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from debian_sounds import fetch

Samples = NDArray[np.float32]  # [frames] or [frames, channels]
Exact = NDArray[np.float64]

# The frozen parameters, see stem_cases.
SEED = "soundmatte stem cases 1"
RATE_HZ = 48_000
MIX_DBFS = -23.0  # RMS of the mix over all channels, a programme's usual level
PEAK_LIMIT = 0.98  # a mix that would peak higher is turned down as a whole
VOICE_HIGH_PASS_HZ = 60.0  # some voices carry rumble; zero phase
PAUSE_SECONDS = 0.25  # between the utterances of a voice
SEAM_SECONDS = 0.02  # cross-fade where a recording is looped
PAN_DEGREES = (8.0, 32.0)  # from either side; 45 is the middle
MOVING = (40.0, 6.0, 10.0)  # degrees to either side of the middle, s of a whole swing from, to
SPACED = (0.2, 0.9, 1.0, 6.0)  # ms between the channels from, to; dB between them from, to
ROOM = (0.2, 0.5, 3.0, 9.0)  # RT60 in s from, to; direct over reflected sound in dB from, to
REFLECTIONS = (80, 0.003, 0.25)  # how many, the first and the last after the direct sound in s
SURROUND_DB = {"back": -4.0, "centre": -9.0, "low": -6.0}  # a bed all round, against its front
SURROUND_LOW_HZ = 120.0
BEHIND = (-4.0, 0.008)  # "5.1 left": the target at the back, dB and s against the front

SPEAKERS = ("FL", "FR", "FC", "LFE", "BL", "BR")
# Each speaker's share in the mono that is sent (ITU-R BS.775), before they are brought to a sum
# of 1: what `stemmux.extract` does, frozen here.
MONO_SHARES = {"FL": 0.7071, "FR": 0.7071, "FC": 1.0, "LFE": 0.0, "BL": 0.5, "BR": 0.5}

PACKAGES = ("alsa-utils", "pocketsphinx-testdata", "sonic-pi-samples")
_SENTENCE = "sense_and_sensibility_01_austen_64kb-{}.wav"
VOICES: dict[str, tuple[str, ...]] = {
    "names one": ("Front_Center.wav", "Rear_Left.wav", "Side_Right.wav", "Front_Left.wav"),
    "names two": ("Rear_Center.wav", "Front_Right.wav", "Side_Left.wav", "Rear_Right.wav"),
    "reading one": tuple(_SENTENCE.format(number) for number in ("0870", "0880", "0890")),
    "reading two": tuple(_SENTENCE.format(number) for number in ("0920", "0930")),
    "cards": ("002.wav", "003.wav", "004.wav", "005.wav"),
}
# Target, and what there is beside it, by name of voice or of recording (without its ending).
SCENES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "main": (
        ("names one", ("loop_garzul",)),
        ("reading one", ("loop_safari",)),
        ("names one", ("ambi_sauna",)),
        ("reading one", ("loop_amen_full",)),
        ("guit_em9", ("names one",)),
        ("names one", ("reading one",)),
        ("reading one", ("guit_em9",)),
        ("loop_amen_full", ("ambi_glass_hum",)),
        ("names one", ("loop_3d_printer",)),
        ("perc_bell", ("loop_safari",)),
        ("reading one", ("names one", "ambi_lunar_land")),
        ("mehackit_robot6", ("loop_garzul", "reading one")),
    ),
    "check": (
        ("reading two", ("loop_compus",)),
        ("cards", ("loop_mika",)),
        ("names two", ("vinyl_hiss",)),
        ("cards", ("loop_tabla",)),
        ("guit_e_fifths", ("reading two",)),
        ("cards", ("names two",)),
        ("names two", ("guit_e_fifths",)),
        ("loop_perc2", ("ambi_haunted_hum",)),
        ("reading two", ("loop_electric",)),
        ("perc_bell2", ("loop_compus",)),
        ("names two", ("cards", "ambi_dark_woosh")),
        ("vinyl_rewind", ("loop_mika", "cards")),
    ),
}
FROZEN = (
    *(SEED, RATE_HZ, MIX_DBFS, PEAK_LIMIT, VOICE_HIGH_PASS_HZ, PAUSE_SECONDS, SEAM_SECONDS),
    *(PAN_DEGREES, MOVING, SPACED, ROOM, REFLECTIONS, SURROUND_DB, SURROUND_LOW_HZ, BEHIND),
    *(SPEAKERS, MONO_SHARES, VOICES, SCENES),
)


@dataclass(frozen=True)
class Scene:
    """Who is heard over whom, and where.

    Attributes:
        key: what all draws of this scene start from.
        target, residual: names of voices or recordings; several sound at the same level.
        layout: see `images`.
        snr_db: target over residual, RMS over the clip and all channels, in dB.
        place: four numbers from 0 to 1 that say where in the layout.
    """

    key: str
    target: str
    residual: tuple[str, ...]
    layout: str
    snr_db: int
    place: tuple[float, ...]


def draw(key: str, low: float, high: float) -> float:
    """Return a number from `low` to `high` that only SEED and `key` decide."""
    picked = int.from_bytes(hashlib.sha256(f"{SEED}: {key}".encode()).digest()[:8], "big")
    return low + (high - low) * (picked / 2**64)


def noise(key: str) -> np.random.Generator:
    """Return a source of noise that only SEED and `key` decide."""
    seed = hashlib.sha256(f"{SEED}: noise: {key}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(seed[:16], "big")))


def mono_gains(speakers: tuple[str, ...], channels: int) -> list[float]:
    """Return each channel's share in the mono that is sent; they add up to 1."""
    shares = [MONO_SHARES[name] for name in speakers] or [1.0] * channels
    return [share / sum(shares) for share in shares]


class Sounds:
    """The recordings of one set as endless loops at 48 kHz."""

    def __init__(self, folder: Path, which: str) -> None:
        """Find or fetch them in `folder`; raises `SoundsMissing`."""
        names = {name for target, residual in SCENES[which] for name in (target, *residual)}
        self._parts = {name: VOICES.get(name, (f"{name}.flac",)) for name in sorted(names)}
        every = [part for parts in self._parts.values() for part in parts]
        self._files = fetch(folder, PACKAGES, every)
        self._loops: dict[str, Exact] = {}

    def paths(self) -> Iterator[Path]:
        """Give the recordings' files in a fixed order."""
        return (self._files[part] for parts in self._parts.values() for part in parts)

    def mono(self, name: str, key: str, frames: int) -> Exact:
        """Read one channel, [frames], from where SEED and `key` say."""
        return self.native(name, key, frames)[:, 0]

    def native(self, name: str, key: str, frames: int) -> Exact:
        """The same with all channels of the recording, [frames, 1 or 2]."""
        loop = self._loop(name)
        start = int(draw(f"{key}: {name} from", 0.0, len(loop)))
        return np.take(loop, np.arange(start, start + frames), axis=0, mode="wrap")

    def _loop(self, name: str) -> Exact:
        if name not in self._loops:
            pause = np.zeros((round(PAUSE_SECONDS * RATE_HZ), 1))
            if name in VOICES:
                parts = [part for one in self._parts[name] for part in (self._sound(one), pause)]
                self._loops[name] = _high_pass(np.concatenate(parts))
            else:
                self._loops[name] = _seamless(self._sound(self._parts[name][0]))
        return self._loops[name]

    def _sound(self, part: str) -> Exact:
        samples, rate = soundfile.read(self._files[part], dtype="float64", always_2d=True)
        resampled: Exact = soxr.resample(samples, rate, RATE_HZ, quality="VHQ")
        return resampled


def _seamless(sound: Exact) -> Exact:
    """Fade the end into the beginning, so that the sound repeats without a click."""
    seam = round(SEAM_SECONDS * RATE_HZ)
    rise = (np.arange(seam)[:, np.newaxis] + 0.5) / seam
    return np.concatenate([sound[:seam] * rise + sound[-seam:] * (1 - rise), sound[seam:-seam]])


def _high_pass(loop: Exact) -> Exact:
    hz = np.fft.rfftfreq(len(loop), 1 / RATE_HZ)[:, np.newaxis]
    gain = hz**4 / (hz**4 + VOICE_HIGH_PASS_HZ**4)
    return np.fft.irfft(np.fft.rfft(loop, axis=0) * gain, n=len(loop), axis=0)


def rms(samples: Exact) -> float:
    """Return the level over all samples and channels."""
    return float(np.sqrt(np.mean(np.square(samples))))


def images(sounds: Sounds, scene: Scene, frames: int) -> tuple[Samples, Samples, tuple[str, ...]]:
    """Make the true images of target and residual, and name the channels (of 5.1 alone).

    Layouts: "mono"; "centre", "panned", "left", "moving" (a mono target by amplitude over a bed
    with its recording's own two channels); "spaced" (both with a delay and a level between the
    channels); "room" (both in a room of reflections that differ between the channels); "5.1
    centre", "5.1 left" (target in the centre, or front and back left, the bed all round).
    """
    target = _target(sounds.mono(scene.target, f"{scene.key} target", frames), scene)
    bed = _bed(sounds, scene, frames)
    bed *= rms(target) / rms(bed) / 10 ** (scene.snr_db / 20)
    level = 10 ** (MIX_DBFS / 20) / rms(target + bed)
    level = min(level, PEAK_LIMIT / float(np.abs(target + bed).max()))
    speakers = SPEAKERS if target.shape[1] == len(SPEAKERS) else ()
    return (target * level).astype(np.float32), (bed * level).astype(np.float32), speakers


def _target(sound: Exact, scene: Scene) -> Exact:
    first, second, third, _ = scene.place
    if scene.layout == "mono":
        return sound[:, np.newaxis]
    if scene.layout == "centre":
        return _panned(sound, 45.0)
    if scene.layout == "panned":
        degrees = _between(PAN_DEGREES, second)
        return _panned(sound, degrees if first < 0.5 else 90 - degrees)
    if scene.layout == "left":
        return _panned(sound, 0.0)
    if scene.layout == "moving":
        seconds = np.arange(len(sound)) / RATE_HZ
        turn = 2 * np.pi * (seconds / _between(MOVING[1:], first) + second)
        return _panned(sound, 45.0 + MOVING[0] * np.sin(turn))
    if scene.layout == "spaced":
        return _spaced(sound, second, third, left=first < 0.5)
    if scene.layout == "room":
        return _in_room(sound, scene, "target")
    image = np.zeros((len(sound), len(SPEAKERS)))
    if scene.layout == "5.1 centre":
        image[:, SPEAKERS.index("FC")] = sound
        return image
    gain_db, late_s = BEHIND
    image[:, SPEAKERS.index("FL")] = sound
    behind = late(sound, late_s * RATE_HZ)
    image[:, SPEAKERS.index("BL")] = behind * 10 ** (gain_db / 20)
    return image


def _bed(sounds: Sounds, scene: Scene, frames: int) -> Exact:
    if scene.layout in ("mono", "spaced", "room"):
        parts = [sounds.mono(name, f"{scene.key} bed", frames) for name in scene.residual]
        sound = sum((part / rms(part) for part in parts), np.zeros(frames))
        first, second, third, _ = scene.place
        if scene.layout == "mono":
            return sound[:, np.newaxis]
        if scene.layout == "spaced":
            return _spaced(sound, 1 - third, 1 - second, left=first >= 0.5)
        return _in_room(sound, scene, "bed")
    front = _stereo(sounds, scene, "bed", frames)
    if not scene.layout.startswith("5.1"):
        return front
    back = _stereo(sounds, scene, "bed at the back", frames)
    middle, low = front.mean(1), _low(front.mean(1))
    gains = {name: 10 ** (gain_db / 20) for name, gain_db in SURROUND_DB.items()}
    # Between front and back, so that the centre is no mere sum of its neighbours.
    middle = late(middle, 0.003 * RATE_HZ) * gains["centre"]
    columns = (front, middle, low * gains["low"], back * gains["back"])
    return np.column_stack(columns)


def _stereo(sounds: Sounds, scene: Scene, key: str, frames: int) -> Exact:
    """The bed in two channels: its recordings' own, or, of a mono one, off the middle."""
    total = np.zeros((frames, 2))
    for name in scene.residual:
        sound = sounds.native(name, f"{scene.key} {key}", frames)
        if sound.shape[1] == 1:
            degrees = _between(PAN_DEGREES, scene.place[3])
            sound = _panned(sound[:, 0], 90 - degrees if scene.place[0] < 0.5 else degrees)
        total += sound / rms(sound)
    return total


def _between(span: tuple[float, ...], share: float) -> float:
    return span[0] + (span[1] - span[0]) * share


def _panned(sound: Exact, degrees: float | Exact) -> Exact:
    angle = np.broadcast_to(np.radians(degrees), sound.shape)
    return np.column_stack([sound * np.cos(angle), sound * np.sin(angle)])


def _spaced(sound: Exact, delay: float, level: float, *, left: bool) -> Exact:
    far = late(sound, _between(SPACED[:2], delay) * RATE_HZ / 1000)
    far *= 10 ** (-_between(SPACED[2:], level) / 20)
    return np.column_stack([sound, far] if left else [far, sound])


def _in_room(sound: Exact, scene: Scene, who: str) -> Exact:
    first, second, third, fourth = scene.place
    seconds, ratio_db = _between(ROOM[:2], third), _between(ROOM[2:], fourth)
    left = (first < 0.5) == (who == "target")
    direct = _spaced(sound, second, second, left=left)
    count, begin, end = REFLECTIONS
    channels = []
    for channel in range(2):
        random = noise(f"{scene.key} {who} room {channel}")
        after = begin * (end / begin) ** random.random(count)
        heights = np.where(random.random(count) < 0.5, -1.0, 1.0) * 10 ** (-3 * after / seconds)
        response = np.zeros(round(end * RATE_HZ) + 1)
        np.add.at(response, np.round(after * RATE_HZ).astype(int), heights)
        response /= math.sqrt(float(np.sum(response * response))) * 10 ** (ratio_db / 20)
        channels.append(_convolved(sound, response))
    return direct + np.column_stack(channels)


def _convolved(sound: Exact, response: Exact) -> Exact:
    size = 1 << (len(sound) + len(response)).bit_length()
    both = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.fft.irfft(both, size)[: len(sound)]


def _low(sound: Exact) -> Exact:
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    return np.fft.irfft(np.fft.rfft(sound) / (1 + (hz / SURROUND_LOW_HZ) ** 8), len(sound))


def late(sound: Exact, samples: float) -> Exact:
    """Shift a sound, between samples too; what leaves is lost, silence comes in."""
    room = 1024 + math.ceil(abs(samples))
    size = 1 << (len(sound) + 2 * room).bit_length()
    hz = np.fft.rfftfreq(size)
    shifted = np.fft.rfft(sound, size) * np.exp(-2j * np.pi * hz * samples)
    return np.fft.irfft(shifted, size)[: len(sound)]
