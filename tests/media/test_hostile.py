"""Damaged, lying and odd files, through everything: a sentence with a hint, or read. Never more."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
from tests.media.hostile import DAMAGED, DOUBTFUL, NAMES, ODD, PLAYLISTS, Trap
from tests.media.making import Studio, ffmpeg, noise

from stemmux.errors import StemmuxError, UnreadableMedia
from stemmux.extract import Cut, extract
from stemmux.ffmpeg import find
from stemmux.grid import settle
from stemmux.matte import write_mask
from stemmux.measure import null_db
from stemmux.mux import Stem, add
from stemmux.probe import Media, probe

Outcome = Literal["read", "refused"]


def outcome(work: Callable[[], object]) -> Outcome:
    """Read, or refused in a sentence with a way out; anything else is a failure of the test."""
    refusal = None
    try:
        work()
    except StemmuxError as error:
        refusal = error
    if refusal is None:
        return "read"
    assert 0 < len(str(refusal)) < 600
    assert refusal.hint
    return "refused"


class Bench:
    """All the ways in which a file can be given, with good company."""

    def __init__(self, studio: Studio, folder: Path) -> None:
        self.clip = probe(studio.clip("mp4").path)
        self.stem = Stem(studio.wave(noise(1, 48000)), "stem")
        self.folder = folder

    def cut(self, media: Media) -> None:
        proxy = self.folder / "proxy.mov" if media.video else None
        files = Cut(self.folder / "mix.wav", self.folder / "mono.wav", proxy)
        extract(media, media.span(), files)

    def as_clip(self, path: Path) -> dict[str, Outcome]:
        """Cut it, and add a stem to it."""
        media = probe(path)
        return {
            "extract": outcome(lambda: self.cut(media)),
            "mux": outcome(lambda: add(media, [self.stem], self.folder / "clip out.mov")),
        }

    def as_matte(self, path: Path) -> Outcome:
        def work() -> None:
            matte = probe(path, picture=True)
            write_mask(matte, self.clip, self.clip.span(), self.folder / "mask.mp4")

        return outcome(work)

    def as_stem(self, path: Path) -> Outcome:
        out = self.folder / "stem out.mov"
        return outcome(lambda: add(self.clip, [Stem(path, "hostile")], out))


@pytest.fixture
def bench(studio: Studio, tmp_path: Path) -> Bench:
    (tmp_path / "made").mkdir()
    return Bench(studio, tmp_path / "made")


@pytest.fixture
def quick() -> Iterator[None]:
    """Nothing here may take long."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < 20


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_read_is_refused(
    studio: Studio, tmp_path: Path, bench: Bench, name: str
) -> None:
    path = DAMAGED[name](studio, tmp_path)
    assert outcome(lambda: probe(path)) == "refused"
    assert bench.as_matte(path) == "refused"
    assert bench.as_stem(path) == "refused"
    assert list(bench.folder.iterdir()) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", DOUBTFUL)
def test_what_is_there_of_a_damaged_file_is_read_or_refused(
    studio: Studio, tmp_path: Path, bench: Bench, name: str
) -> None:
    path = DOUBTFUL[name](studio, tmp_path)
    media = probe(path)
    done = bench.as_clip(path)
    if done["extract"] == "read":
        first, last = media.span().samples(48000)
        assert soundfile.info(bench.folder / "mix.wav").frames == last - first
    done |= {"matte": bench.as_matte(path), "stem": bench.as_stem(path)}
    files = {"mux": "clip out.mov", "matte": "mask.mp4", "stem": "stem out.mov"}
    for use, file in files.items():
        assert (bench.folder / file).exists() is (done[use] == "read")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ODD)
def test_what_is_only_odd_is_read(studio: Studio, tmp_path: Path, bench: Bench, name: str) -> None:
    path = ODD[name](studio, tmp_path)
    assert bench.as_clip(path) == {"extract": "read", "mux": "read"}
    assert bench.as_matte(path) == "read"
    assert bench.as_stem(path) == "refused", "it is no WAV file"


