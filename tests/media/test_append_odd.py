"""Movies that are oddly made are added to; others are refused with a reason, never half written."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.media.appending import (
    LATE_PICTURE,
    Movies,
    Parts,
    header,
    in_tracks,
    inner,
    packed,
    parts,
    tracks,
    with_index,
)
from tests.media.making import Studio, ffmpeg, noise, pictures, sound

from stemmux import copying
from stemmux.append import append
from stemmux.errors import MediaError, NotAppendable, OutputRefused, VerificationFailed
from stemmux.kept import check_kept
from stemmux.mux import Stem
from stemmux.probe import probe

Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def movies(studio: Studio) -> Movies:
    return Movies(studio)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def mdat_without_size(data: bytes) -> bytes:
    """The samples last, in an atom that goes on to the end of the file."""
    found = dict(parts(data))
    at = data.index(found[b"mdat"])
    assert at + len(found[b"mdat"]) == len(data)
    return data[:at] + bytes(4) + data[at + 4 :]


def long_header(found: Parts) -> Parts:
    """The movie's head in its long form (version 1)."""
    whole = dict(found)[b"mvhd"]
    created, modified, scale, length = struct.unpack_from(">IIII", whole, 12)
    fields = struct.pack(">IQQIQ", 1 << 24, created, modified, scale, length)
    new = packed(b"mvhd", fields, whole[28:])
    return [(kind, new if kind == b"mvhd" else one) for kind, one in found]


def long_track_heads(trak: bytes) -> bytes:
    old = dict(inner(trak))[b"tkhd"]
    flags, created, modified, number, nothing, length = struct.unpack_from(">IIIIII", old, 8)
    fields = struct.pack(">IQQIIQ", 1 << 24 | flags, created, modified, number, nothing, length)
    return packed(b"trak", trak[8:].replace(old, packed(b"tkhd", fields, old[32:])))


def last_number(found: Parts) -> Parts:
    return [(kind, whole[:-4] + b"\xff" * 4 if kind == b"mvhd" else whole) for kind, whole in found]


def long_index(data: bytes) -> bytes:
    old = dict(parts(data))[b"moov"]
    new = struct.pack(">I4sQ", 1, b"moov", len(old) + 8) + old[8:]
    return data.replace(old, old[:4] + b"free" + old[8:]) + new


