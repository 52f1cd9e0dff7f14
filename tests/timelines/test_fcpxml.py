"""FCPXML: what is written is read back the same; time through clips in clips is exact."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import opentimelineio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.timelines.drawing import (
    LOST,
    a_clip,
    a_timeline,
    counted,
    damaged,
    stem_told,
    stems,
    timelines,
    told,
    two_stems,
    validated,
    without_number,
)

from soundmatte.timelines import fcpxml
from soundmatte.timelines.errors import RateMissing, TimelineError, UnreadableTimeline
from soundmatte.timelines.timeline import Channel, Clip, Timeline, Track
from stemmux.timebase import Timecode, frame_at

_NTSC = Fraction(1000, 1001)
_SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12
)
SPEEDS = st.sampled_from([Fraction(s) for s in ("1", "1", "1/2", "24/25", "0", "-1", "-5/4")])


def _document(tmp_path: Path, text: str | bytes, name: str = "edit.fcpxml") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _clips(timeline: Timeline) -> list[Clip]:
    return [clip for track in timeline.tracks for clip in track.clips]


def _of(timeline: Timeline, kind: str) -> list[Clip]:
    return [clip for track in timeline.tracks if track.kind == kind for clip in track.clips]


@_SAME_FOLDER
@given(st.data())
def test_what_is_written_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    made = data.draw(timelines(speeds=SPEEDS))
    laid = data.draw(stems(made))
    document = fcpxml.written(made, laid)
    validated(document, "fcpxml.dtd")
    read = fcpxml.read(_document(tmp_path, document))
    assert (read.rate, read.start, read.name) == (made.rate, made.start, made.name)
    assert (read.size, read.sample_rate, read.notes) == (made.size, made.sample_rate, ())
    for one, other in zip(read.tracks, made.tracks, strict=False):
        assert (one.kind, one.number, one.name) == (other.kind, other.number, other.name)
        assert [told(clip) for clip in one.clips] == [told(clip) for clip in other.clips]
    added = read.tracks[len(made.tracks) :]
    assert [track.name for track in added] == ["Soundmatte Target", "Soundmatte Residual"]
    for one, stem in zip(added, laid, strict=True):
        assert [without_number(clip) for clip in one.clips] == [stem_told(c) for c in stem.clips]


@_SAME_FOLDER
@given(st.data())
def test_what_is_added_is_read_back_and_nothing_else_changes(
    tmp_path: Path, data: st.DataObject
) -> None:
    made = data.draw(timelines(speeds=SPEEDS))
    laid = data.draw(stems(made))
    heard = [clip.number for clip in _of(made, "audio")]
    muted = frozenset(data.draw(st.sets(st.sampled_from(heard))) if heard else ())
    plain = fcpxml.written(made, [])
    path = _document(tmp_path, plain)
    document = fcpxml.extended(path, laid, muted)
    validated(document, "fcpxml.dtd")
    before, after = fcpxml.read(path), fcpxml.read(_document(tmp_path, document, "new.fcpxml"))
    assert fcpxml.extended(path, []) == plain
    for one, other in zip(_clips(before), _clips(after), strict=False):
        assert told(other) == told(one) | {"enabled": one.enabled and one.number not in muted}
    for stem, track in zip(laid, after.tracks[-2:], strict=True):
        assert track.name == stem.name
        assert [without_number(clip) for clip in track.clips] == [stem_told(c) for c in stem.clips]


# It tests elements for truth, which a later Python will not let it.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
@_SAME_FOLDER
@given(st.data())
def test_another_reader_finds_everything_in_its_place(tmp_path: Path, data: st.DataObject) -> None:
    """At whole rates, within a frame: it cuts NTSC's rates to whole ones, and frames likewise."""
    made = data.draw(timelines(mixed=False).filter(lambda one: one.rate.denominator == 1))
    made = replace(made, start=Timecode(0, made.rate, False))
    laid = data.draw(stems(made))
    document = _document(tmp_path, fcpxml.written(made, laid))
    read = opentimelineio.adapters.read_from_file(str(document), adapter_name="fcpx_xml")
    (project,) = read
    found: list[tuple[str, int, int]] = []
    for track in project.tracks:
        for clip in track.find_clips():
            place = track.range_of_child(clip)
            # It keeps what is connected apart from its parent by a gap of its own.
            found.append((clip.name, int(place.start_time.value), int(place.duration.value)))
    expected = [
        (clip.name, frame_at(clip.record, made.rate), frame_at(clip.duration, made.rate))
        for track in [*made.tracks, *laid]
        for clip in track.clips
    ]
    for one, other in zip(sorted(found), sorted(expected), strict=True):
        assert one[0] == other[0]
        assert abs(other[1] - one[1]) <= 1
        assert abs(other[2] - one[2]) <= 1


