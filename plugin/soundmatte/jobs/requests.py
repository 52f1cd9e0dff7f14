"""What was asked of a paid service, on disk before it is asked.

A request's intent is committed before it is sent, its id before it is waited for, so that after
any crash it is known what was done, or known that it cannot be known. No key and no signed address
is kept. This module must not know how requests are sent.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from soundmatte.engines.cloud.ledger import Entry, Intent, State, check_month
from soundmatte.errors import SoundmatteError
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.database import Database, damaged

#: States that stand for a request that must be gone on with, or be decided about, before another.
_OPEN = ("submitting", "submitted", "fetched", "uncertain")
#: States in which nothing was charged, for certain.
_UNCHARGED = ("failed",)
#: A file that was sent is sent again where the service would keep it for less than this (s).
_LEAST = 1200.0


class JobNotOpen(SoundmatteError):
    """The job is not in a state in which this can be done with it."""

    exit_code = 2


@dataclass(frozen=True)
class Requests:
    """The table of requests; every call is one transaction. See `engines.cloud.ledger.Ledger`."""

    base: Database

    @staticmethod
    def open(folder: Path | None = None) -> Requests:
        """The table in the journal of `folder`, or of this machine.

        Raises:
            JournalRefused: see `Database.open`.
        """
        return Requests(Database.open(folder))

    def kept(self, entry: Entry) -> Path:
        """The folder for what was fetched for a request."""
        folder = self.base.folder / "fetched" / entry.id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def find(self, key: str) -> Entry | None:
        """The open request for this work, if there is one.

        An intent whose process is gone is uncertain from now on.
        """
        with self.base.reading() as rows:
            row = _open_for(rows, key)
        if row is not None and _left(row):
            with self.base.writing() as rows:
                # Somebody may have been quicker.
                row = _open_for(rows, key)
                if row is not None and _left(row):
                    row = _change(rows, row["id"], "uncertain")
        return None if row is None else self._entry(row)

    def intend(self, intent: Intent) -> Entry:
        """Put down that a request is about to be sent.

        Raises:
            JobNotOpen: another process has just begun the same one.
            CostRefused: more than the month's limit would be spent.
        """
        now, name = time.time(), secrets.token_hex(5)
        with self.base.writing() as rows:
            other = rows.execute(
                f"SELECT job FROM request WHERE key = ? AND state IN ({_marks()})",
                (intent.key, *_OPEN),
            ).fetchone()
            if other is not None:
                raise JobNotOpen(
                    f"The same work is under way already, as job {other['job']}.",
                    hint="Wait for it, then run the same command again.",
                )
            check_month(_spent(rows), intent.usd, intent.monthly)
            values = (name, intent.key, "submitting", now, now, intent.server, intent.endpoint)
            rows.execute(
                "INSERT INTO request"
                " (id, key, state, made, changed, server, endpoint, usd, claim, work, job)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *values,
                    str(intent.usd),
                    str(Claim.mine()),
                    json.dumps(intent.work),
                    intent.job,
                ),
            )
            _tell_job(rows, intent.job, "submitting")
            return self._entry(_row(rows, name))

    def submitted(self, entry: Entry, request_id: str, response_url: str) -> Entry:
        """The service has taken the request, and this is its id there."""
        return self._to(entry, "submitted", request_id=request_id, response_url=response_url)

    def fetched(self, entry: Entry, files: dict[str, str]) -> Entry:
        """The stems are here; `files` has the SHA-256 of each by its name."""
        return self._to(entry, "fetched", files=json.dumps(files))

    def failed(self, entry: Entry, why: str) -> Entry:
        """The request ended without stems, for certain; what was sent for it is sent anew."""
        with self.base.writing() as rows:
            rows.execute("DELETE FROM upload WHERE server = ?", (entry.server,))
            return self._entry(_change(rows, entry.id, "failed", failure=why))

    def uncertain(self, entry: Entry, why: str) -> Entry:
        """Whether the service has the request cannot be known from here."""
        return self._to(entry, "uncertain", failure=why)

    def cancelled(self, entry: Entry) -> Entry:
        """A person gave the request up."""
        with self.base.writing() as rows:
            return self._entry(_change(rows, entry.id, "cancelled"))

    def abandoned(self, entry: Entry) -> Entry:
        """A person decided that this one is given up for a new one.

        Raises:
            JobNotOpen: it is under way, or its stems are here.
        """
        if entry.state not in ("uncertain", "failed", "cancelled"):
            raise JobNotOpen(
                f"Request {entry.id} is {entry.state}; there is nothing to send again.",
                hint="Run the first command again: it goes on where it stopped.",
            )
        with self.base.writing() as rows:
            return self._entry(_change(rows, entry.id, "abandoned"))

    def give_up(self, name: str) -> None:
        """What is kept of a request is removed, and the same work would be paid for anew."""
        with self.base.writing() as rows:
            if _row(rows, name) is not None:
                _change(rows, name, "abandoned")

    def of(self, job: str) -> list[Entry]:
        """The requests of a job, in order."""
        with self.base.reading() as rows:
            found = rows.execute("SELECT * FROM request WHERE job = ? ORDER BY rowid", (job,))
            return [self._entry(row) for row in found.fetchall()]

    def spent(self) -> Decimal:
        """The most that this month's requests may have cost (USD)."""
        with self.base.reading() as rows:
            return _spent(rows)

    def sent(self, server: str, sha256: str) -> str | None:
        """The address of a file with this hash that the server has been sent, and still has."""
        now = time.time()
        with self.base.reading() as rows:
            row = rows.execute(
                "SELECT url FROM upload"
                " WHERE server = ? AND sha256 = ? AND made <= ? AND until >= ?",
                (server, sha256, now, now + _LEAST),
            ).fetchone()
        return None if row is None else str(row["url"])

    def sending(self, job: str, server: str, sha256: str, url: str, keeps: float) -> None:
        """A file was sent, and the server keeps it for so many seconds."""
        now = time.time()
        with self.base.writing() as rows:
            rows.execute("DELETE FROM upload WHERE until < ? OR made > ?", (now, now))
            values = (server, sha256, url, now, now + keeps)
            rows.execute("INSERT OR REPLACE INTO upload VALUES (?, ?, ?, ?, ?)", values)
            _tell_job(rows, job, "uploaded")

    def _to(self, entry: Entry, state: State, **values: str) -> Entry:
        with self.base.writing() as rows:
            row = _change(rows, entry.id, state, **values)
            _tell_job(rows, row["job"], state)
            return self._entry(row)

    def _entry(self, row: sqlite3.Row) -> Entry:
        try:
            return _entry(row)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise damaged(self.base.folder, f"request {row['id']} cannot be read") from error


