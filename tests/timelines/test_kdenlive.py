"""Kdenlive projects: every clip on its frame, what is left out, and what others read in them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import opentimelineio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.timelines.drawing import stems, timelines

from soundmatte.timelines import kdenlive
from soundmatte.timelines.errors import NotWritable
from soundmatte.timelines.timeline import (
    Channel,
    Clip,
    Source,
    StemClip,
    StemTrack,
    Timeline,
    Track,
)
from stemmux.timebase import Timecode, frame_at

FILM = Fraction(24000, 1001)
SHOT = Source("shot.mov", "/media/shot.mov", duration=Fraction(100), rate=FILM, channels=2)


def said(element: Element, name: str) -> str:
    """A property of an element."""
    return element.findtext(f"property[@name='{name}']", "")


def played(project: bytes) -> dict[str, list[tuple[int, int, int, str, bool]]]:
    """Of each track by its name: the frame that each entry begins at, its own frames, its file."""
    root = ElementTree.fromstring(project)
    named = {element.get("id"): element for element in root}
    tracks = {}
    for tractor in root.findall("tractor")[:-1]:
        laid, at = [], 0
        first = tractor.find("track")
        assert first is not None
        for item in named[first.get("producer")]:
            if item.tag == "blank":
                at += int(item.get("length", ""))
            elif item.tag == "entry":
                begin, end = int(item.get("in", "")), int(item.get("out", ""))
                producer = named[item.get("producer")]
                off = said(producer, "set.test_audio") == said(producer, "set.test_image") == "1"
                laid.append((at, begin, end + 1, said(producer, "resource"), not off))
                # MLT would shorten it, and everything behind would move.
                assert 0 <= begin <= end < int(said(producer, "length"))
                at += end + 1 - begin
        tracks[said(tractor, "kdenlive:track_name")] = laid
    return tracks


def wanted(track: Track, rate: Fraction) -> Iterator[tuple[int, int, int, str, bool]]:
    for clip in track.clips:
        assert clip.source is not None
        first, end = frame_at(clip.record, rate), frame_at(clip.end, rate)
        if clip.speed == 1:
            into = frame_at(clip.into, rate)
            yield first, into, into + end - first, clip.source.target, clip.enabled


@given(data=st.data(), speeds=st.sampled_from(((1,), (1, 2, Fraction(1, 2), -1))))
@settings(max_examples=40)
def test_every_clip_lies_on_its_frame(data: st.DataObject, speeds: tuple[Any, ...]) -> None:
    speed = st.sampled_from([Fraction(one) for one in speeds])
    timeline = data.draw(timelines(speeds=speed))
    # The tracks are told apart by name.
    named = [replace(track, name=track.label) for track in timeline.tracks]
    timeline = replace(timeline, tracks=tuple(named))
    added = data.draw(stems(timeline))
    project = kdenlive.written(timeline, added)
    tracks = played(project)
    rate = timeline.rate
    for track in timeline.tracks:
        assert tracks[track.label] == list(wanted(track, rate))
    for one in added:
        [clip] = one.clips
        begin, into = frame_at(clip.record, rate), frame_at(clip.into, rate)
        end = into + frame_at(clip.duration, rate)
        assert tracks[one.name] == [(begin, into, end, clip.path, True)]
    assert project == kdenlive.written(timeline, added)
    # The lowest first: stems behind the last sound, pictures above the first.
    sounds = [one.name for one in reversed(added)]
    sounds += [track.label for track in reversed(timeline.tracks) if track.kind == "audio"]
    assert list(tracks) == sounds + [t.label for t in timeline.tracks if t.kind == "video"]


@given(data=st.data())
@settings(max_examples=25)
def test_another_reader_finds_the_same_frames(data: st.DataObject) -> None:
    timeline = data.draw(timelines(mixed=False))
    rate = timeline.rate
    added = data.draw(stems(timeline))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text = kdenlive.written(timeline, added).decode()
        read = opentimelineio.adapters.read_from_string(text, "kdenlive")
    lowest_first = [t for t in reversed(timeline.tracks) if t.kind == "audio"]
    lowest_first += [t for t in timeline.tracks if t.kind == "video"]
    for theirs, ours in zip(list(read.tracks)[len(added) :], lowest_first, strict=True):
        found = [
            (clip.range_in_parent().start_time.value, clip.source_range.start_time.value)
            for clip in theirs.find_clips()
        ]
        assert found == [
            (frame_at(clip.record, rate), frame_at(clip.into, rate)) for clip in ours.clips
        ]
        assert theirs.kind.lower() == ours.kind


def timeline_of(*tracks: Track, rate: Fraction = FILM, **more: Any) -> Timeline:
    start = Timecode(0, rate, False)
    return Timeline("cut", rate, start, tracks, **{"size": (1920, 1080), **more})


def clip(number: int, record: int, frames: int, **more: Any) -> Clip:
    values = {"kind": "file", "source": SHOT, "into": 5 / FILM, **more}
    return Clip(number, "shot.mov", record=record / FILM, duration=frames / FILM, **values)


def stem(path: str) -> StemClip:
    none = Fraction(0)
    return StemClip("t", path, none, 1 / FILM, none, Fraction(1), none, 48000, 6)


def test_what_cannot_be_carried_is_said_and_leaves_a_gap() -> None:
    def loses(*clips: Clip, kind: str = "video", **more: Any) -> str:
        track = Track(kind, 1, "", clips, **more)  # type: ignore[arg-type]
        [sentence] = kdenlive.lost(timeline_of(track))
        # The last clip stays where it was.
        laid = played(kdenlive.written(timeline_of(track), ()))[""]
        assert laid[-1][0] == clips[-1].record * FILM
        return sentence

    after = clip(9, 50, 10)
    table = dict(kdenlive.LOSSES)
    assert loses(clip(1, 10, 20, speed=Fraction(2)), after) == table["speed"]
    assert loses(clip(1, 10, 20, speed=None), after) == table["speed"]
    assert loses(clip(1, 10, 20, kind="nested", source=None), after) == table["nested timelines"]
    assert loses(clip(1, 10, 20, kind="generator", source=None), after) == table["generators"]
    assert loses(clip(1, 10, 20, effects=("blur",)), after) == table["effects"]
    right = clip(1, 10, 20, channels=(Channel(2),))
    assert loses(right, after) == table["chosen channels"]
    whole = clip(1, 10, 20, channels=(Channel(1), Channel(2)))
    assert kdenlive.lost(timeline_of(Track("video", 1, "", (whole,)))) == ()
    between = clip(1, 10, 20, into=Fraction(1, 100))
    assert loses(between, after) == table["positions between frames"]
    assert loses(after, kind="audio", channels=8) == table["channels"]
    assert loses(replace(after, name="Take 3")) == table["clip names"]
    plain = timeline_of(Track("video", 1, "", (after,)))
    assert kdenlive.lost(plain) == ()
    assert kdenlive.lost(replace(plain, size=None)) == (table["picture size"],)
    late = replace(plain, start=Timecode(86400, FILM, False))
    assert kdenlive.lost(late) == (table["start timecode"],)
    both = (Track("video", 1, "", (after,)), Track("audio", 1, "", (after,)))
    assert kdenlive.lost(timeline_of(*both)) == (table["links"],)
    under = timeline_of(Track("video", 1, "", (clip(1, 10, 20), clip(2, 25, 20))))
    assert kdenlive.lost(under) == (table["overlapping clips"],)
    laid = played(kdenlive.written(under, ()))[""]
    assert [one[:3] for one in laid] == [(10, 5, 25), (30, 10, 25)]


def test_disabled_clips_and_tracks_are_seen_and_heard_by_nobody() -> None:
    track = Track("audio", 1, "Dialogue", (clip(1, 0, 10), clip(2, 10, 10), clip(3, 20, 10)))
    cut = timeline_of(track, replace(track, number=2, name="Off", enabled=False))
    project = kdenlive.written(cut, (), frozenset({2}))
    assert [one[4] for one in played(project)["Dialogue"]] == [True, False, True]
    main = ElementTree.fromstring(project).findall("tractor")[-1]
    assert [track.get("hide") for track in main.findall("track")] == [None, "both", "video"]


def test_a_clip_to_the_end_of_its_file_moves_nothing() -> None:
    """A file ends between two frames of the timeline; the clip reaches over it, and stays."""
    source = replace(SHOT, duration=Fraction(10), rate=Fraction(25))
    last = Clip(1, "shot.mov", "file", source, Fraction(0), 240 / FILM, Fraction(0))
    laid = played(kdenlive.written(timeline_of(Track("video", 1, "", (last,))), ()))[""]
    assert laid[0][:3] == (0, 0, 240)


def test_kdenlive_is_told_what_it_would_ask() -> None:
    track = Track("audio", 1, "", (clip(1, 0, 10),))
    added = (StemTrack("Target", (stem("/s/t.wav"),)),)
    for rate, size, name in (
        (FILM, None, "atsc_1080p_2398"),
        (Fraction(30000, 1001), (1280, 720), "atsc_720p_2997"),
        (Fraction(50), (3840, 2160), "uhd_2160p_50"),
        (Fraction(25), (2048, 858), ""),
    ):
        cut = replace(timeline_of(track, rate=rate), size=size)
        root = ElementTree.fromstring(kdenlive.written(cut, added))
        clips, profile = root.find("playlist[@id='main_bin']"), root.find("profile")
        assert clips is not None
        assert profile is not None
        assert said(clips, "kdenlive:docproperties.profile") == name
        assert said(clips, "kdenlive:docproperties.version") == "1.04"
        assert said(clips, "kdenlive:docproperties.audioChannels") == "6"
        number, den = profile.get("frame_rate_num", ""), profile.get("frame_rate_den", "")
        assert Fraction(int(number), int(den)) == rate


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("file://localhost/a%20b/%C3%A9%231.mov", "/a b/é#1.mov"),
        ("file:///C:/Users/x/a.mov", "C:/Users/x/a.mov"),
        (r"C:\Users\x\a.mov", "C:/Users/x/a.mov"),
        ("//server/share/a.mov", "//server/share/a.mov"),
        ("/m/<&>'\".mov", "/m/<&>'\".mov"),
    ],
)
def test_addresses(target: str, path: str) -> None:
    track = Track("video", 1, "<&>\x01", (clip(1, 0, 9, source=replace(SHOT, target=target)),))
    project = kdenlive.written(timeline_of(track), ())
    [(_, [laid])] = played(project).items()
    assert laid[3] == path
    assert f">{PurePosixPath(path).name}<" in project.decode().replace("&lt;&amp;&gt;", "<&>")


def test_a_name_that_xml_cannot_hold() -> None:
    track = Track("video", 1, "", (clip(1, 0, 9, source=replace(SHOT, target="/m/a\x01b.mov")),))
    with pytest.raises(NotWritable, match="a\\?b"):
        kdenlive.written(timeline_of(track), ())
    bad = stem("/m/\udcff.wav")
    with pytest.raises(NotWritable):
        kdenlive.written(timeline_of(), (StemTrack("Target", (bad,)),))
