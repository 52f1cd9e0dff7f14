"""Broadcast WAV, read back by soundfile, PyAV, an XML parser and an own reading of the chunks."""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as xml
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.media.making import ffmpeg, noise

from stemmux import bwf
from stemmux.bwf import (
    BITS,
    BLOCK,
    Encoding,
    WaveFormat,
    WaveWriter,
    float_blocks,
    step_blocks,
    wave_format,
)
from stemmux.errors import UnreadableMedia
from stemmux.loudness import Loudness
from stemmux.origination import Origination, stamp_loudness

STEP = 2.0**-23
FRAMES = 30_000
ENCODINGS: list[Encoding] = ["s16", "s24", "f32"]
SUBTYPES = {"s16": "PCM_16", "s24": "PCM_24", "f32": "FLOAT"}
#: Ten hours on a drop-frame clock; the samples since midnight need more than 32 bits at 192 kHz.
LATE = 10 * 3600 * 192000 + 5
SAID = Origination(
    "Target: Hünd, " + "x" * 300, LATE, "2026-11-22", "10:20:30", title="Target: Hünd"
)

Steps = np.typing.NDArray[np.int32]


def step_of(encoding: Encoding) -> float:
    return 2.0**-15 if encoding == "s16" else STEP


def written(
    path: Path, steps: Steps, form: WaveFormat, said: Origination | None = None
) -> dict[bytes, bytes]:
    """Write a file, and take it apart again."""
    with WaveWriter(path, form, said) as writer:
        writer.write(steps, step_of(form.encoding))
    return chunks(path)


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a RIFF file, by an own reading of EBU Tech 3285."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WAVE"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    found, at = {}, 12
    while at < len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def decoded(path: Path, start: float = 0.0) -> np.ndarray:
    """What PyAV decodes from `start` (s) on, in steps of 24 bits."""
    with av.open(str(path)) as container:
        if start:
            container.seek(int(start * av.time_base))
        frames = list(container.decode(audio=0))
    parts = [frame.to_ndarray().reshape(-1, frame.layout.nb_channels) for frame in frames]
    whole = np.concatenate(parts)
    if whole.dtype.kind == "f":
        return np.asarray(np.rint(whole.astype(np.float64) / STEP).astype(np.int64))
    return np.asarray(whole.astype(np.int64) << 8 if whole.dtype == np.int16 else whole >> 8)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(ENCODINGS),
    st.integers(1, 8),
    st.sampled_from([8000, 44100, 48000, 96000, 192000]),
    st.integers(0, 50),
    st.integers(0, 2**32),
)
@example("s16", 1, 48000, 1, 0)
@example("s24", 1, 48000, 1, 0)
@example("s24", 8, 48000, 0, 0)
def test_two_readers_find_every_sample(
    tmp_path: Path, encoding: Encoding, channels: int, rate: int, frames: int, seed: int
) -> None:
    """Random samples, with both ends of the range among them."""
    top = 1 << (min(BITS[encoding], 24) - 1)
    steps = np.random.default_rng(seed).integers(-top, top, (frames, channels)).astype(np.int32)
    steps[:2] = np.array([[-top], [top - 1]])[:frames]
    out = tmp_path / "x.wav"
    form = WaveFormat(rate, channels, encoding)
    body = written(out, steps, form, SAID)
    assert len(body[b"data"]) == frames * form.frame_bytes
    info = soundfile.info(out)
    assert (info.samplerate, info.channels, info.frames) == (rate, channels, frames)
    assert info.subtype == SUBTYPES[encoding]
    heard = soundfile.read(out, dtype="float64", always_2d=True)[0]
    assert np.array_equal(heard / step_of(encoding), steps)
    blocks = list(step_blocks(out, step_of(encoding)))
    if frames:
        assert np.array_equal(np.concatenate(blocks), steps)
        assert np.array_equal(decoded(out), steps.astype(np.int64) << (8 * (encoding == "s16")))
    assert wave_format(out) == (form, frames)


