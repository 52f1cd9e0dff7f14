"""Atoms: what is built is read again, and nothing that a file says of its sizes is believed."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from stemmux.atoms import Atom, atom, child, children, full_atom, long_head, top_level
from stemmux.errors import UnreadableMedia

KINDS = some.sampled_from([b"moov", b"trak", b"\xa9nam", b"free", b"mdat", b"qt  "])
PIECES = some.lists(some.tuples(KINDS, some.binary(max_size=40)), max_size=6)


def outermost(data: bytes) -> list[Atom]:
    return list(top_level(io.BytesIO(data), len(data)))


def inside(data: bytes) -> list[Atom]:
    return list(children(data, 0, len(data)))


@given(PIECES)
def test_what_is_built_is_read(pieces: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(atom(kind, body) for kind, body in pieces)
    for read in (outermost, inside):
        found = read(data)
        assert [(one.kind, one.contents(data)) for one in found] == pieces
        assert b"".join(one.of(data) for one in found) == data


@given(PIECES, some.integers(0, 3))
def test_long_heads_are_read(pieces: list[tuple[bytes, bytes]], which: int) -> None:
    data = b"".join(
        (
            long_head(kind, len(body))
            if number == which
            else struct.pack(">I4s", len(body) + 8, kind)
        )
        + body
        for number, (kind, body) in enumerate(pieces)
    )
    assert [one.contents(data) for one in outermost(data)] == [body for _, body in pieces]
    assert [one.head for one in inside(data)] == [
        16 if number == which else 8 for number in range(len(pieces))
    ]


def test_the_last_atom_of_a_file_may_have_no_size() -> None:
    data = atom(b"ftyp", b"qt  ") + b"\0\0\0\0mdat" + bytes(100)
    assert [(one.kind, one.end, one.open_ended) for one in outermost(data)] == [
        (b"ftyp", 12, False),
        (b"mdat", 120, True),
    ]
    with pytest.raises(UnreadableMedia):
        inside(data)


def test_a_path_leads_to_the_first_of_its_kind() -> None:
    deep = atom(b"minf", full_atom(b"smhd", 0, 0, b"first"), full_atom(b"smhd", 1, 7, b"second"))
    data = atom(b"trak", atom(b"free"), atom(b"mdia", deep))
    parent = outermost(data)[0]
    found = child(data, parent, b"mdia", b"minf", b"smhd")
    assert found is not None
    assert found.contents(data) == b"\0\0\0\0first"
    assert child(data, parent, b"mdia", b"none", b"smhd") is None


def test_user_data_may_end_with_a_zero() -> None:
    data = atom(b"name", b"x") + bytes(4)
    assert [one.kind for one in inside(data)] == [b"name"]
    with pytest.raises(UnreadableMedia, match="belong to nothing"):
        outermost(data)


BROKEN = {
    "breaks off": struct.pack(">I4s", 100, b"mdat") + bytes(20),
    "breaks off in its head": struct.pack(">I4sI", 1, b"mdat", 0),
    "smaller than its head": struct.pack(">I4s", 7, b"mdat"),
    "smaller than its long head": struct.pack(">I4sQ", 1, b"mdat", 15),
    "larger than any file": struct.pack(">I4sQ", 1, b"mdat", (1 << 64) - 1),
    "no type": struct.pack(">I4s", 8, bytes(4)),
    "three bytes behind": atom(b"free") + b"abc",
    "text": b"#EXTM3U\nhttp://example.org/",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("read", [outermost, inside])
def test_what_is_no_atom_is_refused(read: Callable[[bytes], object], data: bytes) -> None:
    with pytest.raises(UnreadableMedia) as caught:
        read(data)
    assert caught.value.hint


def test_a_file_of_headers_alone_ends() -> None:
    with pytest.raises(UnreadableMedia, match="too many"):
        outermost(atom(b"free") * 10_001)


@given(some.binary(max_size=200))
def test_any_bytes_are_read_whole_or_refused(data: bytes) -> None:
    for read in (outermost, inside):
        try:
            found = read(data)
        except UnreadableMedia:
            continue
        ends = [0, *(one.end for one in found)]
        assert [one.start for one in found] == ends[:-1]
        assert all(one.end - one.start >= one.head for one in found)
        assert data[ends[-1] :] in (b"", bytes(4))
