"""The table of containers: every cell of it refuses what it says, and the page tells the same."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.making import Studio, ffmpeg, noise

from stemmux.bwf import WaveFormat
from stemmux.containers import CONTAINERS, REFUSALS, Container, Wish, container_of, refuse
from stemmux.errors import ContainerRefused
from stemmux.mux import Stem, add
from stemmux.probe import Media, probe

ROOT = Path(__file__).resolve().parents[2]
STEM = WaveFormat(48_000, 2, "s24")
Change = Callable[[Media], Media]


def picture(**changes: object) -> Change:
    return lambda media: dataclasses.replace(
        media,
        video=dataclasses.replace(media.picture(), **changes),  # type: ignore[arg-type]
    )


def own(**changes: object) -> Change:
    return lambda media: dataclasses.replace(
        media,
        audio=(dataclasses.replace(media.audio[0], **changes),),  # type: ignore[arg-type]
    )


def alone(media: Media) -> Media:
    return dataclasses.replace(media, video=None)


def same(media: Media) -> Media:
    return media


#: What makes each refusal speak: the container, what is odd about the clip, and about the stem.
ODD: list[tuple[Container, Change, WaveFormat, str]] = [
    ("mov", picture(codec="vp9"), STEM, "vp9, which a MOV file"),
    ("mp4", picture(codec="prores"), STEM, "prores, which an MP4 file"),
    ("mkv", picture(codec="qtrle"), STEM, "qtrle, which an MKV file"),
    ("mxf", alone, STEM, "needs a picture"),
    ("mxf", picture(codec="hevc"), STEM, "hevc, which an MXF file"),
    ("mxf", picture(codec="h264", reordered=True), STEM, "in which they are stored"),
    ("mxf", picture(variable=True), STEM, "The frame rate varies"),
    ("mxf", picture(rate=Fraction(15)), STEM, "no 15 frames per second"),
    ("mxf", picture(hidden=3), STEM, "hides 3 pictures"),
    ("mkv", picture(hidden=3), STEM, "hides 3 pictures"),
    ("mov", own(codec="flac"), STEM, "sound 1 is flac, which a MOV file"),
    ("mp4", own(codec="pcm_u8"), STEM, "sound 1 is pcm_u8"),
    ("mkv", own(codec="pcm_s8"), STEM, "sound 1 is pcm_s8"),
    ("mkv", lambda media: alone(dataclasses.replace(media, container="mp3")), STEM, "MP3"),
    ("mxf", own(codec="aac"), STEM, "sound 1 is aac"),
    ("mxf", own(rate=44_100), STEM, "44100 Hz"),
    ("mxf", same, WaveFormat(96_000, 1, "s24"), "96000 Hz"),
    ("mxf", same, WaveFormat(48_000, 1, "f32"), "wider than 24 bits"),
    ("mp4", same, WaveFormat(48_000, 9, "s24"), "9 channels"),
    ("mp4", same, WaveFormat(192_000, 2, "s24"), "192000 Hz"),
    ("mp4", same, WaveFormat(48_000, 3, "s24", ("FL", "FR", "LFE")), "channels FL FR LFE"),
    ("mkv", own(codec="pcm_bluray"), STEM, "sound 1 is pcm_bluray"),
    ("wav", same, WaveFormat(44_100, 2, "s24"), "44100 Hz, 48000 Hz"),
]


@pytest.fixture(scope="module")
def plain(studio: Studio) -> Media:
    """A clip that every container takes."""
    return probe(studio.clip("prores").path)


def taken(media: Media) -> Media:
    return picture(codec="mpeg2video")(media)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_plain_clip_is_refused_nowhere(plain: Media, container: Container) -> None:
    refuse(Wish(taken(plain), [STEM], own_sound=True), container)


@pytest.mark.parametrize(("container", "change", "stem", "words"), ODD, ids=lambda value: "")
def test_what_is_refused_is_said_in_a_sentence(
    plain: Media, container: Container, change: Change, stem: WaveFormat, words: str
) -> None:
    wish = Wish(change(taken(plain)), [stem], own_sound=True)
    with pytest.raises(ContainerRefused) as caught:
        refuse(wish, container)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")
    # The way out is one: what the hint names takes it.
    for name in CONTAINERS:
        if f".{name}" in caught.value.hint and name != "wav":
            refuse(wish, name)


def test_every_cell_is_tried(plain: Media) -> None:
    """Each refusal of the table speaks of one of the odd clips, in each of its containers."""
    for refusal in REFUSALS:
        for container in refusal.containers:
            wishes = [
                Wish(change(taken(plain)), [stem], own_sound=True)
                for name, change, stem, _ in ODD
                if name == container
            ]
            assert any(refusal.sentence(wish) for wish in wishes), refusal.what


def test_sound_that_is_left_out_is_no_reason(plain: Media) -> None:
    media = own(codec="aac", rate=44_100)(taken(plain))
    with pytest.raises(ContainerRefused) as caught:
        refuse(Wish(media, [STEM], own_sound=True), "mxf")
    out = "Name a .mov, .mp4 or .mkv file. Or leave the clip's own sound out with --replace-audio."
    assert caught.value.hint == out
    refuse(Wish(media, [STEM], own_sound=False), "mxf")


def test_where_no_movie_takes_it_the_stems_are_left(plain: Media) -> None:
    media = picture(codec="vp8")(own(codec="pcm_s8")(plain))
    wish = Wish(media, [WaveFormat(192_000, 2, "s24")], own_sound=True)
    with pytest.raises(ContainerRefused) as caught:
        refuse(wish, "mov")
    assert caught.value.hint == "Name a .wav file for the stems alone."


@pytest.mark.parametrize("name", ["x.MOV", "x.mp4", "x.mkv", "x.mxf", "x.wav"])
def test_the_name_says_the_container(name: str) -> None:
    assert container_of(Path(name)) == name[2:].lower()


def test_what_is_in_no_table_is_refused_after_it_was_tried(studio: Studio, tmp_path: Path) -> None:
    """ffmpeg fails after it has begun to write; nothing is left of it."""
    source = studio.new(".mkv")
    ffmpeg("-i", studio.clip("mov").path, "-c:v", "flashsv", "-c:a", "copy", source)
    stem = Stem(studio.wave(noise(1, 48000)), "Target")
    with pytest.raises(ContainerRefused) as caught:
        add(probe(source), [stem], tmp_path / "out.mp4")
    assert ".mkv" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_who_asked_for_mkv_is_not_sent_there(studio: Studio, tmp_path: Path) -> None:
    source = studio.new(".flv")
    clip = studio.clip("mov", sample_rate=44100)
    sound = ("-ac", 1, "-c:a", "nellymoser")
    ffmpeg("-i", clip.path, "-map", 0, "-c:v", "flv1", *sound, source)
    stem = Stem(studio.wave(noise(1, 44100), 44100), "Target")
    with pytest.raises(ContainerRefused) as caught:
        add(probe(source), [stem], tmp_path / "out.mkv")
    assert ".mkv" not in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_page_is_the_table() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "make_containers.py")
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    written = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    assert written == page.document(), "run python docs/make_containers.py > docs/containers.md"
