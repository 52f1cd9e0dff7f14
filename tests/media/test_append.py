"""Stems behind a movie: what was there is there bit for bit, the stems are where they belong."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.appending import KINDS, TITLES, Movies, header, inner, parts, tracks
from tests.media.making import Sound, Studio, ffmpeg, noise, pictures, sound

from stemmux.append import append
from stemmux.ffmpeg import find
from stemmux.kept import check_kept
from stemmux.mux import Stem
from stemmux.probe import probe


@pytest.fixture(scope="module")
def movies(studio: Studio) -> Movies:
    return Movies(studio)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_there_is_there_bit_for_bit(movies: Movies, tmp_path: Path, kind: str) -> None:
    source, out = movies.made(kind), tmp_path / "out.mov"
    append(movies.media(kind), movies.pair, out)
    before, after = source.read_bytes(), out.read_bytes()
    old, new = parts(before), parts(after)
    assert [k for k, _ in new] == [b"free" if k == b"moov" else k for k, _ in old] + [
        b"mdat",
        b"moov",
    ]
    there = np.frombuffer(after, np.uint8, len(before))
    changed = np.flatnonzero(np.frombuffer(before, np.uint8) != there).tolist()
    index = before.index(old[[k for k, _ in old].index(b"moov")][1])
    allowed = set(range(index + 4, index + 8))
    if source.suffix == ".mp4":
        # The main brand, and the first of those that the file fits.
        allowed |= {*range(8, 12), *range(16, 20)}
    assert set(changed) <= allowed
    was, now = inner(dict(old)[b"moov"]), inner(dict(new)[b"moov"])
    rest = [(k, whole) for k, whole in now if (k, whole) in was or k == b"mvhd"]
    assert [whole for k, whole in rest if k != b"mvhd"] == [w for k, w in was if k != b"mvhd"]
    assert [k for k, _ in now].count(b"trak") == [k for k, _ in was].count(b"trak") + 2
    check_kept(source, out)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stems_lie_where_they_belong_and_nothing_else_moves(
    movies: Movies, tmp_path: Path, kind: str
) -> None:
    source, media, out = movies.made(kind), movies.media(kind), tmp_path / "out.mov"
    append(media, [replace(stem, start=3_333) for stem in movies.pair], out)
    own = len(media.audio)
    for number in range(own):
        for one, other in zip(sound(source, number), sound(out, number), strict=True):
            assert np.array_equal(one, other)
    if media.video:
        assert pictures(out) == pictures(source)
        assert pictures(out)[0][0] == 0
    for number, stem in enumerate(movies.pair):
        start, heard = sound(out, own + number)
        wanted, _ = soundfile.read(stem.path, always_2d=True)
        assert start == 0
        assert not heard[:3_333].any()
        assert np.array_equal(heard[3_333:], wanted)
    assert said_by_ffmpeg(out) == ""
    titles = [track.title for track in probe(out).audio]
    assert titles[own:] == list(TITLES)


def said_by_ffmpeg(path: Path) -> str:
    command = [find().path, "-nostdin", "-v", "warning", "-i", path, "-map", "0"]
    done = subprocess.run(
        [*command, "-c", "copy", "-f", "null", "-"], check=True, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_the_rest_of_the_movie_is_kept(studio: Studio, tmp_path: Path) -> None:
    """Turning, timecode, chapters, captions, titles, languages; as ffmpeg lists them."""
    words, texts = tmp_path / "words.srt", tmp_path / "chapters.txt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    texts.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=One\n")
    source, out = tmp_path / "clip.mov", tmp_path / "out.mov"
    ffmpeg(
        *("-display_rotation", -90, "-i", studio.clip("mp4", "29.97").path),
        *("-i", words, "-i", texts, "-map", "0", "-map", "1", "-map_chapters", "2"),
        *("-c", "copy", "-c:s", "mov_text", "-timecode", "10:00:00;02", "-metadata", "title=Take"),
        *("-metadata", "creation_time=2026-01-02T03:04:05Z", "-metadata:s:a", "language=jpn"),
        *("-metadata:s:a", "handler_name=Lav", source),
    )
    stem = Stem(studio.wave(noise(1, 96_000)), "Target")
    before = listing(source)
    append(probe(source), [stem], out)
    after = listing(out)
    assert [line for line in after if line not in before] == [
        line for line in after if "lpcm" in line or ": Target" in line
    ]
    assert [line for line in before if line not in after] == []
    for word in ("Take", "Chapter #0", "mov_text", "tmcd", "rotation", "(jpn)", "Lav"):
        assert any(word in line for line in before), word


def listing(path: Path) -> list[str]:
    """What ffmpeg says of a file, without its name, rate and numbers of bits."""
    command = [find().path, "-hide_banner", "-i", path]
    text = subprocess.run(command, capture_output=True, text=True).stderr
    return [line.strip() for line in text.splitlines() if "Duration" not in line][1:]


FORMS = [
    ("PCM_16", 1, 48000),
    ("PCM_24", 6, 48000),
    ("PCM_24", 8, 96000),
    ("PCM_32", 2, 44100),
    ("FLOAT", 2, 192000),
    ("FLOAT", 16, 8000),
]


def test_samples_keep_every_bit(movies: Movies, studio: Studio, tmp_path: Path) -> None:
    waves: list[tuple[Sound, int, str]] = []
    for number, (subtype, channels, rate) in enumerate(FORMS):
        samples = noise(number, 20_011, channels, rate=rate, bits=16)
        waves.append((1.5 * samples if subtype == "FLOAT" else samples, rate, subtype))
    stems = [Stem(studio.wave(*wave), f"stem {n}", start=7) for n, wave in enumerate(waves)]
    append(movies.media("mp4"), stems, tmp_path / "out.mov")
    found = probe(tmp_path / "out.mov").audio[1:]
    for number, (samples, rate, _) in enumerate(waves):
        assert (found[number].rate, found[number].channels) == (rate, samples.shape[1])
        assert np.array_equal(sound(tmp_path / "out.mov", 1 + number)[1][7:], samples)
    said = said_by_ffmpeg(tmp_path / "out.mov").splitlines()
    # Three of the WAV files do not say where their channels belong, and so does the movie.
    assert [line.partition("] ")[2][:23] for line in said] == ["Guessed Channel Layout:"] * 3


@pytest.mark.parametrize(
    ("layout", "speakers"),
    [
        ("mono", "FC"),
        ("stereo", "FL FR"),
        ("5.1", "FL FR FC LFE BL BR"),
        ("5.1(side)", "FL FR FC LFE SL SR"),
        ("7.1", "FL FR FC LFE BL BR SL SR"),
        ("quad", "FL FR BL BR"),
    ],
)
def test_speakers_keep_their_places(
    movies: Movies, studio: Studio, tmp_path: Path, layout: str, speakers: str
) -> None:
    wave = studio.new(".wav")
    ffmpeg("-f", "lavfi", "-i", f"anoisesrc=d=0.5:r=48000,pan={layout}|c0=c0", wave)
    append(movies.media("mp4"), [Stem(wave, "stem")], tmp_path / "out.mov")
    assert probe(tmp_path / "out.mov").track(2).speakers == tuple(speakers.split())


def test_stems_beyond_4_gb_are_found(
    movies: Movies, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An RF64 file, whose sizes lie in another place; made small by lowering the limit."""
    import stemmux.bwf as bwf

    monkeypatch.setattr(bwf, "_SIZE_LIMIT", 1000)
    samples = np.random.default_rng(1).integers(-(1 << 23), 1 << 23, (48_000, 1), np.int32)
    path = studio.new(".wav")
    with bwf.WaveWriter(path, bwf.WaveFormat(48000, 1, "s24"), bwf.Origination("x")) as writer:
        writer.write(samples)
    assert path.read_bytes()[:4] == b"RF64"
    append(movies.media("mp4"), [Stem(path, "long")], tmp_path / "out.mov")
    assert np.array_equal(sound(tmp_path / "out.mov", 1)[1], samples / float(1 << 23))


