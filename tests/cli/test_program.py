"""The program as people start it: the true engine, a terminal, signals, and how soon it answers."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from tests.cli.shell import PROGRAM, Shell, environment, program
from tests.jobs.bench import files, mark, steps
from tests.media.making import Sound, Studio, ffmpeg
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import soundmatte.demo
from soundmatte import __version__
from soundmatte.cli import app

STEP = 2.0**-23
HEAVY = ("numpy", "av", "onnxruntime", "pydantic", "moviepy", "pydub", "rich", "soundfile", "soxr")


def speech() -> Sound:
    """The demo's sentence, 48 kHz."""
    path = Path(soundmatte.demo.__file__).with_name("speech.flac")
    samples, rate = soundfile.read(path, dtype="float64")
    assert rate == 48000
    return np.asarray(samples[: 3 * rate])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sound]:
    """A clip in which somebody speaks over noise, and the voice alone."""
    voice = 0.5 * speech()
    noise = 0.03 * np.random.default_rng(1).standard_normal((len(voice), 2))
    folder = tmp_path_factory.mktemp("scene")
    wave, clip = folder / "mix.wav", folder / "scene.mov"
    soundfile.write(wave, noise + voice[:, np.newaxis], 48000, subtype="PCM_24")
    still = ("-f", "lavfi", "-i", "color=gray:s=160x90:r=24000/1001:d=3")
    ffmpeg(*still, "-i", wave, "-c:v", "libx264", "-c:a", "copy", "-shortest", clip)
    return clip, voice


