"""The crash matrix: the command killed at every moment that a first run went through.

After each kill the same work is gone on with, by `soundmatte jobs resume` or by the same command,
and everything that is left is compared with a run that nobody disturbed. The tests take a sample;
`benchmarks/crashes.py` prints all of it.
"""

from __future__ import annotations

import collections
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.media.making import Studio

_COMMAND = "import sys; from soundmatte.cli import main; main()"
#: What a kill leaves is gone within so many seconds.
_GONE = 5.0
#: All that a run may leave beside the finished files, by the state folder's relative names.
_LEFT = (
    r"journal\.sqlite3|(fetched|estimates)(/\w+)?|fetched/\w+/(target|residual)|"
    r"estimates/\w+/(estimate\.wav|about\.json)"
)
#: How often these come is another matter in each run.
_UNSTEADY = re.compile(r"poll|middle of (step|download)")

Moment = tuple[str, int]


class BrokenPromise(AssertionError):
    """After a crash something was lost, done twice or left behind."""


@dataclass(frozen=True)
class Way:
    """What is run.

    Attributes:
        words: of `soundmatte separate`, without the clip.
        cloud: whether the loopback service does the work.
        parts: bytes of an upload's part; None sends every file in one.
    """

    name: str
    clip: Path
    words: tuple[str, ...]
    cloud: bool
    parts: int | None = None


def ways(studio: Studio) -> dict[str, Way]:
    """The ways that are killed, by name."""
    clip = studio.clip("mov", frames=50, sample_rate=8000, channels=1).path
    sound = studio.clip("wav", frames=50, sample_rate=8000, channels=1).path
    matte, dog = str(studio.picture("25", 50)), ("--prompt", "dog")
    # Noise is no speech: what the nets find in it is next to nothing.
    every = [
        Way("offline", clip, ("--engine", "offline", "--accept-doubtful"), cloud=False),
        Way("cloud", sound, dog, cloud=True),
        Way("cloud with a matte, in parts", clip, ("--matte", matte, *dog), True, parts=20_000),
    ]
    return {way.name: way for way in every}


class Forks:
    """The process that forks for each run; see `moments`."""

    def __init__(self) -> None:
        code = "import sys; sys.path.insert(0, sys.argv[1]); from tests.jobs import moments"
        root = str(Path(__file__).resolve().parents[2])
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"{code}; moments.serve()", root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **asked: Any) -> int:
        """One run; its exit status, negative if it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def forks() -> Iterator[Forks]:
    """Something to run the command with."""
    made = Forks()
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Place:
    """One run's folders: for the finished files, the journal, and everything temporary."""

    folder: Path
    way: Way
    service: Any
    forks: Forks

    @property
    def out(self) -> Path:
        """Where the finished files go."""
        return self.folder / "out"

    @property
    def state(self) -> Path:
        """Where the journal lies."""
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the person who runs this, and folders of the run's own."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        named = {"TMPDIR": "tmp", "HOME": "home", "SOUNDMATTE_STATE": "state"}
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            named[f"XDG_{name}_HOME"] = f"home/{name}"
        mine = {name: str(self.folder / value) for name, value in named.items()}
        mine["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        if self.way.cloud:
            mine["FAL_KEY"] = self.service.key
        return {**kept, **mine}

    @property
    def words(self) -> list[str]:
        """The command that is killed."""
        where = ["--engine", "cloud", "--server", self.service.base] if self.way.cloud else []
        return ["separate", str(self.way.clip), *self.way.words, *where, *self._ending]

    @property
    def _ending(self) -> list[str]:
        return ["-o", str(self.out), "--json", "--progress", "none"]

    def run(self, words: list[str], kill: Moment | None = None, *, watched: bool = False) -> int:
        """Run a command, watched and perhaps killed; its exit status."""
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        return self.forks.run(
            words=words,
            environment=self.environment,
            folder=str(self.folder),
            moments=str(self.folder / "moments") if watched or kill else None,
            kill=kill,
            parts=self.way.parts,
        )

    def said(self, words: list[str]) -> Any:
        """What a command that must not fail says as JSON."""
        if self.run([*words, "--json"]):
            raise BrokenPromise(self.complaint())
        return json.loads((self.folder / "out.txt").read_text())

    def complaint(self) -> str:
        """What the last command wrote."""
        return "\n".join((self.folder / name).read_text() for name in ("out.txt", "err.txt"))

    def moments(self) -> list[Moment]:
        """The moments that the watched runs went through."""
        seen: collections.Counter[str] = collections.Counter()
        found = []
        for name in (self.folder / "moments").read_text().splitlines():
            seen[name] += 1
            found.append((name, seen[name]))
        return found

    def finished(self) -> dict[str, str]:
        """SHA-256 of every file in the output folder, by its name; folders have none."""
        return {
            str(path.relative_to(self.out)): (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            )
            for path in sorted(self.out.rglob("*"))
        }

    def processes(self) -> list[int]:
        """Those that were started in this run's environment and are still there."""
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if _has(path, f"SOUNDMATTE_STATE={self.state}\0".encode())
        ]