@pytest.mark.parametrize(
    ("default", "on"), [(None, [1, 1, 1, 1]), ("clip", [1, 1, 0, 0]), (1, [1, 0, 0, 1])]
)
def test_players_use_the_sound_that_is_asked_for(
    movies: Movies, tmp_path: Path, default: int | None, on: list[int]
) -> None:
    source = movies.made("mp4")
    append(probe(source), movies.pair, tmp_path / "out.mov", default=default)
    heads = [header(trak) for trak in tracks((tmp_path / "out.mov").read_bytes())]
    assert [head[3] & 1 for head in heads] == on
    groups = [struct.unpack_from(">H", head, 34)[0] for head in heads]
    # ffmpeg puts the clip's own sound into the group 1.
    assert groups == ([0, 1, 0, 0] if default is None else [0, 1, 1, 1])
    check_kept(source, tmp_path / "out.mov")


def test_longer_stems_make_the_movie_longer(movies: Movies, studio: Studio, tmp_path: Path) -> None:
    media = movies.media("mp4")
    stem = Stem(studio.wave(noise(1, 240_001), 48000), "long")
    append(media, [stem], tmp_path / "out.mov")
    head = dict(inner(dict(parts((tmp_path / "out.mov").read_bytes()))[b"moov"]))[b"mvhd"]
    scale, length = struct.unpack_from(">II", head, 20)
    assert Fraction(240_001, 48000) <= Fraction(length, scale) < Fraction(240_001, 48000) + 1
    assert len(sound(tmp_path / "out.mov", 1)[1]) == 240_001
