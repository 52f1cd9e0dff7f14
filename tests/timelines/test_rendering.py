"""Where MLT plays the stems that each format speaks of: within a sample of their place.

Documents that OpenTimelineIO's readers understand are read by them and made into projects by its
Kdenlive adapter, so that all behind our own writer is somebody else's. FCPXML has no other reader
that is exact at NTSC rates; it is read back by our own. They need Debian's melt (`.ci/setup`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio
import pytest
import soundfile
from tests.media.making import Sound, ffmpeg, lag, noise
from tests.outside.melt import RATE, played

from soundmatte.timelines import fcp7, fcpxml, kdenlive, otio
from soundmatte.timelines.timeline import (
    Clip,
    Source,
    StemClip,
    StemTrack,
    Timeline,
    Track,
)
from stemmux.timebase import Timecode, frame_rate, sample_at

pytestmark = pytest.mark.outside

#: Samples that MLT may be away: it rounds the beginning of each frame to a sample, as we do.
_GRACE = 1


@dataclass(frozen=True)
class Case:
    """A timeline's rate and start, its media's rate, and frames: where a stem lies, how long."""

    rate: str
    start: str
    media: str
    at: int
    frames: int

    def __str__(self) -> str:
        return f"{self.rate} from {self.start} of {self.media}".replace(":", "").replace(";", "d")


CASES = (
    Case("23.976", "01:00:00:00", "23.976", 17, 101),
    Case("24", "00:59:58:23", "25", 5, 67),
    Case("25", "10:00:00:01", "23.976", 113, 51),
    Case("29.97", "00:59:56;12", "29.97", 359, 101),
    Case("29.97", "01:00:00:00", "25", 141, 77),
    Case("59.94", "00:01:00;04", "29.97", 91, 67),
)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Source]:
    """A movie of six seconds at a rate, with noise, whose own timecode is not zero."""
    folder = tmp_path_factory.mktemp("a shot & <more>")

    @cache
    def made(word: str) -> Source:
        path, sound = folder / f"{word}.mov", folder / f"{word}.wav"
        soundfile.write(sound, noise(9, 6 * RATE, 2), RATE)
        rate = frame_rate(word)
        picture = ("-f", "lavfi", "-i", f"testsrc=s=64x36:r={rate}:d=6")
        code = ("-timecode", "02:00:00:00")
        ffmpeg(*picture, "-i", sound, *code, "-c:v", "mpeg4", "-c:a", "pcm_s16le", path)
        start = Timecode.parse("02:00:00:00", rate).time
        return Source(path.name, str(path), start, Fraction(6), rate, 2)

    return made


@dataclass(frozen=True)
class Made:
    """A timeline with stems, and what each of them sounds like from its first frame on."""

    timeline: Timeline
    stems: tuple[StemTrack, ...]
    sounds: tuple[Sound, ...]

    def late(self, document: Path) -> list[float]:
        """Samples that each stem is heard behind its place."""
        place = self.stems[0].clips[0].record * RATE
        begin = max(0, round(place) - RATE)
        rate, [clip] = self.timeline.rate, self.stems[0].clips
        heard = rendered(document, int((clip.record + clip.duration) * rate) + 25)[begin:, 0]
        return [float(begin + lag(sound[:, 0], heard) - place) for sound in self.sounds]


def made(case: Case, source: Source, folder: Path) -> Made:
    """Picture and sound with an odd trim, and under them a stereo and a mono stem."""
    rate = frame_rate(case.rate)
    assert source.rate is not None
    place = {"record": 7 / rate, "duration": (case.at + 40) / rate, "into": 13 / source.rate}
    if place["into"] + place["duration"] > 6:
        place["duration"] = int((6 - place["into"]) * rate) / rate
    tracks = (
        Track("video", 1, "Picture", (Clip(1, "shot", "file", source, **place),)),
        Track("audio", 1, "Dialogue", (Clip(2, "shot", "file", source, **place),), 2),
    )
    start = Timecode.parse(case.start, rate)
    timeline = Timeline(f"cut {case}", rate, start, tracks, (1280, 720), RATE)
    stems, sounds = [], []
    record = case.at / rate
    for seed, (role, channels) in enumerate((("Target", 2), ("Residual", 1))):
        # As they are laid: the first sample is the frame's, and a frame of tail is behind.
        length = sample_at((case.frames + 1) / rate, RATE)
        sounds.append(noise(seed, length, channels))
        path = folder / f"{role} é 100% #1.wav"
        soundfile.write(path, sounds[-1], RATE, subtype="PCM_24")
        clock = start.time + record
        clip = StemClip(
            path.name,
            str(path),
            record,
            case.frames / rate,
            Fraction(0),
            Fraction(length, RATE),
            clock,
            RATE,
            channels,
        )
        stems.append(StemTrack(f"Soundmatte {role}", (clip,)))
    shown = sample_at((case.at + case.frames) / rate, RATE) - sample_at(record, RATE)
    return Made(timeline, tuple(stems), tuple(sound[: shown - 1] for sound in sounds))


def rendered(document: Path, frames: int) -> Sound:
    """What MLT plays of a document's first frames."""
    heard = played(document, document.with_suffix(".wav"), f"out={frames}")
    assert heard is not None, f"melt plays nothing of {document.name}"
    return heard


