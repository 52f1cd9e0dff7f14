"""What is said to the bridge: requests side by side, and everything that is none."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.bridge.talking import Starter, at_work, heard, say
from tests.media.making import Source

from soundmatte import documents
from soundmatte.hosts import bridge_client
from soundmatte.hosts.bridge_client import BridgeClient, BridgeError
from soundmatte.jobs import bridge, bridge_documents, bridge_lines, bridge_pipe

ROOT = Path(__file__).resolve().parents[2]
LINE = {"version": 1, "id": "a", "request": "jobs"}
SELECTION = {"media": "/clip.mov"}
ESTIMATE = {**LINE, "request": "estimate", "output": "/out", "selection": SELECTION}
#: Lines that are no requests, and a word of the sentence that says so.
GARBAGE: dict[bytes, str] = {
    b"hello": "no JSON",
    b"\xff\xfe\x00": "no JSON",
    b"\x00" * 300: "no JSON",
    b"[" * 100_000: "no JSON",
    b"7": "no JSON object",
    b"[1]": "no JSON object",
    b"{": "no JSON",
    b"{}": "version",
    b'"' + b"x" * (bridge_pipe.LONGEST + 70_000) + b'"': "too long",
    **{
        json.dumps(line).encode(): word
        for line, word in (
            ({**LINE, "version": True}, "version"),
            ({**LINE, "version": "1"}, "version"),
            ({"version": 1}, "names no request"),
            ({**LINE, "request": "dance"}, "no request 'dance'"),
            ({**LINE, "request": ["jobs"]}, "no request"),
            ({"version": 1, "request": "jobs"}, "id is missing"),
            ({**LINE, "id": 7}, "id cannot be used"),
            ({**LINE, "id": ""}, "id cannot be used"),
            ({**LINE, "colour": "red"}, "colour is not known"),
            ({**LINE, "most": -1}, "most cannot be used"),
            ({**LINE, "request": "separate"}, "order is missing"),
            ({**LINE, "request": "placement"}, "job is missing"),
            ({**LINE, "request": "placement", "job": "x", "lay": {}}, "lay.start is missing"),
            ({**LINE, "request": "cancel", "of": "b"}, "of is not known"),
            ({**ESTIMATE, "selection": {}}, "selection.media is missing"),
            ({**ESTIMATE, "selection": {**SELECTION, "start": "now"}}, "selection.start"),
            ({**ESTIMATE, "selection": {**SELECTION, "start": "1/0"}}, "selection.start"),
        )
    },
}
#: Lines in another version, and the side to update.
OTHER_VERSIONS = [
    ({**LINE, "version": 2}, "Soundmatte's engine"),
    ({**LINE, "version": 0}, "the Soundmatte plugin"),
    ({"version": 9, "id": "a", "request": "unheard of"}, "Soundmatte's engine"),
    ({**ESTIMATE, "selection": {**SELECTION, "version": 2}}, "Soundmatte's engine"),
]


def test_the_same_version_is_written_in_three_places() -> None:
    assert bridge.VERSION == documents.VERSION == bridge_client.VERSION
    assert (*bridge.REQUESTS, "cancel") == tuple(bridge_documents.REQUESTS)


def test_whatever_is_no_request_is_told_and_the_bridge_goes_on(engine: BridgeClient) -> None:
    for line, word in GARBAGE.items():
        say(engine, line)
        event = heard(engine, lambda event: event["event"] == "error")
        bridge_documents.Error.model_validate(event)
        assert word in event["message"], (line[:80], event)
        assert event["hint"], line[:80]
        assert event["kind"] == "RequestRefused", event
        assert event["id"] in (None, "a", ""), event
    for text, side in OTHER_VERSIONS:
        say(engine, json.dumps(text).encode())
        event = heard(engine, lambda event: event["event"] == "error")
        assert (event["kind"], event["id"]) == ("VersionRefused", "a")
        assert side in event["hint"]
    say(engine, b"\r\n\n  ")
    assert engine.wait(engine.send("jobs"), 20)["version"] == 1


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text() | st.sampled_from(["version", "id", "request"]), inner)
            | st.fixed_dictionaries(
                {
                    "version": st.just(1),
                    "id": st.just("a"),
                    "request": st.sampled_from(sorted(bridge_documents.REQUESTS)),
                },
                optional={
                    "selection": inner,
                    "order": inner,
                    "job": inner,
                    "most": inner,
                    "media": inner,
                    "output": inner,
                    "terms": inner,
                },
            )
        ),
        max_leaves=10,
    )
)
def test_any_value_is_a_request_or_refused(value: Any) -> None:
    line = json.dumps(value).encode()
    with contextlib.suppress(bridge_lines.RequestRefused, bridge_lines.VersionRefused):
        assert bridge_lines.understood(bridge_lines.value(line)).id == value["id"]


@given(st.lists(st.binary(max_size=200).filter(lambda line: b"\n" not in line)), st.binary())
def test_lines_come_out_as_they_went_in(sent: list[bytes], rest: bytes) -> None:
    source, sink = os.pipe()
    os.write(sink, b"".join(line + b"\n" for line in sent) + rest.replace(b"\n", b""))
    os.close(sink)
    assert list(bridge_pipe.lines(source)) == sent
    os.close(source)


def test_what_is_asked_beside_a_separation_is_answered(
    engine: BridgeClient, order: Callable[..., dict[str, Any]]
) -> None:
    """Two separations at work, a third in their company; the short ones first."""
    long = [engine.send("separate", order=order("wait", start=start)) for start in (None, "1/5")]
    at_work(engine, long[0])
    rows = engine.wait(engine.send("jobs", most=2), 20)["jobs"]
    (row,) = [row for row in rows if row["order"]["selection"]["start"] is None]
    assert (row["state"], row["running"], row["stopped"]) == ("extracted", True, False)
    assert engine.wait(engine.send("jobs", job=row["id"]), 20)["jobs"] == [row]
    assert engine.wait(engine.send("describe"), 20)["engine"] == "offline"
    with pytest.raises(BridgeError, match="nothing to place yet") as early:
        engine.wait(engine.send("placement", job=row["id"]), 20)
    assert (early.value.kind, early.value.exit_code) == ("UsageError", 2)
    # The same work cannot be done twice at once.
    with pytest.raises(BridgeError, match="under way already"):
        engine.wait(engine.send("separate", order=order("wait")), 20)
    say(engine, json.dumps({**LINE, "id": long[0]}).encode())
    event = heard(engine, lambda event: event["event"] == "error")
    assert event["id"] is None
    assert "in use" in event["message"]
    for name in long:
        began = time.monotonic()
        engine.cancel(name)
        with pytest.raises(BridgeError, match="cancelled"):
            engine.wait(name, 10)
        assert time.monotonic() - began < 5
    engine.cancel(long[0])  # again, too late
    states = [row["state"] for row in engine.wait(engine.send("jobs", most=2), 20)["jobs"]]
    assert states == ["cancelled"] * 2


def test_what_waits_for_its_turn_can_be_cancelled(
    engine: BridgeClient, order: Callable[..., dict[str, Any]]
) -> None:
    """One place to compute, four to be under way: the fifth has not begun."""
    before = len(engine.wait(engine.send("jobs"), 20)["jobs"])
    starts = [f"{number}/25" for number in range(5)]
    names = [engine.send("separate", order=order("wait", start=start)) for start in starts]
    at_work(engine, names[0])
    for name in reversed(names):
        engine.cancel(name)
        with pytest.raises(BridgeError, match="cancelled"):
            engine.wait(name, 10)
    assert 1 <= len(engine.wait(engine.send("jobs"), 20)["jobs"]) - before <= 4


def test_nothing_but_events_comes_out(
    engine: BridgeClient, order: Callable[..., dict[str, Any]], shared: Starter
) -> None:
    """Whoever prints, in Python, past it, or in a child, prints to the log."""
    done = engine.wait(engine.send("separate", order=order("print")), 60)
    assert done["null_db"] == -300
    for printed in (b'{"event": "done"', b'{"event": "no"\n\xff', b"a child prints\n"):
        assert printed in shared.log


def test_what_nobody_expected_is_told_without_secrets(
    engine: BridgeClient, order: Callable[..., dict[str, Any]], shared: Starter
) -> None:
    with pytest.raises(BridgeError, match="RuntimeError") as broken:
        engine.wait(engine.send("separate", order=order("break")), 60)
    assert broken.value.kind == "Unexpected"
    assert b"Traceback" in shared.log
    assert b"secret" not in shared.log
    assert "secret" not in str(broken.value)
    assert engine.wait(engine.send("jobs", most=1), 20)["jobs"][0]["state"] == "failed"


def test_names_of_any_characters_survive(
    engine: BridgeClient, clip: Source, tmp_path: Path
) -> None:
    no_text = tmp_path / os.fsdecode(b"f\xff \n\xe2\x80\xa8\x01\"\\'")
    no_text.mkdir()
    link = no_text / "clip.mov"
    link.symlink_to(clip.path)
    asked = {"selection": {"media": clip.path}, "output": no_text / "ä😀"}
    estimated = engine.wait(engine.send("estimate", **asked), 20)
    assert estimated["writes"][0] == str(no_text / "ä😀" / f"{clip.path.stem}_target.wav")
    asked["selection"] = {"media": str(link)}
    with pytest.raises(BridgeError, match="no readable text"):  # ffmpeg's limit, not ours
        engine.wait(engine.send("estimate", **asked), 20)
    whole = tmp_path / "ü\n\u2028\x7f\"\\'" / "clip.mov"
    whole.parent.mkdir()
    whole.symlink_to(clip.path)
    asked = {"selection": {"media": whole}, "output": whole.parent / "ä😀\t"}
    estimated = engine.wait(engine.send("estimate", **asked), 20)
    assert estimated["writes"][0] == str(whole.parent / "ä😀\t" / "clip_target.wav")
    made = engine.wait(engine.send("separate", order=estimated["order"]), 60)
    assert Path(made["target"]).stat().st_size > 100_000
    row = engine.wait(engine.send("jobs", most=1), 20)["jobs"][0]
    assert row["order"]["selection"]["media"] == str(whole)


def test_what_a_selection_does_not_say_is_as_in_the_settings(
    engine: BridgeClient, clip: Source
) -> None:
    asked: dict[str, Any] = {"selection": {"media": str(clip.path)}, "output": "stems"}
    offline = engine.wait(engine.send("estimate", **asked), 20)
    assert offline["order"]["selection"]["container"] == "mkv"
    assert offline["order"]["output"] == str(Path.cwd() / "stems")
    asked["selection"]["prompt"] = "dog"
    asked |= {"use": "cloud", "terms": {"candidates": 2}}
    cloud = engine.wait(engine.send("estimate", **asked), 20)
    assert (cloud["usd"], cloud["order"]["terms"]["candidates"]) == (0.075, 2)
    # What was shown is what may be spent.
    assert cloud["order"]["terms"]["max_cost"] == "0.075"
    for terms, word in (({"candidates": 9}, "candidates"), ({"colour": 1}, "colour")):
        with pytest.raises(BridgeError, match=word) as refused:
            engine.wait(engine.send("estimate", **{**asked, "terms": terms}), 20)
        assert (refused.value.kind, refused.value.exit_code) == ("SettingsRefused", 2)
    costly = {**cloud["order"], "terms": {**cloud["order"]["terms"], "candidates": 4}}
    with pytest.raises(BridgeError, match="are allowed"):
        engine.wait(engine.send("separate", order=costly), 20)


def test_a_placement_lays_the_stems_for_a_timeline(
    engine: BridgeClient, order: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    made = engine.wait(engine.send("separate", order=order(start="1/5", end="4/5")), 60)
    ask = {"job": made["job"], "lay": {"start": "3/10", "frames": 10, "rate": "24", "tail": 1}}
    events: list[dict[str, Any]] = []
    laid = engine.wait(engine.send("placement", **ask, output=tmp_path / "laid"), 20, events.append)
    assert {event["stage"] for event in events} == {"lay"}
    for stem, own in zip(laid["stems"], made["placement"]["stems"], strict=True):
        path = Path(stem["path"])
        assert path.parent == tmp_path / "laid"
        assert (stem["frames"], stem["offset_samples"]) == (22000, 14400)
        assert (stem["handle_in"], stem["handle_out"]) == (0, 2000)
        sound, _ = soundfile.read(path, dtype="int32")
        whole, _ = soundfile.read(own["path"], dtype="int32")
        assert (sound == whole[4800:26800]).all()
    # Unsaid, they lie beside the job's own; as they are there, they are found again.
    for _ in range(2):
        beside = engine.wait(engine.send("placement", **ask), 20)["stems"]
        assert {Path(stem["path"]).parent for stem in beside} == {Path(made["target"]).parent}
    ask["lay"] = {**ask["lay"], "frames": 15}
    with pytest.raises(BridgeError, match=r"reach from 0\.200 s to 0\.800 s") as short:
        engine.wait(engine.send("placement", **ask), 20)
    assert (short.value.kind, short.value.exit_code) == ("StemsTooShort", 2)
    with pytest.raises(BridgeError, match="Without lay nothing is written"):
        engine.wait(engine.send("placement", job=made["job"], output=tmp_path), 20)


def test_the_page_is_made_of_the_documents() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "docs" / "make_bridge.py")
    assert spec is not None
    assert spec.loader is not None
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    written = (ROOT / "docs" / "bridge.md").read_text(encoding="utf-8")
    assert written == page.document(), "run python docs/make_bridge.py > docs/bridge.md"
    for _, line in page.EXAMPLES:
        if "request" in line:
            bridge_lines.understood(line)
        else:
            TypeAdapter(bridge_documents.Event).validate_python(line)
