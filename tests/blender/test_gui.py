"""What a person sees in front of Blender's windows, with the built extension and a real engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tests.blender.gui import desk
from tests.blender.gui.desktop import HERE, Desktop, Seen

pytestmark = [pytest.mark.blender, pytest.mark.timeout(300)]

#: The clip is 8 s long, at 25 frames per second, from frame 1 on.
END = 201
#: Strips: name, channel, first frame, end, muted, selected.
BEFORE = [
    ["Kitchen.wav", 1, 1, END, False, True],
    ["Matte", 2, 1, END, True, False],
    ["Kitchen", 3, 1, END, False, True],
]
STEMS = [
    ["voice target", 4, 1, END, False, False],
    ["voice residual", 5, 1, END, False, False],
]
PLACED = [["Kitchen.wav", 1, 1, END, True, True], *BEFORE[1:], *STEMS]

Told = dict[str, Any]
Play = Callable[..., tuple[Told, Seen]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the clip, its matte and the extension; what is installed is kept there too."""
    folder = tmp_path_factory.mktemp("made")
    desk.make(folder)
    return folder


@pytest.fixture
def own(desktop: Desktop, made: Path) -> Desktop:
    """A desk with the extension installed, a project to be opened, and an engine."""
    return desk.laid_out(desktop, made)


@pytest.fixture
def play(own: Desktop) -> Play:
    """Have an act played with the project open; what was seen, once it has come to its end.

    Nothing may outlive Blender, whatever happened in it.
    """

    def played(act: str, desktop: Desktop = own, **given: object) -> tuple[Told, Seen]:
        blend = own.folder / desk.PROJECT
        seen = desktop.act(HERE / "scenarios.py", act, blend=blend, given=given)
        told = seen.check()
        assert seen.left == []
        return told, seen

    return played


def test_stems_appear_as_one_step_and_add_up(play: Play) -> None:
    told, seen = play("whole")
    assert (told["mask"], told["prompt"]) == ("CHANNEL", "voice")
    assert (told["preview"], told["state"]) == ("shown", "placed"), (told["said"], told["why"])
    assert 0.1 < told["coverage"] < 0.25
    assert told["niceness"] == [10, 10]
    assert told["before"] == BEFORE
    assert told["after"] == PLACED
    assert told["undone"] == BEFORE
    assert told["redone"] == PLACED
    assert told["again"] == told["stems"]
    assert sorted(told["stems"]) == ["residual", "target"]
    assert_sum(told["stems"], seen.folder / "mixdown.wav")


def assert_sum(stems: dict[str, str], mixdown: Path) -> None:
    """Stems that add up to what they were made of, and are not silent themselves."""
    whole, rate = soundfile.read(mixdown, dtype="float64", always_2d=True)
    parts = []
    for path in stems.values():
        part, its_rate = soundfile.read(path, dtype="float64", always_2d=True)
        assert (part.shape, its_rate) == (whole.shape, rate)
        assert decibels(part) > -50
        parts.append(part)
    assert whole.shape == (8 * rate, 2)
    assert decibels(sum(parts) - whole) < -90


def decibels(samples: Any) -> float:
    """Of the root mean square, full scale 0."""
    return float(10 * np.log10(np.mean(np.square(samples)) + 1e-20))


def test_esc_ends_it_and_it_can_be_gone_on_with(play: Play) -> None:
    told, _ = play("escaped")
    assert told["before"] == told["after"] == BEFORE
    assert told["running"] is False
    assert told["state"] == "placed", told["why"]
    assert told["tasks"] == 1
    assert told["placed"] == PLACED


def test_undo_meanwhile_is_the_editors_own(play: Play) -> None:
    told, _ = play("undone_meanwhile")
    assert told["meanwhile"] == BEFORE
    assert told["still"] == "separating"
    assert told["state"] == "placed", told["why"]
    assert told["after"] == PLACED
    assert "renamed is called Kitchen.wav now." in told["why"]


def test_another_file_meanwhile_is_left_alone(play: Play, own: Desktop) -> None:
    other = own.folder / "other.blend"
    shutil.copy(own.folder / desk.PROJECT, other)
    told, _ = play("loaded_meanwhile", other=str(other))
    assert told["before"] == told["other"] == told["other_after"] == BEFORE
    assert told["state"] == "ready"
    assert told["placed"] == PLACED
    assert told["undone"] == BEFORE


def test_the_same_file_opened_again_gets_its_stems(play: Play) -> None:
    told, _ = play("reverted")
    assert told["still"] == "separating"
    assert told["before"] == BEFORE
    assert told["state"] == "placed", told["why"]
    assert told["after"] == PLACED
    assert told["undone"] == BEFORE


def test_closing_blender_ends_the_engine_and_loses_nothing(play: Play) -> None:
    told, _ = play("quits")
    assert told["stage"] == "separating"
    told, _ = play("comes_back")
    assert told["states"] == ["failed"]
    assert told["said"][0] == "Closed"
    assert told["after"] == "placed", told["why"]
    assert told["blend"]
    assert told["placed"] == PLACED


def test_an_engine_that_dies_is_started_again(play: Play) -> None:
    told, _ = play("killed")
    assert told["state"] == "failed"
    assert told["before"] == told["after"] == BEFORE
    assert "engine" in told["why"][1].lower()
    assert told["then"] == "placed", told["then_said"]
    assert told["placed"] == PLACED


def test_two_selected_clips_are_two_jobs_and_two_steps(play: Play) -> None:
    told, _ = play("several")
    assert told["states"] == ["placed", "placed"]
    before, after = told["before"], told["after"]
    assert len(before) == 5
    assert len(after) == 9
    new = [row for row in after if row[0] not in [old[0] for old in before]]
    assert sorted(row[2:4] for row in new) == [[1, 60], [1, 60], [60, END], [60, END]]
    assert len(told["once"]) == 7
    assert told["undone"] == before


def test_what_cannot_be_separated_is_a_sentence(play: Play, own: Desktop) -> None:
    told, _ = play("refused", clip=str(own.folder / desk.CLIP))
    for sentence in (
        "Nothing says which sound is wanted. Type it under Sound, or choose a mask.",
        "Blender is not allowed to go online. "
        "Allow it under Preferences > System > Network, or choose This Computer.",
        "No clip is selected. Select a movie or a sound strip on the timeline.",
        "The file was never saved, so there is no place beside it for the stems. "
        "Save it, or choose a folder in the extension's preferences.",
    ):
        assert sentence in told["reports"]
    assert told["service"].endswith("but Blender is not allowed to go online")
    assert told["nothing"].startswith("No clip is selected.")
    assert [row[:5] for row in told["after"]] == [row[:5] for row in told["before"]]
    assert told["tasks"] == 0
    assert len(told["unsaved"]) == 1


def test_without_an_engine_the_panel_offers_to_install_it(play: Play, own: Desktop) -> None:
    told, _ = play("missing", replace(own, environment={}))
    assert "soundmatte.install_engine" in told["buttons"]
    assert "soundmatte.prompt" not in told["buttons"]
    assert told["can"] is False
