"""ffmpeg: find it, check it, and run it; the one place that starts a program.

Every run is a list of arguments without a shell, with standard input closed, a time limit,
progress, and the whole process tree ended on cancel. Every file that is read is given by an
absolute `file:` address with whitelists of protocols and formats, so that a playlist dressed as a
movie opens nothing. This module must not know what is being made.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import ffmpeg as graph

from stemmux.errors import (
    ContainerRefused,
    FfmpegFailed,
    FfmpegMissing,
    OutputRefused,
    StemmuxError,
    TimeLimitReached,
    UnreadableMedia,
)

#: Names the ffmpeg to use instead of the one that comes with the product.
OVERRIDE = "STEMMUX_FFMPEG"
#: Containers that are opened. Playlists and anything that names other files are left out.
MEDIA_FORMATS = (
    "mov,mp4,matroska,webm,mxf,wav,w64,mp3,flac,ogg,aac,ac3,eac3,avi,mpegts,mpeg,aiff,"
    "asf,flv,caf,au,wv,dv"
)
#: Still pictures, which serve as mattes.
PICTURE_FORMATS = "png_pipe,jpeg_pipe,tiff_pipe,bmp_pipe,webp_pipe,exr_pipe,dpx_pipe"
#: The oldest release whose numbers were ever measured to agree.
OLDEST = 5

#: Told the share of the work done, 0 to 1, several times a second. May raise to end the work.
Progress = Callable[[float], None]

_log = logging.getLogger(__name__)
_TICK = 0.1
_TAIL = 48


@dataclass(frozen=True)
class Tool:
    """An ffmpeg that answered."""

    path: str
    version: str


def find() -> Tool:
    """The ffmpeg to run: the one named by `STEMMUX_FFMPEG`, else the one that is shipped.

    Raises:
        FfmpegMissing: none, or one that does not answer or is too old.
    """
    return _checked(os.environ.get(OVERRIDE, ""))


@functools.lru_cache(maxsize=4)
def _checked(override: str) -> Tool:
    path = override or _shipped()
    hint = f"Unset {OVERRIDE}." if override else "Install imageio-ffmpeg again."
    try:
        answer = subprocess.run(
            [path, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise FfmpegMissing(f"ffmpeg at {path} cannot be run.", hint=hint) from error
    match = re.match(rb"ffmpeg version n?((\d+)[^\s]*)", answer.stdout)
    if match is None and b"ffmpeg version" not in answer.stdout:
        raise FfmpegMissing(f"{path} is not ffmpeg.", hint=hint)
    if match is not None and int(match[2]) < OLDEST:
        raise FfmpegMissing(f"ffmpeg {match[1].decode()} is too old.", hint=hint)
    return Tool(path, match[1].decode() if match else "unknown")


def _shipped() -> str:
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegMissing(
            "There is no ffmpeg for this machine in imageio-ffmpeg.",
            hint=f"Install ffmpeg and name it in {OVERRIDE}.",
        ) from error


def address(path: Path) -> str:
    """The path as ffmpeg must be given it: nothing in a name can then be an option or a URL.

    Raises:
        UnreadableMedia: the name is no text.
    """
    whole = str(path.absolute())
    if any("\ud800" <= sign <= "\udfff" for sign in whole):
        raise UnreadableMedia(f"The name {whole!r} is no readable text.", hint="Rename the file.")
    return f"file:{whole}"


def guarded(
    path: Path, formats: str = MEDIA_FORMATS, **options: object
) -> graph.nodes.FilterableStream:
    """An input node for ffmpeg-python, with the whitelists that every input carries."""
    return graph.input(
        address(path), protocol_whitelist="file", format_whitelist=formats, **options
    )


def guards(formats: str = MEDIA_FORMATS) -> Mapping[str, str]:
    """The same whitelists as options for PyAV."""
    return {"protocol_whitelist": "file", "format_whitelist": formats}


def guard_words(formats: str = MEDIA_FORMATS) -> list[str]:
    """The same whitelists as arguments, to stand before an `-i`."""
    return [word for name, value in guards(formats).items() for word in (f"-{name}", value)]


def run_graph(
    *outputs: graph.nodes.OutputStream,
    limit: float,
    duration: Fraction | None = None,
    progress: Progress | None = None,
) -> str:
    """Run the graphs that end in `outputs` as one ffmpeg process; see `run`."""
    merged = graph.merge_outputs(*outputs) if len(outputs) > 1 else outputs[0]
    arguments = graph.compile(merged, cmd=["ffmpeg"])[1:]
    return run(arguments, limit=limit, duration=duration, progress=progress)


def run(
    arguments: Sequence[str],
    *,
    limit: float,
    duration: Fraction | None = None,
    progress: Progress | None = None,
) -> str:
    """Run ffmpeg and wait for it.

    Args:
        arguments: everything after the program's name.
        limit: seconds after which it is ended.
        duration: seconds of media it will write, to turn its position into a share.
        progress: see `Progress`.

    Returns:
        The last lines of what it said.

    Raises:
        UnreadableMedia, OutputRefused, FfmpegFailed: by what it said.
        TimeLimitReached: it took longer than `limit`.
    """
    head = [find().path, "-nostdin", "-hide_banner", "-y", "-v", "warning", "-progress", "pipe:1"]
    return run_program(
        [*head, "-nostats", *arguments], limit=limit, duration=duration, progress=progress
    )


def run_program(
    argv: Sequence[str],
    *,
    limit: float,
    duration: Fraction | None = None,
    progress: Progress | None = None,
) -> str:
    """Run any program that reports like `ffmpeg -progress pipe:1`; see `run`."""
    _log.debug("running %s", shlex.join(argv))
    process = subprocess.Popen(
        [*_mortal(), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A group, not a session: Linux gives each session the same share, however nice it is, and
        # an editor would have several against it.
        process_group=None if os.name == "nt" else 0,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    said: deque[str] = deque(maxlen=_TAIL)
    position = _Position()
    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=position.read, args=(process.stdout,), daemon=True),
        threading.Thread(target=_keep, args=(process.stderr, said), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        _wait(process, limit, duration, position, progress)
    except BaseException:
        end_tree(process)
        raise
    finally:
        # What it may have left running would hold the pipes open.
        _end_group(process.pid)
        for reader in readers:
            reader.join(timeout=5)
        process.stdout.close()
        process.stderr.close()
    if process.returncode != 0:
        raise failure(list(said), process.returncode)
    return "\n".join(said)


@functools.cache
def _mortal() -> tuple[str, ...]:
    """Words before a command line that let the program end when this process is killed.

    Linux has a way for that, and util-linux a program for it. Elsewhere a program that is left
    behind by a kill ends with its own work.
    """
    program = shutil.which("setpriv") if sys.platform == "linux" else None
    return (program, "--pdeathsig", "KILL", "--") if program else ()


class _Position:
    """How far ffmpeg says it is, in seconds of output, and whether it has said all it will."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ended = threading.Event()

    def read(self, stream: IO[bytes]) -> None:
        try:
            for line in stream:
                name, _, value = line.partition(b"=")
                if name == b"out_time_us":
                    with contextlib.suppress(ValueError):
                        self.seconds = int(value) / 1e6
        finally:
            self.ended.set()


