"""EDLs: read by two readers that owe nothing to one another, at every rate, from every editor."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as library
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundmatte.timelines import edl
from soundmatte.timelines.errors import HostileTimeline, RateMissing, UnreadableTimeline
from soundmatte.timelines.timeline import Clip, Timeline
from stemmux.timebase import Timecode, drops, frame_rate

RATES = ("23.976", "24", "25", "29.97", "30", "50", "59.94")


def listed(tmp_path: Path, text: str, rate: str = "25") -> Timeline:
    path = tmp_path / "cut.edl"
    path.write_text(text)
    return edl.read(path, frame_rate(rate))


def clips(timeline: Timeline) -> list[Clip]:
    return [clip for track in timeline.tracks for clip in track.clips]


def event(
    number: int, tracks: str, source: int, record: int, frames: int, rate: Fraction, drop: bool
) -> str:
    codes = (source, source + frames, record, record + frames)
    written = " ".join(str(Timecode(code, rate, drop)) for code in codes)
    return f"{number:03}  R{number:03}     {tracks:<5} C        {written}\n"


def judged(text: str, rate: Fraction) -> dict[str, list[tuple[str, Fraction, Fraction, Fraction]]]:
    """What the adapter of OpenTimelineIO finds: reel, record, duration, source of each clip."""
    read = library.adapters.read_from_string(text, "cmx_3600", rate=float(rate))
    made: dict[str, list[tuple[str, Fraction, Fraction, Fraction]]] = {}
    for track in read.tracks:
        for clip in track.find_clips():
            where, used = clip.range_in_parent(), clip.source_range
            frames = (where.start_time.value, where.duration.value, used.start_time.value)
            record, duration, into = (round(value) / rate for value in frames)
            made.setdefault(track.name, []).append((clip.name, record, duration, into))
    return made


@settings(max_examples=50)
@given(st.data())
def test_another_reader_finds_the_same(tmp_path_factory: Any, data: st.DataObject) -> None:
    rate = frame_rate(data.draw(st.sampled_from(RATES)))
    drop = drops(rate) and data.draw(st.booleans())
    start = data.draw(st.sampled_from((0, round(rate) * 3600, 107892)))
    text, record = "TITLE: cut\n", start
    for number in range(1, data.draw(st.integers(1, 6)) + 1):
        length, source = data.draw(st.integers(1, 2000)), data.draw(st.integers(0, 2_000_000))
        text += event(number, data.draw(st.sampled_from("VB")), source, record, length, rate, drop)
        text += f"* FROM CLIP NAME: clip {number}.mov\n"
        record += length
    path = tmp_path_factory.mktemp("edl") / "cut.edl"
    path.write_text(text)
    read = edl.read(path, rate)
    assert (read.start.frame, read.start.drop, read.rate) == (start, drop, rate)
    expected = judged(text, rate)
    assert len(expected) == len(read.tracks)
    for track in read.tracks:
        theirs = expected["V" if track.kind == "video" else "A1"]
        first = track.clips[0].record - theirs[0][1]
        ours = [(c.name, c.record - first, c.duration, c.into) for c in track.clips]
        assert ours == theirs
    assert [clip.number for clip in clips(read)] == list(range(1, len(clips(read)) + 1))


@settings(max_examples=50)
@given(st.data())
def test_every_boundary_is_the_frame_that_is_written(
    tmp_path_factory: Any, data: st.DataObject
) -> None:
    rate = frame_rate(data.draw(st.sampled_from(RATES)))
    drop = drops(rate) and data.draw(st.booleans())
    places = data.draw(st.lists(st.integers(0, 1_000_000), min_size=2, max_size=8, unique=True))
    places.sort()
    text = "FCM: DROP FRAME\n" if drop else "FCM: NON-DROP FRAME\n"
    for number, (one, other) in enumerate(zip(places[::2], places[1::2], strict=False), 1):
        text += event(number, "V2", one + 7, one, other - one, rate, drop)
    # Some editors leave the semicolon to the FCM line.
    if data.draw(st.booleans()):
        text = text.replace(";", ":")
    path = tmp_path_factory.mktemp("edl") / "cut.edl"
    path.write_text(text)
    read = edl.read(path, rate)
    found = [
        (c.record * rate + read.start.frame, c.end * rate + read.start.frame, c.into * rate)
        for c in clips(read)
    ]
    pairs = zip(places[::2], places[1::2], strict=False)
    assert found == [(one, other, one + 7) for one, other in pairs]
    assert [track.label for track in read.tracks] == ["V1", "V2"]


REAL = """\
TITLE:   My Cut v3
FCM: NON-DROP FRAME