@pytest.mark.parametrize("what", LOST)
def test_what_is_lost_is_said(tmp_path: Path, what: str) -> None:
    second = a_clip(record=Fraction(4))
    made = a_timeline(LOST[what], second)
    assert fcpxml.lost(a_timeline(a_clip(), second)) == ()
    assert dict(fcpxml.LOSSES)[what] in fcpxml.lost(made)
    read = fcpxml.read(_document(tmp_path, fcpxml.written(made, [])))
    # What comes behind stays where it is.
    assert _clips(read)[-1].record == 4


def test_tracks_and_switches_that_become_something_else_are_said(tmp_path: Path) -> None:
    upper = Track("video", 2, "", (a_clip(),), enabled=False)
    made = replace(a_timeline(a_clip(), a_clip(record=Fraction(2))), size=None)
    made = replace(made, tracks=counted([*made.tracks, upper]))
    wanted = ("tracks", "disabled tracks", "overlapping clips", "picture size")
    sentences = dict(fcpxml.LOSSES)
    assert fcpxml.lost(made) == tuple(sentences[what] for what in wanted)
    read = fcpxml.read(_document(tmp_path, fcpxml.written(made, [])))
    assert read.size == (1920, 1080)
    assert [(c.record, c.end, c.into, c.enabled) for c in _clips(read)] == [
        (0, 4, 0, True),
        (4, 6, 2, True),
        (0, 4, 0, False),
    ]


FINAL_CUT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>

<fcpxml version="{version}">
    <resources>
        <format id="r1" name="FFVideoFormat1080p2997" frameDuration="1001/30000s"
          width="1920" height="1080"/>
        <format id="r3" name="FFVideoFormat1080p24" frameDuration="100/2400s"/>
        <asset id="r2" name="Cam A" start="36000s" duration="120s" hasVideo="1" format="r1"
          hasAudio="1" audioSources="1" audioChannels="2">
            <media-rep kind="proxy-media" src="file:///proxy/A.mov"/>
            <media-rep kind="original-media" src="file:///media/Cam%20A.mov"/>
        </asset>
        <asset id="r4" name="Film" start="0s" duration="120s" hasVideo="1" format="r3">
            <media-rep src="./Media/Film.mov"/>
        </asset>
        <asset id="r5" name="Recorder" start="36010s" duration="300s"
          hasAudio="1" audioSources="1" audioChannels="4">
            <media-rep src="file:///media/rec.wav"/>
        </asset>
        <effect id="r6" uid=".../Title.moti" name="Title"/>
        <media id="r7" name="Compound"><sequence format="r1"><spine/></sequence></media>
    </resources>
    <library>
        <event name="E">
            <project name="Main">
                <sequence format="r1" duration="1001s" tcStart="8999991/2500s"
                  tcFormat="DF" audioLayout="stereo" audioRate="48k">
                    <spine>
{spine}
                    </spine>
                </sequence>
            </project>
        </event>
    </library>
</fcpxml>
"""

#: The time of the sequence begins there, in seconds: 01:00:00;00.
T0 = Fraction(8999991, 2500)


def _final_cut(tmp_path: Path, spine: str, version: str = "1.10") -> Path:
    text = FINAL_CUT.format(spine=spine, version=version)
    validated(text.encode(), "fcpxml.dtd")
    return _document(tmp_path, text)


def _at(seconds: Fraction | int) -> str:
    value = T0 + seconds
    return f"{value.numerator}/{value.denominator}s"


def test_a_clip_of_picture_and_sound(tmp_path: Path) -> None:
    spine = (
        f'<asset-clip ref="r2" offset="{_at(2)}" name="A" start="36005s" duration="10s" '
        'audioRole="dialogue"/>'
    )
    read = fcpxml.read(_final_cut(tmp_path, spine))
    assert (read.rate, read.size, read.sample_rate) == (30 * _NTSC, (1920, 1080), 48000)
    assert read.start == Timecode(107892, 30 * _NTSC, True)
    assert [(t.label, t.name) for t in read.tracks] == [("V1", ""), ("A1", "dialogue")]
    for clip in _clips(read):
        assert (clip.name, clip.record, clip.duration, clip.into) == ("A", 2, 10, 5)
        assert clip.source is not None
        assert clip.source.target == "file:///media/Cam%20A.mov"
        assert (clip.source.start, clip.source.rate) == (36000, 30 * _NTSC)


def test_what_is_missing_is_presumed_as_final_cut_does(tmp_path: Path) -> None:
    spine = (
        '<gap duration="3s"/><asset-clip ref="r2" duration="120s"/>'
        '<asset-clip ref="r4" duration="1s"/>'
    )
    read = fcpxml.read(_final_cut(tmp_path, spine))
    first, second = _of(read, "video")
    assert (first.record, first.into, first.name) == (3, 0, "Cam A")
    assert (second.record, second.into) == (123, 0)


def test_connected_clips_count_in_the_time_of_what_they_hang_on(tmp_path: Path) -> None:
    spine = f"""
