"""Which format a document has, by what is in it; and that the table's modules keep to one shape."""

from __future__ import annotations

import gzip
from fractions import Fraction
from pathlib import Path

import pytest
from tests.timelines.drawing import two_stems

from soundmatte.timelines import formats
from soundmatte.timelines.errors import NotWritable, UnknownFormat, UnreadableTimeline
from soundmatte.timelines.timeline import Clip, Source, Timeline, Track
from stemmux.timebase import Timecode

RATE = Fraction(25)
EDL = b"001  R  V  C  00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00\n"


def timeline() -> Timeline:
    source = Source("a.mov", "/media/a.mov", Fraction(3600), Fraction(20), RATE, 2)
    clip = Clip(1, "a.mov", "file", source, Fraction(1), Fraction(2), Fraction(3))
    tracks = (Track("video", 1, "", (clip,)),)
    return Timeline("cut", RATE, Timecode(90000, RATE, False), tracks, (1280, 720), 48000)


@pytest.mark.parametrize("name", formats.WRITTEN)
def test_what_is_written_is_known_again(tmp_path: Path, name: str) -> None:
    made = timeline()
    writer = formats.writer(name)
    path = tmp_path / "cut"  # its name says nothing
    path.write_bytes(writer.written(made, two_stems(made)))
    assert len({what for what, _ in writer.LOSSES}) == len(writer.LOSSES)
    assert all(sentence.endswith(".") for _, sentence in writer.LOSSES)
    assert writer.lost(made) is not None
    if name not in formats.READ:
        with pytest.raises(UnknownFormat):
            formats.of(path)
        return
    assert formats.of(path).name == name
    read = formats.read(path)
    assert read.start.frame == 90000
    added = [(t.name, t.clips[0].record) for t in read.tracks if t.kind == "audio"]
    assert [record for _, record in added] == [Fraction(12, 25)] * 2
    again = formats.extended(path, two_stems(made))
    assert len(again) > len(path.read_bytes())


def test_an_edl_is_read_at_the_rate_that_is_given_and_not_extended(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    shotcut = b"\n === playlist0 === \n\n"
    for start in (
        b"",
        shotcut,
        b"TITLE: x\n",
        b"\xef\xbb\xbfTITLE: x\r\nFCM: NON-DROP FRAME\r\n\r\n",
    ):
        path.write_bytes(start + EDL)
        assert formats.of(path).name == "edl"
        assert formats.read(path, RATE).duration == 1
    path.write_bytes(("TITLE: x\n" + EDL.decode()).encode("utf-16"))
    assert formats.of(path).name == "edl"
    with pytest.raises(NotWritable):
        formats.extended(path, [])


def test_a_folder_of_final_cuts_passes_for_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "cut.fcpxmld"
    folder.mkdir()
    (folder / "Info.fcpxml").write_bytes(formats.writer("fcpxml").written(timeline(), []))
    assert formats.of(folder).name == "fcpxml"
    assert formats.read(folder).rate == RATE


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "no timeline document"),
        (b"hello", "no timeline document"),
        (b"\0" * 5000, "no timeline document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an AAF"),
        (gzip.compress(b"<PremiereData/>", mtime=0), "a compressed project"),
        (b"PK\x03\x04", "an archive"),
        (b"<html><body>xmeml</body></html>", "no timeline document"),
    ],
)
def test_what_is_none_is_refused_with_what_is_read(tmp_path: Path, head: bytes, said: str) -> None:
    path = tmp_path / "cut.otio"
    path.write_bytes(head)
    with pytest.raises(UnknownFormat) as caught:
        formats.read(path)
    assert said in str(caught.value)
    assert "otio, fcp7, fcpxml, edl" in caught.value.hint


def test_a_document_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTimeline):
        formats.of(tmp_path / "nowhere.otio")
    with pytest.raises(UnreadableTimeline):
        formats.of(tmp_path)


def test_formats_by_name_and_by_ending() -> None:
    assert formats.named("otio").ending == ".otio"
    for name in ("edl", "aaf", ""):
        with pytest.raises(UnknownFormat):
            formats.named(name)
    endings = {format.ending for format in formats.FORMATS}
    assert len(endings) == len(formats.FORMATS)
    found = formats.by_ending(Path("x.FCPXML"))
    assert found is not None
    assert found.name == "fcpxml"
    assert formats.by_ending(Path("x.edl")) is None
