"""Handles: separated too, placed where they were, and the range between them untouched."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.jobs.bench import Notebook, Part, steps
from tests.media.making import Studio, lag, sound

from soundmatte.documents import Selection, Separation
from soundmatte.jobs import run
from soundmatte.jobs.plan import with_handles
from soundmatte.jobs.work import handles, stem_start
from stemmux.probe import Media, probe
from stemmux.timebase import Span, sample_at

STEP = 2.0**-23


def separate(clip: Path, folder: Path, listener: Notebook, **range_: Fraction) -> Separation:
    return run.separate(Selection(media=clip, **range_), Part(), folder, listener)


@pytest.mark.parametrize("rate", ["25", "23.976"])
def test_handles_are_separated_and_found_where_they_belong(
    studio: Studio, tmp_path: Path, rate: str
) -> None:
    source = studio.clip("mov", rate, options=("-timecode", "10:00:00:00"))
    frame = 1 / source.rate
    listener = Notebook()
    done = separate(
        source.path, tmp_path, listener, start=25 * frame, end=50 * frame, handles=10 * frame
    )
    first, last = sample_at(15 * frame, 48000), sample_at(60 * frame, 48000)
    assert not [note for note in listener.notes if "handles" in note]
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(source.sounds[0][first:last] / STEP))
    for stem in done.placement.stems:
        assert (stem.start, stem.offset_samples, stem.frames) == (15 * frame, first, last - first)
        assert stem.handle_in == sample_at(25 * frame, 48000) - first
        assert stem.handle_out == last - sample_at(50 * frame, 48000)
        assert stem.time_reference == sample_at(36000 * round(source.rate) * frame, 48000) + first
    assert (done.handle_in, done.handle_out) == (
        stem.handle_in / 48000,
        stem.handle_out / 48000,
    )
    # In the file they lie against the clip's own sound, handles and all.
    assert done.file is not None
    _, own = sound(done.file, 0)
    for track in (1, 2):
        _, heard = sound(done.file, track)
        assert not heard[:first].any()
        assert heard[first:last].any(axis=1).mean() > 0.9
        assert lag(own[first:last, 0], heard[first:last, 0]) == 0


def test_handles_end_where_the_clip_does(studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("wav", frames=50)
    listener = Notebook()
    asked = {"start": Fraction(1, 4), "end": Fraction(1), "handles": Fraction(3, 2)}
    done = separate(source.path, tmp_path, listener, **asked)
    assert (done.start, done.duration) == (0, 2)
    assert (done.handle_in, done.handle_out) == (0.25, 1)
    assert "The clip has room for handles of 0.250 s before and 1.000 s behind." in listener.notes


@pytest.fixture(scope="module")
def media(studio: Studio) -> Media:
    return probe(studio.clip("mov", "25").path)


FPS = [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001), None]
TIMES = st.fractions(0, 5000, max_denominator=1000)


@settings(deadline=None, max_examples=200)
@given(
    fps=st.sampled_from(FPS),
    rate=st.sampled_from([22050, 44100, 48000, 96000]),
    duration=st.fractions(1, 5000, max_denominator=90000),
    origin=st.fractions(0, 3, max_denominator=90000),
    times=st.tuples(TIMES, TIMES),
    asked=st.fractions(0, 20, max_denominator=1000),
)
def test_any_clip_range_and_handles(
    media: Media,
    fps: Fraction | None,
    rate: int,
    duration: Fraction,
    origin: Fraction,
    times: tuple[Fraction, Fraction],
    asked: Fraction,
) -> None:
    assert media.video is not None
    video = replace(
        media.video, rate=fps or Fraction(25), variable=fps is None, start=origin,
        end=origin + duration,
    )  # fmt: skip
    clip = replace(media, video=video, audio=(), origin=origin)
    begin, end = sorted(time % duration for time in times)
    if end - begin < Fraction(1, 10):
        begin, end = Fraction(0), duration
    wanted = clip.span(begin, None if end == duration else end)
    span = with_handles(clip, wanted, asked)
    before, behind = handles(clip, wanted, span, rate)
    first, last = span.samples(rate)
    start, stop = wanted.samples(rate)
    # Inside the clip, around the range, in whole frames, and no longer than asked for.
    assert 0 <= span.start <= wanted.start
    assert wanted.end <= span.end <= max(wanted.end, duration)
    for taken in (wanted.start - span.start, span.end - wanted.end):
        assert taken < asked + 1 / fps if fps else taken <= asked
    assert span.start == 0 or wanted.start - span.start >= asked
    assert span.end >= duration or span.end - wanted.end >= asked
    if fps and span.start > 0:
        assert ((wanted.start - span.start) * fps).denominator == 1
    if fps and span.end < duration:
        assert ((span.end - wanted.end) * fps).denominator == 1
    # The range lies between its handles with the samples that it would have by itself.
    assert before >= 0
    assert behind >= 0
    assert stem_start(clip, span, rate) + before == stem_start(clip, wanted, rate)
    between = (last - first) - before - behind
    # Only where the clip's own clock lies between samples can its last one be missing.
    loose = (origin * rate).denominator != 1 and span.end == wanted.end
    assert between == stop - start or (loose and between == stop - start - 1)


def test_without_handles_nothing_changes(media: Media) -> None:
    wanted = Span(Fraction(1), Fraction(2))
    assert with_handles(media, wanted, Fraction(0)) == wanted
    assert handles(media, wanted, wanted, 48000) == (0, 0)
