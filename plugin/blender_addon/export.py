# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's sound, picture and matte as files, made by a second Blender while this one is used.

Only Blender knows what a strip really plays, so a copy of the file is opened by another Blender
without windows, where everything but the clip is silenced. This module must not know what is done
in there, nor what becomes of the files.
"""

from __future__ import annotations

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, Any

import bpy

from . import timing
from .bridge_client import CREATION, step_back
from .clip import Clip
from .refusal import Refusal
from .seen import Matte, Picture

#: A command that takes Blender's arguments, where Blender is a module without a program.
LAUNCHER = "SOUNDMATTE_BLENDER"
#: What the second Blender's own lines begin with.
MARK = "SOUNDMATTE "

_COPY, _ORDER, _LOG = "copy.blend", "export.json", "background.log"
#: Bytes that anything but the sound may take.
_SPARE = 32_000_000
#: With so little room (bytes) Blender ends without a word.
_NO_ROOM = 1_000_000
#: Seconds that the second Blender may take to end, once its work is done.
_LEAVING = 10.0

#: A file, and the seconds in it, as "num/den", that lie at the sound's first sample.
Part = tuple[str, str]


@dataclass(frozen=True)
class Share:
    """How far an export is: 0 to 1, and in words."""

    share: float
    text: str


@dataclass(frozen=True)
class Exported:
    """What was made.

    Attributes:
        sound: WAV, 32-bit float, of the clip's rate, channels and `samples`.
        handle_in, handle_out: frames of it that lie outside the range.
        notes: sentences that a person should read.
    """

    sound: str
    picture: Part | None
    matte: Part | None
    handle_in: int
    handle_out: int
    notes: tuple[str, ...]


class Export:
    """One clip's export into a folder; all methods on Blender's own thread."""

    def __init__(self, clip: Clip, folder: str) -> None:
        """Prepare; `folder` exists, and is the export's own."""
        self._clip, self._folder = clip, folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._latest = Share(0.0, "Reading the timeline")
        self._made: dict[str, Any] | None = None

    def begin(self) -> None:
        """Copy the file as it is now, and start the second Blender.

        Raises:
            Refusal: no room, no way to write, or no Blender to start.
        """
        copy = self._path(_COPY)
        self._make_room()
        try:
            if os.path.exists(copy):
                os.unlink(copy)
            bpy.ops.wm.save_as_mainfile(
                filepath=copy, copy=True, compress=False, check_existing=False
            )
            with open(self._path(_ORDER), "w", encoding="utf-8") as file:
                json.dump({"clip": asdict(self._clip), "folder": self._folder}, file)
        except (OSError, RuntimeError) as error:
            raise Refusal(
                f"The file could not be copied to {self._folder}: {_reason(error)}.",
                "Make room on that disk, and try again.",
            ) from None
        self._start([*_program(), *self._arguments(copy)])

    def poll(self) -> Share | Exported:
        """How far it is, or what was made; never waits.

        Raises:
            Refusal: it failed; nothing runs any more.
        """
        assert self._process is not None, "begin comes first"
        ended = False
        while not self._lines.empty():
            line = self._lines.get()
            if line is None:
                ended = True
            elif "error" in line:
                self.cancel()
                raise Refusal(line["error"], line["hint"])
            elif "done" in line:
                self._made = line["done"]
            else:
                self._latest = Share(line["share"], line["text"])
        if not ended:
            return self._latest
        self._wait_or_kill()
        if self._made is None:
            raise self._crashed()
        return self._exported(self._made)

    def cancel(self) -> None:
        """End the second Blender with all that it started."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        _kill(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LEAVING)

    def _start(self, command: list[str]) -> None:
        try:
            log = open(self._path(_LOG), "wb")  # noqa: SIM115
        except OSError as error:
            raise Refusal(
                f"Nothing can be written to {self._folder}: {_reason(error)}.",
                "Make room on that disk, and try again.",
            ) from None
        with log:
            try:
                # The other end of its standard input closes with this Blender, and so ends it.
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=os.name != "nt",
                    creationflags=CREATION,
                )
            except OSError as error:
                raise Refusal(
                    f"A second Blender could not be started: {command[0]}: {_reason(error)}.",
                    "Check that Blender's program is where it was when this one was started.",
                ) from None
        step_back(self._process)
        assert self._process.stdout is not None
        threading.Thread(
            target=_listen, args=(self._process.stdout, self._lines), daemon=True
        ).start()

    def _arguments(self, copy: str) -> list[str]:
        script = os.path.join(os.path.dirname(__file__), "background.py")
        options = ["-b", "--factory-startup", "--disable-autoexec", copy]
        return [*options, "--python-exit-code", "3", "--python", script, "--", self._path(_ORDER)]

    def _make_room(self) -> None:
        # Two mixdowns, and the exact part that is cut out of one.
        needed = 3 * self._clip.samples * self._clip.channels * 4 + _SPARE
        try:
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise Refusal(
                f"{self._folder} cannot be used: {_reason(error)}.", "Choose another folder."
            ) from None
        if free < needed:
            raise Refusal(
                f"{self._folder} has {free / 1e6:.0f} MB free; this needs {needed / 1e6:.0f} MB.",
                "Make room on that disk, or separate a shorter part.",
            )

    def _wait_or_kill(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(_LEAVING if self._made is None else 2.0)
        except subprocess.TimeoutExpired:
            self.cancel()

    def _crashed(self) -> Refusal:
        assert self._process is not None
        code = self._process.returncode
        with suppress(OSError):
            if shutil.disk_usage(self._folder).free < _NO_ROOM:
                return Refusal(
                    f"There is no room left in {self._folder}.",
                    "Make room on that disk, and try again.",
                )
        how = f"status {code}"
        if code < 0:
            with suppress(ValueError):
                how = signal.Signals(-code).name
        return Refusal(
            f"The second Blender ended before it had read the clip ({how}).",
            f"Try again; if it happens again, {self._path(_LOG)} tells more.",
        )

    def _exported(self, made: dict[str, Any]) -> Exported:
        clip = self._clip
        return Exported(
            sound=made["sound"],
            picture=self._part(clip.picture, made["picture"]),
            matte=self._part(clip.matte, made["matte"]),
            handle_in=clip.handle_in,
            handle_out=clip.handle_out,
            notes=tuple(made["notes"]),
        )

    def _part(self, seen: Picture | Matte | None, rendered: str | None) -> Part | None:
        """Where a picture or a matte is, from the sound's first sample on."""
        if rendered is not None:
            return rendered, "0"
        if seen is None:
            return None
        clip = self._clip
        return seen.path, timing.earlier(seen.start, clip.handle_in, clip.frame_rate)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _program() -> list[str]:
    launcher = os.environ.get(LAUNCHER)
    if launcher:
        return shlex.split(launcher)
    if not bpy.app.binary_path:
        raise Refusal(
            "There is no Blender program to start a second time.",
            f"Blender runs as a module here: name a launcher in {LAUNCHER}.",
        )
    return [bpy.app.binary_path]


def _listen(stream: IO[bytes], lines: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Hand on the second Blender's own lines, and at last None; runs beside Blender's thread."""
    with stream:
        for raw in stream:
            text = raw.decode("utf-8", "replace")
            if text.startswith(MARK):
                with suppress(ValueError):
                    lines.put(json.loads(text[len(MARK) :]))
    lines.put(None)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if os.name == "nt":
        command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        with suppress(OSError):
            subprocess.run(command, capture_output=True, timeout=_LEAVING, check=False)
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(error: Exception) -> str:
    """What the system says, in one line."""
    said = getattr(error, "strerror", None) or str(error)
    return str(said).strip().removeprefix("Error: ").splitlines()[0].rstrip(".")
