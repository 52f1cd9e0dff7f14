"""Stems laid on a timeline: from frame boundary to frame boundary, and not a sample touched."""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tests.jobs.bench import Notebook, Part, Steps, files, mark, steps
from tests.media.making import Studio

from soundmatte.documents import Lay, Placed, Placement, Selection, Separation
from soundmatte.errors import StemsTooShort
from soundmatte.jobs import run
from soundmatte.jobs.lay import lay, reach
from stemmux.errors import Cancelled, MediaError, OutputExists

FPS = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), Fraction(60000, 1001)]
HZ = [44100, 48000, 96000]
STEP = 2.0**-23
#: Separates a second of a clip, from half a second on, with a fifth of a second of handles; also
#: gives all of the clip's sound, in steps of 24 bits.
Separator = Callable[..., tuple[Separation, Steps]]


@pytest.fixture(scope="module")
def separated(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Separator:
    made: dict[tuple[Any, ...], tuple[Separation, Steps]] = {}

    def separate(hz: int = 48000, channels: int = 2, bits: str = "24") -> tuple[Separation, Steps]:
        key = (hz, channels, bits)
        if key not in made:
            kind = {"sample_rate": hz, "channels": channels}
            clip = studio.clip("mov", "23.976", **kind)  # type: ignore[arg-type]
            asked = Selection(
                media=clip.path,
                start=Fraction(1, 2),
                end=Fraction(3, 2),
                handles=Fraction(1, 5),
                container="none",
                bits=bits,  # type: ignore[arg-type]
            )
            folder = tmp_path_factory.mktemp("separated")
            done = run.separate(asked, Part(), folder, Notebook())
            made[key] = done, np.rint(clip.sounds[0] / STEP).astype(np.int64)
        return made[key]

    return separate


def chunks(path: Path) -> dict[str, bytes]:
    """A RIFF file's chunks, read by hand; that of the samples, and what stands in for its size."""
    raw, found = path.read_bytes(), {}
    assert (raw[:4], raw[8:12]) == (b"RIFF", b"WAVE")
    assert len(raw) == struct.unpack("<I", raw[4:8])[0] + 8
    position = 12
    while position < len(raw):
        name, size = struct.unpack("<4sI", raw[position : position + 8])
        found[name.decode()] = raw[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    return found


def rounded(value: Fraction) -> int:
    """The nearest whole number, halves up: by whole numbers alone."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


TIMES = st.fractions(0, 100_000, max_denominator=720_000)


@given(
    fps=st.sampled_from(FPS),
    hz=st.sampled_from(HZ),
    begins=st.integers(0, 10**9),
    start=TIMES,
    frames=st.integers(1, 5000),
    margins=st.tuples(st.integers(-3000, 200_000), st.integers(-3000, 200_000)),
    handles=st.integers(0, 60),
    tail=st.integers(0, 60),
    timecode=st.none() | TIMES,
)
def test_every_boundary_is_rounded_once(
    fps: Fraction,
    hz: int,
    begins: int,
    start: Fraction,
    frames: int,
    margins: tuple[int, int],
    handles: int,
    tail: int,
    timecode: Fraction | None,
) -> None:
    """Against the arithmetic of whole numbers, with stems around or within the record range."""
    start += Fraction(begins, 1001)

    def edge(frame: int) -> int:
        return rounded(Fraction(start + frame / Fraction(fps)) * hz)

    low, high = max(0, edge(0) - margins[0]), edge(frames) + margins[1]
    if high <= low:
        return
    stem = stem_of(hz, low, high)
    how = Lay(start=start, frames=frames, rate=fps, handles=handles, tail=tail, timecode=timecode)
    if low > edge(0) or high <= edge(frames - 1):
        with pytest.raises(StemsTooShort, match="the timeline shows") as refused:
            reach(stem, how)
        assert refused.value.hint
        return
    part = reach(stem, how)
    assert (part.first, part.last) == (edge(0), edge(frames))
    before, behind = round((start - part.start) * fps), 0
    assert part.start == start - before / Fraction(fps)
    assert part.begin == edge(-before)
    while edge(frames + behind) < part.end and behind < handles + tail:
        behind += 1
    assert part.end == edge(frames + behind)
    # No more handles than were asked for, or than there are; and no fewer.
    assert 0 <= before <= handles
    assert tail <= behind <= handles + tail
    room = before == handles or edge(-before - 1) < low
    room = room or (timecode is not None and timecode < (before + 1) / Fraction(fps))
    assert room
    assert part.begin >= low
    whole = behind - tail
    assert whole == handles or edge(frames + whole + 1) > high
    assert whole == 0 or edge(frames + whole) <= high
    # The file begins in the frame that its time reference lies in, at most a sample behind.
    if timecode is None:
        assert part.time_reference is None
    else:
        assert part.time_reference is not None
        # It counts from the last midnight, whose timecode is that many frames before the next.
        day = 86400 * rounded(Fraction(fps)) / Fraction(fps)
        late = Fraction(part.time_reference, hz) - (timecode - before / Fraction(fps)) % day
        assert part.time_reference >= 0
        assert 0 <= late < Fraction(1, hz)
    # Clips that follow one another on the media and the timeline share their boundary.
    after = stem_of(hz, low, high + hz * 60)
    follows = reach(after, Lay(start=start + frames / Fraction(fps), frames=1, rate=fps))
    assert follows.begin == part.last


def stem_of(hz: int, low: int, high: int) -> Placed:
    """A stem that reaches from one sample of the clip to another; not from the clip's first."""
    return Placed(
        role="target",
        track="Target",
        path=Path("x.wav"),
        start=Fraction(low, hz) or Fraction(1, 1_000_000),
        offset_samples=low,
        frames=high - low,
        rate=hz,
        channels=2,
        time_reference=0,
    )


@pytest.mark.parametrize("hz", HZ)
@pytest.mark.parametrize("fps", FPS)
def test_both_stems_add_up_to_what_is_heard_there(
    separated: Separator, tmp_path: Path, fps: Fraction, hz: int
) -> None:
    """A range whose ends lie between the media's frames, with handles and a tail."""
    done, mix = separated(hz)
    start, frames = Fraction(11, 21), 17
    how = Lay(start=start, frames=frames, rate=fps, handles=2, tail=1, timecode=Fraction(86399, 2))
    stems = lay(done, how, tmp_path).stems
    begin = rounded((start - 2 / Fraction(fps)) * hz)
    end = rounded((start + (frames + 3) / Fraction(fps)) * hz)
    first, last = rounded(start * hz), rounded((start + frames / Fraction(fps)) * hz)
    total = np.zeros((end - begin, 2), np.int64)
    for stem, own in zip(stems, done.placement.stems, strict=True):
        assert (stem.offset_samples, stem.frames, stem.rate) == (begin, end - begin, hz)
        assert (stem.handle_in, stem.handle_out) == (first - begin, end - last)
        assert abs(stem.start * hz - begin) <= Fraction(1, 2)
        laid, cut = steps(stem.path), begin - own.offset_samples
        assert np.array_equal(laid, steps(own.path)[cut : cut + end - begin])
        total += laid
    assert np.array_equal(total, mix[begin:end])


@pytest.mark.parametrize("bits", ["16", "24", "32f"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_form_stays_and_behind_the_stems_there_is_silence(
    separated: Separator, tmp_path: Path, channels: int, bits: str
) -> None:
    done, mix = separated(channels=channels, bits=bits)
    # The stems end about 0.2 s behind the range; the tail reaches further.
    how = Lay(start=Fraction(1), frames=12, rate=Fraction(25), handles=50, tail=10)
    stems = lay(done, how, tmp_path).stems
    there = done.placement.stems[0].offset_samples + done.frames
    total: Any = 0
    for stem, own in zip(stems, done.placement.stems, strict=True):
        told, made = (soundfile.info(str(part.path)) for part in (stem, own))
        assert (told.subtype, told.channels) == (made.subtype, channels)
        form, before = chunks(stem.path)["fmt "], chunks(own.path)["fmt "]
        # The masks of speakers too.
        assert form == before
        laid, _ = soundfile.read(str(stem.path), always_2d=True)
        heard, _ = soundfile.read(str(own.path), always_2d=True)
        cut = stem.offset_samples - own.offset_samples
        assert np.array_equal(laid[: there - stem.offset_samples], heard[cut:])
        assert not laid[there - stem.offset_samples :].any()
        assert stem.frames == len(laid)
        assert stem.offset_samples + stem.frames == 48000 * 37 // 25 + 2 * 1920 + 10 * 1920 + (
            stem.handle_out - 12 * 1920
        )
        total = total + laid
    reach_ = there - stem.offset_samples
    expected = mix[stem.offset_samples : there] * STEP
    assert np.array_equal(total[:reach_], expected)


def test_with_a_timecode_the_file_knows_its_place(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    rate = Fraction(30000, 1001)
    # 00:59:58:02 in drop-frame timecode, as frames that have passed.
    timecode = 107894 / rate
    how = Lay(start=Fraction(3, 4), frames=12, rate=rate, handles=2, timecode=timecode, drop=True)
    for stem, name in zip(
        lay(done, how, tmp_path).stems, ("Target: part", "Residual"), strict=True
    ):
        held = chunks(stem.path)
        assert set(held) == {"JUNK", "bext", "iXML", "fmt ", "data"}
        reference = -(-(timecode - 2 / rate) * 48000 // 1)
        assert struct.unpack_from("<Q", held["bext"], 338)[0] == reference == stem.time_reference
        told = ElementTree.fromstring(held["iXML"])
        said = {each.tag: each.text for each in told.iter()}
        assert (said["TIMECODE_RATE"], said["TIMECODE_FLAG"]) == ("30000/1001", "DF")
        since = int(str(said["TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI"])) << 32
        assert since + int(str(said["TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO"])) == reference
        names = [each.text for each in told.iter("NAME")]
        assert names == [f"{name} L", f"{name} R"]
        assert len(held["data"]) == stem.frames * 6


def test_behind_midnight_the_clock_begins_anew(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    rate = Fraction(30000, 1001)
    # Of drop-frame timecode a day has fewer frames: 00:00:01;00 of the next one.
    timecode = (2_589_408 + 30) / rate
    how = Lay(start=Fraction(3, 4), frames=12, rate=rate, timecode=timecode, drop=True)
    for stem in lay(done, how, tmp_path).stems:
        assert stem.time_reference == 48048


def test_without_one_it_says_nothing_of_place_or_origin(
    separated: Separator, tmp_path: Path
) -> None:
    done, _ = separated()
    how = Lay(start=Fraction(3, 4), frames=12, rate=Fraction(25), handles=2, drop=True)
    for stem in lay(done, how, tmp_path).stems:
        assert set(chunks(stem.path)) == {"JUNK", "fmt ", "data"}
        assert stem.time_reference == 0


def test_at_midnight_no_handle_lies_before_it(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    for frame, before in ((0, 0), (1, 1), (5, 3)):
        how = Lay(
            start=Fraction(3, 4),
            frames=12,
            rate=Fraction(25),
            handles=3,
            timecode=Fraction(frame, 25),
        )
        stem = lay(done, how, tmp_path).stems[0]
        assert stem.handle_in == before * 1920
        assert stem.time_reference == (frame - before) * 1920


def test_where_the_clip_begins_in_the_first_frame_there_is_silence_before(
    studio: Studio, tmp_path: Path
) -> None:
    clip = studio.clip("mov", "25", frames=25)
    done = run.separate(Selection(media=clip.path, container="none"), Part(), tmp_path, Notebook())
    # And behind, where it ends in the last.
    how = Lay(start=Fraction(-1, 60), frames=31, rate=Fraction(30), handles=5)
    stem = lay(done, how, tmp_path / "laid").stems[0]
    laid = steps(stem.path)
    assert (stem.offset_samples, len(laid), stem.handle_in, stem.handle_out) == (-800, 49600, 0, 0)
    assert np.array_equal(laid[800:48800], steps(done.target))
    assert not laid[:800].any()
    assert not laid[48800:].any()
    for start, frames in ((Fraction(-1, 29), 31), (Fraction(-1, 60), 32)):
        with pytest.raises(StemsTooShort, match=r"reach from 0\.000 s to 1\.000 s of the clip"):
            lay(done, Lay(start=start, frames=frames, rate=Fraction(30)), tmp_path / "laid")
    assert len(files(tmp_path / "laid")) == 2


def test_what_the_stems_do_not_reach_over_is_refused(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    for start, frames in ((Fraction(1, 4), 10), (Fraction(29, 25), 15)):
        with pytest.raises(StemsTooShort, match="the timeline shows") as refused:
            lay(done, Lay(start=start, frames=frames, rate=Fraction(25)), tmp_path / "laid")
        assert "handles" in refused.value.hint
    assert not (tmp_path / "laid").exists()


HOW = Lay(start=Fraction(3, 4), frames=12, rate=Fraction(25), timecode=Fraction(3600))


def test_the_same_again_is_the_same_files_left_as_they_are(
    separated: Separator, tmp_path: Path
) -> None:
    done, _ = separated()
    first = lay(done, HOW, tmp_path)
    before = [mark(stem.path) for stem in first.stems]
    assert lay(done, HOW, tmp_path) == first
    first.stems[1].path.unlink()
    assert lay(done, HOW, tmp_path) == first
    assert mark(first.stems[0].path) == before[0]
    assert mark(first.stems[1].path)[0] == before[1][0]
    # Somewhere else on the timeline it is another file.
    other = lay(done, HOW.model_copy(update={"timecode": Fraction(3601)}), tmp_path)
    assert {stem.path for stem in first.stems}.isdisjoint(stem.path for stem in other.stems)
    assert len(files(tmp_path)) == 4
    assert [mark(stem.path)[0] for stem in first.stems] == [digest for digest, _ in before]


def test_what_has_the_name_already_is_not_replaced(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    residual = lay(done, HOW, tmp_path).stems[1].path
    target = lay(done, HOW, tmp_path).stems[0].path
    target.unlink()
    residual.write_bytes(b"somebody's")
    with pytest.raises(OutputExists):
        lay(done, HOW, tmp_path)
    assert files(tmp_path) == {residual.name}
    assert residual.read_bytes() == b"somebody's"
    lay(done, HOW, tmp_path, overwrite=True)
    assert files(tmp_path) == {target.name, residual.name}
    assert chunks(residual)["bext"] != chunks(target)["bext"]


@pytest.mark.parametrize("stops", [1, 2])
def test_broken_off_it_leaves_nothing(separated: Separator, tmp_path: Path, stops: int) -> None:
    done, _ = separated()
    told: list[float] = []

    def progress(share: float) -> None:
        told.append(share)
        if len(told) == stops:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        lay(done, HOW, tmp_path, progress=progress)
    assert files(tmp_path) == set()
    assert told == [0.5, 1.0][:stops]


def test_stems_that_are_not_as_they_were_made_are_refused(
    separated: Separator, tmp_path: Path
) -> None:
    done, _ = separated()
    gone, other = tmp_path / "gone.wav", tmp_path / "other.wav"
    soundfile.write(str(other), np.zeros((100, 2)), 48000, subtype="PCM_24")
    for path, sentence in ((gone, "cannot be read"), (other, "is not as it was made")):
        target = done.placement.stems[0].model_copy(update={"path": path})
        stems = Placement(stems=(target, done.placement.stems[1]))
        moved = done.model_copy(update={"placement": stems})
        with pytest.raises(MediaError, match=sentence):
            lay(moved, HOW, tmp_path / "laid")
    assert files(tmp_path / "laid") == set()


def test_a_name_is_cut_to_what_systems_take(separated: Separator, tmp_path: Path) -> None:
    done, _ = separated()
    long = done.model_copy(update={"clip": Path("ä" * 120 + ".mov")})
    made = [stem.path for stem in lay(long, HOW, tmp_path).stems]
    assert all(path.is_file() and len(path.name.encode()) <= 255 for path in made)


@pytest.mark.skipif(os.name == "nt", reason="NTFS would write gigabytes of zeros")
def test_more_than_four_gigabytes(separated: Separator, tmp_path: Path) -> None:
    """The tail is a hole in the file, which no reader sees."""
    done, _ = separated(96000)
    how = Lay(start=Fraction(1), frames=1, rate=Fraction(2), tail=17_000, timecode=Fraction(3600))
    target = lay(done, how.model_copy(update={"tail": 10_000}), tmp_path).stems[0]
    assert soundfile.info(str(target.path)).format == "WAV"
    target = lay(done, how, tmp_path).stems[0]
    told = soundfile.info(str(target.path))
    assert (told.format, told.frames) == ("RF64", target.frames)
    assert target.frames == 17_001 * 48000
    if target.path.stat().st_blocks * 512 > 1 << 28:
        pytest.fail("the file system has no holes")
    own, cut = steps(done.target), 96000 - done.placement.stems[0].offset_samples
    laid, _ = soundfile.read(str(target.path), 100_000, dtype="int32", always_2d=True)
    there = len(own) - cut
    assert np.array_equal(laid[:there] >> 8, own[cut:])
    assert not laid[there:].any()