ODD: dict[str, tuple[str, Change]] = {
    "samples without a size": ("index in front", mdat_without_size),
    "index in a long atom": ("mp4", long_index),
    "long head": ("mp4", lambda data: with_index(data, long_header)),
    "long heads of tracks": (
        "mp4",
        lambda data: with_index(data, lambda found: in_tracks(found, long_track_heads)),
    ),
    "last track number": ("mp4", lambda data: with_index(data, last_number)),
    "unknown atoms": (
        "h264 and pcm",
        lambda data: with_index(
            data + packed(b"uuid", bytes(range(40))) + packed(b"wide"),
            lambda found: [*found, (b"uuid", packed(b"uuid", bytes(16))), (b"", bytes(4))],
        ),
    ),
    "no brand": (
        "h264 and pcm",
        lambda data: with_index(data.replace(b"ftyp", b"free", 1), lambda found: found),
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_are_added_to(movies: Movies, tmp_path: Path, name: str) -> None:
    kind, change = ODD[name]
    source = tmp_path / "odd.mov"
    source.write_bytes(change(movies.made(kind).read_bytes()))
    media, out = probe(source), tmp_path / "out.mov"
    append(media, movies.pair, out)
    check_kept(source, out)
    assert pictures(out) == pictures(source)
    assert np.array_equal(sound(out, 2)[1], soundfile.read(movies.pair[1].path)[0])
    heads = [header(trak) for trak in tracks(out.read_bytes())]
    places = [20 if head[0] else 12 for head in heads]
    numbers = [struct.unpack_from(">I", h, at)[0] for h, at in zip(heads, places, strict=True)]
    assert len(set(numbers)) == len(numbers) == 4
    after = struct.unpack(">I", dict(inner(dict(parts(out.read_bytes()))[b"moov"]))[b"mvhd"][-4:])
    assert after[0] > max(numbers)
    # And once more, behind what was just added.
    append(probe(out), movies.pair[:1], tmp_path / "twice.mov")
    check_kept(out, tmp_path / "twice.mov")
    assert len(probe(tmp_path / "twice.mov").audio) == 4


def in_index(kind: bytes, contents: bytes = bytes(16)) -> Change:
    return lambda data: with_index(data, lambda found: [*found, (kind, packed(kind, contents))])


def swapped(old: bytes, new: bytes) -> Change:
    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new)

    return change


def without(kind: bytes) -> Change:
    return lambda data: with_index(data, lambda found: [one for one in found if one[0] != kind])


def all_numbers_taken(found: Parts) -> Parts:
    return in_tracks(found, lambda trak: trak[:28] + b"\xff\xff\xff\xfe" + trak[32:])


REFUSED: dict[str, tuple[Change, str]] = {
    "breaks off": (lambda data: data[:-50], "breaks off"),
    "bytes behind": (lambda data: data + b"abc", "belong to nothing"),
    "zeros behind": (lambda data: data + bytes(64), "no movie"),
    "nothing": (lambda _: b"", "no index"),
    "a fragment behind": (lambda data: data + packed(b"moof", bytes(8)), "fragments"),
    "made for fragments": (in_index(b"mvex"), "fragments"),
    "two indexes": (lambda data: data + dict(parts(data))[b"moov"], "more than one"),
    "two brands": (lambda data: data + packed(b"ftyp", b"qt  \0\0\0\0"), "more than one"),
    "no index": (swapped(b"moov", b"free"), "no index"),
    "packed index": (lambda data: with_index(data, lambda _: [(b"", packed(b"cmov"))]), "packed"),
    "no tracks": (without(b"trak"), "no tracks"),
    "no head": (without(b"mvhd"), "packed"),
    "no clock": (
        lambda data: with_index(
            data,
            lambda found: [
                (k, w[:20] + bytes(4) + w[24:] if k == b"mvhd" else w) for k, w in found
            ],
        ),
        "no clock",
    ),
    "another head": (swapped(b"mvhd\0", b"mvhd\2"), "form"),
    "another track head": (swapped(b"tkhd\0", b"tkhd\1"), "form"),
    "a track without a handler": (
        swapped(b"hdlr\0\0\0\0mhlrvide", b"none\0\0\0\0mhlrvide"),
        "no head",
    ),
    "encrypted": (swapped(b"avc1\0\0\0\0", b"encv\0\0\0\0"), "encrypted"),
    "in another file": (swapped(b"url \0\0\0\1", b"alis\0\0\0\0"), "another file"),
    "no number left": (lambda data: with_index(data, all_numbers_taken), "number"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_with_a_reason(movies: Movies, tmp_path: Path, name: str) -> None:
    change, reason = REFUSED[name]
    source = movies.made("h264 and pcm")
    (tmp_path / "odd.mov").write_bytes(change(source.read_bytes()))
    media = replace(movies.media("h264 and pcm"), path=tmp_path / "odd.mov")
    with pytest.raises(NotAppendable, match=reason) as caught:
        append(media, movies.pair, tmp_path / "out.mov")
    assert caught.value.hint
    assert files(tmp_path) == ["odd.mov"]


def test_a_first_picture_behind_zero_is_left_to_the_remux(
    movies: Movies, studio: Studio, tmp_path: Path
) -> None:
    late = tmp_path / "late.mov"
    ffmpeg("-i", studio.clip("mp4", "29.97").path, *LATE_PICTURE, late)
    media = probe(late)
    assert media.origin == Fraction(2 * 1001, 30000)
    with pytest.raises(NotAppendable, match="zero"):
        append(media, movies.pair, tmp_path / "out.mov")
    assert files(tmp_path) == ["late.mov"]


@pytest.mark.parametrize(
    ("name", "start", "out"),
    [
        ("empty.wav", 0, "out.mov"),
        ("stem.flac", 0, "out.mov"),
        ("eight.wav", 0, "out.mov"),
        ("stem.wav", -1, "out.mov"),
        ("stem.wav", 0xFFFFFFFF, "out.mov"),
        ("stem.wav", 0, "out.mp4"),
    ],
)
def test_stems_and_names_of_another_kind_are_refused(
    movies: Movies, tmp_path: Path, name: str, start: int, out: str
) -> None:
    samples = np.zeros(0) if name == "empty.wav" else noise(1, 1000)
    subtype = {"eight.wav": "PCM_U8", "stem.flac": "PCM_16"}.get(name, "PCM_24")
    soundfile.write(tmp_path / name, samples, 48000, subtype=subtype)
    media = movies.media("h264 and pcm")
    with pytest.raises(NotAppendable):
        append(media, [Stem(tmp_path / name, "stem", start)], tmp_path / out)
    with pytest.raises(NotAppendable):
        append(media, [], tmp_path / "none.mov")
    assert files(tmp_path) == [name]


@pytest.mark.parametrize("at", [0.0, 0.5])
def test_stopping_leaves_no_file(
    movies: Movies,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: float,
) -> None:
    class Stop(Exception):
        pass

    seen: list[float] = []

    def stop(share: float) -> None:
        seen.append(share)
        if share >= at:
            raise Stop

    monkeypatch.setattr(copying, "PIECE", 1 << 14)
    with pytest.raises(Stop):
        append(movies.media("mp4"), movies.pair, tmp_path / "out.mov", progress=stop)
    assert seen == sorted(seen)
    assert files(tmp_path) == []


def test_progress_goes_from_nothing_to_all(
    movies: Movies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PIECE", 1 << 14)
    seen: list[float] = []
    append(movies.media("mp4"), movies.pair, tmp_path / "out.mov", progress=seen.append)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
    assert len(seen) > 10


def test_a_full_disk_leaves_no_file(
    movies: Movies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(copying, "_WAYS", (full,))
    with pytest.raises(OutputRefused, match="full"):
        append(movies.media("mp4"), movies.pair, tmp_path / "out.mov")
    assert files(tmp_path) == []


def test_a_clip_that_grows_meanwhile_is_not_believed(movies: Movies, tmp_path: Path) -> None:
    source = tmp_path / "clip.mov"
    source.write_bytes(movies.made("mp4").read_bytes())

    def grow(_: float) -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with pytest.raises(MediaError, match="changed"):
        append(probe(source), movies.pair, tmp_path / "out.mov", progress=grow)
    assert files(tmp_path) == ["clip.mov"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=some.data())
def test_damage_is_refused_or_kept_as_it_is(
    movies: Movies, tmp_path: Path, data: some.DataObject
) -> None:
    """Bytes of the index changed, bytes cut off or put in: no other way out, and no hang."""
    source, media = movies.made("index in front"), movies.media("index in front")
    damaged = bytearray(source.read_bytes())
    index = damaged.index(b"mdat") - 4
    for _ in range(data.draw(some.integers(0, 4))):
        place = data.draw(some.integers(0, index))
        match data.draw(some.sampled_from(["byte", "size", "cut", "insert"])):
            case "byte":
                damaged[place] = data.draw(some.integers(0, 255))
            case "size":
                damaged[place : place + 4] = data.draw(some.sampled_from(SIZES))
            case "cut":
                del damaged[place : place + data.draw(some.integers(0, 100))]
            case "insert":
                damaged[place:place] = data.draw(some.binary(max_size=20))
    del damaged[len(damaged) - data.draw(some.sampled_from([0, 0, 0, 1, 1000])) :]
    (tmp_path / "odd.mov").write_bytes(damaged)
    out = tmp_path / "out.mov"
    try:
        append(replace(media, path=tmp_path / "odd.mov"), [movies.short], out)
    except NotAppendable:
        assert not out.exists()
    else:
        check_kept(tmp_path / "odd.mov", out)
        out.unlink()


SIZES = [struct.pack(">I", size) for size in (0, 1, 7, 8, 9, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=some.floats(0, 1, exclude_max=True), bit=some.integers(0, 7))
def test_every_change_of_the_clip_is_found(
    movies: Movies, tmp_path: Path, place: float, bit: int
) -> None:
    kind = "h264 and aac in mov"
    source, out = movies.made(kind), tmp_path / "out.mov"
    if not out.exists():
        append(movies.media(kind), [movies.short], out)
    data = bytearray(out.read_bytes())
    size = source.stat().st_size
    at = int(place * size)
    data[at] ^= 1 << bit
    (tmp_path / "bad.mov").write_bytes(data)
    brand = range(8, struct.unpack_from(">I", data)[0])
    if at in brand:
        check_kept(source, tmp_path / "bad.mov")
        return
    with pytest.raises(VerificationFailed):
        check_kept(source, tmp_path / "bad.mov")


def test_changes_of_the_index_are_found(movies: Movies, tmp_path: Path) -> None:
    source, out, bad = movies.made("mp4"), tmp_path / "out.mov", tmp_path / "bad.mov"
    append(probe(source), movies.pair, out)
    data = out.read_bytes()
    end = data.rindex(b"moov") - 4
    old, new = data[:end], inner(data[end:])
    own = next(whole for kind, whole in new if kind == b"trak")
    wrong: list[Parts] = [
        new[1:],
        new[::-1],
        [*new, (b"free", packed(b"free"))],
        [one for one in new if one[1] != own],
        [(kind, whole[:-1] + b"!" if whole == own else whole) for kind, whole in new],
        [(kind, whole + packed(b"free") if whole == own else whole) for kind, whole in new],
    ]
    for found in wrong:
        bad.write_bytes(old + packed(b"moov", *(whole for _, whole in found)))
        with pytest.raises(VerificationFailed):
            check_kept(source, bad)
    for broken in (data[:-1], data + packed(b"free"), old, b""):
        bad.write_bytes(broken)
        with pytest.raises(VerificationFailed):
            check_kept(source, bad)
