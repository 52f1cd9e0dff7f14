"""Long clips through everything: windows joined, seams judged, and nothing paid for twice."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.jobs.bench import Drawing, Notebook, cloud, files, low_passed, steps
from tests.media.making import Studio, ffmpeg, lag

from soundmatte.documents import MatteChoice, Selection, Separation
from soundmatte.errors import DoubtfulStems
from soundmatte.jobs import run

STEP = 2.0**-23
RATE = 8000


class Bench:
    """The loopback service, a journal, and where files go."""

    def __init__(self, service: Any, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.listener = Notebook()
        service.settings(job_seconds=0.02, queue_seconds=0)

    def separate(self, clip: Path, *, accept_doubtful: bool = False, **options: Any) -> Separation:
        engine = cloud(self.service, self.folder / "state")
        self.listener = Notebook()
        return run.separate(
            Selection(media=clip, **options),
            engine,
            self.folder / "out",
            self.listener,
            overwrite=True,
            accept_doubtful=accept_doubtful,
        )

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What the service was asked for."""
        return list(self.service.jobs())


@pytest.fixture
def bench(fresh_service: Any, tmp_path: Path) -> Bench:
    return Bench(fresh_service, tmp_path)


def rumble(seconds: int) -> np.ndarray:
    """Noise with more below than above, so that both of the service's stems hold something."""
    high = np.random.default_rng(5).normal(0, 0.05, seconds * RATE)
    return np.asarray(np.rint((high + 3 * low_passed(high)) / STEP) * STEP)[:, np.newaxis]


def test_the_windows_of_a_long_clip_are_joined_and_add_up(
    bench: Bench, studio: Studio, tmp_path: Path
) -> None:
    sound = rumble(65)
    clip = studio.wave(sound, RATE, "PCM_24")
    done = bench.separate(clip, prompt="rumble")
    assert (len(bench.jobs), done.usd, done.null_db) == (3, 0.15, -300)
    total = steps(done.target) + steps(done.residual)
    assert np.array_equal(total, np.rint(sound / STEP))
    assert [round(window.start, 2) for window in done.windows] == [0, 21.36, 42.68]
    assert [(round(seam.start, 2), round(seam.end, 2)) for seam in done.seams] == [
        (21.36, 22.36),
        (42.68, 43.68),
    ]
    assert all(seam.smooth for seam in done.seams)
    # What was asked of the service as a whole could not be told from this: no seam is heard.
    target = steps(done.target)[:, 0] * STEP
    for seam in (21.86, 43.18):
        at = slice(int((seam - 1) * RATE), int((seam + 1) * RATE))
        before = slice(at.start - 4 * RATE, at.stop - 4 * RATE)
        likeness = [np.corrcoef(target[part], sound[part, 0])[0, 1] for part in (at, before)]
        assert likeness[0] == pytest.approx(likeness[1], abs=0.02)
    told = [note for note in bench.listener.notes if note.startswith("Window")]
    assert told == ["Window 1 of 3.", "Window 2 of 3.", "Window 3 of 3."]
    # The clean style is made of what is here already.
    clean = bench.separate(clip, prompt="rumble", style="clean")
    assert len(bench.jobs) == 3
    assert (clean.style, clean.mix_sha256) == ("clean", done.mix_sha256)
    assert clean.null_db > -120
    heard, own = steps(clean.target)[:, 0], low_passed(sound.mean(axis=1))
    assert np.corrcoef(heard, own)[0, 1] > 0.9
    assert lag(own, heard * STEP) == 0


def test_what_the_service_does_not_find_is_not_delivered(bench: Bench, studio: Studio) -> None:
    """A tone of 1000 Hz is not in the service's target at all."""
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(2 * 48000) / 48000)
    clip = studio.wave((tone * np.hanning(len(tone)))[:, np.newaxis], 48000, "PCM_24")
    for _ in range(2):
        with pytest.raises(DoubtfulStems) as caught:
            bench.separate(clip, prompt="dog")
        assert "without another charge" in caught.value.hint
        assert len(bench.jobs) == 1
        assert files(bench.folder / "out") == set()
    done = bench.separate(clip, prompt="dog", accept_doubtful=True)
    assert len(bench.jobs) == 1
    assert done.null_db == -300
    assert done.evidence.doubts
    assert set(done.evidence.doubts) <= set(done.notes)


def test_where_the_matte_is_empty_nothing_is_sent(bench: Bench, studio: Studio) -> None:
    """Two windows; the object comes in the second."""
    wave = studio.wave(rumble(33), RATE, "PCM_24")
    clip, matte = studio.new(".mov"), studio.new(".mp4")
    grey = ("-f", "lavfi", "-i", "color=gray:s=64x36:r=25:d=33", "-i", wave)
    small = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy")
    ffmpeg(*grey, *small, "-timecode", "01:00:00:00", clip)
    box = "drawbox=x=10:y=10:w=20:h=12:color=white:t=fill:enable='gte(t,20)'"
    black = ("-f", "lavfi", "-i", "color=black:s=64x36:r=25:d=33", "-vf", box)
    ffmpeg(*black, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", matte)
    done = bench.separate(clip, matte=MatteChoice(path=matte))
    [job] = bench.jobs
    assert job["path"] == "/visual-separate"
    assert [window.silent for window in done.windows] == ["matte", None]
    assert (
        "The matte is empty from 01:00:00:00 to 01:00:17:00: the target is silent there, "
        "and nothing was sent." in done.notes
    )
    assert done.seams == ()
    assert not [note for note in done.notes if "roughly" in note]
    target = steps(done.target)[:, 0]
    assert not target[: 15 * RATE].any()
    assert np.abs(target[18 * RATE :]).max() > 0.01 / STEP
    assert done.null_db == -300
    whole = Selection(media=clip, end=Fraction(10), matte=MatteChoice(path=matte))
    with pytest.raises(Exception, match="covers nothing in this range"):
        run.separate(
            whole, cloud(bench.service, bench.folder / "b"), bench.folder / "c", Notebook()
        )
    assert len(bench.jobs) == 1


@pytest.mark.parametrize(
    ("good", "agreed", "draws", "rough"),
    [
        ([True], 0, 1, 0),
        ([False], 0, 1, 1),
        ([False, True], 1, 2, 0),
        ([False, False], 1, 2, 1),
        ([True], 1, 1, 0),
    ],
)
def test_a_rough_seam_is_told_and_drawn_again_where_that_was_agreed(
    studio: Studio, tmp_path: Path, good: list[bool], agreed: int, draws: int, rough: int
) -> None:
    sound = rumble(4)
    engine = Drawing(good, agreed)
    done = run.separate(
        Selection(media=studio.wave(sound, RATE, "PCM_24")),
        engine,
        tmp_path,
        Notebook(),
        accept_doubtful=True,
    )
    assert engine.draws == draws
    assert sum(not seam.smooth for seam in done.seams) == rough
    told = [note for note in done.notes if note.startswith("Two windows meet roughly at 1.500 s")]
    assert len(told) == rough
    assert done.null_db == -300
    assert {path.name for path in tmp_path.iterdir()} == {
        path.name for path in (done.target, done.residual, done.file) if path
    }
    heard = soundfile.read(done.target)[0][3 * RATE :]
    own = low_passed(sound[:, 0])[3 * RATE :]
    if not rough:
        assert np.corrcoef(heard, own)[0, 1] > 0.9
