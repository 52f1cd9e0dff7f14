"""The separation service for tests: a process of its own, and what a test can ask of it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MAIN = Path(__file__).with_name("main.py")
KEY = "test-id:test-secret"


class SeparationService:
    """A running service. Addresses: `base`, and `queue`, `run`, `rest`, `cdn` below it."""

    key = KEY

    def __init__(self, folder: Path, *options: str) -> None:
        """Start it; what `folder` holds of an earlier one goes on."""
        self.folder = folder
        self._options = options
        self._port = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._start()
        self._port = int(self.base.rpartition(":")[2])

    def _start(self) -> None:
        command = [sys.executable, str(MAIN), "--state", str(self.folder), "--while-stdin"]
        command += ["--port", str(self._port), "--key", self.key, *self._options]
        with (self.folder / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.complaints()
        self.base: str = json.loads(line)["base"]
        for role in ("queue", "run", "rest", "cdn"):
            setattr(self, role, f"{self.base}/{role}")

    queue: str
    run: str
    rest: str
    cdn: str

    def kill(self) -> None:
        """Kill it, as a power cut does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def restart(self) -> None:
        """Kill it, and start it again at the same address with what it had kept."""
        self.kill()
        self._start()

    def complaints(self) -> str:
        """What it wrote to stderr: nothing, unless it has a fault that no test ordered."""
        return (self.folder / "stderr").read_text(encoding="utf-8")

    def control(self, method: str, path: str, value: Any = None) -> Any:
        """Call the control role (see `control.py`)."""
        caller = http.client.HTTPConnection(self.base.removeprefix("http://"), timeout=30)
        try:
            body = None if value is None else json.dumps(value)
            caller.request(method, f"/control{path}", body, {"Content-Type": "application/json"})
            answer = caller.getresponse()
            text = answer.read().decode()
        finally:
            caller.close()
        assert answer.status == 200, text
        return json.loads(text)

    def faults(self, *faults: dict[str, Any]) -> list[dict[str, Any]]:
        """Order faults, if any are given; all that are ordered, with their hits."""
        if faults:
            self.control("POST", "/faults", list(faults))
        return list(self.control("GET", "/faults"))

    def forget_faults(self) -> None:
        """No faults any more."""
        self.control("DELETE", "/faults")

    def requests(self, **wanted: Any) -> list[dict[str, Any]]:
        """Everything received, in order; `role="queue"` and the like keep only what has that."""
        rows = self.control("GET", "/requests")
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def forget_requests(self) -> None:
        """Nothing was received."""
        self.control("DELETE", "/requests")

    def jobs(self) -> list[dict[str, Any]]:
        """Every job that was submitted, by queue or sync."""
        return list(self.control("GET", "/jobs"))

    def uploads(self) -> list[dict[str, Any]]:
        """Every upload, with its shape, lifecycle header and parts; results too."""
        return list(self.control("GET", "/uploads"))

    def webhooks(self) -> list[dict[str, Any]]:
        """Every webhook that was due, with the receiver's answers."""
        return list(self.control("GET", "/webhooks"))

    def secrets(self) -> list[str]:
        """Signatures and tokens that were given out, and the key: none may be seen anywhere."""
        return [*self.control("GET", "/secrets"), self.key, self.key.partition(":")[2]]

    def settings(self, **values: Any) -> dict[str, Any]:
        """Change settings, if any are given; all of them now."""
        if values:
            self.control("POST", "/settings", values)
        return dict(self.control("GET", "/settings"))

    def reset(self) -> None:
        """Forget everything, as in a new folder; runs again if it was killed."""
        if self._process.poll() is not None:
            self._start()
        self.control("POST", "/reset")


def _served(folder: Path) -> Iterator[SeparationService]:
    service = SeparationService(folder)
    try:
        yield service
    finally:
        service.kill()
    complaints = service.complaints()
    assert complaints == ""


@pytest.fixture(scope="session")
def noise_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.01 s (48 480 samples at 48 kHz) of noise on two channels, and a picture: a MOV with PCM."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("clips") / "noise.mov"
    noise = np.random.default_rng(7).uniform(-0.4, 0.4, (2, 48480))
    with av.open(str(path), "w") as media:
        picture = media.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        sound = media.add_stream("pcm_s16le", rate=48000, layout="stereo")
        for number in range(25):
            pixels = np.full((48, 64, 3), number * 10, np.uint8)
            media.mux(picture.encode(av.VideoFrame.from_ndarray(pixels)))
        samples = np.ascontiguousarray((noise.T * 32767).astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate = 48000
        media.mux(sound.encode(frame))
        media.mux([*picture.encode(None), *sound.encode(None)])
    return path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeparationService]:
    """The service that all tests share: order no faults and change no settings here."""
    for shared in _served(tmp_path_factory.mktemp("service")):
        shared.settings(queue_seconds=0.05, job_seconds=0.1)
        yield shared


@pytest.fixture(scope="session")
def _second_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeparationService]:
    yield from _served(tmp_path_factory.mktemp("second_service"))


@pytest.fixture
def fresh_service(_second_service: SeparationService) -> SeparationService:
    """A service with nothing in it, for this test to do with what it likes."""
    _second_service.reset()
    return _second_service
