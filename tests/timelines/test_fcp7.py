"""FCP7 XML: what is written is read back the same, also by another reader; what is there stays."""

from __future__ import annotations

import re
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
    damaged,
    stem_told,
    stems,
    timelines,
    told,
    two_stems,
    validated,
    without_number,
)

from soundmatte.timelines import fcp7
from soundmatte.timelines.errors import (
    NotWritable,
    RateMissing,
    TimelineError,
    UnreadableTimeline,
)
from soundmatte.timelines.timeline import Channel, Clip, Source, Timeline
from stemmux.timebase import Timecode, nearest

_NTSC = Fraction(1000, 1001)
_SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40
)


def _document(tmp_path: Path, text: str | bytes, name: str = "edit.xml") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _clips(timeline: Timeline) -> list[Clip]:
    return [clip for track in timeline.tracks for clip in track.clips]


@_SAME_FOLDER
@given(st.data())
def test_what_is_written_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    made = data.draw(timelines())
    laid = data.draw(stems(made))
    document = fcp7.written(made, laid)
    validated(document, "xmeml.dtd")
    read = fcp7.read(_document(tmp_path, document))
    assert (read.rate, read.start, read.name) == (made.rate, made.start, made.name)
    assert (read.size, read.sample_rate, read.notes) == (made.size, made.sample_rate, ())
    # A document without pictures gets a track for them all the same.
    found = [track for track in read.tracks if track.clips]
    own, added = found[: len(made.tracks)], found[len(made.tracks) :]
    for one, other in zip(own, made.tracks, strict=True):
        assert (one.kind, one.number, one.name) == (other.kind, other.number, other.name)
        assert one.channels == other.channels
        assert [told(clip) for clip in one.clips] == [told(clip) for clip in other.clips]
    assert [track.name for track in added] == ["Soundmatte Target", "Soundmatte Residual"]
    for one, stem in zip(added, laid, strict=True):
        assert [without_number(clip) for clip in one.clips] == [stem_told(c) for c in stem.clips]
        assert one.channels == stem.channels


@_SAME_FOLDER
@given(st.data())
def test_what_is_added_is_read_back_and_nothing_else_changes(
    tmp_path: Path, data: st.DataObject
) -> None:
    made = data.draw(timelines())
    laid = data.draw(stems(made))
    heard = [clip.number for track in made.tracks if track.kind == "audio" for clip in track.clips]
    muted = frozenset(data.draw(st.sets(st.sampled_from(heard))) if heard else ())
    plain = fcp7.written(made, [])
    path = _document(tmp_path, plain)
    document = fcp7.extended(path, laid, muted)
    before, after = fcp7.read(path), fcp7.read(_document(tmp_path, document, "new.xml"))
    assert fcp7.extended(path, []) == plain
    assert [t.name for t in after.tracks] == [t.name for t in [*before.tracks, *laid]]
    for one, other in zip(_clips(before), _clips(after), strict=False):
        expected = told(one) | {"enabled": one.enabled and one.number not in muted}
        assert told(other) == expected
    for stem, track in zip(laid, after.tracks[-2:], strict=True):
        assert [without_number(clip) for clip in track.clips] == [stem_told(c) for c in stem.clips]
    if not muted:
        validated(document, "xmeml.dtd")
        assert _is_spread_over(plain, document)


def _is_spread_over(few: bytes, many: bytes) -> bool:
    """Whether all lines are there again in their order, but for the duration."""
    lines = iter(many.splitlines())
    duration = [line for line in few.splitlines() if b"<duration>" in line][:1]
    return all(line in lines for line in few.splitlines() if line not in duration)


