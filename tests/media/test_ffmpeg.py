"""The runner: progress, limits, whole process trees, endless output, and what failures mean."""

from __future__ import annotations

import os
import resource
import stat
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from stemmux import ffmpeg
from stemmux.errors import (
    ContainerRefused,
    FfmpegFailed,
    FfmpegMissing,
    OutputRefused,
    StemmuxError,
    TimeLimitReached,
    UnreadableMedia,
)

HANG = "import time; time.sleep(60)"


def child(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int, within: float = 5.0) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_progress_is_the_share_of_what_will_be_written() -> None:
    program = """
import time
for second in (0, 1, 2, 3, 9):
    print(f"frame=1\\nout_time_us=N/A\\nout_time_us={second}000000\\nprogress=continue", flush=True)
    time.sleep(0.25)
"""
    shares: list[float] = []
    ffmpeg.run_program(child(program), limit=30, duration=Fraction(4), progress=shares.append)
    assert shares == sorted(shares)
    assert {0.25, 0.5, 0.75} <= set(shares)
    assert shares[-1] == 1.0
    assert max(shares) == 1.0


def test_what_it_says_is_returned() -> None:
    program = "import sys; sys.stderr.write('one\\n\\ntwo without an end')"
    assert ffmpeg.run_program(child(program), limit=30) == "one\ntwo without an end"


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
def test_it_stays_in_the_session_and_out_of_the_group() -> None:
    """Whoever stepped back for an editor did so with all its programs; Ctrl+C is not theirs."""
    program = "import os, sys; sys.stderr.write(f'{os.getsid(0)} {os.getpgid(0)} {os.getpid()}')"
    session, group, own = map(int, ffmpeg.run_program(child(program), limit=30).split())
    assert session == os.getsid(0)
    assert group == own


def test_an_exit_status_becomes_an_error_with_its_last_words() -> None:
    program = "import sys; sys.stderr.write('first\\nit went wrong'); sys.exit(3)"
    with pytest.raises(FfmpegFailed, match=r"\(3\).*it went wrong") as caught:
        ffmpeg.run_program(child(program), limit=30)
    assert caught.value.hint


def test_a_failed_program_never_reports_that_it_is_done() -> None:
    shares: list[float] = []
    with pytest.raises(FfmpegFailed):
        ffmpeg.run_program(child("raise SystemExit(1)"), limit=30, progress=shares.append)
    assert 1.0 not in shares


def test_a_hang_is_ended_by_the_limit() -> None:
    begin = time.monotonic()
    with pytest.raises(TimeLimitReached):
        ffmpeg.run_program(child(HANG), limit=0.3)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("polite", [True, False], ids=["listens", "ignores signals"])
def test_cancelling_ends_the_grandchildren_too(tmp_path: Path, polite: bool) -> None:
    """The progress callback raises; then neither the child nor what it started is left."""
    note = tmp_path / "pids"
    deaf = "" if polite else "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    program = f"""
import os, subprocess, sys, time
{deaf}
grandchild = subprocess.Popen([sys.executable, "-c", {deaf + HANG!r}])
with open({str(note)!r} + ".part", "w") as file:
    file.write(f"{{os.getpid()}} {{grandchild.pid}}")
os.rename({str(note)!r} + ".part", {str(note)!r})
time.sleep(60)
"""

    class Stop(Exception):
        pass

    def stop(share: float) -> None:
        if note.exists():
            raise Stop

    begin = time.monotonic()
    with pytest.raises(Stop):
        ffmpeg.run_program(child(program), limit=30, progress=stop)
    assert time.monotonic() - begin < 10
    pids = [int(pid) for pid in note.read_text(encoding="ascii").split()]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)


def test_a_grandchild_that_outlives_the_child_does_not_hold_it_up(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = f"""
import subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", {HANG!r}])
open({str(note)!r}, "w").write(str(grandchild.pid))
"""
    begin = time.monotonic()
    ffmpeg.run_program(child(program), limit=30)
    assert time.monotonic() - begin < 15
    assert gone(int(note.read_text(encoding="ascii")))


@pytest.mark.parametrize("line_end", ["\\n", ""], ids=["lines", "one endless line"])
def test_fifty_megabytes_of_complaints_neither_hang_nor_fill_the_memory(line_end: str) -> None:
    program = f"""