def si_sdr_db(truth: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """How much louder the truth is in what was found than everything else there."""
    part = truth * (truth @ found) / (truth @ truth)
    return float(10 * np.log10((part @ part) / ((found - part) @ (found - part))))


@pytest.mark.parametrize("route", ["background", "matte"])
def test_the_true_engine_finds_the_voice(
    scene: tuple[Path, Sound], studio: Studio, tmp_path: Path, route: str
) -> None:
    clip, voice = scene
    before = mark(clip)
    words: list[object] = ["--prompt", "background" if route == "background" else "speech"]
    if route == "matte":
        still = studio.new(".png")
        ffmpeg("-f", "lavfi", "-i", "color=white:s=160x90", "-frames:v", "1", still)
        words += ["--matte", still]
    said = program(tmp_path, "separate", clip, "-o", tmp_path / "out", "--json", *words)
    assert said.status == 0, said.err
    result = said.result
    assert (result["engine"], result["null_db"]) == ("offline", -300)
    stems = {role: steps(Path(result[role])) for role in ("target", "residual")}
    own, _ = soundfile.read(clip.with_name("mix.wav"), dtype="float64", always_2d=True)
    total = stems["target"] + stems["residual"]
    assert np.array_equal(total, np.rint(own[: len(total)] / STEP))
    heard = stems["residual" if route == "background" else "target"][:, 0] * STEP
    whole = own[: len(heard), 0]
    assert si_sdr_db(voice[: len(heard)], heard) > si_sdr_db(voice[: len(heard)], whole) + 3
    assert mark(clip) == before
    assert any("still picture" in note for note in result["notes"]) == (route == "matte")


def test_a_matte_alone_is_refused_offline(
    scene: tuple[Path, Sound], studio: Studio, tmp_path: Path
) -> None:
    words = ("--matte", studio.picture(frames=72), "-o", tmp_path / "out")
    said = program(tmp_path, "separate", scene[0], "--engine", "offline", *words)
    assert said.status == 4
    assert "--prompt speech" in said.err
    assert not (tmp_path / "out").exists()


# --- being stopped ---


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody speaks for four minutes, which is far more than is waited for."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    soundfile.write(path, np.tile(speech(), 80), 48000, subtype="PCM_16")
    return path


def started(clip: Path, folder: Path, temporary: Path) -> subprocess.Popen[str]:
    """The program, once its engine is at work."""
    words = ["separate", str(clip), "-o", str(folder), "--progress", "json"]
    process = subprocess.Popen(
        [*PROGRAM, *words],
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event.get("stage") == "separate" and event["fraction"] > 0:
            break
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_program_that_is_asked_to_end_clears_up(
    long: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = mark(long)
    with started(long, tmp_path / "new" / "out", tmp_path / "temporary") as process:
        assert list((tmp_path / "new" / "out").glob(".soundmatte-*"))
        process.send_signal(number)
        asked = time.monotonic()
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - asked < 10
    assert process.returncode == 130
    assert out == ""
    assert err.splitlines()[-1] == "soundmatte: cancelled; nothing half-made was left."
    assert files(tmp_path) == {"temporary"}
    assert mark(long) == before


def test_a_program_that_is_killed_leaves_the_clip_and_no_stems(long: Path, tmp_path: Path) -> None:
    before = mark(long)
    with started(long, tmp_path / "out", tmp_path / "temporary") as process:
        process.kill()
        process.communicate(timeout=20)
    assert mark(long) == before
    visible = [p for p in (tmp_path / "out").iterdir() if not p.name.startswith(".")]
    assert visible == []


# --- a terminal ---


def from_terminal(end: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(end, 65536)
        except OSError:  # Linux says so when the other side has closed
            return
        if not block:
            return
        yield block


def test_a_terminal_gets_bars(studio: Studio, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    clip = studio.clip("wav", frames=25).path
    process = subprocess.Popen(
        [*PROGRAM, "separate", str(clip), "-o", str(tmp_path / "out")],
        env={**environment(tmp_path / "temporary"), "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b"".join(from_terminal(ours)).decode()
    os.close(ours)
    with process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "━" in shown
    assert "100%" in shown
    assert "\x1b[" in shown
    assert b"\x1b" not in out
    assert b"target:" in out


# --- help ---


def commands(group: TyperGroup, *names: str) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Every command, with the words that lead to it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *names, name)
        else:
            assert isinstance(command, TyperCommand)
            yield (*names, name), command


ROOT = get_command(app)
assert isinstance(ROOT, TyperGroup)
COMMANDS = dict(commands(ROOT))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_every_option_does(shell: Shell, words: tuple[str, ...]) -> None:
    said = shell(*words, "--help")
    assert said.status == 0
    assert said.out.startswith(f"Usage: soundmatte {' '.join(words)}")
    assert all(len(line) <= 90 for line in said.out.splitlines())
    for option in COMMANDS[words].params:
        help_text = getattr(option, "help", "")
        assert help_text, f"{option.name} is not explained"
        assert help_text.endswith("."), f"{option.name}: {help_text}"
        assert all(name in said.out for name in (*option.opts, *option.secondary_opts))


def test_the_first_help_lists_every_command_and_exit_status(shell: Shell) -> None:
    said = shell("--help")
    assert all(f"\n  {name} " in said.out for name in {words[0] for words in COMMANDS})
    for status in ("0 done", "1 failed", "2 wrong usage", "4 refused", "130 cancelled"):
        assert status in " ".join(said.out.split())
    assert shell().status == 2


def test_the_version(shell: Shell) -> None:
    assert shell("--version").out == f"soundmatte {__version__}\n"


def test_nothing_heavy_is_loaded_before_a_command_runs(tmp_path: Path) -> None:
    code = f"import sys, soundmatte.cli; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path / "temporary"),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_completion_for_a_shell(tmp_path: Path, kind: str) -> None:
    """The script that a shell loads, and what the program answers it."""
    there = {
        **environment(tmp_path / "temporary"),
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    words = [*PROGRAM, "--show-completion", kind]
    run = {"capture_output": True, "text": True, "timeout": 30, "check": True}
    script = subprocess.run(words, env=there, **run).stdout
    assert "soundmatte" in script
    assert f"complete_{kind}" in script
    asked = {**there, "_SOUNDMATTE_COMPLETE": f"complete_{kind}"}
    asked |= {"COMP_WORDS": "soundmatte se", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "soundmatte se", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert "separate" in subprocess.run(PROGRAM, env=asked, **run).stdout
