"""What engines made, kept so that the same work is free the second time.

Two kinds lie in the journal's folder: stems that a service was paid for, one folder for each
request, and estimates that the computer worked for, one folder for each key. Together they stay
below a limit: what was not used for longest goes first, and never what an unfinished job still
needs. This module must not know how anything is separated.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soundmatte.engines.engine import Estimate
from soundmatte.jobs.journal import Journal
from soundmatte.jobs.requests import Requests
from stemmux.files import flush, flush_folder

_ESTIMATES, _STEMS = "estimates", "fetched"
_SOUND, _ABOUT = "estimate.wav", "about.json"
#: What is being put in, until it has its name.
_NEW = ".new"


@dataclass(frozen=True)
class Kept:
    """A folder that is kept. `used`: seconds since 1970, when it was last made or taken."""

    path: Path
    size: int
    used: float

    @property
    def paid(self) -> bool:
        """Whether a service was paid for it."""
        return self.path.parent.name == _STEMS


@dataclass(frozen=True)
class Cache:
    """Everything that is kept beside a journal."""

    journal: Journal

    @property
    def folder(self) -> Path:
        """Where the folders lie."""
        return self.journal.base.folder

    def find(self, key: str, out: Path) -> Estimate | None:
        """The estimate for this work, as the new file `out`, if it is kept."""
        place = self._place(key)
        try:
            about = json.loads((place / _ABOUT).read_text("utf-8"))
            if (place / _SOUND).stat().st_size != about["size"]:
                return None
            _linked(place / _SOUND, out)
            os.utime(place)
            return Estimate(out, about["of"])
        except (OSError, ValueError, KeyError):
            return None

    def put(self, key: str, estimate: Estimate, job: str) -> None:
        """Keep an estimate. Where there is no room, nothing is kept, and there is no error.

        Args:
            job: whose name it has meanwhile, to be found again if its process is killed.
        """
        place = self._place(key)
        new = place.with_name(f"{job}{_NEW}")
        with suppress(OSError):
            shutil.rmtree(new, ignore_errors=True)
            if place.exists():
                return
            try:
                new.mkdir(parents=True, mode=0o700)
                _linked(estimate.path, new / _SOUND)
                about = {"of": estimate.of, "size": estimate.path.stat().st_size}
                (new / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
                flush(new / _SOUND)
                flush(new / _ABOUT)
                new.rename(place)
                flush_folder(place.parent)
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def all(self) -> list[Kept]:
        """Every folder that is kept, the one that was not used for longest first."""
        found = []
        for kind in (_ESTIMATES, _STEMS):
            for path in (self.folder / kind).glob("*"):
                with suppress(OSError):
                    size = sum(file.stat().st_size for file in path.iterdir())
                    found.append(Kept(path, size, path.stat().st_mtime))
        return sorted(found, key=lambda kept: kept.used)

    def prune(self, limit: int) -> list[Kept]:
        """Remove what was not used for longest, until no more than `limit` bytes are kept.

        Returns:
            What was removed.
        """
        requests, kept = Requests(self.journal.base), self.all()
        size, removed = sum(one.size for one in kept), list[Kept]()
        needed = self._needed(requests) if size > limit else frozenset()
        for one in kept:
            if size <= limit:
                break
            # What cannot be removed is not given up either: it would be paid for again.
            if one.path.name in needed or not _removable(one.path):
                continue
            if one.paid:
                requests.give_up(one.path.name)
            shutil.rmtree(one.path, ignore_errors=True)
            size -= one.size
            removed.append(one)
        return removed

    def _needed(self, requests: Requests) -> frozenset[str]:
        """Folders of jobs that are not over: their stems are nowhere else."""
        jobs = self.journal.unfinished()
        return frozenset(entry.id for job in jobs for entry in requests.of(job.id))

    def _place(self, key: str) -> Path:
        return self.folder / _ESTIMATES / key


def _removable(folder: Path) -> bool:
    return all(os.access(path, os.W_OK | os.X_OK) for path in (folder, folder.parent))


def _linked(source: Path, out: Path) -> None:
    """The same file under another name; a copy where the two lie on different disks."""
    try:
        os.link(source, out)
    except OSError:
        shutil.copyfile(source, out)