def _has(path: Path, words: bytes) -> bool:
    try:
        return words in path.read_bytes() + b"\0"
    except OSError:
        return False


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody killed left, and the moments that it went through."""

    finished: dict[str, str]
    moments: list[Moment]

    @property
    def uncertain(self) -> list[Moment]:
        """Those at which only the service knows whether it has the job."""
        if ("before submit", 1) not in self.moments:
            return []
        first = self.moments.index(("after commit intend", 1))
        last = self.moments.index(("after commit submitted", 1))
        return self.moments[first:last]

    @property
    def kills(self) -> list[Moment]:
        """The moments at which a run can be killed again and again."""
        return [each for each in self.moments if not _UNSTEADY.match(each[0]) or each[1] == 1]


def among(moments: list[Moment], group: str) -> list[Moment]:
    """Those whose names have one of some words in them; `group` is a pattern."""
    return [moment for moment in moments if re.search(group, moment[0])]


def undisturbed(place: Place) -> Undisturbed:
    """Run it to its end."""
    if place.run(place.words, watched=True):
        raise BrokenPromise(place.complaint())
    nothing_left(place)
    return Undisturbed(place.finished(), place.moments())


@dataclass(frozen=True)
class Outcome:
    """What came of one kill.

    Attributes:
        again: how it was gone on with.
        end: done, or uncertain.
        sent, uploads: what the service was sent in all: jobs and files.
        gone: seconds until no process of the killed one was left.
    """

    again: str
    end: str
    sent: int
    uploads: int
    gone: float


def kill(place: Place, at: Moment, whole: Undisturbed, *, resume: bool) -> Outcome:
    """Kill the command at a moment, go on, and compare.

    Args:
        resume: go on with `jobs resume` first; else with the same command alone.

    Raises:
        BrokenPromise: something was lost, done twice or left behind.
    """
    if place.way.cloud:
        place.service.reset()
        place.service.settings(job_seconds=0.05, queue_seconds=0.0)
    status = place.run(place.words, at)
    _promise(status == -9, f"it was not killed: {status} {place.complaint()}")
    gone = _wait_until_gone(place)
    before = place.moments()
    end = _gone_on(place, at, whole, resume=resume)
    sent = len(_requests(place, "queue", "POST"))
    uploads = _uploads(place)
    if end == "uncertain":
        _promise(at in whole.uncertain, f"uncertain for no reason: {place.complaint()}")
        _promise(
            sent == (("before submit", 1) in before and at[0] != "before submit"), "sent twice"
        )
        _decided(place)
    else:
        _promise(at not in whole.uncertain, "what cannot be known was guessed")
    _promise(place.finished() == whole.finished, f"other files: {list(place.finished())}")
    nothing_left(place)
    computed_once(before, place.moments()[len(before) :])
    if place.way.cloud:
        _promise(end == "uncertain" or sent == 1, f"{sent} jobs were sent")
        _put_down_once(before, uploads)
    return Outcome(
        "jobs resume" if resume else "same command", end, sent, sum(uploads.values()), gone
    )


def _gone_on(place: Place, at: Moment, whole: Undisturbed, *, resume: bool) -> str:
    if resume:
        status = place.run(["jobs", "resume", "--progress", "none", "--json"])
        if status:
            return _undecided(place)
        if place.finished().keys() == whole.finished.keys():
            return "done"
    # Here somebody looks on, who changes nothing, for what is done twice.
    status = place.run(place.words, watched=True)
    # Killed when all was done, it says that the files are there already.
    if status and ("after commit done", 1) not in place.moments():
        return _undecided(place)
    return "done"


def computed_once(before: list[Moment], after: list[Moment]) -> None:
    """See that no step that was put down is begun again, by the moments before and after a kill.

    Raises:
        BrokenPromise: one is.
    """
    names = [name for name, _ in before]
    saved = [at for at, name in enumerate(names) if name == "after rename to checkpoint.json"]
    down = (
        {name for name in names[: saved[-1]] if name.startswith("after step ")} if saved else set()
    )
    again = {f"after step {name[12:]}" for name, _ in after if name.startswith("before step ")}
    _promise(not down & again, f"done twice: {sorted(down & again)}")


def _undecided(place: Place) -> str:
    told = place.complaint()
    _promise("SubmitUncertain" in told and "--accept-cost" in told, told)
    return "uncertain"


def _decided(place: Place) -> None:
    """A person looks, and has it sent again."""
    (job,) = place.said(["jobs", "list"])
    _promise(job["state"] == "uncertain", str(job))
    place.said(["jobs", "retry", job["id"], "--accept-cost", "--progress", "none"])


def _requests(place: Place, role: str, method: str) -> list[dict[str, Any]]:
    return list(place.service.requests(role=role, method=method)) if place.way.cloud else []


def _uploads(place: Place) -> collections.Counter[str]:
    """How often each file reached the service, by its hash."""
    uploads = place.service.uploads() if place.way.cloud else []
    sent = [one["sha256"] for one in uploads if one["done"] and one["lifecycle"] is not None]
    return collections.Counter(sent)


def _put_down_once(before: list[Moment], uploads: collections.Counter[str]) -> None:
    """A file is sent again only where the kill came before it was put down that it was sent."""
    twice = sum(count - 1 for count in uploads.values())
    names = [name for name, _ in before]
    begun = names.count("before ask for an upload address")
    open_ = begun - names.count("after commit sending")
    _promise(twice <= open_, f"{twice} files were sent twice, of {open_} not put down")


def nothing_left(place: Place) -> None:
    """See that a run left the finished files, the journal and what is kept, and nothing else.

    Raises:
        BrokenPromise: it did not.
    """
    odd = [name for name in place.finished() if name.startswith(".") or "/" in name]
    _promise(not odd, f"in the output folder: {odd}")
    left = [str(path) for path in (place.folder / "tmp").rglob("*")]
    _promise(not left, f"in the temporary folder: {left}")
    for path in place.state.rglob("*"):
        name = str(path.relative_to(place.state))
        _promise(bool(re.fullmatch(_LEFT, name)), f"in the state folder: {name}")


def _wait_until_gone(place: Place) -> float:
    began = time.monotonic()
    while left := place.processes():
        waited = time.monotonic() - began
        _promise(waited < _GONE, f"still running: {left}")
        time.sleep(0.005)
    return time.monotonic() - began


def _promise(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromise(otherwise)
