"""Write down what each container holds, out of the table that stemmux itself goes by.

python docs/make_containers.py > docs/containers.md
"""

from __future__ import annotations

from typing import get_args

from stemmux.containers import CONTAINERS, REFUSALS, RULES, Fact

_HEAD = """# What each container holds

Made by `docs/make_containers.py` from the table in `stemmux.containers`, by which `stemmux add`
goes too; a test holds the two together.

## Stems

| container | stems are stored as |
|---|---|
"""

_KEPT = """
## What of a clip is kept

Where a clip is written anew. A movie that stems are *appended* to (MOV, and MP4 into MOV, unless
in fragments) is not written anew: all that is in it stays, known or not.

"""

_NOTES = """
Whatever a container cannot hold is named in the result (`lost`) and on standard error. Of text
subtitles the words are kept, and their form where the container's kind is the same. Timed data are
GoPro's (`gpmd`), caption tracks EIA-608. In MOV and MP4, the default flag of a track means that it
is switched on; from elsewhere, all tracks are. A clip with a cover loses tags of unusual names in
MP4. Channel layouts in AAC are the codec's own, and kept anywhere.

## What is refused, before any work

With one sentence, and the name of a container that can.

"""

_FOUND_OUT = """
What else the shipped ffmpeg cannot copy is refused after it has tried, and leaves no file; so is a
file in which anything that was read back is not what it should be.
"""


def document() -> str:
    """The whole page."""
    movies = CONTAINERS[:-1]
    text = _HEAD
    for container in CONTAINERS:
        text += f"| {container.upper()} | {RULES[container].stems} |\n"
    text += _KEPT + "| | " + " | ".join(one.upper() for one in movies) + " |\n"
    text += "|---" * (len(movies) + 1) + "|\n"
    for fact in get_args(Fact):
        kept = ["yes" if fact in RULES[one].keeps else "no" for one in movies]
        text += f"| {fact} | {' | '.join(kept)} |\n"
    text += _NOTES
    for container in CONTAINERS:
        whats = [one.what for one in REFUSALS if container in one.containers]
        text += f"- **{container.upper()}**: {'; '.join(whats)}.\n"
    return text + _FOUND_OUT


if __name__ == "__main__":
    print(document(), end="")
