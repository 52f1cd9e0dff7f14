"""The journal: intents before sends, ids before waits, and what a crash leaves of them."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from soundmatte.engines.cloud.ledger import Intent
from soundmatte.jobs.claim import Claim
from soundmatte.jobs.journal import (
    JobNotOpen,
    JobUnknown,
    Journal,
    JournalRefused,
    _check_local,
)

INTENT = Intent("key", "https://queue", "separate", Decimal("0.05"), {"selection": {"media": "a"}})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path / "state")


def test_a_job_goes_its_way_and_is_there_after_reopening(journal: Journal) -> None:
    entry = journal.intend(INTENT)
    assert entry.state == "submitting"
    entry = journal.submitted(entry, "request-1", "https://queue/request-1")
    again = Journal.open(journal.folder).find("key")
    assert again is not None
    assert (again.state, again.request_id, again.usd) == ("submitted", "request-1", Decimal("0.05"))
    fetched = journal.fetched(again, {"target": "aa"})
    assert fetched.files == {"target": "aa"}
    assert journal.find("key") == fetched
    assert journal.find("another key") is None


@pytest.mark.parametrize("end", ["failed", "cancelled", "abandoned"])
def test_what_has_ended_is_not_found_again(journal: Journal, end: str) -> None:
    entry = journal.intend(INTENT)
    if end == "failed":
        journal.failed(entry, "why")
    elif end == "cancelled":
        journal.cancelled(entry)
    else:
        journal.abandoned(journal.uncertain(entry, "lost"))
    assert journal.find("key") is None
    assert journal.entry(entry.id).state == end
    assert journal.intend(INTENT).id != entry.id


def test_the_same_work_cannot_be_intended_twice(journal: Journal) -> None:
    journal.intend(INTENT)
    with pytest.raises(JobNotOpen, match="under way") as caught:
        journal.intend(INTENT)
    assert caught.value.hint


def test_only_what_is_undecided_or_over_is_abandoned(journal: Journal) -> None:
    entry = journal.submitted(journal.intend(INTENT), "r", "u")
    with pytest.raises(JobNotOpen):
        journal.abandoned(entry)


def test_an_intent_whose_process_was_killed_is_uncertain(tmp_path: Path) -> None:
    code = """
import os, sys
from decimal import Decimal
from pathlib import Path
from soundmatte.engines.cloud.ledger import Intent
from soundmatte.jobs.journal import Journal
Journal.open(Path(sys.argv[1])).intend(Intent("key", "s", "e", Decimal(1), {}))
os.kill(os.getpid(), 9)
"""
    folder = tmp_path / "state"
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert ended.returncode == -9
    found = Journal.open(folder).find("key")
    assert found is not None
    assert found.state == "uncertain"


def test_an_intent_of_a_living_process_stays_one(journal: Journal) -> None:
    journal.intend(INTENT)
    found = journal.find("key")
    assert found is not None
    assert found.state == "submitting"


def test_a_number_that_was_given_to_another_process_is_not_the_same() -> None:
    mine = Claim.mine()
    assert mine.alive()
    assert Claim.parse(str(mine)) == mine
    assert not Claim(mine.host, mine.process, "1").alive()
    assert Claim("elsewhere|or not", mine.process, "1").alive()


def test_only_the_owner_may_read_it(journal: Journal) -> None:
    journal.intend(INTENT)
    for path in journal.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(journal.folder.stat().st_mode) & 0o077 == 0


def test_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = f"server:/x {tmp_path} nfs4 rw 0 0\n/dev/vda / ext4 rw 0 0\n"
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "read_text", lambda self, **options: text)
    with pytest.raises(JournalRefused, match="nfs4") as caught:
        _check_local(tmp_path / "state")
    assert "SOUNDMATTE_STATE" in caught.value.hint


def test_a_newer_journal_and_a_broken_one_are_refused(journal: Journal) -> None:
    with sqlite3.connect(journal.path) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(JournalRefused, match="newer"):
        Journal.open(journal.folder)
    journal.path.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalRefused) as caught:
        Journal.open(journal.folder)
    assert caught.value.hint


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalRefused):
        Journal.open(tmp_path / "file" / "state")


def test_an_unknown_job_is_named(journal: Journal) -> None:
    with pytest.raises(JobUnknown, match="'nope'"):
        journal.entry("nope")


def test_the_newest_come_first(journal: Journal) -> None:
    names = []
    for number in range(3):
        intent = Intent(f"key {number}", "s", "e", Decimal(0), {})
        names.append(journal.intend(intent).id)
    assert [entry.id for entry in journal.entries()] == names[::-1]