def projected(document: Path) -> Path:
    """A document as the others' readers understand it, made into a project by their adapter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timeline = opentimelineio.adapters.read_from_file(str(document))
        for clip in timeline.find_clips():
            # Ranges count from the media's own timecode, in MLT from its first frame.
            first = clip.available_range().start_time
            into = clip.source_range
            clip.source_range = opentimelineio.opentime.TimeRange(
                into.start_time - first, into.duration
            )
            media = clip.media_reference
            # The adapter takes a bare path, as Resolve wants it, for a URL.
            if media.target_url.startswith("/"):
                media.target_url = Path(media.target_url).as_uri()
            whole = media.available_range
            media.available_range = opentimelineio.opentime.TimeRange(first - first, whole.duration)
        text = opentimelineio.adapters.write_to_string(timeline, "kdenlive")
    root = ElementTree.fromstring(text)
    main = root.findall("tractor")[-1]
    # The adapter leaves it to Kdenlive to mix the tracks, which does it so.
    for number in range(1, len(main.findall("track"))):
        mixed = ElementTree.SubElement(main, "transition")
        values = {"a_track": 0, "b_track": number, "mlt_service": "mix"}
        for name, value in {**values, "sum": 1, "always_active": 1, "accepts_blanks": 1}.items():
            ElementTree.SubElement(mixed, "property", name=name).text = str(value)
    path = document.with_suffix(".adapted.kdenlive")
    path.write_bytes(ElementTree.tostring(root))
    return path


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_kdenlive_project(case: Case, shot: Callable[[str], Source], tmp_path: Path) -> None:
    cut = made(case, shot(case.media), tmp_path)
    document = tmp_path / "cut & more.kdenlive"
    document.write_bytes(kdenlive.written(cut.timeline, cut.stems))
    for late in cut.late(document):
        assert abs(late) <= _GRACE


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("name", "write"), [("cut.otio", otio.written), ("cut.xml", fcp7.written)])
def test_what_others_read(
    name: str,
    write: Callable[[Timeline, tuple[StemTrack, ...]], bytes],
    case: Case,
    shot: Callable[[str], Source],
    tmp_path: Path,
) -> None:
    cut = made(case, shot(case.media), tmp_path)
    document = tmp_path / name
    document.write_bytes(write(cut.timeline, cut.stems))
    for late in cut.late(projected(document)):
        assert abs(late) <= _GRACE


@pytest.mark.parametrize("case", CASES, ids=str)
def test_fcpxml(case: Case, shot: Callable[[str], Source], tmp_path: Path) -> None:
    cut = made(case, shot(case.media), tmp_path)
    document = tmp_path / "cut.fcpxml"
    document.write_bytes(fcpxml.written(cut.timeline, cut.stems))
    again = document.with_suffix(".kdenlive")
    again.write_bytes(kdenlive.written(fcpxml.read(document), ()))
    for late in cut.late(again):
        assert abs(late) <= _GRACE
