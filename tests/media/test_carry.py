"""What lies beside the samples survives where the table says so, and what does not is said."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from tests.media.carrying import carried, rich
from tests.media.making import Studio, ffmpeg, noise, pictures
from tests.media.remuxing import switched_on

import stemmux.append
from stemmux.containers import RULES, Container
from stemmux.errors import MediaError, NotAppendable
from stemmux.mux import Muxed, Stem, add, chosen
from stemmux.probe import probe

#: Every way from a kind of file that carries much into one that can hold its picture and sound.
WAYS: list[tuple[str, Container]] = [
    *(("mov", "mov"), ("mov", "mp4"), ("mov", "mkv")),
    *(("mp4", "mov"), ("mp4", "mp4"), ("mp4", "mkv")),
    *(("mkv", "mov"), ("mkv", "mp4"), ("mkv", "mkv")),
    *(("prores", "mov"), ("prores", "mkv"), ("prores", "mxf")),
    *(("mxf", "mov"), ("mxf", "mkv"), ("mxf", "mxf")),
]


@pytest.fixture(scope="module")
def shelf(studio: Studio) -> dict[str, Path]:
    """One clip of each kind."""
    return {kind: rich(studio, kind) for kind in ("mov", "mp4", "mkv", "prores", "mxf")}


@pytest.fixture
def no_append(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is remuxed."""

    def never(*given: object, **named: object) -> None:
        raise NotAppendable("Not today.")

    monkeypatch.setattr(stemmux.append, "append", never)


def two(studio: Studio) -> list[Stem]:
    return [Stem(studio.wave(noise(n, 48000, 2)), title) for n, title in ((1, "A"), (2, "B"))]


@pytest.mark.usefixtures("no_append")
@pytest.mark.parametrize(("kind", "container"), WAYS, ids=str)
def test_what_survives_is_what_the_table_says(
    studio: Studio, shelf: dict[str, Path], tmp_path: Path, kind: str, container: Container
) -> None:
    out = tmp_path / f"out.{container}"
    made = add(probe(shelf[kind]), two(studio), out)
    assert made.way == "remuxed"
    before, after = carried(shelf[kind]), carried(out)
    parts = [sentence.split(" not in the new file: ") for sentence in made.lost]
    said = {part[0].lower() for part in parts if len(part) == 2}
    for fact, value in before.items():
        if fact == "default track" and (kind == "mkv") != (container == "mkv"):
            continue  # the flag means another thing there
        survived = after.get(fact) == value
        # AAC says by itself where its channels are heard.
        kept = fact in RULES[container].keeps or (
            fact == "channel layouts" and probe(shelf[kind]).track(2).codec == "aac"
        )
        assert survived == kept, (fact, value, after.get(fact))
        assert survived or fact.lower() in said, (fact, made.lost)
    changed = {"text subtitles"} if (kind == "mkv") != (container == "mkv") else set()
    lost = {fact.lower() for fact, value in before.items() if after.get(fact) != value}
    assert said - {"track titles"} - changed <= lost


