"""The journal on a full or read-only disk, damaged, beside another version, by odd clocks."""

from __future__ import annotations

import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from soundmatte.documents import Order, Selection
from soundmatte.engines.cloud.ledger import Intent
from soundmatte.jobs import database, journal
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.database import Database, JournalRefused
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.migrations import MIGRATIONS
from soundmatte.jobs.requests import Requests

ORDER = Order(selection=Selection(media=Path("/clip.mov")), engine="cloud", output=Path("/out"))
INTENT = Intent("key", "https://queue", "separate", Decimal("0.05"), {"window": [1, 1]}, "job")
DAY = 86_400.0


@pytest.fixture
def jobs(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "state")


def filled(jobs: Journal, count: int) -> None:
    """Many jobs of this month, done but for one in a thousand, each with a request."""
    now, task = time.time(), journal._text(ORDER)
    with jobs.base.writing() as rows:
        rows.executemany(
            "INSERT INTO job (id, key, state, made, changed, claim, usd, version, task)"
            " VALUES (?, ?, ?, ?, ?, 'gone|1|x', '0.05', '1', ?)",
            (
                (f"{n:010x}", f"k{n}", "done" if n % 1000 else "conformed", now, now, task)
                for n in range(count)
            ),
        )
        rows.executemany(
            "INSERT INTO request (id, key, state, made, changed, server, endpoint, usd, claim,"
            " work, job) VALUES (?, ?, 'fetched', ?, ?, 's', 'e', '0.05', 'gone|1|x', '{}', ?)",
            ((f"{n:010x}", f"k{n}", now - n * 900, now, f"{n:010x}") for n in range(count)),
        )


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement, and one empty line for each ten instructions of SQLite's machine."""
    real, seen = sqlite3.connect, list[str]()

    def connect(*args: Any, **named: Any) -> sqlite3.Connection:
        rows = real(*args, **named)
        rows.set_trace_callback(seen.append)
        rows.set_progress_handler(lambda: seen.append(""), 10)
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", connect)
        yield seen