<asset-clip ref="r2" offset="{_at(0)}" start="36020s" duration="10s" srcEnable="video">
    <title ref="r6" lane="2" offset="36021s" start="3600s" duration="2s"/>
    <asset-clip ref="r5" lane="-1" offset="36023s" start="36100s" duration="30s"
      audioRole="effects"/>
    <spine lane="1" offset="36024s">
        <asset-clip ref="r4" offset="0s" start="7s" duration="1s" enabled="0"/>
        <asset-clip ref="r4" offset="1s" start="9s" duration="2s"/>
    </spine>
</asset-clip>
<gap offset="{_at(10)}" start="3600s" duration="50s">
    <asset-clip ref="r5" lane="-2" offset="3605s" duration="1s"/>
    <ref-clip ref="r7" lane="-1" offset="3601s" duration="3s" srcEnable="video"/>
</gap>"""
    read = fcpxml.read(_final_cut(tmp_path, spine))
    found = {
        track.label: [(c.kind, c.record, c.duration, c.into, c.enabled) for c in track.clips]
        for track in read.tracks
    }
    assert found == {
        "V1": [("nested", 11, 3, 0, True)],
        "V2": [("file", 0, 10, 20, True)],
        "V3": [("file", 4, 1, 7, False), ("file", 5, 2, 9, True)],
        "V4": [("generator", 1, 2, 0, True)],
        "A1": [("file", 3, 30, 90, True)],
        "A2": [("file", 15, 1, 0, True)],
    }
    assert [t.name for t in read.tracks if t.kind == "audio"] == ["effects", ""]


def test_a_clip_shows_its_range_of_what_it_contains(tmp_path: Path) -> None:
    spine = f"""
<clip offset="{_at(1)}" start="5s" duration="10s" name="C">
    <video ref="r2" offset="0s" start="36000s" duration="120s">
        <audio ref="r2" lane="-1" offset="36000s" start="36000s" duration="120s" role="dialogue"/>
    </video>
    <asset-clip ref="r5" lane="-1" offset="6s" start="36010s" duration="60s"/>
</clip>"""
    read = fcpxml.read(_final_cut(tmp_path, spine))
    video, own, other = _clips(read)
    assert (video.record, video.duration, video.into) == (1, 10, 5)
    assert (own.record, own.duration, own.into) == (1, 10, 5)
    # What is connected to it is not cut with it.
    assert (other.record, other.duration, other.into) == (2, 60, 0)


def test_the_channels_of_a_sound_are_those_of_its_components_that_are_on(tmp_path: Path) -> None:
    spine = f"""
<asset-clip ref="r2" offset="{_at(0)}" start="36000s" duration="10s">
    <audio-channel-source srcCh="3, 4" role="dialogue"/>
    <audio-channel-source srcCh="1, 2" role="dialogue" active="0"/>
</asset-clip>
<asset-clip ref="r2" offset="{_at(10)}" start="36000s" duration="10s"/>
<clip offset="{_at(20)}" duration="10s">
    <audio ref="r2" offset="0s" start="36000s" duration="60s" srcID="3"/>
    <audio ref="r2" lane="-1" offset="0s" start="36000s" duration="60s" srcCh="2"/>
</clip>"""
    read = fcpxml.read(_final_cut(tmp_path, spine))
    heard = [clip for track in read.tracks if track.kind == "audio" for clip in track.clips]
    assert {(clip.record, clip.channels) for clip in heard} == {
        (0, (Channel(3), Channel(4))),
        (10, ()),
        (20, (Channel(1, sound=3),)),
        (20, (Channel(2),)),
    }


def test_a_synchronised_clip_sounds_in_the_roles_that_are_on(tmp_path: Path) -> None:
    spine = f"""
