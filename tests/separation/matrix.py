"""One paid job under faults: what is ordered, what the client made of it, what is left behind.

The tests take a sample of the table; `benchmarks/fault_matrix.py` prints all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from soundmatte.engines.cloud.engine import CloudEngine
from soundmatte.engines.engine import Cuts, Material, Question
from soundmatte.errors import SoundmatteError
from soundmatte.jobs.requests import Requests
from soundmatte.separation.client import Client
from soundmatte.separation.errors import SeparationError
from soundmatte.separation.places import Places
from stemmux.errors import StemmuxError

#: Every request of a job.
REQUESTS: dict[str, dict[str, Any]] = {
    "upload address": {"role": "rest", "method": "POST", "path_regex": "initiate"},
    "upload": {"role": "cdn", "method": "PUT"},
    "submit": {"role": "queue", "method": "POST"},
    "status stream": {"role": "queue", "method": "GET", "path_regex": "/status/stream$"},
    "status": {"role": "queue", "method": "GET", "path_regex": "/status$"},
    "result": {"role": "queue", "method": "GET", "path_regex": "requests/[^/]+$"},
    "download": {"role": "cdn", "method": "GET", "path_regex": "target|residual"},
}
STATUSES = (408, 429, 500, 502, 503, 504)
#: What goes wrong. A status comes instead of the work, or ("done, then") after it.
FAULTS: dict[str, dict[str, Any]] = {
    "dropped before": {"drop_before": True},
    "dropped after": {"drop_after": True},
    "delayed": {"delay": 0.4},
    "cut short": {"truncate": 20},
    "done twice": {"repeat": True},
    **{str(code): {"status": code, "body": "{}", "processed": False} for code in STATUSES},
    **{
        f"done, then {code}": {"status": code, "body": "{}", "processed": True}
        for code in STATUSES
        if code != 429
    },
}
SECOND = 48_000


@dataclass(frozen=True)
class Outcome:
    """How a job ended: done, failed or uncertain, with the error if there is one."""

    end: str
    error: Exception | None = None


def make_mix(folder: Path, seconds: int = 1, rate: int = SECOND) -> Path:
    """Mono noise."""
    path = folder / "mix.wav"
    noise = np.random.default_rng(1).normal(0, 0.1, (seconds * rate, 1))
    soundfile.write(path, noise, rate, subtype="PCM_24")
    return path


def separate(service: Any, folder: Path, mix: Path, key: str = "work") -> Outcome:
    """One separation through the cloud engine with a journal in `folder`."""
    journal = Requests.open(folder / "state")
    engine = CloudEngine(
        lambda: Client(key=service.key, places=Places.server(service.base)), lambda: journal
    )
    question = Question("dog", False, (), Fraction(1))
    out = folder / "out"
    out.mkdir(exist_ok=True)
    material = Material(key, mix, lambda first, frames, progress: Cuts(mono=mix))
    try:
        made = engine.separate(question, material, out, lambda share: None)
    except (SoundmatteError, StemmuxError) as error:
        undecided = any(entry.state == "uncertain" for entry in journal.of(""))
        return Outcome("uncertain" if undecided else "failed", error)
    [piece] = made.pieces
    assert (piece.start, piece.frames) == (0, SECOND)
    for stem in (piece.target, piece.residual):
        assert stem is not None
        assert soundfile.info(str(stem)).frames >= SECOND
    return Outcome("done")


def order(service: Any, request: str, fault: dict[str, Any], times: int, nth: int = 1) -> None:
    """Order a fault for `times` requests of that kind, from the `nth` on."""
    match = {**REQUESTS[request], "nth": nth, "times": times}
    service.faults({"match": match, "do": fault})
    if request == "status":
        # A job is looked at only where there is no stream.
        missing = {"match": {**REQUESTS["status stream"], "times": 10_000}, "do": {"status": 404}}
        service.faults(missing)


def sent(service: Any) -> int:
    """How often the client sent a job."""
    return len(service.requests(role="queue", method="POST"))


def run(service: Any, folder: Path, request: str, fault: str, times: int) -> tuple[str, int, int]:
    """One cell: a run under the fault, then the same command again without it.

    Returns:
        How the first run ended, how often a job was sent, how many jobs there are.

    Raises:
        AssertionError: something was paid for twice, or lost, or left without a way out.
    """
    mix = make_mix(folder)
    order(service, request, FAULTS[fault], times)
    first = separate(service, folder, mix)
    if first.error is not None:
        assert isinstance(first.error, SeparationError | StemmuxError), repr(first.error)
        assert first.error.hint, f"no way out: {first.error}"  # type: ignore[union-attr]
    before = sent(service)
    service.forget_faults()
    second = separate(service, folder, mix)
    if first.end == "uncertain":
        # Nobody but a person sends it again.
        assert second.end == "uncertain"
        assert "jobs retry" in second.error.hint  # type: ignore[union-attr]
        assert sent(service) == before
    else:
        assert second.end == "done", f"{first} and then {second}"
    made = len(service.jobs())
    twice_by_itself = request == "submit" and fault == "done twice"
    assert made <= 1 or (twice_by_itself and before == 1), f"{made} jobs"
    return first.end, sent(service), made