def _spent(rows: sqlite3.Connection) -> Decimal:
    now = datetime.now().astimezone()
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    marks = ",".join("?" * len(_UNCHARGED))
    # There are few prices and many requests; SQLite itself cannot add decimals exactly.
    found = rows.execute(
        "SELECT usd, count(*) AS times FROM request"
        f" WHERE made >= ? AND state NOT IN ({marks}) GROUP BY usd",
        (first.timestamp(), *_UNCHARGED),
    )
    return sum((Decimal(row["usd"]) * row["times"] for row in found), Decimal(0))


def _marks() -> str:
    return ",".join("?" * len(_OPEN))


def _open_for(rows: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = rows.execute(
        f"SELECT * FROM request WHERE key = ? AND state IN ({_marks()}) ORDER BY rowid DESC",
        (key, *_OPEN),
    ).fetchone()
    return row


def _left(row: sqlite3.Row) -> bool:
    """Whether it was about to be sent by a process that is gone."""
    return row["state"] == "submitting" and not Claim.parse(row["claim"]).alive()


def _tell_job(rows: sqlite3.Connection, job: str, state: str) -> None:
    rows.execute("UPDATE job SET state = ?, changed = ? WHERE id = ?", (state, time.time(), job))


def _row(rows: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row = rows.execute("SELECT * FROM request WHERE id = ?", (name,)).fetchone()
    return row


def _change(rows: sqlite3.Connection, name: str, state: State, **values: str) -> sqlite3.Row:
    columns = "".join(f"{column} = ?, " for column in values)
    rows.execute(
        f"UPDATE request SET {columns}state = ?, changed = ? WHERE id = ?",
        (*values.values(), state, time.time(), name),
    )
    return _row(rows, name)


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
        job=row["job"],
        key=row["key"],
        state=row["state"],
        made=row["made"],
        server=row["server"],
        endpoint=row["endpoint"],
        usd=Decimal(row["usd"]),
        request_id=row["request_id"],
        work=json.loads(row["work"]),
        files=json.loads(row["files"] or "{}"),
        failure=row["failure"] or "",
    )
