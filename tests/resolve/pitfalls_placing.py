"""Pitfalls of putting stems on a timeline. It must not run them."""

from __future__ import annotations

from tests.resolve import scenes
from tests.resolve.pitfalls import Pitfall, Seen, placed, refused, unchanged
from tests.resolve.stage import AGAIN, REMOVE, SEPARATE, TEST, Edit

_APPEND = "    changes.session.pool.AppendToTimeline("
_READ_AGAIN = "    return timeline_view.items(changes.timeline, track)\n"
_CORRECTED = (
    "if len(found) == 1 and found[0].start == spot.start and found[0].duration != spot.frames"
)
_NEVER_COMPARED = (
    Edit("place", "    _compared(track, found, spot, stem)\n", "", last=True),
    Edit(
        "place",
        "    for each in laid:\n        _look_again(changes, each, spot)\n    return laid",
        "    return laid",
    ),
)


def _answer_believed(*more: Edit) -> tuple[Edit, ...]:
    """What `AppendToTimeline` says is taken for what it did."""
    taken = (
        "    return [timeline_view._item(one, track) for one in answer or [] "
        "if one is not None and one.GetUniqueId()]\n"
    )
    return (
        Edit("place", _APPEND, _APPEND.replace("    changes", "    answer = changes", 1)),
        Edit("place", _READ_AGAIN, taken, last=True),
        *more,
    )


def _mono(seen: Seen) -> None:
    tracks = scenes.stems(seen.after)
    assert [track["subtype"] for track in tracks] == ["mono"] * 2, seen.ran.said
    unchanged(seen)


def _in_our_bin(seen: Seen) -> None:
    placed(seen)
    (ours,) = (each for each in seen.after["pool"]["folders"] if each["name"] == "Soundmatte")
    assert len(ours["clips"]) == 2


def _twice(seen: Seen) -> None:
    tracks = scenes.stems(seen.after)
    assert [track["name"].removeprefix("Soundmatte ") for track in tracks] == [
        *("Target", "Residual", "Target 2", "Residual 2")
    ], seen.ran.said
    assert all(len(track["items"]) == 1 for track in tracks)
    unchanged(seen)


def _removed(seen: Seen) -> None:
    assert seen.ran.code == 0, seen.ran.said
    assert not scenes.stems(seen.after)
    unchanged(seen)


def _tested(seen: Seen) -> None:
    assert seen.ran.code == 0, seen.ran.said
    unchanged(seen)


def _not_removed(seen: Seen) -> None:
    assert seen.ran.code == 1, seen.ran.said
    assert "does not delete" in seen.ran.said
    assert len(scenes.stems(seen.after)) == 2


