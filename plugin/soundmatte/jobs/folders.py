"""The hidden folder of a job, beside where its files will go, so that a rename finishes them.

It stays if its process is killed, and is found again by the job's id. This module must not know
what is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from soundmatte.jobs.claim import CLAIM_FILE, Claim
from stemmux.files import refused_output

_PREFIX = ".soundmatte-"


def of(output: Path, job: str) -> Path:
    """The folder of a job whose files go to `output`."""
    return output / f"{_PREFIX}{job}"


@contextmanager
def working_in(output: Path, job: str) -> Iterator[Path]:
    """Make the folder, or take it over; it is removed at the end, whatever happens.

    Folders that were made for the occasion, and hold nothing then, are removed too.

    Raises:
        OutputRefused: there is no room, or nothing may be written there.
    """
    folder = of(output, job)
    new = [path for path in (output, *output.parents) if not path.exists()]
    with refused_output(output):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / CLAIM_FILE).write_text(str(Claim.mine()), encoding="utf-8")
            yield folder
        finally:
            remove(output, job)
            for path in new:
                with suppress(OSError):  # it holds something, and stays
                    path.rmdir()


def remove(output: Path, job: str) -> None:
    """Remove a job's folder with all that is in it."""
    shutil.rmtree(of(output, job), ignore_errors=True)
