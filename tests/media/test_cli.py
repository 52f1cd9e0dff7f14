"""The `stemmux` command as others call it: words in, JSON on standard output, exit status.

Most run in this process, through the console script's own entry point; what depends on a process
has one of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from tests.media.making import FRAMES, Studio, ffmpeg, noise

from stemmux import __version__
from stemmux.cli import main

#: With Ctrl+C as a terminal gives it: whatever runs in the background ignores it.
SCRIPT = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from stemmux.cli import main
main()
"""
COMMAND = [sys.executable, "-W", "error", "-c", SCRIPT]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def child(*words: object) -> Done:
    """Run the command in a process of its own, in which every warning is an error."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run(*words: object) -> Done:
    """Run the command in this process."""
    handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    stdout, stderr = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stemmux", *map(str, words)])
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            try:
                main()
            except SystemExit as end:
                status = end.code
            finally:
                for sign, handler in handlers.items():
                    signal.signal(sign, handler)
    assert isinstance(status, int)
    return Done(status, stdout.getvalue(), stderr.getvalue())


def answer(*words: object, status: int = 0) -> Any:
    """What a command prints with --json: exactly one object, and nothing else."""
    return answered(run(*words, "--json"), status)


def answered(done: Done, status: int = 0) -> Any:
    assert done.returncode == status, done.stderr
    assert len(done.stdout.splitlines()) == 1
    return json.loads(done.stdout)


def test_probe(studio: Studio) -> None:
    path = studio.clip("ts", "29.97").path
    values = answered(child("probe", path, "--json"))
    assert values == answer("probe", path)
    assert values["video"]["rate_exact"] == "30000/1001"
    assert values["video"]["frames"] == FRAMES
    assert values["path"] == str(path)
    assert values["warnings"] == []
    for words in (run("probe", path), child("probe", path)):
        assert words.returncode == 0
        assert "29.97 fps" in words.stdout
        assert words.stderr == ""


def test_extract(studio: Studio, tmp_path: Path) -> None:
    path = studio.clip("mov").path
    values = answer("extract", path, "-o", tmp_path, "--in", "1", "--out", "50f")
    assert {key: values[key] for key in ("start", "duration", "samples", "rate")} == {
        "start": 1.0,
        "duration": 1.0,
        "samples": 48000,
        "rate": 48000,
    }
    for kind, suffix in (("mix", "wav"), ("mono", "wav"), ("proxy", "mov")):
        assert values[kind] == str(tmp_path / f"{path.stem}_{kind}.{suffix}")
        assert Path(values[kind]).is_file()
    assert soundfile.info(values["mix"]).frames == 48000
    before = Path(values["mix"]).read_bytes()
    error = answer("extract", path, "-o", tmp_path, status=1)["error"]
    assert error["kind"] == "OutputExists"
    assert "--overwrite" in error["hint"]
    assert Path(values["mix"]).read_bytes() == before
    again = answer("extract", path, "-o", tmp_path, "--overwrite")
    assert again["samples"] == 3 * 48000


def test_matte(studio: Studio, tmp_path: Path) -> None:
    matte = studio.new(".png")
    ffmpeg("-f", "lavfi", "-i", "color=white:s=160x90", "-frames:v", 1, matte)
    clip, out = studio.clip("mov").path, tmp_path / "mask.mp4"
    values = answer("matte", clip, matte, "-o", out, "--in", "0", "--out", "1")
    assert values == {
        "mask": str(out),
        "frames": 25,
        "width": 160,
        "height": 90,
        "coverage": 1.0,
    }
    words = run("matte", clip, matte, "-o", out, "--overwrite", "--invert")
    assert "coverage: 0" in words.stdout
    assert "still picture" in words.stderr
    assert run("matte", clip, matte, "-o", out, "--from", "hue").returncode == 2
    assert answer("matte", clip, matte, "-o", tmp_path / "b.mp4", "--from", "alpha", status=1)


def test_add(studio: Studio, tmp_path: Path) -> None:
    stem, out = studio.wave(noise(1, 48000)), tmp_path / "out.mov"
    values = answer("add", studio.clip("mov").path, stem, stem, "-o", out)
    assert values == {
        "file": str(out),
        "way": "appended",
        "picture": "copied",
        "tracks": [2, 3],
        "offset_samples": [0.0, 0.0],
        "null_db": None,
        "exact": True,
        "parts": False,
        "parts_null_db": None,
        "lost": [],
    }
    error = answer("add", studio.clip("mov").path, stem, "-o", tmp_path / "x.avi", status=1)
    assert error["error"]["kind"] == "ContainerRefused"


def test_add_says_what_is_lost_and_takes_its_options(studio: Studio, tmp_path: Path) -> None:
    clip = studio.clip("prores")
    mix, half = clip.sounds[0], np.rint(clip.sounds[0] / 2 * 2**23) / 2**23
    stems = []
    for title, sound in (("target", half), ("residual", mix - half)):
        stems.append(tmp_path / f"dog_{title}.wav")
        soundfile.write(stems[-1], sound, 48000, subtype="PCM_24")
    out = tmp_path / "out.mxf"
    values = answer("add", clip.path, *stems, "-o", out, "--replace-audio")
    assert values["way"] == "remuxed"
    assert values["tracks"] == [1, 2]
    assert (values["parts"], values["parts_null_db"]) == (True, None)
    said = "Track titles not in the new file: 'dog_target', 'dog_residual'."
    assert values["lost"] == [said]
    values = answer("add", clip.path, *stems, "-o", tmp_path / "out.mkv", "--default", "target")
    assert values["tracks"] == [2, 3]
    with av.open(str(tmp_path / "out.mkv")) as file:
        flags = [bool(track.disposition & 1) for track in file.streams.audio]
    assert flags == [False, True, False]
    wrong = ("add", clip.path, *stems, "-o", tmp_path / "x.mkv", "--default", "cat")
    assert answer(*wrong, status=1)["error"]["message"] == "No stem is called 'cat'."


def test_nothing_that_is_read_is_written_over(studio: Studio, tmp_path: Path) -> None:
    """Whatever it is called there; asked to overwrite or not."""
    clip, stem = tmp_path / "a.mov", tmp_path / "a_target.wav"
    shutil.copy(studio.clip("mov").path, clip)
    shutil.copy(studio.wave(noise(1, 48000)), stem)
    other, wave = tmp_path / "linked.mov", tmp_path / "a_mix.wav"
    os.link(clip, other)
    shutil.copy(stem, wave)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for words in (
        ("add", clip, stem, "-o", clip),
        ("add", clip, stem, "-o", other),
        ("add", clip, stem, "-o", stem),
        ("conform", clip, stem, "-o", tmp_path),
        ("conform", clip, wave, stem, "-o", tmp_path),
        ("matte", clip, clip, "-o", clip),
        ("matte", other, clip, "-o", other),
    ):
        error = answer(*words, "--overwrite", status=1)["error"]
        assert error["kind"] == "OutputRefused"
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    # What only lies there may be replaced; a clip of that name may not.
    answer("extract", clip, "-o", tmp_path, "--overwrite")
    assert wave.read_bytes() != before[wave]
    mix = tmp_path / "b_mix.wav"
    os.link(wave, tmp_path / "b.wav")
    os.link(wave, mix)
    assert answer("extract", tmp_path / "b.wav", "-o", tmp_path, "--overwrite", status=1)
    assert mix.samefile(wave)


def test_null(studio: Studio) -> None:
    mix = studio.wave(noise(1, 48000))
    assert answer("null", mix, mix) == {"null_db": None, "exact": True}
    half = studio.wave(np.full((48000, 1), 0.5), subtype="FLOAT")
    silence = studio.wave(np.zeros((48000, 1)), subtype="FLOAT")
    assert answer("null", half, silence) == {"null_db": pytest.approx(-6.0206), "exact": False}
    assert answer("null", mix, mix.with_name("gone.wav"), status=1)["error"]["hint"]


def test_offset(studio: Studio) -> None:
    sound = noise(1, 96000)
    late = studio.wave(np.pad(sound, ((123, 0), (0, 0))))
    values = answer("offset", studio.wave(sound), late)
    assert (values["offset_samples"], values["rate"]) == (123, 48000)
    assert values["trusted"]
    assert not values["inverted"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("probe", "gone.mp4"), "UnreadableMedia"),
        (("extract", "gone.mp4"), "UnreadableMedia"),
        (("add", "gone.mp4", "gone.wav", "-o", "out.mov"), "UnreadableMedia"),
        (("matte", "gone.mp4", "gone.png", "-o", "out.mp4"), "UnreadableMedia"),
        (("offset", "gone.mp4", "gone.wav"), "UnreadableMedia"),
        (("null", "gone.wav", "gone.wav"), "UnreadableMedia"),
    ],
)
def test_errors_are_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    # One of them alone, where nothing else can catch what it raises.
    done = (child if words[0] == "probe" else run)(*words, "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == kind
    assert error["hint"]
    assert error["message"] in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize("end", ["soon", "99"])
def test_times_outside_the_clip_are_errors(studio: Studio, tmp_path: Path, end: str) -> None:
    done = run("extract", studio.clip("mov").path, "-o", tmp_path, "--out", end, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["kind"] == "TimeError"


@pytest.mark.parametrize(
    "words",
    [("probe",), ("nothing",), ("probe", "x", "--unknown"), ("extract", "x", "--track", "0")],
)
def test_wrong_usage_is_status_2(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr


def test_version_and_help() -> None:
    assert child("--version").stdout == f"stemmux {__version__}\n"
    helped = run("--help")
    assert helped.returncode == 0
    for command in ("probe", "extract", "matte", "add", "null", "offset"):
        assert command in helped.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_cancelling_is_status_130_and_leaves_nothing(
    tmp_path: Path, studio: Studio, sign: signal.Signals
) -> None:
    """The ffmpeg it runs is one that never ends."""
    slow = tmp_path / "ffmpeg"
    note = tmp_path / "pid"
    slow.write_text(
        "#!/bin/sh\n"
        'case "$1" in -version) echo "ffmpeg version 9.0";;\n'
        f'*) echo $$ > "{note}.part"; mv "{note}.part" "{note}"; sleep 60;; esac\n',
        encoding="utf-8",
    )
    slow.chmod(0o755)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*COMMAND, "extract", str(studio.clip("mov").path), "-o", str(out)],
        env={**os.environ, "STEMMUX_FFMPEG": str(slow)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 20
    while not note.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(sign)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "cancelled" in stderr
    assert "Traceback" not in stderr
    assert stdout == ""
    assert list(out.iterdir()) == []
    child = Path("/proc") / note.read_text(encoding="ascii").strip()
    assert not child.exists()


def test_a_reader_that_goes_away_is_no_traceback(studio: Studio) -> None:
    process = subprocess.Popen(
        [*COMMAND, "probe", str(studio.clip("mov").path), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) in (0, 1)
