"""A real file of what a timeline shows and plays over a range: made with ffmpeg, sound by sample.

The topmost clip that is switched on is the picture; where none is, it is black. What Resolve draws
itself is a white box on black. All sounds that are switched on are added. It must not know jobs.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stemmux.ffmpeg import find

if TYPE_CHECKING:
    from tests.resolve.fake.item import TimelineItem
    from tests.resolve.fake.timeline import Timeline

_CODECS = {"H264": ["libx264", "-preset", "ultrafast", "-crf", "12", "-pix_fmt", "yuv420p"]}


@dataclass
class Piece:
    """What one clip gives to a render; `path` is "" for what Resolve draws.

    Attributes:
        at, frames: in the render, in frames of the timeline.
        late: seconds from the render's start to the clip's, which may lie before it.
        source: seconds of the media at the clip's start.
    """

    path: str
    at: int
    frames: int
    late: Fraction
    seconds: Fraction
    source: Fraction
    speed: Fraction


@dataclass
class Render:
    """One job, with all that it needs, so that the timeline may change meanwhile."""

    rate: Fraction
    frames: int
    pictures: list[Piece]
    sounds: list[Piece]
    picture: bool
    sound: bool
    codec: str
    bits: int
    path: Path

    @classmethod
    def seen(cls, timeline: Timeline, job: dict[str, Any], mode: int) -> Render:
        """What there is to be rendered, as the tracks are now."""
        first, last = job["MarkIn"], job["MarkOut"]
        settings = job["_settings"]
        pictures = []
        for track in timeline.tracks["video"]:
            pictures += _pieces(track.items, first, last) if track.enabled else []
        sounds = []
        for track in timeline.tracks["audio"]:
            sounds += _pieces(track.items, first, last) if track.enabled else []
        folder, stem = Path(job["TargetDir"]), Path(job["OutputFilename"])
        path, count = folder / stem, 0
        if mode == 0:
            path = folder / f"{stem.stem}_V1-0001{stem.suffix}"
        while path.exists():
            path = folder / f"{stem.stem}_{count}{stem.suffix}"
            count += 1
        return cls(
            rate=timeline.rate,
            frames=last - first + 1,
            pictures=pictures,
            sounds=sounds,
            picture=bool(settings["ExportVideo"]) and job["VideoFormat"] != "wav",
            sound=bool(settings["ExportAudio"]),
            codec=job["VideoCodec"],
            bits=int(settings.get("AudioBitDepth", 16)),
            path=path,
        )

    def told(self) -> dict[str, Any]:
        """It, as a test can look at it."""
        return {
            "path": str(self.path),
            "frames": self.frames,
            "picture": self.picture,
            "sound": self.sound,
            "codec": self.codec,
            "pictures": [piece.path for piece in self.pictures],
            "sounds": [piece.path for piece in self.sounds],
        }

    def written(self, width: int, height: int, rate: int) -> str:
        """Make the file; "" or why it could not be."""
        with tempfile.TemporaryDirectory() as folder:
            words: list[object] = []
            if self.picture:
                words += self._drawn(width, height)
            if self.sound:
                raw = Path(folder) / "sound.raw"
                raw.write_bytes(self._mixed(rate).astype("<f4").tobytes())
                words += ["-f", "f32le", "-ar", rate, "-ac", 2, "-i", raw]
            count = sum(word == "-i" for word in words)
            if self.picture:
                # The inputs come first, then what is done with them.
                words += ["-filter_complex", self._graph(width, height), "-map", "[picture]"]
                words += ["-c:v", *self._encoder()]
            if self.sound:
                words += ["-map", f"{count - 1}:a", "-c:a", f"pcm_s{max(16, self.bits)}le"]
            if not self.picture and not self.sound:
                return "there is nothing to render"
            return _run(*words, self.path)

    def _encoder(self) -> list[str]:
        if self.codec.startswith("DNxHR"):
            return ["dnxhd", "-profile:v", "dnxhr_hq", "-pix_fmt", "yuv422p"]
        if self.codec.startswith("ProRes"):
            return ["prores_ks", "-profile:v", "0"]
        return _CODECS[self.codec]

    def _shown(self) -> list[tuple[int, int, Piece | None]]:
        """By first and last frame, which piece is to be seen."""
        ends = {0, self.frames}
        for piece in self.pictures:
            ends |= {max(0, piece.at), min(self.frames, piece.at + piece.frames)}
        edges = sorted(ends)
        found = []
        for first, end in pairwise(edges):
            over = [p for p in self.pictures if p.at <= first and end <= p.at + p.frames]
            found.append((first, end, over[-1] if over else None))
        return found

    def _drawn(self, width: int, height: int) -> list[object]:
        words: list[object] = []
        for first, end, piece in self._shown():
            length = float((end - first) / self.rate)
            if piece is None or not piece.path:
                made = f"color=black:s={width}x{height}:r={self.rate}:d={length + 1}"
                if piece is not None:
                    made += f",drawbox=w={width // 3}:h={height // 2}:c=white:t=fill"
                words += ["-f", "lavfi", "-i", made]
            else:
                inside = (first - piece.at) / self.rate * abs(piece.speed)
                at = max(0.0, float(piece.source + inside) - 0.002)
                words += ["-ss", f"{at:.6f}", "-i", piece.path]
        return words

    def _graph(self, width: int, height: int) -> str:
        parts, names = [], []
        for number, (first, end, piece) in enumerate(self._shown()):
            speed = float(abs(piece.speed)) if piece else 1.0
            parts.append(
                f"[{number}:v:0]setpts=(PTS-STARTPTS)/{speed},fps={self.rate}:round=near,"
                f"scale={width}:{height},setsar=1,format=yuv422p,tpad=stop_mode=clone:stop=-1,"
                f"trim=end_frame={end - first},setpts=PTS-STARTPTS[p{number}]"
            )
            names.append(f"[p{number}]")
        parts.append(f"{''.join(names)}concat=n={len(names)}:v=1:a=0,fps={self.rate}[picture]")
        return ";".join(parts)

    def _mixed(self, rate: int) -> npt.NDArray[np.float64]:
        total = np.zeros((round(self.frames / self.rate * rate), 2))
        for piece in self.sounds:
            heard = _decoded(piece.path, rate) if piece.path else np.zeros((0, 2))
            count = round(piece.seconds * rate)
            speed = float(abs(piece.speed))
            places = np.arange(count) * speed + float(piece.source * rate)
            if piece.speed < 0:
                places = places[::-1]
            at = round(piece.late * rate)
            whole = np.clip(np.rint(places).astype(int), 0, max(0, len(heard) - 1))
            inside = (places > -0.5) & (places < len(heard) - 0.5)
            if len(heard):
                own = np.where(inside[:, None], heard[whole], 0.0)
                low, high = max(0, at), min(len(total), at + count)
                total[low:high] += own[low - at : high - at]
        return total


def _pieces(items: list[TimelineItem], first: int, last: int) -> list[Piece]:
    found = []
    for item in items:
        if item.enabled and item.start <= last and first < item.end:
            late = (item.start + item.part - first) / item.timeline_rate
            found.append(
                Piece(
                    path=item.pool.path if item.pool else "",
                    at=item.start - first,
                    frames=item.frames,
                    late=Fraction(late),
                    seconds=Fraction(item.frames) / item.timeline_rate,
                    source=item.source / item.media_rate,
                    speed=item.speed,
                )
            )
    return found


def _decoded(path: str, rate: int) -> npt.NDArray[np.float64]:
    """A file's first sound from its first picture on, in two channels."""
    words = [find().path, "-nostdin", "-v", "error", "-i", path, "-map", "0:a:0"]
    words += ["-af", "aresample=async=1:first_pts=0", "-ar", str(rate), "-ac", "2"]
    run = subprocess.run(
        [*words, "-f", "f32le", "-"], capture_output=True, timeout=60, stdin=subprocess.DEVNULL
    )
    return np.frombuffer(run.stdout, "<f4").reshape(-1, 2).astype(np.float64)


def _run(*words: object) -> str:
    command = [find().path, "-nostdin", "-v", "error", "-n", *map(str, words)]
    run = subprocess.run(command, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    return run.stderr.decode(errors="replace") if run.returncode else ""