@pytest.mark.parametrize("kind", ["mov", "mp4", "prores"])
def test_all_of_it_survives_where_stems_are_appended(
    studio: Studio, shelf: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    made = add(probe(shelf[kind]), two(studio), tmp_path / "out.mov")
    assert (made.way, made.lost) == ("appended", ())
    assert carried(tmp_path / "out.mov") == carried(shelf[kind])


@pytest.mark.usefixtures("no_append")
def test_nothing_is_doubled_when_it_is_done_again(
    studio: Studio, shelf: dict[str, Path], tmp_path: Path
) -> None:
    """Tags of any name are written in a form that other programs write twice."""
    before, stems = carried(shelf["prores"]), two(studio)
    source = shelf["prores"]
    for turn in range(3):
        out = tmp_path / f"{turn}.mov"
        assert add(probe(source), stems, out).lost == ()
        source = out
    assert carried(source) == before


def test_languages_that_quicktime_has_no_code_for(
    studio: Studio, tmp_path: Path, no_append: None
) -> None:
    source = studio.new(".mkv")
    ffmpeg("-i", studio.clip("mkv").path, "-c", "copy", "-metadata:s:a:0", "language=deu", source)
    assert add(probe(source), two(studio)[:1], tmp_path / "out.mov").lost == ()
    with av.open(str(tmp_path / "out.mov")) as file:
        assert [track.language for track in file.streams.audio] == ["deu", "zxx"]


def test_chapters_stay_with_their_pictures(
    studio: Studio, shelf: dict[str, Path], tmp_path: Path
) -> None:
    """Matroska moves pictures that would come before zero, but no chapters; MOV moves neither."""
    for container in ("mkv", "mov"):
        source = tmp_path / f"late.{container}"
        ffmpeg("-i", shelf["mp4"], "-c", "copy", "-map", "0:v:0", "-map", "0:a", source)
        stems = two(studio)
        made = add(probe(source), stems, tmp_path / f"out.{container}", replace_audio=True)
        assert made.offsets == (0.0, 0.0)
    again = carried(tmp_path / "out.mkv", sounds=0)["chapters"]
    before = carried(tmp_path / "late.mkv", sounds=0)["chapters"]
    assert again == before


def flagged(path: Path) -> list[bool]:
    default = av.stream.Disposition.default
    with av.open(str(path)) as file:
        return [bool(track.disposition & default) for track in file.streams.audio]


@pytest.mark.parametrize("container", ["mov", "mp4", "mkv"])
@pytest.mark.parametrize(
    ("word", "flags"),
    [
        ("clip", [True, False, False]),
        ("target", [False, True, False]),
        ("Residual", [False, False, True]),
    ],
)
def test_one_track_is_the_default_one(
    studio: Studio, tmp_path: Path, container: str, word: str, flags: list[bool]
) -> None:
    titles = ("x_Target", "x_residual")
    stems = [Stem(studio.wave(noise(1, 24000)), title) for title in titles]
    out = tmp_path / f"out.{container}"
    add(probe(studio.clip("mov").path), stems, out, default=chosen(stems, word))
    assert flagged(out) == flags
    if container != "mkv":
        assert switched_on(out)[1:4] == flags


def test_only_sounds_that_are_there_can_be_the_default_one(studio: Studio, tmp_path: Path) -> None:
    media, stems = probe(studio.clip("mov").path), two(studio)
    with pytest.raises(MediaError, match="'dog'") as caught:
        chosen(stems, "dog")
    assert "clip, A, B" in caught.value.hint
    with pytest.raises(MediaError, match="own sound"):
        add(media, stems, tmp_path / "out.mov", replace_audio=True, default="clip")
    with pytest.raises(MediaError, match="no stem 2"):
        add(media, stems, tmp_path / "out.mov", default=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("container", ["mov", "mp4", "mkv", "mxf"])
def test_the_clips_sound_is_left_out_on_demand(
    studio: Studio, tmp_path: Path, container: str
) -> None:
    source = studio.clip("mxf", "29.97") if container == "mxf" else studio.clip("mp4", "29.97")
    stems, out = two(studio), tmp_path / f"out.{container}"
    made = add(probe(source.path), stems, out, replace_audio=True)
    assert (made.way, made.tracks, made.offsets) == ("remuxed", (1, 2), (0.0, 0.0))
    assert pictures(out) == pictures(source.path) or container == "mkv"
    if container != "mxf":
        assert flagged(out) == ([True, True] if container != "mkv" else [True, False])


def test_where_channels_are_heard(studio: Studio, tmp_path: Path) -> None:
    """Matroska keeps a number of channels, and AAC knows surrounds behind alone."""
    wave, bare = studio.new(".wav"), studio.wave(noise(5, 24000, 6))
    layout = ("-channel_layout", "5.1(side)", "-i", bare)
    ffmpeg(*layout, "-c:a", "pcm_s24le", wave)
    media = probe(studio.clip("mov").path)
    for container, said in (("mov", 0), ("mp4", 1), ("mkv", 1)):
        made = add(media, [Stem(wave, "Side")], tmp_path / f"out.{container}")
        assert len([sentence for sentence in made.lost if "'Side', read as" in sentence]) == said
    # What has no places gets none made up.
    add(media, [Stem(bare, "Bare")], tmp_path / "bare.mov")
    with av.open(str(tmp_path / "bare.mov")) as file:
        assert file.streams.audio[1].layout.name == "6 channels"


def test_words_of_subtitles_become_the_containers_own(
    studio: Studio, shelf: dict[str, Path], tmp_path: Path
) -> None:
    made = add(probe(shelf["mkv"]), two(studio), tmp_path / "out.mp4")
    text = [sentence for sentence in made.lost if sentence.startswith("Text subtitles")]
    what = "all but the words of subtitles 1 (subrip)"
    assert text == [f"Text subtitles not in the new file: {what}."]


def test_the_null_of_what_was_written(studio: Studio, tmp_path: Path) -> None:
    """Stems that add up to the clip's sound: to the last bit, and as far as AAC goes."""
    source = studio.clip("mov", bits=24, options=("-c:a", "pcm_s24le"))
    mix, first = source.sounds[0], noise(9, len(source.sounds[0]), 2, bits=24) / 4
    first = np.rint(first * 2**23) / 2**23
    stems = [
        Stem(studio.wave(sound, subtype="PCM_24"), title)
        for sound, title in ((first, "A"), (mix - first, "B"))
    ]
    media = probe(source.path)
    exact = add(media, stems, tmp_path / "out.mov")
    assert (exact.null_db, exact.parts_null_db) == (-np.inf, -np.inf)
    lossy = add(media, stems, tmp_path / "out.mp4")
    assert -60 < lossy.null_db < -20
    assert lossy.parts_null_db == -np.inf
    # One step too much in one sample in a thousand.
    off = mix - first
    off[::1000] += 2.0**-23
    stems[1] = Stem(studio.wave(off, subtype="PCM_24"), "B")
    nearly = add(media, stems, tmp_path / "nearly.mov")
    assert nearly.parts_null_db == pytest.approx(20 * np.log10(2.0**-23) - 30, abs=0.1)
    alone: Muxed = add(media, stems[:1], tmp_path / "alone.mkv")
    assert (alone.null_db, alone.parts_null_db) == (-np.inf, None)


@pytest.mark.parametrize(
    ("flags", "codec", "said"),
    [
        (("-color_range", "tv"), "libx264", ""),
        (
            ("-pix_fmt", "yuvj420p", "-color_range", "pc"),
            "mpeg4",
            "Colour tags not in the new file: full range.",
        ),
    ],
)
def test_a_range_is_missed_only_where_it_is_not_the_usual_one(
    studio: Studio, tmp_path: Path, flags: tuple[str, ...], codec: str, said: str
) -> None:
    clip = studio.new(".mkv")
    picture = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=64x64:d=1:r=25",
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=d=1",
    )
    ffmpeg(*picture, "-c:v", codec, *flags, "-c:a", "pcm_s16le", "-ar", 48_000, clip)
    stem = Stem(studio.wave(noise(1, 48_000)), "Target")
    made = add(probe(clip), [stem], tmp_path / "out.mov")
    assert made.lost == ((said,) if said else ())