def test_bext_says_where_on_the_clock_the_stem_lies(tmp_path: Path) -> None:
    out = tmp_path / "stem.wav"
    found = written(out, np.arange(3, dtype=np.int32)[:, None], WaveFormat(48000, 1, "s24"), SAID)
    body = found[b"bext"]
    assert len(body) == 602
    description, originator = body[:256].rstrip(b"\0"), body[256:288].rstrip(b"\0")
    assert description.startswith(b"Target: H?nd, xxx")
    assert len(description) == 256
    assert originator == b"Soundmatte"
    assert body[320:338] == b"2026-11-2210:20:30"
    assert struct.unpack_from("<QH", body, 338) == (LATE, 1)
    with av.open(str(out)) as container:
        assert container.metadata["time_reference"] == str(LATE)
    assert found[b"data"] == bytes([0, 0, 0, 1, 0, 0, 2, 0, 0])


def ixml(path: Path, form: WaveFormat, said: Origination) -> xml.Element:
    """The document in a file that was written."""
    body = written(path, np.zeros((2, form.channels), np.int32), form, said)[b"iXML"]
    assert len(body) % 2 == 0
    return xml.fromstring(body)


@pytest.mark.parametrize(
    ("rate", "drop", "wanted"),
    [
        (Fraction(30000, 1001), True, ("30000/1001", "DF")),
        (Fraction(24000, 1001), False, ("24000/1001", "NDF")),
        (Fraction(25), False, ("25/1", "NDF")),
        (None, False, (None, None)),
    ],
)
def test_ixml_and_bext_say_the_same(
    tmp_path: Path, rate: Fraction | None, drop: bool, wanted: tuple[str | None, str | None]
) -> None:
    """Avid believes iXML where they differ; Final Cut changes speed by its rate, if it has one."""
    said = Origination(time_reference=LATE, title="x", timecode_rate=rate, drop_frame=drop)
    for encoding in ENCODINGS:
        out = tmp_path / f"{encoding}.wav"
        found = ixml(out, WaveFormat(192000, 2, encoding), said)
        speed = {tag.tag: tag.text for tag in found.iterfind("SPEED/*")}
        high = int(speed["TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI"] or "")
        low = int(speed["TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO"] or "")
        assert (high, low) == divmod(LATE, 1 << 32)
        assert high > 0
        assert struct.unpack_from("<Q", chunks(out)[b"bext"], 338)[0] == (high << 32) + low
        assert speed["FILE_SAMPLE_RATE"] == speed["TIMESTAMP_SAMPLE_RATE"] == "192000"
        assert speed["AUDIO_BIT_DEPTH"] == str(BITS[encoding])
        assert (speed.get("TIMECODE_RATE"), speed.get("TIMECODE_FLAG")) == wanted
        assert speed.get("MASTER_SPEED") == speed.get("CURRENT_SPEED") == wanted[0]


_SURROUND = ("FL", "FR", "FC", "LFE")


@pytest.mark.parametrize(
    ("channels", "speakers", "names"),
    [
        (1, (), ["dog"]),
        (2, ("FL", "FR"), ["dog L", "dog R"]),
        (2, (), ["dog 1", "dog 2"]),
        (2, ("NONE", "NONE"), ["dog 1", "dog 2"]),
        (6, (*_SURROUND, "SL", "SR"), ["dog L", "dog R", "dog C", "dog LFE", "dog Ls", "dog Rs"]),
        (6, (*_SURROUND, "BL", "BR"), ["dog L", "dog R", "dog C", "dog LFE", "dog Ls", "dog Rs"]),
        (
            8,
            (*_SURROUND, "BL", "BR", "SL", "SR"),
            [f"dog {name}" for name in ("L", "R", "C", "LFE", "Lsr", "Rsr", "Lss", "Rss")],
        ),
    ],
)
def test_ixml_names_every_channel(
    tmp_path: Path, channels: int, speakers: tuple[str, ...], names: list[str]
) -> None:
    form = WaveFormat(48000, channels, "s24", speakers)
    tracks = ixml(tmp_path / "x.wav", form, Origination(title="dog")).find("TRACK_LIST")
    assert tracks is not None
    assert tracks.findtext("TRACK_COUNT") == str(channels)
    for number, (track, name) in enumerate(zip(tracks.iterfind("TRACK"), names, strict=True), 1):
        found = [(part.tag, part.text) for part in track]
        index = str(number)
        assert found == [("CHANNEL_INDEX", index), ("INTERLEAVE_INDEX", index), ("NAME", name)]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=40), st.text(max_size=20))
