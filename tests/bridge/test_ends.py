"""How a bridge ends: politely or killed, alone or with its editor; and what is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bridge.talking import ENGINE, Starter, at_work, environment, heard

from soundmatte.hosts import bridge_client
from soundmatte.jobs.journal import Job, Journal

#: What an editor, an engine and everything that they start have at most for their end (s).
LIMIT = 5.0

#: An editor that starts a separation and then does nothing any more.
EDITOR = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
from bridge_client import BridgeClient
engine = BridgeClient(json.loads(sys.argv[2]), sys.argv[3], dict(os.environ))
engine.send("separate", order=json.loads(sys.argv[4]))
while True:
    for event in engine.poll():
        print(json.dumps(event), flush=True)
    time.sleep(0.01)
"""

Orders = Callable[..., dict[str, Any]]


def below(process: int) -> dict[int, str]:
    """The living descendants of a process, with their command lines."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        state, parent = text.rpartition(")")[2].split()[:2]
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    found = [process]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return {number: command(number) for number in found[1:]}


def command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def until(what: Callable[[], bool], limit: float) -> float:
    """Wait until something is so; how long that took (s)."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < limit, "it did not come to that in time"
        time.sleep(0.01)
    return time.monotonic() - began


def with_ffmpeg(process: int) -> dict[int, str]:
    """The processes below one, once an ffmpeg is among them that takes long."""
    until(lambda: any("anullsrc" in words for words in below(process).values()), 30)
    return below(process)


def gone(processes: dict[int, str]) -> bool:
    """Whether none of these runs any more; numbers may have been given to others since."""
    return not any(command(number) == words for number, words in processes.items())


def only_job() -> Job:
    (job,) = Journal.open().jobs()
    return job


def gone_on_with(start: Starter, job: Job) -> None:
    """What a job's row holds is enough to finish it."""
    engine = start(RELEASED="1")
    name = engine.send("separate", order=job.order.model_dump(mode="json"))
    done = engine.wait(name, 60)
    assert (done["job"], done["null_db"]) == (job.id, -300)
    assert only_job().state == "done"


def test_the_editor_is_killed(start: Starter, order: Orders, tmp_path: Path) -> None:
    """Nobody can tell the engine: its standard input ends, and so does all that it started."""
    client = str(Path(bridge_client.__file__).parent)
    wanted = json.dumps(order("ffmpeg"))
    words = [client, json.dumps(ENGINE), str(tmp_path / "log.txt"), wanted]
    editor = subprocess.Popen(
        [sys.executable, "-c", EDITOR, *words], env=environment(), stdout=subprocess.PIPE
    )
    try:
        started = with_ffmpeg(editor.pid)
        assert len(started) >= 2
        editor.kill()
        assert until(lambda: gone(started), LIMIT) < LIMIT
    finally:
        editor.kill()
        editor.communicate()
    job = only_job()
    assert (job.state, job.running) == ("cancelled", False)
    gone_on_with(start, job)


def test_a_signal_ends_it(start: Starter, order: Orders) -> None:
    engine = start()
    name = engine.send("separate", order=order("ffmpeg"))
    started = with_ffmpeg(engine.pid)
    os.kill(engine.pid, signal.SIGTERM)
    event = heard(engine, lambda event: event["event"] == "error")
    assert (event["id"], event["kind"], event["exit_code"]) == (name, "Cancelled", 130)
    assert until(lambda: gone(started), LIMIT) < LIMIT
    assert engine._process.wait(LIMIT) == 130
    assert only_job().state == "cancelled"


def test_a_signal_ends_it_whichever_thread_takes_it(start: Starter, order: Orders) -> None:
    """Of all threads one that starts a program takes it now and then."""
    engine = start()
    name = engine.send("separate", order=order("signal"))
    event = heard(engine, lambda event: event["event"] == "error")
    assert (event["id"], event["kind"], event["exit_code"]) == (name, "Cancelled", 130)
    assert engine._process.wait(LIMIT) == 130


def test_work_that_does_not_look_is_ended_by_force(start: Starter, order: Orders) -> None:
    """A program that nobody watches while it runs."""
    engine = start()
    engine.send("separate", order=order("silent ffmpeg"))
    started = with_ffmpeg(engine.pid)
    began = time.monotonic()
    engine.close()
    assert time.monotonic() - began < LIMIT
    assert engine._process.returncode == 130
    assert [event["kind"] for event in engine.poll() if event["event"] == "error"] == ["Cancelled"]
    assert gone(started)
    assert only_job().state == "cancelled"


def test_work_that_cannot_be_ended_is_left(start: Starter, order: Orders) -> None:
    """It holds up neither the others nor the end; its row is that of a job that was killed."""
    engine = start()
    name = engine.send("separate", order=order("deaf"))
    at_work(engine, name)
    time.sleep(0.2)
    engine.cancel(name)
    began = time.monotonic()
    event = heard(engine, lambda event: event["event"] in ("done", "error"))
    assert time.monotonic() - began < LIMIT
    assert (event["id"], event["kind"]) == (name, "Cancelled")
    assert engine.wait(engine.send("jobs"), 20)["jobs"][0]["running"]
    began = time.monotonic()
    engine.close()
    assert time.monotonic() - began < 2
    assert engine._process.returncode == 0
    job = only_job()
    assert (job.state, job.stopped) == ("extracted", True)


def test_an_engine_that_does_not_answer_is_killed_with_all_that_it_started(
    start: Starter, order: Orders
) -> None:
    engine = start()
    name = engine.send("separate", order=order("ffmpeg"))
    started = with_ffmpeg(engine.pid)
    assert any("anullsrc" in words for words in started.values())
    os.kill(engine.pid, signal.SIGSTOP)
    engine.close(limit=0.5)
    assert engine._process.returncode == -signal.SIGKILL
    assert until(lambda: gone(started), 1) < 1
    last = [event for event in engine.poll() if event["event"] == "error"]
    assert [(event["id"], event["kind"]) for event in last] == [(name, "EngineEnded")]
    assert only_job().stopped


def test_a_job_is_cancelled_at_the_service_too(
    fresh_service: Any, noise_clip: Path, start: Starter, tmp_path: Path
) -> None:
    """By a line, and then by the end of the lines."""
    fresh_service.settings(queue_seconds=0.05, job_seconds=60.0)
    engine = start(FAL_KEY=fresh_service.key)
    asked: dict[str, Any] = {"use": "cloud", "terms": {"server": fresh_service.base}}
    asked |= {"selection": {"media": noise_clip, "prompt": "dog"}, "output": tmp_path / "out"}
    order = engine.wait(engine.send("estimate", **asked), 30)["order"]

    def asked_for(method: str, what: str) -> int:
        seen = fresh_service.requests(role="queue", method=method)
        return sum(what in row["path"] for row in seen)

    for number, end in enumerate((engine.cancel, lambda name: engine.end()), 1):
        name = engine.send("separate", order=order)
        until(lambda number=number: asked_for("GET", "stream") == number, 30)  # type: ignore[misc]
        end(name)
        event = heard(engine, lambda event: event["event"] == "error", LIMIT)
        assert (event["id"], event["kind"]) == (name, "Cancelled")
        assert asked_for("PUT", "cancel") == len(fresh_service.jobs()) == number
        assert only_job().state == "cancelled"
    assert engine._process.wait(LIMIT) == 130
    assert fresh_service.key not in start.log.decode() + json.dumps(order)
