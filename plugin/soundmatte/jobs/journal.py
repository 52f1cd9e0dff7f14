"""The journal: every separation, how far it is, what it may have cost, and whose it is.

One row for each job. A job that nobody works on any more, because its process was killed, is gone
on with by whoever asks for the same work. This module must not know the steps of a job, nor what
is asked of a service.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from soundmatte import __version__
from soundmatte.documents import Order, Selection, Separation
from soundmatte.errors import SoundmatteError
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.database import Database, damaged
from soundmatte.jobs.requests import JobNotOpen

JobState = Literal[
    "planned",
    "extracted",
    "uploaded",
    "submitting",
    "submitted",
    "fetched",
    "conformed",
    "placed",
    "done",
    "failed",
    "cancelled",
    "uncertain",
]
#: States in which nobody works on a job any more.
ENDED = ("done", "failed", "cancelled", "uncertain")
#: In words that the index of such rows has too, or it is of no use.
_NOT_OVER = "state NOT IN ('done', 'failed', 'cancelled', 'uncertain')"
#: A job may be asked for by the beginning of its id, of so many characters at least.
_SHORTEST = 4


class JobUnknown(SoundmatteError):
    """There is no job with that id."""

    exit_code = 2


@dataclass(frozen=True)
class Job:
    """A separation as it is put down.

    Attributes:
        made, changed: seconds since 1970.
        running: a living process works on it.
        usd: the most that it was planned to cost.
        version: of the program that began it.
        seconds: how long each step took.
        retryable: the same might go well another time.
    """

    id: str
    key: str
    state: JobState
    made: float
    changed: float
    running: bool
    usd: Decimal
    version: str
    order: Order
    seconds: Mapping[str, float]
    failure: str
    hint: str
    retryable: bool
    separation: Separation | None

    @property
    def stopped(self) -> bool:
        """Whether it was left in the middle, and can be gone on with."""
        return self.state not in ENDED and not self.running


#: What tells a file from what it was before: its size in bytes, and when it was changed (ns).
Stamp = tuple[int, int]


def stamps(selection: Selection) -> dict[Path, Stamp]:
    """The stamp of every file that a selection is made of, but for those that are missing."""
    others = (part.path for part in (selection.matte, selection.picture) if part is not None)
    found = {}
    for path in (selection.media, *others):
        with suppress(OSError, ValueError):  # also of a name that no file can have
            stat = path.stat()
            found[path] = (stat.st_size, stat.st_mtime_ns)
    return found


def key_of(order: Order, identity: Mapping[str, Any]) -> str:
    """The same for the same separation: what is asked, of which files as they are, to where."""
    told = order.model_dump(mode="json", exclude={"terms", "overwrite", "accept_doubtful"})
    words = json.dumps([told, list(stamps(order.selection).values()), identity], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()


@dataclass(frozen=True)
class Journal:
    """The table of jobs; every call is one transaction."""

    base: Database

    @staticmethod
    def open(folder: Path | None = None) -> Journal:
        """The journal in `folder`, or that of this machine.

        Raises:
            JournalRefused: see `Database.open`.
        """
        return Journal(Database.open(folder))

    def find(self, key: str) -> Job | None:
        """The newest job for this work."""
        with self.base.reading() as rows:
            row = rows.execute(
                "SELECT * FROM job WHERE key = ? ORDER BY rowid DESC LIMIT 1", (key,)
            ).fetchone()
            return None if row is None else self._job(row)

    def begin(self, key: str, order: Order, usd: Decimal) -> Job:
        """Put down that this process works on a job: a new one, or one that was left.

        Raises:
            JobNotOpen: another one works on it.
        """
        now, mine = time.time(), str(Claim.mine())
        with self.base.writing() as rows:
            left = _unfinished(rows, key)
            if left is not None:
                if left["state"] not in ENDED and Claim.parse(left["claim"]).alive():
                    raise JobNotOpen(
                        f"The same work is under way already, as job {left['id']}.",
                        hint="Wait for it, or end it: soundmatte jobs cancel " + left["id"],
                    )
                rows.execute(
                    "UPDATE job SET state = CASE WHEN state IN ('failed', 'cancelled')"
                    " THEN 'planned' ELSE state END, claim = ?, changed = ?, task = ?, usd = ?,"
                    " version = ?, failure = '', hint = '', cancel = 0 WHERE id = ?",
                    (mine, now, _text(order), str(usd), __version__, left["id"]),
                )
                return self._job(_row(rows, left["id"]))
            name = secrets.token_hex(5)
            rows.execute(
                "INSERT INTO job (id, key, state, made, changed, claim, usd, version, task)"
                " VALUES (?, ?, 'planned', ?, ?, ?, ?, ?, ?)",
                (name, key, now, now, mine, str(usd), __version__, _text(order)),
            )
            return self._job(_row(rows, name))

    def reached(self, job: str, state: JobState, seconds: Mapping[str, float]) -> None:
        """Steps were done, each of which took so long."""
        with self.base.writing() as rows:
            rows.execute(
                "UPDATE job SET state = ?, changed = ?, seconds = json_patch(seconds, ?)"
                " WHERE id = ?",
                (state, time.time(), json.dumps(seconds), job),
            )

    def done(self, job: str, separation: Separation) -> None:
        """The stems are where they should be."""
        self._end(job, "done", separation=json.dumps(separation.model_dump(mode="json")))

    def failed(self, job: str, state: JobState, error: BaseException) -> None:
        """It ended without stems: failed, uncertain or cancelled."""
        hint, retryable = getattr(error, "hint", ""), getattr(error, "retryable", False)
        self._end(job, state, failure=str(error), hint=hint, retryable=int(bool(retryable)))

    def _end(self, job: str, state: JobState, **values: object) -> None:
        columns = "".join(f"{name} = ?, " for name in values)
        with self.base.writing() as rows:
            rows.execute(
                f"UPDATE job SET {columns}state = ?, changed = ?, cancel = 0 WHERE id = ?",
                (*values.values(), state, time.time(), job),
            )

    def ask_to_cancel(self, job: str) -> None:
        """Let the process that works on the job end it."""
        with self.base.writing() as rows:
            rows.execute("UPDATE job SET cancel = 1 WHERE id = ?", (job,))

    def to_be_cancelled(self, job: str) -> bool:
        """Whether somebody asked for that."""
        with self.base.reading() as rows:
            row = rows.execute("SELECT cancel FROM job WHERE id = ?", (job,)).fetchone()
        return row is not None and bool(row["cancel"])

    def forget(self, job: str) -> None:
        """Remove a job's row; what its requests cost stays in the totals."""
        with self.base.writing() as rows:
            rows.execute("DELETE FROM job WHERE id = ?", (job,))

    def job(self, name: str) -> Job:
        """The job with that id, or the one whose id begins so.

        Raises:
            JobUnknown: there is none, or more than one.
        """
        with self.base.reading() as rows:
            found = rows.execute(
                "SELECT * FROM job WHERE id >= ? AND id < ? LIMIT 2", (name, name + "~")
            ).fetchall()
        exact = [row for row in found if row["id"] == name]
        found = exact or (found if len(name) >= _SHORTEST else [])
        if len(found) != 1:
            what = "More than one job begins with" if found else "There is no job"
            raise JobUnknown(f"{what} {name!r}.", hint="See `soundmatte jobs list`.")
        return self._job(found[0])

    def jobs(self, most: int = 50) -> list[Job]:
        """The newest jobs, newest first, whatever the clock said when they were begun."""
        with self.base.reading() as rows:
            found = rows.execute(
                "SELECT * FROM job ORDER BY rowid DESC LIMIT ?", (most,)
            ).fetchall()
        return [self._job(row) for row in found]

    def unfinished(self) -> list[Job]:
        """Every job that did not come to its end, oldest first."""
        with self.base.reading() as rows:
            # The sign keeps SQLite from walking through all rows in order.
            found = rows.execute(f"SELECT * FROM job WHERE {_NOT_OVER} ORDER BY +rowid").fetchall()
        return [self._job(row) for row in found]

    def _job(self, row: sqlite3.Row) -> Job:
        try:
            return _job(row)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise damaged(self.base.folder, f"job {row['id']} cannot be read") from error


def _text(order: Order) -> str:
    return json.dumps(order.model_dump(mode="json"))


def _unfinished(rows: sqlite3.Connection, key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = rows.execute(
        "SELECT * FROM job WHERE key = ? AND state != 'done' ORDER BY rowid DESC", (key,)
    ).fetchone()
    return row


def _row(rows: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row = rows.execute("SELECT * FROM job WHERE id = ?", (name,)).fetchone()
    return row


def _job(row: sqlite3.Row) -> Job:
    found = row["separation"]
    return Job(
        id=row["id"],
        key=row["key"],
        state=row["state"],
        made=row["made"],
        changed=row["changed"],
        running=row["state"] not in ENDED and Claim.parse(row["claim"]).alive(),
        usd=Decimal(row["usd"]),
        version=row["version"],
        order=Order.model_validate(json.loads(row["task"])),
        seconds=json.loads(row["seconds"]),
        failure=row["failure"],
        hint=row["hint"],
        retryable=bool(row["retryable"]),
        separation=None if found is None else Separation.model_validate(json.loads(found)),
    )
