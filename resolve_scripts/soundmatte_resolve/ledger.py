"""What each job was of, so that its stems can be placed again: one small document for each.

What was rendered for a job cannot be told from the engine's own list, whose clip is the rendered
file. This module must not know what is in a document beyond finding it.
"""

import json
import os
import time
from typing import Any, Dict, List, Optional

_FOLDER = "jobs"

Entry = Dict[str, Any]


def put(folder: str, job: str, entry: Entry) -> None:
    """Keep what a job was of, in a state's folder."""
    own = os.path.join(folder, _FOLDER)
    os.makedirs(own, exist_ok=True)
    path = os.path.join(own, job + ".json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(dict(entry, job=job, made=time.time()), file, indent=1)
    os.replace(path + ".new", path)


def of_item(folder: str, project: str, item: str) -> List[Entry]:
    """The jobs of an item of a project's timeline, the newest first."""
    found = [entry for entry in _all(folder) if _is_of(entry, project, item)]
    return sorted(found, key=lambda entry: -float(entry.get("made") or 0))


def of_job(folder: str, job: str) -> Optional[Entry]:
    """What a job was of; None for one that was not made here."""
    return next((entry for entry in _all(folder) if entry.get("job") == job), None)


def _is_of(entry: Entry, project: str, item: str) -> bool:
    return bool(item) and (entry.get("project"), entry.get("item")) == (project, item)


def _all(folder: str) -> List[Entry]:
    own = os.path.join(folder, _FOLDER)
    entries = []
    for name in os.listdir(own) if os.path.isdir(own) else []:
        try:
            with open(os.path.join(own, name), encoding="utf-8") as file:
                entry = json.load(file)
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries
