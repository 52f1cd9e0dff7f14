"""What outlives the process: one SQLite file and one folder of files.

Must not know what the rows mean.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, role TEXT NOT NULL,
  app TEXT NOT NULL, path TEXT NOT NULL, base TEXT NOT NULL, input TEXT NOT NULL,
  priority INTEGER NOT NULL, start_timeout REAL, webhook TEXT,
  state TEXT NOT NULL, submitted REAL NOT NULL, started REAL, completed REAL,
  executions INTEGER NOT NULL DEFAULT 0, cancel INTEGER NOT NULL DEFAULT 0,
  status INTEGER, headers TEXT, result TEXT, error TEXT, error_type TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS logs (
  n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, entry TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS logs_by_job ON logs (job);
CREATE TABLE IF NOT EXISTS uploads (
  n INTEGER PRIMARY KEY AUTOINCREMENT, public TEXT UNIQUE NOT NULL, file TEXT NOT NULL,
  shape TEXT NOT NULL, upload_id TEXT, signature TEXT, file_name TEXT, content_type TEXT,
  lifecycle TEXT, size INTEGER, sha256 TEXT, etag TEXT, writes INTEGER NOT NULL DEFAULT 0,
  done INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS parts (
  upload INTEGER NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
  writes INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (upload, number));
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, kind TEXT NOT NULL, expires REAL);
CREATE TABLE IF NOT EXISTS requests (
  n INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, role TEXT, method TEXT, path TEXT,
  query TEXT, headers TEXT, body_size INTEGER, body_sha256 TEXT, json TEXT, own INTEGER,
  fault INTEGER, status INTEGER);
CREATE TABLE IF NOT EXISTS deliveries (
  n INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL,
  attempts TEXT NOT NULL DEFAULT '[]', next REAL NOT NULL, state TEXT NOT NULL);
"""

DEFAULTS: dict[str, Any] = {
    "job_seconds": 0.2,
    "queue_seconds": 0.1,
    "parallel": 1,
    "paused": False,
    "ignore_cancel": False,
    "fail": None,
    "tail_ms": None,
    "etag_style": "quoted",
    "file_fields": "short",
    "ranges": True,
    "gcs": True,
    "upload_seconds": 3600,
    "most_kept": None,  # bytes; of a longer body the size and the hash are kept alone
    "comment_seconds": 15.0,
    "webhook_attempts": 5,
    "webhook_retry_seconds": 0.2,
    "webhook_timeout": 15.0,
}


class Store:
    """The SQLite file, one statement at a time from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; what a killed process wrote is there."""
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.row_factory = sqlite3.Row
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=OFF")  # a killed process loses nothing by it
        self._base.executescript(SCHEMA)

    def write(self, statement: str, *values: Any) -> int:
        """Run a statement that changes rows; the number of the row inserted last."""
        with self._lock:
            return int(self._base.execute(statement, values).lastrowid or 0)

    def changed(self, statement: str, *values: Any) -> int:
        """Run a statement that changes rows; how many it changed."""
        with self._lock:
            return self._base.execute(statement, values).rowcount

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """All rows of a question."""
        with self._lock:
            return [dict(row) for row in self._base.execute(statement, values).fetchall()]

    def row(self, statement: str, *values: Any) -> dict[str, Any] | None:
        """The first row of a question."""
        with self._lock:
            found = self._base.execute(statement, values).fetchone()
            return None if found is None else dict(found)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What happens inside is one change that no other thread sees half done."""
        with self._lock:
            yield

    def empty(self) -> None:
        """Remove every row. Numbers go on, so that what is under way hits no new row."""
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        with self.together():
            for table in self.rows(tables):
                self.write(f"DELETE FROM {table['name']}")

    def keep(self, name: str, value: Any) -> None:
        """Keep a JSON value under a name."""
        self.write("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, json.dumps(value))

    def kept(self, name: str, otherwise: Any = None) -> Any:
        """The JSON value kept under a name."""
        row = self.row("SELECT value FROM kept WHERE name = ?", name)
        return otherwise if row is None else json.loads(row["value"])


@dataclass
class Service:
    """The running service, as every part of it sees it.

    Attributes:
        key: the one credential that is accepted.
        own: a value by which the service knows requests of its own.
        resets: how often everything was forgotten; what began before then must not go on.
        changed: woken whenever a job or a setting changed.
    """

    folder: Path
    store: Store
    key: str
    engine: str
    own: str
    resets: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings now."""
        return {**DEFAULTS, **self.store.kept("settings", {})}

    def change_settings(self, values: Mapping[str, Any]) -> None:
        """Change some settings."""
        with self.store.together():
            self.store.keep("settings", {**self.store.kept("settings", {}), **values})
        self.wake()

    def wake(self) -> None:
        """Tell all who wait that something changed."""
        with self.changed:
            self.changed.notify_all()