@_SAME_FOLDER
@given(st.data())
def test_another_reader_finds_everything_in_its_place(tmp_path: Path, data: st.DataObject) -> None:
    made = data.draw(timelines(mixed=False))
    laid = data.draw(stems(made))
    document = _document(tmp_path, fcp7.written(made, laid))
    read = opentimelineio.adapters.read_from_file(str(document), adapter_name="fcp_xml")
    assert read.global_start_time.value == made.start.frame
    expected = [
        [(c.name, c.record, c.duration, c.into + c.source.start) for c in t.clips if c.source]
        for t in made.tracks
    ] + [[(c.name, c.record, c.duration, c.into + c.start) for c in t.clips] for t in laid]
    found = []
    for track in read.tracks:
        row = []
        for clip in track.find_clips():
            place, source = track.range_of_child(clip), clip.source_range
            numbers = (place.start_time, place.duration, source.start_time)
            row.append((clip.name, *(Fraction(int(time.value)) / made.rate for time in numbers)))
        found.append(row)
    at_frames = [
        [(n, r, d, Fraction(nearest(s * made.rate)) / made.rate) for n, r, d, s in row]
        for row in expected
    ]
    assert [row for row in found if row] == at_frames


@_SAME_FOLDER
@given(st.data())
def test_constant_speeds_are_kept(tmp_path: Path, data: st.DataObject) -> None:
    speeds = st.sampled_from([Fraction(s) for s in ("1/2", "2", "6/5", "-1", "-5/4")])
    made = data.draw(timelines(speeds=speeds))
    document = fcp7.written(made, [])
    validated(document, "xmeml.dtd")
    read = fcp7.read(_document(tmp_path, document))
    for one, other in zip(_clips(read), _clips(made), strict=True):
        assert abs(one.into - other.into) < Fraction(1, 10**9)
        assert told(one) | {"into": other.into} == told(other)


@pytest.mark.parametrize("what", LOST)
def test_what_is_lost_is_said(tmp_path: Path, what: str) -> None:
    second = a_clip(record=Fraction(4))
    made = a_timeline(LOST[what], second)
    sentences = dict(fcp7.LOSSES)
    assert fcp7.lost(a_timeline(a_clip(), second)) == ()
    assert sentences[what] in fcp7.lost(made)
    read = fcp7.read(_document(tmp_path, fcp7.written(made, [])))
    # What comes behind stays where it is.
    assert _clips(read)[-1].record == 4


def test_clips_that_overlap_are_laid_one_behind_the_other(tmp_path: Path) -> None:
    made = a_timeline(
        a_clip(), a_clip(record=Fraction(2)), a_clip(record=Fraction(3), duration=Fraction(1))
    )
    assert dict(fcp7.LOSSES)["overlapping clips"] in fcp7.lost(made)
    read = fcp7.read(_document(tmp_path, fcp7.written(made, [])))
    assert [(c.record, c.end, c.into) for c in _clips(read)] == [(0, 4, 0), (4, 6, 2)]


def test_a_rate_that_the_format_cannot_say_is_refused() -> None:
    with pytest.raises(NotWritable, match=r"12\.5 frames"):
        fcp7.written(a_timeline(a_clip(), rate=Fraction(25, 2)), [])


def test_paths_of_other_systems_become_urls(tmp_path: Path) -> None:
    made = {
        "C:\\Clips\\a b.mov": "file://localhost/C:/Clips/a%20b.mov",
        "\\\\host\\share\\a.mov": "file://host/share/a.mov",
        "file:///Volumes/A%20b/é.mov": "file://localhost/Volumes/A%20b/%C3%A9.mov",
        "sub/a#1.mov": "sub/a%231.mov",
    }
    for target, url in made.items():
        source = Source("a", target, Fraction(0), Fraction(100), Fraction(25), 2)
        read = fcp7.read(_document(tmp_path, fcp7.written(a_timeline(a_clip(source=source)), [])))
        assert [clip.source.target for clip in _clips(read) if clip.source] == [url]


