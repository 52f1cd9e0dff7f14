"""A paid job whose network fails: a sample of the whole table in `benchmarks/fault_matrix.py`."""

from __future__ import annotations

import itertools
import os
import random
import secrets
from pathlib import Path
from typing import Any

import matrix
import pytest

from soundmatte.separation import call, queue

#: The same in every process of a run, another in every run; printed by each test.
SEED = int(os.environ.get("PYTEST_XDIST_TESTRUNUID", "") or secrets.token_hex(4), 16) % 1_000_000
CELLS = list(itertools.product(matrix.REQUESTS, matrix.FAULTS))
#: Where money is at stake, every cell is taken; of the others a sample.
SAMPLE = [cell for cell in CELLS if cell[0] == "submit"]
SAMPLE += random.Random(SEED).sample([cell for cell in CELLS if cell[0] != "submit"], 12)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between attempts are the product's, only shorter."""
    monkeypatch.setattr(call, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(call, "LONGEST_WAIT", 0.1)
    monkeypatch.setattr(queue, "PATIENCE", 2.0)


@pytest.mark.parametrize(("request_", "fault"), SAMPLE, ids=[" ".join(cell) for cell in SAMPLE])
def test_one_fault(fresh_service: Any, tmp_path: Path, request_: str, fault: str) -> None:
    """Seed of the sample: see `SEED`."""
    print(f"sample seed {SEED}")  # noqa: T201
    fresh_service.settings(job_seconds=0.05)
    end, sent, _ = matrix.run(fresh_service, tmp_path, request_, fault, times=1)
    if request_ != "submit":
        # A single fault anywhere else does not even show.
        assert (end, sent) == ("done", 1)
    else:
        refused = fault in ("429",)
        assert end == ("done" if refused or fault in ("delayed", "done twice") else "uncertain")
        assert sent == (2 if refused else 1)


STAYING = [name for name in matrix.REQUESTS if name not in ("submit", "status stream")]


@pytest.mark.parametrize("request_", STAYING)
def test_a_fault_that_stays(fresh_service: Any, tmp_path: Path, request_: str) -> None:
    fresh_service.settings(job_seconds=0.05)
    end, sent, _ = matrix.run(fresh_service, tmp_path, request_, "503", times=10_000)
    assert end == "failed"
    assert sent == 1
