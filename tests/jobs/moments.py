"""The command, killed at a moment that has a name: before a commit, between two renames, in a send.

    python moments.py

reads runs from its standard input, one JSON object a line, and answers each with its exit status:

    {"words": [...], "environment": {...}, "folder": where `out.txt` and `err.txt` are written,
     "moments": a file that every moment is added to, or null: then nothing is wrapped,
     "kill": [moment, which time from 1] or null, "parts": bytes of an upload's part, or null}

Each run is a process of its own, forked from this one so that nothing is imported twice. Moments
are found by wrapping functions of the product from outside; the product knows nothing of them.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: What is another in each run: ids, keys, names of temporary folders.
_CHANGING = (
    (r"[0-9a-f]{64}", "KEY"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID"),
    (r"stemmux-\w{8}", "scratch"),
    (r"\.[0-9a-f]{16}\.part", "part"),
    (r"\b[0-9a-f]{16}\b", "HEX"),
    (r"\b[0-9a-f]{10}\b", "JOB"),
)
_REQUESTS = (
    (r"POST .*/storage/upload/initiate(-multipart)?$", "ask for an upload address"),
    (r"POST .*/complete$", "complete the upload"),
    (r"PUT .*/cancel$", "cancel"),
    (r"PUT .*/(\d+)$", r"upload part \1"),
    (r"PUT .*", "upload"),
    (r"GET .*/status/stream$", "follow"),
    (r"GET .*/status$", "poll"),
    (r"GET .*/requests/[^/]+$", "result"),
    (r"POST .*", "submit"),
    (r"GET .*", "download"),
)


def shown(name: object) -> str:
    """The last part of a path, the same in every run."""
    text = Path(os.fsdecode(str(name))).name
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text)
    return text


class Moments:
    """Writes down each moment as it comes, and kills this process at one of them."""

    def __init__(self, file: Path, kill: tuple[str, int] | None) -> None:
        self._handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._seen: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()
        self._kill = kill

    def __call__(self, name: str, last: Callable[[], None] = lambda: None) -> None:
        """Here is one; `last` is done before the kill."""
        with self._lock:
            self._seen[name] += 1
            os.write(self._handle, f"{name}\n".encode())
            if (name, self._seen[name]) == self._kill:
                last()
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)

    def around(self, place: Any, function: str, name: Callable[..., str | None]) -> None:
        """A moment before and one after each call; `name` says of what, by the arguments."""
        real = getattr(place, function)

        @functools.wraps(real)
        def wrapped(*args: Any, **named: Any) -> Any:
            what = name(*args, **named)
            if what is None:
                return real(*args, **named)
            self(f"before {what}")
            made = real(*args, **named)
            self(f"after {what}")
            return made

        setattr(place, function, wrapped)

    def watch(self) -> None:
        """Wrap everything that changes what a crash leaves."""
        self._journal()
        self._files()
        self._steps()
        self._service()
        self._programs()

    def _journal(self) -> None:
        from soundmatte.jobs.database import Database

        real = Database.writing
        moment = self

        @contextlib.contextmanager
        def writing(base: Database) -> Iterator[Any]:
            what = f"commit {_caller()}"
            with real(base) as rows:
                yield rows
                moment(f"before {what}")
            moment(f"after {what}")

        Database.writing = writing  # type: ignore[method-assign]

    def _files(self) -> None:
        for function in ("replace", "rename", "link"):
            self.around(os, function, lambda one, two, **_: f"rename to {shown(two)}")
        self.around(os, "mkdir", lambda path, *_, **__: f"make {shown(path)}")
        self.around(os, "unlink", lambda path, **_: f"remove {shown(path)}")
        self.around(os, "rmdir", lambda path, **_: f"remove folder {shown(path)}")
        real, moment = Path.write_text, self

        def write_text(path: Path, text: str, *args: Any, **named: Any) -> int:
            moment(f"before write {shown(path)}")
            real(path, text[: len(text) // 2], *args, **named)
            moment(f"middle of write {shown(path)}")
            written = real(path, text, *args, **named)
            moment(f"after write {shown(path)}")
            return written

        Path.write_text = write_text  # type: ignore[assignment, method-assign]

    def _steps(self) -> None:
        from soundmatte.jobs import checkpoint, run
        from stemmux import origination

        self.around(checkpoint, "save", lambda work, key, number: f"checkpoint {number}")
        self.around(origination, "stamp_loudness", lambda path, _: f"stamp {shown(path)}")
        run.STEPS = tuple((self._step(step), state) for step, state in run.STEPS)  # type: ignore[assignment]

    def _step(self, step: Callable[..., Any]) -> Callable[..., Any]:
        name = step.__name__

        @functools.wraps(step)
        def wrapped(work: Any, progress: Callable[[float], None]) -> Any:
            half = False

            def told(share: float) -> None:
                nonlocal half
                progress(share)
                if share >= 0.5 and not half:
                    half = True
                    self(f"middle of step {name}")

            self(f"before step {name}")
            made = step(work, told)
            self(f"after step {name}")
            return made

        return wrapped

    def _service(self) -> None:
        from soundmatte.separation import transport

        self.around(
            transport.Blocking,
            "_ask",
            lambda _, ask: (
                None if ask is None else _request(f"{ask.method} {ask.url.partition('?')[0]}")
            ),
        )
        real_pieces, real_take, moment = transport._pieces, transport._Store.take, self

        def pieces(ask: Any) -> Iterator[bytes]:
            for piece in real_pieces(ask):
                yield piece[: len(piece) // 2]
                what = _request(f"{ask.method} {ask.url.partition('?')[0]}")
                moment(f"middle of {what}")
                yield piece[len(piece) // 2 :]

        def take(store: Any, piece: bytes) -> None:
            if store._file is None:
                return real_take(store, piece)
            real_take(store, piece[: len(piece) // 2])
            store._file.flush()
            moment("middle of download")
            return real_take(store, piece[len(piece) // 2 :])

        transport._pieces = pieces
        transport._Store.take = take  # type: ignore[method-assign]

    def _programs(self) -> None:
        real, moment = subprocess.Popen, self

        class Popen(real):  # type: ignore[misc, valid-type]
            def __init__(self, argv: Any, *args: Any, **named: Any) -> None:
                mine = "-progress" in argv
                if mine:
                    moment("before ffmpeg")
                super().__init__(argv, *args, **named)
                if mine:
                    moment("during ffmpeg", last=lambda: _freeze(self.pid))

        subprocess.Popen = Popen  # type: ignore[misc]


def _freeze(process: int) -> None:
    """Stop a program, once it is one, so that it cannot be over by itself when it is looked for."""
    while b"-progress" not in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[:8]:
        time.sleep(0.001)
    os.kill(process, signal.SIGSTOP)


def _caller() -> str:
    """The function of the product that a transaction is for."""
    frame = sys._getframe(2)
    while frame.f_code.co_name.startswith("_") or frame.f_code.co_filename.endswith(
        "contextlib.py"
    ):
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code.co_name


def _request(words: str) -> str:
    for pattern, name in _REQUESTS:
        found = re.match(pattern, words)
        if found:
            return found.expand(name)
    raise AssertionError(words)


def run(asked: dict[str, Any]) -> None:
    """One run of the command in this process, which does not outlive it."""
    folder = Path(asked["folder"])
    for name, number in (("out.txt", 1), ("err.txt", 2)):
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
    os.environ.clear()
    os.environ.update(asked["environment"])
    tempfile.tempdir = None
    sys.argv = ["soundmatte", *asked["words"]]
    if asked["parts"]:
        from soundmatte.separation import storage

        storage.MULTIPART_FROM = storage.PART = asked["parts"]
    if asked["moments"]:
        kill = asked["kill"]
        Moments(Path(asked["moments"]), kill and (kill[0], kill[1])).watch()
    from soundmatte.cli import main

    try:
        main()
    except SystemExit as end:
        code = end.code
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else bool(code))


def serve() -> None:
    """Fork for every run that is asked for."""
    for name in (
        *("soundmatte.cli.separate", "soundmatte.cli.jobs", "soundmatte.jobs.control"),
        *(
            "soundmatte.jobs.engines",
            "soundmatte.engines.cloud.engine",
            "soundmatte.engines.offline",
        ),
        *("soundmatte.separation.client", "stemmux.mux", "stemmux.conform", "stemmux.steer"),
        *(
            "stemmux.extract",
            "stemmux.matte",
            "stemmux.loudness",
            "stemmux.measure",
            "stemmux.grid",
        ),
        *("numpy", "soundfile", "soxr", "av", "onnxruntime", "ffmpeg", "keyring", "rich.progress"),
    ):
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run(json.loads(line))
            finally:
                os._exit(70)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