PREMIERE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="4">
 <sequence id="sequence-2" TL.SQAudioVisibleBase="0" explodedTracks="true">
  <uuid>00000000-0000-4000-8000-000000000000</uuid>
  <duration>240</duration>
  <rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
  <name>Cut &amp; paste</name>
  <media>
   <video>
    <format><samplecharacteristics><width>1920</width><height>1080</height>
     </samplecharacteristics></format>
    <track TL.SQTrackShy="0">
     <clipitem id="clipitem-1">
      <masterclipid>masterclip-1</masterclipid>
      <name>A cam.mp4</name>
      <enabled>TRUE</enabled>
      <duration>4000</duration>
      <rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
      <start>12</start><end>-1</end><in>100</in><out>198</out>
      <pproTicksIn>1059458400000</pproTicksIn><pproTicksOut>2097727632000</pproTicksOut>
      <file id="file-1">
       <name>A cam.mp4</name>
       <pathurl>file://localhost/D%3a/Clips/A%20cam.mp4</pathurl>
       <rate><timebase>50</timebase><ntsc>FALSE</ntsc></rate>
       <duration>8000</duration>
       <timecode><rate><timebase>50</timebase><ntsc>FALSE</ntsc></rate>
        <string>10:00:00:25</string><frame>1800025</frame><displayformat>NDF</displayformat>
         </timecode>
       <media><video/><audio><channelcount>2</channelcount></audio></media>
      </file>
      <filter><effect><name>Basic Motion</name><effectid>basic</effectid></effect></filter>
      <link><linkclipref>clipitem-1</linkclipref></link>
     </clipitem>
     <transitionitem>
      <start>90</start><end>110</end><alignment>center</alignment>
      <effect><name>Cross Dissolve</name></effect>
     </transitionitem>
     <clipitem id="clipitem-2">
      <name>B cam.mp4</name><duration>4000</duration>
      <start>-1</start><end>200</end><in>40</in><out>150</out>
      <file id="file-2"><name>B cam.mp4</name>
       <pathurl>file://localhost/D%3a/Clips/B.mp4</pathurl></file>
      <filter>
       <effect><name>Time Remap</name><effectid>timeremap</effectid>
        <parameter authoringApp="PremierePro"><parameterid>variablespeed</parameterid>
         <value>0</value></parameter>
        <parameter authoringApp="PremierePro"><parameterid>speed</parameterid><value>50</value>
         </parameter>
        <parameter authoringApp="PremierePro"><parameterid>reverse</parameterid>
         <value>FALSE</value></parameter>
       </effect>
      </filter>
     </clipitem>
     <!-- a clip without a place -->
     <clipitem id="clipitem-9"><name>hidden</name><start>-1</start><end>-1</end>
      <file id="file-1"/></clipitem>
     <enabled>TRUE</enabled><locked>FALSE</locked>
    </track>
    <track MZ.TrackName="Mask">
     <generatoritem id="clipitem-3"><name>Title</name><start>0</start><end>24</end></generatoritem>
     <clipitem id="clipitem-4"><name>Nest</name><start>30</start><end>60</end><in>0</in>
      <out>30</out>
      <sequence id="sequence-7"><name>Nest</name><rate><timebase>25</timebase></rate><media>
       <video><track>
       <clipitem id="clipitem-5"><name>inside</name><start>0</start><end>9</end>
        <file id="file-1"/></clipitem>
      </track></video></media></sequence>
     </clipitem>
     <enabled>FALSE</enabled>
    </track>
   </video>
   <audio>
    <numOutputChannels>2</numOutputChannels>
    <track currentExplodedTrackIndex="0" totalExplodedTrackCount="2" premiereTrackType="Stereo">
     <clipitem id="clipitem-6" premiereChannelType="stereo">
      <name>A cam.mp4</name><enabled>TRUE</enabled><start>12</start><end>100</end><in>100</in>
       <out>188</out>
      <file id="file-1"/><sourcetrack><mediatype>audio</mediatype><trackindex>1</trackindex>
       </sourcetrack>
     </clipitem>
     <outputchannelindex>1</outputchannelindex>
    </track>
    <track currentExplodedTrackIndex="1" totalExplodedTrackCount="2" premiereTrackType="Stereo">
     <clipitem id="clipitem-7" premiereChannelType="stereo">
      <name>A cam.mp4</name><start>12</start><end>100</end><in>100</in><out>188</out>
      <file id="file-1"/><sourcetrack><mediatype>audio</mediatype><trackindex>2</trackindex>
       </sourcetrack>
     </clipitem>
     <outputchannelindex>2</outputchannelindex>
    </track>
    <track currentExplodedTrackIndex="0" totalExplodedTrackCount="1" premiereTrackType="Mono">
     <outputchannelindex>1</outputchannelindex>
    </track>
   </audio>
  </media>
  <timecode>
   <rate><timebase>24</timebase><ntsc>TRUE</ntsc></rate>
   <string>01:00:00:00</string><frame>86400</frame><displayformat>NDF</displayformat>
  </timecode>
  <marker><name>m</name><in>10</in><out>-1</out></marker>
 </sequence>
