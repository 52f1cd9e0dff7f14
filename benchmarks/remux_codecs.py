"""Every codec that the shipped ffmpeg can make, copied into every container and read again.

    python benchmarks/remux_codecs.py

Beside the table in `stemmux.containers`: where the two do not agree, the last column names the
container, and the run ends with status 1.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import av
from tests.media.making import Studio, ffmpeg

from remux_matrix import head, line
from stemmux.bwf import WaveFormat
from stemmux.containers import CONTAINERS, Container, Wish, refuse
from stemmux.errors import ContainerRefused
from stemmux.probe import Media, probe

PICTURES = {
    "h264": ("libx264", "-bf", "0"),
    "hevc": ("libx265", "-x265-params", "log-level=none"),
    "av1": ("libsvtav1",),
    "vp9": ("libvpx-vp9",),
    "vp8": ("libvpx",),
    "mpeg2video": ("mpeg2video", "-g", "12", "-bf", "2"),
    "mpeg4": ("mpeg4",),
    "prores": ("prores_ks",),
    "dnxhd": ("dnxhd", "-profile:v", "dnxhr_lb", "-s", "256x144", "-pix_fmt", "yuv422p"),
    "mjpeg": ("mjpeg",),
    "ffv1": ("ffv1", "-level", "3"),
    "cfhd": ("cfhd", "-pix_fmt", "yuv422p10"),
    "dvvideo": ("dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p"),
    "jpeg2000": ("jpeg2000",),
    "qtrle": ("qtrle", "-pix_fmt", "rgb24"),
    "rawvideo": ("rawvideo", "-pix_fmt", "uyvy422"),
    "v210": ("v210",),
    "hap": ("hap",),
    "theora": ("libtheora",),
    "wmv1": ("wmv1",),
    "wmv2": ("wmv2",),
    "flv1": ("flv",),
    "msmpeg4v2": ("msmpeg4v2",),
    "msmpeg4v3": ("msmpeg4",),
    "huffyuv": ("huffyuv",),
    "utvideo": ("utvideo",),
}
PCM = (
    *("s16le", "s16be", "s24le", "s24be", "s32le", "f32le", "f32be", "f64le", "f64be"),
    *("u8", "s8", "mulaw", "alaw"),
)
#: What stemmux writes anew for MXF, sample for sample.
TURNED = {"pcm_s16be": "pcm_s16le", "pcm_s24be": "pcm_s24le"}
SOUNDS = {
    **{name: (name,) for name in ("aac", "ac3", "eac3", "alac", "flac", "tta", "wavpack", "mp2")},
    **{name: (name,) for name in ("wmav1", "wmav2", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt")},
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "vorbis": ("libvorbis",),
    "dts": ("dca", "-strict", "-2"),
    "truehd": ("truehd", "-strict", "-2"),
    **{f"pcm_{kind}": (f"pcm_{kind}",) for kind in PCM},
}
#: Files to make a codec in: the first that takes it.
HOMES = (".mov", ".mkv", ".avi", ".wav", ".wma", ".eac3")


def made(studio: Studio, letter: str, words: tuple[str, ...]) -> Path | None:
    """A short file of one codec."""
    for suffix in HOMES:
        out = studio.new(suffix)
        picture = ("-f", "lavfi", "-i", "testsrc=s=160x96:r=25:d=0.6")
        sound = ("-f", "lavfi", "-i", "anoisesrc=d=0.6:r=48000", "-ac", "2")
        try:
            ffmpeg(*(picture if letter == "v" else sound), f"-c:{letter}", *words, out)
            with av.open(str(out)) as file:
                next(file.decode(file.streams[0]))
        except Exception:  # whatever it is, the next kind of file is tried
            continue
        return out
    return None


def copied(studio: Studio, source: Path, letter: str, codec: str, container: Container) -> bool:
    """Whether ffmpeg copies it into the container, and PyAV decodes what came out."""
    out = studio.new(f".{container}")
    words: tuple[object, ...] = ("-i", source, "-c", "copy")
    if container == "mxf" and letter == "a":
        picture = ("-f", "lavfi", "-i", "testsrc=s=160x96:r=25:d=0.6", "-map", "1:v", "-map", "0:a")
        words = ("-i", source, *picture, "-c:v", "mpeg2video", "-c:a", TURNED.get(codec, "copy"))
    try:
        ffmpeg(*words, out)
        with av.open(str(out)) as file:
            stream = file.streams.video[0] if letter == "v" else file.streams.audio[0]
            return any(True for _ in file.decode(stream))
    except Exception:  # ffmpeg refuses, or PyAV cannot read it: either way it is no copy
        return False


def codecs(studio: Studio) -> int:
    """Print the table; gives the number of cells in which ours and ffmpeg do not agree."""
    faults = 0
    head(["codec", *CONTAINERS[:-1], "the table differs"])
    plain = probe(studio.clip("prores").path)
    for letter, kinds in (("v", PICTURES), ("a", SOUNDS)):
        for name, words in kinds.items():
            source = made(studio, letter, words)
            if source is None:
                line([name, "cannot be made", "", "", "", ""])
                continue
            able = [copied(studio, source, letter, name, one) for one in CONTAINERS[:-1]]
            said = [taken(plain, letter, name, one) for one in CONTAINERS[:-1]]
            differ = [one for one, a, b in zip(CONTAINERS, able, said, strict=False) if a != b]
            faults += len(differ)
            line([name, *("yes" if one else "no" for one in able), " ".join(differ)])
    return faults


def taken(media: Media, letter: str, codec: str, container: Container) -> bool:
    """Whether the table takes a clip with that codec."""
    video = dataclasses.replace(media.picture(), codec=codec if letter == "v" else "mpeg2video")
    audio = media.audio[0]
    if letter == "a":
        audio = dataclasses.replace(audio, codec=codec)
    wish = Wish(
        dataclasses.replace(media, video=video, audio=(audio,)),
        [WaveFormat(48_000, 2, "s24")],
        own_sound=letter == "a",
    )
    try:
        refuse(wish, container)
    except ContainerRefused:
        return False
    return True


def main() -> None:
    """Make the table."""
    with tempfile.TemporaryDirectory(prefix="remux-codecs-") as name:
        sys.exit(1 if codecs(Studio(Path(name))) else 0)


if __name__ == "__main__":
    main()
