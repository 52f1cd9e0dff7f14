"""Stems in the file: the picture untouched, every sound where it was, the stems at zero."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tests.media.making import (
    ALL_RATES,
    Studio,
    ffmpeg,
    first_picture,
    lag,
    noise,
    pictures,
    sound,
)
from tests.media.remuxing import (
    MATRIX,
    ODD_CASES,
    TITLES,
    Case,
    clip,
    make,
    own_place,
    pairwise,
    sample,
    stems,
    switched_on,
)

import stemmux.append
from stemmux import readback
from stemmux.errors import (
    ContainerRefused,
    NotAppendable,
    OutputExists,
    StemmuxError,
    VerificationFailed,
)
from stemmux.mux import Container, Stem, add
from stemmux.probe import probe

#: Another number makes every pair of kind, container and rate meet another third.
SEED = int(os.environ["REMUX_SEED"])
CASES = pairwise(SEED) + sample(SEED, ODD_CASES)
REFUSED = [case for case in [*MATRIX, *ODD_CASES] if case.refused and case.rate == "29.97"]
#: Half a tick of Matroska's clock, on either side, in samples.
MILLISECOND = 48


@pytest.mark.parametrize("case", CASES, ids=[f"seed {SEED}-{case}" for case in CASES])
def test_nothing_moves(studio: Studio, tmp_path: Path, case: Case) -> None:
    source, out, found = make(studio, case, tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [out.name]
    if found.picture != "none":
        assert found.picture == ("pictures" if case.kind == "ts" else "packets")
    said = {"packets": "copied", "pictures": "repackaged", "none": None}
    assert found.made.picture == said[found.picture]
    assert found.made.tracks == (2, 3)
    assert set(found.stems) == {0}
    coarse = case.container == "mkv"
    # Where the picture lies between two samples, or the source counts whole milliseconds.
    between = (own_place(source) * 48000).denominator != 1 if found.picture != "none" else False
    room = MILLISECOND if coarse else 1 if between else 0
    assert abs(found.original) <= room
    assert max(map(abs, found.between)) <= room
    assert_tracks(out, case.container, found.made.way)
    assert found.made.offsets == (0.0, 0.0)
    assert (found.made.null_db == -math.inf) == (case.container != "mp4")
    assert found.made.parts_null_db is None
    assert_said(case, found.made.lost, float(found.original))


def assert_tracks(out: Path, container: str, way: str) -> None:
    with av.open(str(out)) as opened:
        tracks = opened.streams.audio
        assert len(tracks) == 3
        for track, title in zip(tracks[1:], TITLES, strict=True):
            tags = {name.lower(): value for name, value in track.metadata.items()}
            assert track.codec_context.channels == 2
            if container != "mxf":
                assert title in (tags.get("title"), tags.get("handler_name"))
                wanted = "und" if way == "appended" else "zxx"
                assert tags.get("language", "und") == wanted
    if container in ("mov", "mp4"):
        assert all(switched_on(out))


def assert_said(case: Case, lost: tuple[str, ...], moved: float) -> None:
    """Only what must be said is."""
    wanted = []
    if case.container == "mxf":
        wanted.append(f"Track titles not in the new file: {TITLES[0]!r}, {TITLES[1]!r}.")
    if case.container == "mp4" and case.kind in ("mov", "mxf", "wav"):
        wanted.append("Few programs read the clip's own sound")
    if abs(moved) > 1:
        wanted.append(f"The clip's own sound 1 lies {abs(moved):.0f} samples")
    assert len(lost) == len(wanted)
    for sentence, start in zip(lost, wanted, strict=True):
        assert sentence.startswith(start)


def test_every_pair_of_the_matrix_is_met() -> None:
    for seed in (1, 2, SEED):
        met = pairwise(seed)
        for one in (case for case in MATRIX if not case.refused):
            assert any((one.kind, one.container) == (c.kind, c.container) for c in met)
            assert any((one.kind, one.rate) == (c.kind, c.rate) for c in met)
            assert any((one.container, one.rate) == (c.container, c.rate) for c in met)
    assert pairwise(1) == pairwise(1) != pairwise(2)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_cells_that_cannot_work_are_refused_before_any_work(
    studio: Studio, tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    media, given = probe(clip(studio, case).path), stems(studio)
    monkeypatch.setattr("stemmux.ffmpeg.run", None)
    with pytest.raises(ContainerRefused) as caught:
        add(media, given, tmp_path / f"out.{case.container}")
    assert caught.value.hint.startswith("Name a .mov")
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["mp4", "late sound", "prores", "varying rate"])
def test_what_cannot_be_appended_is_remuxed(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def never(*given: object, **named: object) -> None:
        raise NotAppendable("Not today.")

    case = Case(kind, "mov", "29.97")
    media = probe(clip(studio, case).path)
    assert add(media, stems(studio), tmp_path / "appended.mov").way == "appended"
    monkeypatch.setattr(stemmux.append, "append", never)
    _, out, found = make(studio, case, tmp_path)
    assert found.made.way == "remuxed"
    assert (found.picture, found.stems, found.original) == ("packets", (0, 0), 0)
    assert_tracks(out, "mov", "remuxed")


@pytest.mark.parametrize("container", ["mov", "mp4"])
@pytest.mark.parametrize("rate", ["23.976", "29.97", "59.94"])
def test_pictures_out_of_matroska_lie_on_their_grid_again(
    studio: Studio, tmp_path: Path, container: Container, rate: str
) -> None:
    """There they were rounded to whole milliseconds."""
    out = tmp_path / f"out.{container}"
    add(probe(clip(studio, Case("mkv", container, rate)).path), stems(studio)[:1], out)
    steps = [number / ALL_RATES[rate] for number in range(len(pictures(out)))]
    assert [time for time, _ in pictures(out)] == steps


def test_opus_out_of_matroska_lies_on_its_samples_again(studio: Studio, tmp_path: Path) -> None:
    source, out = studio.clip("mkv", options=("-c:a", "libopus", "-b:a", "256k")), "out.mp4"
    assert add(probe(source.path), stems(studio), tmp_path / out).lost == ()
    start, heard = sound(tmp_path / out)
    moved = start - first_picture(tmp_path / out) - source.place()
    assert moved * 48000 + lag(source.sounds[0][:, 0], heard[:, 0]) == 0


@pytest.mark.parametrize("container", ["mov", "mkv"])
@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mpg", ("mpeg2video", "mp2")), (".avi", ("libx264", "pcm_s16le"))]
)
def test_pictures_without_times_are_shown_when_they_should_be(
    studio: Studio, tmp_path: Path, container: str, suffix: str, codec: tuple[str, str]
) -> None:
    """Program streams and AVI files do not say when the pictures between others are shown."""
    source, out = studio.new(suffix), tmp_path / f"out.{container}"
    words = ("-c:v", codec[0], "-bf", 2, "-g", 12, "-b:v", "1M", "-c:a", codec[1], "-t", "1.2")
    ffmpeg("-i", studio.clip("mov").path, *words, source)
    made = add(probe(source), stems(studio), out)
    assert made.offsets == (0.0, 0.0)
    before, after = pictures(source), pictures(out)
    assert [number for _, number in after] == [number for _, number in before]
    places = [[time - found[0][0] for time, _ in found] for found in (before, after)]
    room = Fraction(1, 1000) if container == "mkv" else Fraction(1, 10_000)
    assert max(abs(one - other) for one, other in zip(*places, strict=True)) <= room


@pytest.mark.parametrize("container", ["mov", "mkv", "mp4"])
def test_stems_of_a_range_lie_where_the_range_lies(
    studio: Studio, tmp_path: Path, container: Container
) -> None:
    case = Case("ts", container, "29.97")
    _, _, found = make(studio, case, tmp_path, start=7_227, seconds=Fraction(1, 2))
    assert set(found.stems) == {0}


@pytest.mark.parametrize("container", ["mov", "mkv"])
def test_stems_keep_every_bit(studio: Studio, tmp_path: Path, container: str) -> None:
    """16 and 24 bit and float, one to six channels, 44.1 kHz; read back by PyAV."""
    media = probe(studio.clip("mov").path)
    shapes = [("PCM_16", 1, 48000), ("PCM_24", 6, 48000), ("FLOAT", 2, 44100)]
    sounds = [
        1.5 * noise(n, 48000, channels, bits=16)
        if subtype == "FLOAT"
        else noise(n, 48000, channels)
        for n, (subtype, channels, _) in enumerate(shapes)
    ]
    stems = [
        Stem(studio.wave(samples, rate, subtype), f"stem {n}")
        for n, (samples, (subtype, _, rate)) in enumerate(zip(sounds, shapes, strict=True))
    ]
    made = add(media, stems, tmp_path / f"out.{container}")
    assert made.offsets == (0.0, 0.0, 0.0)
    for track, samples in enumerate(sounds, 1):
        _, heard = sound(tmp_path / f"out.{container}", track)
        assert np.array_equal(heard, samples)


@pytest.mark.parametrize("channels", range(1, 9))
def test_every_channel_of_a_stem_arrives_in_mp4(
    studio: Studio, tmp_path: Path, channels: int
) -> None:
    """As AAC, whose encoder spoils some layouts; decoded by the command, compared by place."""
    samples = noise(1, 96_000, channels)
    if channels in (6, 8):
        # As many channels are 5.1 and 7.1, of which the fourth only carries low notes.
        samples[:, 3] = 0.5 * np.sin(2 * np.pi * 50 * np.arange(96_000) / 48_000)
    out, raw = tmp_path / "out.mp4", studio.new(".f64")
    made = add(probe(studio.clip("mov").path), [Stem(studio.wave(samples), "x", 48)], out)
    assert made.offsets == (pytest.approx(0, abs=0.1),)
    ffmpeg("-i", out, "-map", "0:a:1", "-f", "f64le", "-c:a", "pcm_f64le", raw)
    heard = np.fromfile(raw).reshape(-1, channels)[48 : 48 + 96_000]
    lost = heard - samples[: len(heard)]
    assert (10 * np.log10((samples**2).sum(axis=0) / (lost**2).sum(axis=0)) > 10).all()


def test_a_camera_s_dv_file_gets_stems(studio: Studio, tmp_path: Path) -> None:
    """ffmpeg takes its clock for its rate."""
    source = studio.new(".dv")
    size = ("-vf", "scale=720:576", "-pix_fmt", "yuv420p", "-frames:v", 25, "-t", 1)
    ffmpeg("-i", studio.clip("mov").path, *size, source)
    for container in ("mov", "mxf"):
        stem = Stem(studio.wave(noise(1, 48000)), "Target")
        made = add(probe(source), [stem], tmp_path / f"out.{container}")
        assert (made.picture, made.offsets) == ("copied", (0.0,))
        assert probe(made.path).constant_rate == 25


def test_everything_else_in_the_clip_is_kept(studio: Studio, tmp_path: Path) -> None:
    """Rotation, timecode, titles, languages and chapters' worth of metadata."""
    out, source = tmp_path / "out.mov", studio.new(".mov")
    ffmpeg(
        *("-display_rotation", -90, "-i", studio.clip("mp4", "29.97").path, "-c", "copy"),
        *("-timecode", "10:00:00;02", "-metadata", "title=Take 7"),
        *("-metadata:s:a:0", "language=jpn", "-metadata:s:a:0", "handler_name=Lav", source),
    )
    before = probe(source)
    add(before, [Stem(studio.wave(noise(1, 48000)), "Target")], out)
    after = probe(out)
    assert str(after.timecode) == str(before.timecode) == "10:00:00;02"
    assert after.picture().rotation == before.picture().rotation == 90
    assert (after.track(1).title, after.track(1).language) == ("Lav", "jpn")
    with av.open(str(out)) as container:
        assert container.metadata["title"] == "Take 7"


