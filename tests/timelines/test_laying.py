"""Clips of a track in whole frames, none over the one before."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from soundmatte.timelines.laying import apart
from soundmatte.timelines.timeline import Clip
from stemmux.timebase import frame_at, frame_rate

TIMES = st.fractions(0, 20, max_denominator=96_000)


@given(
    rate=st.sampled_from(["23.976", "25", "29.97", "59.94"]),
    spans=st.lists(st.tuples(TIMES, TIMES), max_size=8),
)
def test_every_frame_shows_the_first_clip_that_lies_there(
    rate: str, spans: list[tuple[Fraction, Fraction]]
) -> None:
    fps = frame_rate(rate)
    clips = [
        Clip(number, "c", "file", None, record, duration)
        for number, (record, duration) in enumerate(sorted(spans), 1)
    ]
    # Frame by frame, without any arithmetic of ours: who is there first keeps the frame.
    shown: dict[int, int] = {}
    for clip in clips:
        for frame in range(frame_at(clip.record, fps), frame_at(clip.end, fps)):
            if frame >= max(shown, default=-1) or frame in shown:
                shown.setdefault(frame, clip.number)
    laid = list(apart(clips, fps))
    assert shown == {f: each.clip.number for each in laid for f in range(each.start, each.end)}
    for each in laid:
        assert each.late == each.start - frame_at(each.clip.record, fps)
