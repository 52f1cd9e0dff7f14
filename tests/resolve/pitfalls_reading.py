"""Pitfalls of reading a timeline, and of reaching Resolve at all. It must not run them."""

from __future__ import annotations

from fractions import Fraction

from tests.resolve.pitfalls import Pitfall, Seen, direct, placed, refused
from tests.resolve.stage import Edit


def _starts(seconds: Fraction) -> object:
    """The file was read, and the stems were laid from that second of it."""

    def check(seen: Seen) -> None:
        direct(seen)
        (asked,) = seen.stage.asked("placement")
        assert Fraction(asked["lay"]["start"]) == seconds, asked["lay"]["start"]

    return check


def _rendered(seen: Seen) -> None:
    placed(seen)
    assert seen.rendered


READING = [
    Pitfall(
        13,
        "the source start is one too small",
        (
            Edit("choose", "agree = other < 0 or abs(other - shot.left) <= 1", "agree = True"),
            Edit("choose", "return shot.left / rate if agree", "return other / rate if agree"),
        ),
        _starts(Fraction(7 * 1001, 24000)),
        {"profile": "20.3"},
        rate="23.976",
    ),
    Pitfall(
        15,
        "source times begin at the timecode",
        (Edit("timeline_view", "float(end or 0) - float(begin or 0)", "float(end or 0)"),),
        direct,
        {"profile": "20.3", "media": {"timecode": "01:00:00:00"}},
    ),
    Pitfall(
        16,
        "sounds count their offset in the timeline's frames",
        (
            Edit(
                "choose",
                "(sound.item.start - shot.item.start)) / timeline.rate",
                "(sound.item.start - shot.item.start)) / (media.rate or timeline.rate)",
            ),
        ),
        _starts(Fraction(20 * 1001, 60000)),
        {"item": {"source": 20}, "rate": "29.97"},
        rate="59.94",
    ),
    Pitfall(
        16,
        "pictures may count theirs so too",
        (
            Edit(
                "choose",
                "begin for begin in (shot.left / rate, shot.left / timeline.rate)",
                "begin for begin in (shot.left / rate,)",
            ),
        ),
        _starts(Fraction(20 * 1001, 60000)),
        {"item": {"source": 20}, "rate": "29.97", "knobs": {"left_offset": "timeline"}},
        rate="59.94",
    ),
    Pitfall(
        31,
        "every attribute is there",
        (
            Edit(
                "timeline_view",
                'ask = method(timeline, "GetSelectedClips")\n    if ask is None:',
                "ask = timeline.GetSelectedClips\n"
                '    if not hasattr(timeline, "GetSelectedClips"):',
            ),
        ),
        placed,
        {"profile": "18.5"},
        breaks=True,
    ),
    Pitfall(
        42,
        "the bin's selection is another",
        (
            Edit(
                "subject",
                "selected = timeline_view.selected(timeline.handle)",
                "selected = timeline_view.selected(run.session.pool)",
            ),
        ),
        placed,
        {"profile": "20.3", "pool_selected": ["shot"]},
    ),
    Pitfall(
        41,
        "multicam has no file",
        (
            Edit("choose", "if media is None or not media.path:", "if media is None:"),
            Edit(
                "routes", "if media is None or not os.path.isfile(media.path):", "if media is None:"
            ),
        ),
        _rendered,
        {"media": {"path": "", "type": "Multicam", "frames": 500}},
        breaks=True,
    ),
    Pitfall(
        0,
        "retimed clips are rendered",
        (Edit("choose", "    if not _plain_speed(shot, media, timeline):", "    if False:"),),
        _rendered,
        {"item": {"speed": 2, "source": 0}},
    ),
    *(
        Pitfall(
            0,
            f"retimed clips are rendered, {profile}",
            (Edit("choose", "    if not _plain_speed(shot, media, timeline):", "    if False:"),),
            _rendered,
            {
                "item": {"speed": 2, "source": 0},
                "profile": profile,
                "knobs": {"marks_lost": "never"},
            },
        )
        for profile in ("18.5", "19.1")
    ),
    Pitfall(
        0,
        "Fusion compositions are rendered",
        (Edit("choose", "    if shot.comps:", "    if False:"),),
        _rendered,
        {"item": {"comps": ["Composition 1"]}},
    ),
    Pitfall(
        0,
        "properties have other names elsewhere",
        (Edit("media_view", "os.path.isabs(value)]", "False]"),),
        direct,
        {"knobs": {"localised": True}},
    ),
    Pitfall(
        0,
        "settings may be numbers",
        (
            Edit(
                "arithmetic",
                'words = str(value if value is not None else "").split()',
                "words = value.split()",
            ),
        ),
        placed,
        {"knobs": {"numbers": True}},
        breaks=True,
    ),
    Pitfall(
        0,
        "what costs is agreed to first",
        (Edit("separate", 'if usd > run.wishes["most_usd"]', "if False"),),
        refused("This costs up to 0.20 USD"),
        variables={"RECORDED_USD": "0.2"},
    ),
]