def test_a_file_may_break_off_anywhere(studio: Studio, tmp_path: Path) -> None:
    """Also where pictures that belong before the last one are missing."""
    whole = studio.new(".mp4")
    ffmpeg("-i", studio.clip("mp4").path, "-c", "copy", "-movflags", "faststart", whole)
    data, path = whole.read_bytes(), tmp_path / "clip.mp4"
    for percent in range(60, 96, 3):
        path.write_bytes(data[: len(data) * percent // 100])
        media = probe(path)
        assert media.constant_rate == 25
        assert media.picture().frames < 75
        assert any("breaks off" in warning for warning in media.warnings)


def test_broken_floats_are_silenced_on_the_grid(studio: Studio, tmp_path: Path) -> None:
    media = probe(DOUBTFUL["broken floats"](studio, tmp_path))
    extract(media, media.span(), Cut(mix=tmp_path / "raw.wav"))
    mix = settle(tmp_path / "raw.wav", tmp_path / "mix.wav")
    samples = soundfile.read(mix.path)[0]
    assert np.isfinite(samples).all()
    assert np.array_equal(samples[500:], noise(1, 48000, 2)[500:])
    assert any("damaged samples" in note for note in mix.notes)


@pytest.mark.parametrize("name", NAMES)
def test_names_mean_nothing(studio: Studio, tmp_path: Path, bench: Bench, name: str) -> None:
    """Read and written under names that others take for options, patterns or addresses."""
    path = tmp_path / name
    path.write_bytes(studio.clip("mp4").path.read_bytes())
    assert probe(path).picture().frames == 75
    stem = tmp_path / Path(name).with_suffix(".wav")
    stem.write_bytes(bench.stem.path.read_bytes())
    out = bench.folder / Path(name).with_suffix(".mov")
    made = add(probe(path), [Stem(stem, name)], out)
    assert made.offsets == (0.0,)
    assert os.listdir(bench.folder) == [out.name]
    assert null_db(stem, [stem]) == -np.inf
    matte = probe(path, picture=True)
    mask = bench.folder / name
    write_mask(matte, bench.clip, bench.clip.span(), mask)
    assert sorted(os.listdir(bench.folder)) == sorted([out.name, name])
    assert {p.name for p in tmp_path.iterdir()} <= {name, stem.name, "made"}


def test_names_relative_to_the_folder_one_is_in(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-dash.mp4", "colon:x.mp4", "pipe:0", "-"):
        Path(name).write_bytes(studio.clip("mp4").path.read_bytes())
        extract(probe(Path(name)), probe(Path(name)).span(), Cut(mix=Path("-i.wav")))
        assert soundfile.info("-i.wav").frames == 3 * 48000


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    folder = tmp_path / "trap"
    folder.mkdir()
    with Trap(folder) as trap:
        yield trap


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_opens_nothing(trap: Trap, bench: Bench, name: str) -> None:
    path = trap.playlist(name)
    with pytest.raises(UnreadableMedia) as caught:
        probe(path)
    assert "is damaged, or is not a kind of media file" in str(caught.value)
    assert "Playlists" in caught.value.hint
    assert bench.as_matte(path) == "refused"
    assert bench.as_stem(path) == "refused"
    # Even where a clip was probed, and another file then put in its place.
    out, mask = bench.folder / "out.mov", bench.folder / "mask.mp4"
    for good in (bench.clip, probe(bench.stem.path)):
        media = replace(good, path=path)
        works = [
            partial(bench.cut, media),
            partial(add, media, [bench.stem], out),
            partial(write_mask, media, bench.clip, bench.clip.span(), mask),
        ]
        assert [outcome(work) for work in works] == ["refused"] * 3
    assert trap.opened == []
    assert not (bench.folder / "out.mov").exists()


@pytest.mark.parametrize("name", ["ffconcat.mp4", "list.ffconcat", "file.m3u8", "dash.mpd"])
def test_the_trap_works(trap: Trap, name: str) -> None:
    """The same files, read without the guards, do open what they name."""
    path = trap.playlist(name)
    words = [find().path, "-nostdin", "-v", "quiet", "-i", str(path), "-f", "null", "-"]
    subprocess.run(words, timeout=20, check=False, stdin=subprocess.DEVNULL)
    assert "the file" in trap.opened


def test_the_port_of_the_trap_works(trap: Trap) -> None:
    socket.create_connection(("127.0.0.1", trap.port)).close()
    end = time.monotonic() + 5
    while not trap.opened and time.monotonic() < end:
        time.sleep(0.01)
    assert trap.opened == ["the port"]


def test_a_pipe_or_a_folder_is_no_clip(trap: Trap, bench: Bench) -> None:
    for path in (trap.path, trap.path.parent):
        assert outcome(partial(probe, path)) == "refused"
        assert bench.as_matte(path) == "refused"
    assert trap.opened == []