ABSOLUTE = '"recordFrame": int(spot.start)'
SUB_TYPE = "if ask is not None and ask(AUDIO, index) != kind"
PLACING = [
    Pitfall(
        1,
        "record frames are absolute",
        (Edit("place", ABSOLUTE, '"recordFrame": int(spot.start) - 90000'),),
        placed,
    ),
    Pitfall(
        2,
        "the end is inclusive before 19",
        (Edit("place", _CORRECTED, "if False"),),
        placed,
        {"profile": "18.5"},
    ),
    Pitfall(
        2,
        "the end is a frame off",
        (Edit("place", _CORRECTED, "if False"),),
        placed,
        {"knobs": {"append_off": -1}},
    ),
    Pitfall(
        2,
        "the end stays a frame off",
        _NEVER_COMPARED,
        refused("Resolve placed the stem", "24"),
        {"knobs": {"append_off": -2}},
    ),
    Pitfall(
        3,
        "fractions of frames",
        (
            Edit("place", '"endFrame": int(end)', '"endFrame": end'),
            Edit(
                "arithmetic",
                "return ceil(frames * stem / timeline)",
                "return float(frames * stem / timeline)",
            ),
        ),
        placed,
        {"knobs": {"sound_rate": "23.976"}},
    ),
    Pitfall(
        4,
        "a locked track says yes",
        (Edit("place", "if handle.GetIsTrackLocked(AUDIO, index)", "if False"),),
        placed,
        {"knobs": {"new_tracks": "locked"}},
    ),
    Pitfall(
        5,
        "overlaps are dropped",
        (Edit("place", '"trackIndex": track.number', '"trackIndex": 1'),),
        placed,
        {"knobs": {"overlap": "drop"}},
    ),
    Pitfall(
        5,
        "overlaps slide",
        (Edit("place", '"trackIndex": track.number', '"trackIndex": 1'),),
        placed,
        {"knobs": {"overlap": "slide"}},
    ),
    Pitfall(
        5,
        "it lies elsewhere",
        _NEVER_COMPARED,
        refused("Resolve placed the stem", "at frame 90013"),
        {"knobs": {"append_shift": 3}},
    ),
    Pitfall(
        6,
        "a track's number without a media type",
        (Edit("place", '                "mediaType": 2,\n', ""),),
        placed,
    ),
    Pitfall(
        6,
        "no track's number",
        (Edit("place", '                "trackIndex": track.number,\n', ""),),
        placed,
    ),
    *(
        Pitfall(
            7,
            f"append returns {said}",
            _answer_believed(),
            placed,
            {"knobs": {"append_returns": said}},
        )
        for said in ("none", "empty", "nones", "no ids")
    ),
    Pitfall(
        7,
        "append says yes and does nothing",
        (Edit("place", "    _compared(track, found, spot, stem)\n", "", last=True),),
        refused("did not place the stem"),
        {"knobs": {"append_places": False}},
        breaks=True,
    ),
    Pitfall(
        8,
        "gone after saving",
        (
            Edit(
                "place",
                "            _look_again(changes, each, spot)\n    changes",
                "            pass\n    changes",
            ),
        ),
        refused("did not place the stem"),
        {"knobs": {"append_vanishes": True}},
        wishes={"save": True},
    ),
    Pitfall(
        9,
        "a track without a kind is mono",
        (
            Edit("place", "handle.AddTrack(AUDIO, kind)", "handle.AddTrack(AUDIO)"),
            Edit("place", SUB_TYPE, "if False"),
        ),
        placed,
    ),
    Pitfall(
        9,
        "another kind than was asked for",
        (Edit("place", SUB_TYPE, "if False"),),
        refused("makes no stereo track"),
        {"knobs": {"new_tracks": "mono"}},
    ),
    Pitfall(
        9,
        "no track at all",
        (Edit("place", "if (handle.GetTrackCount(AUDIO) or 0) != index or", "if"),),
        refused("makes no stereo track"),
        {"knobs": {"new_tracks": "none"}, "profile": "18.5"},
    ),
    Pitfall(
        10,
        "mono stems need mono tracks",
        (Edit("place", "kind = arithmetic.sub_type(stem.channels)", 'kind = "stereo"'),),
        _mono,
        variables={"RECORDED_CHANNELS": "1"},
    ),
    Pitfall(
        11,
        "sounds keep the rate of their import",
        (
            Edit(
                "place",
                "rate = (told.rate if told is not None else None) or timeline.rate",
                "rate = timeline.rate",
            ),
        ),
        placed,
        {"knobs": {"sound_rate": "50"}},
    ),
    Pitfall(
        12,
        "parts of frames are cut off",
        (Edit("stems", '"tail": 1', '"tail": 0'),),
        placed,
        {"item": {"source": 8, "frames": 24}},
        rate="29.97",
    ),
    Pitfall(
        12,
        "parts of frames of another rate",
        (Edit("stems", '"tail": 1', '"tail": 0'),),
        placed,
        {"knobs": {"sound_rate": "23.976"}},
    ),
    Pitfall(
        29,
        "nothing is deleted but on the Edit page",
        (
            Edit("remove", '        changes.page("edit")\n', ""),
            Edit("lift", 'if resolve.GetCurrentPage() != "edit":', "if False:"),
        ),
        _removed,
        first=(SEPARATE,),
        script=REMOVE,
    ),
    Pitfall(
        29,
        "the first delete does nothing",
        (Edit("lift", "_TRIES, _PAUSE = 3, 0.2", "_TRIES, _PAUSE = 1, 0.2"),),
        _removed,
        {"knobs": {"delete_fails": 1}},
        first=(SEPARATE,),
        script=REMOVE,
    ),
    Pitfall(
        29,
        "a delete that says yes",
        (Edit("lift", "    return not [item for item in", "    return True or [item for item in"),),
        _not_removed,
        {"knobs": {"delete_fails": 99, "delete_says": "true"}},
        first=(SEPARATE,),
        script=REMOVE,
    ),
    Pitfall(
        29,
        "ripple moves what is not ours",
        (
            Edit(
                "lift",
                "[item.handle for item in left], False)",
                "[item.handle for item in left], True)",
            ),
        ),
        _removed,
        first=(SEPARATE,),
        script=REMOVE,
    ),
    Pitfall(
        30,
        "imports go to the current bin",
        (Edit("place", "    pool.SetCurrentFolder(folder)\n", ""),),
        _in_our_bin,
        {"knobs": {"new_bins_are_current": False}},
    ),
    Pitfall(
        30,
        "the current bin is not ours to change",
        (Edit("place", "    changes.folder()\n", ""),),
        placed,
    ),
    Pitfall(
        30,
        "a second import returns nothing",
        (
            Edit(
                "place",
                "    media = lift.in_bin(folder, stem.path)\n    if media",
                "    media = None\n    if media",
            ),
            Edit("place", "        pool.ImportMedia(", "        told = pool.ImportMedia("),
            Edit(
                "place",
                "media = lift.in_bin(folder, stem.path) or _elsewhere("
                "pool.GetRootFolder(), stem.path)",
                "media = (told or [None])[0]",
            ),
        ),
        _twice,
        first=(SEPARATE,),
        script=AGAIN,
    ),
    Pitfall(
        30,
        "nothing is imported",
        (
            Edit(
                "place",
                'if media is None:\n        raise Refusal(\n            f"Resolve does not',
                'if False:\n        raise Refusal(\n            f"Resolve does not',
            ),
        ),
        refused("does not import"),
        {"knobs": {"imports": "none"}},
        breaks=True,
    ),
    Pitfall(
        32,
        "a name that is taken makes no timeline",
        (Edit("self_test", "token = uuid.uuid4().hex[:8]", 'token = "again"'),),
        _tested,
        {"others": ["Soundmatte Self Test again"]},
        script=TEST,
    ),
    Pitfall(
        18,
        "changing timelines moves the playhead",
        (Edit("self_test", "            changes.playhead()\n", "            pass\n"),),
        _tested,
        script=TEST,
    ),
    Pitfall(
        35,
        "paths are written as the system does",
        (
            Edit(
                "place",
                "pool.ImportMedia([os.path.normpath(stem.path)])",
                "pool.ImportMedia([stem.path])",
            ),
        ),
        placed,
        wishes={"output": "/out//twice"},
    ),
    Pitfall(
        36,
        "drop frames are not counted",
        (Edit("timeline_view", "start = handle.GetStartFrame()", "start = 30 * 3600"),),
        placed,
        {"start": 107892, "drop": True},
        rate="29.97",
    ),
    Pitfall(
        0,
        "an untitled project is not saved",
        (
            Edit(
                "place",
                "if (changes.session.project.GetName() or _NEVER_SAVED) == _NEVER_SAVED",
                "if False",
            ),
        ),
        placed,
        {"project": {"name": "Untitled Project", "rate": "25"}},
        wishes={"save": True},
    ),
]
