"""How this Resolve behaves where versions, machines or reports differ: one knob for each.

What is not turned is what was reported most often. It must not know how a knob is obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass
class Knobs:
    """The numbers are those of the pitfalls in `tests/resolve/pitfall_table.py`.

    Attributes:
        append_end: what `endFrame` means; None is as the version has it. (2)
        append_returns: what `AppendToTimeline` says it did, whatever it did. (4, 7)
        append_places: whether it does anything. (7)
        append_off: frames that what it places is too long. (2, 12)
        append_shift: frames that what it places is too late. (5)
        append_vanishes: what it placed is gone after saving. (8)
        overlap: what becomes of a clip that is placed on another. (5)
        new_tracks: what comes of `AddTrack`: a locked one, a mono one whatever was asked, none.
        sound_rate: frame rate that an imported sound gets, where it is not the project's. (11)
        new_bins_are_current: a bin that is made is the current one. (30)
        imports: of `ImportMedia`. (30)
        source_start_off: what `GetSourceStartFrame` is wrong by at 23.976. (13)
        left_offset: in whose frames a video item's `GetLeftOffset` counts. (16)
        marks_lost: when Deliver takes the timeline's marks for its own. (20)
        settings_need_page: render settings do nothing unless Deliver is open. (21)
        picture_lost: a hidden setting leaves the picture out of the file. (22)
        sound_preset: what the preset that writes sound alone is called; None: there is none. (23)
        render: what becomes of a job. (25, 26)
        render_seconds: how long a job takes at least; 0 is over before anybody looks.
        foreign_render: somebody else's render is under way, or begins once a job is added. (27)
        delete_fails: so many calls of `DeleteClips` do nothing. (29)
        delete_says: what `DeleteClips` answers. (29)
        modal: a dialog is open from this call on, for `modal_calls` calls.
        headless: Resolve has no window, and saving an untitled project never returns.
        localised: the keys of clip properties are in another language.
        numbers: settings that are numbers are answered as such.
        quits: the application ends at this call.
        opens: the person opens the last timeline right before this call.
        closes: the person opens another project right before this call.
        presets_kept: whether the Deliver page's settings can be kept as a preset.
    """

    append_end: Literal["exclusive", "inclusive"] | None = None
    append_returns: Literal["items", "none", "empty", "nones", "no ids"] = "items"
    append_places: bool = True
    append_off: int = 0
    append_shift: int = 0
    append_vanishes: bool = False
    overlap: Literal["drop", "slide"] = "drop"
    new_tracks: Literal["asked", "locked", "mono", "none"] = "asked"
    sound_rate: str | None = None
    new_bins_are_current: bool = True
    imports: Literal["works", "none", "one", "nothing new"] = "works"
    source_start_off: int = -1
    left_offset: Literal["media", "timeline"] = "media"
    marks_lost: Literal["page", "settings", "never"] = "settings"
    settings_need_page: bool = True
    picture_lost: bool = False
    sound_preset: str | None = "Audio Only"
    render: Literal["works", "sticks", "no file", "fails", "hangs"] = "works"
    render_seconds: float = 0.0
    foreign_render: Literal["no", "yes", "meanwhile"] = "no"
    delete_fails: int = 0
    delete_says: Literal["truth", "true", "false"] = "truth"
    modal: int | None = None
    modal_calls: int = 1_000_000
    headless: bool = False
    localised: bool = False
    numbers: bool = False
    quits: int | None = None
    opens: int | None = None
    closes: int | None = None
    presets_kept: bool = True

    def turn(self, wanted: dict[str, Any]) -> None:
        """Turn some; an unknown one is an error."""
        known = {field.name for field in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise KeyError(f"there is no knob {name}")
            setattr(self, name, value)
