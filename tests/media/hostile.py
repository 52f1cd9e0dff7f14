"""Files that are damaged, lie, are merely odd, or want other files opened; and a trap for those."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from tests.media.making import H264, Studio, ffmpeg, noise

Maker = Callable[[Studio, Path], Path]

#: Sentences that ask a reader to open something else; {0} is its absolute path, {1} its name.
PLAYLISTS = {
    "ffconcat.mp4": "ffconcat version 1.0\nfile {1}\n",
    "ffconcat absolute.mp4": "ffconcat version 1.0\nfile '{0}'\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {1}\n",
    "file.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{0}\n#EXT-X-ENDLIST\n",
    "relative.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{1}\n#EXT-X-ENDLIST\n",
    "m3u8.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{1}\n#EXT-X-ENDLIST\n",
    "http.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{2}\n#EXT-X-ENDLIST\n",
    "dash.mpd": """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT3S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{1}</BaseURL>
<SegmentBase indexRange="0-1"/></Representation></AdaptationSet></Period></MPD>""",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio {3} RTP/AVP 0\n",
    "titles.ass": "[Script Info]\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,x\n",
    "titles.srt": "1\n00:00:00,000 --> 00:00:01,000\n{0}\n",
    "titles.mp4": "1\n00:00:00,000 --> 00:00:01,000\n{0}\n",
}


class Trap:
    """Something that others may be made to open: a named pipe and a listening port.

    A pipe can be opened for writing only while somebody has it open for reading.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "other.ts"
        self.opened: list[str] = []
        os.mkfifo(self.path)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.01)
        self.port = self._server.getsockname()[1]
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def playlist(self, name: str) -> Path:
        """Write one of `PLAYLISTS` that asks for what is in the trap."""
        url = f"http://127.0.0.1:{self.port}/other.ts"
        path = self.path.parent / name
        text = PLAYLISTS[name].format(self.path, self.path.name, url, self.port)
        path.write_text(text, encoding="utf-8")
        return path

    def _watch(self) -> None:
        while not self._ended.is_set():
            try:
                os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
                self.opened.append("the file")
            except OSError:
                pass
            try:
                self._server.accept()[0].close()
                self.opened.append("the port")
            except TimeoutError:
                pass

    def __enter__(self) -> Trap:
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._watcher.join()
        self._server.close()


def of_bytes(suffix: str, data: bytes) -> Maker:
    def make(studio: Studio, folder: Path) -> Path:
        path = folder / f"clip{suffix}"
        path.write_bytes(data)
        return path

    return make


def changed(kind: str, change: Callable[[bytearray], bytes | bytearray], suffix: str = "") -> Maker:
    """A good clip whose bytes were changed."""

    def make(studio: Studio, folder: Path) -> Path:
        source = studio.clip(kind).path
        path = folder / f"clip{suffix or source.suffix}"
        path.write_bytes(change(bytearray(source.read_bytes())))
        return path

    return make


def coded(*options: object, source: str = "mov", suffix: str = ".mov") -> Maker:
    """A good clip, coded in another way."""

    def make(studio: Studio, folder: Path) -> Path:
        path = folder / f"clip{suffix}"
        ffmpeg("-i", studio.clip(source).path, *options, path)
        return path

    return make


def box(name: bytes, offset: int, form: str, value: int) -> Callable[[bytearray], bytearray]:
    """Write a number into every box of that name, `offset` bytes behind the name."""

    def change(data: bytearray) -> bytearray:
        at = data.find(name)
        assert at > 0
        while at > 0:
            struct.pack_into(form, data, at + 4 + offset, value)
            at = data.find(name, at + 4)
        return data

    return change


def cut(share: float) -> Callable[[bytearray], bytearray]:
    return lambda data: data[: int(len(data) * share)]


def without_index(data: bytearray) -> bytearray:
    return data.replace(b"moov", b"none")


def rotten(data: bytearray) -> bytearray:
    """Every fiftieth byte of the media another one."""
    start = data.index(b"mdat") + 4
    end = data.find(b"moov")
    for at in range(start, end if end > start else len(data), 50):
        data[at] ^= 0x55
    return data


def faststart_cut(studio: Studio, folder: Path) -> Path:
    path = folder / "clip.mp4"
    ffmpeg("-i", studio.clip("mp4").path, "-c", "copy", "-movflags", "faststart", path)
    path.write_bytes(cut(0.6)(bytearray(path.read_bytes())))
    return path