<sync-clip offset="{_at(0)}" start="2s" duration="10s">
    <spine>
        <asset-clip ref="r2" offset="0s" start="36000s" duration="120s" audioRole="dialogue">
            <asset-clip ref="r5" lane="-1" offset="36001s" start="36020s" duration="60s"
              audioRole="effects"/>
        </asset-clip>
    </spine>
    <sync-source sourceID="storyline"><audio-role-source role="dialogue" active="0"/></sync-source>
</sync-clip>"""
    read = fcpxml.read(_final_cut(tmp_path, spine))
    found = [(c.name, c.record, c.duration, c.into, c.enabled) for c in _clips(read)]
    assert found == [
        ("Cam A", 0, 10, 2, True),
        ("Cam A", 0, 10, 2, False),
        ("Recorder", 0, 10, 11, True),
    ]


CONFORM = {
    # Of another rate, each frame shown for one of the timeline: 30 × 1000/1001 of 24 a second.
    '<conform-rate srcFrameRate="24"/>': (30 * _NTSC / 24, 1),
    '<conform-rate scaleEnabled="0" srcFrameRate="24"/>': (Fraction(1), 1),
    "<conform-rate/>": (None, 1),
    '<timeMap><timept time="0s" value="0s"/><timept time="60s" value="30s"/></timeMap>': (
        Fraction(1, 2),
        Fraction(1, 2),
    ),
    '<timeMap><timept time="0s" value="60s"/><timept time="60s" value="0s"/></timeMap>': (
        Fraction(-1),
        Fraction(52, 8),
    ),
    '<timeMap><timept time="0s" value="4s"/><timept time="60s" value="4s"/></timeMap>': (
        Fraction(0),
        Fraction(1, 2),
    ),
    '<timeMap><timept time="0s" value="0s"/><timept time="9s" value="9s"/>'
    '<timept time="60s" value="30s"/></timeMap>': (None, 1),
    # The change lies behind the clip.
    '<timeMap><timept time="0s" value="0s"/><timept time="20s" value="10s"/>'
    '<timept time="60s" value="60s"/></timeMap>': (Fraction(1, 2), Fraction(1, 2)),
}


@pytest.mark.parametrize("bent", CONFORM)
def test_time_that_is_bent(tmp_path: Path, bent: str) -> None:
    spine = (
        f'<asset-clip ref="r4" offset="{_at(0)}" start="8s" duration="10s">{bent}'
        '<asset-clip ref="r5" lane="-1" offset="12s" duration="1s"/></asset-clip>'
    )
    speed, part = CONFORM[bent]
    video, sound = _clips(fcpxml.read(_final_cut(tmp_path, spine)))
    assert video.speed == speed
    assert video.into == 8 * part
    # What is connected counts in the clip's time, which only a conformed rate bends.
    pace = speed if "srcFrameRate" in bent and speed else 1
    assert (sound.record, sound.speed) == (4 / pace, pace if pace != 1 else 1)


def test_sound_may_begin_and_end_elsewhere_than_its_picture(tmp_path: Path) -> None:
    spine = (
        f'<asset-clip ref="r2" offset="{_at(5)}" start="36005s" duration="10s" '
        'audioStart="36003s" audioDuration="15s"/>'
    )
    video, sound = _clips(fcpxml.read(_final_cut(tmp_path, spine)))
    assert (video.record, video.duration, video.into) == (5, 10, 5)
    assert (sound.record, sound.duration, sound.into) == (3, 15, 3)


def test_the_first_of_an_audition_is_the_one_that_plays(tmp_path: Path) -> None:
    spine = (
        f'<audition offset="{_at(0)}"><asset-clip ref="r4" start="3s" duration="4s"/>'
        '<asset-clip ref="r2" start="36000s" duration="4s"/></audition>'
        f'<asset-clip ref="r4" offset="{_at(4)}" duration="1s"/>'
    )
    first, second = _clips(fcpxml.read(_final_cut(tmp_path, spine)))
    assert (first.name, first.into, second.record) == ("Film", 3, 4)


def test_effects_are_named(tmp_path: Path) -> None:
    spine = (
        f'<asset-clip ref="r2" offset="{_at(0)}" start="36000s" duration="4s">'
        '<adjust-transform scale="2 2"/><adjust-volume amount="-6dB"/>'
        '<filter-video ref="r6" name="Blur"/><filter-video ref="r6" name="Off" enabled="0"/>'
        '<filter-audio ref="r6" name="Echo"/></asset-clip>'
        f'<transition name="Cross Dissolve" offset="{_at(3)}" duration="2s"/>'
        f'<asset-clip ref="r4" offset="{_at(4)}" duration="4s"/>'
    )
    video, second, sound = _clips(fcpxml.read(_final_cut(tmp_path, spine)))
    assert video.effects == ("transform", "Blur", "Cross Dissolve")
    assert second.effects == ("Cross Dissolve",)
    assert sound.effects == ("volume", "Echo", "Cross Dissolve")


HOLDERS = {
    "a clip with everything": (
        '<asset-clip ref="r2" offset="{at}" start="36010s" duration="20s"><note>n</note>'
        '<adjust-volume amount="-3dB"/>'
        '<asset-clip ref="r4" lane="1" offset="36011s" duration="1s"/>'
        '<marker start="36011s" value="m"/></asset-clip>'
    ),
    "a clip alone": '<asset-clip ref="r2" offset="{at}" start="36010s" duration="20s"/>',
    "a clip with a marker": (
        '<asset-clip ref="r2" offset="{at}" start="36010s" duration="20s">'
        '<marker start="36011s" value="m"/></asset-clip>'
    ),
    "a gap": '<gap offset="{at}" start="3600s" duration="20s"/>',
    "a title": (
        '<title ref="r6" offset="{at}" start="3600s" duration="20s"><param name="p"/></title>'
    ),
    "a compound clip": '<ref-clip ref="r7" offset="{at}" duration="20s"><note>n</note></ref-clip>',
    "a clip that is slower": (
        '<asset-clip ref="r4" offset="{at}" start="8s" duration="20s">'
        '<timeMap><timept time="0s" value="0s"/><timept time="60s" value="30s"/></timeMap>'
        "</asset-clip>"
    ),
    "a conformed clip": (
        '<asset-clip ref="r4" offset="{at}" start="8s" duration="20s">'
        '<conform-rate srcFrameRate="24"/></asset-clip>'
    ),
    "a synchronised clip": (
        '<sync-clip offset="{at}" start="2s" duration="20s">'
        '<asset-clip ref="r2" offset="0s" start="36000s" duration="60s"/>'
        '<marker start="4s" value="m"/></sync-clip>'
    ),
    "an audition": (
        '<audition offset="{at}"><asset-clip ref="r4" start="3s" duration="20s"/></audition>'
    ),
    "nothing any more": '<asset-clip ref="r4" offset="{at}" start="8s" duration="1s"/>',
    "nothing at all": "",
}


@pytest.mark.parametrize("what", HOLDERS)
@pytest.mark.parametrize("version", ["1.8", "1.10", "1.13"])
def test_stems_are_connected_to_what_lies_there(tmp_path: Path, what: str, version: str) -> None:
    path = _final_cut(tmp_path, HOLDERS[what].format(at=_at(0)), version)
    before = fcpxml.read(path)
    laid = two_stems(before, start=90, frames=31)
    document = fcpxml.extended(path, laid)
    if version != "1.8":
        validated(document, "fcpxml.dtd")
    # Up to 1.8 an asset says itself where its file is.
    place = b'src="file:///stems/'
    apart = b'<media-rep kind="original-media" ' + place
    assert (document.count(place), document.count(apart)) == (2, 0 if version == "1.8" else 2)
    after = fcpxml.read(_document(tmp_path, document, "new.fcpxml"))
    speed = 30 * _NTSC / 24 if what == "a conformed clip" else 1
    for stem, track in zip(laid, after.tracks[-2:], strict=True):
        (clip,) = track.clips
        (made,) = stem.clips
        assert (clip.record, clip.name, track.name) == (made.record, made.name, stem.name)
        if speed == 1:
            assert without_number(clip) == stem_told(made)
    kept = [told(c) if c.source else c for c in _clips(after)[: len(_of(before, "video"))]]
    assert kept == [told(c) if c.source else c for c in _of(before, "video")]


def test_the_muted_sound_of_a_clip_leaves_its_picture(tmp_path: Path) -> None:
    spine = f"""<asset-clip ref="r2" offset="{_at(0)}" start="36000s" duration="9s"/>
