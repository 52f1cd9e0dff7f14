"""Requests: intents before sends, ids before waits, and what a crash leaves of them."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from soundmatte.engines.cloud.ledger import Intent
from soundmatte.jobs.claim import Claim, _by_clock
from soundmatte.jobs.database import JournalRefused, _check_local
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.migrations import MIGRATIONS
from soundmatte.jobs.requests import JobNotOpen, Requests
from soundmatte.separation.errors import CostRefused

INTENT = Intent("key", "https://queue", "separate", Decimal("0.05"), {"window": [1, 1]}, "job")


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    return Requests.open(tmp_path / "state")


def test_a_job_goes_its_way_and_is_there_after_reopening(requests: Requests) -> None:
    entry = requests.intend(INTENT)
    assert entry.state == "submitting"
    entry = requests.submitted(entry, "request-1", "https://queue/request-1")
    again = Requests.open(requests.base.folder).find("key")
    assert again is not None
    assert (again.state, again.request_id, again.usd) == ("submitted", "request-1", Decimal("0.05"))
    fetched = requests.fetched(again, {"target": "aa"})
    assert fetched.files == {"target": "aa"}
    assert requests.find("key") == fetched
    assert requests.find("another key") is None


@pytest.mark.parametrize("end", ["failed", "cancelled", "abandoned"])
def test_what_has_ended_is_not_found_again(requests: Requests, end: str) -> None:
    entry = requests.intend(INTENT)
    if end == "failed":
        requests.failed(entry, "why")
    elif end == "cancelled":
        requests.cancelled(entry)
    else:
        requests.abandoned(requests.uncertain(entry, "lost"))
    assert requests.find("key") is None
    assert [one.state for one in requests.of("job")] == [end]
    assert requests.intend(INTENT).id != entry.id


def test_the_same_work_cannot_be_intended_twice(requests: Requests) -> None:
    requests.intend(INTENT)
    with pytest.raises(JobNotOpen, match="under way") as caught:
        requests.intend(INTENT)
    assert caught.value.hint


def test_only_what_is_undecided_or_over_is_abandoned(requests: Requests) -> None:
    entry = requests.submitted(requests.intend(INTENT), "r", "u")
    with pytest.raises(JobNotOpen):
        requests.abandoned(entry)


def test_an_intent_whose_process_was_killed_is_uncertain(tmp_path: Path) -> None:
    code = """
import os, sys
from decimal import Decimal
from pathlib import Path
from soundmatte.engines.cloud.ledger import Intent
from soundmatte.jobs.requests import Requests
Requests.open(Path(sys.argv[1])).intend(Intent("key", "s", "e", Decimal(1), {}))
os.kill(os.getpid(), 9)
"""
    folder = tmp_path / "state"
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert ended.returncode == -9
    found = Requests.open(folder).find("key")
    assert found is not None
    assert found.state == "uncertain"


def test_an_intent_of_a_living_process_stays_one(requests: Requests) -> None:
    requests.intend(INTENT)
    found = requests.find("key")
    assert found is not None
    assert found.state == "submitting"


def test_a_number_that_was_given_to_another_process_is_not_the_same() -> None:
    mine = Claim.mine()
    assert mine.alive()
    assert Claim.parse(str(mine)) == mine
    assert not Claim(mine.host, mine.process, "1").alive()
    assert Claim("elsewhere|or not", mine.process, "1").alive()


def test_elsewhere_than_on_linux_the_start_is_a_time_of_day() -> None:
    mine = _by_clock(os.getpid())
    assert abs(float(mine) - time.time()) < 24 * 3600
    assert mine == _by_clock(os.getpid())
    assert _by_clock(2**22 + 1) == ""


def test_only_the_owner_may_read_it(requests: Requests) -> None:
    requests.intend(INTENT)
    for path in requests.base.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE(requests.base.folder.stat().st_mode) & 0o077 == 0


def test_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = f"server:/x {tmp_path} nfs4 rw 0 0\n/dev/vda / ext4 rw 0 0\n"
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "read_text", lambda self, **options: text)
    with pytest.raises(JournalRefused, match="nfs4") as caught:
        _check_local(tmp_path / "state")
    assert "SOUNDMATTE_STATE" in caught.value.hint


def test_a_newer_journal_and_a_broken_one_are_refused(requests: Requests) -> None:
    with sqlite3.connect(requests.base.path) as base:
        base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(JournalRefused, match="newer"):
        Requests.open(requests.base.folder)
    requests.base.path.write_bytes(b"no database" * 1000)
    with pytest.raises(JournalRefused) as caught:
        Requests.open(requests.base.folder)
    assert caught.value.hint


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalRefused):
        Requests.open(tmp_path / "file" / "state")


def test_a_months_limit_is_kept_to(requests: Requests) -> None:
    limited = replace(INTENT, monthly=Decimal("0.12"))
    first = requests.intend(limited)
    second = requests.intend(replace(limited, key="second"))
    with pytest.raises(CostRefused, match=r"0\.10 of the 0\.12 USD") as caught:
        requests.intend(replace(limited, key="third"))
    assert "monthly_limit" in caught.value.hint
    # What failed for certain was not charged, what nobody knows of may have been.
    requests.failed(first, "no")
    requests.uncertain(second, "who knows")
    assert requests.spent() == Decimal("0.05")
    requests.intend(replace(limited, key="third"))


def test_what_was_sent_is_not_sent_again_while_it_is_there(
    requests: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests.sending("job", "here", "hash", "https://files/1", 3600)
    assert requests.sent("here", "hash") == "https://files/1"
    assert requests.sent("there", "hash") is None
    assert requests.sent("here", "other") is None
    now = time.time()
    for later in (3000, 4000, -10):
        # Nearly over, over, and a clock that was put back.
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert requests.sent("here", "hash") is None
    monkeypatch.undo()
    # A request that failed may have failed for want of a file.
    requests.failed(requests.intend(replace(INTENT, server="here")), "no such file")
    assert requests.sent("here", "hash") is None


def test_the_requests_of_a_job_come_in_order(requests: Requests) -> None:
    names = [requests.intend(replace(INTENT, key=f"key {n}")).id for n in range(3)]
    requests.intend(replace(INTENT, key="another", job="other"))
    assert [entry.id for entry in requests.of("job")] == names


V1 = """
    INSERT INTO job VALUES ('0123456789', 'k', 'uncertain', 5.0, 6.0, 'https://queue', 'separate',
        '0.05', 'r', 'u', 'host|1|2', '{"selection": {"media": "/a.mov"}, "output": "/out",
        "overwrite": false, "engine": {"server": "http://x"}, "usd": "0.05"}', NULL, 'lost')
"""


def test_a_journal_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "journal.sqlite3")) as base, base:
        for statement in MIGRATIONS[0].split(";"):
            base.execute(statement)
        base.execute(V1)
        base.execute("PRAGMA user_version = 1")
    job = Journal.open(folder).job("0123456789")
    assert (job.state, job.failure, job.usd) == ("uncertain", "lost", Decimal("0.05"))
    assert job.order.selection.media == Path("/a.mov")
    assert job.order.terms == {"server": "http://x"}
    (entry,) = Requests.open(folder).of(job.id)
    assert (entry.state, entry.request_id) == ("uncertain", "r")