</xmeml>
"""


def test_a_document_of_premiere(tmp_path: Path) -> None:
    read = fcp7.read(_document(tmp_path, PREMIERE))
    rate = 24 * _NTSC
    assert (read.name, read.rate, read.start) == ("Cut & paste", rate, Timecode(86400, rate, False))
    assert [(t.label, t.name, t.channels, t.enabled, len(t.clips)) for t in read.tracks] == [
        ("V1", "", None, True, 2),
        ("V2", "Mask", None, False, 2),
        ("A1", "", 2, True, 1),
        ("A2", "", 1, True, 0),
    ]
    a, b, title, nest, sound = _clips(read)
    assert [clip.number for clip in _clips(read)] == [1, 2, 3, 4, 5]
    # Up to the cut in the middle of the transition, its place in the file counted at its own rate.
    assert (a.record, a.end, a.into) == (12 / rate, 100 / rate, 100 / rate)
    assert a.effects == ("Basic Motion", "Cross Dissolve")
    assert a.source is not None
    assert a.source.target == "file://localhost/D%3a/Clips/A%20cam.mp4"
    assert (a.source.start, a.source.duration) == (Fraction(1800025, 50), 160)
    assert (a.source.rate, a.source.channels) == (50, 2)
    # `in` is where the transition begins, 10 frames before the cut; half speed.
    assert (b.record, b.end, b.speed, b.into) == (100 / rate, 200 / rate, Fraction(1, 2), 25 / rate)
    assert b.effects == ("Cross Dissolve",)
    assert (title.kind, nest.kind, nest.source) == ("generator", "nested", None)
    assert sound.source == a.source
    assert sound.channels == (Channel(1), Channel(2))
    assert any("without a place" in note for note in read.notes)


def test_ticks_that_another_program_left_behind_are_not_believed(tmp_path: Path) -> None:
    finer = PREMIERE.replace("1059458400000", "1059463692000")
    stale = PREMIERE.replace("1059458400000", "0")
    first = _clips(fcp7.read(_document(tmp_path, finer)))[0]
    assert first.into == 100 / (24 * _NTSC) + Fraction(1, 48000)
    assert _clips(fcp7.read(_document(tmp_path, stale)))[0].into == 100 / (24 * _NTSC)


def test_a_file_of_endless_channels_is_mistaken(tmp_path: Path) -> None:
    count = "<channelcount>{}</channelcount>".format
    for wrong in ("9" * 15, "65", "0"):
        read = fcp7.read(_document(tmp_path, PREMIERE.replace(count(2), count(wrong))))
        assert next(c.source.channels for c in _clips(read) if c.source) is None
        assert fcp7.written(read, [])


def test_stems_are_added_to_a_document_of_premiere(tmp_path: Path) -> None:
    path = _document(tmp_path, PREMIERE.replace("\n", "\r\n"))
    before = fcp7.read(path)
    laid = two_stems(before)
    document = fcp7.extended(path, laid, frozenset({5}))
    after = fcp7.read(_document(tmp_path, document, "new.xml"))
    assert [t.label for t in after.tracks] == ["V1", "V2", "A1", "A2", "A3", "A4"]
    target, residual = after.tracks[-2:]
    assert (target.name, residual.name) == ("Soundmatte Target", "Soundmatte Residual")
    assert (target.channels, target.clips[0].into) == (2, 2 / before.rate)
    assert [c.enabled for t in after.tracks for c in t.clips] == [True] * 4 + [False, True, True]
    text = document.decode()
    # Both channels of the muted clip are off, though one had no switch.
    assert text.count("<enabled>FALSE</enabled>") == PREMIERE.count("<enabled>FALSE</enabled>") + 2
    ids = re.findall(r'<clipitem id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert text.count("\n") == text.count("\r\n")
    assert "<!-- a clip without a place -->" in text
    # The tracks of the document end at its fifth; the links count on from there.
    assert "<trackindex>4</trackindex>" in text


RESOLVE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="5">
  <sequence>
    <name>Timeline 1 (Resolve)</name>
    <duration>100</duration>
    <rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate>
    <in>-1</in>
    <out>-1</out>
    <timecode>
      <string>01:00:00;00</string>
      <frame>107892</frame>
      <displayformat>DF</displayformat>
      <rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate>
    </timecode>
    <media>
      <video>
        <track>
          <clipitem id="A.mov 0">
            <name>A.mov</name><duration>500</duration>
            <rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>
            <start>0</start><end>100</end><enabled>TRUE</enabled><in>50</in><out>133</out>
            <file id="A.mov 2">
              <duration>500</duration>
              <rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>
              <name>A.mov</name>
              <pathurl>file:///media/A.mov</pathurl>
              <timecode><string>00:00:10:00</string><displayformat>NDF</displayformat></timecode>
              <media><video/><audio><channelcount>2</channelcount></audio></media>
            </file>
            <compositemode>normal</compositemode>
          </clipitem>
        </track>
      </video>
      <audio>
        <track>
          <clipitem id="A.mov 1">
            <name>A.mov</name><duration>500</duration>
            <rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>
            <start>0</start><end>100</end><in>50</in><out>133</out>
            <file id="A.mov 2"/>
            <sourcetrack><mediatype>audio</mediatype><trackindex>1</trackindex></sourcetrack>
          </clipitem>
          <enabled>TRUE</enabled>
        </track>
      </audio>
    </media>
  </sequence>
</xmeml>
"""