<asset-clip ref="r2" offset="{_at(9)}" start="36000s" duration="9s" srcEnable="all">
    <asset-clip ref="r5" lane="-3" offset="36000s" start="36010s" duration="5s"/>
</asset-clip>"""
    path = _final_cut(tmp_path, spine)
    before = fcpxml.read(path)
    assert [(c.number, c.name) for c in _of(before, "audio")] == [
        (3, "Cam A"),
        (4, "Cam A"),
        (5, "Recorder"),
    ]
    document = fcpxml.extended(path, two_stems(before), frozenset({4, 5}))
    after = fcpxml.read(_document(tmp_path, document, "new.fcpxml"))
    assert [(c.name, c.enabled) for c in _of(after, "video")] == [("Cam A", True)] * 2
    assert [(c.name, c.enabled) for c in _of(after, "audio")] == [
        ("Cam A", True),
        ("Recorder", False),
        ("Stem Target", True),
        ("Stem Residual", True),
    ]
    assert b'lane="-4"' in document
    assert b'lane="-5"' in document


def test_a_bundle_is_read_as_the_document_in_it(tmp_path: Path) -> None:
    bundle = tmp_path / "Edit.fcpxmld"
    bundle.mkdir()
    with pytest.raises(UnreadableTimeline, match=r"Info\.fcpxml is no file"):
        fcpxml.read(bundle)
    text = FINAL_CUT.format(spine='<asset-clip ref="r4" duration="9s"/>', version="1.13")
    (bundle / "Info.fcpxml").write_text(text)
    assert [clip.name for clip in _clips(fcpxml.read(bundle))] == ["Film"]
    assert b"Stem Target" in fcpxml.extended(bundle, two_stems(fcpxml.read(bundle)))


def test_of_several_projects_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    project = '<project name="{}"><sequence format="r1"><spine>{}</spine></sequence></project>'
    clip = '<asset-clip ref="r9" duration="1s"/>'
    projects = [("Empty", '<gap duration="1s"/>'), ("Main", clip), ("Other", clip)]
    text = (
        '<fcpxml version="1.9"><resources><format id="r1" frameDuration="1/25s"/></resources>'
        f"{''.join(project.format(*each) for each in projects)}</fcpxml>"
    )
    read = fcpxml.read(_document(tmp_path, text))
    assert read.name == "Main"
    assert read.notes == ("Only the project 'Main' was read, not 'Other', 'Empty'.",)


BROKEN = {
    "<fcpxml version='1.9'><resources/></fcpxml>": (UnreadableTimeline, "holds no project"),
    "<fcpxml><project name='P'><sequence><spine/></sequence></project></fcpxml>": (
        RateMissing,
        "'P' does not say its frame rate",
    ),
    "<fcpxml><resources><format id='r' frameDuration='1/0s'/></resources><project>"
    "<sequence format='r'><spine/></sequence></project></fcpxml>": (
        UnreadableTimeline,
        "is no time",
    ),
    "<fcpxml><resources><format id='r' frameDuration='1/25s'/></resources><project>"
    "<sequence format='r' tcStart='soon'><spine/></sequence></project></fcpxml>": (
        UnreadableTimeline,
        "tcStart='soon' of <sequence> is no time",
    ),
    "<xmeml/>": (UnreadableTimeline, "a document of <xmeml>, not of <fcpxml>"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    error, words = BROKEN[text]
    with pytest.raises(error, match=words) as refused:
        fcpxml.read(_document(tmp_path, text))
    assert refused.value.hint


def test_stems_alone_are_a_timeline(tmp_path: Path) -> None:
    start = Timecode(107892, 30 * _NTSC, True)
    alone = Timeline("Stems", 30 * _NTSC, start, ())
    document = fcpxml.written(alone, two_stems(alone))
    validated(document, "fcpxml.dtd")
    read = fcpxml.read(_document(tmp_path, document))
    assert [(track.label, track.name) for track in read.tracks] == [
        ("A1", "Soundmatte Target"),
        ("A2", "Soundmatte Residual"),
    ]


#: One of each of them, one behind the other.
EVERYTHING = FINAL_CUT.format(
    spine="".join(HOLDERS[what].format(at=_at(20 * each)) for each, what in enumerate(HOLDERS)),
    version="1.10",
)


@_SAME_FOLDER
@given(st.data())
def test_what_is_damaged_is_read_or_refused_with_a_way_out(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = _document(tmp_path, data.draw(damaged(EVERYTHING)))
    way_out = "none was needed"
    try:
        read = fcpxml.read(path)
        laid = two_stems(read)
        document = fcpxml.extended(path, laid, frozenset(c.number for c in _clips(read)))
        fcpxml.written(read, laid)
        fcpxml.read(_document(tmp_path, document, "new.xml"))
    except TimelineError as refused:
        way_out = refused.hint
    assert way_out
