"""OTIO: what is written is read back, also by its own library; what was there stays as it was."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as library
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.timelines.drawing import (
    RATES,
    counted,
    stem_told,
    stems,
    timelines,
    told,
    two_stems,
    without_number,
)

from soundmatte.errors import ExtraMissing
from soundmatte.timelines import otio
from soundmatte.timelines.errors import HostileTimeline, UnreadableTimeline
from soundmatte.timelines.timeline import Channel, Clip, Source, Timeline, Track
from stemmux.timebase import Timecode

_SAME_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20
)
SPEEDS = st.sampled_from((Fraction(1), Fraction(2), Fraction(1, 2), Fraction(-1), Fraction(0)))
Time, Range = library.opentime.RationalTime, library.opentime.TimeRange
schema = library.schema


def span(start: float, frames: float, rate: float) -> Any:
    return Range(Time(start, rate), Time(frames, rate))


def shot(name: str, start: float, frames: float, rate: float, *, media: Any = None) -> Any:
    """A clip of a file whose timecode begins at an hour."""
    hour = round(rate) * 3600
    if media is None:
        media = schema.ExternalReference(f"/media/{name}.mov", span(hour, 500, rate))
    return schema.Clip(name, media, span(hour + start, frames, rate))


def saved(tmp_path: Path, timeline: Any, name: str = "cut.otio") -> Path:
    path = tmp_path / name
    path.write_text(timeline.to_json_string())
    return path


def cut(rate: float, *tracks: tuple[str, list[Any]], start: float = 0) -> Any:
    made = schema.Timeline("cut", global_start_time=Time(start, rate))
    for kind, children in tracks:
        track = schema.Track(f"my {kind}", kind=kind)
        track.extend(children)
        made.tracks.append(track)
    return made


def clips(timeline: Timeline) -> list[Clip]:
    return [clip for track in timeline.tracks for clip in track.clips]


# --- what is written ---


@_SAME_FOLDER
@given(st.data())
def test_what_is_written_is_read_back(tmp_path: Path, data: st.DataObject) -> None:
    made = data.draw(timelines(speeds=SPEEDS))
    laid = data.draw(stems(made))
    path = tmp_path / "cut.otio"
    path.write_bytes(otio.written(made, laid))
    read = otio.read(path)
    assert (read.rate, read.start.frame, read.name) == (made.rate, made.start.frame, made.name)
    own, added = read.tracks[: len(made.tracks)], read.tracks[len(made.tracks) :]
    for one, other in zip(own, made.tracks, strict=True):
        assert (one.kind, one.number, one.name) == (other.kind, other.number, other.name)
        assert one.channels == other.channels
        assert [told(clip) for clip in one.clips] == [told(clip) for clip in other.clips]
    for one, stem in zip(added, laid, strict=True):
        assert (one.name, one.channels) == (stem.name, stem.channels)
        assert [without_number(clip) for clip in one.clips] == list(map(stem_told, stem.clips))


@_SAME_FOLDER
@given(st.data())
def test_the_library_finds_every_frame_where_it_was_put(
    tmp_path: Path, data: st.DataObject
) -> None:
    made = data.draw(timelines(mixed=False))
    laid = data.draw(stems(made))
    read = library.core.deserialize_json_from_string(otio.written(made, laid).decode())
    assert read.global_start_time.value == made.start.frame
    for track, stem in zip(list(read.tracks)[-2:], laid, strict=True):
        (clip,) = [child for child in track if isinstance(child, schema.Clip)]
        where = clip.range_in_parent()
        expected = (stem.clips[0].record * made.rate, stem.clips[0].duration * made.rate)
        assert (where.start_time.value, where.duration.value) == expected
        # Resolve takes a range that counts from the media's own timecode, and lies in it.
        reference = clip.media_reference
        available, used = reference.available_range, clip.source_range
        assert available.start_time.value <= used.start_time.value
        assert used.end_time_exclusive().value <= available.end_time_exclusive().value
        assert reference.target_url == stem.clips[0].path
        into = clip.source_range.start_time - available.start_time
        assert into.value == stem.clips[0].into * made.rate


def test_the_shape_is_the_one_that_resolve_reads(tmp_path: Path) -> None:
    made = Timeline("cut", Fraction(25), Timecode(90000, Fraction(25), False), ())
    document = json.loads(otio.written(made, two_stems(made)))
    assert document["global_start_time"]["value"] == 90000
    assert document["metadata"]["Resolve_OTIO"] == {"Resolve OTIO Meta Version": "1.0"}
    (track, _) = document["tracks"]["children"]
    assert track["metadata"]["Resolve_OTIO"]["Audio Type"] == "Stereo"
    _, clip = track["children"]
    assert clip["OTIO_SCHEMA"] == "Clip.2"
    assert clip["enabled"] is True
    reference = clip["media_references"][clip["active_media_reference_key"]]
    assert reference["target_url"] == "/stems/a b_Target.wav"
    assert reference["available_range"]["start_time"]["value"] == 90010
    assert clip["source_range"]["start_time"]["value"] == 90012
    assert clip["source_range"]["duration"]["value"] == 88


def test_what_is_lost_is_said() -> None:
    plain = Timeline("cut", Fraction(25), Timecode(0, Fraction(25), False), ())
    assert otio.lost(plain) == ()
    rate = RATES[3]
    nested = Clip(1, "n", "nested", None, Fraction(0), Fraction(1), effects=("blur",), speed=None)
    under = replace(nested, number=2, record=Fraction(1, 2))
    heard = replace(nested, number=3, record=Fraction(2), channels=(Channel(1, sound=2),))
    rich = Timeline(
        "cut",
        rate,
        Timecode(0, rate, True),
        (Track("video", 1, "", (nested, under, heard)),),
        size=(1920, 1080),
        sample_rate=48000,
    )
    assert otio.lost(rich) == tuple(sentence for _, sentence in otio.LOSSES)


def test_what_lies_behind_clips_that_overlap_stays_where_it_is(tmp_path: Path) -> None:
    source = Source("a", "/m/a.mov", duration=Fraction(90), rate=Fraction(25))
    places = [(0, 4), (2, 4), (5, 1), (8, 2)]
    made = tuple(
        Clip(n, "a", "file", source, Fraction(record), Fraction(duration), Fraction(10 * n))
        for n, (record, duration) in enumerate(places, 1)
    )
    timeline = Timeline(
        "cut", Fraction(25), Timecode(0, Fraction(25), False), (Track("video", 1, "", made),)
    )
    path = tmp_path / "cut.otio"
    path.write_bytes(otio.written(timeline, []))
    found = [(clip.record, clip.end, clip.into) for clip in clips(otio.read(path))]
    # The third lies under the second; of that, what the first leaves of it is shown.
    assert found == [(0, 4, 10), (4, 6, 22), (8, 10, 40)]


def test_a_timeline_of_another_format_is_written_with_paths() -> None:
    rate = Fraction(24)
    source = Source("a b", "file://localhost/media/a%20b.mov", duration=Fraction(9), rate=rate)
    made = [
        Clip(1, "a b", "file", source, Fraction(0), Fraction(1)),
        Clip(2, "title", "generator", None, Fraction(1), Fraction(1)),
        Clip(3, "inner", "nested", None, Fraction(2), Fraction(1)),
        Clip(4, "gone", "file", Source("gone", ""), Fraction(3), Fraction(1)),
    ]
    tracks = counted([Track("video", 1, "", tuple(made))])
    whole = Timeline("cut", rate, Timecode(0, rate, False), tracks)
    text = otio.written(whole, [], frozenset({1}))
    read = library.core.deserialize_json_from_string(text.decode())
    found = list(read.tracks[0])
    assert found[0].media_reference.target_url == "/media/a b.mov"
    assert [clip.enabled for clip in found] == [False, True, True, True]
    kinds = [type(clip.media_reference).__name__ for clip in found]
    assert kinds == ["ExternalReference", "GeneratorReference", *["MissingReference"] * 2]


# --- what is read ---


@pytest.mark.parametrize(
    ("written", "rate", "start", "drop"),
    [
        (23.976, "24000/1001", 86400, False),
        (24000 / 1001, "24000/1001", 86400, False),
        (24.0, "24", 86400, False),
        (25.0, "25", 90000, False),
        (29.97, "30000/1001", 107892, True),
        (29.97, "30000/1001", 108000, False),
        (59.94, "60000/1001", 215784, True),
        (59.94005994, "60000/1001", 216000, False),
    ],
)
def test_rates_and_starts(
    tmp_path: Path, written: float, rate: str, start: int, drop: bool
) -> None:
    made = cut(written, ("Video", [shot("a", 11, 40, written)]), start=start)
    read = otio.read(saved(tmp_path, made))
    assert read.rate == Fraction(rate)
    assert read.start == Timecode(start, Fraction(rate), drop)
    assert str(read.start) == f"01:00:00{';' if drop else ':'}00"
    (clip,) = clips(read)
    assert (clip.into, clip.duration) == (11 / read.rate, 40 / read.rate)


def test_every_kind_of_clip(tmp_path: Path) -> None:
    rate = 25.0
    slow = shot("slow", 0, 10, rate)
    slow.effects.append(schema.LinearTimeWarp(time_scalar=0.5))
    frozen = shot("frozen", 0, 10, rate)
    frozen.effects.append(schema.FreezeFrame())
    bent = shot("bent", 0, 10, rate)
    bent.effects.append(schema.TimeEffect())
    blurred = shot("blurred", 0, 10, rate)
    blurred.effects.append(schema.Effect("", "Blur"))
    off = shot("off", 0, 10, rate)
    off.enabled = False
    inner = schema.Stack("inner", source_range=span(0, 10, rate))
    title = shot("title", 0, 10, rate, media=schema.GeneratorReference("title", "text"))
    gone = shot("gone", 0, 10, rate, media=schema.MissingReference())
    series = shot("series", 0, 10, rate, media=schema.ImageSequenceReference("/s/", "f.", ".exr"))
    every = [slow, frozen, bent, blurred, off, inner, title, gone, series]
    read = otio.read(saved(tmp_path, cut(rate, ("Video", every))))
    told = {clip.name: clip for clip in clips(read)}
    assert [clip.number for clip in clips(read)] == list(range(1, 10))
    assert [clip.record * 25 for clip in clips(read)] == list(range(0, 90, 10))
    speeds = {name: told[name].speed for name in ("slow", "frozen", "bent", "blurred")}
    assert speeds == {"slow": Fraction(1, 2), "frozen": 0, "bent": None, "blurred": 1}
    assert told["blurred"].effects == ("Blur",)
    assert [clip.name for clip in clips(read) if not clip.enabled] == ["off"]
    kinds = {name: told[name].kind for name in ("inner", "title", "gone")}
    assert kinds == {"inner": "nested", "title": "generator", "gone": "file"}
    assert told["gone"].source == Source("gone", "")
    assert read.notes == ("series is a sequence of pictures, which is not read.",)


def test_the_channels_that_a_sound_plays_are_those_resolve_says(tmp_path: Path) -> None:
    said = [{"Source Channel ID": n, "Source Track ID": 2} for n in (0, 1)]
    odd: list[Any] = [None, "Channels", [1], [{"Source Channel ID": "0", "Source Track ID": 0}], []]
    items = [shot(str(n), 0, 10, 25.0) for n in range(6)]
    for item, channels in zip(items, [said, *odd], strict=True):
        item.metadata["Resolve_OTIO"] = {"Channels": channels}
    read = clips(otio.read(saved(tmp_path, cut(25.0, ("Audio", items)))))
    assert read[0].channels == (Channel(1, 3), Channel(2, 3))
    assert [one.channels for one in read[1:]] == [()] * 5


def test_transitions_take_up_no_time_and_are_named_on_both_sides(tmp_path: Path) -> None:
    rate = 24.0
    mix = schema.Transition("mix", schema.TransitionTypes.SMPTE_Dissolve, Time(6, 24), Time(6, 24))
    children = [shot("a", 20, 48, rate), mix, shot("b", 20, 24, rate), shot("c", 0, 24, rate)]
    found = clips(otio.read(saved(tmp_path, cut(rate, ("Video", children)))))
    assert [clip.record for clip in found] == [0, 2, 3]
    assert [clip.effects for clip in found] == [("transition mix",), ("transition mix",), ()]


def test_rates_may_be_mixed_and_places_lie_between_frames(tmp_path: Path) -> None:
    ntsc = 24000 / 1001
    sound = schema.ExternalReference("/media/s.wav", span(0, 480000, 48000))
    children = [
        schema.Gap(source_range=span(0, 17.25, 25.0)),
        shot("film", 10, 101, ntsc),
        schema.Clip("s", sound, span(4800, 24001, 48000)),
    ]
    first, second = clips(otio.read(saved(tmp_path, cut(25.0, ("Audio", children)))))
    assert first.record == Fraction(69, 100)
    assert first.into == Fraction(10 * 1001, 24000)
    assert first.duration == Fraction(101 * 1001, 24000)
    assert second.record == first.end
    assert (second.into, second.duration) == (Fraction(1, 10), Fraction(24001, 48000))
    assert second.source is not None
    assert second.source.rate is None


@_SAME_FOLDER
@given(st.sampled_from(RATES), st.sampled_from((44_100, 48_000)), st.integers(0, 24), st.integers())
@example(RATES[0], 48_000, 0, 1)
def test_samples_in_frames_of_a_rate_are_whole_again(
    tmp_path: Path, rate: Fraction, hz: int, hours: int, samples: int
) -> None:
    """As exactly as a double says where they lie, behind the timecode that media begin with."""
    samples = abs(samples) % 10**6
    start = round(hours * 3600 * rate)
    media = schema.ExternalReference("/media/a.wav", span(start, 1e8, float(rate)))
    place = span(float(start + Fraction(samples, hz) * rate), 10, float(rate))
    path = saved(tmp_path, cut(float(rate), ("Audio", [schema.Clip("a", media, place)])))
    (clip,) = clips(otio.read(path))
    if start == 0 and hz == 48_000:
        assert clip.into == Fraction(samples, hz)
    else:
        assert abs(clip.into * hz - samples) < Fraction(1, 1000)


def test_a_part_of_a_track_is_seen_and_all_of_it_counted(tmp_path: Path) -> None:
    rate = 25.0
    made = cut(rate, ("Video", [shot(name, 0, 50, rate) for name in "abc"]))
    made.tracks[0].source_range = span(75, 50, rate)
    (one, other) = clips(otio.read(saved(tmp_path, made)))
    assert (one.number, one.record, one.duration, one.into) == (2, 0, 1, 1)
    assert (other.number, other.record, other.duration, other.into) == (3, 1, 1, 0)


def test_stems_lie_where_they_should_in_a_timeline_of_which_a_part_is_seen(tmp_path: Path) -> None:
    made = cut(25.0, ("Video", [shot("a", 0, 500, 25.0)]))
    made.tracks.source_range = span(75, 400, 25.0)
    path = saved(tmp_path, made)
    laid = two_stems(otio.read(path))
    path.write_bytes(otio.extended(path, laid))
    added = otio.read(path).tracks[-2:]
    for track, stem in zip(added, laid, strict=True):
        assert [without_number(c) for c in track.clips] == list(map(stem_told, stem.clips))
    # The library counts from where the tracks begin.
    read = library.adapters.read_from_file(str(path))
    clip = next(c for c in read.tracks[-1] if isinstance(c, schema.Clip))
    at = laid[0].clips[0].record * 25 + 75
    assert read.tracks[-1].range_of_child(clip).start_time.value == at


def test_a_collection_of_one_timeline_is_that(tmp_path: Path) -> None:
    made = cut(25.0, ("Video", [shot("a", 0, 10, 25.0)]))
    path = saved(tmp_path, schema.SerializableCollection("all", [made]))
    assert otio.read(path).name == "cut"
    assert b"Soundmatte Target" in otio.extended(path, two_stems(otio.read(path)))


# --- what is extended ---


def test_all_that_was_there_stays_as_it_was(tmp_path: Path) -> None:
    """Keys of nobody's, metadata, the order of everything: only what is added is new."""
    rate = 24000 / 1001
    made = cut(
        rate,
        ("Video", [shot("a", 11, 40, rate), schema.Transition("x"), shot("b", 0, 9, rate)]),
        ("Audio", [schema.Gap(source_range=span(0, 17.25, rate)), shot("a", 11, 40, rate)]),
        ("Subtitle", []),
        start=86400,
    )
    before = json.loads(made.to_json_string())
    before["metadata"] = {"zeta": {"OTIO_SCHEMA": "Somebody.7", "x": 1e-7}, "alpha": ["é", None]}
    before["tracks"]["children"][0]["nobody's"] = 3
    before["tracks"]["children"][0]["children"][0]["OTIO_SCHEMA"] = "Clip.2"
    path = tmp_path / "cut.otio"
    path.write_text(json.dumps(before))
    timeline = otio.read(path)
    after = json.loads(otio.extended(path, two_stems(timeline)))
    added = after["tracks"]["children"][3:]
    assert [track["name"] for track in added] == ["Soundmatte Target", "Soundmatte Residual"]
    del after["tracks"]["children"][3:]
    assert json.dumps(after) == json.dumps(before)
    # Its own library takes the two for the last of the audio tracks.
    (tmp_path / "new.otio").write_bytes(otio.extended(path, two_stems(timeline)))
    read = otio.read(tmp_path / "new.otio")
    assert read.tracks[: len(timeline.tracks)] == timeline.tracks
    assert [track.label for track in read.tracks[-2:]] == ["A2", "A3"]


