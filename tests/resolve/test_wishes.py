"""The wishes, as a person writes them, and the folders of the scripts on three systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tests.resolve.library  # noqa: F401
from soundmatte_resolve import paths, wishes
from soundmatte_resolve.refusal import Refusal


def test_a_file_with_every_wish_is_made(tmp_path: Path) -> None:
    assert wishes.read(str(tmp_path))["mask"] == "auto"
    made = json.loads((tmp_path / wishes.FILE).read_text())
    assert made == wishes.DEFAULTS
    assert wishes.__doc__ is not None
    for name in made:
        assert name in wishes.__doc__, f"{name} is not explained"


def test_what_is_not_said_is_as_usual(tmp_path: Path) -> None:
    (tmp_path / wishes.FILE).write_text('{"prompt": "Möwe", "most_usd": 1}', encoding="utf-8")
    read = wishes.read(str(tmp_path))
    assert (read["prompt"], read["most_usd"], read["engine"]) == ("Möwe", 1, "")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "no JSON object"),
        ({"promt": "dog"}, '"promt" is no wish'),
        ({"prompt": 3}, "must be a text"),
        ({"mask_tracks": "Mask"}, "must be a list"),
        ({"mask_tracks": [3]}, "must be a list of texts"),
        ({"page": 1}, "must be true or false"),
        ({"most_usd": "1"}, "must be a number"),
        ({"most_usd": True}, "must be a number"),
        ({"most_usd": -1}, "must be a number"),
        ({"audio_track": 1.5}, "must be whole"),
        ({"engine": "clowd"}, "must be one of"),
        ({"terms": []}, "must be an object"),
        ({"mask": " "}, "must not be empty"),
        ({"output": "stems"}, "must be a whole path"),
        ({"render_folder": "./renders"}, "must be a whole path"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(said: Any, words: str) -> None:
    with pytest.raises(Refusal) as refused:
        wishes.understood(said)
    assert words in str(refused.value)
    assert refused.value.hint


def test_a_folder_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    said = wishes.understood({"output": "~/Stems", "render_folder": ""})
    assert (said["output"], said["render_folder"]) == ("/home/ann/Stems", "")


def test_an_editor_may_say_that_it_writes_utf_8(tmp_path: Path) -> None:
    (tmp_path / wishes.FILE).write_text('{"prompt": "Möwe"}', encoding="utf-8-sig")
    assert wishes.read(str(tmp_path))["prompt"] == "Möwe"


def test_a_file_that_is_no_json_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / wishes.FILE
    path.write_text('{"prompt": "dog",}')
    with pytest.raises(Refusal, match="cannot be read"):
        wishes.read(str(tmp_path))
    assert path.read_text() == '{"prompt": "dog",}'


@pytest.mark.parametrize(
    ("platform", "environment", "state", "stems"),
    [
        ("linux", {"HOME": "/h"}, "/h/.local/share/soundmatte/resolve", "/h/Videos/Soundmatte/F"),
        ("linux", {"HOME": "/h", "XDG_DATA_HOME": "/x"}, "/x/soundmatte/resolve", None),
        (
            "darwin",
            {"HOME": "/h"},
            "/h/Library/Application Support/Soundmatte/Resolve",
            "/h/Movies/Soundmatte/F",
        ),
        ("win32", {"APPDATA": "/a", "HOME": "/h"}, "/a/Soundmatte/Resolve", None),
        ("linux", {"SOUNDMATTE_RESOLVE": "/s", "HOME": "/h"}, "/s", None),
    ],
)
def test_the_folders_of_three_systems(
    platform: str, environment: dict[str, str], state: str, stems: str | None
) -> None:
    assert paths.state(environment, platform) == state
    if stems is not None:
        assert paths.stems(environment, "F", platform) == stems


def test_a_file_is_the_same_however_its_path_is_written(tmp_path: Path) -> None:
    (tmp_path / "há.wav").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    one = str(tmp_path / "h\u00e1.wav")
    assert paths.same(one, str(tmp_path / "ha\u0301.wav"))
    assert paths.same(one, f"{tmp_path}/x/../há.wav")
    assert paths.same(one, f"{tmp_path}/link/há.wav")
    assert not paths.same(one, str(tmp_path / "other.wav"))
    assert not paths.same("", "")


def test_any_name_makes_a_file_name() -> None:
    assert paths.file_name("A: clip/of <mine>") == "A_clip_of_mine"
    assert paths.file_name("…") == "untitled"
    assert len(paths.file_name("ü" * 200).encode()) <= 60
