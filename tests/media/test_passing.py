"""One pass over a file: packets by hash, sound by its place, and an end where nobody listens."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.media.making import Sound, Studio, ffmpeg, noise

from stemmux.passing import Copied, Heard, listen
from stemmux.probe import probe


class Blocks(Heard):
    """Keeps what it hears."""

    def __init__(self, path: Path, track: int = 1) -> None:
        media = probe(path)
        super().__init__(media.track(track).rate, media.origin)
        self.index = media.track(track).index
        self.got: list[tuple[int, Sound]] = []
        listen(path, {self.index: [self]})

    def block(self, place: int, samples: Sound) -> None:
        self.got.append((place, samples))


class Counted:
    """Wants some packets and no more."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.finished = wanted, 0, False

    @property
    def done(self) -> bool:
        return self.seen >= self.wanted

    def packet(self, packet: Any) -> None:
        self.seen += 1

    def finish(self) -> None:
        self.finished = True


@pytest.mark.parametrize("kind", ["mov", "mp4", "mkv", "ts", "late sound"])
def test_sound_comes_with_its_place(studio: Studio, kind: str) -> None:
    source = studio.clip(kind)
    heard = Blocks(source.path)
    place = heard.got[0][0]
    samples = np.concatenate([block for _, block in heard.got])
    # Blocks lie one behind the other.
    for (first, block), (second, _) in zip(heard.got, heard.got[1:], strict=False):
        assert second == first + len(block)
    # A stretch of it, noise that is like itself in no other place.
    late = round(source.place() * 48000)
    found = samples[5000:20_000, 0]
    wanted = source.sounds[0][place + 5000 - late :, 0][: len(found)]
    likeness = float(found @ wanted / np.sqrt((found @ found) * (wanted @ wanted)))
    assert likeness > (0.9999 if kind == "mov" else 0.9)
    assert (late >= 14_000) == (kind == "late sound")


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le"])
def test_samples_of_every_width(studio: Studio, codec: str) -> None:
    wave, out = studio.wave(noise(1, 9000, 3, bits=8)), studio.new(".mov")
    ffmpeg("-i", wave, "-c:a", codec, out)
    samples = np.concatenate([block for _, block in Blocks(out).got])
    assert np.array_equal(samples, noise(1, 9000, 3, bits=8))


@pytest.mark.parametrize(
    ("codec", "channels"),
    [("aac", 7), ("aac", 8), ("libopus", 8), ("libopus", 16), ("flac", 8), ("dca", 6)],
)
def test_many_channels_that_are_decoded_apart(studio: Studio, codec: str, channels: int) -> None:
    """Beside what the command of ffmpeg decodes of the same file."""
    out, raw = studio.new(".mkv"), studio.new(".f64")
    named = () if channels != 7 else ("-af", "aformat=channel_layouts=7.0")
    more = ("-mapping_family", 255) if channels > 8 else ()
    wave = studio.wave(noise(2, 9000, channels))
    ffmpeg("-i", wave, *named, "-c:a", codec, *more, "-strict", -2, out)
    ffmpeg("-i", out, "-f", "f64le", "-c:a", "pcm_f64le", raw)
    wanted = np.fromfile(raw).reshape(-1, channels)
    heard = np.concatenate([block for _, block in Blocks(out).got])
    assert len(heard) >= len(wanted) > 8000
    assert np.abs(heard[: len(wanted)] - wanted).max() < 1e-6


def test_a_hole_is_no_sound(studio: Studio) -> None:
    """Of a second that is missing nothing is handed on, and what follows has its own place."""
    source, out = studio.clip("mov"), studio.new(".mkv")
    hole = "aselect='lt(t,1)+gte(t,2)'"
    ffmpeg("-i", source.path, "-map", "0:a", "-af", hole, "-c:a", "pcm_s16le", out)
    heard = Blocks(out)
    count = sum(len(block) for _, block in heard.got)
    last, block = heard.got[-1]
    assert len(source.sounds[0]) - count == pytest.approx(48_000, abs=2048)
    assert last + len(block) == pytest.approx(len(source.sounds[0]), abs=48)


def test_a_copy_has_the_same_hash_in_every_container(studio: Studio) -> None:
    """AAC has a head on every packet in transport streams, and none elsewhere."""
    source = studio.clip("mp4")
    hashes = []
    for suffix in (".ts", ".mkv", ".mov"):
        out = studio.new(suffix)
        ffmpeg("-i", source.path, "-map", "0:a", "-c", "copy", out)
        copied = Copied(probe(out).origin)
        listen(out, {0: [copied]})
        hashes.append(copied.sha256)
        assert copied.packets > 100
    assert len(set(hashes)) == 1
    other = Copied(Fraction(0))
    listen(studio.clip("mkv").path, {1: [other]})
    assert other.packets > 100


def test_how_far_packets_lie_apart(studio: Studio) -> None:
    found = []
    for late in ("0", "0.25"):
        out = studio.new(".mov")
        ffmpeg("-itsoffset", late, "-i", studio.clip("mp4").path, "-map", "0:a", "-c", "copy", out)
        found.append(Copied(Fraction(0)))
        listen(out, {0: [found[-1]]})
    assert found[0].apart(found[1]) == pytest.approx(0.25, abs=1e-4)
    assert found[0].apart(Copied(Fraction(0))) is None


def test_nobody_reads_on_where_nobody_listens(studio: Studio) -> None:
    path = studio.clip("mp4").path
    video, audio = probe(path).picture().index, probe(path).track().index
    few, more = Counted(3), Counted(10)
    listen(path, {video: [few], audio: [more]})
    assert 3 <= few.seen < 75
    assert 10 <= more.seen < 100
    assert not few.finished
    everything = Counted(10_000)
    listen(path, {video: [everything]})
    assert everything.finished
    # The last packet is empty.
    assert everything.seen == 75 + 1
    listen(path, {})


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(studio: Studio) -> None:
    whole = studio.clip("mov").path
    cut = studio.new(".mkv")
    ffmpeg("-i", whole, "-c", "copy", cut)
    data = cut.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    counted = Counted(10_000)
    listen(cut, {1: [counted]})
    assert counted.finished
    assert 10 < counted.seen < 150