@_SAME_FOLDER
@given(st.data())
def test_exactly_the_clips_of_those_numbers_are_muted(tmp_path: Path, data: st.DataObject) -> None:
    made = data.draw(timelines())
    made = replace(made, tracks=tuple(replace(t, clips=tuple(_on(t))) for t in made.tracks))
    path = tmp_path / "cut.otio"
    path.write_bytes(otio.written(made, []))
    muted = frozenset(data.draw(st.sets(st.integers(1, len(clips(made))))))
    (tmp_path / "new.otio").write_bytes(otio.extended(path, [], muted))
    read = otio.read(tmp_path / "new.otio")
    assert {clip.number for clip in clips(read) if not clip.enabled} == muted


def _on(track: Track) -> list[Clip]:
    return [replace(clip, enabled=True) for clip in track.clips]


def test_a_document_of_an_older_library_keeps_its_spelling(tmp_path: Path) -> None:
    made = json.loads(cut(25.0, ("Audio", [shot("a", 0, 10, 25.0)])).to_json_string())
    clip = made["tracks"]["children"][0]["children"][0]
    clip["OTIO_SCHEMA"] = "Clip.1"
    clip["media_reference"] = clip.pop("media_references")["DEFAULT_MEDIA"]
    del clip["active_media_reference_key"], clip["enabled"]
    path = tmp_path / "old.otio"
    path.write_text(json.dumps(made))
    text = otio.extended(path, [], frozenset({1}))
    assert json.loads(text)["tracks"]["children"][0]["children"][0] == {**clip, "enabled": False}
    (tmp_path / "new.otio").write_bytes(text)
    assert [clip.enabled for clip in clips(otio.read(tmp_path / "new.otio"))] == [False]


