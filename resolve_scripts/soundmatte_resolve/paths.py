"""Where the scripts keep what is theirs, and when two paths are the same file."""

import os
import re
import sys
import unicodedata
from typing import Mapping

#: Names the folder of the scripts' state.
VARIABLE = "SOUNDMATTE_RESOLVE"


def state(environment: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder of wishes, records and log: that of the variable, or the system's for it."""
    if environment.get(VARIABLE):
        return environment[VARIABLE]
    home = environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")
    if platform == "win32":
        roaming = environment.get("APPDATA") or os.path.join(home, "AppData", "Roaming")
        return os.path.join(roaming, "Soundmatte", "Resolve")
    if platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "Soundmatte", "Resolve")
    data = environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    return os.path.join(data, "soundmatte", "resolve")


def stems(environment: Mapping[str, str], project: str, platform: str = sys.platform) -> str:
    """The folder for the stems of a project, where the wishes name none.

    Resolve from Apple's store reads nothing outside its own folder but the movies folder.
    """
    home = environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")
    movies = "Movies" if platform == "darwin" else "Videos"
    return os.path.join(home, movies, "Soundmatte", file_name(project))


def file_name(text: str) -> str:
    """A text as a file can be called on every system."""
    name = re.sub(r"[^\w.-]+", "_", text, flags=re.UNICODE).strip("._")
    while len(name.encode("utf-8")) > 60:
        name = name[:-1]
    return name or "untitled"


def same(one: str, other: str) -> bool:
    """Whether two paths name the same file: by their text, or by what is there.

    What Resolve returns may have other slashes, other accents, or links followed.
    """
    if not one or not other:
        return False
    if _comparable(one) == _comparable(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _comparable(path: str) -> str:
    return unicodedata.normalize("NFC", os.path.normcase(os.path.normpath(path)))