def test_what_an_edit_list_hides_stays_hidden_or_the_container_is_refused(
    studio: Studio, tmp_path: Path
) -> None:
    source = studio.clip("edit list")
    stem = Stem(studio.wave(noise(1, 48000)), "Target")
    with pytest.raises(ContainerRefused, match="hides") as caught:
        add(probe(source.path), [stem], tmp_path / "out.mkv")
    assert ".mov" in caught.value.hint
    assert names(tmp_path) == []
    add(probe(source.path), [stem], tmp_path / "out.mov")
    assert pictures(tmp_path / "out.mov") == source.pictures


def test_a_silent_stem_is_added_without_a_place(studio: Studio, tmp_path: Path) -> None:
    media = probe(studio.clip("mov").path)
    stems = [
        Stem(studio.wave(np.zeros((48000, 2))), "silence"),
        Stem(studio.wave(noise(3, 9)), "9"),
    ]
    made = add(media, stems[:1], tmp_path / "out.mov")
    assert made.offsets == (None,)


def test_a_file_that_is_there_is_kept(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    out.write_bytes(b"old")
    media, stem = probe(studio.clip("mov").path), Stem(studio.wave(noise(1, 48000)), "Target")
    with pytest.raises(OutputExists):
        add(media, [stem], out)
    assert out.read_bytes() == b"old"
    add(media, [stem], out, overwrite=True)
    assert len(probe(out).audio) == 2


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("name", ["out.avi", "out", "out.wave"])
def test_other_containers_are_refused(studio: Studio, tmp_path: Path, name: str) -> None:
    with pytest.raises(ContainerRefused) as caught:
        add(probe(studio.clip("mov").path), [], tmp_path / name)
    assert caught.value.hint
    assert names(tmp_path) == []


def test_cancelling_leaves_no_file(studio: Studio, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(share: float) -> None:
        raise Stop

    stem = Stem(studio.wave(noise(1, 48000)), "Target")
    with pytest.raises(Stop):
        add(probe(studio.clip("mov").path), [stem], tmp_path / "out.mov", progress=stop)
    assert names(tmp_path) == []


@pytest.mark.parametrize("fault", ["late", "changed", "silent"])
def test_a_stem_that_did_not_arrive_is_found_and_the_file_removed(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The stem is exchanged between its being written and its being read back."""
    samples = noise(1, 48000)
    wrong = {"late": np.roll(samples, 2), "changed": samples * 0.99, "silent": samples * 0}[fault]
    stem = Stem(studio.wave(samples), "Target")
    honest = readback.verify

    def exchanged(*given: object, **named: object) -> object:
        soundfile.write(stem.path, wrong, 48000, subtype="PCM_16")
        if fault == "silent":
            soundfile.write(stem.path, noise(9, 48000), 48000, subtype="PCM_16")
        return honest(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(readback, "verify", exchanged)
    with pytest.raises(VerificationFailed, match="Target"):
        add(probe(studio.clip("mov").path), [stem], tmp_path / "out.mov")
    assert names(tmp_path) == []


def test_a_start_before_the_clip_is_refused(studio: Studio, tmp_path: Path) -> None:
    stem = Stem(studio.wave(noise(1, 48000)), "Target", start=-1)
    with pytest.raises(StemmuxError, match="before the clip"):
        add(probe(studio.clip("mov").path), [stem], tmp_path / "out.mov")
    assert names(tmp_path) == []


def test_a_stem_with_broken_floats_is_copied_or_refused(studio: Studio, tmp_path: Path) -> None:
    samples = noise(1, 48000).astype(np.float32).astype(float)
    samples[100:110] = np.nan
    media, stem = probe(studio.clip("mov").path), Stem(studio.wave(samples, subtype="FLOAT"), "x")
    assert add(media, [stem], tmp_path / "out.mov").offsets == (0.0,)
    assert np.array_equal(sound(tmp_path / "out.mov", 1)[1], samples, equal_nan=True)
    with pytest.raises(StemmuxError):
        add(media, [stem], tmp_path / "out.mp4")
    assert names(tmp_path) == ["out.mov"]
