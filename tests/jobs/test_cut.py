"""What the engine is given of each stretch: its own pictures, its own mask, its own sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tests.jobs.bench import Part
from tests.media.making import Studio, ffmpeg, lag, number_shown

from soundmatte.documents import MatteChoice, PictureChoice, Selection
from soundmatte.engines.engine import Answer, Need, Question
from soundmatte.jobs.cut import Cutting, extract
from soundmatte.jobs.plan import plan
from soundmatte.jobs.work import Work
from stemmux.errors import MediaError, NoPicture


class Wants(Part):
    """An engine that wants to see and hear."""

    def __init__(self, *needs: Need) -> None:
        """What it wants."""
        super().__init__()
        self._needs = frozenset(needs)

    def consider(self, question: Question) -> Answer:
        """Take everything."""
        return Answer("all", needs=self._needs)


def nothing(share: float) -> None:
    """Nobody is told."""


def begun(
    clip: Path,
    matte: Path,
    folder: Path,
    wants: Wants,
    into: Fraction | None = None,
    **range_: Fraction,
) -> Work:
    """A work whose mix is cut."""
    selection = Selection(media=clip, matte=MatteChoice(path=matte, start=into), **range_)
    folder.mkdir()
    return extract(plan(Work(selection, wants, folder, folder), nothing), nothing)


def shown(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [number_shown(f.to_ndarray(format="gray")) for f in container.decode(video=0)]


def covered(path: Path) -> list[bool]:
    """Whether there is any target (black) in each picture of a mask."""
    with av.open(str(path)) as container:
        return [bool((f.to_ndarray()[: f.height] == 0).any()) for f in container.decode(video=0)]


@pytest.fixture(scope="module")
def mattes(studio: Studio) -> dict[str, Path]:
    """An object from picture 40 of the clip on; over the whole clip, and over 10 to 70 alone."""
    made = {}
    for name, frames, appears in (("clip", 75, 40), ("range", 60, 30)):
        made[name] = studio.new(".mp4")
        box = f"drawbox=x=40:y=20:w=60:h=40:color=white:t=fill:enable='gte(n,{appears})'"
        black = f"color=black:s=160x90:r=25:d={frames / 25}"
        ffmpeg("-f", "lavfi", "-i", black, "-vf", box, "-c:v", "libx264", "-qp", "0", made[name])
    return made


@pytest.mark.parametrize(("over", "into"), [("clip", None), ("range", None), ("range", -10)])
def test_each_stretch_has_its_own_pictures_mask_and_sound(
    studio: Studio, mattes: dict[str, Path], tmp_path: Path, over: str, into: int | None
) -> None:
    source = studio.clip("mov", "25")
    picture = Fraction(1, 25)
    wants = Wants("proxy", "mask", "mono")
    # Where it is said that the matte begins with picture 10, no length tells it.
    begin = 10 if into is None else 15
    range_ = {"start": begin * picture, "end": 70 * picture}
    where = None if into is None else into * picture
    work = begun(source.path, mattes[over], tmp_path / "work", wants, where, **range_)
    cutting = Cutting(work)
    # Pictures up to 35, 25 to 50, 40 to 70 of the clip: before, around, behind where it appears.
    for first, last in ((begin, 35), (25, 50), (40, 70)):
        cuts = cutting((first - begin) * 1920, (last - first) * 1920, nothing)
        if last <= 40:
            assert (cuts.covered, cuts.proxy, cuts.mask) == (0.0, None, None)
            continue
        assert cuts.proxy is not None
        assert cuts.mask is not None
        assert cuts.mono is not None
        assert shown(cuts.proxy) == list(range(first, last))
        assert covered(cuts.mask) == [number >= 40 for number in range(first, last)]
        there = (max(40, first), last)
        part = (there[1] - there[0]) / (last - first) * 60 * 40 / (160 * 90)
        assert cuts.covered == pytest.approx(part, rel=0.05)
        mono, rate = soundfile.read(cuts.mono)
        own = source.sounds[0][first * 1920 : last * 1920].mean(axis=1)
        assert (rate, len(mono)) == (48000, len(own))
        assert lag(own, mono) == 0
    assert not cutting.notes or "as long as the range" in cutting.notes[0]
    left = {path.name for path in work.folder.iterdir()}
    cutting.clear()
    assert left - {path.name for path in work.folder.iterdir()} == {
        "mono.wav",
        "proxy.mov",
        "mask.mp4",
    }


def test_a_stretch_lies_in_the_mix_where_it_says(studio: Studio, tmp_path: Path) -> None:
    """At 29.97 a picture is 1601.6 samples, and no stretch begins on one."""
    source = studio.clip("mov", "29.97")
    start = 7 / source.rate
    white = studio.new(".png")
    ffmpeg("-f", "lavfi", "-i", "color=white:s=160x90", "-frames:v", "1", white)
    wants = Wants("mask", "mono")
    work = begun(source.path, white, tmp_path / "work", wants, start=start, end=70 / source.rate)
    mix, _ = soundfile.read(work.settled.path)
    cutting = Cutting(work)
    for first, frames in ((0, 20_001), (19_999, 30_003), (50_000, len(mix) - 50_000)):
        cuts = cutting(first, frames, nothing)
        assert cuts.mono is not None
        mono, _ = soundfile.read(cuts.mono)
        assert abs(len(mono) - frames) <= 1
        own = mix[first : first + frames].mean(axis=1)[: len(mono)]
        # Exact but for the rounding to 24 bits.
        assert np.abs(mono[: len(own)] - own).max() < 2.0**-22
    assert any("nearly everything" in note for note in cutting.notes)


@pytest.fixture(scope="module")
def heard(studio: Studio) -> Path:
    """Pictures 10 to 70 of the clip as a host renders their sound: a file of its own."""
    source = studio.clip("mov", "25")
    path = studio.new(".wav")
    soundfile.write(path, source.sounds[0][10 * 1920 : 70 * 1920], 48_000, subtype="FLOAT")
    return path


def test_sound_picture_and_matte_may_be_files_of_their_own(
    studio: Studio, mattes: dict[str, Path], heard: Path, tmp_path: Path
) -> None:
    """Each with its own clock, and any stretch of them lies where it is heard."""
    source = studio.clip("mov", "25")
    selection = Selection(
        media=heard,
        picture=PictureChoice(path=source.path, start=Fraction(10, 25)),
        matte=MatteChoice(path=mattes["clip"], start=Fraction(10, 25)),
        start=Fraction(5, 25),
        end=Fraction(55, 25),
        handles=Fraction(2, 25),
    )
    folder = tmp_path / "work"
    folder.mkdir()
    wants = Wants("proxy", "mask", "mono")
    work = extract(plan(Work(selection, wants, folder, folder), nothing), nothing)
    mix, _ = soundfile.read(work.settled.path)
    # Without a picture there are no frames to snap to: 2.08 s are 99 840 samples of 48 kHz.
    assert len(mix) == 54 * 1920
    assert np.abs(mix - source.sounds[0][13 * 1920 : 67 * 1920]).max() < 2.0**-22
    cuts = Cutting(work)(20 * 1920, 20 * 1920, nothing)
    assert cuts.proxy is not None
    assert cuts.mask is not None
    assert cuts.mono is not None
    assert shown(cuts.proxy) == list(range(33, 53))
    assert covered(cuts.mask) == [number >= 40 for number in range(33, 53)]
    mono, _ = soundfile.read(cuts.mono)
    assert lag(source.sounds[0][33 * 1920 : 53 * 1920].mean(axis=1), mono) == 0


def test_sound_may_begin_before_its_picture(
    studio: Studio, mattes: dict[str, Path], tmp_path: Path
) -> None:
    source = studio.clip("mov", "25")
    early = studio.new(".wav")
    lead = np.zeros((10 * 1920, source.sounds[0].shape[1]))
    soundfile.write(early, np.vstack([lead, source.sounds[0]]), 48_000, subtype="FLOAT")
    late = Fraction(-10, 25)
    selection = Selection(
        media=early,
        picture=PictureChoice(path=source.path, start=late),
        matte=MatteChoice(path=mattes["clip"], start=late),
        start=Fraction(45, 25),
        end=Fraction(60, 25),
    )
    folder = tmp_path / "work"
    folder.mkdir()
    wants = Wants("proxy", "mask", "mono")
    work = extract(plan(Work(selection, wants, folder, folder), nothing), nothing)
    cuts = Cutting(work)(0, 15 * 1920, nothing)
    assert cuts.proxy is not None
    assert cuts.mask is not None
    assert shown(cuts.proxy) == list(range(35, 50))
    assert covered(cuts.mask) == [number >= 40 for number in range(35, 50)]
    soon = selection.model_copy(update={"start": Fraction(5, 25)})
    with pytest.raises(MediaError, match=r"begins 0\.200 s after what is separated"):
        plan(Work(soon, wants, tmp_path, tmp_path), nothing)


def test_a_matte_that_ends_too_early_is_refused_by_its_own_clock(
    studio: Studio, mattes: dict[str, Path], heard: Path, tmp_path: Path
) -> None:
    picture = PictureChoice(path=studio.clip("mov", "25").path, start=Fraction(10, 25))
    matte = MatteChoice(path=mattes["clip"], start=Fraction(20, 25))
    selection = Selection(media=heard, picture=picture, matte=matte)
    with pytest.raises(MediaError, match=r"its last 0\.20 s are without it"):
        plan(Work(selection, Wants("mask"), tmp_path, tmp_path), nothing)


def test_a_matte_needs_a_picture(mattes: dict[str, Path], heard: Path, tmp_path: Path) -> None:
    selection = Selection(media=heard, matte=MatteChoice(path=mattes["clip"]))
    with pytest.raises(NoPicture):
        plan(Work(selection, Wants("mask"), tmp_path, tmp_path), nothing)
