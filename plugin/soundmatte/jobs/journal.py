"""The journal: what was asked of a paid service, on disk before it is asked.

One SQLite file in the machine's local state folder, readable by its owner alone. A job's intent is
committed before it is sent, the request's id before it is waited for, so that after any crash it is
known what was done, or known that it cannot be known. No key and no signed address is kept. This
module must not know how jobs are sent.
"""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import platformdirs

from soundmatte.engines.cloud.ledger import Entry, Intent, State
from soundmatte.errors import SoundmatteError
from soundmatte.jobs.claim import Claim

#: Names another folder for the journal and what it keeps.
FOLDER_VARIABLE = "SOUNDMATTE_STATE"
#: Kinds of file systems whose locks cannot be trusted with money.
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.glusterfs", "ceph")
)
#: States that stand for a job that must be gone on with, or be decided about, before another.
_OPEN = ("submitting", "submitted", "fetched", "uncertain")

_MIGRATIONS = (
    """
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        made REAL NOT NULL,
        changed REAL NOT NULL,
        server TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        usd TEXT NOT NULL,
        request_id TEXT,
        response_url TEXT,
        claim TEXT NOT NULL,
        work TEXT NOT NULL,
        files TEXT,
        failure TEXT
    );
    CREATE INDEX job_by_key ON job (key, state);
    CREATE INDEX job_by_time ON job (made);
    """,
)


class JournalRefused(SoundmatteError):
    """The journal cannot be kept where it should be."""


class JobUnknown(SoundmatteError):
    """There is no job with that id."""

    exit_code = 2


class JobNotOpen(SoundmatteError):
    """The job is not in a state in which this can be done with it."""

    exit_code = 2