# --- what is refused ---


def _deep(made: Any) -> str:
    return '{"OTIO_SCHEMA": "Timeline.1", "metadata": ' + "[" * 200_000 + "]" * 200_000 + "}"


def _nan(made: Any) -> str:
    return str(made.to_json_string()).replace('"value": 10.0', '"value": NaN', 1)


REFUSED: dict[str, tuple[Callable[[Any], str], type[Exception]]] = {
    "nothing": (lambda made: "", UnreadableTimeline),
    "no object": (lambda made: "[1, 2]", UnreadableTimeline),
    "cut off": (lambda made: made.to_json_string()[:-40], UnreadableTimeline),
    "another schema": (lambda made: schema.Gap().to_json_string(), UnreadableTimeline),
    "a schema to come": (
        lambda made: made.to_json_string().replace("Timeline.1", "Timeline.99"),
        UnreadableTimeline,
    ),
    "no number": (_nan, UnreadableTimeline),
    "no rate": (
        lambda made: made.to_json_string().replace('"rate": 25.0', '"rate": 0.0'),
        UnreadableTimeline,
    ),
    "a negative length": (
        lambda made: made.to_json_string().replace('"value": 10.0', '"value": -10.0'),
        UnreadableTimeline,
    ),
    "no end of nesting": (_deep, HostileTimeline),
    "two timelines": (
        lambda made: schema.SerializableCollection("", [made, made.clone()]).to_json_string(),
        UnreadableTimeline,
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_timeline_is_refused_with_a_sentence(tmp_path: Path, what: str) -> None:
    spoil, kind = REFUSED[what]
    path = tmp_path / "cut.otio"
    path.write_text(spoil(cut(25.0, ("Video", [shot("a", 0, 10, 25.0)]))))
    with pytest.raises(kind) as caught:
        otio.read(path)
    assert type(caught.value) is kind
    assert "cut.otio" in str(caught.value)
    assert getattr(caught.value, "hint", "")


def test_without_the_library_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, cut(25.0, ("Video", [shot("a", 0, 10, 25.0)])))
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "opentimelineio":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExtraMissing) as caught:
        otio.read(path)
    assert caught.value.hint == "Install it: pip install 'soundmatte[timeline]'."