def test_a_document_of_resolve(tmp_path: Path) -> None:
    path = _document(tmp_path, RESOLVE)
    read = fcp7.read(path)
    assert (read.rate, read.start) == (30 * _NTSC, Timecode(107892, 30 * _NTSC, True))
    for clip in _clips(read):
        assert clip.source is not None
        assert (clip.into, clip.speed, clip.source.start) == (2, 1, 10)
        assert (clip.record, clip.duration) == (0, 100 / read.rate)
    # One clip for both channels, as the document has it.
    document = fcp7.extended(path, two_stems(read, 30), frozenset({2})).decode()
    assert "totalExplodedTrackCount" not in document
    assert len(re.findall(r"<track[ >]", document)) == 4
    after = fcp7.read(_document(tmp_path, document, "new.xml"))
    assert [c.name for c in _clips(after)] == ["A.mov", "A.mov", "Stem Target", "Stem Residual"]
    assert [c.enabled for c in _clips(after)] == [True, False, True, True]
    # The stems reach further than the timeline did.
    assert "<duration>118</duration>" in document


def test_stems_alone_are_a_timeline(tmp_path: Path) -> None:
    start = Timecode(107892, 30 * _NTSC, True)
    document = fcp7.written(
        Timeline("Stems", 30 * _NTSC, start, ()),
        two_stems(Timeline("Stems", 30 * _NTSC, start, ())),
    )
    validated(document, "xmeml.dtd")
    read = fcp7.read(_document(tmp_path, document))
    assert [track.label for track in read.tracks] == ["V1", "A1", "A2"]
    assert [clip.name for clip in _clips(read)] == ["Stem Target", "Stem Residual"]


