"""`soundmatte separate`: what goes in as words, what comes out as words, and what never stays."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.shell import Said, Shell
from tests.jobs.bench import files, mark, steps
from tests.media.making import Studio, ffmpeg

STEP = 2.0**-23


@pytest.fixture
def clip(studio: Studio) -> Path:
    """A second of picture and sound."""
    return studio.clip("mp4", frames=25).path


def refused(said: Said, status: int, *parts: str) -> None:
    """The command ended with a sentence and a way out, and nothing else."""
    assert said.status == status, said
    assert said.out == ""
    lines = said.err.splitlines()
    # Who refused may be said first.
    sentence, hint = lines[1:] if lines[0].startswith("Engine: ") else lines
    assert sentence.startswith("soundmatte: ")
    assert sentence.endswith(".")
    assert hint.startswith("  ")
    assert hint.endswith((".", "?"))
    for part in parts:
        assert part in said.err


# --- what it says ---


def test_the_result_is_one_json_object(shell: Shell, clip: Path, tmp_path: Path) -> None:
    said = shell("separate", clip, "-o", tmp_path, "--json", "--engine", "offline")
    assert said.status == 0
    result = said.result
    assert {"target", "residual", "file", "engine", "null_db", "offset_samples"} <= set(result)
    assert (result["null_db"], result["offset_samples"], result["duration"]) == (-300, 0, 1)
    assert result["engine"] == "part"
    assert {Path(result[key]).name for key in ("target", "residual", "file")} == files(tmp_path)
    assert result["clip"] == str(clip)


def test_an_error_is_a_json_object_too(shell: Shell, tmp_path: Path) -> None:
    said = shell("separate", tmp_path / "no.mov", "--json", "--engine", "offline")
    assert said.status == 1
    assert said.result["error"]["kind"] == "UnreadableMedia"
    assert "no.mov is not there" in said.result["error"]["message"]
    assert said.result["error"]["hint"]


def test_progress_as_json_lines(shell: Shell, clip: Path, tmp_path: Path) -> None:
    said = shell("separate", clip, "-o", tmp_path, "--json", "--progress", "json")
    events = [json.loads(line) for line in said.err.splitlines()]
    assert {event["event"] for event in events} == {"progress", "note"}
    shares = [event for event in events if event["event"] == "progress"]
    stages = {"extract", "separate", "conform", "remux", "report", "stamp"}
    assert {event["stage"] for event in shares} == stages
    assert all(0 <= event["fraction"] <= 1 for event in shares)
    assert shares[-1]["fraction"] == 1
    assert said.result["frames"] == 48000


def test_progress_as_lines(shell: Shell, clip: Path, tmp_path: Path) -> None:
    said = shell("separate", clip, "-o", tmp_path)
    assert "separate: 100%\n" in said.err
    assert "\x1b" not in said.err
    assert f"target:   {tmp_path}" in said.out
    assert "target + residual = clip: exact" in said.out
    assert "1.000 s, stereo, 48000 Hz, 24-bit" in said.out
    assert "picture copied" in said.out


def test_progress_not_at_all(shell: Shell, clip: Path, tmp_path: Path) -> None:
    assert shell("separate", clip, "-o", tmp_path, "--progress", "none").err == ""


@pytest.mark.parametrize("as_json", [True, False])
def test_a_dry_run_says_all_and_writes_nothing(
    shell: Shell, clip: Path, tmp_path: Path, as_json: bool
) -> None:
    words = ("separate", clip, "-o", tmp_path / "out", "--dry-run", "--in", "0.2")
    said = shell(*words, *(["--json"] if as_json else []))
    assert said.status == 0
    assert files(tmp_path) == set()
    names = [f"{clip.stem}_{kind}" for kind in ("target.wav", "residual.wav", "stems.mov")]
    paths = [str(tmp_path / "out" / name) for name in names]
    if as_json:
        assert said.result["writes"] == paths
        assert (said.result["start"], said.result["duration"]) == (0.2, 0.8)
    else:
        assert "0.800 s from 0.200 s" in said.out
        assert all(f"would write: {path}\n" in said.out for path in paths)


# --- ranges and tracks ---


@pytest.mark.parametrize(
    ("first", "last"),
    [("1", "2"), ("25f", "50f"), ("10:00:01:00", "10:00:02:00"), ("0:01", "1.999s"), ("26 f", "")],
)
def test_a_range_in_any_words(
    shell: Shell, studio: Studio, tmp_path: Path, first: str, last: str
) -> None:
    source = studio.clip("mov", "25", options=("-timecode", "10:00:00:00"))
    said = shell("separate", source.path, "-o", tmp_path, "--json", "--in", first, "--out", last)
    start, end = (26, 75) if first == "26 f" else (25, 50)
    assert said.result["start"] == start / 25
    total = steps(Path(said.result["target"])) + steps(Path(said.result["residual"]))
    wanted = source.sounds[0][start * 1920 : end * 1920]
    assert np.array_equal(total, np.rint(wanted / STEP))


@pytest.mark.parametrize(
    "words",
    [
        *(("--in", "soon"), ("--in", "2"), ("--in", "0.5", "--out", "0.5"), ("--in", "9" * 400)),
        *(("--out", "00:00:00:99"), ("--out", "00:00:00;01"), ("--in", "0.9", "--out", "0.1")),
        ("--in", "00:60:00:00"),
    ],
)
def test_times_that_mean_nothing_here(
    shell: Shell, clip: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    refused(shell("separate", clip, "-o", tmp_path / "out", *words), 2)
    assert files(tmp_path) == set()


def test_the_audio_track_is_a_choice(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    source = studio.clip("mov", tracks=2, frames=25)
    said = shell("separate", source.path, "-o", tmp_path, "--json", "--track", "2")
    total = steps(Path(said.result["target"])) + steps(Path(said.result["residual"]))
    assert np.array_equal(total, np.rint(source.sounds[1] / STEP))
    said = shell("separate", source.path, "-o", tmp_path / "new", "--track", "3")
    refused(said, 1, "has no audio track 3", "tracks 1 to 2")
    assert not (tmp_path / "new").exists()


# --- what cannot be done ---


def test_media_that_will_not_do(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    text, empty = tmp_path / "notes.mov", tmp_path / "empty.mov"
    text.write_text("scene 4, take 2")
    empty.touch()
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\n{studio.clip('ts').path}\n")
    cases = {
        tmp_path / "no.mov": "is not there",
        tmp_path: "is a folder",
        text: "damaged, or is not a kind of media file",
        empty: "is empty",
        playlist: "Playlists are refused",
        studio.picture(): "has no sound",
    }
    for path, part in cases.items():
        refused(shell("separate", path, "-o", tmp_path / "out"), 1, path.name, part)
    assert not (tmp_path / "out").exists()


def test_a_matte_needs_a_picture_to_lie_on(shell: Shell, studio: Studio, tmp_path: Path) -> None:
    wave = studio.clip("wav", frames=25).path
    words = ("--matte", studio.picture(frames=25), "--prompt", "speech")
    said = shell("separate", wave, "-o", tmp_path / "out", *words)
    refused(said, 1, wave.name, "has no picture")
    assert files(tmp_path) == set()


def test_what_the_engine_refuses_ends_with_4(shell: Shell, clip: Path, tmp_path: Path) -> None:
    said = shell("separate", clip, "-o", tmp_path / "out", "--prompt", "silence")
    refused(said, 4, "Nobody can look for silence")
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    "words",
    [
        *([], ["--bogus"], ["--track", "0"], ["--container", "avi"], ["--progress", "loud"]),
        *(["--matte-from", "chroma"], ["second.mov"]),
    ],
)
def test_wrong_words_end_with_2(shell: Shell, clip: Path, tmp_path: Path, words: list[str]) -> None:
    said = shell("separate", *([clip, "-o", tmp_path / "out"] if words else []), *words)
    assert said.status == 2
    assert "Usage: soundmatte separate" in said.err
    assert files(tmp_path) == set()


# --- where it goes ---


def test_what_is_there_is_kept_unless_it_may_go(shell: Shell, clip: Path, tmp_path: Path) -> None:
    assert shell("separate", clip, "-o", tmp_path).status == 0
    before = {name: mark(tmp_path / name) for name in files(tmp_path)}
    refused(shell("separate", clip, "-o", tmp_path), 1, "is there already", "--overwrite")
    refused(shell("separate", clip, "-o", tmp_path, "--dry-run"), 1, "is there already")
    assert {name: mark(tmp_path / name) for name in files(tmp_path)} == before
    assert shell("separate", clip, "-o", tmp_path, "--overwrite").status == 0
    after = {name: mark(tmp_path / name)[1] for name in files(tmp_path)}
    assert after.keys() == before.keys()
    assert all(after[name] != before[name][1] for name in after)


def test_output_folders_that_will_not_do(shell: Shell, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        refused(shell("separate", clip, "-o", folder), 1, "is a file", "-o")
        refused(shell("separate", clip, "-o", folder, "--dry-run"), 1, "is a file")
    assert files(tmp_path) == {"file"}


def test_a_folder_that_may_not_be_written_to(
    shell: Shell, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    if os.access(locked, os.W_OK):  # nothing is locked for the superuser
        allowed = os.access

        def access(path: Path, mode: int) -> bool:
            return not (mode & os.W_OK and Path(path) == locked) and allowed(path, mode)

        monkeypatch.setattr(os, "access", access)
    for folder in (locked, locked / "below"):
        refused(shell("separate", clip, "-o", folder), 1, "may not be written to", "-o")
        refused(shell("separate", clip, "-o", folder, "--dry-run"), 1, "may not be written to")
    assert files(locked) == set()


NAMES = [
    "it's a \"take\" $(1); %d 'x'.mov",
    "two\nlines.mov",
    "-o.mov",
    "日本語 Ünïcode 🎬.mov",
    "n" * 236 + ".mov",
    "no ending",
    ".mov",
    "file:x?y#z.mov",
    "a,b;c:[d]\\e.mov",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_names(
    shell: Shell, clip: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    shutil.copy(clip, name)
    before = mark(Path(name))
    said = shell("separate", "-o", "../out", "--json", "--", name)
    assert said.status == 0, said.err
    assert mark(Path(name)) == before
    stem = Path(name).stem[:200]
    assert files(tmp_path / "out") == {
        f"{stem}_{kind}" for kind in ("target.wav", "residual.wav", "stems.mov")
    }
    assert files(tmp_path / "in") == {name}


def test_a_name_that_is_no_text_is_refused(shell: Shell, clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff.mov")
    shutil.copy(clip, odd)
    said = shell("separate", odd, "-o", tmp_path / "out")
    refused(said, 1, "is no readable text", "Rename")
    assert files(tmp_path) == {odd.name}


@pytest.mark.parametrize("container", ["mov", "mp4", "mkv"])
def test_the_container_is_a_choice(
    shell: Shell, clip: Path, tmp_path: Path, container: str
) -> None:
    said = shell("separate", clip, "-o", tmp_path, "--json", "--container", container)
    assert Path(said.result["file"]).suffix == f".{container}"
    assert said.result["picture"] in ("copied", "repackaged")


def test_a_container_that_cannot_carry_the_clip(
    shell: Shell, studio: Studio, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.mkv"
    wave = studio.clip("wav", frames=25).path
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
    ffmpeg("-i", studio.picture(frames=25), "-i", wave, *vp8, clip)
    said = shell("separate", clip, "-o", tmp_path / "out", "--container", "mov")
    assert said.status == 1
    assert "mkv" in said.err.splitlines()[-1]
    assert files(tmp_path) == {"clip.mkv"}
    said = shell("separate", clip, "-o", tmp_path / "out", "--json")
    assert Path(said.result["file"]).suffix == ".mkv"


# --- settings ---


def settings(text: str) -> Path:
    """Write the settings file."""
    file = Path(os.environ["SOUNDMATTE_CONFIG"])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_the_settings_choose_and_the_command_line_goes_first(
    shell: Shell, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings('[output]\ncontainer = "mkv"\n')
    words = ("separate", clip, "--json", "-o")
    assert shell(*words, tmp_path / "a").result["file"].endswith(".mkv")
    monkeypatch.setenv("SOUNDMATTE_OUTPUT_CONTAINER", "mp4")
    assert shell(*words, tmp_path / "b").result["file"].endswith(".mp4")
    said = shell(*words, tmp_path / "c", "--container", "mov")
    assert said.result["file"].endswith(".mov")


@pytest.mark.parametrize("as_json", [True, False])
def test_every_setting_and_where_it_came_from(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    file = settings('[output]\ncontainer = "mkv"\n')
    monkeypatch.setenv("SOUNDMATTE_OFFLINE_MODELS", "dfn3, dtln")
    if as_json:
        found: dict[str, Any] = shell("config", "show", "--origin", "--json").result
        assert found["output.container"] == {"value": "mkv", "origin": str(file)}
        assert found["offline.models"]["value"] == ["dfn3", "dtln"]
        assert "SOUNDMATTE_OFFLINE_MODELS" in found["offline.models"]["origin"]
        assert found["offline.dfn3"] == {"value": None, "origin": "default"}
        assert shell("config", "show", "--json").result["output.container"] == "mkv"
    else:
        lines = shell("config", "show", "--origin").out.splitlines()
        assert str(file) in lines[0]
        assert f"output.container = mkv    # {file}" in lines
        assert "output.container = mkv" in shell("config", "show").out.splitlines()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[output\n", "is no TOML"),
        ('container = "mkv"\n', "container"),
        ('[output]\ncontaner = "mkv"\n', "output.contaner"),
        ('[outputs]\ncontainer = "mkv"\n', "outputs"),
        ('[output]\ncontainer = "avi"\n', "output.container"),
        ("[offline]\nmodels = 3\n", "offline.models"),
    ],
)
def test_settings_that_cannot_be_used_end_with_2(
    shell: Shell, clip: Path, tmp_path: Path, text: str, part: str
) -> None:
    file = settings(text)
    for words in (("config", "show"), ("separate", clip, "-o", tmp_path / "out")):
        said = shell(*words)
        assert said.status == 2
        assert said.err.startswith("soundmatte: ")
        assert part in said.err
        assert str(file) in said.err
    assert not (tmp_path / "out").exists()