001  AX       V     C        00:00:10:00 00:00:15:00 01:00:00:00 01:00:05:00
* FROM CLIP NAME: shot a.mov
* SOURCE FILE: /media/rushes/shot a.mov
* ASC_SOP (1.0 1.0 1.0)(0.0 0.0 0.0)(1.0 1.0 1.0)
002  A001C003_190101_R2AB AA/V  C        02:00:00:00 02:00:00:00 01:00:05:00 01:00:05:00
002  A001C004 AA/V  D    025 02:00:00:00 02:00:05:00 01:00:05:00 01:00:10:00
EFFECTS NAME IS CROSS DISSOLVE
* FROM CLIP NAME: one.mov
* TO CLIP NAME: two.mov
003  BL       V     C        00:00:00:00 00:00:01:00 01:00:10:00 01:00:11:00
004  FAST     V     C        00:00:00:00 00:00:02:00 01:00:11:00 01:00:12:00
M2   FAST           050.0                00:00:00:00
005  BACK     V2    C        00:00:08:00 00:00:09:00 01:00:11:00 01:00:12:00
M2   BACK          -025.0                00:00:08:24
006  ODD      V     C        00:00:00:00 00:00:03:00 01:00:12:00 01:00:13:00
007  WIDE     NONE  C        00:00:00:00 00:00:01:00 01:00:13:00 01:00:14:00
AUD  3    4
008  X        A2/V  W001 010 00:00:00:00 00:00:01:00 01:00:14:00 01:00:15:00
"""


def test_what_editors_write(tmp_path: Path) -> None:
    read = listed(tmp_path, REAL)
    assert (read.name, str(read.start), read.notes) == ("My Cut v3", "01:00:00:00", ())
    told = {
        track.label: [(clip.name, clip.record, clip.speed, clip.effects) for clip in track.clips]
        for track in read.tracks
    }
    mix = ("transition",)
    assert told == {
        "V1": [
            ("shot a.mov", 0, 1, ()),
            ("two.mov", 5, 1, mix),
            ("FAST", 11, 2, ()),
            ("ODD", 12, None, ()),
            ("X", 14, 1, mix),
        ],
        "V2": [("BACK", 11, -1, ())],
        "A1": [("two.mov", 5, 1, mix)],
        "A2": [("two.mov", 5, 1, mix), ("X", 14, 1, mix)],
        "A3": [("WIDE", 13, 1, ())],
        "A4": [("WIDE", 13, 1, ())],
    }
    first = clips(read)[0]
    assert first.source is not None
    assert (first.source.target, first.source.duration) == ("/media/rushes/shot a.mov", None)
    assert (first.into, first.duration) == (10, 5)


@pytest.mark.parametrize(
    ("comment", "target"),
    [
        ("* FROM CLIP NAME: b.mov", "b.mov"),
        ("* SOURCE FILE: C:\\Rushes\\b c.mov", "C:\\Rushes\\b c.mov"),
        ("* FROM CLIP: /media/b.mov", "/media/b.mov"),
        ("*FROM FILE:/media/b.mov", "/media/b.mov"),
        ("* COMMENT: good take", "R001"),
        ("", "R001"),
    ],
)
def test_which_file_it_is(tmp_path: Path, comment: str, target: str) -> None:
    line = event(1, "V", 0, 0, 50, Fraction(25), False)
    (clip,) = clips(listed(tmp_path, f"{line}{comment}\n"))
    assert clip.source is not None
    assert clip.source.target == target


def test_speeds_by_rates_that_were_rounded_are_none(tmp_path: Path) -> None:
    line = event(1, "V", 0, 0, 50, frame_rate("29.97"), False)
    for written, speed in (("029.9", 1), ("030.0", 1), ("029.97", 1)):
        (clip,) = clips(listed(tmp_path, f"{line}M2   R001  {written}  00:00:00:00\n", "29.97"))
        assert clip.speed == speed


def test_record_and_source_may_be_counted_in_two_ways(tmp_path: Path) -> None:
    text = "FCM: DROP FRAME\n001  R  V  C  00:01:00:00 00:01:01:00 01:00:00;00 01:00:01;00\n"
    read = listed(tmp_path, text, "29.97")
    assert read.start == Timecode(107892, frame_rate("29.97"), True)
    assert clips(read)[0].into == 1800 / frame_rate("29.97")
    text = (
        "FCM: DROP FRAME\n001  R  V  C  00:10:00:00 00:10:01:00 01:00:00:00 01:00:01:00\n"
        "FCM: NON-DROP FRAME\n002  S  V  C  00:01:00:00 00:01:01:00 01:00:01:00 01:00:02:00\n"
    )
    first, second = clips(listed(tmp_path, text, "29.97"))
    assert first.into * frame_rate("29.97") == 17982
    assert second.into * frame_rate("29.97") == 1800
    assert second.record == first.end


def test_a_list_may_pass_midnight(tmp_path: Path) -> None:
    (clip,) = clips(
        listed(tmp_path, "001  R  V  C  23:59:59:00 00:00:01:00 23:59:59:00 00:00:01:00\n")
    )
    assert clip.duration == 2


@pytest.mark.parametrize(
    ("rate", "last", "next_day"),
    [("25", "23:59:58:00", "00:00:00:00"), ("29.97", "23:59:58;00", "00:00:00;00")],
)
def test_what_is_recorded_after_midnight_lies_behind_what_is_before(
    tmp_path: Path, rate: str, last: str, next_day: str
) -> None:
    text = (
        f"001  R  V  C  01:00:02:00 01:00:03:00 {next_day} {next_day[:6]}01{next_day[8:]}\n"
        f"002  R  V  C  01:00:00:00 01:00:02:00 {last} {next_day}\n"
    )
    read = listed(tmp_path, text, rate)
    first, second = clips(read)
    assert (str(read.start), first.into * read.rate) == (last, 3600 * round(read.rate))
    assert (first.record * read.rate, first.end) == (0, second.record)
    assert (second.record * read.rate, second.duration * read.rate) == (
        2 * round(read.rate),
        round(read.rate),
    )


def test_a_day_is_no_night(tmp_path: Path) -> None:
    """What is laid by the time of day, from morning to evening."""
    text = "".join(
        f"{n:03d}  R  V  C  01:00:00:00 01:00:01:00 {hour:02d}:00:00:00 {hour:02d}:00:01:00\n"
        for n, hour in enumerate((20, 6, 13), 1)
    )
    read = listed(tmp_path, text)
    assert str(read.start) == "06:00:00:00"
    assert sorted(clip.record for clip in clips(read)) == [0, 7 * 3600, 14 * 3600]


def test_what_lies_under_a_key_is_an_event_of_its_own(tmp_path: Path) -> None:
    place = "01:00:00:00 01:00:01:00 01:00:00:00 01:00:01:00"
    for kinds in (("K B", "K"), ("KB   010", "K    025"), ("K B", "K O 030")):
        lines = [f"001  R{n}  V{n}  {kind}  {place}\n" for n, kind in enumerate(kinds, 1)]
        read = listed(tmp_path, "".join(lines))
        assert [clip.name for clip in clips(read)] == ["R1", "R2"]
        assert [clip.effects for clip in clips(read)] == [("key",)] * 2
        assert read.notes == ()


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_letters_and_line_ends_of_every_system(tmp_path: Path, code: str, ends: str) -> None:
    line = event(1, "V", 0, 0, 50, Fraction(25), False)
    text = f"TITLE: Schnitt für é\n{line}* FROM CLIP NAME: Größe.mov\n"
    path = tmp_path / "cut.edl"
    path.write_bytes(text.replace("\n", ends).encode(code))
    read = edl.read(path, Fraction(25))
    assert (read.name, clips(read)[0].name) == ("Schnitt für é", "Größe.mov")


# --- what is refused ---


@pytest.mark.parametrize(
    ("frame", "header", "said"),
    [
        ("10", "", "23.976 or --rate 24"),
        ("24", "", "25"),
        ("29", "", "29.97"),
        ("10", "FCM: DROP FRAME\n", "29.97"),
        ("49", "", "50"),
        ("59", "FCM: DROP FRAME\n", "59.94"),
    ],
)
def test_without_a_rate_a_likely_one_is_named(
    tmp_path: Path, frame: str, header: str, said: str
) -> None:
    path = tmp_path / "cut.edl"
    path.write_text(
        f"{header}001  R  V  C  00:00:00:00 00:00:01:{frame} 00:00:00:00 00:00:01:{frame}\n"
    )
    with pytest.raises(RateMissing) as caught:
        edl.read(path, None)
    assert caught.value.hint == f"Give --rate, such as --rate {said}."


def test_a_timecode_that_the_rate_does_not_have_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTimeline) as caught:
        listed(tmp_path, REAL + event(9, "V", 0, 0, 29, Fraction(30), False))
    assert "line 22" in str(caught.value)
    assert "--rate" in caught.value.hint


@pytest.mark.parametrize("text", ["", "TITLE: nothing\n", "\0\0\0", "<xml/>", "001 R V C 1 2 3 4"])
def test_what_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableTimeline):
        listed(tmp_path, text)


def test_lines_that_nobody_understands_are_counted(tmp_path: Path) -> None:
    line = event(1, "V", 0, 0, 50, Fraction(25), False)
    strange = line.replace(" V ", " Q ")
    assert listed(tmp_path, line + strange).notes == ("1 of its lines could not be understood.",)


def test_a_list_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.edl"
    with path.open("wb") as file:
        file.truncate(33 * 1024 * 1024)
    with pytest.raises(HostileTimeline):
        edl.read(path, Fraction(25))