def test_a_document_without_sound_or_media_takes_stems(tmp_path: Path) -> None:
    rate = "<rate><timebase>25</timebase></rate>"
    video = "<video><track><clipitem><start>0</start><end>9</end></clipitem></track></video>"
    for inside in (f"<media>{video}</media>", f"<media>{video}<audio/></media>", "<media/>", ""):
        text = f"<xmeml version='5'><sequence>{rate}{inside}</sequence></xmeml>"
        path = _document(tmp_path, text)
        document = fcp7.extended(path, two_stems(fcp7.read(path)))
        after = fcp7.read(_document(tmp_path, document, "new.xml"))
        assert [c.name for t in after.tracks if t.kind == "audio" for c in t.clips] == [
            "Stem Target",
            "Stem Residual",
        ]


def test_a_missing_rate_is_another_s_or_said(tmp_path: Path) -> None:
    clip = (
        "<clipitem>{}<start>0</start><end>50</end><in>10</in><out>60</out><file id='f'/></clipitem>"
    )
    text = "<xmeml><sequence>{}<media><video><track>{}</track></video></media></sequence></xmeml>"
    rate = "<rate><timebase>25</timebase><ntsc>FALSE</ntsc></rate>"
    for sequence, inner in ((rate, ""), ("", rate), (f"<timecode>{rate}</timecode>", "")):
        path = _document(tmp_path, text.format(sequence, clip.format(inner)))
        (found,) = _clips(fcp7.read(path))
        assert (found.duration, found.into) == (2, Fraction(10, 25))
    with pytest.raises(RateMissing, match="does not say its frame rate"):
        fcp7.read(_document(tmp_path, text.format("", clip.format(""))))


@pytest.mark.parametrize("written", ["01:00:02;02", "01;00;02;02"])
def test_a_timecode_may_be_written_without_its_frame(tmp_path: Path, written: str) -> None:
    rate = "<rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate>"
    code = f"{rate}<string>{written}</string><displayformat>DF</displayformat>"
    text = f"<xmeml><sequence>{rate}<timecode>{code}</timecode></sequence></xmeml>"
    assert str(fcp7.read(_document(tmp_path, text.encode())).start) == "01:00:02;02"


def test_of_several_sequences_one_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    rate = "<rate><timebase>25</timebase></rate>"
    item = "<clipitem><start>0</start><end>5</end>{}</clipitem>"
    track = "<media><video><track>{}</track></video></media>"
    bins = {
        "empty": "",
        "inner": track.format(item.format("")),
        "main": track.format(item.format("<sequence id='inner'/>")),
        "other": track.format(item.format("")),
    }
    sequences = "".join(
        f"<sequence id='{name}'><name>{name}</name>{rate}{inside}</sequence>"
        for name, inside in bins.items()
    )
    inside = f"<bin><children>{sequences}</children></bin>"
    text = f"<xmeml><project><children>{inside}</children></project></xmeml>"
    read = fcp7.read(_document(tmp_path, text))
    assert read.name == "main"
    assert [clip.kind for clip in _clips(read)] == ["nested"]
    assert read.notes == ("Only the sequence 'main' was read, not 'other', 'inner', 'empty'.",)


def test_a_document_without_a_sequence_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTimeline, match="holds no sequence"):
        fcp7.read(_document(tmp_path, "<xmeml><bin><name>b</name></bin></xmeml>"))


@pytest.mark.parametrize(
    ("alignment", "cut"), [("center", 100), ("start-black", 90), ("end", 110), ("", 100)]
)
def test_a_clip_reaches_to_the_cut_of_its_transition(
    tmp_path: Path, alignment: str, cut: int
) -> None:
    text = (
        "<xmeml><sequence><rate><timebase>25</timebase></rate><media><audio><track>"
        "<clipitem><start>0</start><end>-1</end><in>0</in><out>110</out><file id='f'/></clipitem>"
        f"<transitionitem><start>90</start><end>110</end><alignment>{alignment}</alignment>"
        "</transitionitem>"
        "<clipitem><start>-1</start><end>-1</end><in>20</in><out>140</out><file id='f'/></clipitem>"
        "<transitionitem><start>190</start><end>210</end><alignment>center</alignment>"
        "</transitionitem>"
        "<clipitem><start>-1</start><end>300</end><in>500</in><out>600</out><file id='f'/>"
        "</clipitem>"
        "</track></audio></media></sequence></xmeml>"
    )
    first, second, third = _clips(fcp7.read(_document(tmp_path, text)))
    assert (first.record * 25, first.end * 25, first.into) == (0, cut, 0)
    assert (second.record * 25, second.end * 25) == (cut, 200)
    assert second.into * 25 == 20 + cut - 90
    # This one's `in` is the cut itself, as some writers have it.
    assert (third.record * 25, third.end * 25, third.into * 25) == (200, 300, 500)
    assert second.effects == ("transition",)