def wave(channels: int = 2, rate: int = 48000, claims: int = 400, holds: int = 400) -> Maker:
    """A WAV header and what follows it, both made up."""
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * channels * 2, channels * 2 & 0xFFFF, 16)
    data = np.random.default_rng(1).integers(-9999, 9999, holds // 2, np.int16).tobytes()
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", claims) + data
    return of_bytes(".wav", b"RIFF" + struct.pack("<I", min(claims + 36, 2**32 - 1)) + body)


def broken_floats(studio: Studio, folder: Path) -> Path:
    path = folder / "clip.wav"
    samples = noise(1, 48000, 2)
    samples[100:200, 0], samples[300], samples[400, 1] = np.nan, np.inf, -np.inf
    soundfile.write(path, samples, 48000, subtype="FLOAT")
    return path


def eight_tracks(studio: Studio, folder: Path) -> Path:
    path = folder / "clip.mov"
    path.write_bytes(studio.clip("mov", tracks=8).path.read_bytes())
    return path


def twice(data: bytearray) -> bytearray:
    """The same stream again behind its end: times jump back."""
    return data + data


#: What must end in a sentence.
DAMAGED: dict[str, Maker] = {
    "zero bytes": of_bytes(".mp4", b""),
    "one byte": of_bytes(".mp4", b"\0"),
    "random": of_bytes(".mp4", np.random.default_rng(1).bytes(5000)),
    "random sound": of_bytes(".wav", np.random.default_rng(2).bytes(5000)),
    "text": of_bytes(".mp4", b"This is not a movie.\n" * 50),
    "no index": changed("mp4", without_index),
    "cut at half": changed("mp4", cut(0.5)),
    "edit list out of the world": changed("mp4", box(b"elst", 12, ">i", 2**31 - 1)),
    "count of sizes": changed("mp4", box(b"stsz", 8, ">I", 2**31)),
    "count of times": changed("mp4", box(b"stts", 4, ">I", 2**31)),
    "wav header alone": wave(claims=0, holds=0),
    "wav without a rate": wave(rate=0),
    "wav of 255 channels": wave(channels=255, claims=255 * 200, holds=255 * 200),
    "wav without channels": wave(channels=0),
}
#: What must end in a sentence or be read, whatever is there of it.
DOUBTFUL: dict[str, Maker] = {
    "faststart, cut at 60 %": faststart_cut,
    "rotten": changed("mp4", rotten),
    "rotten pcm": changed("mov", rotten),
    "wav that claims 4 GB": wave(claims=2**32 - 1, holds=48000),
    "broken floats": broken_floats,
    "times that jump back": changed("ts", twice),
    "cut mkv": changed("mkv", cut(0.6)),
    "cut ts": changed("ts", cut(0.61)),
    "cut fragments": changed("fragmented", cut(0.6)),
}
#: What is odd, but must be read.
ODD: dict[str, Maker] = {
    "mp4 called wav": changed("mp4", bytes, ".wav"),
    "mkv called mp3": changed("mkv", bytes, ".mp3"),
    "no extension": changed("mov", bytes, "."),
    "one frame": coded("-t", "0.04", *H264),
    "eight tracks": eight_tracks,
    "odd size": coded("-vf", "scale=161:91", *H264, "-pix_fmt", "yuv444p"),
    "10 bit": coded(*H264, "-pix_fmt", "yuv420p10le"),
    "interlaced": coded("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", 2),
    "varying rate": coded(
        *("-vf", "setpts='(N+floor(N/10)*3)/25/TB'", "-fps_mode", "passthrough", *H264)
    ),
    "a day late": coded("-c", "copy", "-output_ts_offset", 86400, suffix=".mkv"),
    "a day late in ts": coded("-c", "copy", "-output_ts_offset", 86400, source="ts", suffix=".ts"),
    "before zero": coded("-c", "copy", "-output_ts_offset", -5, suffix=".mkv"),
}
#: Names of good files that mean something to a shell, a parser or ffmpeg.
NAMES = [
    "colon:x.mp4",
    "-dash.mp4",
    'it\'s "quoted".mp4',
    "new\nline.mp4",
    "Übung – 東京 🎬.mp4",
    "%03d.mp4",
    "$(touch x) `touch y`; touch z.mp4",
    "back\\slash.mp4",
    "[brackets]{braces},comma=equals.mp4",
    "*?.mp4",
    " space .mp4",
    "concat:a|b.mp4",
    "http:\\x.mp4",
    "n" * 236 + ".mp4",
]
