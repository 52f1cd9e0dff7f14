"""Clips that carry everything a container can hold, and a reader of it that is not stemmux's.

Also run by benchmarks/, for the table of what survives.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from tests.media.making import H264, Studio, ffmpeg, first_picture, noise

from stemmux.containers import Fact

FRAMES = 45
_SRT = "1\n00:00:00,200 --> 00:00:00,700\nHello there\n\n2\n00:00:00,900 --> 00:00:01,300\nDöner\n"
_SCC = "Scenarist_SCC V1.0\n\n00:00:00:05\t9420 94ae 9470 c8e5 ecec ef80 942c 942f\n\n"
_META = """;FFMETADATA1
title=Take 7
comment=in the rain
artist=A. Recordist
date=2024-05-06
[CHAPTER]
TIMEBASE=1/1000
START=0
END=700
title=Eins
[CHAPTER]
TIMEBASE=1/1000
START=700
END=1500
title=Zwei é
"""
_HDR = (
    *("-mastering_display", "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"),
    *("-content_light", "1000,400"),
)
_BT2020 = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
_NAMES = (
    *("-metadata:s:v:0", "handler_name=Main", "-metadata:s:a:0", "handler_name=Lav"),
    *("-metadata:s:a:0", "title=Lav", "-metadata:s:a:1", "title=Boom"),
    *("-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=fin"),
    *("-metadata:s:a:1", "handler_name=Boom", "-disposition:a:0", "default"),
    *("-disposition:a:1", "comment", "-metadata", "creation_time=2024-05-06T07:08:09Z"),
)
_TIMECODE = "10:00:00;04"
#: What each source is made of: its picture, and the codec of its sound.
RICH = {
    "mov": ("h264", "pcm_s24le"),
    "mp4": ("h264", "aac"),
    "mkv": ("h264", "aac"),
    "prores": ("prores", "pcm_s24le"),
    "mxf": ("prores", "pcm_s24le"),
}


def rich(studio: Studio, kind: str) -> Path:
    """A clip of 1.5 s at 29.97 fps with all that its kind of file can carry."""
    picture, sound = RICH[kind]
    out = studio.new(".mov" if kind == "prores" else f".{kind}")
    words: list[object] = []
    if kind != "mxf":
        words += ["-display_rotation", -90]
    words += [*_HDR, "-i", _picture(studio, picture)]
    for seed, channels in ((1, 2), (2, 4)):
        wave = studio.wave(noise(seed, FRAMES * 1602, channels), subtype="PCM_24")
        # In WAV, four channels have no places unless somebody says so.
        words += ["-channel_layout", "quad" if channels == 4 else "stereo", "-i", wave]
    maps: list[object] = ["-map", 0, "-map", 1, "-map", 2]
    if kind == "mxf":
        words += [*maps, "-c:v", "copy", "-c:a", sound, "-timecode", _TIMECODE]
        ffmpeg(*words, "-color_range", "tv", out)
        return out
    texts = {name: studio.new(name) for name in (".srt", ".scc", ".meta")}
    for name, text in ((".srt", _SRT), (".scc", _SCC), (".meta", _META)):
        texts[name].write_text(text, encoding="utf-8")
    words += ["-i", texts[".srt"], "-f", "ffmetadata", "-i", texts[".meta"]]
    maps += ["-map", 3, "-map_metadata", 4, "-map_chapters", 4]
    after: list[object] = ["-c", "copy", "-c:a", sound, "-b:a", "512k", *_NAMES]
    after += ["-metadata:s:s:0", "language=fra", "-metadata:s:s:0", "handler_name=Untertitel"]
    after += ["-metadata:s:s:0", "title=Untertitel", "-disposition:s:0", 0]
    extra = EXTRAS[kind](studio, texts)
    ffmpeg(*words, *extra[0], *maps, *extra[1], *after, *extra[2], out)
    return out


def _picture(studio: Studio, kind: str) -> Path:
    out = studio.new(".mov")
    codec = H264 if kind == "h264" else ("-c:v", "prores_ks", "-profile:v", "0")
    ffmpeg("-i", studio.picture("29.97", FRAMES), "-vf", _BT2020, *codec, out)
    return out


def _gopro(studio: Studio) -> Path:
    """A file with one packet of timed data, as cameras write it."""
    payload, out = studio.new(".bin"), studio.new(".mov")
    payload.write_bytes(b"DEVC" + bytes(28))
    picture = studio.picture("29.97", FRAMES)
    data = ("-f", "data", "-i", payload, "-map", 0, "-map", 1, "-tag:d", "gpmd")
    ffmpeg("-i", picture, *data, "-c", "copy", "-bsf:d", "setts=duration=90000", out)
    return out


def _still(studio: Studio) -> Path:
    out = studio.new(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:s=16x16", "-frames:v", 1, out)
    return out


Words = tuple[list[object], list[object], list[object]]


def _of_mov(studio: Studio, texts: dict[str, Path]) -> Words:
    second = studio.picture("29.97", FRAMES)
    inputs: list[object] = ["-i", second, "-i", texts[".scc"], "-i", _gopro(studio)]
    maps: list[object] = ["-map", 5, "-map", 6, "-map", "7:1"]
    return inputs, maps, ["-c:s:0", "mov_text", "-timecode", _TIMECODE]


def _of_mp4(studio: Studio, texts: dict[str, Path]) -> Words:
    second = studio.picture("29.97", FRAMES)
    inputs: list[object] = ["-i", second, "-i", _gopro(studio), "-i", _still(studio)]
    maps: list[object] = ["-map", 5, "-map", "6:1", "-map", 7]
    after = ["-c:s:0", "mov_text", "-timecode", _TIMECODE, "-disposition:v:2", "attached_pic"]
    return inputs, maps, after


def bitmaps(studio: Studio) -> Path:
    """A subtitle of 8 × 2 pixels on a Blu-ray disc, shown from 0.5 to 1 s."""
    line = bytes([0, 0x88, 1, 0, 0])
    picture = struct.pack(">HBB", 0, 0, 0xC0) + (4 + 2 * len(line)).to_bytes(3, "big")
    picture += struct.pack(">HH", 8, 2) + 2 * line
    window = (0x17, struct.pack(">BBHHHH", 1, 0, 20, 20, 8, 2))
    colours = (0x14, bytes([0, 0, 1, 200, 128, 128, 255]))
    screen = struct.pack(">HHBHBBBB", 160, 90, 0x10, 0, 0x80, 0, 0, 1)
    shown = (0x16, screen + struct.pack(">HBBHH", 0, 0, 0, 20, 20))
    empty = (0x16, struct.pack(">HHBHBBBB", 160, 90, 0x10, 1, 0, 0, 0, 0))
    out = studio.new(".sup")
    with out.open("wb") as file:
        for time, segments in (
            (45_000, (shown, window, colours, (0x15, picture), (0x80, b""))),
            (90_000, (empty, window, (0x80, b""))),
        ):
            for kind, data in segments:
                file.write(b"PG" + struct.pack(">IIBH", time, 0, kind, len(data)) + data)
    return out


def _of_mkv(studio: Studio, texts: dict[str, Path]) -> Words:
    second = studio.picture("29.97", FRAMES)
    after: list[object] = ["-c:s:0", "subrip", "-metadata:s:v:0", f"timecode={_TIMECODE}"]
    after += ["-attach", texts[".scc"], "-metadata:s:t:0", "mimetype=text/plain"]
    after += ["-metadata:s:t:0", "filename=notes.txt"]
    after += ["-attach", _still(studio), "-metadata:s:t:1", "mimetype=image/png"]
    after += ["-metadata:s:t:1", "filename=cover.png"]
    return ["-i", second, "-i", bitmaps(studio)], ["-map", 5, "-map", 6], after


def _of_prores(studio: Studio, texts: dict[str, Path]) -> Words:
    """As a telephone writes it, with tags of names of its own."""
    tags = ["-metadata", "com.apple.quicktime.model=Telephone", "-movflags", "use_metadata_tags"]
    return [], [], ["-c:s:0", "mov_text", "-timecode", _TIMECODE, *tags]


EXTRAS: dict[str, Callable[[Studio, dict[str, Path]], Words]] = {
    "mov": _of_mov,
    "mp4": _of_mp4,
    "mkv": _of_mkv,
    "prores": _of_prores,
}
_TEXTS = ("mov_text", "subrip", "ass", "webvtt")
_TAGS = ("title", "comment", "artist", "date", "com.apple.quicktime.model")


def carried(path: Path, sounds: int = 2) -> dict[Fact, Any]:
    """What a file carries, by PyAV alone; of its sound tracks the first `sounds`."""
    origin = first_picture(path)
    with av.open(str(path)) as file:
        tags = {name.lower(): value for name, value in file.metadata.items()}
        flags = av.stream.Disposition
        moving = [one for one in file.streams.video if not one.disposition & flags.attached_pic]
        heard = list(file.streams.audio)[:sounds]
        texts = [one for one in file.streams.subtitles if _coded(one) in _TEXTS]
        named = [*moving, *heard, *texts]
        first = moving[0].codec_context
        colour = (first.color_primaries, first.color_trc, first.colorspace, first.color_range)
        found: dict[Fact, Any] = {
            "tags": {name: tags[name] for name in _TAGS if name in tags},
            "creation time": tags.get("creation_time", "")[:19].replace(" ", "T"),
            "track titles": [_title(one) for one in named],
            "languages": [one.metadata.get("language", "und").replace("und", "") for one in heard],
            "default track": [bool(one.disposition & flags.default) for one in heard],
            "track roles": [bool(one.disposition & flags.comment) for one in heard],
            "channel layouts": [
                "" if one.layout.name.endswith("channels") else one.layout.name for one in heard
            ],
            "timecode": next((_timecode(s) for s in (*moving, file) if _timecode(s)), ""),
            "chapters": _chapters(file.chapters(), origin),
            "colour tags": colour if colour[0] not in (0, 2) else None,
            "attachments": [_hash(s.data) for s in file.streams.attachments],
            "cover": [],
        }
        indexes = [one.index for one in file.streams if one.type != "attachment"]
    found |= _packets(path, indexes)
    return {fact: value for fact, value in found.items() if _something(value)} | _seen(path)


def _something(value: object) -> bool:
    return any(value) if isinstance(value, list) else bool(value)


def _coded(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def _title(stream: Any) -> str:
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    title = str(tags.get("title") or tags.get("name") or tags.get("handler_name", ""))
    return "" if "Handler" in title else title


def _timecode(place: Any) -> str:
    return {name.lower(): value for name, value in place.metadata.items()}.get("timecode", "")


def _chapters(found: Any, origin: Fraction) -> list[tuple[float, str]]:
    return [
        (round(float(one["start"] * one["time_base"] - origin), 2), one["metadata"]["title"])
        for one in found
    ]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _packets(path: Path, indexes: list[int]) -> dict[Fact, Any]:
    """What lies in packets: further pictures, subtitles, captions, data, covers."""
    further: dict[int, Any] = {}
    kinds: tuple[Fact, ...] = (
        *("text subtitles", "picture subtitles", "caption tracks", "timed data"),
    )
    found: dict[Fact, Any] = {kind: [] for kind in kinds}
    covers: list[str] = []
    with av.open(str(path)) as file:
        pictures = 0
        for stream in file.streams:
            if stream.type == "video" and stream.disposition & av.stream.Disposition.attached_pic:
                further[stream.index] = covers
            elif stream.type == "video":
                pictures += 1
                further[stream.index] = [] if pictures > 1 else None
        for packet in file.demux([file.streams[index] for index in indexes]):
            stream, data = packet.stream, bytes(packet) if packet.size else b""
            if not data:
                continue
            if stream.type == "video" and further[stream.index] is not None:
                further[stream.index].append(_hash(data))
            elif stream.type == "data" and data.startswith(b"DEVC"):
                found["timed data"].append(_hash(data))
            elif stream.type == "subtitle" and _coded(stream) == "eia_608":
                found["caption tracks"].append(_hash(data))
            elif stream.type == "subtitle" and _coded(stream) == "hdmv_pgs_subtitle":
                found["picture subtitles"].append(_hash(data))
            elif stream.type == "subtitle":
                found["text subtitles"] += _words(data)
    rest = [value for value in further.values() if value is not None and value is not covers]
    return found | {"cover": covers, "further pictures": [_hash(str(one).encode()) for one in rest]}


def _words(data: bytes) -> list[str]:
    """The text of one subtitle, in any of the forms that files keep it in."""
    if data[:1] == b"\0":
        (size,) = struct.unpack_from(">H", data)
        data = data[2 : 2 + size]
    text = data.decode("utf-8", "replace").strip()
    return [text] if text else []


def _seen(path: Path) -> dict[Fact, Any]:
    """What the first decoded picture says."""
    with av.open(str(path)) as file:
        picture = next(file.decode(video=0))
        display = picture.side_data.get("MASTERING_DISPLAY_METADATA")
        light = picture.side_data.get("CONTENT_LIGHT_LEVEL")
        found: dict[Fact, Any] = {}
        if picture.rotation:
            found["rotation"] = picture.rotation
        if display is not None:
            numbers = struct.iter_unpack("=2i", bytes(display)[:80])
            found["mastering display"] = [round(over / under, 4) for over, under in numbers]
        if light is not None:
            found["light levels"] = struct.unpack_from("=2I", bytes(light))
        return found