@example("</NAME><x>&amp;]]>", "<!DOCTYPE a>")
@example("a\x00b\x1fc\ufffe\ud800\u2028d\r\ne", "\U0001f600")
def test_no_name_breaks_the_document(tmp_path: Path, title: str, project: str) -> None:
    out = tmp_path / "x.wav"
    said = Origination(title, title=title, project=project)
    found = ixml(out, WaveFormat(48000, 1, "s16"), said)
    heard = found.findtext("TRACK_LIST/TRACK/NAME") or ""
    kept = [sign for sign in title if sign.isprintable()]
    assert [sign for sign in heard if sign.isprintable() and sign != " "] == [
        sign for sign in kept if sign != " "
    ]
    assert "\n" not in heard
    assert [part.tag for part in found if part.tag != "PROJECT"] == [
        *("IXML_VERSION", "SPEED", "TRACK_LIST")
    ]
    with av.open(str(out)) as container:
        assert container.metadata["time_reference"] == "0"
    assert soundfile.info(out).frames == 2


def test_the_same_work_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        written(tmp_path / name, np.ones((9, 2), np.int32), WaveFormat(48000, 2, "s16"), SAID)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_loudness_is_stamped_afterwards(tmp_path: Path, encoding: Encoding) -> None:
    out = tmp_path / "x.wav"
    steps = np.arange(200, dtype=np.int32).reshape(-1, 2)
    before = written(out, steps, WaveFormat(48000, 2, encoding), SAID)
    stamp_loudness(out, Loudness(-23.046, 7.25, -1.5, -18.0, -np.inf))
    after = chunks(out)
    version, *values = struct.unpack_from("<H64x5h", after[b"bext"], 346)
    assert (version, values) == (2, [-2305, 725, -150, -1800, 0x7FFF])
    assert after[b"bext"][:346] == before[b"bext"][:346]
    assert after[b"bext"][422:] == before[b"bext"][422:]
    assert {**after, b"bext": b""} == {**before, b"bext": b""}
    with av.open(str(out)) as container:
        assert container.metadata["time_reference"] == str(LATE)


def test_a_loudness_needs_a_place(tmp_path: Path) -> None:
    written(tmp_path / "x.wav", np.ones((9, 2), np.int32), WaveFormat(48000, 2, "s24"))
    (tmp_path / "y.wav").write_bytes(b"RIFF")
    for name in "xy":
        before = (tmp_path / f"{name}.wav").read_bytes()
        with pytest.raises(UnreadableMedia, match="no bext chunk") as caught:
            stamp_loudness(tmp_path / f"{name}.wav", Loudness(-23, 0, 0, 0, 0))
        assert caught.value.hint
        assert (tmp_path / f"{name}.wav").read_bytes() == before