LOOKS: dict[str, Callable[[Journal], object]] = {
    "jobs": lambda jobs: jobs.jobs(20),
    "unfinished": lambda jobs: len(jobs.unfinished()),
    "job": lambda jobs: jobs.job("0000000005").id,
    "find": lambda jobs: jobs.find("k5"),
    "requests of": lambda jobs: Requests(jobs.base).of("0000000005"),
    "request for": lambda jobs: Requests(jobs.base).find("k5"),
    "sent": lambda jobs: Requests(jobs.base).sent("s", "hash"),
    "to be cancelled": lambda jobs: jobs.to_be_cancelled("0000000005"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_look_walks_through_every_row(
    look: str, jobs: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(jobs, 3000)
    with counted(monkeypatch) as seen:
        LOOKS[look](jobs)
    # 3000 rows have at least 9000 instructions.
    assert seen.count("") < 300, seen


def test_a_months_total_asks_the_index_alone(jobs: Journal) -> None:
    filled(jobs, 3000)
    with jobs.base.reading() as rows:
        plan = rows.execute(
            "EXPLAIN QUERY PLAN SELECT usd, count(*) FROM request WHERE made >= ?"
            " AND state NOT IN (?) GROUP BY usd",
            (0.0, "failed"),
        ).fetchall()
    assert any("COVERING INDEX request_by_cost (made>?)" in row["detail"] for row in plan)
    requests = Requests(jobs.base)
    with jobs.base.reading() as rows:
        (count,) = rows.execute(
            "SELECT count(*) FROM request WHERE made >= ?", (first_of_month(),)
        ).fetchone()
    assert requests.spent() == count * Decimal("0.05") > 0


def first_of_month() -> float:
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, 1, 0, 0, 0, 0, 0, -1))


@contextmanager
def full_disk(more: int, path: Path) -> Iterator[None]:
    """No file of this process may become longer than one is now and `more` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, quiet)


def test_a_full_disk_is_refused_and_nothing_is_half_put_down(jobs: Journal) -> None:
    requests = Requests(jobs.base)
    entry = requests.submitted(requests.intend(INTENT), "request-1", "u")
    with full_disk(0, jobs.base.path):
        with pytest.raises(JournalRefused, match="cannot be used") as caught:
            filled(jobs, 200)
        assert "Make room" in caught.value.hint
        # What was put down can be looked at all the same.
        assert requests.of("job") == [entry]
    begun = len(jobs.jobs(500))
    jobs.begin("another", ORDER, Decimal(0))
    assert len(jobs.jobs(500)) == begun + 1
    with jobs.base.reading() as rows:
        assert rows.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_read_only_journal_is_refused(jobs: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite is told that it may only read: who runs this may be one for whom no file is."""
    real = sqlite3.connect

    def connect(path: Path, **named: Any) -> sqlite3.Connection:
        return real(f"file:{path}?mode=ro", uri=True, **named)

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(JournalRefused, match="readonly") as caught:
        Requests(jobs.base).intend(INTENT)
    assert "permit writing" in caught.value.hint
    # To look at it needs no writing.
    assert Journal.open(jobs.base.folder).jobs() == []


@pytest.mark.parametrize("damage", ["zeros", "noise", "cut off"])
def test_a_damaged_page_is_refused_or_does_not_matter(jobs: Journal, damage: str) -> None:
    """Every page in turn: what is told is what was put down, or that the journal is damaged."""
    filled(jobs, 40)
    whole, size = jobs.base.path.read_bytes(), 4096
    seen, requests = [job.id for job in jobs.jobs()], Requests(jobs.base)
    entries = [requests.find(f"k{n}") for n in range(40)]
    noise = random.Random(1)
    refused: list[JournalRefused] = []
    # Of no bytes at all nobody can say that they were a journal.
    for start in range(size if damage == "cut off" else 0, len(whole), size):
        page = {"zeros": bytes(size), "noise": noise.randbytes(size), "cut off": b""}[damage]
        rest = whole[start + size :] if page else b""
        jobs.base.path.write_bytes(whole[:start] + page + rest)
        try:
            again = Journal.open(jobs.base.folder)
            assert [job.id for job in again.jobs()] == seen
            assert [requests.find(f"k{n}") for n in range(40)] == entries
            requests.spent()
        except JournalRefused as error:
            refused.append(error)
    assert len(refused) >= 3
    assert all("damaged" in str(error) and "copy" in error.hint for error in refused)
    jobs.base.path.write_bytes(whole)
    assert [job.id for job in jobs.jobs()] == seen


@pytest.mark.parametrize(
    ("column", "value"),
    [("task", "{"), ("usd", "much"), ("seconds", "[1"), ("claim", "?"), ("task", b"\xff\xfe")],
)
def test_a_row_that_cannot_be_read_is_damage(jobs: Journal, column: str, value: Any) -> None:
    name = jobs.begin("key", ORDER, Decimal(0)).id
    with jobs.base.writing() as rows:
        rows.execute(f"UPDATE job SET {column} = CAST(? AS TEXT) WHERE id = ?", (value, name))
    with pytest.raises(JournalRefused, match="damaged") as caught:
        jobs.jobs()
    assert "copy" in caught.value.hint


def of_version(folder: Path, version: int) -> Path:
    """A journal that an older program made."""
    folder.mkdir(parents=True)
    path = folder / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as base, base:
        for script in MIGRATIONS[:version]:
            for statement in script.split(";"):
                base.execute(statement)
        base.execute(f"PRAGMA user_version = {version}")
    return path


def test_a_journal_of_each_version_becomes_the_newest(tmp_path: Path, jobs: Journal) -> None:
    with jobs.base.reading() as rows:
        newest = _schema(rows)
    for version in range(1, len(MIGRATIONS)):
        folder = tmp_path / str(version)
        of_version(folder, version)
        with Journal.open(folder).base.reading() as rows:
            assert _schema(rows) == newest
            assert rows.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def _schema(rows: sqlite3.Connection) -> set[tuple[str, str]]:
    """Every table and index with its columns."""
    names = rows.execute("SELECT type, name FROM sqlite_master").fetchall()
    return {
        (
            name,
            ",".join(
                row[2] if kind == "index" else row[1]
                for row in rows.execute(f"PRAGMA {kind}_info({name})")
            ),
        )
        for kind, name in names
    }


def test_an_older_program_at_work_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    path = of_version(folder, 2)
    sleeping = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = Claim.mine()
    claim = Claim(theirs.host, sleeping.pid, claim_start(sleeping.pid))
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(
            "INSERT INTO job (id, key, state, made, changed, claim, usd, version, task)"
            " VALUES ('0123456789', 'k', 'submitted', 1, 1, ?, '0', '0', ?)",
            (str(claim), journal._text(ORDER)),
        )
    try:
        with pytest.raises(JournalRefused, match=f"older .* {sleeping.pid}") as caught:
            Journal.open(folder)
        assert "Wait" in caught.value.hint
    finally:
        sleeping.kill()
        sleeping.communicate()
    (left,) = Journal.open(folder).unfinished()
    assert left.stopped


def claim_start(process: int) -> str:
    from soundmatte.jobs.claim import _started

    return _started(process)


def test_a_program_that_became_the_older_one_writes_nothing(jobs: Journal) -> None:
    with closing(sqlite3.connect(jobs.base.path)) as base, base:
        base.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(JournalRefused, match="newer") as caught:
        jobs.begin("key", ORDER, Decimal(0))
    assert "Update" in caught.value.hint


def test_a_journal_that_is_held_is_refused(jobs: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.05)
    with jobs.base.writing(), pytest.raises(JournalRefused, match="held") as caught:
        Database(jobs.base.folder).writing().__enter__()
    assert "again" in caught.value.hint


def test_clocks_that_jump_lose_nothing(jobs: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day back and a month on between the steps: order and totals stay those of the rows."""
    requests, now = Requests(jobs.base), time.time()
    names = []
    for number, jump in enumerate((0, -DAY, 31 * DAY, -400 * DAY, 5.0)):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        job = jobs.begin(f"key {number}", ORDER, Decimal("0.05"))
        entry = requests.intend(Intent(f"key {number}", "s", "e", Decimal("0.05"), {}, job.id))
        names.append(job.id)
        monkeypatch.setattr(time, "time", lambda jump=jump: now - jump)
        requests.submitted(entry, f"request {number}", "u")
        jobs.reached(job.id, "fetched", {"separate": 1.0})
        found = requests.find(f"key {number}")
        assert found is not None
        assert found.request_id == f"request {number}"
    assert [job.id for job in jobs.jobs()] == names[::-1]
    assert [job.id for job in jobs.unfinished()] == names
    # The month's total may hold what a wrong clock put into it or before it, but no more.
    monkeypatch.setattr(time, "time", lambda: now)
    assert Decimal("0.10") <= requests.spent() <= Decimal("0.25")


def test_the_same_work_again_by_a_clock_that_went_back(
    jobs: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later row counts, not the one with the later time."""
    now = time.time()
    first = jobs.begin("key", ORDER, Decimal(0))
    with jobs.base.writing() as rows:
        rows.execute("UPDATE job SET state = 'done' WHERE id = ?", (first.id,))
    monkeypatch.setattr(time, "time", lambda: now - DAY)
    second = jobs.begin("key", ORDER, Decimal(0))
    found = jobs.find("key")
    assert found is not None
    assert (found.id, found.state) == (second.id, "planned")
