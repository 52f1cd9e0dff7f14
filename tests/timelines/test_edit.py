"""`soundmatte timeline`: from a document to a new one, in which the stems lie to the sample.

What the new document says is read by OpenTimelineIO's library where it is OTIO; what the stems hold
is compared with the sound that the clip was made of.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as library
import pytest
import soundfile
from tests.cli.shell import Said, Shell, program
from tests.jobs.bench import mark
from tests.media.making import Source as Made
from tests.media.making import Studio
from tests.timelines.drawing import counted

from soundmatte.jobs.edit import opened
from soundmatte.timelines import formats, otio
from soundmatte.timelines.media import address
from soundmatte.timelines.timeline import Clip, Source, Timeline, Track
from stemmux.timebase import Timecode, frame_rate, frame_time

HZ = 48_000
#: The media's own timecode at its first picture, by its rate.
CODES = {"23.976": "01:00:00:00", "25": "10:00:00:00", "29.97": "01:00:00:00"}


@dataclass(frozen=True)
class Case:
    """A cut: rates and timecode; in frames, where the clip lies and where in its file it begins."""

    rate: str
    start: str
    media: str
    at: int
    into: int
    frames: int


CASES = [
    Case("23.976", "01:00:00:00", "23.976", 17, 11, 40),
    Case("24", "00:59:50:00", "23.976", 1799, 7, 37),
    Case("25", "10:00:00:00", "25", 3, 13, 41),
    Case("25", "00:00:00:00", "29.97", 100, 19, 31),
    Case("29.97", "01:00:00;00", "29.97", 1799, 1, 70),
    Case("29.97", "01:00:00:00", "25", 17, 23, 29),
    Case("59.94", "01:00:00;00", "29.97", 3601, 5, 101),
    Case("59.94", "23:59:50:00", "23.976", 7, 31, 67),
]


def movie(studio: Studio, rate: str) -> Made:
    return studio.clip("mov", rate, options=("-timecode", CODES[rate]))


def of_file(made: Made, rate: str) -> Source:
    """A movie as a document names it."""
    own = frame_rate(rate)
    return Source(
        name=made.path.name,
        target=str(made.path),
        start=Timecode.parse(CODES[rate], own).time,
        duration=made.frames / own,
        rate=own,
        channels=2,
    )


def cut(studio: Studio, case: Case) -> Timeline:
    """A clip with its sound, on V1 and A1."""
    rate = frame_rate(case.rate)
    source = of_file(movie(studio, case.media), case.media)
    clip = Clip(
        number=0,
        name="shot",
        kind="file",
        source=source,
        record=case.at / rate,
        duration=case.frames / rate,
        into=frame_time(case.into, frame_rate(case.media)),
    )
    tracks = [Track("video", 1, "Pictures", (clip,)), Track("audio", 1, "Sound", (clip,), 2)]
    start = Timecode.parse(case.start, rate)
    return Timeline("my cut", rate, start, counted(tracks), (160, 90), HZ)


def saved(timeline: Timeline, path: Path, name: str = "otio") -> Path:
    path.write_bytes(formats.writer(name).written(timeline, []))
    return path


def documents(said: Said) -> dict[str, Any]:
    """What was said of the new document."""
    (found,) = [x for x in map(json.loads, said.out.splitlines()) if x["event"] == "document"]
    return dict(found)


def separated(shell: Shell, edit: Path, *words: object) -> dict[str, Any]:
    said = shell("timeline", "separate", edit, *words, "--json", "--progress", "none")
    assert said.status == 0, said.err
    return documents(said)


def stem_clips(path: Path) -> dict[str, list[Clip]]:
    """The clips of the stems' tracks, by the track's name, as our reader finds them."""
    read = formats.read(path)
    return {t.name: list(t.clips) for t in read.tracks if t.name.startswith("Soundmatte")}


def heard(clip: Clip) -> Any:
    """The samples that a clip of a stem plays, found by what the document says of it."""
    assert clip.source is not None
    samples, rate = soundfile.read(str(address(clip.source.target)), always_2d=True)
    assert rate == HZ
    first = round(clip.into * rate)
    return samples[first : first + round(clip.duration * rate)]


def check_stems(path: Path, made: Made, case: Case) -> None:
    """Both stems begin with the frame that the clip does, and add up to what it plays."""
    rate = frame_rate(case.rate)
    clips = stem_clips(path)
    target, residual = clips["Soundmatte Target"][0], clips["Soundmatte Residual"][0]
    for clip in (target, residual):
        assert (clip.record * rate, clip.duration * rate) == (case.at, case.frames)
    mix = heard(target) + heard(residual)
    start = Fraction(case.into) / frame_rate(case.media) * HZ
    places = [round(start) + off for off in (0, -1, 1)]
    true = [made.sounds[0][place : place + len(mix)] for place in places if place >= 0]
    errors = [np.abs(mix - sound).max() if len(sound) == len(mix) else 1 for sound in true]
    assert min(errors) < 2**-15  # within a sample of its place, and a step of 16 bits
    assert errors[0] == min(errors)


# --- what comes out ---


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.rate} of {c.media} at {c.start}")
def test_stems_lie_to_the_sample_in_a_document_that_keeps_everything(
    shell: Shell, studio: Studio, tmp_path: Path, case: Case
) -> None:
    edit = saved(cut(studio, case), tmp_path / "cut.otio")
    before = mark(edit)
    handles = 5 * (case.at % 2)  # every other time there are some
    told = separated(shell, edit, "--clip", 1, "--handles", f"{handles}f")
    assert mark(edit) == before
    new = Path(told["document"])
    assert new == tmp_path / "cut_soundmatte.otio"
    check_stems(new, movie(studio, case.media), case)
    rate = frame_rate(case.rate)
    first = Timecode.parse(case.start, rate)
    (stem,) = told["stems"]
    assert stem["in"] == str(replace(first, frame=first.frame + case.at))
    old, now = json.loads(edit.read_text()), json.loads(new.read_text())
    assert [track["name"] for track in now["tracks"]["children"][2:]] == told["tracks"]
    del now["tracks"]["children"][2:]
    assert json.dumps(now) == json.dumps(old)
    # The library, which owes us nothing, finds the stem at the same frame and the same samples.
    read = library.adapters.read_from_file(str(new))
    (clip,) = [c for c in read.tracks[2] if isinstance(c, library.schema.Clip)]
    place = clip.range_in_parent()
    assert (place.start_time.value, place.duration.value) == (case.at, case.frames)
    reference = clip.media_reference
    into = clip.source_range.start_time - reference.available_range.start_time
    assert into.value == int(into.value)
    assert (into.value > 0) == (handles > 0)
    assert into.value <= handles
    # The file's own timecode is that of its first sample.
    with av.open(stem["target"]) as wave:
        reference_time = int(wave.metadata["time_reference"])
    assert abs(reference_time - (first.frame + case.at - int(into.value)) / rate * HZ) <= 1
    assert soundfile.info(reference.target_url).frames >= float(
        reference.available_range.duration.value / rate * HZ - 1
    )


@pytest.mark.parametrize("name", ["otio", "fcp7", "fcpxml"])
def test_every_format_that_is_extended(
    shell: Shell, studio: Studio, tmp_path: Path, name: str
) -> None:
    case = CASES[0]
    ending = formats.named(name).ending
    edit = saved(cut(studio, case), tmp_path / f"cut{ending}", name)
    before = formats.read(edit)
    new = Path(separated(shell, edit, "--clip", 2)["document"])
    assert new.suffix == ending
    after = formats.read(new)
    assert after.tracks[: len(before.tracks)] == before.tracks
    assert (after.start, after.rate, after.name) == (before.start, before.rate, before.name)
    added = [track for track in after.tracks[len(before.tracks) :] if track.clips]
    assert len(added) == 2
    rate = after.rate
    for track in added:
        (clip,) = track.clips
        assert (clip.record * rate, clip.duration * rate) == (case.at, case.frames)
    mix = sum(heard(track.clips[0]) for track in added)
    first = round(Fraction(case.into) / frame_rate(case.media) * HZ)
    sound = movie(studio, case.media).sounds[0][first : first + len(mix)]
    assert np.abs(mix - sound).max() < 2**-15


def test_the_true_engine_from_a_program_of_its_own(studio: Studio, tmp_path: Path) -> None:
    case = CASES[4]
    edit = saved(cut(studio, case), tmp_path / "my cut.otio")
    digest = hashlib.sha256(edit.read_bytes()).hexdigest()
    said = program(
        tmp_path,
        *("timeline", "separate", edit, "--clip", 1, "--engine", "offline"),
        *("--accept-doubtful", "--json", "--progress", "none"),
    )
    assert said.status == 0, said.err
    assert hashlib.sha256(edit.read_bytes()).hexdigest() == digest
    check_stems(Path(documents(said)["document"]), movie(studio, case.media), case)


def test_an_edl_becomes_another_document(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    """Its times are the file's own timecode, which the list does not give the beginning of."""
    case = Case("25", "10:00:00:00", "25", 0, 13, 41)
    made = movie(studio, "25")
    shutil.copy(made.path, tmp_path / "shot one.mov")
    rate = Fraction(25)
    code = Timecode.parse(CODES["25"], rate).frame + case.into
    start = Timecode.parse(case.start, rate).frame
    codes = [code, code + case.frames, start, start + case.frames]
    written = " ".join(str(Timecode(frame, rate, False)) for frame in codes)
    edit = tmp_path / "cut.edl"
    edit.write_text(f"TITLE: cut\n001  AX  B  C  {written}\n* FROM CLIP NAME: shot one.mov\n")
    said = shell("timeline", "separate", edit, "--clip", 1)
    assert said.status == 2
    assert "--rate" in said.err
    told = separated(shell, edit, "--clip", 1, "--rate", "25")
    assert told["format"] == "fcp7"
    assert formats.of(Path(told["document"])).name == "fcp7"
    other = separated(shell, edit, "--clip", 1, "--rate", "25", "--format", "otio")
    check_stems(Path(other["document"]), made, case)
    assert formats.read(Path(other["document"])).start == Timecode(start, rate, False)
    # What the list does not say of the file is said by the file, in every format.
    for name in formats.WRITTEN:
        to = tmp_path / f"new{formats.named(name).ending}"
        separated(shell, edit, "--clip", 1, "--rate", "25", "--to", to)
        if name == "kdenlive":
            assert f'in="{case.into}" out="{case.into + case.frames - 1}"' in to.read_text()
            continue
        picture, sound = (track.clips[0] for track in formats.read(to).tracks[:2])
        for clip in (picture, sound):
            assert clip.source is not None
            assert clip.into * rate == case.into
            assert clip.source.start == Timecode.parse(CODES["25"], rate).time
            assert clip.source.duration == made.frames / rate


