"""Times: what is written, where it is rounded, and that no range loses or doubles a sample."""

from __future__ import annotations

import contextlib
import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemmux.errors import TimeError
from stemmux.timebase import (
    Span,
    Timecode,
    drops,
    frame_at,
    frame_rate,
    frame_time,
    nearest,
    parse_time,
    sample_at,
)

NTSC30, NTSC60 = Fraction(30000, 1001), Fraction(60000, 1001)
RATES = [
    *(Fraction(rate, 1001) for rate in (24000, 30000, 48000, 60000, 120000)),
    *(Fraction(rate) for rate in (24, 25, 30, 48, 50, 60, 100, 120)),
]
SAMPLE_RATES = [8000, 22050, 44100, 48000, 88200, 96000, 192000]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (23.976, "24000/1001"),
        ("23.98", "24000/1001"),
        (23.97602, "24000/1001"),
        ("23.976", "24000/1001"),
        ("24", "24"),
        (24.0, "24"),
        (25, "25"),
        ("29.97", "30000/1001"),
        (29.97003, "30000/1001"),
        ("30000/1001", "30000/1001"),
        ("47.952", "48000/1001"),
        ("59.94", "60000/1001"),
        ("119.88", "120000/1001"),
        ("24.999", "25"),
        ("12.5", "25/2"),
        ("15", "15"),
        ("29.5", "59/2"),
    ],
)
def test_frame_rates_snap_to_the_exact_ones(written: str | float, meant: str) -> None:
    assert frame_rate(written) == Fraction(meant)


@pytest.mark.parametrize("written", ["", "fast", "0", "-25", "1001", "1/0", "nan", "inf", "25 fps"])
def test_what_is_no_frame_rate_is_refused(written: str) -> None:
    with pytest.raises(TimeError):
        frame_rate(written)


@pytest.mark.parametrize("written", [float("nan"), float("inf"), 0.0])
def test_numbers_that_are_no_frame_rate_are_refused(written: float) -> None:
    with pytest.raises(TimeError):
        frame_rate(written)


def numbers_of_a_second(second: int, base: int) -> range:
    """The frame numbers that drop-frame timecode writes in a second of the day."""
    return range(base // 15 if second % 60 == 0 and second % 600 else 0, base)


@pytest.mark.parametrize("rate", [NTSC30, NTSC60], ids=["29.97", "59.94"])
def test_drop_frame_counts_every_frame_of_a_day(rate: Fraction) -> None:
    """All of two minutes; of the rest of the day the seconds around which numbers are lost."""
    base, frame = nearest(rate), 0
    for second in range(24 * 3600):
        numbers = numbers_of_a_second(second, base)
        if second < 120 or second % 60 in (0, 59):
            clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            chosen = numbers if second < 120 else (numbers[0], numbers[1], numbers[-1])
            for number in chosen:
                code = Timecode(frame + number - numbers[0], rate, True)
                assert str(code) == f"{clock};{number:02}"
                assert Timecode.parse(str(code), rate) == code
        frame += len(numbers)
    assert frame == 24 * 107_892 * base // 30


@given(st.sampled_from(RATES), st.data())
def test_timecodes_survive_being_written(rate: Fraction, data: st.DataObject) -> None:
    drop = drops(rate) and data.draw(st.booleans())
    last = 24 * 6 * (nearest(rate) * 600 - (9 * (nearest(rate) // 15) if drop else 0)) - 1
    code = Timecode(data.draw(st.integers(0, last)), rate, drop)
    assert Timecode.parse(str(code), rate) == code


@given(st.sampled_from([NTSC30, NTSC60]), st.integers(0, 24 * 107892 - 1))
def test_drop_frame_follows_the_clock(rate: Fraction, frame: int) -> None:
    """Within a day it is never further from the real time than a fifth of a second."""
    code = Timecode(frame, rate, True)
    hours, minutes, seconds, number = (int(part) for part in str(code).replace(";", ":").split(":"))
    written = (hours * 60 + minutes) * 60 + seconds + Fraction(number, nearest(rate))
    assert abs(written - code.time) < Fraction(1, 5)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("01:00:00;00", Fraction(25)),
        ("01:01:00;00", NTSC30),
        ("01:01:00;01", NTSC30),
        ("01:01:00;03", NTSC60),
        ("01:00:60:00", Fraction(25)),
        ("01:60:00:00", Fraction(25)),
        ("01:00:00:25", Fraction(25)),
        ("01:00:00", Fraction(25)),
        ("", Fraction(25)),
        ("1:0:0:0", Fraction(25)),
    ],
)
def test_timecodes_that_do_not_exist_are_refused(text: str, rate: Fraction) -> None:
    with pytest.raises(TimeError):
        Timecode.parse(text, rate)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("12.5s", Fraction(25, 2)),
        (" 12 s ", Fraction(12)),
        ("0", Fraction(0)),
        ("0.001", Fraction(1, 1000)),
        ("1:02.5", Fraction(125, 2)),
        ("1:01:02.5", Fraction(7325, 2)),
        ("300f", Fraction(12)),
        ("300 frames", Fraction(12)),
        ("1 frame", Fraction(1, 25)),
        ("10:00:12:00", Fraction(12)),
        ("10:00:00:01", Fraction(1, 25)),
    ],
)
def test_times_that_people_write(text: str, seconds: Fraction) -> None:
    start = Timecode.parse("10:00:00:00", Fraction(25))
    assert parse_time(text, rate=Fraction(25), start=start) == seconds


