"""What the person wants, as they wrote it down: `wishes.json` in the state's folder.

The scripts have no window; what is not asked on the engine's page is said here. Keys, all of them
optional:

    prompt          what is heard: "a dog barking"
    mask            "auto", "none", "file" (a matte of the media pool), a track's name, or "V3"
    mask_tracks     names of tracks that hold masks, for "auto"
    plane, invert   "luma" or "alpha" of the mask; whether black is the object
    engine          "auto", "cloud" or "offline"; empty as in the engine's settings
    terms           the cloud engine's own settings, where they are to differ
    style, bits     as in the engine's settings where empty
    audio_track     which audio track of the media file
    most_usd        the price up to which nothing is asked
    page            true: the engine shows a page in the browser, with matte, price and result
    output          folder for the stems; empty: Movies (or Videos)/Soundmatte/PROJECT
    accept_doubtful take stems that look empty or wrong
    mute_original   true: the clip's own sound is disabled once its stems are there
    save            true: the project is saved then
    render          "auto": where the media cannot be read directly; "always"; "anew": also where
                    a rendered picture is there from a run that was stopped
    render_folder   folder for what is rendered; empty: in the state's folder
    render_start_s  seconds that a render may take to begin, and
    render_still_s  seconds in which it must get on
    job             for Place Again and Remove: the job that is meant; empty: that of the clip
"""

import json
import os
from typing import Any, Dict

from soundmatte_resolve.refusal import Refusal

FILE = "wishes.json"
DEFAULTS: Dict[str, Any] = {
    "prompt": "",
    "mask": "auto",
    "mask_tracks": ["Mask", "Matte"],
    "plane": "luma",
    "invert": False,
    "engine": "",
    "terms": {},
    "style": "",
    "bits": "",
    "audio_track": 1,
    "most_usd": 0.0,
    "page": False,
    "output": "",
    "accept_doubtful": False,
    "mute_original": False,
    "save": False,
    "render": "auto",
    "render_folder": "",
    "render_start_s": 60.0,
    "render_still_s": 600.0,
    "job": "",
}
_FOLDERS = ("output", "render_folder")
_KINDS = {"str": "a text", "list": "a list", "dict": "an object"}
_CHOICES = {
    "plane": ("luma", "alpha"),
    "engine": ("", "auto", "cloud", "offline"),
    "style": ("", "original", "clean"),
    "bits": ("", "16", "24", "32f"),
    "render": ("auto", "always", "anew"),
}


class Wishes:
    """The wishes, each by its name.

    Attributes:
        path: of the file they were read from.
    """

    def __init__(self, path: str, values: Dict[str, Any]) -> None:
        self.path = path
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


def read(folder: str) -> Wishes:
    """The wishes of a state's folder; a file with every key is made where there is none.

    Raises:
        Refusal: the file is not understood.
    """
    path = os.path.join(folder, FILE)
    try:
        # Some editors begin a file with a mark that says so.
        with open(path, encoding="utf-8-sig") as file:
            said = json.load(file)
    except FileNotFoundError:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(DEFAULTS, file, indent=2, ensure_ascii=False)
            file.write("\n")
        said = {}
    except (OSError, ValueError) as error:
        raise Refusal(
            f"The wishes in {path} cannot be read: {error}.",
            "Correct the file, or remove it: it is made anew.",
        ) from None
    return Wishes(path, understood(said, path))


def understood(said: Any, path: str = FILE) -> Dict[str, Any]:
    """All wishes, with the defaults for what is not said.

    Raises:
        Refusal: a key that is none, or a value that cannot be meant.
    """
    if not isinstance(said, dict):
        raise Refusal(f"{path} is no JSON object.", "Remove it: it is made anew.")
    for name, value in said.items():
        wrong = _wrong(name, value)
        if wrong:
            raise Refusal(f"In {path}, {json.dumps(name)} {wrong}.", "Correct that line.")
    folders = {name: os.path.expanduser(said[name]) for name in _FOLDERS if said.get(name)}
    return dict(dict(DEFAULTS, **said), **folders)


def _wrong(name: str, value: Any) -> str:
    """What is wrong with a wish; empty if nothing is."""
    if name not in DEFAULTS:
        return "is no wish; there are {}".format(", ".join(sorted(DEFAULTS)))
    usual = DEFAULTS[name]
    if isinstance(usual, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(usual, (int, float)):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value < float("inf"):
            return "must be a number"
        return "must be whole" if isinstance(usual, int) and value != int(value) else ""
    if not isinstance(value, type(usual)):
        return f"must be {_KINDS[type(usual).__name__]}"
    if isinstance(value, list) and not all(isinstance(part, str) for part in value):
        return "must be a list of texts"
    if name in _FOLDERS and value and not os.path.isabs(os.path.expanduser(value)):
        return "must be a whole path, from the top of a disk or from ~ on"
    if name == "mask" and not value.strip():
        return 'must not be empty: there are "auto", "none", "file", or a track'
    if value not in _CHOICES.get(name, (value,)):
        return "must be one of {}".format(", ".join(map(json.dumps, _CHOICES[name])))
    return ""
