"""The journal's file: one SQLite database in the machine's local state folder.

It is readable by its owner alone, grows by numbered migrations, and is refused where its locks
cannot be trusted, where a newer program wrote it, or where it is damaged. This module must not
know what the tables mean.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from soundmatte.errors import SoundmatteError
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.migrations import AT_WORK, MIGRATIONS

#: Names another folder for the journal and what it keeps.
FOLDER_VARIABLE = "SOUNDMATTE_STATE"
#: Kinds of file systems whose locks cannot be trusted with money.
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.glusterfs", "ceph")
)
#: Another process may hold the journal for so long (s).
_PATIENCE = 30
#: Of this process one thread writes at a time, and the next one is woken; SQLite would have them
#: look again and again.
_writers: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)


class JournalRefused(SoundmatteError):
    """The journal cannot be kept where it should be, or is damaged."""


def state_folder() -> Path:
    """The machine's local folder for the journal."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path("soundmatte")


@dataclass(frozen=True)
class Database:
    """The file; every use of it is one transaction on a connection of its own."""

    folder: Path

    @staticmethod
    def open(folder: Path | None = None) -> Database:
        """Open the file, making it if it is not there.

        Raises:
            JournalRefused: a network file system, an unwritable folder, a newer journal, or an
                older one that a program of its time is working with.
        """
        base = Database((folder or state_folder()).absolute())
        _check_local(base.folder)
        try:
            base.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not base.path.exists():
                os.close(os.open(base.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise _refused(base.folder, error) from error
        with base.reading() as rows:
            known = base._check_version(rows) == len(MIGRATIONS)
        if not known:
            with base.writing() as rows:
                base._migrate(rows)
        return base

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.folder / "journal.sqlite3"

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the context ends; undone by any error.

        Raises:
            JournalRefused: the disk is full, the file is damaged, is held by somebody else, or was
                taken over by a newer program meanwhile.
        """
        with self._alone(), self._connected() as rows:
            rows.execute("PRAGMA synchronous = FULL")
            rows.execute("BEGIN IMMEDIATE")
            try:
                self._check_version(rows)
                yield rows
            except BaseException:
                if rows.in_transaction:
                    rows.execute("ROLLBACK")
                raise
            rows.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Rows to be looked at, without keeping anybody from writing.

        Raises:
            JournalRefused: the file is damaged.
        """
        with self._connected() as rows:
            yield rows

    def _check_version(self, rows: sqlite3.Connection) -> int:
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise JournalRefused(
                f"The journal in {self.folder} was written by a newer Soundmatte.",
                hint=f"Update this one, or name another local folder in {FOLDER_VARIABLE}.",
            )
        return int(version)

    def _migrate(self, rows: sqlite3.Connection) -> None:
        version = self._check_version(rows)
        if version == len(MIGRATIONS):
            return
        # An older program must not find the tables changed while it is in the middle of a job.
        claims = [Claim.parse(row["claim"]) for row in rows.execute(AT_WORK)] if version else []
        for claim in claims:
            if claim.host == Claim.mine().host and claim.alive():
                raise JournalRefused(
                    f"An older Soundmatte is at work with the journal in {self.folder}, as process "
                    f"{claim.process}.",
                    hint="Wait for it, then try again.",
                )
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in filter(str.strip, script.split(";")):
                rows.execute(statement)
            rows.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = _writers[self.path]
        if not lock.acquire(timeout=_PATIENCE):
            raise _held(self.folder)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # Nothing is shared between threads and processes.
        try:
            with closing(
                sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
            ) as rows:
                rows.row_factory = sqlite3.Row
                yield rows
        except sqlite3.Error as error:
            raise _refused(self.folder, error) from error


def damaged(folder: Path, words: str) -> JournalRefused:
    """What is in the journal cannot be what was written there."""
    return JournalRefused(
        f"The journal in {folder} is damaged: {words}.",
        hint="Keep a copy of journal.sqlite3 for what was paid, then move it away; "
        "a new one is begun.",
    )


def _refused(folder: Path, error: Exception) -> JournalRefused:
    words = str(error)
    if any(sign in words for sign in ("malformed", "not a database", "decode", "corrupt")):
        return damaged(folder, words)
    if "locked" in words:
        return _held(folder)
    hint = f"Make room or permit writing there, or name another local folder in {FOLDER_VARIABLE}."
    return JournalRefused(f"The journal in {folder} cannot be used: {words}.", hint=hint)


def _held(folder: Path) -> JournalRefused:
    return JournalRefused(
        f"Somebody else has held the journal in {folder} for {_PATIENCE} s.",
        hint="Try again when it is done.",
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
