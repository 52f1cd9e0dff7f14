"""What is changed in a project, on disk before it is changed, until it is as it was again.

There are no undo steps and no transactions for scripts: whatever ends a script in the middle, what
it had changed stays so. A record holds that, and the next start of any script finds it. A change is
a dictionary whose "kind" says what it is. This module must not know what the kinds mean.
"""

import contextlib
import json
import os
import time
import uuid
from typing import Any, Dict, List

VERSION = 1
_FOLDER = "recovery"

Change = Dict[str, Any]


class Record:
    """The record of one run.

    Attributes:
        project, timeline: each with "id" and "name", of what is changed.
        changes: in the order in which they were made.
    """

    def __init__(self, path: str, document: Dict[str, Any]) -> None:
        self.path = path
        self.project: Dict[str, str] = document["project"]
        self.timeline: Dict[str, str] = document["timeline"]
        self.changes: List[Change] = document["changes"]

    def add(self, kind: str, **values: Any) -> Change:
        """Note a change that is about to be made; on the disk when this returns."""
        change = dict(values, kind=kind)
        self.changes.append(change)
        self._write()
        return change

    def drop(self, *changes: Change) -> None:
        """Changes are undone, or are meant to stay: all of them at once.

        Where the disk is full, the older record stays there: what is undone twice is undone too.
        """
        gone = [id(change) for change in changes]
        self.changes = [other for other in self.changes if id(other) not in gone]
        with contextlib.suppress(OSError):
            if self.changes:
                self._write()
            else:
                self._remove()

    def of_kind(self, *kinds: str) -> List[Change]:
        """The changes of these kinds."""
        return [change for change in self.changes if change["kind"] in kinds]

    def _write(self) -> None:
        document = {
            "version": VERSION,
            "project": self.project,
            "timeline": self.timeline,
            "changes": self.changes,
        }
        new = self.path + ".new"
        try:
            with open(new, "w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self.path)
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(new)
            raise

    def _remove(self) -> None:
        if os.path.exists(self.path):
            os.remove(self.path)


def begun(folder: str, project: Dict[str, str], timeline: Dict[str, str]) -> Record:
    """A record in a state's folder; there is nothing on the disk before the first change."""
    own = os.path.join(folder, _FOLDER)
    os.makedirs(own, exist_ok=True)
    name = "{}-{}.json".format(time.strftime("%Y%m%d-%H%M%S"), uuid.uuid4().hex[:8])
    document = {"project": project, "timeline": timeline, "changes": []}
    return Record(os.path.join(own, name), document)


def found(folder: str) -> List[Record]:
    """The records of runs that did not come to their end, the newest first.

    A record is undone before those that were begun before it. What cannot be read is left there.
    """
    own = os.path.join(folder, _FOLDER)
    names = os.listdir(own) if os.path.isdir(own) else []
    records = []
    for name in sorted(names, reverse=True):
        if not name.endswith(".json"):
            continue
        path = os.path.join(own, name)
        try:
            with open(path, encoding="utf-8") as file:
                document = json.load(file)
            if document["version"] == VERSION:
                records.append(Record(path, document))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return records