def test_a_timecode_counts_from_zero_where_the_clip_has_none() -> None:
    assert parse_time("00:00:12:12", rate=Fraction(25), start=None) == Fraction(312, 25)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "1e3", "12,5", "1:75", "12.5.1", "f", "09:59:59:24", "nan", "9" * 5000],
)
def test_times_that_mean_nothing_are_refused(text: str) -> None:
    start = Timecode.parse("10:00:00:00", Fraction(25))
    with pytest.raises(TimeError) as caught:
        parse_time(text, rate=Fraction(25), start=start)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["300f", "00:00:12:00"])
def test_frames_mean_nothing_without_a_constant_rate(text: str) -> None:
    with pytest.raises(TimeError, match="no constant frame rate") as caught:
        parse_time(text, rate=None, start=None)
    assert "seconds" in caught.value.hint


@given(st.text(max_size=20))
def test_no_text_is_worse_than_a_time_error(text: str) -> None:
    with contextlib.suppress(TimeError):
        assert parse_time(text, rate=Fraction(25), start=None) >= 0


@given(st.integers(0, 10**7), st.sampled_from(RATES), st.sampled_from(SAMPLE_RATES))
def test_samples_are_rounded_once_from_the_absolute_position(
    frame: int, rate: Fraction, sample_rate: int
) -> None:
    exact = frame * sample_rate / rate
    assert abs(sample_at(frame_time(frame, rate), sample_rate) - exact) <= Fraction(1, 2)
    assert frame_at(frame_time(frame, rate), rate) == frame


def test_frames_of_an_hour_do_not_drift() -> None:
    """At 29.97, 48 kHz a frame is 1601.6 samples: the hour has 172 627 200, not 172 584 000."""
    hour = frame_time(107_892, NTSC30)
    assert sample_at(hour, 48000) == nearest(Fraction(107_892 * 8008, 5))


@given(
    st.lists(st.integers(0, 10**6), min_size=3, max_size=8, unique=True),
    st.sampled_from(RATES),
    st.sampled_from(SAMPLE_RATES),
)
def test_ranges_side_by_side_share_their_boundaries(
    cuts: list[int], rate: Fraction, sample_rate: int
) -> None:
    times = [frame_time(cut, rate) for cut in sorted(cuts)]
    spans = [Span(start, end) for start, end in itertools.pairwise(times)]
    for here, there in itertools.pairwise(spans):
        assert here.samples(sample_rate)[1] == there.samples(sample_rate)[0]
        assert here.frames(rate)[1] == there.frames(rate)[0]
    whole = Span(times[0], times[-1]).samples(sample_rate)
    lengths = [last - first for first, last in (span.samples(sample_rate) for span in spans)]
    assert sum(lengths) == whole[1] - whole[0]


@given(st.fractions(-(10**6), 10**6))
def test_nearest_is_within_a_half_and_halves_go_up(value: Fraction) -> None:
    assert Fraction(-1, 2) < nearest(value) - value <= Fraction(1, 2)


def test_a_range_shorter_than_a_frame_still_has_one() -> None:
    assert Span(Fraction(1), Fraction(1001, 1000)).frames(Fraction(25)) == (25, 26)


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1), (-1, 1), (-2, -1)])
def test_empty_ranges_are_refused(start: int, end: int) -> None:
    with pytest.raises(TimeError):
        Span(Fraction(start), Fraction(end))