def test_speeds_that_change_or_stand_still(tmp_path: Path) -> None:
    parameter = "<parameter><parameterid>{}</parameterid><value>{}</value></parameter>"
    remap = "<filter>{}<effect><effectid>timeremap</effectid>{}</effect></filter>"
    speed = parameter.format("speed", "200")
    wanted = {
        remap.format("", speed): Fraction(2),
        remap.format("", speed + parameter.format("reverse", "TRUE")): Fraction(-2),
        remap.format("", speed + parameter.format("variablespeed", "1")): None,
        remap.format("<enabled>FALSE</enabled>", speed): Fraction(1),
        "<stillframe>TRUE</stillframe>": Fraction(0),
    }
    for inside, expected in wanted.items():
        text = (
            "<xmeml><sequence><rate><timebase>25</timebase></rate><media><video><track><clipitem>"
            f"<start>0</start><end>10</end><in>5</in><out>15</out><duration>100</duration>{inside}"
            "<file id='f'/></clipitem></track></video></media></sequence></xmeml>"
        )
        (clip,) = _clips(fcp7.read(_document(tmp_path, text)))
        assert clip.speed == expected


@_SAME_FOLDER
@given(st.data())
def test_what_is_damaged_is_read_or_refused_with_a_way_out(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = _document(tmp_path, data.draw(damaged(PREMIERE)))
    way_out = "none was needed"
    try:
        read = fcp7.read(path)
        laid = two_stems(read)
        document = fcp7.extended(path, laid, frozenset(c.number for c in _clips(read)))
        fcp7.written(read, laid)
        fcp7.read(_document(tmp_path, document, "new.xml"))
    except TimelineError as refused:
        way_out = refused.hint
    assert way_out


def test_a_clip_may_stand_for_another_that_is_like_it(tmp_path: Path) -> None:
    """OpenTimelineIO's adapter writes the sound of a clip as a mere reference to its picture."""
    media = "file:///clips/shot.mov"
    length = opentimelineio.opentime.TimeRange(
        opentimelineio.opentime.RationalTime(0, 25), opentimelineio.opentime.RationalTime(90, 25)
    )
    edit = opentimelineio.schema.Timeline("edit")
    for kind in ("Video", "Audio"):
        track = opentimelineio.schema.Track(kind, kind=kind)
        for first in (11, 50):
            reference = opentimelineio.schema.ExternalReference(media, length)
            used = opentimelineio.opentime.TimeRange(
                opentimelineio.opentime.RationalTime(first, 25),
                opentimelineio.opentime.RationalTime(7, 25),
            )
            track.append(opentimelineio.schema.Clip("shot", reference, used))
        edit.tracks.append(track)
    path = tmp_path / "edit.xml"
    opentimelineio.adapters.write_to_file(edit, str(path), adapter_name="fcp_xml")
    assert re.search(r"<clipitem id=\"[^\"]+\"\s*/>", path.read_text(encoding="utf-8"))
    found = fcp7.read(path)
    assert [(c.record, c.into, c.enabled) for c in found.tracks[0].clips] == [
        (c.record, c.into, c.enabled) for c in found.tracks[1].clips
    ]
    assert [c.number for c in _clips(found)] == [1, 2, 3, 4]
    assert {c.source.target for c in _clips(found) if c.source} == {media}
    quiet = _document(tmp_path, fcp7.extended(path, [], frozenset({3})), "quiet.xml")
    heard = _clips(fcp7.read(quiet))
    assert [c.enabled for c in heard] == [True, True, False, True]
    assert [c.into for c in heard] == [c.into for c in _clips(found)]