@pytest.mark.parametrize(
    ("speakers", "mask"),
    [
        (("FL", "FR", "FC", "LFE", "BL", "BR"), 0x3F),
        (("FL", "FR", "FC", "LFE", "SL", "SR"), 0x60F),
        (("FR", "FL", "FC", "LFE", "BL", "BR"), 0),
        (("FL", "FR"), 0),
        ((), 0),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_speakers_of_many_channels(
    tmp_path: Path, speakers: tuple[str, ...], mask: int, encoding: Encoding
) -> None:
    out = tmp_path / "stem.wav"
    form = WaveFormat(48000, 6, encoding, speakers)
    body = written(out, np.ones((10, 6), np.int32), form)[b"fmt "]
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    assert (tag, channels, rate, align) == (0xFFFE, 6, 48000, 6 * bits // 8)
    assert struct.unpack_from("<I", body, 20)[0] == mask
    assert soundfile.info(out).subtype == SUBTYPES[encoding]


@pytest.mark.parametrize("title", ["even", "odd"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_beyond_four_gigabytes_it_is_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, title: str
) -> None:
    """The same headers, with a limit that a small file goes beyond."""
    monkeypatch.setattr(bwf, "_SIZE_LIMIT", 10_000)
    step = step_of(encoding)
    steps = np.rint(noise(1, FRAMES, 2) / step).astype(np.int32)
    files = {"small": steps[:500], "large": steps}
    for name, some in files.items():
        form = WaveFormat(48000, 2, encoding)
        with WaveWriter(tmp_path / name, form, Origination("large", 7, title=title)) as writer:
            writer.write(some, step)
        info = soundfile.info(tmp_path / name)
        assert info.format == ("RF64" if name == "large" else "WAV")
        assert info.frames == len(some)
        assert np.array_equal(soundfile.read(tmp_path / name)[0] / step, some)
    data = (tmp_path / "large").read_bytes()
    assert data[:8] == b"RF64\xff\xff\xff\xff"
    riff, size, frames, table = struct.unpack_from("<QQQI", data, 20)
    assert (data[12:16], riff, frames, table) == (b"ds64", len(data) - 8, FRAMES, 0)
    assert size == FRAMES * form.frame_bytes
    assert len(decoded(tmp_path / "large")) == FRAMES
    stamp_loudness(tmp_path / "large", Loudness(-23, 0, 0, 0, 0))
    with av.open(str(tmp_path / "large")) as container:
        assert container.metadata["time_reference"] == "7"
    assert np.array_equal(soundfile.read(tmp_path / "large")[0] / step, steps)


@pytest.mark.skipif(os.name == "nt", reason="NTFS would write four gigabytes of zeros")
@pytest.mark.parametrize("encoding", ["s24", "f32"])
def test_four_gigabytes_are_read_to_the_last_sample(tmp_path: Path, encoding: Encoding) -> None:
    """For real: the silence in the middle is a hole in the file, which no reader sees."""
    out, form = tmp_path / "large.wav", WaveFormat(192000, 8, encoding)
    edge = np.rint(noise(3, 1000, 8) / STEP).astype(np.int32)
    hole = (1 << 32) // form.frame_bytes
    with WaveWriter(out, form, SAID) as writer:
        writer.write(edge)
        writer.write_silence(hole)
        writer.write(edge[::-1])
    frames = hole + 2000
    assert out.stat().st_size > 1 << 32
    if out.stat().st_blocks * 512 > 1 << 30:
        pytest.fail("the file system has no holes")
    assert wave_format(out) == (form, frames)
    for start, wanted in ((0, edge), (1000 + hole, edge[::-1])):
        heard = np.concatenate(list(float_blocks(out, start=start, stop=start + 1000)))
        assert np.array_equal(heard / STEP, wanted)
    assert np.array_equal(decoded(out, (frames - 1000) / 192000)[-1000:], edge[::-1])
    with av.open(str(out)) as container:
        assert container.duration == pytest.approx(frames / 192000 * av.time_base, abs=1)
    tail, near, trim = (
        tmp_path / "tail.wav",
        frames // 192000 - 1,
        f"atrim=start_pts={frames - 1000}",
    )
    ffmpeg("-ss", near, "-copyts", "-i", out, "-af", trim, "-c:a", "pcm_f32le", tail)
    assert np.array_equal(soundfile.read(tail)[0] / STEP, edge[::-1])


@pytest.mark.parametrize("last", [BLOCK, BLOCK + 1])
def test_silence_is_zeros_wherever_it_stands(tmp_path: Path, last: int) -> None:
    out, one = tmp_path / "x.wav", np.ones((1, 1), np.int32)
    with WaveWriter(out, WaveFormat(48000, 1, "s24")) as writer:
        writer.write_silence(3)
        writer.write(one)
        writer.write_silence(2)
        writer.write(one)
        writer.write_silence(last)
    steps = np.concatenate(list(step_blocks(out)))[:, 0]
    assert len(steps) == last + 7
    assert list(np.flatnonzero(steps)) == [3, 6]
    assert len(chunks(out)[b"data"]) == 3 * (last + 7)


def test_blocks_can_start_and_stop_anywhere(tmp_path: Path) -> None:
    samples = noise(1, 2 * BLOCK + 10, 2)
    soundfile.write(tmp_path / "x.wav", samples, 48000, subtype="PCM_24")
    for start, stop in ((0, None), (BLOCK - 1, BLOCK + 1), (5, 5), (7, 10 * BLOCK)):
        blocks = list(float_blocks(tmp_path / "x.wav", start=start, stop=stop))
        wanted = samples[start:stop]
        assert sum(map(len, blocks)) == len(wanted)
        if blocks:
            assert np.array_equal(np.concatenate(blocks), wanted)


@pytest.mark.parametrize(
    ("subtype", "encoding"),
    [
        *(("PCM_U8", "s16"), ("PCM_16", "s16"), ("ULAW", "s16"), ("ALAW", "s16")),
        *(("PCM_24", "s24"), ("PCM_32", "f32"), ("FLOAT", "f32"), ("DOUBLE", "f32")),
    ],
)
def test_other_widths_are_kept_without_loss(
    tmp_path: Path, subtype: str, encoding: Encoding
) -> None:
    """Appended to a file of the encoding that suits it best, a float reader hears the same."""
    source, copy = tmp_path / "source.wav", tmp_path / "copy.wav"
    samples = noise(4, 70_000, 2, bits=24)
    soundfile.write(source, samples, 48000, subtype=subtype)
    form, frames = wave_format(source)
    assert form == WaveFormat(48000, 2, encoding)
    assert frames == len(samples)
    with WaveWriter(copy, form) as writer:
        writer.write(np.zeros((3, 2), np.int32))
        writer.append(source)
    assert wave_format(copy) == (form, frames + 3)
    heard = [soundfile.read(path, dtype="float32")[0] for path in (source, copy)]
    assert np.array_equal(heard[1], np.pad(heard[0], ((3, 0), (0, 0))))
    assert np.abs(heard[0] - samples).max() < (0.02 if encoding == "s16" else 1e-7)


@pytest.mark.parametrize("text", [None, b"", b"no sound", b"RIFF\x24\0\0\0WAVE"])
def test_what_is_no_wave_file_is_refused(tmp_path: Path, text: bytes | None) -> None:
    path = tmp_path / "x.wav"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(UnreadableMedia) as caught:
        wave_format(path)
    assert caught.value.hint


@pytest.mark.parametrize("what", ["folder", "pipe", "mp3", "ogg"])
def test_what_only_looks_like_sound_in_a_wave_file_is_refused(tmp_path: Path, what: str) -> None:
    """A pipe would be waited for; an MP3 begins with what its encoder put in front."""
    path = tmp_path / f"x.{what}"
    if what == "folder" or (what == "pipe" and os.name == "nt"):
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        codec = {"mp3": "libmp3lame", "ogg": "libvorbis"}[what]
        soundfile.write(tmp_path / "x.wav", noise(1, 48000), 48000)
        ffmpeg("-i", tmp_path / "x.wav", "-c:a", codec, path)
    with pytest.raises(UnreadableMedia, match="cannot be read as WAV"):
        wave_format(path)
