"""Neither the fake nor the scripts invent anything: both are held to the public stub package."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from tests.resolve.driving import SCRIPTS
from tests.resolve.fake.versions import UNSTUBBED, since
from tests.resolve.fake.wire import CLASSES, methods
from tests.resolve.oracle import MANY, faults, table_faults
from tests.resolve.oracle import methods as known

SOURCES = sorted(SCRIPTS.rglob("*.py"))
OF_THE_FAKE = [
    (f"{kind}.{name}", signature)
    for kind, made in CLASSES.items()
    if kind not in UNSTUBBED
    for name, signature in methods(made).items()
]


def test_the_stubs_and_the_tables_agree() -> None:
    assert table_faults() == []
    assert len(known()) > 380
    assert len(OF_THE_FAKE) > 130


@pytest.mark.parametrize(("name", "signature"), OF_THE_FAKE, ids=[n for n, _ in OF_THE_FAKE])
def test_every_method_of_the_fake_is_resolves(name: str, signature: inspect.Signature) -> None:
    assert name in known(), "the fake invents it"
    method = known()[name]
    assert not method.deprecated
    for count in range(8):
        try:
            signature.bind(None, *range(count))
        except TypeError:
            continue
        assert method.takes(count), f"the fake takes {count} arguments"
    for least, most in method.arities:
        for count in {least, most} - {MANY}:
            signature.bind(None, *range(count))


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(SCRIPTS)) for path in SOURCES])
def test_scripts_call_what_the_oldest_resolve_has_or_ask_first(path: Path) -> None:
    assert list(faults(path.read_text(encoding="utf-8"))) == []


def test_scripts_call_resolve() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    used = {name for name in known() if f".{name.split('.')[1]}(" in texts}
    assert len(used) > 40


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("project.GetTimelineByName('x')", "nothing in Resolve has a method GetTimelineByName"),
        ("timeline.GetTrackCount()", "GetTrackCount does not take 0 arguments"),
        ("item.GetStart(1, 2)", "GetStart does not take 2 arguments"),
        ("item.GetStart(True)", "called without asking"),
        ("timeline.GetSelectedClips()", "GetSelectedClips is called without asking"),
        ("ask = method(t, 'GetMarkInOut')\nask(1)", "GetMarkInOut does not take 1 arguments"),
        ("ask = method(t, 'GetMarksInOut')\nask()", "nothing in Resolve has a method GetMarksIn"),
        ("item.CreateMagicMask('F')", "opens a dialog"),
        ("timeline.GetItemsInTrack('video', 1)", "is deprecated"),
        ("timeline.AddTrack('audio', subTrackType='mono')", "takes no arguments by name"),
    ],
)
def test_what_is_invented_is_found(source: str, sentence: str) -> None:
    for text in (source, "def f():\n    " + source.replace("\n", "\n    ")):
        assert any(sentence in fault for fault in faults(text)), list(faults(text))


def test_what_is_asked_first_is_allowed() -> None:
    source = "ask = method(timeline, 'GetMarkInOut')\nif ask is not None:\n    ask()\n"
    assert list(faults(source + "timeline.AddTrack('audio', 'mono')\nitem.GetStart()")) == []


def test_the_versions_are_in_their_order() -> None:
    assert since("Timeline.GetSelectedClips") > since("MediaPool.GetSelectedClips")
