"""Pitfalls of the Deliver page. It must not run them."""

from __future__ import annotations

from pathlib import Path

from tests.resolve.pitfalls import Pitfall, Seen, all_of, placed, refused
from tests.resolve.stage import SEPARATE, Edit, Stage

ALWAYS = {"render": "always"}


def _rendered(seen: Seen) -> None:
    """The clip and nothing else was rendered, with its own sound and without the mask."""
    placed(seen)
    (made,) = seen.rendered
    assert made["frames"] == 25
    assert (made["picture"], made["sound"]) == (True, True)
    assert len(made["pictures"]) == len(made["sounds"]) == 1


def _last_one_taken(seen: Seen) -> None:
    placed(seen)
    taken = seen.stage.asked("describe")[-1]["media"]
    assert taken == seen.rendered[-1]["path"]


def _older(stage: Stage) -> None:
    """What an earlier run rendered looks newer than it is."""
    for path in (stage.folder / "state" / "renders").glob("*/*.mov"):
        _later(path)
    stage.wish(prompt="bell")


def _later(path: Path) -> None:
    import os

    os.utime(path, (4e9, 4e9))


def _lossless(seen: Seen) -> None:
    _rendered(seen)
    first = next(line for line in seen.log if line["call"] == "SetRenderSettings")
    assert first["args"][0]["AudioCodec"] == "lpcm"


_BUSY = 'if project.IsRenderingInProgress():\n        raise Refusal("Resolve is rendering."'
RENDERING = [
    Pitfall(
        19,
        "the last frame of a range is in it",
        (Edit("render", "stretch.start + stretch.frames - 1", "stretch.start + stretch.frames"),),
        _rendered,
        wishes=ALWAYS,
    ),
    *(
        Pitfall(
            20,
            f"marks are lost to {who}",
            (Edit("changes", '        self.record.add("marks"', '        dict(kind="marks"'),),
            _rendered,
            {"knobs": {"marks_lost": who}},
            wishes=ALWAYS,
        )
        for who in ("settings", "page")
    ),
    Pitfall(
        21,
        "settings do nothing on other pages",
        (Edit("render", '    changes.page("deliver")\n', ""),),
        _rendered,
        wishes=ALWAYS,
    ),
    Pitfall(
        22,
        "a file without its picture",
        (Edit("rendered", 'if not told["width"]:', "if False:"),),
        refused("it has no picture"),
        {"knobs": {"picture_lost": True}},
        wishes=ALWAYS,
    ),
    Pitfall(
        22,
        "settings that nobody can read",
        (Edit("changes", "        project.SaveAsNewRenderPreset(name)\n", ""),),
        _rendered,
        {"render": {"format": "mp4", "codec": "H264", "settings": {"ExportAlpha": True}}},
        wishes=ALWAYS,
    ),
    Pitfall(
        23,
        "sound alone cannot be written",
        (
            Edit(
                "render",
                'SetCurrentRenderFormatAndCodec("mov", codec)',
                'SetCurrentRenderFormatAndCodec("wav", codec)',
            ),
        ),
        _rendered,
        {"profile": "20.3", "knobs": {"sound_preset": None}},
        wishes=ALWAYS,
    ),
    *(
        Pitfall(
            24,
            f"codecs have ids, {profile}",
            (Edit("render", "for name in told.values()}", "for name in told}"),),
            _rendered,
            {"profile": profile},
            wishes=ALWAYS,
        )
        for profile in ("20.3", "21.0.4")
    ),
    Pitfall(
        25,
        "names that are taken get a number",
        (Edit("rendered", "token = uuid.uuid4().hex[:8]", 'token = "again"'),),
        _last_one_taken,
        {"item": {"comps": ["Composition 1"]}},
        wishes={"render": "anew", "prompt": "fail"},
        first=(SEPARATE,),
        act=_older,
    ),
    Pitfall(
        25,
        "complete without a file",
        (
            Edit(
                "render",
                "    return _file(stretch)\n",
                '    return os.path.join(stretch.folder, stretch.name + ".mov")\n',
            ),
        ),
        refused("there is no file"),
        {"knobs": {"render": "no file"}},
        wishes=ALWAYS,
    ),
    Pitfall(
        25,
        "a render that fails",
        (Edit("render", 'if state in ("Failed", "Cancelled"):', "if False:"),),
        refused("The render was not done"),
        {"knobs": {"render": "fails"}},
        wishes={**ALWAYS, "render_start_s": 9},
        limit=8,
    ),
    Pitfall(
        26,
        "a render that never begins",
        (
            Edit(
                "render",
                "if now - began > (limits.start if share < 0 else limits.still):",
                "if False:",
            ),
        ),
        refused("does not begin the render"),
        {"knobs": {"render": "sticks"}},
        wishes={**ALWAYS, "render_start_s": 0.1},
        limit=6,
    ),
    Pitfall(
        26,
        "a render that does not get on",
        (
            Edit(
                "render",
                "if now - began > (limits.start if share < 0 else limits.still):",
                "if False:",
            ),
        ),
        refused("does not get on with the render"),
        {"knobs": {"render": "hangs"}},
        wishes={**ALWAYS, "render_still_s": 0.1},
        limit=6,
    ),
    Pitfall(
        27,
        "somebody else renders",
        (
            Edit(
                "render", _BUSY, _BUSY.replace("project.IsRenderingInProgress()", "False"), times=2
            ),
        ),
        refused("Resolve is rendering"),
        {"knobs": {"foreign_render": "yes"}},
        wishes=ALWAYS,
    ),
    Pitfall(
        37,
        "AAC is not there on Linux",
        (Edit("render", 'AudioCodec="lpcm"', 'AudioCodec="aac"'),),
        _lossless,
        {"studio": False, "profile": "21.0.4"},
        wishes=ALWAYS,
    ),
    Pitfall(
        0,
        "the mask is not in the picture",
        (Edit("rendered", "(False if track == mask_track else None)", "None"),),
        all_of(placed, lambda seen: _two(seen)),
        wishes=ALWAYS,
        masked=True,
    ),
]


def _two(seen: Seen) -> None:
    clip, mask = seen.rendered
    assert (len(clip["pictures"]), len(clip["sounds"])) == (1, 1), clip
    assert (mask["sound"], len(mask["pictures"])) == (False, 1), mask
