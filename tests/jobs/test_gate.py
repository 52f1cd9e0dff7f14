"""The gate: stems that are empty or implausible go nowhere unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.jobs.bench import Notebook, Part, files, steps
from tests.media.making import Studio, noise

from soundmatte.documents import Selection
from soundmatte.errors import DoubtfulStems, EngineRefused
from soundmatte.jobs import run


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "the target is silent"), (0.0005, "66 dB below the clip's sound")]
)
def test_an_empty_target_is_not_delivered(
    studio: Studio, tmp_path: Path, share: float, words: str
) -> None:
    clip = studio.clip("wav", frames=25).path
    with pytest.raises(DoubtfulStems, match=words) as caught:
        run.separate(Selection(media=clip), Part(share), tmp_path / "out", Notebook())
    assert "--accept-doubtful delivers them." in caught.value.hint
    assert caught.value.exit_code == 3
    assert files(tmp_path) == set()


def test_it_is_delivered_where_that_was_accepted(studio: Studio, tmp_path: Path) -> None:
    clip, listener = studio.clip("wav", frames=25).path, Notebook()
    selection = Selection(media=clip)
    done = run.separate(selection, Part(0.0), tmp_path, listener, accept_doubtful=True)
    assert not steps(done.target).any()
    assert steps(done.residual).any()
    [doubt] = done.evidence.doubts
    assert doubt in done.notes
    assert doubt in listener.notes
    assert done.evidence.target_dbfs == done.evidence.target_share_db == -300
    assert done.loudness["target"].integrated_lufs is None


def test_what_is_there_is_delivered_and_measured(studio: Studio, tmp_path: Path) -> None:
    clip = studio.clip("wav", frames=75).path
    done = run.separate(Selection(media=clip), Part(0.25), tmp_path, Notebook())
    assert done.evidence.doubts == ()
    assert done.evidence.target_share_db == pytest.approx(20 * np.log10(0.25), abs=0.01)
    level = {name: found.integrated_lufs for name, found in done.loudness.items()}
    assert None not in level.values()
    assert level["mix"] - level["target"] == pytest.approx(12.0, abs=0.15)  # type: ignore[operator]


def test_a_silent_range_is_said_to_be_one(studio: Studio, tmp_path: Path) -> None:
    clip = studio.wave(np.zeros((24000, 2)))
    with pytest.raises(DoubtfulStems, match="The range is silent"):
        run.separate(Selection(media=clip), Part(), tmp_path, Notebook())


def test_an_engine_without_a_sound_of_its_own_has_no_clean_style(
    studio: Studio, tmp_path: Path
) -> None:
    selection = Selection(media=studio.clip("wav", frames=25).path, style="clean")
    with pytest.raises(EngineRefused, match="no clean style") as caught:
        run.plan(selection, Part(), tmp_path)
    assert "--engine cloud" in caught.value.hint


@pytest.mark.parametrize(
    ("bits", "encoding", "peak"),
    [("auto", "s24", 0.2), ("16", "s16", 0.2), ("24", "s24", 0.2), ("32f", "f32", 0.2)],
)
def test_the_bits_of_the_stems_are_a_choice(
    studio: Studio, tmp_path: Path, bits: Any, encoding: str, peak: float
) -> None:
    sound = noise(4, 24000, 2) * peak
    done = run.separate(
        Selection(media=studio.wave(sound, subtype="FLOAT"), bits=bits),
        Part(),
        tmp_path,
        Notebook(),
    )
    assert (done.encoding, done.null_db) == (encoding, -300)
    rounded = [note for note in done.notes if "16 bits" in note]
    assert bool(rounded) == (bits == "16")


def test_another_style_or_width_is_no_other_work(studio: Studio, tmp_path: Path) -> None:
    """What was paid for is found again under the same key, whatever is made of it."""
    clip = studio.clip("mov").path

    def key(**changes: Any) -> str:
        return run.plan(Selection(media=clip, **changes), Part(), tmp_path).key

    assert key() == key(bits="16") == key(container="mkv") == key(start=0) == key(handles=2)
    assert len({key(), key(prompt="dog"), key(start=1), key(end=2), key(end=2, handles=0.5)}) == 5