def _keep(stream: IO[bytes], said: deque[str]) -> None:
    # Bounded reads: a damaged file can make ffmpeg print without a line end.
    while line := stream.readline(4096):
        text = line.decode("utf-8", "replace").strip()
        if text:
            said.append(text)


def _wait(
    process: subprocess.Popen[bytes],
    limit: float,
    duration: Fraction | None,
    position: _Position,
    progress: Progress | None,
) -> None:
    deadline = time.monotonic() + limit
    # With what it says it ends itself, as a rule, which needs no looking again and again.
    while not _ended(process, position):
        if time.monotonic() > deadline:
            raise TimeLimitReached(
                f"ffmpeg was ended after {limit:.0f} s without finishing.",
                hint="The file may be damaged; a shorter range may work.",
            )
        if progress is not None:
            share = position.seconds / float(duration) if duration else 0.0
            progress(min(1.0, max(0.0, share)))
    if progress is not None and process.returncode == 0:
        progress(1.0)


def _ended(process: subprocess.Popen[bytes], position: _Position) -> bool:
    """Whether it has ended, after a tick at the latest."""
    # Not by the thread: before Python 3.13 one whose `join` is interrupted passes for ended.
    if not position.ended.wait(_TICK):
        return process.poll() is not None
    try:
        process.wait(_TICK)
    except subprocess.TimeoutExpired:
        return False
    return True


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything that it started, and wait until it is gone."""
    if os.name == "nt":
        subprocess.run(
            ["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False
        )
    _end_group(process.pid)
    process.kill()
    process.wait()


def _end_group(leader: int) -> None:
    if os.name != "nt":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def failure(said: Sequence[str], code: int) -> StemmuxError:
    """The error that ffmpeg's last words mean."""
    text = "\n".join(said)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return OutputRefused("The disk is full.", hint="Make room, or name another folder with -o.")
    if code == -getattr(signal, "SIGXFSZ", 0):
        return OutputRefused(
            "A file would be larger than the disk allows.", hint="Name another folder with -o."
        )
    if "whitelist" in text:
        return UnreadableMedia(
            "This is not a kind of media file that is opened here.",
            hint="Playlists and references to other files are refused; give the movie itself.",
        )
    if "Invalid data found when processing input" in text or "moov atom not found" in text:
        return UnreadableMedia(
            "The file is damaged, or is no media file.", hint="Does it play elsewhere?"
        )
    if (
        "in container" in text
        or "Could not find tag for codec" in text
        or "only supported in" in text
        or "Could not write header" in text
    ):
        return ContainerRefused(
            "The container cannot carry one of the clip's streams.", hint="Name an .mkv file."
        )
    lines = " ".join(said[-3:]) or "no message"
    return FfmpegFailed(
        f"ffmpeg failed ({code}): {lines[:400]}", hint="Run again with -v for more."
    )