def test_stems_alone(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    case = CASES[2]
    edit = saved(cut(studio, case), tmp_path / "cut.otio")
    told = separated(shell, edit, "--clip", 1, "--stems-only", "-o", tmp_path / "out")
    new = Path(told["document"])
    assert new == tmp_path / "out" / "cut_soundmatte.otio"
    read = formats.read(new)
    assert [track.name for track in read.tracks] == ["Soundmatte Target", "Soundmatte Residual"]
    assert str(read.start) == case.start
    check_stems(new, movie(studio, case.media), case)
    assert all(Path(p).parent == tmp_path / "out" for p in (told["stems"][0]["target"],))


def test_the_original_sound_plays_unless_it_is_muted(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    timeline = cut(studio, CASES[2])
    longer = replace(timeline.tracks[1].clips[0], duration=Fraction(2))
    timeline = replace(
        timeline, tracks=counted([*timeline.tracks, Track("audio", 2, "", (longer,), 2)])
    )
    edit = saved(timeline, tmp_path / "cut.otio")
    told = separated(shell, edit, "--clip", 1)
    assert told["muted"] == []
    assert "still plays" in told["notes"][0]
    told = separated(shell, edit, "--clip", 1, "--mute-original", "--overwrite")
    assert told["muted"] == [2]
    assert told["notes"] == ["Longer than the stems, and so not disabled: clip 3."]
    read = otio.read(Path(told["document"]))
    off = [clip.number for track in read.tracks for clip in track.clips if not clip.enabled]
    assert off == [2]


@pytest.mark.parametrize(
    ("words", "sound", "muted"),
    [
        (("--clip", 1), 1, [2]),
        (("--clip", 2), 1, [2]),
        (("--clip", 3), 3, [3]),
        (("--clip", 3, "--sound", 2), 2, [4]),
    ],
)
def test_the_sound_of_the_file_that_a_clip_plays(
    shell: Shell,
    studio: Studio,
    tmp_path: Path,
    words: tuple[object, ...],
    sound: int,
    muted: list[int],
) -> None:
    made = studio.clip("mov", tracks=3, options=("-timecode", CODES["25"]))
    timeline = cut(studio, CASES[2])
    (shot,) = timeline.tracks[0].clips
    shot = replace(shot, source=of_file(made, "25"))
    tracks = [Track("audio", n, "", (shot,), 2) for n in (1, 2, 3)]
    whole = replace(timeline, tracks=counted([replace(timeline.tracks[0], clips=(shot,)), *tracks]))
    document = json.loads(otio.written(whole, []))
    for track, number in zip(document["tracks"]["children"][1:], (1, 3, 2), strict=True):
        channels = [{"Source Channel ID": n, "Source Track ID": number - 1} for n in (0, 1)]
        clip = next(c for c in track["children"] if c["OTIO_SCHEMA"] == "Clip.2")
        clip["metadata"] = {"Resolve_OTIO": {"Channels": channels}}
    edit = tmp_path / "cut.otio"
    edit.write_text(json.dumps(document))
    told = separated(shell, edit, *words, "--mute-original")
    clips = stem_clips(Path(told["document"]))
    mix = sum(heard(clips[name][0]) for name in told["tracks"])
    first = round(Fraction(CASES[2].into, 25) * HZ)
    assert np.abs(mix - made.sounds[sound - 1][first : first + len(mix)]).max() < 2**-15
    assert told["muted"] == muted


# --- what is done again, and what is refused ---


def test_what_is_done_is_not_done_again(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    edit = saved(cut(studio, CASES[2]), tmp_path / "cut.otio")
    told = separated(shell, edit, "--clip", 1)
    said = shell("timeline", "separate", edit, "--clip", 1)
    assert said.status == 1
    assert "is there already" in said.err
    to = tmp_path / "again.otio"
    said = shell("timeline", "separate", edit, "--clip", 1, "--to", to, "--json")
    states = [x["state"] for x in map(json.loads, said.out.splitlines()) if x["event"] == "clip"]
    assert states == ["skipped"]
    assert documents(said)["stems"] == told["stems"]
    # The new document is one like any other: more stems get tracks with names of their own.
    told = separated(shell, to, "--clip", 1, "--prompt", "music", "--to", tmp_path / "third.otio")
    assert told["tracks"] == ["Soundmatte Target 2", "Soundmatte Residual 2"]


def test_the_original_is_never_written_over(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    edit = saved(cut(studio, CASES[2]), tmp_path / "cut.otio")
    link = tmp_path / "link.otio"
    link.symlink_to(edit)
    before = mark(edit)
    for to in (edit, link):
        said = shell("timeline", "separate", edit, "--clip", 1, "--to", to, "--overwrite")
        assert said.status == 1
        assert "the original itself" in said.err
    assert mark(edit) == before


def test_a_whole_track_does_what_it_can(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    timeline = cut(studio, CASES[2])
    (one,) = timeline.tracks[0].clips
    assert one.source is not None
    gone = replace(one.source, target="/nowhere/gone.mov")
    clips = (
        one,
        replace(one, record=Fraction(4), kind="generator", source=None, name="title"),
        replace(one, record=Fraction(8), speed=Fraction(2)),
        replace(one, record=Fraction(12), enabled=False),
        replace(one, record=Fraction(16), into=Fraction(1)),
    )
    tracks = counted([Track("video", 1, "Pictures", clips), Track("video", 2, "", clips[:1])])
    edit = saved(replace(timeline, tracks=tracks), tmp_path / "cut.otio")
    said = shell("timeline", "separate", edit, "--track", "pictures", "--json")
    assert said.status == 0, said.err
    told = documents(said)
    assert [stem["clip"] for stem in told["stems"]] == [1, 5]
    assert said.err.count("Left out:") == 3
    found = stem_clips(Path(told["document"]))["Soundmatte Target"]
    assert [clip.record for clip in found] == [one.record, 16]
    # What is missing does not stop the others, and is told by the exit status.
    clips = (one, replace(one, record=Fraction(4), source=gone))
    tracks = counted([Track("video", 1, "", clips)])
    edit = saved(replace(timeline, tracks=tracks), tmp_path / "other.otio")
    said = shell("timeline", "separate", edit, "--track", "V1", "--json")
    assert said.status == 5
    assert [stem["clip"] for stem in documents(said)["stems"]] == [1]
    assert "gone.mov" in said.err


def test_what_lies_in_several_places_is_separated_once(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    timeline = cut(studio, CASES[2])
    (shot,) = timeline.tracks[1].clips
    again = replace(shot, record=shot.end + Fraction(2))
    timeline = replace(
        timeline,
        tracks=counted([timeline.tracks[0], replace(timeline.tracks[1], clips=(shot, again))]),
    )
    edit = saved(timeline, tmp_path / "cut.otio")
    words = ("timeline", "separate", edit, "--clip", 1, "--clip", 2, "--clip", 3)
    planned = shell(*words, "--dry-run")
    assert planned.out.count("clip 3 shot: separated with 1") == 1
    said = shell(*words, "--json")
    assert "Clip 2 (shot) is the same sound as clip 1, in the same place" in said.err
    events = [json.loads(line) for line in said.out.splitlines()]
    assert [event["event"] for event in events] == ["clip", "document", "summary"]
    told = documents(said)
    assert [stem["clip"] for stem in told["stems"]] == [1, 3]
    read = stem_clips(Path(told["document"]))
    for name in told["tracks"]:
        assert [clip.record for clip in read[name]] == [shot.record, again.record]
        assert np.array_equal(*(heard(clip) for clip in read[name]))


def test_stems_that_overlap_get_tracks_of_their_own(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    timeline = cut(studio, CASES[2])
    (one,) = timeline.tracks[0].clips
    over = replace(one, record=one.record + 1, into=Fraction(0), duration=Fraction(1))
    after = replace(one, record=one.end + 2, duration=Fraction(1, 5))
    tracks = counted([Track("video", 1, "", (one, after)), Track("video", 2, "", (over,))])
    edit = saved(replace(timeline, tracks=tracks), tmp_path / "cut.otio")
    told = separated(shell, edit, "--clip", 3, "--clip", 1, "--clip", 2)
    found = stem_clips(Path(told["document"]))
    assert {name: [clip.record for clip in clips] for name, clips in found.items()} == {
        f"Soundmatte {role}{number}": records
        for number, records in (("", [one.record, after.record]), (" 2", [over.record]))
        for role in ("Target", "Residual")
    }


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "one of the two"),
        (("--clip", 1, "--track", "V1"), 2, "one of the two"),
        (("--clip", 9), 2, "has no clip 9"),
        (("--track", "V7"), 2, "There are V1 (Pictures)"),
        (("--clip", 1, "--mask-track", "Mask"), 2, "No track is called 'Mask'"),
        (("--clip", 1, "--mask-track", "V1"), 4, "on V1 itself"),
        (("--clip", 1, "--rate", "24"), 2, "says itself"),
        (("--clip", 1, "--to", "/proc/none/x.otio"), 1, "x.otio"),
        (("--clip", 1, "--prompt", "silence"), 4, "Nobody can look for silence."),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(
    shell: Shell,
    studio: Studio,
    tmp_path: Path,
    words: Sequence[object],
    status: int,
    said: str,
) -> None:
    edit = saved(cut(studio, CASES[2]), tmp_path / "cut.otio")
    told = shell("timeline", "separate", edit, *words)
    assert (told.status, said in told.err) == (status, True), told.err
    assert not list(tmp_path.glob("*_soundmatte*"))


def test_a_dry_run_says_everything_and_writes_nothing(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    edit = saved(cut(studio, CASES[2]), tmp_path / "cut.otio")
    said = shell("timeline", "separate", edit, "--clip", 1, "--dry-run")
    assert said.status == 0, said.err
    assert "clip 1 shot" in said.out
    assert "cut_soundmatte.otio; costs nothing" in said.out
    said = shell("timeline", "separate", edit, "--clip", 1, "--dry-run", "--json")
    assert [json.loads(line)["event"] for line in said.out.splitlines()] == ["plan", "summary"]
    assert list(tmp_path.iterdir()) == [edit]


# --- the list ---


def test_the_list_shows_number_track_timecode_name_and_media(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    timeline = cut(studio, CASES[4])
    (one,) = timeline.tracks[0].clips
    assert one.source is not None
    gone = replace(one, record=Fraction(100), source=replace(one.source, target="D:\\x\\b.mov"))
    slow = replace(one, record=Fraction(200), speed=Fraction(1, 2), enabled=False, name="\x1b[2J")
    tracks = counted([Track("video", 1, "Pictures", (one, gone, slow)), *timeline.tracks[1:]])
    edit = saved(replace(timeline, tracks=tracks), tmp_path / "cut.otio")
    said = shell("timeline", "list", edit)
    assert said.status == 0, said.err
    head, columns, *rows = said.out.splitlines()
    assert head == "my cut: 29.97 frames per second, from 01:00:00;00"
    assert columns.split() == ["clip", "track", "in", "out", "name", "media"]
    first = ["1", "V1", "Pictures", "01:00:59;29", "01:01:02;11", "shot", "found"]
    assert rows[0].split() == first
    assert rows[1].endswith("missing")
    assert rows[2].endswith("found, speed 0.5, disabled")
    assert "\x1b" not in said.out
    told = shell("timeline", "list", edit, "--json").result
    assert [t["track"] for t in told["tracks"]] == ["V1", "A1"]
    assert told["tracks"][0]["clips"][1]["media"] == "missing"
    root = tmp_path / "rushes"
    root.mkdir()
    shutil.copy(movie(studio, "29.97").path, root / "b.mov")
    told = shell("timeline", "list", edit, "--json", "--media-root", root).result
    found = told["tracks"][0]["clips"][1]
    assert (found["media"], found["where"]) == ("elsewhere", str(root / "b.mov"))


def test_media_in_a_bundle_is_found_there(tmp_path: Path) -> None:
    bundle = tmp_path / "Edit.fcpxmld"
    (bundle / "Media").mkdir(parents=True)
    (bundle / "Media" / "a b.mov").touch()
    (bundle / "Info.fcpxml").write_text(
        '<fcpxml version="1.9"><resources><format id="r1" frameDuration="1/25s"/>'
        '<asset id="r2" start="0s" duration="4s" hasVideo="1" format="r1">'
        '<media-rep kind="original-media" src="./Media/a%20b.mov"/></asset></resources>'
        '<project name="P"><sequence format="r1"><spine><asset-clip ref="r2" duration="2s"/>'
        "</spine></sequence></project></fcpxml>"
    )
    found = opened(bundle)
    clip = found.timeline.tracks[0].clips[0]
    assert found.media(clip.source) == ("found", str(bundle / "Media" / "a b.mov"))
