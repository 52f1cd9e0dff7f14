"""How long the looks into a journal of many jobs take.

    python benchmarks/journal.py [--jobs 100000]

Prints the shortest and the middle of many times, in ms, and how SQLite finds the rows. The jobs
were begun a quarter of an hour apart, each with one request.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from soundmatte.documents import Order, Selection
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import Requests

_APART = 900.0
_TIMES = 25


def fill(jobs: Journal, count: int) -> None:
    """Jobs that are done, but for one in a thousand."""
    order = Order(
        selection=Selection(media=Path("/rushes/a001_c002.mov"), prompt="the dog"),
        engine="cloud",
        output=Path("/stems"),
    )
    task, now = json.dumps(order.model_dump(mode="json")), time.time()
    prices = [str(Decimal("0.05") * (1 + number)) for number in range(8)]
    with jobs.base.writing() as rows:
        rows.executemany(
            "INSERT INTO job (id, key, state, made, changed, claim, usd, version, task)"
            " VALUES (?, ?, ?, ?, ?, 'gone|1|x', '0.05', '1', ?)",
            (
                (
                    f"{n:010x}",
                    f"{n:064x}",
                    "done" if n % 1000 else "conformed",
                    now - (count - n) * _APART,
                    now,
                    task,
                )
                for n in range(count)
            ),
        )
        rows.executemany(
            "INSERT INTO request (id, key, state, made, changed, server, endpoint, usd, claim,"
            " work, job) VALUES (?, ?, 'fetched', ?, ?, 's', 'e', ?, 'gone|1|x', ?, ?)",
            (
                (
                    f"{n:010x}",
                    f"{n:064x}",
                    now - (count - n) * _APART,
                    now,
                    prices[n % len(prices)],
                    task,
                    f"{n:010x}",
                )
                for n in range(count)
            ),
        )


def timed(look: Callable[[], Any]) -> tuple[float, float]:
    """The shortest and the middle time (ms)."""
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        look()
        times.append((time.perf_counter() - began) * 1000)
    return min(times), statistics.median(times)


def how(look: Callable[[], Any], path: Path) -> str:
    """What SQLite says of the statements in it."""
    real, seen = sqlite3.connect, list[str]()

    def connect(*args: Any, **named: Any) -> sqlite3.Connection:
        rows = real(*args, **named)
        rows.set_trace_callback(seen.append)
        return rows

    sqlite3.connect = connect  # type: ignore[assignment]
    try:
        look()
    finally:
        sqlite3.connect = real
    rows = real(path)
    told = []
    for statement in seen:
        if statement.startswith("SELECT"):
            told += [row[3] for row in rows.execute(f"EXPLAIN QUERY PLAN {statement}")]
    rows.close()
    return "; ".join(told)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=100_000)
    count = parser.parse_args().jobs
    with tempfile.TemporaryDirectory() as name:
        jobs = Journal.open(Path(name))
        fill(jobs, count)
        requests = Requests(jobs.base)
        key, job = f"{count // 2:064x}", f"{count // 2:010x}"
        looks: dict[str, Callable[[], Any]] = {
            "jobs list: the newest 50": jobs.jobs,
            "jobs list: the month's total": requests.spent,
            "jobs resume: what was left": jobs.unfinished,
            "jobs show": lambda: jobs.job(job),
            "the job for a work": lambda: jobs.find(key),
            "the request for a work": lambda: requests.find(key),
            "the requests of a job": lambda: requests.of(job),
            "opening": lambda: Journal.open(jobs.base.folder),
        }
        megabytes = jobs.base.path.stat().st_size / 1e6
        print(f"{count} jobs, {megabytes:.0f} MB, SQLite {sqlite3.sqlite_version}\n")
        print("| look | shortest (ms) | middle (ms) | by |\n|---|---|---|---|")
        for what, look in looks.items():
            least, middle = timed(look)
            print(f"| {what} | {least:.1f} | {middle:.1f} | {how(look, jobs.base.path)} |")


if __name__ == "__main__":
    main()