import sys
for number in range(50):
    sys.stderr.write(("x" * 1023 + "{line_end}") * 1024)
sys.stderr.write("\\nthe end")
"""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = ffmpeg.run_program(child(program), limit=60)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert said.endswith("the end")
    assert len(said) < 200_000
    assert grown < 10_000, "kilobytes"


def test_standard_input_is_closed() -> None:
    program = "import sys; sys.exit(0 if sys.stdin.read() == '' else 9)"
    assert ffmpeg.run_program(child(program), limit=30) == ""


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("av_interleaved_write_frame(): No space left on device", OutputRefused),
        ("Error writing trailer: Disk quota exceeded", OutputRefused),
        ("[hls] Protocol 'http' not on whitelist 'file'!", UnreadableMedia),
        ("[concat] Format not on whitelist 'mov,mp4'", UnreadableMedia),
        ("[mov,mp4] moov atom not found", UnreadableMedia),
        ("x.mp4: Invalid data found when processing input", UnreadableMedia),
        ("[mov] Could not find tag for codec opus in stream #1", ContainerRefused),
        ("vp9 only supported in MP4.", ContainerRefused),
        ("codec not currently supported in container", ContainerRefused),
        ("Could not write header (incorrect codec parameters ?)", ContainerRefused),
        ("something else", FfmpegFailed),
        ("", FfmpegFailed),
    ],
)
def test_what_the_last_words_mean(said: str, meaning: type[StemmuxError]) -> None:
    error = ffmpeg.failure(["a line before", said], 1)
    assert type(error) is meaning
    assert str(error)
    assert error.hint


def test_the_last_words_are_cut_short() -> None:
    assert len(str(ffmpeg.failure(["y" * 100_000], 1))) < 1000


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("echo 'ffmpeg version 4.2.2 Copyright'", "too old"),
        ("echo 'ffmpeg version n4.4'", "too old"),
        ("echo 'GNU bash, version 5'", "not ffmpeg"),
        ("exit 1", "cannot be run"),
    ],
)
def test_another_ffmpeg_is_asked_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    monkeypatch.setenv(ffmpeg.OVERRIDE, str(script(tmp_path / "ffmpeg", text)))
    with pytest.raises(FfmpegMissing, match=sentence) as caught:
        ffmpeg.find()
    assert ffmpeg.OVERRIDE in caught.value.hint


@pytest.mark.parametrize("name", ["missing", "folder", "plain file"])
def test_an_ffmpeg_that_cannot_be_started_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "plain file").write_text("not a program", encoding="ascii")
    monkeypatch.setenv(ffmpeg.OVERRIDE, str(tmp_path / name))
    with pytest.raises(FfmpegMissing, match="cannot be run"):
        ffmpeg.find()


@pytest.mark.parametrize("version", ["7.1-static", "n8.0", "N-12345-gabc", "5.1.9-0+deb12u1"])
def test_another_ffmpeg_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    path = script(tmp_path / "ffmpeg", f"echo 'ffmpeg version {version} Copyright'")
    monkeypatch.setenv(ffmpeg.OVERRIDE, str(path))
    assert ffmpeg.find().path == str(path)


def test_the_shipped_ffmpeg_is_found() -> None:
    assert int(ffmpeg.find().version.split(".")[0]) >= ffmpeg.OLDEST
    assert os.access(ffmpeg.find().path, os.X_OK)


def test_the_arguments_cannot_reach_a_shell(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    with pytest.raises(StemmuxError):
        ffmpeg.run(["-i", f"$(touch {marker}); touch {marker}"], limit=30)
    assert not marker.exists()