def state_folder() -> Path:
    """The machine's local folder for the journal."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path("soundmatte")


@dataclass(frozen=True)
class Journal:
    """The table of jobs; every call is one transaction of its own."""

    folder: Path

    @staticmethod
    def open(folder: Path | None = None) -> Journal:
        """Open the journal, making it if it is not there.

        Raises:
            JournalRefused: a network file system, an unwritable folder, or a newer journal.
        """
        journal = Journal(folder or state_folder())
        _check_local(journal.folder)
        try:
            journal.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not journal.path.exists():
                os.close(os.open(journal.path, os.O_CREAT | os.O_RDWR, 0o600))
            with journal._transaction() as base:
                _migrate(base)
        except (OSError, sqlite3.Error) as error:
            raise JournalRefused(
                f"The journal in {journal.folder} cannot be used: {error}.",
                hint=f"Name another local folder in {FOLDER_VARIABLE}.",
            ) from error
        return journal

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.folder / "journal.sqlite3"

    def kept(self, entry: Entry) -> Path:
        """The folder for what was fetched for a job."""
        folder = self.folder / "fetched" / entry.id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def find(self, key: str) -> Entry | None:
        """The open job for this work, if there is one.

        An intent whose process is gone is uncertain from now on.
        """
        with self._transaction() as base:
            marks = ",".join("?" * len(_OPEN))
            row = base.execute(
                f"SELECT * FROM job WHERE key = ? AND state IN ({marks}) ORDER BY made DESC",
                (key, *_OPEN),
            ).fetchone()
            if row is None:
                return None
            if row["state"] == "submitting" and not Claim.parse(row["claim"]).alive():
                _change(base, row["id"], state="uncertain")
                row = _row(base, row["id"])
            return _entry(row)

    def intend(self, intent: Intent) -> Entry:
        """Put down that a job is about to be sent.

        Raises:
            JobNotOpen: another process has just begun the same one.
        """
        now, name = time.time(), secrets.token_hex(5)
        with self._transaction() as base:
            marks = ",".join("?" * len(_OPEN))
            other = base.execute(
                f"SELECT id FROM job WHERE key = ? AND state IN ({marks})", (intent.key, *_OPEN)
            ).fetchone()
            if other is not None:
                raise JobNotOpen(
                    f"The same work is under way already, as job {other['id']}.",
                    hint="Wait for it, then run the same command again.",
                )
            values = (name, intent.key, "submitting", now, now, intent.server, intent.endpoint)
            base.execute(
                "INSERT INTO job"
                " (id, key, state, made, changed, server, endpoint, usd, claim, work)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, str(intent.usd), str(Claim.mine()), json.dumps(intent.work)),
            )
            return _entry(_row(base, name))

    def submitted(self, entry: Entry, request_id: str, response_url: str) -> Entry:
        """The service has taken the job, and this is its id there."""
        return self._to(entry, "submitted", request_id=request_id, response_url=response_url)

    def fetched(self, entry: Entry, files: dict[str, str]) -> Entry:
        """The stems are here; `files` has the SHA-256 of each by its name."""
        return self._to(entry, "fetched", files=json.dumps(files))

    def failed(self, entry: Entry, why: str) -> Entry:
        """The job ended without stems, for certain."""
        return self._to(entry, "failed", failure=why)

    def uncertain(self, entry: Entry, why: str) -> Entry:
        """Whether there is a job at the service cannot be known from here."""
        return self._to(entry, "uncertain", failure=why)

    def cancelled(self, entry: Entry) -> Entry:
        """A person gave the job up."""
        return self._to(entry, "cancelled")

    def abandoned(self, entry: Entry) -> Entry:
        """A person decided that this one is given up for a new one.

        Raises:
            JobNotOpen: it is under way, or its stems are here.
        """
        if entry.state not in ("uncertain", "failed", "cancelled"):
            raise JobNotOpen(
                f"Job {entry.id} is {entry.state}; there is nothing to send again.",
                hint="Run the first command again: it goes on where it stopped.",
            )
        return self._to(entry, "abandoned")

    def entry(self, name: str) -> Entry:
        """The job with that id.

        Raises:
            JobUnknown: there is none.
        """
        with self._transaction() as base:
            row = _row(base, name)
        if row is None:
            raise JobUnknown(f"There is no job {name!r}.", hint="See `soundmatte jobs list`.")
        return _entry(row)

    def entries(self, most: int = 50) -> list[Entry]:
        """The newest jobs, newest first."""
        with self._transaction() as base:
            rows = base.execute("SELECT * FROM job ORDER BY made DESC LIMIT ?", (most,)).fetchall()
        return [_entry(row) for row in rows]

    def _to(self, entry: Entry, state: State, **values: str) -> Entry:
        with self._transaction() as base:
            _change(base, entry.id, state=state, **values)
            return _entry(_row(base, entry.id))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # A connection for each transaction: nothing is shared between threads and processes.
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as base:
            base.row_factory = sqlite3.Row
            base.execute("PRAGMA synchronous = FULL")
            base.execute("BEGIN IMMEDIATE")
            try:
                yield base
            except BaseException:
                base.execute("ROLLBACK")
                raise
            base.execute("COMMIT")


def _migrate(base: sqlite3.Connection) -> None:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version > len(_MIGRATIONS):
        raise sqlite3.DatabaseError("it was written by a newer Soundmatte")
    for number, script in enumerate(_MIGRATIONS[version:], version + 1):
        for statement in filter(str.strip, script.split(";")):
            base.execute(statement)
        base.execute(f"PRAGMA user_version = {number}")


def _row(base: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row = base.execute("SELECT * FROM job WHERE id = ?", (name,)).fetchone()
    return row


def _change(base: sqlite3.Connection, name: str, **values: str) -> None:
    columns = ", ".join(f"{column} = ?" for column in values)
    base.execute(
        f"UPDATE job SET {columns}, changed = ? WHERE id = ?", (*values.values(), time.time(), name)
    )


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        id=row["id"],
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


def _check_local(folder: Path) -> None:
    """SQLite's locks, and with them the promise of one bill, fail on network file systems."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    real = str(folder.resolve())
    best, kind = "", ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split()
        place = parts[1].replace("\\040", " ")
        inside = real == place or real.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= len(best):
            best, kind = place, parts[2]
    if kind in _NETWORK:
        raise JournalRefused(
            f"{folder} lies on a network file system ({kind}), where the journal is not safe.",
            hint=f"Name a local folder in {FOLDER_VARIABLE}.",
        )
