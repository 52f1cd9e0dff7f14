"""The clip's sound and the stems as the channels of one Broadcast WAV."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.media.making import Studio, noise, sound

from stemmux import polyphonic
from stemmux.errors import ContainerRefused, NoAudio, VerificationFailed
from stemmux.extract import Cut, extract
from stemmux.mux import Stem, add
from stemmux.probe import probe

SECOND = 48_000


def chunk(path: Path, name: bytes) -> bytes:
    """The contents of a chunk of a WAV file."""
    data = path.read_bytes()
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == name:
            return data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise AssertionError(f"no {name!r}")


def names_in(path: Path) -> list[str]:
    return re.findall(r"<NAME>(.*?)</NAME>", chunk(path, b"iXML").decode())


@pytest.mark.parametrize("rate", ["25", "29.97"])
def test_every_channel_is_what_it_was(studio: Studio, tmp_path: Path, rate: str) -> None:
    source = studio.clip("prores", rate)
    media, mix = probe(source.path), source.sounds[0]
    first = np.rint(noise(3, len(mix), 2, bits=24) / 4 * 2**23) / 2**23
    stems = [
        Stem(studio.wave(one, subtype="PCM_24"), title)
        for one, title in ((first, "Target: dog"), (mix - first, "Residual"))
    ]
    made = add(media, stems, tmp_path / "out.wav")
    got, at = soundfile.read(tmp_path / "out.wav", always_2d=True)
    assert at == SECOND
    assert soundfile.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert np.array_equal(got[: len(mix), :2], mix)
    assert np.array_equal(got[: len(mix), 2:4], first)
    assert np.array_equal(got[: len(mix), 4:], mix - first)
    assert not got[len(mix) :].any()
    assert (made.tracks, made.offsets, made.picture) == ((3, 4, 5, 6), (0.0, 0.0), None)
    assert (made.null_db, made.parts_null_db) == (-np.inf, -np.inf)
    titles = ("Sound 1", "Target: dog", "Residual")
    assert names_in(tmp_path / "out.wav") == [f"{t} {side}" for t in titles for side in "LR"]
    text = chunk(tmp_path / "out.wav", b"iXML").decode()
    flag = "DF" if rate == "29.97" else "NDF"
    assert f"<TIMECODE_FLAG>{flag}</TIMECODE_FLAG>" in text
    reference = int.from_bytes(chunk(tmp_path / "out.wav", b"bext")[338:346], "little")
    assert media.timecode is not None
    assert reference == round(media.timecode.time * SECOND)


def test_sound_of_a_lossy_clip_is_what_is_cut_for_a_separation(
    studio: Studio, tmp_path: Path
) -> None:
    media = probe(studio.clip("late sound").path)
    stem = Stem(studio.wave(noise(3, SECOND)), "A", start=1234)
    add(media, [stem], tmp_path / "out.wav")
    got, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    extract(media, media.span(), Cut(mix=tmp_path / "mix.wav"))
    wanted, _ = soundfile.read(tmp_path / "mix.wav", always_2d=True)
    assert np.abs(got[: len(wanted), :2] - wanted).max() <= 2.0**-24
    assert not got[:1234, 2].any()
    assert np.array_equal(got[1234 : 1234 + SECOND, 2], noise(3, SECOND)[:, 0])


@pytest.mark.parametrize(
    ("subtypes", "kept"),
    [
        (("PCM_16", "PCM_16"), "PCM_16"),
        (("PCM_16", "PCM_24"), "PCM_24"),
        (("PCM_16", "FLOAT"), "FLOAT"),
    ],
)
def test_stems_alone_keep_every_bit(
    studio: Studio, tmp_path: Path, subtypes: tuple[str, str], kept: str
) -> None:
    sounds = [noise(1, SECOND), 1.5 * noise(2, SECOND // 2, 3, bits=16)]
    if kept != "FLOAT":
        sounds[1] /= 2
    stems = [
        Stem(studio.wave(one, subtype=subtype), subtype)
        for one, subtype in zip(sounds, subtypes, strict=True)
    ]
    made = add(probe(studio.clip("mov").path), stems, tmp_path / "out.wav", replace_audio=True)
    assert made.tracks == (1, 2, 3, 4)
    assert soundfile.info(tmp_path / "out.wav").subtype == kept
    got, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    for stem, place in zip(stems, (slice(0, 1), slice(1, 4)), strict=True):
        wanted, _ = soundfile.read(stem.path, always_2d=True)
        assert np.array_equal(got[: len(wanted), place], wanted)


def test_what_a_wav_file_cannot_hold_is_refused(studio: Studio, tmp_path: Path) -> None:
    slow = Stem(studio.wave(noise(1, 44_100), 44_100), "A")
    with pytest.raises(ContainerRefused, match="44100 Hz, 48000 Hz"):
        add(probe(studio.clip("mov").path), [slow], tmp_path / "out.wav")
    with pytest.raises(NoAudio):
        add(probe(studio.picture()), [], tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_is_not_the_one_given_is_found(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = polyphonic._write

    def careless(*given: object) -> None:
        honest(*given)  # type: ignore[arg-type]
        path = given[-1]
        assert isinstance(path, Path)
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)

    monkeypatch.setattr(polyphonic, "_write", careless)
    stem = Stem(studio.wave(noise(1, SECOND)), "A")
    with pytest.raises(VerificationFailed, match="'A'"):
        add(probe(studio.clip("mov").path), [stem], tmp_path / "out.wav", replace_audio=True)
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_added_to_a_movie(studio: Studio, tmp_path: Path) -> None:
    """What was written is a stem like any other."""
    media = probe(studio.clip("mov").path)
    add(media, [Stem(studio.wave(noise(1, SECOND)), "A")], tmp_path / "out.wav")
    add(media, [Stem(tmp_path / "out.wav", "All")], tmp_path / "out.mov")
    assert sound(tmp_path / "out.mov", 1)[1].shape[1] == 3
