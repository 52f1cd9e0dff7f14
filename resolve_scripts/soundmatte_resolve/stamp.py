"""What a stem says of itself in the project: the job that it is of, its role, and the prompt.

Third-party metadata where Resolve has it (19 and later), which nobody sees; a comment elsewhere.
This module must not know where stems lie.
"""

import json
from typing import Any, Dict

from soundmatte_resolve.connect import method

_PREFIX = "soundmatte_"
_COMMENT = "Soundmatte "


def put(media: Any, values: Dict[str, str]) -> bool:
    """Write on an item of the media pool; whether it can be read there again."""
    write = method(media, "SetThirdPartyMetadata")
    if write is not None:
        write({_PREFIX + name: value for name, value in values.items()})
    else:
        # One field that is there in every version, and is seen.
        media.SetMetadata("Comments", _COMMENT + json.dumps(values))
    return read(media) == values


def read(media: Any) -> Dict[str, str]:
    """What is written on an item of the media pool; empty for one that is not ours."""
    if media is None:
        return {}
    ask = method(media, "GetThirdPartyMetadata")
    if ask is not None:
        said = ask()
        known = said if isinstance(said, dict) else {}
        return {
            name[len(_PREFIX) :]: str(value)
            for name, value in known.items()
            if str(name).startswith(_PREFIX)
        }
    text = str(media.GetMetadata("Comments") or "")
    try:
        said = json.loads(text[len(_COMMENT) :]) if text.startswith(_COMMENT) else {}
    except ValueError:
        said = {}
    return said if isinstance(said, dict) else {}
